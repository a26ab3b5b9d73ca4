#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load helpers

@test "stop: TERM is delivered, the status is the process's" {
	c_run -d --name "$N" bb sh -c "$LOOP"
	sleep 1
	c stop -t 20 "$N"
	[ "$(c wait "$N")" = 3 ]
}

@test "stop: KILL after the time" {
	c_run -d --name "$N" bb sh -c 'trap "" TERM; while :; do sleep 0.1; done'
	sleep 1
	c stop -t 1 "$N"
	[ "$(c wait "$N")" = 137 ]
}

@test "kill: a signal of choice" {
	c_run -d --name "$N" bb sh -c 'trap "exit 5" USR1; echo ready; while :; do sleep 0.1; done'
	wait_for sh -c "'$BASE/engine' logs '$N' | grep -q ready"
	c kill -s USR1 "$N"
	[ "$(c wait "$N")" = 5 ]
}

@test "start again, restart" {
	c_run -d --name "$N" bb sh -c "date >>/log; $LOOP"
	sleep 1
	c stop -t 20 "$N"
	c start "$N"
	sleep 1
	c restart -t 20 "$N"
	wait_for sh -c "[ \$('$BASE/engine' exec '$N' grep -c : /log) = 3 ]"
}

@test "pause and unpause" {
	only podman docker # without root it takes control groups of version 2
	c_run -d --name "$N" bb sh -c 'while :; do date +%N >/now; sleep 0.1; done'
	sleep 1
	c pause "$N"
	[ "$(c inspect -f '{{.State.Status}}' "$N")" = paused ]
	c unpause "$N"
	[ "$(c inspect -f '{{.State.Status}}' "$N")" = running ]
	c exec "$N" true
}

@test "rm -f of a running one" {
	c_run -d --name "$N" bb sh -c "$LOOP"
	c rm -f "$N"
	run ! c inspect "$N"
}

@test "restart policy: on failure, so often" {
	c_run -d --restart on-failure:2 --name "$N" bb sh -c 'exit 1'
	wait_for sh -c "[ \$('$BASE/engine' inspect -f '{{.RestartCount}}' '$N') = 2 ]"
	wait_state "$N" exited
}

@test "health check" {
	c_run -d --name "$N" --health-cmd 'test -e /ok' --health-interval 1s \
		--health-retries 2 bb sh -c "touch /ok; $LOOP"
	if is_podman; then
		sleep 1
		c healthcheck run "$N"
		c exec "$N" rm /ok
		run ! c healthcheck run "$N"
	else
		wait_for sh -c "[ \$('$BASE/engine' inspect -f '{{.State.Health.Status}}' '$N') = healthy ]"
		c exec "$N" rm /ok
		wait_for sh -c "[ \$('$BASE/engine' inspect -f '{{.State.Health.Status}}' '$N') = unhealthy ]"
	fi
}

@test "out of memory is reported" {
	only podman docker
	run --separate-stderr c_run -m 32m --name "$N" bb tail /dev/zero
	[ "$status" = 137 ]
	[ "$(c inspect -f '{{.State.OOMKilled}}' "$N")" = true ]
}

@test "generate systemd names the container" {
	only podman podman-rootless
	c_run -d --name "$N" bb sh -c "$LOOP"
	run c generate systemd --name "$N"
	[ "$status" = 0 ]
	[[ "$output" == *"$N"* ]]
}
