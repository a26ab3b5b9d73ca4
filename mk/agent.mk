# SPDX-License-Identifier: Apache-2.0
#
# The guest agent: $(O)/<arch>/kiln-agent for each architecture, and
# $(O)/host/kiln-agent-test, the same program built natively with sanitizers
# for the protocol tests. Needs lib/sources.mk (by way of mk/host.mk),
# mk/flags.mk and mk/guest.mk.

AGENT_SRCS := \
	arch/elf.c \
	agent/agent.c \
	agent/boot.c \
	agent/bundle.c \
	agent/caps.c \
	agent/cgroup.c \
	agent/channel.c \
	agent/child.c \
	agent/config.c \
	agent/console.c \
	agent/container.c \
	agent/copyup.c \
	agent/devgroup.c \
	agent/extras.c \
	agent/guesthook.c \
	agent/hook.c \
	agent/hotplug.c \
	agent/idmap.c \
	agent/main.c \
	agent/metrics.c \
	agent/module.c \
	agent/mount.c \
	agent/net_address.c \
	agent/net_link.c \
	agent/net_route.c \
	agent/netlink.c \
	agent/ns.c \
	agent/oom.c \
	agent/pid1.c \
	agent/policy.c \
	agent/process.c \
	agent/program.c \
	agent/rlimit.c \
	agent/rootfs.c \
	agent/rootfs_dev.c \
	agent/rpc.c \
	agent/rpc_container.c \
	agent/rpc_file.c \
	agent/rpc_guest.c \
	agent/rpc_memory.c \
	agent/rpc_net.c \
	agent/rpc_process.c \
	agent/rpc_sandbox.c \
	agent/rpc_stats.c \
	agent/rpc_volume.c \
	agent/sandbox.c \
	agent/spec.c \
	agent/stream.c \
	agent/sysctl.c \
	agent/sysfilter.c \
	agent/task.c \
	agent/user.c \
	agent/userns.c \
	agent/device/block.c \
	agent/device/ccw.c \
	agent/device/net.c \
	agent/device/pci.c \
	agent/device/scsi.c \
	agent/device/uevent.c \
	agent/device/vfio.c \
	agent/storage/block.c \
	agent/storage/layers.c \
	agent/storage/layers_parse.c \
	agent/storage/memory.c \
	agent/storage/mirror.c \
	agent/storage/share.c \
	agent/storage/storage.c \
	agent/storage/verity.c \
	agent/storage/watch.c

AGENT_PROTOS := agent csi health oci ttrpc types
AGENT_LIBS := -lseccomp -lprotobuf-c
AGENT_MAX_SIZE := 614400
# The start-up code of a static PIE applies relative relocations only, and ld
# for s390x makes symbolic ones of what others might override: nothing may.
AGENT_LDFLAGS := -Wl,--exclude-libs,ALL

AGENT_OBJS := $(AGENT_SRCS:.c=.o) $(LIB_SRCS:.c=.o) \
	$(AGENT_PROTOS:%=gen/proto/%.pb-c.o)

# -Ulinux: see mk/flags.mk
AGENT_INCLUDES := -iquote agent -iquote lib -iquote . -iquote $(O)/gen
AGENT_CFLAGS := $(C_DIALECT) $(WARNINGS) $(AGENT_INCLUDES) \
	-DKILN_VERSION='"$(VERSION)"'

# -Os of the guest flags is kept; what no architecture needs is a table for
# unwinding.
define agent_rules
# As for host objects: other flags make other objects; -Werror makes none.
agent_flags_$(1) = $$(GUEST_CFLAGS_$(1)) $$(GUEST_LINK_$(1)) \
	$$(AGENT_LDFLAGS) $$(filter-out -Werror,$$(AGENT_CFLAGS))
$$(eval $$(call remember,$(O)/$(1)/agent/flags,agent_flags_$(1)))

$(O)/$(1)/agent/gen/%.o: $$(GEN_PROTO)/.stamp $$(call guest_ready,$(1)) \
		$(O)/$(1)/agent/flags
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(call musl_cc,$(1)) $$(GUEST_CFLAGS_$(1)) -std=gnu17 -Ulinux \
		-fvisibility=hidden \
		-I$$(GEN_PROTO) -c -o $$@ $$(O)/gen/$$*.c

$(O)/$(1)/agent/%.o: %.c $$(GEN_PROTO)/.stamp $$(call guest_ready,$(1)) \
		$(O)/$(1)/agent/flags
	$$(Q)mkdir -p $$(@D)
	$$(if $$(V),,@echo '  CC      $(1)/$$*.o')
	$$(Q)$$(call musl_cc,$(1)) $$(GUEST_CFLAGS_$(1)) $$(AGENT_CFLAGS) \
		-fvisibility=hidden \
		-MMD -MP -c -o $$@ $$<

$(O)/$(1)/kiln-agent: $(addprefix $(O)/$(1)/agent/,$(AGENT_OBJS))
	$$(if $$(V),,@echo '  LD      $$@')
	$$(Q)$$(GUEST_LINK_$(1)) $$(AGENT_LDFLAGS) -s -o $$@ $$^ $$(AGENT_LIBS)
	$$(Q)! readelf -rW $$@ | grep 'R_' | grep -v '_RELATIVE' || \
		{ echo '$$@: relocations that nobody applies' >&2; exit 1; }
	$$(Q)test $$$$(stat -c %s $$@) -le $$(AGENT_MAX_SIZE) || \
		{ echo '$$@: over $$(AGENT_MAX_SIZE) bytes' >&2; exit 1; }

-include $(addprefix $(O)/$(1)/agent/,$(AGENT_SRCS:.c=.d) $(LIB_SRCS:.c=.d))
endef
$(foreach a,$(ALL_ARCHES),$(eval $(call agent_rules,$(a))))

# Natively the agent's objects are made by the rules of host programs.
$(foreach s,$(AGENT_SRCS),$(eval CFLAGS_$(s:.c=) := -iquote agent \
	-DKILN_VERSION='"$(VERSION)"'))

$(O)/host/kiln-agent-test: $(patsubst %.c,$(O)/san/obj/%.o,$(AGENT_SRCS)) \
		$(O)/san/libkiln.a
	$(Q)mkdir -p $(@D)
	$(if $(V),,@echo '  LD      $@')
	$(Q)$(HOSTCC) $(SAN_LDFLAGS) -o $@ $^ $(AGENT_LIBS)

-include $(patsubst %.c,$(O)/san/obj/%.d,$(AGENT_SRCS))

# Protocol tests: programs that speak to an agent.
PROTOCOL_BINS := $(O)/tests/protocol/test_agent \
	$(O)/tests/protocol/test_hostile $(O)/tests/protocol/test_network \
	$(O)/tests/protocol/test_calls $(O)/tests/protocol/test_files \
	$(O)/tests/protocol/test_hooks $(O)/tests/protocol/test_watch \
	$(O)/tests/protocol/test_layers $(O)/tests/protocol/test_every
PROTOCOL_TOOLS := $(O)/tests/protocol/agent-drive $(O)/tests/bench/agent-cost

$(PROTOCOL_BINS): $(O)/tests/protocol/%: tests/protocol/%.c \
		tests/protocol/harness.c tests/protocol/harness.h \
		tests/protocol/host.c tests/protocol/host.h
$(O)/tests/protocol/agent-drive: tests/protocol/agent_drive.c
$(O)/tests/bench/agent-cost: tests/bench/agent_cost.c
$(PROTOCOL_BINS) $(PROTOCOL_TOOLS): tests/protocol/client.c \
		tests/protocol/client.h tests/unit/test.h $(O)/san/libkiln.a
	$(Q)mkdir -p $(@D)
	$(if $(V),,@echo '  TEST    $(@F)')
	$(Q)$(HOSTCC) $(filter-out -Wmissing-prototypes,$(SAN_CFLAGS)) \
		-iquote tests/unit -o $@ $(filter %.c,$^) $(O)/san/libkiln.a \
		-lcmocka -lprotobuf-c
$(PROTOCOL_BINS): | $(O)/host/kiln-agent-test

.PHONY: agent
agent: $(foreach a,$(ARCHES),$(O)/$(a)/kiln-agent)
