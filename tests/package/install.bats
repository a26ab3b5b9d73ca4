#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# make install and uninstall. Guests are stand-ins: what they hold is no matter
# here.

load helpers

setup() {
	package_setup
	work=$BATS_TEST_TMPDIR
	o=$work/out
	# Blanks, and what a shell would take for more than a letter.
	dest="$work/dest dir & that's \"it\""
	build "$o"
}

@test "what is installed is what the list says, and uninstall leaves nothing" {
	run_make "$o" install PREFIX=/usr DESTDIR="$dest"
	run_make "$o" -s install-list PREFIX=/usr | sort >"$work/list"
	(cd "$dest" && find . ! -type d | sed 's/^\.//' | sort) >"$work/found"
	grep -v /share/licenses/kiln-guest- "$work/list" >"$work/expected"
	diff "$work/expected" "$work/found"
	[ "$(stat -c %a "$dest/usr/bin/kiln")" = 755 ]
	[ "$(stat -c %a "$dest/usr/share/man/man8/kiln.8")" = 644 ]
	cmp "$o/s390x/kernel" "$dest/usr/lib/kiln/guests/s390x/kernel"

	echo theirs >"$dest/usr/bin/other"
	run_make "$o" uninstall PREFIX=/usr DESTDIR="$dest"
	[ "$(find "$dest" ! -type d)" = "$dest/usr/bin/other" ]
	[ -z "$(find "$dest/usr" -name 'kiln*')" ]
}

@test "each variable moves what it names" {
	run_make "$o" install DESTDIR="$dest" PREFIX=/opt/k BINDIR=/b \
		LIBDIR=/l DATADIR=/d MANDIR=/m DOCDIR=/doc LICENSEDIR=/lic \
		BASHCOMPDIR=/bash ZSHCOMPDIR=/zsh FISHCOMPDIR=/fish
	for f in b/kiln b/kiln-image l/kiln/guests/s390x/image.json \
		d/kiln/configuration.toml.example m/man5/kiln-manifest.5 \
		doc/cli.md lic/kiln/LICENSE bash/kiln zsh/_kiln fish/kiln.fish
	do
		[ -f "$dest/$f" ]
	done
	[ ! -e "$dest/opt" ]
}

@test "COMPONENTS and MAN=no leave out the rest" {
	run_make "$o" install PREFIX=/usr DESTDIR="$dest" COMPONENTS=host MAN=no
	[ -x "$dest/usr/bin/kiln" ]
	[ ! -e "$dest/usr/lib" ]
	[ ! -e "$dest/usr/share/man" ]
	rm -rf "$dest"
	run_make "$o" install PREFIX=/usr DESTDIR="$dest" COMPONENTS=guest
	[ -f "$dest/usr/lib/kiln/guests/s390x/kernel" ]
	[ ! -e "$dest/usr/bin" ]
	[ ! -e "$dest/usr/share/man" ]
}

@test "a component that there is not is refused" {
	run run_make "$o" install PREFIX=/usr DESTDIR="$dest" COMPONENTS=hosts
	[ "$status" != 0 ]
	[[ "$output" == *"COMPONENTS=hosts: of host and guest one or both"* ]]
	[ ! -e "$dest" ]
}

@test "a guest with packages is installed without a ramdisk, also over another" {
	guest=$dest/usr/lib/kiln/guests/s390x
	run_make "$o" install PREFIX=/usr DESTDIR="$dest" COMPONENTS=guest
	[ -f "$guest/initrd.img" ]
	rm "$o/s390x/initrd.img"
	run_make "$o" install PREFIX=/usr DESTDIR="$dest" COMPONENTS=guest \
		PACKAGES=hello
	[ -f "$guest/rootfs.erofs.img" ]
	[ ! -e "$guest/initrd.img" ]
}

@test "a kernel without a root is no guest" {
	mkdir -p "$work/guests/s390x"
	# All that a kernel of s390x must be is not empty.
	printf 'k%.0s' {1..4096} >"$work/guests/s390x/kernel"
	run env KILN_GUESTS="$work/guests" "$o/host/kiln" check s390x
	echo "$output"
	[ "$status" = 1 ]
	[ "${lines[0]}" = "s390x: cannot start guests" ]
	[[ "$output" == *"guest         * $work/guests/s390x"* ]]
	echo initrd >"$work/guests/s390x/initrd.img"
	run env KILN_GUESTS="$work/guests" "$o/host/kiln" check s390x
	[ "${lines[0]}" = "s390x: ok" ]
}

@test "the installed program looks below its prefix, blanks and all" {
	prefix="$work/a prefix"
	run_make "$o" install PREFIX="$prefix" COMPONENTS="host guest" MAN=no
	# The stand-in is no kernel, and is found to be none: that is enough.
	run env -u KILN_GUESTS "$prefix/bin/kiln" check s390x
	[[ "$output" == *"$prefix/lib/kiln/guests/s390x"* ]]
	run_make "$o" uninstall PREFIX="$prefix" MAN=no
	[ -z "$(find "$prefix" ! -type d)" ]
}

@test "another prefix makes again what has it compiled in, and only that" {
	run_make "$o" runtime PREFIX=/usr
	run run_make "$o" runtime PREFIX=/usr
	[ "$output" = "make: Nothing to be done for 'runtime'." ]
	run run_make "$o" runtime PREFIX=/elsewhere
	[ "$status" = 0 ]
	[ "$(grep -c '^  CC' <<<"$output")" = 2 ]
	run env -u KILN_GUESTS "$o/host/kiln" check s390x
	[ "$status" = 1 ] || [ "$status" = 0 ]
	run grep -c /elsewhere/lib/kiln/guests "$o/host/kiln"
	[ "$output" = 1 ]
}

@test "an ordinary user can install below DESTDIR" {
	as=(env)
	[ "$(id -u)" != 0 ] || as=(setpriv --reuid 65534 --regid 65534
		--clear-groups env)
	run_make "$o" runtime man PREFIX=/usr
	chmod -R a+rwX "$BATS_RUN_TMPDIR" "$work"
	# The list is installed by the script alone: what is built is built.
	mkdir -m 777 "$dest"
	run "${as[@]}" BINDIR=/usr/bin LIBDIR=/usr/lib DATADIR=/usr/share \
		MANDIR=/usr/share/man DOCDIR=/usr/share/doc/kiln \
		LICENSEDIR=/usr/share/licenses BASHCOMPDIR=/usr/share/bash \
		ZSHCOMPDIR=/usr/share/zsh FISHCOMPDIR=/usr/share/fish \
		FORMAT=erofs O="$o" ARCHES=s390x COMPONENTS='host man guest' \
		DESTDIR="$dest" packaging/install.sh install
	[ "$status" = 0 ]
	[ -x "$dest/usr/bin/kiln" ]
}

@test "a list that says too little or too much is refused" {
	mkdir "$work/p"
	cp packaging/install.sh "$work/p/"
	for v in BINDIR LIBDIR DATADIR MANDIR DOCDIR LICENSEDIR BASHCOMPDIR \
		ZSHCOMPDIR FISHCOMPDIR FORMAT O; do
		export "$v=/x"
	done
	export ARCHES=s390x COMPONENTS=host
	for line in 'host 644 @BINDIR@/a' 'host 644 @BINDIR@/a b c' \
		'host 644 @NONE@/a b' 'host 644 a b'; do
		echo "$line" >"$work/p/files.list"
		run "$work/p/install.sh" list
		[ "$status" = 1 ]
		[[ "$output" == "install: "* ]]
		[ "${#lines[@]}" = 1 ]
	done
}
