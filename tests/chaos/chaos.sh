#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Kills what kiln is made of, with SIGKILL, at steps of its journal, and looks
# for anything that is left after `kiln delete --force` or `kiln gc`.
#
#	chaos.sh table [sample]     every process at every step, a stand-in for
#	                            QEMU in its place: TAP, a test for each step.
#	                            sample: one process at each, in turn
#	chaos.sh rounds N [SEED]    N rounds of chance with real VMs of
#	                            $KILN_TEST_ARCH: TAP, a test for each round.
#	                            Round I of SEED is round 1 of SEED+I-1.
#
# A step is a line of the journal, as a pattern. The process that writes the
# line stops there (kiln-steps, steps.c), the victim is killed, the stopped one
# goes on; in rounds nothing stops, and the kill comes after a delay.
set -u
O=$(realpath "${O:-build}")
ARCH=${KILN_TEST_ARCH:-$(uname -m)}
HERE=$(dirname "$(realpath "$0")")
KILN=$O/san/kiln-steps
FAKE=$O/tests/chaos/fake-qemu
ROOTFS=$O/$ARCH/busybox-rootfs
# The bound of the issue: delete never waits for a guest.
DELETE_MAX_MS=5000
export KILN_GUESTS=$O
# Leaks at a kill are no leaks; all else is told in files, and fails.
TOP=$(mktemp -d /tmp/kiln-chaos.XXXXXX)
export ASAN_OPTIONS=detect_leaks=0:log_path=$TOP/asan
export UBSAN_OPTIONS=log_path=$TOP/asan

now_ms() {
	local t=${EPOCHREALTIME/[.,]/}
	echo $((t / 1000))
}

# --- a world of its own for each case ---

set_up() {
	WORK=$TOP/w$((++worlds))
	STATE=$WORK/state
	NS=kc$$-$worlds
	mkdir -p "$WORK/bundle"
	cp -al "$ROOTFS" "$WORK/bundle/rootfs" 2>/dev/null ||
		cp -a "$ROOTFS" "$WORK/bundle/rootfs"
	ip netns add "$NS"
	ip -n "$NS" link add eth0 type veth peer name peer0
	ip -n "$NS" addr add 10.92.0.2/24 dev eth0
	ip -n "$NS" link set eth0 up
	printf '#!/bin/sh\nsleep 0.1\n' >"$WORK/hook"
	chmod +x "$WORK/hook"
	"$KILN" spec --bundle "$WORK/bundle"
	jq --arg h "$WORK/hook" --arg ns "/run/netns/$NS" '
		.process.terminal = false | .root.readonly = false |
		.process.args = ["/bin/sh", "-c", "echo ready; sleep '"${1:-0.3}"'; exit 7"] |
		(.linux.namespaces[] | select(.type == "network")).path = $ns |
		.linux.cgroupsPath = "/" + ($ns | split("/") | last) |
		.hooks.createRuntime = [{path: $h}]
		' "$WORK/bundle/config.json" >"$WORK/bundle/new"
	mv "$WORK/bundle/new" "$WORK/bundle/config.json"
}

tear_down() {
	ip netns del "$NS"
	[ "$1" != 0 ] || rm -rf "$WORK"
}

kiln() {
	KILN_STEP= timeout 60 "$KILN" --root "$STATE" "$@" </dev/null
}

# --- what is done while something is killed ---

# A verb of the life, whose pid is that of the client.
verb() {
	(
		echo "$BASHPID" >"$WORK/client.new"
		mv "$WORK/client.new" "$WORK/client"
		exec "$KILN" --root "$STATE" "$@"
	) </dev/null
	local status=$?
	echo "$1 $status" >>"$WORK/statuses"
	return $status
}

create_args() {
	echo --arch "$ARCH" --bundle "$WORK/bundle" --pid-file "$WORK/pid" c1
}

life_run() {
	verb run $(create_args)
}

life_verbs() {
	verb create $(create_args) &&
		verb start c1 &&
		verb exec c1 /bin/sh -c 'sleep 0.05; exit 3'
	[ $? = 3 ] || return 1
	verb kill c1 KILL
	for ((i = 0; i < 50; i++)); do
		grep -q '"stopped"' "$STATE/c1/state.json" && break
		sleep 0.1
	done 2>/dev/null
	verb delete c1
}

# Starts life $1, to stop (or, with GO set, only to tell) at step $2.
live() {
	rm -f "$WORK/stopped" "$WORK/statuses" "$WORK/client"
	(
		export KILN_STEP=$2 KILN_STEP_FILE=$WORK/stopped
		[ -z "${GO:-}" ] || export KILN_STEP_GO=1
		"life_$1"
	) >"$WORK/out" 2>&1 &
	LIFE=$!
}

# True when the step was reached, false when the life was over before.
await_step() {
	local i
	for ((i = 0; i < 3000; i++)); do
		[ -s "$WORK/stopped" ] && return 0
		kill -0 "$LIFE" 2>/dev/null || break
		sleep 0.01
	done
	[ -s "$WORK/stopped" ]
}

# --- victims ---

is_alive() {
	[ -n "$1" ] && grep -q '^State:.[^ZX]' "/proc/$1/status" 2>/dev/null
}

# Those of a role that the journal names.
role_pids() {
	sed -n "s/^process $1 \([0-9]*\) .*/\1/p" "$STATE/c1/journal" 2>/dev/null
}

# The pid of a living victim, or nothing.
victim_pid() {
	local pid
	case $1 in
	client) pid=$(cat "$WORK/client" 2>/dev/null) ;;
	exec-stub) pid=$(role_pids stub | sed -n 2p) ;;
	*) pid=$(role_pids "$1" | head -n 1) ;;
	esac
	is_alive "$pid" && echo "$pid"
}

# --- what must be true afterwards ---

fail() {
	echo "# $*"
	bad=$((bad + 1))
}

# The life ends by itself, within SECONDS_MAX; its first failing verb in $ended.
await_life() {
	local i
	for ((i = 0; i < 2000; i++)); do
		kill -0 "$LIFE" 2>/dev/null || break
		sleep 0.01
	done
	if kill -0 "$LIFE" 2>/dev/null; then
		fail "the verb hangs: $(tail -n 1 "$WORK/statuses" 2>/dev/null)"
		kill -9 "$LIFE" $(cat "$WORK/client") 2>/dev/null
	fi
	wait "$LIFE" 2>/dev/null
}

delete_in_time() {
	local started status took
	started=$(now_ms)
	kiln delete --force c1 >"$WORK/delete" 2>&1
	status=$?
	took=$(($(now_ms) - started))
	[ $status = 0 ] || fail "delete: status $status: $(cat "$WORK/delete")"
	[ $took -le $DELETE_MAX_MS ] || fail "delete took $took ms"
	[ $took -le "${slowest:-0}" ] || slowest=$took
}

is_owned() {
	local p
	for p in $(role_pids supervisor); do
		is_alive "$p" && return 0
	done
	return 1
}

# gc finds what has no owner, and only that.
gc_right() {
	local found i
	# A supervisor that is about to go is let go.
	for ((i = 0; i < 100; i++)); do
		is_owned || break
		sleep 0.01
	done
	found=$(kiln gc --dry-run --format json | jq length)
	if ! is_owned && [ -d "$STATE/c1" ]; then
		[ "$found" = 1 ] || fail "gc --dry-run finds $found, not 1"
		kiln gc >"$WORK/gc" 2>&1 || fail "gc: $(cat "$WORK/gc")"
		[ ! -d "$STATE/c1" ] || fail "gc leaves the folder"
	else
		[ "$found" = 0 ] || fail "gc would remove what has an owner"
	fi
}

nothing_left() {
	local i left
	for ((i = 0; i < 100; i++)); do
		left=$(pgrep -f -- "$WORK/") || break
		sleep 0.02
	done
	for i in $left; do
		fail "process left: $(tr '\0' ' ' <"/proc/$i/cmdline" | cut -c 1-200)"
		kill -9 "$i"
	done
	left=$(grep -F "$WORK" /proc/self/mounts) && fail "mount left: $left"
	left=$(ls -A "$STATE" | grep -vx .history) &&
		fail "file left: $(cd "$STATE" && find . | tr '\n' ' ')"
	left=$(cd "$WORK" && find . -name '*.tmp') && [ -n "$left" ] &&
		fail "temporary file left: $left"
	left=$(ip -n "$NS" -o link | grep -E ': kiln[0-9]+:') &&
		fail "tap left: $left"
	left=$(ip netns exec "$NS" tc qdisc | grep ingress) &&
		fail "redirection left: $left"
	left=$(find /sys/fs/cgroup -type d -path "*$NS*" 2>/dev/null)
	[ -z "$left" ] || fail "cgroup left: $left"
	left=$(cat "$TOP"/asan.* 2>/dev/null) && {
		fail "sanitizer: $(head -c 2000 <<<"$left")"
		rm -f "$TOP"/asan.*
	}
}

# $1 victim. What the user of `run` sees: the truth, or a death.
status_right() {
	local verb status
	while read -r verb status; do
		case $1:$verb:$status in
		client:*:137) ;;                # a shell's word for it
		*:run:7 | *:exec:3 | *:*:0) ;;   # it was over before
		*:run:137 | *:exec:137) ;;       # killed with the container
		*:exec:255 | *:exec:1) ;;        # not done, and said why
		*:create:1 | *:run:1 | *:start:1 | *:kill:1 | *:delete:1)
			grep -q 'kiln: error: \|error' "$WORK/out" ||
				fail "$verb: status 1, and no word why"
			;;
		*) fail "$verb: status $status" ;;
		esac
	done <"$WORK/statuses"
}

# Kills victim $1 (pid $2) now that all is set, and looks.
shoot() {
	local stopped
	[ -z "$2" ] || kill -9 "$2" 2>/dev/null # never 0: that is ourselves
	stopped=$(cat "$WORK/stopped" 2>/dev/null)
	[ -z "$stopped" ] || kill -CONT "$stopped" 2>/dev/null
	await_life
	status_right "$1"
	[ "$((RANDOM % 2))" = 0 ] || gc_right
	delete_in_time
	nothing_left
}

told() {
	[ "$bad" = 0 ] && return
	echo "# statuses: $(tr '\n' ';' <"$WORK/statuses" 2>/dev/null)"
	sed 's/^/# out: /' "$WORK/out" | tail -n 20
	kiln explain c1 2>&1 | sed 's/^/# /' | tail -n 60
}

# --- the table ---

victims="client supervisor vmm virtiofsd stub exec-stub hook net"

write_config() {
	export KILN_CONF_FILE=$TOP/config.toml
	{
		echo '[hypervisor.qemu]'
		[ "$1" != fake ] || echo "path = \"$FAKE\""
		echo 'accel = "tcg"'
		echo "shared_fs = \"$2\""
	} >"$KILN_CONF_FILE"
}

# The steps of $life when nothing disturbs it: kinds and names, without pids.
# Phases that QEMU may take in another order than its stand-in are left out, and
# of the second life what the first had.
steps_of() {
	set_up 0.5
	[ "$life" = run ] || set_up 5
	GO=1 live "$life" 'process stub *'
	while kill -0 "$LIFE" 2>/dev/null; do
		cp "$STATE/c1/journal" "$WORK/journal.new" 2>/dev/null &&
			mv "$WORK/journal.new" "$WORK/journal"
		sleep 0.01
	done
	wait "$LIFE"
	sed -E 's/^(process [a-z]+) [0-9]+ [0-9]+$/\1 */; s/^(phase .*) [0-9]+$/\1 */
		s/^(boot|netns|failure|cgroup) .*/\1 */' "$WORK/journal" |
		awk '!seen[$0]++' | grep -v '^phase VMM' >"$TOP/steps"
	sed -nE 's/^(file|dir|mount|netns|cgroup) .*/undo \1 */p' "$TOP/steps" |
		sort -u >>"$TOP/steps"
	[ "$life" = run ] ||
		sed -i '1,/^phase sandbox/d; /^dir/d; /^mount/d' "$TOP/steps"
	delete_in_time
	nothing_left
	tear_down $bad
}

# One victim at one step; without a name the first that is there. Leaves those
# that were there in $there.
one_case() {
	local pid v victim=$2 turn=0
	local -A pids=()
	set_up 5
	live "$life" "$1"
	if ! await_step; then
		fail "the step was not reached"
		kill -9 "$LIFE" $(cat "$WORK/client") 2>/dev/null
		await_life
		delete_in_time
	else
		there=
		for v in $victims; do
			pid=$(victim_pid "$v")
			[ -z "$pid" ] || there+=" $v" pids[$v]=$pid
		done
		set -- "$1" $there
		[ -z "${SAMPLE:-}" ] || turn=$worlds
		[ -n "$victim" ] || [ $# -lt 2 ] || shift $((turn % ($# - 1)))
		victim=${victim:-${2:-}}
		# Who was there a moment ago may just have been ended in order.
		pid=${pids[${victim:-none}]:-}
		[ -n "$pid$there" ] || fail "nobody is there to be killed"
		shoot "$victim" "$pid"
	fi
	[ "$bad" = 0 ] || echo "# victim: $victim"
	told
	tear_down $bad
}

one_step() {
	local v bad=0 there all
	one_case "$1" ''
	all=$there
	[ -z "${SAMPLE:-}" ] || { kills=$((kills + 1)); [ "$bad" = 0 ]; return; }
	for v in $(cut -d " " -f 3- <<<"$all"); do
		[ "$bad" = 0 ] || break
		one_case "$1" "$v"
	done
	kills=$((kills + $(wc -w <<<"$all")))
	[ "$bad" = 0 ]
}

table() {
	local n=0 failed=0 life step list kills=0
	ARCH=$(uname -m) # the stand-in is the host's
	ROOTFS=$TOP/rootfs
	mkdir -p "$ROOTFS"
	write_config fake virtio-9p
	RANDOM=1
	for life in run verbs; do
		bad=0
		steps_of
		if [ "$bad" != 0 ]; then
			echo "not ok $((++n)) - $life: undisturbed, it leaves things"
			failed=$((failed + 1))
		fi
		mapfile -t list <"$TOP/steps"
		for step in "${list[@]}"; do
			n=$((n + 1))
			if one_step "$step" >"$TOP/case"; then
				echo "ok $n - $life: $step"
			else
				echo "not ok $n - $life: $step"
				failed=$((failed + 1))
				cat "$TOP/case"
			fi
		done
	done
	echo "1..$n"
	echo "# $kills kills, slowest delete: $slowest ms"
	[ $failed = 0 ] && [ $kills -gt 30 ]
}

# --- rounds ---

pick() {
	shift "$((RANDOM % $#))"
	echo "$1"
}

one_round() {
	local life step victim delay pid bad=0 fs
	RANDOM=$1
	life=$((RANDOM % 2))
	step=$((RANDOM))
	victim=$((RANDOM))
	delay=$((RANDOM % 400))
	fs=$((RANDOM % 4))
	set -- run verbs
	shift $life
	life=$1
	set -- 'process supervisor *' 'dir shared' 'process stub *' \
		'process hook *' 'netns *' 'process vmm' \
		'phase first console byte *' \
		'phase kernel banner *' 'phase agent answered *' \
		'phase sandbox ready *' 'mount *' 'phase container created *' \
		'phase container started *' 'phase container exited *' \
		'undo *'
	shift $((step % $#))
	step=$1
	set -- client supervisor vmm stub virtiofsd exec-stub
	shift $((victim % $#))
	victim=$1
	[ $fs = 0 ] && [ "$ARCH" = "$(uname -m)" ] && fs=virtio-fs || fs=virtio-9p
	[ $victim != virtiofsd ] || fs=virtio-fs
	[ $fs = virtio-9p ] || [ "$ARCH" = "$(uname -m)" ] || fs=virtio-9p
	echo "# $life, $fs: $victim, $delay ms after '$step'"
	write_config real $fs
	set_up 1
	GO=1 live $life "$step"
	await_step || fail "the step was not reached"
	sleep "$(printf '0.%03d' $delay)"
	pid=$(victim_pid $victim)
	rm -f "$WORK/stopped"
	[ -n "$pid" ] && echo "# killed $pid" || echo "# it was not there"
	shoot $victim "$pid"
	told
	tear_down $bad
	[ "$bad" = 0 ]
}

rounds() {
	local n=$1 seed=${2:-$((SRANDOM % 1000000))} i failed=0
	echo "# $n rounds with SEED=$seed, guests: $ARCH"
	for ((i = 0; i < n; i++)); do
		if one_round $((seed + i)) >"$TOP/case"; then
			echo "ok $((i + 1)) - round $((i + 1)): $(sed -n '1s/^# //p' "$TOP/case")"
		else
			echo "not ok $((i + 1)) - again: ROUNDS=1 SEED=$((seed + i))"
			cat "$TOP/case"
			failed=$((failed + 1))
		fi
	done
	echo "1..$n"
	echo "# $((n - failed)) of $n rounds clean, SEED=$seed, slowest delete: ${slowest:-0} ms"
	[ $failed = 0 ]
}

worlds=0 slowest=0
case ${1:-} in
table) SAMPLE=${2:-} table ;;
rounds) rounds "${2:-200}" "${3:-}" ;;
*) echo "usage: chaos.sh table [sample] | rounds N [SEED]" >&2; exit 2 ;;
esac
status=$?
[ $status != 0 ] && echo "# kept: $TOP" || rm -rf "$TOP"
exit $status
