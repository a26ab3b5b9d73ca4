# SPDX-License-Identifier: Apache-2.0
#
# Shared by the tests that run a container engine on a runtime. Environment:
# CLIENT podman, podman-rootless or docker; RUNTIME, the runtime's program;
# ROOTFS, a folder with busybox; BASE, a folder of all files of one run that the
# engine's user may enter, where start.sh has put image and engine.

bats_require_minimum_version 1.5.0

# The engine, without a runtime.
c() {
	timeout "${T:-90}" "$BASE/engine" "$@"
}

# `run` on the runtime under test.
c_run() {
	c run --runtime "$RUNTIME_NAME" "$@"
}

wait_for() {
	local i
	for ((i = 0; i < 150; i++)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.2
	done
	echo "waited in vain: $*"
	return 1
}

wait_state() {
	local i
	for ((i = 0; i < 150; i++)); do
		[ "$(c inspect -f '{{.State.Status}}' "$1")" = "$2" ] && return 0
		sleep 0.2
	done
	c inspect -f '{{.State.Status}}' "$1"
	return 1
}

setup() {
	N=t$$-$BATS_TEST_NUMBER
}

teardown() {
	local ids
	ids=$(c ps -aq --filter "name=$N")
	[ -z "$ids" ] || c rm -f $ids >/dev/null
	c network rm "$N" "$N-b" >/dev/null 2>&1 || true
	c volume rm "$N" >/dev/null 2>&1 || true
}

# A process that ends at TERM with status 3.
LOOP='trap "exit 3" TERM; while :; do sleep 0.1; done'

# A shell's command that gets the page of HOST at PORT, with what precedes it:
# the wget of a static busybox may not survive the resolver of its libc.
get() {
	printf '%s' "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 10 $1 $2"
}

is_podman() {
	[[ $CLIENT == podman* ]]
}

# For what another engine does not have: its tests are not counted.
only() {
	[[ " $* " == *" $CLIENT "* ]] || skip "not a matter of $CLIENT"
}
