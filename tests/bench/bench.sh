#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Measures the guests of $ARCHES: the phases of a boot in wall time (median of
# $RUNS), the instructions that a guest of 128 MiB executes until its agent is
# ready (instructions.sh), sizes of all artifacts, memory of supervisor, QEMU and
# guest, what a run costs over its guest's boot (start.sh)
# and an exec over a fork (agent.sh), the memory of each of many sandboxes
# (../soak), network and files beside a container of runc (io.sh; needs root, runc
# and iperf3, and is left out without them). Writes $O/bench.json and $O/bench.txt.
set -euo pipefail
export O=$(realpath "${O:-build}")
RUNS=${RUNS:-5}
KILN=$O/host/kiln
work=$(mktemp -d)
cleanup() {
	local id
	for id in $("$KILN" --root "$work/state" list -q 2>/dev/null); do
		"$KILN" --root "$work/state" delete --force "$id" || true
	done
	rm -rf "$work"
}
trap cleanup EXIT

bundle_for() { # ARCH PROGRAM...
	local arch=$1
	shift
	rm -rf "$work/bundle"
	mkdir "$work/bundle"
	"$KILN" spec --bundle "$work/bundle"
	jq --arg r "$O/$arch/busybox-rootfs" '.process.terminal = false
		| .root.path = $r | .process.args = $ARGS.positional
		| .linux.namespaces |= map(select(.type != "pid"))' \
		--args "$@" <"$work/bundle/config.json" >"$work/config.json"
	mv "$work/config.json" "$work/bundle/config.json"
}

kiln() { "$KILN" --root "$work/state" "$@"; }

now_ms() { echo $(($(date +%s%N) / 1000000)); }

# Milliseconds after QEMU's start for each phase, of one boot, as JSON.
one_boot() { # ARCH
	local started ended
	started=$(now_ms)
	kiln create --arch "$1" --bundle "$work/bundle" b </dev/null >"$work/out" 2>&1
	kiln start b
	until [ "$(kiln state b | jq -r .status)" = stopped ]; do sleep 0.02; done
	ended=$(now_ms)
	awk -v total=$((ended - started)) '
	$1 == "phase" { ms = $NF; $1 = $NF = ""; gsub(/^ +| +$/, "")
		printf "%s\"%s\": %d", n++ ? ", " : "{", $0, ms }
	END { printf ", \"create to exit of true\": %d}\n", total }' \
		"$work/state/b/journal"
	kiln delete --force b
}

memory() { # ARCH: of a running sandbox, in KiB
	local pids pid name
	bundle_for "$1" sleep 1000
	kiln create --arch "$1" --bundle "$work/bundle" m </dev/null >/dev/null 2>&1
	kiln start m
	sleep 1
	guest=$(kiln exec m sh -c \
		'awk "/MemTotal/ {t = \$2} /MemAvailable/ {a = \$2} END {print t, t - a}" /proc/meminfo')
	pids=$(pgrep -f -- "$work/state" || true)
	for pid in $pids; do
		name=$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null || true)
		case $name in
		*qemu-system*) name=qemu ;;
		*supervisor*) name=supervisor ;;
		*virtiofsd*) name=virtiofsd ;;
		*) continue ;;
		esac
		awk -v name="$name" '/^Rss:/ {rss = $2} /^Pss:/ {pss = $2}
			/^Private_Dirty:/ {dirty = $2}
			END {printf "\"%s\": {\"rss\": %d, \"pss\": %d, \"private_dirty\": %d},\n",
				name, rss, pss, dirty}' "/proc/$pid/smaps_rollup"
	done | sort -u
	printf '"guest": {"total": %d, "used": %d}\n' ${guest}
	kiln delete --force m
}

io() { # ARCH
	local missing=()
	[ "$(id -u)" = 0 ] || missing+=("to be root")
	for p in runc iperf3; do command -v $p >/dev/null || missing+=("$p"); done
	if [ ${#missing[@]} != 0 ]; then
		echo "bench: network and files are left out; they need: ${missing[*]}" >&2
		echo null
		return
	fi
	for a in "$1" "$(uname -m)"; do tests/bench/root.sh "$a" iperf3 fio; done
	RUNS=$RUNS tests/bench/io.sh "$1"
}

sandboxes() { # ARCH
	if [ "$(id -u)" != 0 ]; then
		echo null
		return
	fi
	SEQUENCE=0 EXECS=0 tests/soak/soak.sh "$1" | jq .at_once
}

sizes() { # ARCH
	local f n=0
	for f in kernel kernel.zst initrd.img rootfs.erofs.img kiln-agent; do
		[ -f "$O/$1/$f" ] || continue
		[ $n = 0 ] || printf ', '
		printf '"%s": %d' "$f" "$(stat -c %s "$O/$1/$f")"
		n=1
	done
}

{
	printf '{"host": {"machine": "%s", "cpus": %d, "qemu": "%s"}, "guests": {' \
		"$(uname -m)" "$(nproc)" \
		"$("qemu-system-$(sed 's/ppc64le/ppc64/;s/ .*//' <<<"$ARCHES")" --version | sed -n '1s/.*version \([0-9.]*\).*/\1/p')"
	first=1
	for arch in $ARCHES; do
		echo "bench: $arch" >&2
		[ $first = 1 ] || printf ','
		first=0
		bundle_for "$arch" true
		one_boot "$arch" >/dev/null # warms the page cache
		for ((i = 0; i < RUNS; i++)); do one_boot "$arch"; done \
			>"$work/boots"
		instructions=$(tests/bench/instructions.sh "$arch")
		printf '"%s": {"phases_ms": %s, "instructions_to_agent": %s,' \
			"$arch" "$(jq -s '[.[] | to_entries[]] | group_by(.key)
			| map({key: .[0].key, value: (map(.value) | sort | .[length / 2 | floor])})
			| from_entries' "$work/boots")" \
			"$instructions"
		printf '"io": %s, "sandboxes": %s,' "$(io "$arch")" "$(sandboxes "$arch")"
		printf '"sizes": {%s}, "memory_kib": {%s}, "start": %s, "agent": %s}' \
			"$(sizes "$arch")" "$(memory "$arch")" \
			"$(O=$O RUNS=$RUNS tests/bench/start.sh "$arch")" \
			"$(O=$O RUNS=$RUNS tests/bench/agent.sh "$arch")"
	done
	printf '}}\n'
} | jq . >"$work/bench.json"
mv "$work/bench.json" "$O/bench.json"

jq -r '
def row: map(tostring) | join("\t");
.guests as $g | ($g | keys_unsorted) as $a
| (["", $a[]] | row),
  (["boot, wall time in ms after QEMU started"] | row),
  (($g[$a[0]].phases_ms | to_entries | sort_by(.value) | .[].key) as $k
	| ["  " + $k, ($a[] | $g[.].phases_ms[$k] // "-")] | row),
  (["guest instructions to agent, millions",
	($a[] | $g[.].instructions_to_agent / 1e6 | floor)] | row),
  (["sizes in bytes"] | row),
  (($g[$a[0]].sizes | keys_unsorted[]) as $k
	| ["  " + $k, ($a[] | $g[.].sizes[$k] // "-")] | row),
  (["memory in KiB"] | row),
  (["supervisor", "qemu"][] as $k
	| ["  " + $k + " pss", ($a[] | $g[.].memory_kib[$k].pss // "-")] | row),
  (["  guest used", ($a[] | $g[.].memory_kib.guest.used)] | row),
  (["kiln run of true, paired with the same QEMU alone, in ms"] | row),
  (("bare_boot_ms", "run_ms", "run_over_bare_ms") as $k
	| ["  " + $k, ($a[] | $g[.].start[$k])] | row),
  (["the agent: exec against fork and exec in the guest, and its memory"] | row),
  (($g[$a[0]].agent | keys_unsorted[]) as $k
	| ["  " + $k, ($a[] | $g[.].agent[$k])] | row),
  (["each of many sandboxes, KiB (pss): guest, translated code, the rest"] | row),
  (($g[$a[0]].sandboxes // [] | .[].sandboxes) as $n
	| ["  " + ($n | tostring), ($a[] | $g[.].sandboxes // []
		| map(select(.sandboxes == $n))[0].each_kib
		| "\(.guest) \(.translated) \(.rest)")] | row),
  (["network and files of a container, runc / kiln with 9p / with virtio-fs"] | row),
  (($g[$a[0]].io // {} | .runc // {} | keys_unsorted[]) as $k
	| ["  " + $k, ($a[] | $g[.].io // {}
		| "\(.runc[$k]) / \(.["virtio-9p"][$k]) / \(.["virtio-fs"][$k] // "-")")] | row)
' "$O/bench.json" | column -t -s $'\t' | tee "$O/bench.txt"
