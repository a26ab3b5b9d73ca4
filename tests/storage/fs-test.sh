#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#	fs-test.sh ARCH...
#
# Public tests of files (suite.sh: stress-ng, fio) on a container's root: in one of
# runc first, then in guests of each ARCH by every way files get there. What comes
# out otherwise than WAY.expected says is an error. Root; minutes. Environment: O,
# WAYS, OPS, SECONDS_EACH, and UPDATE=1, which writes down what came out.
set -euo pipefail
O=$(realpath "${O:-build}")
export O
here=$(cd "$(dirname "$0")" && pwd)
kiln=$O/host/kiln
host=$(uname -m)
out=$O/storage
work=$(mktemp -d /tmp/kiln-fs.XXXXXX)
# shellcheck disable=SC2317
clean_up() {
	"$kiln" --root "$work/state" delete --force f >/dev/null 2>&1 || true
	runc --root "$work/runc" delete --force f >/dev/null 2>&1 || true
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM
[ "$(id -u)" = 0 ] || { echo "fs-test: needs root" >&2; exit 1; }
mkdir -p "$out"
export KILN_GUESTS=${KILN_GUESTS:-$O}

bundle() { # DIR ARCH
	rm -rf "$1"
	mkdir -p "$1"
	NAME=storage "$here/../bench/root.sh" "$2" stress-ng fio
	cp -a "$O/$2/storage-rootfs" "$1/rootfs"
	mkdir -p "$1/rootfs/data"
	cp "$here/suite.sh" "$1/rootfs/suite"
	"$kiln" spec --bundle "$1"
	jq --arg ops "${OPS:-50}" --arg each "${SECONDS_EACH:-6}" \
		--arg g "/$(basename "$work")" '
		.process.terminal = false | .root.readonly = false |
		.process.args = ["/bin/sh", "/suite"] |
		.process.env += ["OPS=" + $ops, "SECONDS_EACH=" + $each] |
		.process.capabilities |= map_values(["CAP_CHOWN", "CAP_DAC_OVERRIDE",
			"CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
			"CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP"]) |
		.linux.resources = {memory: {limit: 536870912}} |
		.linux.cgroupsPath = $g' "$1/config.json" >"$1/new"
	mv "$1/new" "$1/config.json"
}

# The suite runs to its end, which is the plan, or that is an error.
suite() { # NAME COMMAND...
	local name=$1
	shift
	echo "  SUITE   $name"
	timeout -k 10 "${TIMEOUT:-3600}" "$@" </dev/null \
		>"$out/$name.tap" 2>"$out/$name.log" || true
	grep -q '^1\.\.' "$out/$name.tap" && return
	tail -n 20 "$out/$name.tap" "$out/$name.log" >&2
	echo "fs-test: '$name' did not come to its end" >&2
	exit 1
}

status=0
bundle "$work/native" "$host"
suite peer runc --root "$work/runc" run --bundle "$work/native" f
for arch; do
	ways=${WAYS:-virtio-9p virtio-fs}
	[ "$arch" = "$host" ] || ways=virtio-9p
	for way in $ways; do
		name=$arch-$way
		bundle "$work/guest" "$arch"
		printf '[hypervisor.qemu]\nshared_fs = "%s"\n' "$way" >"$work/config.toml"
		suite "$name.kiln" "$kiln" --config "$work/config.toml" \
			--root "$work/state" run --arch "$arch" --bundle "$work/guest" f
		ln -sf peer.tap "$out/$name.peer.tap"
		/usr/bin/python3 -B "$here/../conformance/compare.py" "$name" "$out" \
			"$here/$way.expected" ${UPDATE:+--update} || status=1
	done
done
exit $status
