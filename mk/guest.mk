# SPDX-License-Identifier: Apache-2.0
#
# What guest programs are built with: a sysroot for each architecture, made
# without root from pinned packages (rootfs/packages.lock).
#
# For the users of this file:
#   $(call guest_sysroot,ARCH)   directory; order after $(call guest_ready,ARCH)
#   $(call guest_ready,ARCH)     file to depend on: the sysroot stands
#   $(call musl_cc,ARCH)         the compiler command; compiles and links like
#                                gcc, statically against musl
#   $(GUEST_CFLAGS_<arch>)       flags to compile with, small and hardened
#   $(GUEST_LINK_<arch>)         the command that links: OBJECTS -o PROGRAM;
#                                libraries: -lseccomp -lprotobuf-c
#   GUEST_SYSROOT_<arch>=DIR     uses a sysroot made elsewhere; nothing is
#                                fetched for that architecture
#   CROSS_COMPILE_<arch>=PREFIX  a compiler of another name
# Needs from the top: ALL_ARCHES ARCHES HOST_ARCH O Q KILN_CACHE, which is shared by all builds
# of a user and may be removed at any time.

# Debian packages the host needs: apt and dpkg it has; compilers for the
# architectures that are not its own.
guest_gcc_x86_64 := gcc-x86-64-linux-gnu
guest_gcc_aarch64 := gcc-aarch64-linux-gnu
guest_gcc_s390x := gcc-s390x-linux-gnu
guest_gcc_ppc64le := gcc-powerpc64le-linux-gnu
DEPS_guest := gcc binutils patch xz-utils bzip2 \
	$(foreach a,$(filter-out $(HOST_ARCH),$(ARCHES)),$(guest_gcc_$(a)))

guest_sysroot = $(O)/$(1)/sysroot
guest_ready = $(O)/$(1)/sysroot.stamp
musl_cc = $(call guest_sysroot,$(1))/bin/kiln-cc

# -funsigned-char: three of the four architectures have it so; x86_64 shall
# show the same bugs.
guest_cflags := -Os -ffunction-sections -fdata-sections -fno-common \
	-fno-strict-aliasing -funsigned-char -fstack-protector-strong \
	-ftrivial-auto-var-init=zero -fno-asynchronous-unwind-tables \
	-fPIE -ffile-prefix-map=$(CURDIR)/= -ffile-prefix-map=$(O)/=build/

guest_ldflags := -static-pie -Wl,--gc-sections -Wl,-z,relro,-z,now \
	-Wl,-z,noexecstack -Wl,--build-id=none

guest_tools := osbuilder/build-guest-sysroot.sh osbuilder/kiln-cc.in \
	osbuilder/seccomp-table.awk

guest_cache = mkdir -p '$(KILN_CACHE)/store' 2>/dev/null || { \
	echo "kiln: the cache $(KILN_CACHE) cannot be written: set KILN_CACHE" >&2; \
	exit 1; }

# $(call stale,STAMP,TARGET,FILES): not empty when one of FILES is newer than
# STAMP, or STAMP or TARGET is not there.
stale = $(if $(and $(wildcard $(1)),$(wildcard $(2))),$(shell \
	find $(3) -newer $(1)),yes)
packages_from := rootfs/packages.lock osbuilder/fetch-guest-packages.sh \
	osbuilder/apt-root.sh
.PHONY: packages-force

define guest_rules
GUEST_CFLAGS_$(1) := $$(guest_cflags)
GUEST_LINK_$(1) := $$(call musl_cc,$(1)) $$(guest_ldflags)

ifdef GUEST_SYSROOT_$(1)
$$(O)/$(1)/sysroot.stamp: $$(GUEST_SYSROOT_$(1))/bin/kiln-cc
	$$(Q)mkdir -p $$(@D)
	$$(Q)ln -sfn $$(abspath $$(GUEST_SYSROOT_$(1))) $$(O)/$(1)/sysroot
	$$(Q)touch $$@
else
# The list keeps its time while it says the same: the sysroot, and all that is
# built in it, depend on what it says. So what it is made from is compared with
# the time it was last looked at.
$$(O)/$(1)/packages: $$(if $$(call stale,$$(O)/$(1)/packages.stamp,\
		$$(O)/$(1)/packages,$$(packages_from)),packages-force)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(guest_cache)
	$$(Q)KILN_CACHE='$$(KILN_CACHE)' \
		osbuilder/fetch-guest-packages.sh $(1) $$@
	$$(Q)touch $$@.stamp

$$(O)/$(1)/sysroot.stamp: $$(O)/$(1)/packages $$(guest_tools)
	$$(Q)KILN_CACHE='$$(KILN_CACHE)' CROSS_COMPILE='$$(CROSS_COMPILE_$(1))' \
		osbuilder/build-guest-sysroot.sh $(1) $$< $$(O)/$(1)/sysroot
	$$(Q)touch $$@
endif
endef
$(foreach a,$(ALL_ARCHES),$(eval $(call guest_rules,$(a))))

# Renews the lock from what the host's mirrors offer today.
.PHONY: guest-sysroot guest-lock
guest-sysroot: $(foreach a,$(ARCHES),$(call guest_ready,$(a)))

guest-lock:
	$(Q)mkdir -p $(O)
	$(Q)set -e; for a in $(ALL_ARCHES); do \
		KILN_UPDATE=1 KILN_CACHE='$(KILN_CACHE)' \
		osbuilder/fetch-guest-packages.sh $$a; \
	done | LC_ALL=C sort -u >$(O)/packages.new
	$(Q)sed -n '/^#/p' rootfs/packages.lock >$(O)/packages.lock
	$(Q)cat $(O)/packages.new >>$(O)/packages.lock
	$(Q)mv $(O)/packages.lock rootfs/packages.lock
