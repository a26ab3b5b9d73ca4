# SPDX-License-Identifier: Apache-2.0
#
# The small busybox: Debian's source, the applets of rootfs/busybox.config,
# static against the guest's musl. It is built for manifests that include
# ${BUSYBOX_SMALL}, as rootfs/debug-small.manifest does.

busybox_wanted := $(shell grep -lF '$${BUSYBOX_SMALL}' \
	$(profile_file).manifest 2>/dev/null)
busybox_small = $(O)/$(1)/busybox/busybox
busybox_lock := rootfs/busybox.lock

define busybox_rules
$(O)/$(1)/busybox.packages: $(busybox_lock) osbuilder/fetch-guest-packages.sh
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(guest_cache)
	$$(Q)KILN_LOCK=$(busybox_lock) osbuilder/fetch-guest-packages.sh $(1) $$@
	$$(Q)touch $$@

$(call busybox_small,$(1)): $(O)/$(1)/busybox.packages rootfs/busybox.config \
		osbuilder/build-busybox.sh $$(call guest_ready,$(1))
	$$(if $$(V),,@echo '  BUSYBOX $$@')
	$$(Q)CROSS_COMPILE='$$(CROSS_COMPILE_$(1))' osbuilder/build-busybox.sh \
		$(1) $$< $$(call guest_sysroot,$(1)) rootfs/busybox.config $$(@D)
endef
$(foreach a,$(ALL_ARCHES),$(eval $(call busybox_rules,$(a))))

.PHONY: busybox busybox-lock
busybox: $(foreach a,$(ARCHES),$(call busybox_small,$(a)))

busybox-lock:
	$(Q)mkdir -p $(O)
	$(Q)KILN_UPDATE=1 KILN_LOCK=$(busybox_lock) \
		osbuilder/fetch-guest-packages.sh $(HOST_ARCH) $(O)/busybox.new
	$(Q)sed -n '/^#/p' $(busybox_lock) | cat - $(O)/busybox.new \
		>$(O)/busybox.lock
	$(Q)mv $(O)/busybox.lock $(busybox_lock)
