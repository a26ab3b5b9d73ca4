#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#   start.sh ARCH
#
# What `kiln run` adds to the boot of its guest: in turns, $RUNS times, the time
# of `kiln run` of "true" from its call to its end, and that of the same QEMU by
# itself (the command line that the supervisor made, without anybody at its
# sockets) from its start to the agent's readiness on the console. The medians
# of both and of their differences, as an object of JSON, in ms.
set -euo pipefail
O=$(realpath "${O:-build}")
RUNS=${RUNS:-5}
KILN=$O/host/kiln
arch=$1
work=$(mktemp -d)
vm=
trap '[ -z "$vm" ] || kill "$vm" 2>/dev/null || true
	"$KILN" --root "$work/state" delete --force s >/dev/null 2>&1 || true
	rm -rf "$work"' EXIT

mkdir -p "$work/bundle" "$work/shared"
# By 9p, which QEMU serves: there is no virtiofsd for the bare one.
printf '[hypervisor.qemu]\nshared_fs = "virtio-9p"\n' >"$work/config.toml"
export KILN_CONF_FILE=$work/config.toml
"$KILN" spec --bundle "$work/bundle"
jq --arg r "$O/$arch/busybox-rootfs" '.process.terminal = false
	| .root.path = $r | .process.args = ["true"]' \
	<"$work/bundle/config.json" >"$work/config.json"
mv "$work/config.json" "$work/bundle/config.json"

now_us() { echo $(($(date +%s%N) / 1000)); }

emulator=$(command -v "qemu-system-${arch/ppc64le/ppc64}")
kiln() { "$KILN" --root "$work/state" "$@"; }
run() { kiln run --arch "$arch" --bundle "$work/bundle" s </dev/null >/dev/null; }

# How the supervisor calls QEMU. (It is confined: a wrapper could not tell.)
kiln create --arch "$arch" --bundle "$work/bundle" s </dev/null >/dev/null
given=()
for pid in $(pgrep -f -- "-name $work/state/s "); do
	mapfile -d '' -t given <"/proc/$pid/cmdline"
	[[ ${given[0]} != *qemu-system* ]] || break
done
kiln delete --force s

# The same machine, with files and nothing where its sockets were.
bare=()
for a in "${given[@]:1}"; do
	case $a in
	socket,id=console,*) a="file,id=console,path=$work/console" ;;
	socket,id=*) a=$(sed 's/^socket,\(id=[^,]*\).*/null,\1/' <<<"$a") ;;
	local,*path=*) a=$(sed "s|path=[^,]*|path=$work/shared|" <<<"$a") ;;
	-S) continue ;;
	esac
	bare+=("$a")
done
boot() {
	: >"$work/console"
	"$emulator" "${bare[@]}" </dev/null >"$work/qemu.log" 2>&1 &
	vm=$!
	until grep -aqs 'kiln-agent: ready' "$work/console"; do
		kill -0 "$vm" || { cat "$work/qemu.log" >&2; exit 1; }
		sleep 0.005
	done
}

for ((i = 0; i < RUNS; i++)); do
	t0=$(now_us)
	boot
	t1=$(now_us)
	kill "$vm"
	wait "$vm" 2>/dev/null || true
	vm=
	t2=$(now_us)
	run
	t3=$(now_us)
	echo "{\"bare\": $(((t1 - t0) / 1000)), \"run\": $(((t3 - t2) / 1000)),
		\"over\": $(((t3 - t2 - t1 + t0) / 1000))}"
done | jq -s -c 'def median(f): map(f) | sort | .[length / 2 | floor];
	{bare_boot_ms: median(.bare), run_ms: median(.run),
	 run_over_bare_ms: median(.over)}'
