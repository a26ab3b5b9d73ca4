#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the helpers of a sandbox may see and do, read from /proc.

load helpers

in_status() {
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"
}

# The namespaces in which processes $1 and $2 differ.
namespaces_apart() {
	local n
	for n in ipc mnt net pid user uts; do
		[ "$(readlink "/proc/$1/ns/$n")" = "$(readlink "/proc/$2/ns/$n")" ] ||
			echo -n "$n "
	done
}

# All that $1 sees of the host, but programs and the share.
foreign_sights() {
	local entry
	for entry in etc home root var sys boot opt srv run/user mnt media; do
		[ -z "$(ls -A "/proc/$1/root/$entry" 2>/dev/null)" ] || echo "/$entry"
	done
}

# Capabilities that $1 has beyond the set $2.
too_many_capabilities() {
	printf '%x\n' $((0x$(in_status "$1" CapEff) & ~$2 |
		0x$(in_status "$1" CapPrm) & ~$2 | 0x$(in_status "$1" CapBnd) & ~$2))
}

# Mounts that $1 could write to: where, outside of /dev and the share.
writable_mounts() {
	awk -v share="$STATE/c1/shared" '
		$6 ~ /(^|,)rw(,|$)/ && $5 !~ "^/dev/" && index($5, share) != 1 { print $5 }
	' "/proc/$1/mountinfo"
}

# chown, dac_override, fowner, fsetid, setfcap: for files that it can see
FILES=0x8000001b
# and setgid, setuid, setpcap, sys_chroot, mknod
SERVER=$((FILES | 0x80401c0))

confined() {
	local supervisor=$(journal_pid supervisor)
	[ "$(namespaces_apart "$1" "$supervisor")" = "ipc mnt net pid user uts " ]
	[ "$(foreign_sights "$1")" = "" ] || [ "$(foreign_sights "$1")" = /etc ]
	# of /etc the loader's files alone
	[ -z "$(ls -A "/proc/$1/root/etc" | grep -v -e '^ld\.so' -e '^ld-musl' -e '^alternatives$')" ]
	[ "$(too_many_capabilities "$1" "$2")" = 0 ]
	[ "$(in_status "$1" NoNewPrivs)" = 1 ]
	[ "$(in_status "$1" Seccomp)" = 2 ]
	[ "$(writable_mounts "$1")" = "" ]
	# It sees no process but itself and what it starts.
	[ "$(ls "/proc/$1/root/proc" | grep -c '^[0-9]')" -le 2 ]
}

@test "QEMU sees its files, and has no rights on the host" {
	command_is 'while :; do sleep 0.1; done'
	kiln_configured create 'confine = "always"' >"$WORK/out" 2>&1 </dev/null
	kiln start c1
	confined "$(journal_pid vmm)" "$FILES"
	# It does its work: files of others, through the share.
	spec '.process.capabilities[] += ["CAP_CHOWN"]'
	kiln exec c1 sh -c 'echo x >/root/x'
	[ "$(cat "$BUNDLE/rootfs/root/x")" = x ]
}

@test "virtiofsd too" {
	[ "$ARCH" = "$(uname -m)" ] || return 0 # refused: share.bats
	command_is 'while :; do sleep 0.1; done'
	kiln_configured create 'confine = "always"' 'shared_fs = "virtio-fs"' \
		>"$WORK/out" 2>&1 </dev/null
	confined "$(journal_pid vmm)" "$FILES"
	pid=$(journal_pid virtiofsd)
	[ "$(too_many_capabilities "$pid" "$SERVER")" = 0 ]
	[ "$(in_status "$pid" NoNewPrivs)" = 1 ]
	[ "$(in_status "$pid" Seccomp)" = 2 ]
	[ "$(namespaces_apart "$pid" "$(journal_pid supervisor)")" = "ipc mnt net pid user uts " ]
}

@test "confine = \"never\" shows that these tests can see a difference" {
	command_is 'while :; do sleep 0.1; done'
	kiln_configured create 'confine = "never"' >"$WORK/out" 2>&1 </dev/null
	pid=$(journal_pid vmm)
	[ "$(namespaces_apart "$pid" "$(journal_pid supervisor)")" = "" ]
	[ "$(foreign_sights "$pid")" != "" ]
	[ "$(too_many_capabilities "$pid" "$FILES")" != 0 ]
	[ "$(writable_mounts "$pid")" != "" ]
}

@test "a QEMU named by a symbolic link is found in the jail" {
	ln -s "$(command -v "qemu-system-${ARCH/ppc64le/ppc64}")" "$WORK/link"
	command_is 'echo works'
	run kiln_configured run 'confine = "always"' "path = \"$WORK/link\""
	echo "$output"
	[ "$output" = works ]
}

# As Podman writes it without root: a bind mount for each device of the host.
@test "a privileged container has of the host's devices what the guest has" {
	spec '.mounts += [
		{destination: "/dev/loop-none", type: "bind", source: "/dev/loop-none", options: ["bind"]},
		{destination: "/dev/kmsg", type: "bind", source: "/dev/kmsg", options: ["bind"]}]'
	command_is 'test -c /dev/kmsg && ! test -e /dev/loop-none && echo right'
	run kiln_run </dev/null
	echo "$output"
	[ "$status" != 0 ]
	[[ "$output" == *"'/dev/loop-none'"*"No such file or directory"* ]]
	spec '.annotations["io.podman.annotations.privileged"] = "TRUE"'
	run kiln_run </dev/null
	echo "$output"
	[ "$status" = 0 ]
	[ "$output" = right ]
}

@test "a user namespace has devices of its own owners" {
	spec '.linux.namespaces += [{type: "user"}] |
		.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
		.linux.gidMappings = .linux.uidMappings |
		.linux.devices = [{path: "/dev/foo", type: "c", major: 1, minor: 5,
			fileMode: 384, uid: 10, gid: 11},
			{path: "/dev/zero", type: "c", major: 1, minor: 5, uid: 12, gid: 13}]'
	chown -R 100000:100000 "$BUNDLE/rootfs"
	command_is 'stat -c "%u:%g %a" /dev/foo /dev/zero; head -c 2 /dev/zero | od -An -tx1'
	run kiln_run </dev/null
	echo "$output"
	[ "$status" = 0 ]
	[ "$output" = "10:11 600
12:13 666
 00 00" ]
}
