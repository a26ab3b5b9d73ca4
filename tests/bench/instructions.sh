#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#   instructions.sh ARCH
#
# Boots one guest of $O with a container of "true", and prints how many
# instructions it executed until its agent was ready. A second or two each.
set -euo pipefail
O=$(realpath "${O:-build}")
KILN=$O/host/kiln
work=$(mktemp -d)
trap '"$KILN" --root "$work/state" delete --force i >/dev/null 2>&1 || true
	rm -rf "$work"' EXIT
# shellcheck source=tests/bench/icount.sh
. "$(dirname "$0")/icount.sh"

icount_wrappers "$work/bin"
mkdir "$work/bundle"
"$KILN" spec --bundle "$work/bundle"
jq --arg r "$O/$1/busybox-rootfs" '.process.terminal = false
	| .root.path = $r | .process.args = ["true"]' \
	<"$work/bundle/config.json" >"$work/config.json"
mv "$work/config.json" "$work/bundle/config.json"
# Counting is slow: the deadlines of a boot are no matter here. And it is the
# kernel's budget: memory, each page of which costs some, is what it was set with.
printf '[hypervisor.qemu]\ndefault_memory = 128\nshared_fs = "virtio-9p"\n[agent.kiln]\ndial_timeout = 450\n' \
	>"$work/config.toml"
PATH=$work/bin:$PATH "$KILN" --config "$work/config.toml" --root "$work/state" create --arch "$1" \
	--bundle "$work/bundle" i </dev/null >"$work/out" 2>&1 ||
	{ cat "$work/out" >&2; exit 1; }
n=$(icount_ready "$work/state/i/console")
[ "$n" != 0 ] || { echo "instructions: $1: the agent was never ready" >&2; exit 1; }
echo "$n"
