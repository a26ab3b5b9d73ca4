#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load helpers

@test "run: output and status" {
	run --separate-stderr c_run --rm --name "$N" bb sh -c 'echo out; exit 7'
	[ "$status" = 7 ]
	[ "$output" = out ]
}

@test "run: stdin to its end, stdout and stderr apart" {
	echo hello | c_run --rm -i --name "$N" bb sh -c 'cat; echo err >&2' \
		>"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = hello ]
	[ "$(cat "$BATS_TEST_TMPDIR/err")" = err ]
}

@test "run: environment, user, folder, host name, entry point" {
	run --separate-stderr c_run --rm --name "$N" -e A=b -u 5:6 -w /tmp --hostname hx --entrypoint sh bb \
		-c 'echo $A $(id -u):$(id -g) $(pwd) $(hostname)'
	[ "$output" = "b 5:6 /tmp hx" ]
}

@test "run: a terminal" {
	run --separate-stderr c_run --rm -t --name "$N" bb tty
	[[ "$output" == /dev/pts/0* ]]
}

@test "run: a program that is not there is 127, one that cannot run 126" {
	run --separate-stderr c_run --rm --name "$N" bb /nonexistent
	[ "$status" = 127 ]
	run --separate-stderr c_run --rm --name "$N" bb /etc
	[ "$status" = 126 ]
}

@test "run: --init is process 1" {
	run --separate-stderr c_run --rm --init --name "$N" bb cat /proc/1/comm
	[[ "$output" == *init* || "$output" == catatonit ]]
}

@test "exec: output, status, stdin, user" {
	c_run -d --name "$N" bb sh -c "$LOOP"
	run --separate-stderr c exec -u 5:6 -w /tmp -e X=y "$N" sh -c 'echo $(id -u) $(pwd) $X; exit 9'
	[ "$status" = 9 ]
	[ "$output" = "5 /tmp y" ]
	[ "$(echo in | c exec -i "$N" cat)" = in ]
}

@test "exec: a terminal" {
	c_run -d --name "$N" bb sh -c "$LOOP"
	run --separate-stderr c exec -t "$N" sh -c 'tty; stty size >/dev/null && echo sized'
	[[ "$output" == /dev/pts/*sized* ]]
}

@test "logs: what was said, also after the end" {
	c_run --name "$N" bb sh -c 'echo one; echo two >&2'
	run c logs "$N"
	[[ "$output" == *one* ]]
	[[ "$output" == *two* ]]
}

@test "attach: sees output and status" {
	c create --runtime "$RUNTIME_NAME" -i --name "$N" bb sh -c 'read x; echo got $x; exit 4'
	run sh -c "echo word | timeout 60 '$BASE/engine' start -ai '$N'"
	[[ "$output" == *"got word"* ]]
	[ "$status" = 4 ]
}

@test "top shows the processes" {
	c_run -d --name "$N" bb sh -c "$LOOP"
	run c top "$N"
	[ "$status" = 0 ]
	[ "${#lines[@]}" -ge 2 ]
}

@test "stats: numbers of this container" {
	c_run -d --name "$N" bb sh -c "$LOOP"
	run c stats --no-stream --format '{{.MemUsage}}' "$N"
	[ "$status" = 0 ]
	[[ "$output" == *B* ]]
	[[ "$output" != 0B* ]]
}
