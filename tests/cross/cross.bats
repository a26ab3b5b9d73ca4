#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The recipe of docs/cross-ci.md, on a Debian root of KILN_TEST_ARCH: a C project
# is compiled by Debian's gcc and tested, by podman build and podman run.

bats_require_minimum_version 1.5.0

setup_file() {
	export ARCH=${KILN_TEST_ARCH:-$(uname -m)}
	export O=$(realpath "${KILN_O:-build}")
	export PROJECT=$BATS_TEST_DIRNAME/project
	case $ARCH in
	x86_64) PLATFORM=amd64 ;;
	aarch64) PLATFORM=arm64 ;;
	*) PLATFORM=$ARCH ;;
	esac
	export PLATFORM
	export BASE=$(mktemp -d /tmp/kiln-cross.XXXX)
	STORAGE=${STORAGE:-overlay} \
		"$BATS_TEST_DIRNAME/../clients/start.sh" podman "$BASE" kiln \
		"$O/host/kiln" "$O/$ARCH/busybox-rootfs" >&2
	"$BASE/engine" import -q --os linux --arch "$PLATFORM" \
		"$O/cross/$ARCH.tar" debian-build
}

teardown_file() {
	[ -n "${BASE:-}" ] || return 0
	"$BATS_TEST_DIRNAME/../clients/end.sh" "$BASE"
}

p() {
	timeout "${T:-1000}" "$BASE/engine" --runtime kiln "$@"
}

on() {
	p run --rm --platform "linux/$PLATFORM" "$@"
}

debian_name() {
	case $ARCH in
	ppc64le) echo ppc64el ;;
	*) echo "$PLATFORM" ;;
	esac
}

@test "Debian under its own kernel: dynamic programs, and scripts of perl's" {
	printf '#!/usr/bin/perl\nuse POSIX; print((POSIX::uname())[4], " ", unpack("h*", pack("S", 1)), "\\n");\n' \
		>"$BASE/script"
	chmod 755 "$BASE/script"
	run --separate-stderr on -v "$BASE/script:/script" debian-build /script
	echo "$output $stderr"
	case $ARCH in
	s390x) [ "$output" = "$ARCH 0010" ] ;;
	*) [ "$output" = "$ARCH 1000" ] ;;
	esac
	run --separate-stderr on debian-build dpkg --print-architecture
	[ "$output" = "$(debian_name)" ]
}

@test "podman build compiles and tests the project; its image runs" {
	local started=$SECONDS
	p build --isolation oci --platform "linux/$PLATFORM" \
		-t project "$PROJECT" >"$BASE/log" 2>&1 || { cat "$BASE/log"; false; }
	echo "# $ARCH: podman build took $((SECONDS - started)) s" >&3
	cat "$BASE/log"
	grep -q '^ok - pack' "$BASE/log"
	run --separate-stderr on localhost/project
	echo "$output $stderr"
	[ "$status" = 0 ]
	case $ARCH in
	s390x) [ "${lines[-1]}" = "# s390x, big-endian" ] ;;
	*) [ "${lines[-1]}" = "# $ARCH, little-endian" ] ;;
	esac
}

@test "podman run compiles and tests what is in a volume" {
	cp -r "$PROJECT" "$BASE/volume"
	local started=$SECONDS
	run on -v "$BASE/volume:/src" -w /src debian-build make CC=gcc check
	echo "# $ARCH: podman run took $((SECONDS - started)) s" >&3
	echo "$output"
	[ "$status" = 0 ]
	[[ "$output" == *"ok - unpack"* ]]
	# What it built is on the host, and for that machine.
	[ "$(readelf -h "$BASE/volume/test" | grep -c "Machine: *$(machine)\$")" = 1 ]
}

machine() {
	case $ARCH in
	x86_64) echo 'Advanced Micro Devices X86-64' ;;
	aarch64) echo AArch64 ;;
	s390x) echo 'IBM S/390' ;;
	ppc64le) echo PowerPC64 ;;
	esac
}

@test "a mistake about byte order fails on s390x, and there only" {
	run p build --isolation oci --platform "linux/$PLATFORM" \
		--build-arg CFLAGS='-O2 -DBUG' -t wrong "$PROJECT"
	echo "$output"
	if [ "$ARCH" = s390x ]; then
		[ "$status" != 0 ]
		[[ "$output" == *"not ok - pack"* ]]
		[[ "$output" == *"ok - unpack"* ]]
	else
		[ "$status" = 0 ]
	fi
}
