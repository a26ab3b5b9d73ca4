# SPDX-License-Identifier: Apache-2.0
#
# For packagers: the source archive, the archive of guest packages that makes a
# build independent of the network, and the test of the Debian package. The
# recipes are in packaging/, docs/packagers.md explains them.

DIST := $(O)/kiln-$(VERSION).tar.xz
VENDOR := $(O)/kiln-$(VERSION)-vendor.tar.xz

# Besides what a build of everything and its tests take.
DEPS_package := build-essential debhelper lintian mmdebstrap scdoc

# Joins what runtime/cli/sources.mk says; read after it.
CFLAGS_runtime/config += -DKILN_SYSCONFDIR='"$(SYSCONFDIR)"'

# What has to be there is asked of the list, when it matters.
install: $(if $(filter install,$(MAKECMDGOALS)),$(shell $(install_run) sources))

# The committed tree, or what such an archive unpacked to.
.PHONY: dist vendor package-test
dist:
	$(Q)mkdir -p $(O)
	$(Q)packaging/dist.sh $(VERSION) $(DIST)
	@echo $(DIST)

# What the guests of ARCH are compiled with and from: KILN_CACHE/store.
vendor: $(foreach a,$(ARCHES),$(O)/$(a)/vendor.stamp)
	$(Q)KILN_CACHE='$(KILN_CACHE)' packaging/vendor.sh \
		kiln-$(VERSION)-vendor $(VENDOR) $(ARCHES)
	@echo $(VENDOR)
# Its own fetching: a sysroot may be given, and then has no list of packages.
$(O)/%/vendor.stamp: rootfs/packages.lock osbuilder/fetch-guest-packages.sh
	$(Q)mkdir -p $(@D)
	$(Q)KILN_CACHE='$(KILN_CACHE)' osbuilder/fetch-guest-packages.sh $* >$@

# PACKAGE_GUESTS: all, or some; default: the host's architecture, and those
# whose kernel is in the cache.
PACKAGE_GUESTS ?=
package-test:
	$(Q)O='$(O)' KILN_CACHE='$(KILN_CACHE)' VERSION='$(VERSION)' \
		PACKAGE_GUESTS='$(subst all,$(ALL_ARCHES),$(PACKAGE_GUESTS))' \
		packaging/test-debian.sh
