# SPDX-License-Identifier: Apache-2.0
#
# Public suites of OCI runtimes, against their own runtime and against Kiln.
# Not part of check: they are fetched, need root and minutes.

SUITES ?= crun runc podman podman-rootless docker

.PHONY: conformance
conformance: $(O)/host/kiln $(call vm_ready,$(HOST_ARCH))
	$(Q)O='$(O)' KILN='$(O)/host/kiln' SUITES='$(SUITES)' \
		tests/conformance/run.sh
