#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A terminal that nobody has: refused before anything is made.

load helpers

@test "a terminal needs one, or a console socket" {
	command_is true
	spec '.process.terminal = true'
	run bash -c "timeout 60 $KILN --root $STATE run --arch $ARCH \
		--bundle $BUNDLE c1 </dev/null 2>&1 | cat; exit \${PIPESTATUS[0]}"
	echo "$output"
	[ "$status" != 0 ]
	[[ "$output" == *"--console-socket"* ]]
}

@test "a detached terminal needs a console socket" {
	command_is true
	spec '.process.terminal = true'
	run kiln_create </dev/null
	echo "$output"
	[ "$status" != 0 ]
	[[ "$output" == *"cannot allocate tty if"* ]]
	[[ "$output" == *"--console-socket"* ]]
	run kiln run --detach --arch "$ARCH" --bundle "$BUNDLE" c1 </dev/null
	[ "$status" != 0 ]
	[[ "$output" == *"cannot allocate tty if"* ]]
}

@test "stdio that is closed is none, and no other file takes its place" {
	command_is 'echo out; echo err >&2; cat; exit 3'
	run bash -c "timeout 60 $KILN --root $STATE run --arch $ARCH \
		--bundle $BUNDLE c1 <&- >&- 2>&-"
	[ "$status" = 3 ]
	[ -z "$output" ]
}

@test "a full disk behind stdout does not stop the container" {
	command_is 'echo out; echo done >/root/done; exit 4'
	run bash -c "timeout 60 $KILN --root $STATE run --arch $ARCH \
		--bundle $BUNDLE c1 </dev/null >/dev/full"
	[ "$status" = 4 ]
	[ "$(cat "$BUNDLE/rootfs/root/done")" = "done" ]
}
