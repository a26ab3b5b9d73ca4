# SPDX-License-Identifier: Apache-2.0
#
# Host programs, in two variants: $(O)/host as shipped, $(O)/san with
# sanitizers for the tests. $(call host_program,NAME,SOURCES,LIBRARIES)
# declares one in both.

include lib/sources.mk
-include $(wildcard runtime/*/sources.mk)

GEN_PROTO := $(O)/gen/proto
PROTO_SRCS := $(PROTOS:%=$(GEN_PROTO)/%.pb-c.c)
PROTO_HDRS := $(PROTO_SRCS:.c=.h)

$(GEN_PROTO)/.stamp: $(PROTOS:%=proto/%.proto)
	$(Q)mkdir -p $(@D)
	$(Q)protoc-c -Iproto --c_out=$(@D) $^
	@# Generated files include one another without the folder.
	$(Q)touch $@ $(PROTO_HDRS) $(PROTO_SRCS)
$(PROTO_SRCS) $(PROTO_HDRS): $(GEN_PROTO)/.stamp ;

LIB_OBJS := $(LIB_SRCS:.c=.o) $(HOST_LIB_SRCS:.c=.o)
PROTO_OBJS := $(PROTOS:%=gen/proto/%.pb-c.o)

# $(call host_variant,DIR,CFLAGS): object rules and libkiln.a below $(O)/DIR.
# Other flags make other objects; -Werror makes none, nor does the place of $(O).
define host_variant
flags_$(1) = $$(HOSTCC) $$(subst $$(O)/gen,gen,$$(filter-out -Werror,$(2))) \
	$$(LDFLAGS) $$(VERSION)
$$(eval $$(call remember,$(O)/$(1)/flags,flags_$(1)))

$(O)/$(1)/obj/%.o: %.c $(GEN_PROTO)/.stamp $$(ARCH_GEN) $(O)/$(1)/flags
	$$(Q)mkdir -p $$(@D)
	$$(if $$(V),,@echo '  CC      $(1)/$$*.o')
	$$(Q)$$(HOSTCC) $(2) $$(CFLAGS_$$*) -MMD -MP -c -o $$@ $$<

# Generated code: compiled as it comes.
$(O)/$(1)/obj/gen/%.o: $(GEN_PROTO)/.stamp $(O)/$(1)/flags
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(HOSTCC) $$(filter-out -W%,$(2)) -I$(GEN_PROTO) -c -o $$@ \
		$(O)/gen/$$*.c

$(O)/$(1)/libkiln.a: $(addprefix $(O)/$(1)/obj/,$(LIB_OBJS) $(PROTO_OBJS))
	$$(Q)rm -f $$@
	$$(Q)$$(AR) rcsD $$@ $$^
endef
$(eval $(call host_variant,host,$$(HOST_CFLAGS)))
$(eval $(call host_variant,san,$$(SAN_CFLAGS)))

define host_program_variant
-include $(patsubst %.c,$(O)/$(1)/obj/%.d,$(3))
$(O)/$(1)/$(2): $(patsubst %.c,$(O)/$(1)/obj/%.o,$(3)) $(O)/$(1)/libkiln.a
	$$(Q)mkdir -p $$(@D)
	$$(if $$(V),,@echo '  LD      $$@')
	$$(Q)$$(HOSTCC) $(5) -o $$@ $$(filter %.o,$$^) $(O)/$(1)/libkiln.a $(4)
endef
define host_program
$(eval $(call host_program_variant,host,$(1),$(2),$(3),$$(HOST_CFLAGS) $$(HOST_LDFLAGS)))
$(eval $(call host_program_variant,san,$(1),$(2),$(3),$$(SAN_LDFLAGS)))
endef
-include $(patsubst %.o,$(O)/host/obj/%.d,$(LIB_OBJS))
-include $(patsubst %.o,$(O)/san/obj/%.d,$(LIB_OBJS))

CGROUP_SRCS := runtime/cgroup.c runtime/cgroup_limits.c
RUNTIME_SRCS = $(CLI_SRCS) $(CGROUP_SRCS) $(OCI_SRCS) $(ENGINE_SRCS) $(NET_SRCS) $(VMM_SRCS) \
	$(ARCH_SRCS)
RUNTIME_LIBS := -lprotobuf-c -ljson-c -lcrypto -lm $(NET_LIBS)

CFLAGS_runtime/guest := -DKILN_GUEST_DIR='"$(LIBDIR)/kiln/guests"'
CFLAGS_runtime/main := -DKILN_VERSION='"$(VERSION)"'

$(call host_program,kiln,$(RUNTIME_SRCS),$(RUNTIME_LIBS))

.PHONY: runtime
runtime: $(O)/host/kiln $(O)/host/kiln-image
