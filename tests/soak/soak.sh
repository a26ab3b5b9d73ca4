#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Load: sandboxes at once and in sequence, and calls into one, each with a
# network namespace and a control group of its own; and what is left afterwards.
#
#	soak.sh ARCH
#
# AT_ONCE (numbers of sandboxes), SEQUENCE (runs, one after another) and EXECS
# (calls into one sandbox) bound it; 0 leaves the latter two out. Writes
# $O/soak-ARCH.json; fails when
# a container did, or anything is left.
set -u
O=$(realpath "${O:-build}")
ARCH=$1
KILN=$O/host/kiln
AT_ONCE=${AT_ONCE:-1 10 30}
SEQUENCE=${SEQUENCE:-300}
EXECS=${EXECS:-300}
WORK=$(mktemp -d /tmp/kiln-soak.XXXXXX)
NAME=$(basename "$WORK")
export KILN_GUESTS=$O
bad=0

fail() {
	echo "soak: $ARCH: $*" >&2
	bad=$((bad + 1))
}

say() {
	echo "soak: $ARCH: $*" >&2
}

now_ms() {
	local t=${EPOCHREALTIME/[.,]/}
	echo $((t / 1000))
}

kiln() {
	timeout 600 "$KILN" --root "$WORK/state" "$@" </dev/null
}

# A bundle and a network namespace, by number.
set_up() { # N SHELL_COMMAND
	local ns=$NAME-$1
	mkdir -p "$WORK/b$1"
	ip netns add "$ns"
	ip -n "$ns" link add eth0 type veth peer name peer0
	ip -n "$ns" addr add 10.92.0.2/24 dev eth0
	ip -n "$ns" link set eth0 up
	jq --arg ns "/run/netns/$ns" --arg r "$O/$ARCH/busybox-rootfs" \
		--arg g "/$NAME-$1" --arg c "$2" '
		.process.terminal = false | .root.path = $r |
		.process.args = ["/bin/sh", "-c", $c] |
		(.linux.namespaces[] | select(.type == "network")).path = $ns |
		.linux.cgroupsPath = $g' "$WORK/config.json" >"$WORK/b$1/config.json"
}

tear_down() { # N
	local ns=$NAME-$1 left
	left=$(ip -n "$ns" -o link | grep -E ': kiln[0-9]+:') && fail "tap left: $left"
	left=$(ip netns exec "$ns" tc qdisc | grep ingress) &&
		fail "redirection left: $left"
	ip netns del "$ns"
	rm -rf "$WORK/b$1"
}

nothing_left() {
	local i left
	for ((i = 0; i < 100; i++)); do
		left=$(pgrep -f -- "$WORK/") || break
		sleep 0.05
	done
	for i in $left; do
		fail "process left: $(tr '\0' ' ' <"/proc/$i/cmdline" | cut -c 1-200)"
	done
	left=$(grep -F "$WORK" /proc/self/mounts) && fail "mount left: $left"
	left=$(ls -A "$WORK/state" | grep -vx .history) && fail "file left: $left"
	left=$(find /sys/fs/cgroup -type d -path "*/$NAME*" 2>/dev/null)
	[ -z "$left" ] || fail "cgroup left: $left"
}

clean_up() {
	local i
	for i in $(kiln list -q 2>/dev/null); do
		kiln delete --force "$i"
	done
	for i in $(ip netns list | awk -v n="$NAME-" 'index($1, n) == 1 { print $1 }'); do
		ip netns del "$i"
	done
	rm -rf "$WORK"
}
trap clean_up EXIT

# Sums over all processes of all sandboxes, in KiB: proportional set size of
# the guests' memory, of code that the emulator has translated, of all the
# rest; and what is private to them. A mapping as large as the guest's memory is it,
# and that which virtiofsd has of it, too.
memory() {
	local pid
	for pid in $(pgrep -f -- "$WORK/state"); do
		[ "$pid" != "$BASHPID" ] || continue
		awk -v cmdline="$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)" '
		BEGIN {
			ram = match(cmdline, / -m (size=)?[0-9]+M/) ?
				substr(cmdline, RSTART, RLENGTH) : ""
			gsub(/[^0-9]/, "", ram)
		}
		/^[0-9a-f]+-[0-9a-f]+ / {
			perms = $2
			memfd = /\/memfd:memory-backend/
		}
		/^Size:/ { size = $2; guest = memfd || ram && size >= ram * 1024 }
		/^Pss:/ {
			kind = guest ? "guest" :
				perms ~ /^rwx/ ? "translated" : "rest"
			pss[kind] += $2
		}
		/^Private_/ && perms && !guest { private += $2 }
		END { print pss["guest"] + 0, pss["translated"] + 0, pss["rest"] + 0, private + 0 }
		' "/proc/$pid/smaps" 2>/dev/null
	done | awk '{ for (i = 1; i <= 4; i++) s[i] += $i }
		END { print s[1] + 0, s[2] + 0, s[3] + 0, s[4] + 0 }'
}

start_one() { # N
	kiln create --arch "$ARCH" --bundle "$WORK/b$1" "c$1" >"$WORK/out$1" 2>&1 &&
		kiln start "c$1" >>"$WORK/out$1" 2>&1
}

ask_one() { # N
	[ "$(kiln exec "c$1" sh -c "echo \$((6 * $1))" 2>>"$WORK/out$1")" = $((6 * $1)) ]
}

end_one() { # N
	kiln kill "c$1" KILL >>"$WORK/out$1" 2>&1
	kiln delete --force "c$1" >>"$WORK/out$1" 2>&1
}

# $1 for each of $2 sandboxes, all at the same time.
each() {
	local i pids=() failed=0
	for ((i = 1; i <= $2; i++)); do
		"$1" "$i" &
		pids[i]=$!
	done
	for ((i = 1; i <= $2; i++)); do
		wait "${pids[i]}" || {
			failed=$((failed + 1))
			tail -n 3 "$WORK/out$i" >&2
		}
	done
	[ $failed = 0 ] || fail "$1: $failed of $2 failed"
}

at_once() { # N
	local i t0 t1 t2 t3 sums
	for ((i = 1; i <= $1; i++)); do set_up "$i" 'exec sleep 10000'; done
	t0=$(now_ms)
	each start_one "$1"
	t1=$(now_ms)
	each ask_one "$1"
	t2=$(now_ms)
	sleep 3
	read -r -a sums <<<"$(memory)"
	t3=$(now_ms)
	each end_one "$1"
	jq -n --argjson n "$1" --argjson start $((t1 - t0)) --argjson exec $((t2 - t1)) \
		--argjson stop $(($(now_ms) - t3)) --argjson sums "[$(IFS=,; echo "${sums[*]}")]" '
		{sandboxes: $n, start_ms: $start, exec_ms: $exec, end_ms: $stop,
		 each_kib: ($sums | map(. / $n | floor) | {guest: .[0], translated: .[1],
			rest: .[2], private_beside_guest: .[3]})}' >>"$WORK/at_once"
	for ((i = 1; i <= $1; i++)); do tear_down "$i"; done
	nothing_left
	say "$1 at once: $(jq -c . "$WORK/at_once" | tail -n 1)"
}

sequence() {
	local i t0 out status failed=0
	t0=$(now_ms)
	set_up 1 "exit 7"
	for ((i = 1; i <= SEQUENCE; i++)); do
		jq --arg c "echo run $i; exit $((i % 100))" '.process.args[2] = $c' \
			"$WORK/b1/config.json" >"$WORK/b1/new" && mv "$WORK/b1/new" "$WORK/b1/config.json"
		out=$(kiln run --arch "$ARCH" --bundle "$WORK/b1" c1 2>"$WORK/out1")
		status=$?
		if [ $status != $((i % 100)) ] || [ "$out" != "run $i" ]; then
			failed=$((failed + 1))
			tail -n 3 "$WORK/out1" >&2
		fi
		[ $((i % 50)) != 0 ] || say "$i of $SEQUENCE in sequence"
	done
	t0=$(($(now_ms) - t0))
	tear_down 1
	nothing_left
	[ $failed = 0 ] || fail "$failed of $SEQUENCE in sequence failed"
	jq -n --argjson n "$SEQUENCE" --argjson ms "$t0" --argjson failed $failed \
		'{runs: $n, failed: $failed, ms: $ms, each_ms: ($ms / $n | floor)}' >"$WORK/sequence"
}

# Descriptors that the host's processes of the sandbox have open.
descriptors() {
	local pid
	for pid in $(pgrep -f -- "$WORK/state"); do
		[ "$pid" != "$BASHPID" ] || continue
		ls "/proc/$pid/fd" 2>/dev/null
	done | wc -l
}

execs() {
	local i before after rss rss_after failed=0 t0
	set_up 1 'exec sleep 10000'
	start_one 1 || fail "start: $(tail -n 3 "$WORK/out1")"
	for i in 1 2 3; do ask_one 1 || fail "exec: $(tail -n 3 "$WORK/out1")"; done
	sleep 1
	before=$(descriptors)
	read -r -a rss <<<"$(memory)"
	t0=$(now_ms)
	for ((i = 1; i <= EXECS; i++)); do
		ask_one 1 || failed=$((failed + 1))
	done
	t0=$(($(now_ms) - t0))
	sleep 1
	after=$(descriptors)
	read -r -a rss_after <<<"$(memory)"
	[ $failed = 0 ] || fail "$failed of $EXECS calls failed: $(tail -n 3 "$WORK/out1")"
	[ "$after" -le "$before" ] || fail "descriptors: $before before $EXECS calls, $after after"
	end_one 1
	tear_down 1
	nothing_left
	jq -n --argjson n "$EXECS" --argjson ms "$t0" --argjson failed $failed \
		--argjson b "$before" --argjson a "$after" \
		--argjson rb "${rss[2]}" --argjson ra "${rss_after[2]}" \
		'{calls: $n, failed: $failed, each_ms: ($ms / $n | floor),
		  descriptors: {before: $b, after: $a}, rest_kib: {before: $rb, after: $ra}}' >"$WORK/execs"
}

"$KILN" spec --bundle "$WORK"
: >"$WORK/at_once"
for n in $AT_ONCE; do at_once "$n"; done
echo null >"$WORK/execs"
echo null >"$WORK/sequence"
[ "$EXECS" = 0 ] || execs
[ "$SEQUENCE" = 0 ] || sequence
jq -n --arg arch "$ARCH" --arg host "$(uname -m)" --argjson cpus "$(nproc)" \
	--argjson bad $bad --slurpfile once "$WORK/at_once" --slurpfile seq "$WORK/sequence" \
	--slurpfile execs "$WORK/execs" '{guest: $arch, host: $host, cpus: $cpus,
	at_once: $once, calls: $execs[0], sequence: $seq[0], faults: $bad}' |
	tee "$O/soak-$ARCH.json"
[ $bad = 0 ]
