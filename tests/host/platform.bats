#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# podman --platform: images of every architecture under their own kernels, from
# one host. Busybox images here; tests/cross has Debian's.

bats_require_minimum_version 1.5.0

setup_file() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	export O=$(realpath "${KILN_O:-build}")
	export BASE=$(mktemp -d /tmp/kiln-platform.XXXX)
	"$BATS_TEST_DIRNAME/../clients/start.sh" podman "$BASE" kiln \
		"$O/host/kiln" "$O/x86_64/busybox-rootfs" >&2
	"$BASE/engine" untag bb
	"$BASE/engine" manifest create bb
	local pair
	for pair in $PLATFORMS; do
		tar -C "$O/${pair#*:}/busybox-rootfs" -c . | "$BASE/engine" \
			import -q --os linux --arch "${pair%:*}" - "bb-${pair%:*}"
		"$BASE/engine" manifest add bb \
			"containers-storage:localhost/bb-${pair%:*}"
	done
}

teardown_file() {
	[ -n "${BASE:-}" ] || return 0
	"$BATS_TEST_DIRNAME/../clients/end.sh" "$BASE"
}

PLATFORMS='amd64:x86_64 arm64:aarch64 s390x:s390x ppc64le:ppc64le'

p() {
	timeout "${T:-120}" "$BASE/engine" --runtime kiln "$@"
}

# As the user has it: the platform, the image, a command.
on() {
	local platform=$1
	shift
	p run --rm --platform "linux/$platform" "$@"
}

@test "one image name, four platforms, four kernels" {
	local pair
	for pair in $PLATFORMS; do
		run --separate-stderr on "${pair%:*}" bb sh -c \
			'uname -m; ls /proc/sys/fs/binfmt_misc 2>/dev/null | wc -l'
		echo "$pair: $output $stderr"
		[ "$status" = 0 ]
		[ "${lines[0]}" = "${pair#*:}" ]
		[ "${lines[1]}" = 0 ]
	done
}

@test "a script as entry point, a volume, the status" {
	mkdir "$BASE/volume"
	printf '#!/bin/env sh\nuname -m >/v/machine\nexit 9\n' >"$BASE/volume/entry"
	chmod 755 "$BASE/volume/entry"
	run on s390x -v "$BASE/volume:/v" --entrypoint /v/entry bb-s390x
	echo "$output"
	[ "$status" = 9 ]
	[ "$(cat "$BASE/volume/machine")" = s390x ]
}

@test "--init is the guest's where the host's cannot run" {
	local foreign=s390x
	[ "$(uname -m)" != s390x ] || foreign=amd64
	run --separate-stderr on "$foreign" --init "bb-$foreign" \
		sh -c 'echo $$; tr "\0" " " </proc/1/cmdline; exit 4'
	echo "$output $stderr"
	[ "$status" = 4 ]
	[ "${lines[0]}" != 1 ]
	[[ "${lines[1]}" == "/run/podman-init -- sh -c"* ]]
}

@test "exec, stop and logs" {
	p run -d --name w --platform linux/ppc64le bb-ppc64le \
		sh -c 'trap "echo ended; exit 3" TERM; while :; do sleep 0.1; done'
	[ "$(p exec w uname -m)" = ppc64le ]
	p stop w
	[ "$(p inspect -f '{{.State.ExitCode}}' w)" = 3 ]
	[ "$(p logs w)" = ended ]
	p rm w
}

@test "what no guest runs is refused by name, status 126" {
	mkdir -p "$BASE/riscv/bin"
	{
		printf '\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\363\0\1\0\0\0'
		head -c 104 /dev/zero
	} >"$BASE/riscv/bin/sh"
	chmod 755 "$BASE/riscv/bin/sh"
	tar -C "$BASE/riscv" -c . | p import -q --os linux --arch riscv64 - rv
	run -126 on riscv64 rv sh -c true
	echo "$output"
	[[ "$output" == *"'/bin/sh' in the image is a program for riscv64: exec format error; Kiln has guests for x86_64, aarch64, s390x and ppc64le"* ]]
}

@test "an annotation that the program contradicts is refused" {
	run -126 on s390x --annotation io.kiln.arch=ppc64le bb-s390x true
	echo "$output"
	[[ "$output" == *"annotation io.kiln.arch is ppc64le, but 'true' in the image is a program for s390x"* ]]
}

@test "podman build: RUN under the platform's kernel, two platforms at once" {
	mkdir "$BASE/context"
	printf 'FROM localhost/bb\nRUN uname -m >/machine\nCMD ["cat", "/machine"]\n' \
		>"$BASE/context/Containerfile"
	# Podman 4.3 runs no list that lacks the host's own platform.
	T=300 p build -q --isolation oci --platform linux/amd64,linux/s390x \
		--manifest built "$BASE/context"
	run --separate-stderr on s390x localhost/built
	echo "$output $stderr"
	[ "$output" = s390x ]
	run --separate-stderr on amd64 localhost/built
	echo "$output $stderr"
	[ "$output" = x86_64 ]
}

@test "a pod has one VM: a container for another architecture is refused" {
	p pod create --name pod --infra-image bb-amd64 \
		--infra-command '/bin/sleep 600'
	run p run --rm --pod pod --platform linux/s390x bb-s390x true
	echo "$output"
	# See tests/clients/pods.bats, remove_pod.
	p pod rm -t 0 -f pod >/dev/null 2>&1 || true
	[ "$status" = 126 ]
	[[ "$output" == *"this container's program is for s390x, the VM of its pod"*"is x86_64"* ]]
}
