# SPDX-License-Identifier: Apache-2.0
#
# make cross-ci: the recipe of docs/cross-ci.md, tried on Debian roots of ARCHES.
# Not part of check: it fetches some 100 MB of packages for each, needs root and
# podman, and compiles under emulation.

DEPS_cross := podman mmdebstrap bats binutils
CROSS_RUNS = $(foreach a,$(ARCHES),tests/cross/cross.bats@$(a))

$(O)/cross/%.tar: tests/cross/debian-root.sh
	@echo '  DEBIAN  $@'
	$(Q)tests/cross/debian-root.sh $* $(abspath $@)

.PHONY: cross-ci
cross-ci: $(O)/host/kiln $(foreach a,$(ARCHES),$(O)/cross/$(a).tar \
		$(call vm_ready,$(a)) $(O)/$(a)/busybox-rootfs.stamp)
	$(Q)O='$(O)' KILN_TEST_TIMEOUT=7200 tests/run.sh $(CROSS_RUNS)
	$(Q)grep -h '^# .*: podman' \
		$(ARCHES:%=$(O)/test-logs/tests-cross-cross.bats@%.log)
