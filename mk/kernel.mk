# SPDX-License-Identifier: Apache-2.0
#
# Guest kernels: $(O)/<arch>/kernel and what belongs to it. The work, the
# cache and the lock are in osbuilder/kernel-*.sh; here is when to call them.

DEPS_kernel := bc bison ccache flex gcc libc6-dev libelf-dev libssl-dev \
	linux-source-$(or $(KERNEL_SERIES),6.12) make patch tar xz-utils zstd libncurses-dev \
	$(if $(MODULES),kmod)
DEPS_kernel_x86_64 := gcc-x86-64-linux-gnu
DEPS_kernel_aarch64 := gcc-aarch64-linux-gnu
DEPS_kernel_s390x := gcc-s390x-linux-gnu
DEPS_kernel_ppc64le := gcc-powerpc64le-linux-gnu
# The native compiler comes with gcc, under its prefixed name as well.
DEPS_kernel_$(HOST_ARCH) :=

kernel_inputs := $(wildcard kernel/versions*.lock) $(sort $(wildcard kernel/configs/*.config)) \
	$(sort $(wildcard kernel/patches/*/*.patch)) \
	$(sort $(wildcard osbuilder/kernel-*.sh)) \
	$(sort $(wildcard osbuilder/kconfig/*.[ch]))
# Of features the chosen ones count, and whether others were chosen before.
kernel_inputs += osbuilder/feature-lib.sh $(if $(FEATURES),\
	$(sort $(wildcard kernel/configs/features/*.config)))
# MODULES=1: what FEATURES asks for becomes modules, but for what others need.
MODULES ?=
ifneq ($(MODULES),)
ifeq ($(FEATURES),)
$(error MODULES=1: FEATURES= names what is to become modules; the base has none)
endif
kernel_inputs += $(sort $(wildcard kernel/configs/modules/*.config))
endif
kernel_files := kernel kernel.zst kernel.config kernel.map \
	kernel.sources kernel.json $(if $(MODULES),modules.tar)

# A source of the user's may have changed without a file of ours changing:
# then the script is asked each time, and answers from its cache.
kernel_force := $(if $(KERNEL_TARBALL)$(KERNEL_SRC),kernel-force)

# A recipe with + gets make's jobserver, and is run by make -n and -q, too.
kernel_plus := $(if $(findstring n,$(make_letters))$(findstring \
	q,$(make_letters))$(findstring t,$(make_letters)),,+)

.PHONY: kernel kernel-force kernel-prove kconfig explain-config cve kernel-hardening \
	kernel-update menuconfig savedefconfig

kernel_vars := $(strip $(KERNEL_SERIES) $(FEATURES) $(if $(MODULES),MODULES) \
	$(KERNEL_TARBALL) $(KERNEL_SRC))

define kernel_rules
$$(eval $$(call remember,$$(O)/$(1)/kernel.vars,kernel_vars))

$$(addprefix $$(O)/$(1)/,$$(kernel_files)) &: $$(kernel_inputs) \
		arch/$(1)/arch.mk arch/$(1)/kernel.config \
		$$(wildcard kernel/configs/local/$(1).config) $$(kernel_force) \
		$$(O)/$(1)/kernel.vars
	$(kernel_plus)$$(Q)ARCH=$(1) osbuilder/kernel-build.sh '$$(O)/$(1)'
endef
$(foreach a,$(ALL_ARCHES),$(eval $(call kernel_rules,$(a))))

export KERNEL_SERIES KERNEL_TARBALL KERNEL_SRC KERNEL_JOBS KERNEL_NO_BUILD FEATURES MODULES

kernel: $(foreach a,$(ARCHES),$(addprefix $(O)/$(a)/,$(kernel_files)))

# What Kconfig knows of every symbol, for kiln-image explain-config.
define kconfig_rules
$$(O)/$(1)/kernel.kconfig: $$(kernel_inputs) arch/$(1)/arch.mk \
		arch/$(1)/kernel.config $$(sort $$(wildcard \
		kernel/configs/features/*.config kernel/configs/local/$(1).config)) \
		$$(kernel_force)
	$$(Q)mkdir -p $$(@D)
	$$(Q)ARCH=$(1) osbuilder/kernel-config.sh extract >$$@.tmp
	$$(Q)mv $$@.tmp $$@
endef
$(foreach a,$(ALL_ARCHES),$(eval $(call kconfig_rules,$(a))))

kconfig: $(foreach a,$(ARCHES),$(O)/$(a)/kernel.kconfig)

explain-config: $(O)/host/kiln-image $(foreach a,$(ARCHES),$(O)/$(a)/kernel.kconfig)
	$(Q)test -n '$(SYMBOL)' || { echo 'SYMBOL= is missing' >&2; exit 1; }
	$(Q)for a in $(ARCHES); do \
		$(O)/host/kiln-image explain-config '$(SYMBOL)' --arch $$a \
			--kconfig $(O)/$$a/kernel.kconfig; done

# What the records of the kernel's CNA below CVE_DATA mean for each kernel.
cve: $(O)/host/kiln-image $(foreach a,$(ARCHES),$(O)/$(a)/kernel)
	$(Q)test -d '$(CVE_DATA)' || { echo 'CVE_DATA= names no folder' >&2; exit 1; }
	$(Q)for a in $(ARCHES); do \
		src=$$(ARCH=$$a osbuilder/kernel-config.sh source); \
		$(O)/host/kiln-image cve '$(CVE_DATA)' --kernel $(O)/$$a \
			--source "$$src"; \
		$(O)/host/kiln-image cve '$(CVE_DATA)' --kernel $(O)/$$a \
			--source "$$src" --format json >$(O)/$$a/cve.json; \
	done

# The configurations alone: resolved, and proved to be what was asked for.
kernel-prove:
	$(Q)for a in $(ARCHES); do ARCH=$$a osbuilder/kernel-config.sh prove; done

# What a hardened kernel is expected to be; FORMAT=json for machines.
kernel-hardening:
	$(Q)osbuilder/kernel-hardening.sh --format \
		$(if $(filter json,$(FORMAT)),json,text) $(ARCHES)

# The lock moves to what apt offers, or to KERNEL_TARBALL.
kernel-update:
	$(Q)osbuilder/kernel-update.sh $(ARCHES)

menuconfig savedefconfig:
	$(Q)for a in $(ARCHES); do ARCH=$$a osbuilder/kernel-config.sh $@; done
