#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load helpers

setup() {
	N=t$$-$BATS_TEST_NUMBER
	DIR=$(mktemp -d "$BASE/tmp-vol.XXXX")
	chmod 777 "$DIR"
}

@test "a folder, both ways; read-only refuses" {
	echo host >"$DIR/a"
	run --separate-stderr c_run --rm --name "$N" -v "$DIR:/v" -v "$DIR:/r:ro" bb sh -c \
		'cat /v/a; echo guest >/v/b; touch /r/x 2>/dev/null || echo refused'
	[ "$output" = "host
refused" ]
	[ "$(cat "$DIR/b")" = guest ]
}

@test "a single file" {
	echo host >"$DIR/f"
	run --separate-stderr c_run --rm --name "$N" -v "$DIR/f:/etc/f:ro" bb cat /etc/f
	[ "$output" = host ]
}

@test "a named volume lives on" {
	c volume create "$N"
	c_run --rm --name "$N-a" -v "$N:/v" bb sh -c 'echo kept >/v/x'
	run --separate-stderr c_run --rm --name "$N" -v "$N:/v" bb cat /v/x
	[ "$output" = kept ]
}

@test "--mount of every type" {
	run --separate-stderr c_run --rm --name "$N" --mount "type=bind,source=$DIR,target=/b" \
		--mount type=tmpfs,target=/t,tmpfs-size=1m bb sh -c 'grep -c -e " /b " -e " /t " /proc/mounts'
	[ "$output" = 2 ]
}

@test "--read-only and --tmpfs" {
	run --separate-stderr c_run --rm --name "$N" --read-only --tmpfs /t bb sh -c \
		'touch /x 2>/dev/null || echo refused; touch /t/x && echo works'
	[ "$output" = "refused
works" ]
}

@test "--shm-size" {
	run --separate-stderr c_run --rm --name "$N" --shm-size 7m bb sh -c 'df -k /dev/shm | tail -1'
	[[ "$output" == *" 7168 "* ]]
}

@test "cp, both ways" {
	c_run -d --name "$N" bb sh -c "$LOOP"
	echo in >"$DIR/in"
	c cp "$DIR/in" "$N:/in"
	wait_for sh -c "[ \"\$('$BASE/engine' exec '$N' cat /in)\" = in ]"
	c exec "$N" sh -c 'echo out >/out'
	c cp "$N:/out" - | tar -xO | grep -x out
}

@test "diff and commit" {
	c_run -d --name "$N" bb sh -c "echo new >/made; $LOOP"
	sleep 1
	c stop -t 20 "$N"
	run c diff "$N"
	[[ "$output" == *"A /made"* ]]
	c commit "$N" "img$N"
	run --separate-stderr c_run --rm --name "$N-a" "img$N" cat /made
	[ "$output" = new ]
	c rmi -f "img$N"
}

@test "export" {
	c_run --name "$N" bb sh -c 'echo new >/made'
	c export -o "$DIR/x.tar" "$N"
	tar -tf "$DIR/x.tar" | grep -E '^(\./)?made$'
}

@test "secrets" {
	only podman podman-rootless
	echo hidden >"$DIR/s"
	c secret create "$N" "$DIR/s"
	run --separate-stderr c_run --rm --name "$N" --secret "$N" bb cat "/run/secrets/$N"
	c secret rm "$N"
	[ "$output" = hidden ]
}

@test "owners are kept" {
	only podman docker
	run --separate-stderr c_run --rm --name "$N" -v "$DIR:/v" bb sh -c 'touch /v/f; chown 33:44 /v/f; stat -c %u:%g /v/f'
	[ "$output" = 33:44 ]
	[ "$(stat -c %u:%g "$DIR/f")" = 33:44 ]
}
