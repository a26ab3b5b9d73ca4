#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A shell in the guest, not in the container.

load helpers

# A guest with (debug) or without a shell in its image.
guest_with() {
	local top=$BATS_TEST_DIRNAME/../.. dir=$WORK/guests/$ARCH
	mkdir -p "$dir"
	cp "$O/$ARCH/kernel" "$dir"
	"$O/host/kiln-image" initrd --manifest "$top/rootfs/$1.manifest" \
		--var ARCH="$ARCH" --var PROFILE="$1" --var VERSION=1 \
		--var ROOTFS="$(realpath "$top/rootfs")" \
		--var AGENT="$O/$ARCH/kiln-agent" \
		--var BUSYBOX="$BUSYBOX_ROOTFS/bin/busybox" \
		--var BUSYBOX_SMALL="$WORK/small" \
		--output "$dir/initrd.img"
	jq --arg p "$1" '.profile = $p | .artifacts = []' \
		"$O/$ARCH/image.json" >"$dir/image.json"
	export KILN_GUESTS=$WORK/guests
}

start() {
	command_is 'while :; do sleep 1; done'
	kiln_create >/dev/null 2>&1 </dev/null
	kiln start c1
}

@test "with a toolbox: the guest's processes, files and devices, the status" {
	guest_with minimal
	start
	run --separate-stderr kiln shell --toolbox "$BUSYBOX_ROOTFS" c1 sh -c \
		'cat /proc/1/comm; pwd -P; grep ^PROFILE= etc/os-release
		grep VARIANT_ID etc/os-release; test -c /dev/hwrng && echo hwrng
		ps -o args | grep -c "[d]o sleep 1"; uname -m; exit 6'
	echo "$output $stderr"
	[ "$status" = 6 ]
	[ "${lines[0]}" = init ]
	[[ "$output" == *VARIANT_ID=minimal* ]]
	[[ "$output" == *hwrng* ]]
	[ "${lines[-2]}" = 1 ]
	[ "${lines[-1]}" = "$ARCH" ]
	# The host lets no guest write to it, whatever the guest thinks.
	cp -a "$BUSYBOX_ROOTFS" "$WORK/toolbox"
	run kiln shell --toolbox "$WORK/toolbox" c1 sh -c \
		'mount -o remount,rw / ; echo x >/new; rm -f /bin/ls'
	echo "$output"
	[[ "$output" == *"Read-only file system"* ]]
	[ ! -e "$WORK/toolbox/new" ]
	[ -e "$WORK/toolbox/bin/ls" ]
	# It is gone, the container is not, and a second one works.
	[ "$(kiln list -q)" = c1 ]
	[ "$(echo 'echo $((6 * 7))' | kiln shell --toolbox "$BUSYBOX_ROOTFS" c1)" = 42 ]
	[ "$(kiln state c1 | jq -r .status)" = running ]
	kiln delete --force c1
}

@test "the toolbox beside the guest is taken; without one the command that builds it" {
	guest_with minimal
	start
	run kiln shell c1
	echo "$output"
	[ "$status" = 255 ]
	[[ "$output" == *"the guest's image (profile minimal) has no shell: 'make toolbox ARCH=$ARCH'"* ]]
	[[ "$output" == *"'make image PROFILE=debug ARCH=$ARCH'"* ]]
	ln -s "$BUSYBOX_ROOTFS" "$WORK/guests/$ARCH/toolbox"
	[ "$(kiln shell c1 cat /proc/1/comm </dev/null)" = init ]
	kiln delete --force c1
}

# As build-busybox.sh writes it: links are where busybox has its applets.
small_busybox() {
	local name
	echo "file /bin/busybox mode=0755 source=$BUSYBOX_ROOTFS/bin/busybox"
	for name in bin/cat bin/grep bin/ls bin/sh usr/sbin/chroot; do
		echo "link /$name /bin/busybox"
	done
}

own_shell() {
	guest_with "$1"
	start
	run --separate-stderr kiln shell c1 sh -c \
		'cat /etc/os-release /proc/1/comm; ls /init; ls / | grep -c .'
	echo "$output $stderr"
	[ "$status" = 0 ]
	[[ "$output" == *"VARIANT_ID=$1"* ]]
	[[ "$output" == */init* ]]
	kiln delete --force c1
}

@test "a debug image's own shell, in the guest's root" {
	own_shell debug
	small_busybox >"$WORK/small.manifest"
	own_shell debug-small
}

@test "a terminal, when there is one" {
	guest_with minimal
	start
	run script -qec "{ sleep 4; echo tty; echo exit; sleep 4; } | cat - | timeout --foreground 60 $KILN --root $STATE shell --toolbox $BUSYBOX_ROOTFS c1 sh -c 'tty; tty </dev/tty'" /dev/null </dev/null
	echo "$output"
	[[ "$output" == *"not a tty"* ]]
	run script -qec "timeout --foreground 60 $KILN --root $STATE shell --toolbox $BUSYBOX_ROOTFS c1 tty" /dev/null </dev/null
	echo "$output"
	[[ "$output" == */dev/pts/* ]]
	kiln delete --force c1
}

@test "a toolbox of another architecture, no container, one that has ended" {
	local other=s390x
	[ "$ARCH" != s390x ] || other=aarch64
	run kiln shell c1
	[ "$status" = 255 ]
	[[ "$output" == *c1* ]]
	start
	run kiln shell --toolbox "$O/$other/busybox-rootfs" c1
	echo "$output"
	[ "$status" = 255 ]
	[[ "$output" == *"'/bin/sh' in the toolbox is a program for another architecture than the guest's, $ARCH"* ]]
	kiln kill c1 KILL
	wait_status stopped
	run kiln shell --toolbox "$BUSYBOX_ROOTFS" c1
	echo "$output"
	[[ "$output" == *"container 'c1' is stopped: its guest is not running"* ]]
	kiln delete c1
}
