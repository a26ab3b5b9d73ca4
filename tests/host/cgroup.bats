#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The host's control groups of a container.

load ../e2e/helpers

GROUP=/kiln-e2e-$$-$RANDOM/c1

# The group's folder in the hierarchy that has controller $1.
group_of() {
	local dir
	dir=$(awk -v c="$1" '$(NF - 2) == "cgroup" && ("," $NF ",") ~ "," c "," \
		{ print $5; exit }' /proc/self/mountinfo)
	[ -n "$dir" ] || dir=$(awk '$(NF - 2) == "cgroup2" { print $5; exit }' \
		/proc/self/mountinfo)
	echo "$dir$GROUP"
}

# One of two values, of version 1 or 2: FILE1 VALUE1 FILE2 VALUE2 below DIR.
holds() {
	if [ -e "$1/$2" ]; then
		[ "$(cat "$1/$2")" = "$3" ]
	else
		[ "$(cat "$1/$4")" = "$5" ]
	fi
}

writable_groups() {
	[ "$(id -u)" = 0 ] && mkdir "$(dirname "$(group_of pids)")" 2>/dev/null &&
		rmdir "$(dirname "$(group_of pids)")"
}

# Of the test's group nothing is left, nor of the folder above it.
no_group_left() {
	run find /sys/fs/cgroup -path "*$(dirname "$GROUP")*"
	echo "$output"
	[ -z "$output" ]
}

setup_limits() {
	writable_groups || skip "control groups of the host are not writable"
	command_is 'sleep 100'
	spec --arg p "$GROUP" '.linux.cgroupsPath = $p |
		.linux.resources.cpu = {shares: 512, quota: 50000, period: 100000} |
		.linux.resources.memory.limit = 67108864 |
		.linux.resources.pids.limit = 50'
}

@test "the VM is in the group, with the limits, until delete" {
	setup_limits
	kiln_create </dev/null >/dev/null 2>"$WORK/err"
	[ ! -s "$WORK/err" ]
	kiln start c1
	holds "$(group_of cpu)" cpu.shares 512 cpu.weight 20
	holds "$(group_of cpu)" cpu.cfs_quota_us 50000 cpu.max "50000 100000"
	# What the VM itself needs comes on top.
	local limit file=memory.limit_in_bytes
	[ -e "$(group_of memory)/$file" ] || file=memory.max
	limit=$(cat "$(group_of memory)/$file")
	[ "$limit" -gt $((67108864 + 134217728)) ]
	[ "$limit" -lt 4294967296 ]
	# Supervisor, VMM and stub, also those of an exec.
	kiln exec -d c1 sleep 100 </dev/null >/dev/null 2>&1
	local pid names=
	for pid in $(cat "$(group_of cpu)/cgroup.procs"); do
		names="$names $(cat "/proc/$pid/comm")"
	done
	echo "$names"
	[[ "$names" == *kiln-supervisor* && "$names" == *qemu-system* ]]
	[ "$(grep -o kiln-stub <<<"$names" | wc -l)" = 2 ]
	kiln update --cpu-quota 70000 --cpuset-cpus 0 c1
	holds "$(group_of cpu)" cpu.cfs_quota_us 70000 cpu.max "70000 100000"
	[ "$(cat "$(group_of cpuset)/cpuset.cpus")" = 0 ]
	kiln delete --force c1
	no_group_left
}

@test "a VM in a group of its own is not bounded on the host" {
	setup_limits
	printf '[runtime]\nsandbox_cgroup_only = false\n' >"$WORK/config.toml"
	kiln --config "$WORK/config.toml" create --arch "$ARCH" \
		--bundle "$BUNDLE" c1 </dev/null >/dev/null 2>&1
	holds "$(group_of memory)" memory.limit_in_bytes 67108864 \
		memory.max 67108864
	holds "$(group_of pids)" pids.max 50 pids.max 50
	[ "$(wc -l <"$(group_of cpu)/cgroup.procs")" = 1 ]
	local pid
	pid=$(pgrep -f "supervisor --root $STATE")
	grep -q 'kiln_overhead/c1$' "/proc/$pid/cgroup"
	kiln delete --force c1
	no_group_left
	run find /sys/fs/cgroup -path '*/kiln_overhead/c1'
	[ -z "$output" ]
}

@test "a killed supervisor's group goes with delete, a dead client's by itself" {
	setup_limits
	kiln_create </dev/null >/dev/null 2>&1
	kill -9 "$(pgrep -f "supervisor --root $STATE")"
	kiln delete c1
	no_group_left
	kiln_run </dev/null >/dev/null 2>&1 &
	wait_status running
	# It has to step out of the group that it removes.
	pkill -9 -f -- "--root $STATE run"
	local i
	for ((i = 0; i < 100; i++)); do
		[ -d "$STATE/c1" ] || break
		sleep 0.1
	done
	[ ! -d "$STATE/c1" ]
	no_group_left
}

@test "no groups at all by --cgroup-manager disabled" {
	setup_limits
	kiln --cgroup-manager disabled create --arch "$ARCH" \
		--bundle "$BUNDLE" c1 </dev/null >/dev/null 2>&1
	[ ! -e "$(group_of cpu)" ]
}

@test "exec in a group of the container's own, in a paused one, out of memory" {
	command_is 'sleep 200'
	spec '.linux.namespaces |= map(select(.type != "cgroup")) + [{type: "cgroup"}] |
		.linux.resources.memory = {limit: 33554432, swap: 33554432} |
		.mounts |= map((select(.type == "cgroup") | .options -= ["ro"]) // .)'
	kiln_create </dev/null >/dev/null 2>&1
	kiln start c1
	kiln exec c1 mkdir /sys/fs/cgroup/sub </dev/null
	[ "$(kiln exec --cgroup /sub c1 cat /proc/self/cgroup)" = 0::/sub ]
	run kiln exec --cgroup ../.. c1 true
	[ "$status" = 255 ]
	[[ "$output" == *"not a sub cgroup path"* ]]
	run kiln exec --cgroup nothing c1 true
	[ "$status" = 255 ]
	[[ "$output" == *"nothing/cgroup.procs: no such file"* ]]
	kiln pause c1
	run kiln exec c1 true
	[ "$status" = 255 ]
	kiln exec --ignore-paused c1 echo later >"$WORK/out" </dev/null &
	sleep 1
	[ ! -s "$WORK/out" ]
	kiln resume c1
	wait $!
	[ "$(cat "$WORK/out")" = later ]
	kiln events --interval 60s c1 >"$WORK/events" &
	wait_line "$WORK/events" '"type":"stats"'
	run kiln exec c1 tail /dev/zero
	wait_line "$WORK/events" '{"type":"oom","id":"c1"}'
	kiln delete --force c1
	wait
}
