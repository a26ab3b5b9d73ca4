# SPDX-License-Identifier: Apache-2.0
#
# Fuzzing of every decoder of foreign bytes: libFuzzer with sanitizers, by
# clang. tests/fuzz/corpus/<target>/ are the committed seeds and whatever once
# broke something; what is found new stays in $(O)/fuzz/corpus/. fuzz-smoke gives
# each target FUZZ_SECONDS, check FUZZ_CHECK_SECONDS after all of the seeds.

FUZZ_CC ?= clang
FUZZ_SECONDS ?= 30
FUZZ_CHECK_SECONDS ?= 4
FUZZ_JOBS ?= $(shell nproc)
FUZZ_TARGETS := $(notdir $(basename $(wildcard tests/fuzz/fuzz_*.c)))
DEPS_fuzz := clang libclang-rt-dev libseccomp-dev
FUZZ_CFLAGS := $(C_DIALECT) -O1 -g -w $(HOST_INCLUDES) \
	-fsanitize=address,undefined,fuzzer-no-link \
	-fno-sanitize-recover=undefined
FUZZ_LIBS := $(NET_LIBS) -lprotobuf-c $(IMAGE_LIBS) -lseccomp

define fuzz_rules
$(O)/fuzz/obj/%.o: %.c $(GEN_PROTO)/.stamp $$(ARCH_GEN)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(FUZZ_CC) $$(FUZZ_CFLAGS) $$(CFLAGS_$$*) \
		-MMD -MP -c -o $$@ $$<

$(O)/fuzz/obj/gen/%.o: $(GEN_PROTO)/.stamp
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(FUZZ_CC) $$(FUZZ_CFLAGS) -I$(GEN_PROTO) -c -o $$@ \
		$(O)/gen/$$*.c
endef
$(eval $(fuzz_rules))

# runtime/ and agent/ share names: an archive for each side.
fuzz_host_srcs = $(LIB_SRCS) $(HOST_LIB_SRCS) \
	$(filter-out runtime/main.c,$(RUNTIME_SRCS)) \
	$(filter-out osbuilder/main.c,$(IMAGE_SRCS))
fuzz_agent_srcs = $(LIB_SRCS) $(filter-out agent/main.c,$(AGENT_SRCS))

-include $(patsubst %.c,$(O)/fuzz/obj/%.d,\
	$(sort $(fuzz_host_srcs) $(fuzz_agent_srcs)))

$(O)/fuzz/host.a: $(patsubst %.c,$(O)/fuzz/obj/%.o,$(sort $(fuzz_host_srcs))) \
		$(addprefix $(O)/fuzz/obj/,$(PROTO_OBJS))
	$(Q)rm -f $@
	$(Q)$(AR) rcsD $@ $^
$(O)/fuzz/agent.a: $(patsubst %.c,$(O)/fuzz/obj/%.o,$(sort $(fuzz_agent_srcs))) \
		$(addprefix $(O)/fuzz/obj/,$(PROTO_OBJS))
	$(Q)rm -f $@
	$(Q)$(AR) rcsD $@ $^

# All messages of proto/, for the target that reads any of them.
$(O)/fuzz/messages.inc: $(GEN_PROTO)/.stamp
	$(Q)mkdir -p $(@D)
	$(Q)sed -n 's/^extern const ProtobufCMessageDescriptor \(.*\);/MESSAGE(\1)/p' \
		$(PROTO_HDRS) | sort >$@

-include $(FUZZ_TARGETS:%=$(O)/fuzz/%.d)
fuzz_link = $(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -iquote $(O) -fsanitize=fuzzer \
	-MMD -MP -MF $@.d -MT $@ -o $@ $< $(filter %.a,$^) $(FUZZ_LIBS)
$(O)/fuzz/fuzz_agent_%: tests/fuzz/fuzz_agent_%.c $(O)/fuzz/agent.a
	$(if $(V),,@echo '  FUZZ    $*')
	$(fuzz_link)
$(O)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(O)/fuzz/host.a $(O)/fuzz/messages.inc
	$(if $(V),,@echo '  FUZZ    $*')
	$(fuzz_link)

FUZZ_BINS := $(FUZZ_TARGETS:%=$(O)/fuzz/%)

# fuzz-merge takes over of what was found new what reaches new code.
.PHONY: fuzz-smoke fuzz-merge
fuzz-smoke: $(FUZZ_BINS)
	$(Q)O='$(O)' FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_JOBS=$(FUZZ_JOBS) \
		tests/fuzz/smoke.sh
fuzz-merge: $(FUZZ_BINS)
	$(Q)O='$(O)' tests/fuzz/merge.sh
