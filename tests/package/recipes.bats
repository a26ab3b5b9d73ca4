#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The recipes of packaging/: what can be said of them without their tools.

load helpers

setup() {
	package_setup
	recipes=(packaging/debian/rules packaging/rpm/kiln.spec
		packaging/alpine/APKBUILD packaging/arch/PKGBUILD
		packaging/nix/default.nix)
}

@test "every recipe installs by make install, and copies nothing by itself" {
	for r in "${recipes[@]}"; do
		grep -q 'COMPONENTS=host' "$r"
		grep -q 'COMPONENTS=guest' "$r"
		! grep -E '(^|[^_a-z-])(cp|mv|install) .*build/' "$r"
	done
}

@test "every recipe has the version of VERSION" {
	v=$(cat VERSION)
	grep -q "^kiln ($v-" packaging/debian/changelog
	grep -q "^Version: *$v\$" packaging/rpm/kiln.spec
	grep -q "^pkgver=$v\$" packaging/alpine/APKBUILD
	grep -q "^pkgver=$v\$" packaging/arch/PKGBUILD
	grep -q 'VERSION' packaging/nix/default.nix
}

@test "recipes that are shell have the syntax of shell" {
	bash -n packaging/arch/PKGBUILD
	sh -n packaging/alpine/APKBUILD
	for f in packaging/*.sh packaging/completions/kiln.bash; do
		bash -n "$f"
	done
}

@test "every architecture has a guest package in every recipe" {
	for a in amd64 arm64 s390x ppc64el; do
		grep -q "^Package: kiln-guest-$a\$" packaging/debian/control
	done
	for a in x86_64 aarch64 s390x ppc64le; do
		for r in packaging/rpm/kiln.spec packaging/alpine/APKBUILD \
			packaging/arch/PKGBUILD packaging/nix/default.nix; do
			grep -qw "$a" "$r" || { echo "$r: no $a"; false; }
		done
	done
}

# The packages that the text $1 names in the words of the makefiles.
asked() {
	cat >"$BATS_TEST_TMPDIR/mk" <<-E
		include Makefile
		.DEFAULT_GOAL := print
		print:; @echo \$(sort $1)
	E
	make -s -f "$BATS_TEST_TMPDIR/mk" O="$BATS_TEST_TMPDIR/o" DEPS=skip print
}

@test "Debian's package is built with what the makefiles ask for" {
	listed=$(sed -n '/^Build-Depends/,/^$/p' packaging/debian/control |
		sed -nE 's/^ ([a-z0-9.+-]+).*/\1/p')
	host=$(asked '$(DEPS_base) $(DEPS_image) $(DEPS_man)')
	all=$(asked '$(DEPS_base) $(DEPS_image) $(DEPS_man) $(DEPS_guest) \
		$(DEPS_agent) $(DEPS_kernel) $(foreach a,$(ALL_ARCHES),\
		$(DEPS_kernel_$(a)) $(guest_gcc_$(a)))')
	[ -n "$host" ] && [ -n "$all" ]
	# Nothing is missing, but for what every build has or only comfort wants,
	for p in $all; do
		case $p in
		binutils | ccache | gcc | libc6-dev | libncurses-dev | make | tar) ;;
		*) grep -xF "$p" <<<"$listed" || { echo "no $p"; false; } ;;
		esac
	done
	# and nothing is there that nobody asks for.
	for p in $listed; do
		[[ " $all debhelper-compat " == *" $p "* ]] ||
			{ echo "why $p"; false; }
	done
	# What the programs need is not among what guests need.
	for p in $host; do
		! sed -n '/^Build-Depends-Indep/,/^$/p' packaging/debian/control |
			grep -qE "^ $p(,| )" || [ "$p" = xz-utils ] ||
			{ echo "$p"; false; }
	done
}

@test "nothing committed names a machine or a registry" {
	! grep -rnE '/root/|/home/|://(ftp|deb|security)[.]' packaging docs/man \
		docs/packagers.md mk/install.mk mk/package.mk
}
