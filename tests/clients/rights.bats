#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load helpers

@test "capabilities, all and none" {
	run --separate-stderr c_run --rm --name "$N" --cap-drop ALL bb grep CapEff /proc/self/status
	[[ "$output" == *0000000000000000 ]]
	run --separate-stderr c_run --rm --name "$N" --cap-drop ALL --cap-add NET_RAW bb grep CapEff /proc/self/status
	[[ "$output" == *0000000000002000 ]]
}

@test "no new privileges" {
	run --separate-stderr c_run --rm --name "$N" --security-opt no-new-privileges bb grep NoNewPrivs /proc/self/status
	[[ "$output" == *1 ]]
}

@test "seccomp: the default profile filters, unconfined does not" {
	run --separate-stderr c_run --rm --name "$N" bb grep '^Seccomp:' /proc/self/status
	[[ "$output" == *2 ]]
	run --separate-stderr c_run --rm --name "$N" --security-opt seccomp=unconfined bb grep '^Seccomp:' /proc/self/status
	[[ "$output" == *0 ]]
}

@test "ulimits" {
	run --separate-stderr c_run --rm --name "$N" --ulimit nofile=77:88 \
		--ulimit nproc=4096:4096 bb sh -c 'ulimit -n; ulimit -Hn'
	[ "$output" = "77
88" ]
}

@test "sysctl" {
	run --separate-stderr c_run --rm --name "$N" --sysctl net.ipv4.ip_forward=1 bb cat /proc/sys/net/ipv4/ip_forward
	[ "$output" = 1 ]
}

@test "memory and processes: limits inside" {
	only podman docker
	run --separate-stderr c_run --rm --name "$N" -m 64m --pids-limit 33 bb sh -c \
		'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null
		cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null; true'
	[ "$output" = "67108864
33" ]
}

@test "processors: a set and a quota" {
	only podman docker
	c_run --rm --name "$N" --cpus 0.5 --cpuset-cpus 0 bb true
}

@test "supplementary groups" {
	run --separate-stderr c_run --rm --name "$N" --group-add 77 bb id -G
	[[ " $output " == *" 77 "* ]]
}

@test "privileged" {
	run --separate-stderr c_run --rm --name "$N" --privileged bb sh -c 'mount -t tmpfs none /mnt 2>&1 || mkdir /mnt && mount -t tmpfs none /mnt; grep -c " /mnt " /proc/mounts'
	[ "$status" = 0 ]
}

@test "a device node" {
	only podman docker
	run --separate-stderr c_run --rm --name "$N" --device /dev/zero:/dev/nought bb sh -c 'head -c 3 /dev/nought | od -An -tx1'
	[ "$output" = " 00 00 00" ]
}
