#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What fails says why, within seconds, and leaves nothing behind.

load helpers

qemu_pid() {
	journal_pid vmm
}

# A guest folder of this test's own, to be damaged.
own_guest() {
	mkdir -p "$WORK/guests/$ARCH"
	cp "$O/$ARCH/"{kernel,initrd.img} "$WORK/guests/$ARCH/"
	export KILN_GUESTS=$WORK/guests
}

@test "a missing kernel is named, with what to do" {
	mkdir -p "$WORK/guests/$ARCH" "$WORK/bin"
	cp "$KILN" "$WORK/bin/kiln" # outside of the build tree and its guests
	KILN=$WORK/bin/kiln KILN_GUESTS=$WORK/guests run kiln_run
	echo "$output"
	[ "$status" != 0 ]
	[[ "$output" == *"$WORK/guests"* ]]
	[[ "$output" == *"make image ARCH=$ARCH"* ]]
}

@test "a machine that the architecture has not is named" {
	run kiln_configured run 'machine_type = "q35x"'
	echo "$output"
	[ "$status" = 1 ]
	[[ "$output" == *"machine_type = 'q35x': $ARCH has "* ]]
}

@test "a guest that panics reports its panic line" {
	own_guest
	# A valid archive without an init.
	(cd "$WORK" && : >empty && echo empty | cpio -o -H newc 2>/dev/null) \
		>"$WORK/guests/$ARCH/initrd.img"
	SECONDS=0
	run kiln_run
	echo "$output"
	[ "$status" != 0 ]
	[[ "$output" == *"panic"* ]]
	[ $SECONDS -le 15 ]
}

@test "a truncated initrd is an error, not a hang" {
	own_guest
	head -c 20000 "$O/$ARCH/initrd.img" >"$WORK/guests/$ARCH/initrd.img"
	SECONDS=0
	run kiln_run
	echo "$output"
	[ "$status" != 0 ]
	[[ "$output" == *panic* || "$output" == *truncated* || "$output" == *size* ]]
	[ $SECONDS -le 15 ]
}

@test "killing QEMU ends the container and is reported" {
	command_is 'echo ready; while :; do sleep 1; done'
	kiln_create --pid-file "$WORK/pid" >"$WORK/out" 2>&1 </dev/null
	kiln start c1
	wait_line "$WORK/out" ready
	kill -9 "$(journal_pid vmm)"
	wait_status stopped
	is_gone "$(cat "$WORK/pid")"
	kiln delete c1
}

@test "killing the supervisor takes the VM with it; delete cleans up" {
	command_is 'echo ready; while :; do sleep 1; done'
	kiln_create --pid-file "$WORK/pid" >"$WORK/out" 2>&1 </dev/null
	kiln start c1
	wait_line "$WORK/out" ready
	[ -d "/proc/$(qemu_pid)" ]
	pkill -9 -f "supervisor.*$STATE"
	wait_status stopped
	is_gone "$(qemu_pid)"
	kiln delete --force c1
}

@test "killing the stub kills the container" {
	command_is 'echo ready; while :; do sleep 1; done'
	kiln_create --pid-file "$WORK/pid" >"$WORK/out" 2>&1 </dev/null
	kiln start c1
	wait_line "$WORK/out" ready
	kill -9 "$(cat "$WORK/pid")"
	wait_status stopped
	kiln delete c1
}

@test "a broken spec is refused by name" {
	spec '.process.args = "sh"'
	run kiln_run
	echo "$output"
	[ "$status" != 0 ]
	[[ "$output" == *"process.args"* ]]
}

@test "a program that is not there is named" {
	spec '.process.args = ["/no/such/program"]'
	run kiln_run
	echo "$output"
	[ "$status" != 0 ]
	[[ "$output" == *"/no/such/program"* ]]
}

@test "an id in use, and an unknown one" {
	command_is 'sleep 100'
	kiln_create >/dev/null 2>&1 </dev/null
	run kiln_create </dev/null
	[ "$status" != 0 ]
	[[ "$output" == *c1* ]]
	[ "$(kiln state c1 | jq -r .status)" = created ]
	kiln delete --force c1
	kiln delete --force never-was
	run kiln delete never-was
	[ "$status" != 0 ]
	run kiln kill never-was TERM
	[ "$status" != 0 ]
	run kiln run --bundle "$BUNDLE" '../evil'
	[ "$status" != 0 ]
}

@test "a machine that there is not is refused by name" {
	run kiln_configured create "machine_type = 'pdp11'"
	echo "$output"
	[ "$status" != 0 ]
	[[ "$output" == *"machine_type = 'pdp11': $ARCH has "* ]]
}
