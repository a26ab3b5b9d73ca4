#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# make dist and make vendor: the same bytes whoever makes them, without git too.

load helpers

setup() {
	package_setup
	work=$BATS_TEST_TMPDIR
	version=$(cat VERSION)
}

# An archive to start from, once: from git, or as this tree was unpacked.
setup_file() {
	package_setup
	make -s dist O="$BATS_FILE_TMPDIR/a" DEPS=skip
}

@test "an archive is the same from another folder, umask, zone and locale" {
	(
		umask 077
		TZ=Pacific/Kiritimati LC_ALL=C.UTF-8 LANG=C.UTF-8 XZ_OPT=-9 \
			TAR_OPTIONS=--verbose make -s dist O="$work/b" >/dev/null
	)
	cmp "$BATS_FILE_TMPDIR/a/kiln-$version.tar.xz" \
		"$work/b/kiln-$version.tar.xz"
}

@test "an unpacked archive makes the same archive, without git" {
	tar -C "$work" -xf "$BATS_FILE_TMPDIR/a/kiln-$version.tar.xz"
	cd "$work/kiln-$version"
	[ ! -e .git ]
	# What a build leaves is not in it, nor is what somebody put there.
	mkdir build
	touch build/rubbish stray.c
	make -s dist >/dev/null
	cmp "$BATS_FILE_TMPDIR/a/kiln-$version.tar.xz" \
		"build/kiln-$version.tar.xz"
	# An unpacked archive in somebody else's checkout is not that checkout.
	rm -rf build
	git init -q "$work"
	make -s dist >/dev/null
	cmp "$BATS_FILE_TMPDIR/a/kiln-$version.tar.xz" \
		"build/kiln-$version.tar.xz"
}

@test "an archive has one owner, one time, plain modes and sorted names" {
	TZ=UTC tar -tvf "$BATS_FILE_TMPDIR/a/kiln-$version.tar.xz" \
		--numeric-owner --full-time >"$work/list"
	[ -z "$(grep -v ' 0/0 .* 2024-01-01 00:00:00 ' "$work/list")" ]
	[ -z "$(grep -vE '^(drwxr-xr-x|-rw-r--r--|-rwxr-xr-x|lrwxr-xr-x) ' \
		"$work/list")" ]
	for f in Makefile VERSION LICENSE packaging/MANIFEST \
		rootfs/packages.lock kernel/versions.lock; do
		grep -q " kiln-$version/$f\$" "$work/list"
	done
}

@test "an unpacked archive has all that host programs are built of" {
	tar -C "$work" -xf "$BATS_FILE_TMPDIR/a/kiln-$version.tar.xz"
	cd "$work/kiln-$version"
	# Quickly: whether it compiles, not how well.
	env -u KILN_CACHE HOME=/nonexistent make -s -j"$(nproc)" DEPS=skip \
		CFLAGS='-O1 -g0 -w' HARDENING= runtime
	[ "$(build/host/kiln --version | head -n 1)" = "kiln version $version" ]
	build/host/kiln-image --help >/dev/null
}

@test "without git and list there is one clear line" {
	mkdir -p "$work/t/packaging"
	cp packaging/dist.sh "$work/t/packaging/"
	run "$work/t/packaging/dist.sh" 1 "$work/x"
	[ "$status" = 1 ]
	[[ "$output" == "dist: neither "* ]]
	[ "${#lines[@]}" = 1 ]
}

# A store with two packages of s390x and a lock that names them.
store() {
	export KILN_CACHE=$work/cache KILN_LOCK=$work/lock SOURCE_DATE_EPOCH=0
	mkdir -p "$KILN_CACHE/store/sha256"
	local t sum
	for t in s390x source amd64; do
		sum=$(echo "$t" | sha256sum | cut -d' ' -f1)
		[ "$t" = amd64 ] || echo "$t" >"$KILN_CACHE/store/sha256/$sum"
		echo "deb p-$t $t 1.0 $sum p.deb" >>"$KILN_LOCK"
	done
}

@test "a vendor archive has the packages of its architectures, pinned ones only" {
	store
	echo more >"$KILN_CACHE/store/sha256/$(printf '0%.0s' {1..64})"
	packaging/vendor.sh v "$work/v.tar.xz" s390x
	[ "$(tar -tf "$work/v.tar.xz" | grep -c '[0-9a-f]$')" = 2 ]
	mkdir "$work/c"
	tar -C "$work/c" --strip-components=1 -xf "$work/v.tar.xz"
	for f in "$work"/c/store/sha256/*; do
		[ "$(sha256sum <"$f" | cut -d' ' -f1)" = "${f##*/}" ]
	done
	# It is all that the fetching needs: nothing is left to fetch.
	run env KILN_CACHE="$work/c" KILN_APT_SOURCES=/nonexistent \
		osbuilder/fetch-guest-packages.sh s390x
	[ "$status" = 0 ]
	[ "${#lines[@]}" = 2 ]
}

@test "a vendor archive that would lack a package is not made" {
	store
	run packaging/vendor.sh v "$work/v.tar.xz" s390x x86_64
	[ "$status" = 1 ]
	[ "${#lines[@]}" = 1 ]
	[[ "$output" == *"'p-amd64' 1.0 (amd64)"* ]]
	[ ! -e "$work/v.tar.xz" ]
}
