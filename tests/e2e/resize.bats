#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The VM's size follows the limits of its containers: seen in the guest, and in
# the control group of the host. Each architecture by its own way.

load helpers

# The machine that adds memory to a VM that runs, and CPUs that all can have.
growing() {
	case $ARCH in
	x86_64) echo 'machine_type = "q35"' ;;
	aarch64) echo 'machine_type = "virt-pci"' ;;
	esac
	echo 'default_maxvcpus = 2'
}

can_add_memory() {
	[ "$ARCH" != s390x ]
}

# start LIMIT_MIB LINE...: container c1, which does nothing, with LIMIT_MIB of
# memory, and a configuration of these lines.
start() {
	local mib=$1 lines
	shift
	command_is 'while :; do sleep 1; done'
	spec --argjson m "$((mib << 20))" '.linux.resources.memory.limit = $m'
	mapfile -t lines < <(printf '%s\n' "$@")
	kiln_configured create "${lines[@]}" >"$WORK/out" 2>&1 </dev/null || {
		cat "$WORK/out"
		return 1
	}
	kiln start c1
}

in_guest() {
	kiln exec c1 sh -c "$1" </dev/null
}

cpus() {
	in_guest nproc
}

# MiB of the guest's memory.
memory() {
	in_guest "awk '/^MemTotal/ { print int(\$2 / 1024) }' /proc/meminfo"
}

# Blocks of memory in the guest: those that a balloon holds are counted, those
# that were removed are not.
blocks() {
	in_guest 'ls -d /sys/devices/system/memory/memory[0-9]* | wc -l'
}

# MiB that the host's group lets the VM have, or nothing.
host_limit() {
	local g f
	g=$(jq -r .linux.cgroupsPath "$BUNDLE/config.json")
	for f in "/sys/fs/cgroup/memory$g/memory.limit_in_bytes" \
		"/sys/fs/cgroup$g/memory.max"; do
		[ ! -e "$f" ] || awk '{ print $1 / 1048576 }' "$f"
	done
}

# refused WORDS ARGUMENT...: an update that says WORDS, and changes nothing.
refused() {
	local words=$1 before
	shift
	before=$(cpus; memory; in_guest 'cat /sys/fs/cgroup/*.max')
	run kiln update "$@" c1
	echo "$output"
	[ "$status" = 1 ]
	[[ "$output" == *"$words"* ]]
	[ "$(cpus; memory; in_guest 'cat /sys/fs/cgroup/*.max')" = "$before" ]
}

@test "CPUs come and go with the quota" {
	start 256 "$(growing)"
	[ "$(cpus)" = 1 ]
	kiln update --cpu-period 100000 --cpu-quota 150000 c1
	[ "$(cpus)" = 2 ]
	[ "$(in_guest 'cat /sys/fs/cgroup/cpu.max')" = "150000 100000" ]
	# Both do something.
	in_guest 'for c in 0 1; do taskset $((1 << c)) true || exit 1; done'
	kiln update --cpu-quota 50000 c1
	[ "$(cpus)" = 1 ]
	# Again and again: what QEMU 7.2 adds and removes while it translates,
	# it must not do without end.
	for _ in 1 2 3; do
		kiln update --cpu-quota 200000 c1
		[ "$(cpus)" = 2 ]
		kiln update --cpu-quota 100000 c1
		[ "$(cpus)" = 1 ]
	done
	[ "$(kiln state c1 | jq -r .status)" = running ]
}

@test "memory comes and goes with the limit; the host's group follows" {
	local first=$((256 + 128)) now before
	[ "$ARCH" != ppc64le ] || first=512
	start 256 "$(growing)"
	before=$(memory)
	[ "$before" -gt $((first - 64)) ] && [ "$before" -le "$first" ]
	now=$(host_limit)
	[ -z "$now" ] || [ "$now" = $((first + 384)) ]
	if can_add_memory; then
		kiln update --memory 700M c1
		[ "$(in_guest 'cat /sys/fs/cgroup/memory.max')" = $((700 << 20)) ]
		now=$(memory)
		echo "before $before, now $now"
		[ "$now" -gt $((700 + 40)) ]
		# And used: dd has a buffer of it, and fills it.
		in_guest 'dd if=/dev/zero of=/dev/null bs=500M count=1'
		now=$(host_limit)
		[ -z "$now" ] || [ "$now" -ge $((828 + 384)) ]
	fi
	kiln update --memory 256M c1
	now=$(memory)
	echo "again $now"
	[ "$now" -ge $((before - 8)) ] && [ "$now" -le $((before + 8)) ]
	# Below what it was started with.
	kiln update --memory 128M c1
	now=$(memory)
	echo "less $now"
	[ "$now" -lt $((before - 90)) ]
	[ "$(in_guest 'cat /sys/fs/cgroup/memory.max')" = $((128 << 20)) ]
	now=$(host_limit)
	[ -z "$now" ] || [ "$now" -lt $((first + 384 - 90)) ]
	kiln update --memory 256M c1
	[ "$(memory)" -ge $((before - 8)) ]
	[ "$(kiln state c1 | jq -r .status)" = running ]
}

@test "what a machine cannot is refused by name, and changes nothing" {
	case $ARCH in
	x86_64)
		start 256
		refused "machine 'q35' does (machine_type)" --cpu-quota 200000
		refused "machine 'q35' does (machine_type)" --memory 1G
		;;
	aarch64)
		start 256
		refused "no machine of aarch64 does" --cpu-quota 200000
		refused "machine 'virt-pci' does (machine_type)" --memory 1G
		;;
	s390x)
		start 256
		refused "no machine of s390x does" --memory 1G
		;;
	ppc64le)
		start 256 'default_maxmemory = 1024'
		refused "at most 1024 MiB (default_maxmemory" --memory 1200M
		;;
	esac
	# What it has is still there for the taking.
	kiln update --memory 200M --cpu-quota 50000 c1
	[ "$(in_guest 'cat /sys/fs/cgroup/memory.max')" = $((200 << 20)) ]
}

@test "a machine that adds no CPUs has spare ones, when it is told" {
	case $ARCH in
	s390x | ppc64le) skip "those of $ARCH add them" ;;
	esac
	start 256 'default_maxvcpus = 2'
	[ "$(cpus)" = 1 ]
	kiln update --cpu-quota 900000 c1
	[ "$(cpus)" = 2 ]
	kiln update --cpu-quota -1 c1
	[ "$(cpus)" = 1 ]
}

@test "DIMMs come and go" {
	[[ $ARCH == @(x86_64|ppc64le) ]] || skip "$ARCH has none"
	start 256 "$(growing)" 'enable_virtio_mem = false'
	local before had
	before=$(memory)
	had=$(blocks)
	for _ in 1 2; do
		kiln update --memory 700M c1
		[ "$(memory)" -gt $((before + 400)) ]
		[ "$(blocks)" -gt "$had" ]
		kiln update --memory 256M c1
		[ "$(memory)" -le $((before + 8)) ]
		[ "$(blocks)" = "$had" ]
	done
}

@test "a further container makes room for itself" {
	local base=$BUNDLE before
	start 256 "$(growing)"
	before=$(memory)
	mkdir -p "$WORK/c2"
	cp -a "$base/rootfs" "$WORK/c2/"
	jq --argjson m $((512 << 20)) '
		.linux.cgroupsPath += "-2" |
		.linux.resources.memory.limit = $m |
		.linux.resources.cpu = {quota: 120000, period: 100000} |
		.annotations["io.kubernetes.cri.container-type"] = "container" |
		.annotations["io.kubernetes.cri.sandbox-id"] = "c1"' \
		<"$base/config.json" >"$WORK/c2/config.json"
	kiln create --arch "$ARCH" --bundle "$WORK/c2" c2 >"$WORK/out2" 2>&1 \
		</dev/null || { cat "$WORK/out2"; false; }
	kiln start c2
	[ "$(cpus)" = 2 ]
	if can_add_memory; then
		[ "$(memory)" -gt $((256 + 512 + 40)) ]
	else
		[ "$(memory)" = "$before" ]
	fi
	# What the others need stays when one is content with less.
	kiln update --memory 128M c1
	[ "$(cpus)" = 2 ]
	[ "$(kiln exec c2 nproc </dev/null)" = 2 ]
	if can_add_memory; then
		[ "$(memory)" -gt $((128 + 512 + 40)) ]
	fi
	kiln delete --force c2
	kiln update --cpu-quota 50000 c1
	[ "$(cpus)" = 1 ]
	[ "$(memory)" -lt "$before" ]
}

@test "a VM that has grown is not saved, one that has shrunk is" {
	case $ARCH in
	s390x | ppc64le) skip "no emulated guest of $ARCH is saved" ;;
	esac
	start 256 "$(growing)" 'shared_fs = "none"'
	kiln update --memory 500M c1
	run kiln checkpoint --image-path "$WORK/ck" c1
	echo "$output"
	[ "$status" = 1 ]
	[[ "$output" == *"CPUs or memory were added to its VM"* ]]
	kiln update --memory 128M c1
	local before
	before=$(memory)
	kiln checkpoint --image-path "$WORK/ck" c1
	kiln restore -d --image-path "$WORK/ck" --bundle "$BUNDLE" c1 \
		>"$WORK/out2" 2>&1 </dev/null || { cat "$WORK/out2"; false; }
	[ "$(memory)" = "$before" ]
	kiln update --memory 500M --cpu-quota 200000 --cpu-period 100000 c1
	[ "$(memory)" -gt $((before + 300)) ]
	[ "$(cpus)" = 2 ]
}
