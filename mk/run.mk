# SPDX-License-Identifier: Apache-2.0
#
# make run: CMD in a container in a VM of ARCH; ARCH=all: in one of each, until
# one fails. The container's root is Debian's busybox of that architecture, or
# ROOTFS=dir. Only what the container writes goes to stdout.

CMD ?=
ROOTFS ?=

define busybox_rootfs
$(O)/$(1)/busybox-rootfs.stamp: $(call guest_ready,$(1)) mk/busybox-rootfs.sh
	$$(Q)mk/busybox-rootfs.sh $$(call guest_sysroot,$(1))/busybox \
		$(O)/$(1)/busybox-rootfs
	$$(Q)touch $$@
endef
$(foreach a,$(ALL_ARCHES),$(eval $(call busybox_rootfs,$(a))))

# What `kiln shell` attaches to a guest without a shell.
define toolbox
$(O)/$(1)/toolbox/bin/sh: $(call guest_ready,$(1)) mk/busybox-rootfs.sh
	$$(Q)mk/busybox-rootfs.sh $$(call guest_sysroot,$(1))/busybox \
		$(O)/$(1)/toolbox
endef
$(foreach a,$(ALL_ARCHES),$(eval $(call toolbox,$(a))))
.PHONY: toolbox
toolbox: $(ARCHES:%=$(O)/%/toolbox/bin/sh)

# What a VM of an architecture starts from.
vm_ready = $(O)/$(1)/kernel $(O)/$(1)/image.json

# The command runs outside of make's own output: builds go to stderr by a make
# of their own, whose success is all that this rule needs.
.PHONY: run run-ready
run-ready: $(O)/host/kiln $(foreach a,$(ARCHES),$(call vm_ready,$(a)) \
		$(if $(ROOTFS),,$(O)/$(a)/busybox-rootfs.stamp))

export CMD ROOTFS
run:
	@$(MAKE) --no-print-directory ARCH='$(ARCH)' run-ready >&2
	@for a in $(ARCHES); do \
		KILN='$(O)/host/kiln' ARCH=$$a \
			ROOTFS="$${ROOTFS:-$(O)/$$a/busybox-rootfs}" \
			mk/run.sh || exit; \
	done
