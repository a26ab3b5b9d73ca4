# SPDX-License-Identifier: Apache-2.0
#
# Faults: what is killed, at which step ever, leaves nothing behind. kiln-steps
# is kiln, with sanitizers, that can be stopped at any line of its journal.
#
#	make chaos [ROUNDS=200] [SEED=n] [ARCH=x86_64]

ROUNDS ?= 200
CHAOS_STEPS := $(O)/san/kiln-steps
CHAOS_FAKE := $(O)/tests/chaos/fake-qemu

$(O)/tests/chaos/%.o: SAN_CFLAGS += -iquote tests/unit
$(O)/tests/chaos/journal.o: runtime/engine/journal.c
$(O)/tests/chaos/steps.o: tests/chaos/steps.c
$(O)/tests/chaos/fake_qemu.o: tests/chaos/fake_qemu.c \
	tests/unit/engine/fake_qemu.h
$(O)/tests/chaos/%.o: $(GEN_PROTO)/.stamp $(O)/san/flags
	$(Q)mkdir -p $(@D)
	$(if $(V),,@echo '  CC      $(@F)')
	$(Q)$(HOSTCC) $(SAN_CFLAGS) -DJOURNAL_STEPS -MMD -MP -c -o $@ $(filter %.c,$^)
-include $(wildcard $(O)/tests/chaos/*.d)

$(CHAOS_STEPS): $(filter-out %/engine/journal.o,\
		$(patsubst %.c,$(O)/san/obj/%.o,$(RUNTIME_SRCS))) \
		$(O)/tests/chaos/journal.o $(O)/tests/chaos/steps.o \
		$(O)/san/libkiln.a
	$(if $(V),,@echo '  LD      $@')
	$(Q)$(HOSTCC) $(SAN_LDFLAGS) -o $@ $(filter %.o,$^) \
		$(O)/san/libkiln.a $(RUNTIME_LIBS)

$(CHAOS_FAKE): $(O)/tests/chaos/fake_qemu.o $(O)/san/libkiln.a
	$(if $(V),,@echo '  LD      $@')
	$(Q)$(HOSTCC) $(SAN_LDFLAGS) -o $@ $^ $(RUNTIME_LIBS)

chaos_needs = $(CHAOS_STEPS) $(CHAOS_FAKE) $(foreach a,$(1),\
	$(call vm_ready,$(a)) $(O)/$(a)/busybox-rootfs.stamp)

.PHONY: chaos
chaos: $(call chaos_needs,$(ARCHES))
	$(Q)O='$(O)' tests/chaos/chaos.sh table
	$(Q)for a in $(ARCHES); do \
		O='$(O)' KILN_TEST_ARCH=$$a \
			tests/chaos/chaos.sh rounds $(ROUNDS) $(SEED) || exit; \
	done
