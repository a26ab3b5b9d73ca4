# SPDX-License-Identifier: Apache-2.0
#
# The guest agent: $(O)/<arch>/kiln-agent for each architecture, and
# $(O)/host/kiln-agent-test, the same program built natively with sanitizers
# for the protocol tests. Needs lib/sources.mk (by way of mk/host.mk),
# mk/flags.mk and mk/guest.mk.

AGENT_SRCS := \
	agent/boot.c \
	agent/caps.c \
	agent/cgroup.c \
	agent/channel.c \
	agent/child.c \
	agent/config.c \
	agent/container.c \
	agent/hotplug.c \
	agent/main.c \
	agent/mount.c \
	agent/ns.c \
	agent/process.c \
	agent/rlimit.c \
	agent/rootfs.c \
	agent/rootfs_dev.c \
	agent/rpc.c \
	agent/rpc_container.c \
	agent/rpc_file.c \
	agent/rpc_process.c \
	agent/rpc_sandbox.c \
	agent/safe_path.c \
	agent/sandbox.c \
	agent/spec.c \
	agent/stream.c \
	agent/sysctl.c \
	agent/sysfilter.c \
	agent/user.c \
	agent/userns.c \
	agent/device/block.c \
	agent/device/ccw.c \
	agent/device/pci.c \
	agent/device/scsi.c \
	agent/device/uevent.c \
	agent/storage/block.c \
	agent/storage/memory.c \
	agent/storage/share.c \
	agent/storage/storage.c

AGENT_PROTOS := agent csi health oci ttrpc types
AGENT_LIBS := -lseccomp -lprotobuf-c
AGENT_MAX_SIZE := 614400

AGENT_OBJS := $(AGENT_SRCS:.c=.o) $(LIB_SRCS:.c=.o) \
	$(AGENT_PROTOS:%=gen/proto/%.pb-c.o)

# -Ulinux: see mk/flags.mk
AGENT_INCLUDES := -iquote agent -iquote lib -iquote . -iquote $(O)/gen
AGENT_CFLAGS := $(C_DIALECT) $(WARNINGS) $(AGENT_INCLUDES) \
	-DKILN_VERSION='"$(VERSION)"'

# -Os of the guest flags is kept; what no architecture needs is a table for
# unwinding.
define agent_rules
$(O)/$(1)/agent/gen/%.o: $$(GEN_PROTO)/.stamp $$(call guest_ready,$(1))
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(call musl_cc,$(1)) $$(GUEST_CFLAGS_$(1)) -std=gnu17 -Ulinux \
		-I$$(GEN_PROTO) -c -o $$@ $$(O)/gen/$$*.c

$(O)/$(1)/agent/%.o: %.c $$(GEN_PROTO)/.stamp $$(call guest_ready,$(1))
	$$(Q)mkdir -p $$(@D)
	$$(if $$(V),,@echo '  CC      $(1)/$$*.o')
	$$(Q)$$(call musl_cc,$(1)) $$(GUEST_CFLAGS_$(1)) $$(AGENT_CFLAGS) \
		-MMD -MP -c -o $$@ $$<

$(O)/$(1)/kiln-agent: $(addprefix $(O)/$(1)/agent/,$(AGENT_OBJS))
	$$(if $$(V),,@echo '  LD      $$@')
	$$(Q)$$(GUEST_LINK_$(1)) -s -o $$@ $$^ $$(AGENT_LIBS)
	$$(Q)test $$$$(stat -c %s $$@) -le $$(AGENT_MAX_SIZE) || \
		{ echo '$$@: over $$(AGENT_MAX_SIZE) bytes' >&2; exit 1; }

-include $(addprefix $(O)/$(1)/agent/,$(AGENT_SRCS:.c=.d) $(LIB_SRCS:.c=.d))
endef
$(foreach a,$(ALL_ARCHES),$(eval $(call agent_rules,$(a))))

# The test build: same sources, in $(O)/agent-test.
agent_test_dir := $(O)/agent-test
AGENT_TEST_CFLAGS := $(SAN_CFLAGS) -iquote agent \
	-DKILN_VERSION='"$(VERSION)"'

$(agent_test_dir)/gen/%.o: $(GEN_PROTO)/.stamp
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(filter-out -W%,$(SAN_CFLAGS)) -Ulinux -I$(GEN_PROTO) \
		-c -o $@ $(O)/gen/$*.c

$(agent_test_dir)/%.o: %.c $(GEN_PROTO)/.stamp
	$(Q)mkdir -p $(@D)
	$(if $(V),,@echo '  CC      agent-test/$*.o')
	$(Q)$(HOSTCC) $(AGENT_TEST_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/host/kiln-agent-test: $(addprefix $(agent_test_dir)/,$(AGENT_OBJS))
	$(Q)mkdir -p $(@D)
	$(if $(V),,@echo '  LD      $@')
	$(Q)$(HOSTCC) $(SAN_LDFLAGS) -o $@ $^ $(AGENT_LIBS)

-include $(addprefix $(agent_test_dir)/,$(AGENT_SRCS:.c=.d) $(LIB_SRCS:.c=.d))

.PHONY: agent
agent: $(foreach a,$(ARCHES),$(O)/$(a)/kiln-agent)
