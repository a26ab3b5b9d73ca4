# SPDX-License-Identifier: Apache-2.0
#
# Public tests of files (stress-ng, fio) on containers' roots by 9p and virtio-fs,
# beside runc. Not part of check: it fetches packages, needs root and takes some
# five minutes for each way.
#
#	make fs-test [ARCH=all] [WAYS=virtio-fs] [OPS=50] [SECONDS_EACH=6]

DEPS_storage := runc jq

.PHONY: fs-test
fs-test: $(O)/host/kiln $(foreach a,$(sort $(HOST_ARCH) $(ARCHES)),\
		$(call vm_ready,$(a)) $(O)/$(a)/busybox-rootfs.stamp)
	$(Q)O='$(O)' WAYS='$(WAYS)' OPS='$(OPS)' \
		SECONDS_EACH='$(SECONDS_EACH)' UPDATE='$(UPDATE)' tests/storage/fs-test.sh $(ARCHES)
