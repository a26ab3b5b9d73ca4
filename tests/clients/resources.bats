#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Limits that change while the container runs.

load helpers

# What the container itself sees: of version 1 or 2 of control groups.
LIMIT='cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes'
QUOTA='cat /sys/fs/cgroup/cpu.max 2>/dev/null | cut -d " " -f 1 | grep . || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us'

in_it() {
	c exec "$N" sh -c "$1"
}

# Of the machines of our own host's architecture the one that adds memory; other
# runtimes do not look at it, and Docker 20.10 has no annotations.
growing() {
	case $CLIENT in
	docker) ;;
	*) echo --annotation io.katacontainers.config.hypervisor.machine_type=q35 ;;
	esac
}

@test "update: memory and CPUs" {
	only podman docker # without root a limit takes groups of version 2
	c_run -d --name "$N" $(growing) --memory 256m bb sh -c "$LOOP"
	[ "$(in_it "$LIMIT")" = $((256 << 20)) ]
	c update --memory 192m --memory-swap 192m "$N"
	[ "$(in_it "$LIMIT")" = $((192 << 20)) ]
	c update --cpus 0.5 "$N"
	[ "$(in_it "$QUOTA")" = 50000 ]
	[ "$(in_it "$LIMIT")" = $((192 << 20)) ]
	[ "$CLIENT" != docker ] || return 0
	c update --memory 700m --memory-swap 700m --cpus 2 "$N"
	[ "$(in_it "$LIMIT")" = $((700 << 20)) ]
	[ "$(in_it "$QUOTA")" = 200000 ]
	# It is there, and not only allowed.
	[ "$(in_it "awk '/MemTotal/ { print (\$2 > 700 * 1024) }' /proc/meminfo")" = 1 ]
	[ "$(in_it nproc)" -ge 2 ]
	[ "$(c inspect -f '{{.State.Status}}' "$N")" = running ]
}
