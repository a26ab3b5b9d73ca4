# SPDX-License-Identifier: Apache-2.0
#
# Tests. Unit, protocol and integration tests are compiled with sanitizers; a
# test file tests/unit/<area>/test_<module>.c is a program of its own, that
# links the objects of its area. All of them speak TAP to tests/run.sh.

UNIT_TESTS := $(wildcard tests/unit/*/test_*.c)
UNIT_BINS := $(UNIT_TESTS:tests/%.c=$(O)/tests/%)
-include $(UNIT_BINS:=.d)

# The objects under test of each area, besides libkiln.a.
test_srcs_lib :=
test_srcs_osbuilder = $(filter-out osbuilder/main.c,$(IMAGE_SRCS))
test_srcs_vmm = $(VMM_SRCS) $(ARCH_SRCS)
test_srcs_runtime = $(filter-out runtime/main.c,$(RUNTIME_SRCS))
test_srcs_engine = $(filter-out runtime/main.c,$(RUNTIME_SRCS))
test_srcs_agent = $(filter-out agent/main.c,$(AGENT_SRCS))
test_libs := -lcmocka $(NET_LIBS) -lprotobuf-c $(IMAGE_LIBS) -lseccomp

define unit_area
$(O)/tests/unit/$(1)/%: tests/unit/$(1)/%.c $(O)/san/libkiln.a \
		$$(patsubst %.c,$(O)/san/obj/%.o,$$(test_srcs_$(1)))
	$$(Q)mkdir -p $$(@D)
	$$(if $$(V),,@echo '  TEST    $$*')
	$$(Q)$$(HOSTCC) $$(filter-out -Wmissing-prototypes,$$(SAN_CFLAGS)) \
		-iquote tests/unit -MMD -MP -MF $$@.d -MT $$@ -o $$@ $$< \
		$$(filter %.o,$$^) $(O)/san/libkiln.a $$(test_libs)
endef
$(foreach a,$(sort $(patsubst tests/unit/%/,%,$(dir $(UNIT_TESTS)))),\
	$(eval $(call unit_area,$(a))))

# What each suite needs to exist before it runs.
quick_needs = $(UNIT_BINS) $(PROTOCOL_BINS) $(INTEG_BINS) $(O)/host/kiln \
	$(O)/host/kiln-image $(KERNEL_TEST_NEEDS)
check_needs = $(quick_needs) $(FUZZ_BINS) $(CHAOS_STEPS) $(CHAOS_FAKE) \
	$(foreach a,$(ALL_ARCHES),$(call vm_ready,$(a)) \
	$(O)/$(a)/rootfs.$(FORMAT).img $(O)/$(a)/busybox-rootfs.stamp)

.PHONY: check check-quick check-ready test bench budget repro
check-ready: $(check_needs)

check: check-ready
	$(Q)O='$(O)' FUZZ_SECONDS=$(FUZZ_CHECK_SECONDS) FUZZ_JOBS=$(FUZZ_JOBS) \
		tests/run.sh $(UNIT_BINS) $(PROTOCOL_BINS) $(INTEG_BINS) \
		tests/fuzz/smoke.sh tests/chaos/sample.sh tests/chaos/rounds.sh \
		$(wildcard tests/host/*.bats tests/kernel/*.bats \
			tests/image/*.bats \
			tests/package/*.bats) \
		$(foreach t,$(wildcard tests/e2e/*.bats),\
			$(addprefix $(t)@,$(ALL_ARCHES)))

# build.bats is about kernels that were built, which may be none here.
check-quick: $(quick_needs)
	$(Q)O='$(O)' tests/run.sh $(UNIT_BINS) $(PROTOCOL_BINS) $(INTEG_BINS) \
		$(filter-out tests/kernel/build.bats,$(wildcard tests/kernel/*.bats))

test: check-quick

bench: $(O)/host/kiln $(O)/tests/bench/agent-cost $(foreach a,$(ARCHES),$(call vm_ready,$(a)) \
		$(O)/$(a)/rootfs.$(FORMAT).img $(O)/$(a)/busybox-rootfs.stamp)
	$(Q)O='$(O)' ARCHES='$(ARCHES)' tests/bench/bench.sh

# Ceilings of size, symbols and instructions; UPDATE=1 sets them anew.
budget: $(O)/host/kiln $(foreach a,$(ARCHES),$(call vm_ready,$(a)) \
		$(O)/$(a)/busybox-rootfs.stamp)
	$(Q)status=0; for a in $(ARCHES); do \
		n=$$(O='$(O)' tests/bench/instructions.sh $$a); \
		osbuilder/kernel-budget.sh $(if $(UPDATE),update,check) $$a \
			'$(O)'/$$a $$n || status=1; \
	done; exit $$status

repro:
	$(Q)ARCHES='$(ARCHES)' tests/repro.sh
