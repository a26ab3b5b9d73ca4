#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The container core, in a VM of each architecture.

load helpers

@test "prints the guest's own machine" {
	command_is 'uname -m'
	run kiln_run
	echo "$output"
	[ "$status" = 0 ]
	[ "$output" = "$ARCH" ]
}

@test "stdout and stderr stay apart and alone" {
	command_is 'echo out; echo err >&2'
	kiln_run >"$WORK/out" 2>"$WORK/err"
	[ "$(cat "$WORK/out")" = out ]
	[ "$(cat "$WORK/err")" = err ]
}

@test "exit status is the container's" {
	command_is 'exit 7'
	run kiln_run
	[ "$status" = 7 ]
	command_is 'sh -c "kill -9 \$\$"; exit $?'
	run kiln_run
	[ "$status" = 137 ]
}

@test "byte order is the architecture's" {
	command_is "printf '\\001\\002' | od -A n -t x2"
	run kiln_run
	case $ARCH in
	s390x) [ "$output" = " 0102" ] ;;
	*) [ "$output" = " 0201" ] ;;
	esac
}

@test "stdin goes through, to its end" {
	command_is 'cat; echo end'
	printf 'a\nb' | kiln_run >"$WORK/out"
	[ "$(cat "$WORK/out")" = "a
bend" ]
}

@test "16 MiB through cat, unchanged" {
	command_is 'cat'
	head -c 16777216 /dev/urandom >"$WORK/in"
	kiln_run <"$WORK/in" >"$WORK/out"
	cmp "$WORK/in" "$WORK/out"
}

@test "create, start, state, kill, delete" {
	command_is 'trap "echo got TERM; exit 9" TERM; echo ready; while :; do sleep 0.1; done'
	kiln_create --pid-file "$WORK/pid" >"$WORK/out" 2>&1 </dev/null
	[ "$(kiln state c1 | jq -r .status)" = created ]
	[ "$(kiln state c1 | jq -r .pid)" = "$(cat "$WORK/pid")" ]
	kill -0 "$(cat "$WORK/pid")"
	[ ! -s "$WORK/out" ]
	kiln start c1
	wait_line "$WORK/out" ready
	wait_status running
	run kiln delete c1
	[ "$status" != 0 ]
	kiln kill c1 TERM
	wait_status stopped
	grep -q 'got TERM' "$WORK/out"
	is_gone "$(cat "$WORK/pid")"
	kiln delete c1
	run kiln state c1
	[ "$status" != 0 ]
}

@test "exec: output, status, user, directory, environment" {
	command_is 'while :; do sleep 1; done'
	kiln_create >/dev/null 2>&1 </dev/null
	kiln start c1
	run kiln exec c1 uname -m
	[ "$output" = "$ARCH" ]
	run kiln exec c1 sh -c 'exit 5'
	[ "$status" = 5 ]
	run kiln exec --user 1000:1001 --cwd /tmp --env A=b c1 \
		sh -c 'echo $(id -u) $(id -g) $(pwd) $A'
	[ "$output" = "1000 1001 /tmp b" ]
	run bash -c "echo hello | timeout 60 $KILN --root $STATE exec c1 cat"
	[ "$output" = hello ]
	run kiln exec c1 /no/such/program
	echo "$output"
	[ "$status" != 0 ]
	[[ "$output" == *"/no/such/program"* ]]
	kiln kill c1 KILL
	wait_status stopped
	kiln delete c1
}

@test "a terminal: tty, size, raw bytes" {
	command_is 'tty; stty size; read x; echo "<$x>"'
	spec '.process.terminal = true | .process.consoleSize = {height: 33, width: 77}'
	run script -qec "stty rows 33 cols 77; { sleep 4; echo hi; } | timeout --foreground 60 $KILN --root $STATE run --arch $ARCH --bundle $BUNDLE c1" /dev/null </dev/null
	echo "$output"
	[[ "$output" == *"/dev/"* ]]
	[[ "$output" == *"33 77"* ]]
	[[ "$output" == *"<hi>"* ]]
}

@test "namespaces: own pids, hostname, no network but loopback" {
	command_is 'echo $$; hostname; ls /sys/class/net | grep -cv "^lo$"; ps | grep -c "[k]iln-agent"; true'
	spec '.hostname = "boxed"'
	run kiln_run
	echo "$output"
	[ "${lines[0]}" = 1 ]
	[ "${lines[1]}" = boxed ]
	[ "${lines[2]}" = 0 ]
	[ "${lines[-1]}" = 0 ]
}

@test "volumes: read-write, read-only, a single file" {
	mkdir "$WORK/rw" "$WORK/ro"
	echo one >"$WORK/ro/file"
	echo single >"$WORK/single"
	spec --arg w "$WORK" '.mounts += [
		{destination: "/rw", type: "bind", source: ($w + "/rw"), options: ["rbind", "rw"]},
		{destination: "/ro", type: "bind", source: ($w + "/ro"), options: ["rbind", "ro"]},
		{destination: "/etc/single", type: "bind", source: ($w + "/single"), options: ["bind", "ro"]}]'
	command_is 'cat /ro/file /etc/single; echo two >/rw/new; touch /ro/x 2>/dev/null || echo denied'
	run kiln_run
	echo "$output"
	[ "$status" = 0 ]
	[ "$output" = "one
single
denied" ]
	[ "$(cat "$WORK/rw/new")" = two ]
	[ ! -e "$WORK/ro/x" ]
}

# Engines enter the namespaces of the pid they were given: podman cp.
@test "the pid has the container's files, and none of the host's" {
	[ "$(id -u)" = 0 ] || skip "nobody else may enter a namespace of root's"
	mkdir "$WORK/rw" "$WORK/ro"
	spec --arg w "$WORK" '.mounts += [
		{destination: "/rw", type: "bind", source: ($w + "/rw"), options: ["rbind", "rw"]},
		{destination: "/ro", type: "bind", source: ($w + "/ro"), options: ["rbind", "ro"]}]'
	command_is 'while ! [ -e /rw/go ]; do sleep 0.1; done; cat /in'
	kiln_create --pid-file "$WORK/pid" >"$WORK/out" 2>&1 </dev/null
	kiln start c1
	root=/proc/$(cat "$WORK/pid")/root
	[ ! "$root" -ef / ]
	[ ! -e "$root/proc/mounts" ]
	run touch "$root/ro/x"
	[ "$status" != 0 ]
	echo in >"$root/in"
	echo x >"$root/rw/go"
	wait_line "$WORK/out" in
	[ "$(cat "$BUNDLE/rootfs/in")" = in ]
	[ -s "$WORK/rw/go" ]
	wait_status stopped
	kiln delete c1
}

@test "what is written to the root stays on the host; read-only root" {
	command_is 'echo kept >/root/file; ln -s file /root/link; chmod 640 /root/file'
	kiln_run
	[ "$(cat "$BUNDLE/rootfs/root/file")" = kept ]
	[ "$(readlink "$BUNDLE/rootfs/root/link")" = file ]
	[ "$(stat -c %a "$BUNDLE/rootfs/root/file")" = 640 ]
	spec '.root.readonly = true'
	command_is 'touch /new 2>/dev/null || echo denied; touch /dev/shm/x && echo shm'
	run kiln_run
	[ "$output" = "denied
shm" ]
}

@test "user, groups, umask, capabilities, no new privileges" {
	command_is 'id -u; id -g; id -G; grep -E "^(CapEff|NoNewPrivs|Seccomp):" /proc/self/status | tr -d "\t"'
	spec '.process.user = {uid: 1000, gid: 1000, additionalGids: [7, 9]}
		| .process.noNewPrivileges = true'
	run kiln_run
	echo "$output"
	[ "${lines[0]}" = 1000 ]
	[ "${lines[1]}" = 1000 ]
	[ "${lines[2]}" = "1000 7 9" ]
	[ "${lines[3]}" = "CapEff:0000000000000000" ]
	[ "${lines[4]}" = "NoNewPrivs:1" ]
}

@test "capabilities of root are those of the spec" {
	command_is 'grep -E "^Cap(Bnd|Eff):" /proc/self/status | tr -d "\t"'
	spec '.process.capabilities = {bounding: ["CAP_KILL", "CAP_CHOWN"],
		effective: ["CAP_KILL"], permitted: ["CAP_KILL", "CAP_CHOWN"], inheritable: [], ambient: []}'
	run kiln_run
	echo "$output"
	[ "${lines[0]}" = "CapEff:0000000000000020" ] || [ "${lines[1]}" = "CapEff:0000000000000020" ] || [[ "$output" == *"CapEff:0000000000000021"* ]]
	[[ "$output" == *"CapBnd:0000000000000021"* ]]
}

@test "seccomp refuses what the profile refuses" {
	spec '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
		syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 95}]}'
	command_is 'mkdir /tmp/x 2>&1; grep Seccomp: /proc/self/status | tr -d "\t"'
	run kiln_run
	echo "$output"
	[[ "$output" == *"not supported"* ]]
	[[ "$output" == *"Seccomp:2"* ]]
}

@test "cgroup limits hold" {
	spec '.linux.resources = {memory: {limit: 67108864}, pids: {limit: 20},
		cpu: {quota: 50000, period: 100000}}'
	spec '.mounts |= map(select(.destination != "/sys/fs/cgroup"))
		+ [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"]}]'
	command_is 'cd /sys/fs/cgroup; cat memory.max pids.max cpu.max'
	run kiln_run
	echo "$output"
	[ "$output" = "67108864
20
50000 100000" ]
}

@test "a memory limit too low to start with is named" {
	spec '.linux.resources.memory.limit = 4096'
	run kiln_run
	[ "$status" = 1 ]
	[[ "$output" == *"memory limit is too low"* ]]
}

@test "the guest has memory for the limit, or plenty without one" {
	local host=$(awk '/MemTotal/ { print int($2 / 2048) }' /proc/meminfo)
	command_is 'awk "/MemTotal/ { print int(\$2 / 1024) }" /proc/meminfo
		ls /sys/bus/virtio/drivers/virtio_balloon | grep -c ^virtio'
	spec 'del(.linux.resources)'
	run kiln_run
	echo "$output, half of the host: $host"
	[ "$status" = 0 ]
	[ "${lines[0]}" -ge $(((host < 2048 ? host : 2048) * 9 / 10)) ]
	[ "${lines[0]}" -le 2048 ]
	[ "${lines[1]}" = 1 ]
	kiln delete c1 2>/dev/null || true
	spec '.linux.resources.memory.limit = 300 * 1048576'
	run kiln_run
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[0]}" -ge 300 ]
	[ "${lines[0]}" -le 512 ]
}

@test "limits, masked and read-only paths" {
	spec '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 1048576, hard: 1048576}]
		| .linux.maskedPaths = ["/proc/kcore", "/sys/firmware"]
		| .linux.readonlyPaths = ["/proc/sys"]'
	command_is 'ulimit -n; echo 1 >/proc/sys/kernel/panic || echo denied; ls /sys/firmware | wc -l'
	run kiln_run
	echo "$output"
	[ "${lines[0]}" = 1048576 ]
	[[ "$output" == *denied* ]]
	[ "${lines[-1]}" = 0 ]
}

@test "shm and tmpfs mounts have their sizes and options" {
	spec '.mounts += [{destination: "/t", type: "tmpfs", source: "tmpfs", options: ["nosuid", "size=1m", "mode=700"]}]'
	command_is 'grep " /t " /proc/mounts; df -k /t | tail -n 1; stat -c %a /t'
	run kiln_run
	echo "$output"
	[[ "$output" == *nosuid* ]]
	[[ "$output" == *1024* ]]
	[ "${lines[-1]}" = 700 ]
}

@test "a poststart hook that fails keeps neither the next nor the container" {
	command_is 'echo ran; sleep 3'
	spec --arg f "$WORK/second" '.hooks = {poststart: [{path: "/bin/false"},
		{path: "/no/such"}, {path: "/usr/bin/touch", args: ["touch", $f]}],
		createRuntime: [{path: "/bin/true"}]}'
	run kiln_run
	[ "$status" = 0 ]
	[ "$output" = ran ]
	[ -e "$WORK/second" ]
	spec '.hooks = {createRuntime: [{path: "/bin/true"}, {path: "/bin/sleep",
		args: ["sleep", "30"], timeout: 1}, {path: "/bin/false"}]}'
	run kiln_run
	[ "$status" = 1 ]
	[[ "$output" == *"createRuntime hook '/bin/sleep' took longer than 1 s" ]]
}
