# SPDX-License-Identifier: Apache-2.0
#
# Load: sandboxes at once and in sequence, and what they leave. Not part of
# check: it takes 20 minutes for an emulated guest.
#
#	make soak [ARCH=x86_64] [AT_ONCE="1 10 30"] [SEQUENCE=300] [EXECS=300]

.PHONY: soak
soak: $(O)/host/kiln $(foreach a,$(ARCHES),$(call vm_ready,$(a)) \
		$(O)/$(a)/busybox-rootfs.stamp)
	$(Q)for a in $(ARCHES); do \
		O='$(O)' AT_ONCE='$(AT_ONCE)' SEQUENCE='$(SEQUENCE)' EXECS='$(EXECS)' \
			tests/soak/soak.sh $$a || exit; \
	done
