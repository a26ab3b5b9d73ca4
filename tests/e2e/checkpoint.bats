#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A container is saved with its VM and goes on in another process, or is refused
# by name and goes on untouched.

load helpers

# Made of a copy of its files: what can be saved. In a control group of its own:
# some are paused here.
packed() {
	spec --arg g "/ck$$-$BATS_TEST_NUMBER" '.linux.cgroupsPath = $g | .annotations[
		"io.katacontainers.config.hypervisor.shared_fs"] = "none"'
}

counter='i=0; while [ ! -e /stop ]; do i=$((i+1)); echo $i; done; exit 9'

start_counter() {
	command_is "$counter"
	kiln_create --pid-file "$WORK/pid" >"$WORK/out1" 2>&1 </dev/null
	kiln start c1
	wait_line "$WORK/out1" '^50$'
}

# The counter may be the quicker one, and then its end is the exec's.
stop_counter() {
	kiln exec "$1" touch /stop || [ $? = 137 ]
}

checkpoint() {
	kiln checkpoint --image-path "$WORK/ck" "$@"
}

restore() {
	kiln restore --image-path "$WORK/ck" --bundle "$BUNDLE" "$@"
}

# What QEMU saves of an emulated guest is not enough on every architecture.
is_savable() {
	[[ $ARCH == @(x86_64|aarch64) ]]
}

# The numbers of the files are 1, 2, 3, …, as if from one.
contiguous() {
	cat "$@" | awk '$0 != NR { print "line " NR ": " $0; exit 1 }'
}

# Where it cannot be trusted: the reason, and a container that goes on.
refused() {
	start_counter
	run checkpoint "$@" c1
	echo "$output"
	[ "$status" = 1 ]
	[[ "$output" == *"cannot be saved: QEMU"*"emulated $ARCH"* ]]
	[ ! -e "$WORK/ck" ]
	stop_counter c1
	wait_status stopped
	contiguous "$WORK/out1"
}

@test "what shares files with the host is refused by name, and goes on" {
	start_counter
	run checkpoint c1
	echo "$output"
	[ "$status" = 1 ]
	[[ "$output" == *"cannot be saved"* ]]
	! is_savable || [[ "$output" == *"its files come by "*'shared_fs = "none"'* ]]
	[ ! -e "$WORK/ck" ]
	stop_counter c1
	wait_status stopped
	kiln delete c1
	contiguous "$WORK/out1"
}

@test "a container has a copy of its files, and the host none of its changes" {
	mkdir "$WORK/data"
	echo there >"$WORK/data/file"
	packed
	spec --arg d "$WORK/data" '.mounts += [{destination: "/data", type: "bind",
		source: $d, options: ["bind", "ro"]}]'
	command_is 'cat /data/file; echo new >/new && cat /new; rm /bin/vi;
		ls -ln /bin/busybox; exit 5'
	run kiln_run
	echo "$output"
	[ "$status" = 5 ]
	[ "${lines[0]} ${lines[1]}" = "there new" ]
	[[ "${lines[2]}" == -rwxr-xr-x*" 0 "*busybox ]]
	[ ! -e "$BUNDLE/rootfs/new" ]
	[ -L "$BUNDLE/rootfs/bin/vi" ]
	# What would be lost is no silent copy.
	spec '.mounts[-1].options = ["bind", "rw"]'
	run kiln_run
	echo "$output"
	[ "$status" = 1 ]
	[[ "$output" == *"mount '/data'"*"read-only"* ]]
}

# What is kept of the host's clock: $1 kHz more, as another measurement may say.
clock_measured_again() {
	local kept=/run/kiln/probe-$ARCH
	awk -v by="$1" 'NR == 4 && $0 > 0 { $0 += by } 1' "$kept" >"$kept.$$"
	mv "$kept.$$" "$kept"
}

@test "saved and restored, it goes on where it was, to the last byte" {
	packed
	is_savable || { refused; return; }
	start_counter
	checkpoint c1
	[ -z "$(kiln list -q)" ]
	is_gone "$(cat "$WORK/pid")"
	nothing_left
	[ "$(stat -c %a "$WORK/ck")" = 700 ]
	clock_measured_again 1
	restore --pid-file "$WORK/pid2" c2 >"$WORK/out2" 2>&1 </dev/null &
	wait_line "$WORK/out2" .
	clock_measured_again -1
	ID=c2 wait_status running || { cat "$WORK/out2"; false; }
	[ "$(kiln state c2 | jq .pid)" = "$(cat "$WORK/pid2")" ]
	[ "$(kiln exec c2 sh -c 'read x </proc/1/comm; echo $x')" = sh ]
	stop_counter c2
	status=0
	wait $! || status=$?
	[ $status = 9 ]
	contiguous "$WORK/out1" "$WORK/out2"
	[ -z "$(kiln list -q)" ]
}

@test "left running, both go on; input is the new caller's" {
	packed
	is_savable || { refused --leave-running; return; }
	command_is 'while read x; do echo "<$x>"; done; exit 3'
	mkfifo "$WORK/in1"
	kiln_create --pid-file "$WORK/pid" >"$WORK/out1" 2>&1 <"$WORK/in1" &
	exec 8>"$WORK/in1"
	wait $! || { cat "$WORK/out1"; false; }
	kiln start c1
	echo one >&8
	wait_line "$WORK/out1" '<one>'
	# One of an exec could not be given back to its caller.
	kiln exec -d c1 sleep 3
	run checkpoint c1
	echo "$output"
	[ "$status" = 1 ]
	[[ "$output" == *"exec"* ]]
	for ((i = 0; i < 60; i++)); do
		checkpoint --leave-running c1 && break
		sleep 0.5
	done
	kiln pause c1
	kiln resume c1
	echo two >&8
	wait_line "$WORK/out1" '<two>'
	echo three | restore --work-path "$WORK" c2 >"$WORK/out2" && status=0 ||
		status=$?
	[ $status = 3 ]
	[ "$(cat "$WORK/out2")" = "<three>" ]
	# The same folder once more would lose what is in it.
	run checkpoint c1
	[ "$status" = 1 ]
	[[ "$output" == *"a checkpoint already"* ]]
	exec 8>&-
	wait_status stopped
}

@test "paused it stays paused; what does not fit is refused" {
	packed
	is_savable || { refused; return; }
	start_counter
	kiln pause c1
	checkpoint c1
	cp "$WORK/ck/checkpoint.json" "$WORK/good"
	for edit in '.guestFiles = "0"' '.vmm = "QEMU 1.0"' 'del(.nextCall)' \
		'.partialMessage = "0x"' '.terminal = true' '.first.memoryMib = 4096 | .max.memoryMib = 4096'; do
		jq "$edit" "$WORK/good" >"$WORK/ck/checkpoint.json"
		run restore -d c2
		echo "$edit: $output"
		[ "$status" = 1 ]
		[[ "$output" == *kernel* || "$output" == *"QEMU 1.0"* ||
			"$output" == *nextCall* || "$output" == *partial* ||
			"$output" == *terminal* || "$output" == *"another VM"* ]]
	done
	cp "$WORK/good" "$WORK/ck/checkpoint.json"
	head -c 100000 "$WORK/ck/vm.state" >"$WORK/state.cut"
	mv "$WORK/ck/vm.state" "$WORK/vm.state"
	cp "$WORK/state.cut" "$WORK/ck/vm.state"
	run restore -d c2
	echo "$output"
	[ "$status" = 1 ]
	nothing_left
	mv "$WORK/vm.state" "$WORK/ck/vm.state"
	restore -d c2 >"$WORK/out2" 2>&1 </dev/null
	[ "$(kiln state c2 | jq -r .status)" = paused ]
	sleep 0.5
	[ ! -s "$WORK/out2" ]
	kiln resume c2
	wait_line "$WORK/out2" .
	stop_counter c2
	ID=c2 wait_status stopped
	contiguous "$WORK/out1" "$WORK/out2"
}
