# SPDX-License-Identifier: Apache-2.0
#
# Fuzzing of every decoder of foreign bytes: libFuzzer with sanitizers, by
# clang. fuzz-smoke gives each target FUZZ_SECONDS; what it finds new stays in
# $(O)/fuzz/corpus/. tests/fuzz/corpus/<target>/ are the committed seeds.

FUZZ_CC ?= clang-14
FUZZ_SECONDS ?= 30
FUZZ_TARGETS := $(notdir $(basename $(wildcard tests/fuzz/fuzz_*.c)))
DEPS_fuzz := clang-14 libclang-rt-14-dev libseccomp-dev
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

$(O)/fuzz/fuzz_agent_%: tests/fuzz/fuzz_agent_%.c $(O)/fuzz/agent.a
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ $(FUZZ_LIBS)
$(O)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(O)/fuzz/host.a
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ $(FUZZ_LIBS)

.PHONY: fuzz-smoke
fuzz-smoke: $(FUZZ_TARGETS:%=$(O)/fuzz/%)
	$(Q)for t in $(FUZZ_TARGETS); do \
		seeds=tests/fuzz/corpus/$$t; [ -d $$seeds ] || seeds=; \
		mkdir -p $(O)/fuzz/corpus/$$t; \
		echo "  FUZZ    $$t"; \
		$(O)/fuzz/$$t -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=2048 \
			-max_len=65536 -verbosity=0 -print_final_stats=1 \
			-artifact_prefix=$(O)/fuzz/ \
			$(O)/fuzz/corpus/$$t $$seeds 2>&1 | \
			grep -E 'ERROR|SUMMARY|number_of_executed' || exit 1; \
	done
