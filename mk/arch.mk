# SPDX-License-Identifier: Apache-2.0
#
# What the host programs know about architectures: data for all, native code of
# the host's own. Needs from the top: ALL_ARCHES HOST_ARCH O Q. Gives ARCH_SRCS, to be compiled for
# the host with -iquote $(O)/gen, and ARCH_GEN, which they depend on.

ARCH_SRCS := arch/arch.c arch/elf.c $(ALL_ARCHES:%=arch/%/desc.c) \
	$(firstword $(wildcard arch/$(HOST_ARCH)/host.c) arch/generic/host.c)
ARCH_GEN := $(patsubst %,$(O)/gen/arch/%/cmdline.inc,generic $(ALL_ARCHES))

# One string literal a line: comments and blank lines away, a space behind.
$(ARCH_GEN): $(O)/gen/arch/%/cmdline.inc: arch/%/cmdline mk/arch.mk
	$(Q)mkdir -p $(@D)
	$(Q)sed -e 's/[[:space:]]*#.*//' -e '/^$$/d' -e 's/.*/"& "/' $< >$@.tmp
	$(Q)echo '""' >>$@.tmp
	$(Q)mv $@.tmp $@
