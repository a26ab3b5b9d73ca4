# SPDX-License-Identifier: Apache-2.0
#
# Kernel features with proof (docs/kernel.md): FEATURES="nfs wireguard" chooses
# fragments of kernel/configs/features for make kernel and make image;
# feature-test builds a kernel of its own with all that is asked for (default:
# all that the architecture can have), boots it, and runs a probe for each.

DEPS_feature_test := btrfs-progs xfsprogs f2fs-tools dosfstools exfatprogs \
	genisoimage checkpolicy e2fsprogs

PROBE_SRCS := $(sort $(wildcard tests/probe/*.c))
PROBE_OBJS := $(PROBE_SRCS:.c=.o)

define probe_rules
$(O)/$(1)/probe/%.o: tests/probe/%.c tests/probe/probe.h tests/probe/net.h \
		$$(call guest_ready,$(1))
	$$(Q)mkdir -p $$(@D)
	$$(if $$(V),,@echo '  CC      $(1)/$$(notdir $$*).o')
	$$(Q)$$(call musl_cc,$(1)) $$(GUEST_CFLAGS_$(1)) $$(C_DIALECT) \
		$$(WARNINGS) -c -o $$@ $$<

$(O)/$(1)/kiln-probe: $(PROBE_SRCS:tests/probe/%.c=$(O)/$(1)/probe/%.o)
	$$(if $$(V),,@echo '  LD      $$@')
	$$(Q)$$(GUEST_LINK_$(1)) -s -o $$@ $$^
endef
$(foreach a,$(ALL_ARCHES),$(eval $(call probe_rules,$(a))))

# A guest with modules, of its own, below the build tree.
MODULES_TEST_FEATURES := wireguard nbd nfs

.PHONY: features feature-test feature-cost feature-prove modules-test
modules-test: runtime $(foreach a,$(ARCHES),$(O)/$(a)/busybox-rootfs.stamp)
	+$(Q)set -e; for a in $(ARCHES); do \
		$(MAKE) --no-print-directory image ARCH=$$a MODULES=1 \
			FEATURES='$(MODULES_TEST_FEATURES)' O='$(O)/modules' \
			FORMAT=erofs PROFILE=minimal; \
		KILN_TEST_ARCH=$$a KILN_O='$(O)' \
			KILN_GUESTS='$(abspath $(O))/modules' \
			bats --tap tests/modules/modules.bats; \
	done

features:
	$(Q)osbuilder/features.sh $(if $(filter json,$(FORMAT)),json,table)

feature-test: $(image_tool) $(foreach a,$(ARCHES),$(O)/$(a)/kiln-probe)
	+$(Q)O='$(O)' FEATURES='$(or $(FEATURES),all)' RECORD='$(RECORD)' \
		BASE='$(BASE)' tests/probe/test.sh $(ARCHES)

feature-cost: $(image_tool) $(foreach a,$(ARCHES),$(O)/$(a)/kiln-probe)
	+$(Q)O='$(O)' FEATURES='$(or $(FEATURES),all)' \
		tests/probe/cost.sh $(ARCHES)

# Every feature alone, and all together, without a compiler's work. All are
# tried; the first attempt's messages are shown only where it failed.
feature-prove:
	$(Q)bad=0; for a in $(ARCHES); do \
		for f in $$(osbuilder/features.sh list $$a all) all; do \
			printf '%s: ' "$$f"; \
			ARCH=$$a FEATURES=$$f osbuilder/kernel-config.sh prove \
				2>/dev/null || \
			ARCH=$$a FEATURES=$$f osbuilder/kernel-config.sh prove || \
			bad=1; \
		done; \
	done; exit $$bad
