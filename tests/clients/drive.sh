#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs the tests of this folder with an engine on a runtime; TAP to OUT, with
# names "file: test".
#
# usage: drive.sh podman|podman-rootless|docker RUNTIME OUT [FILE...]
# Environment: O, ROOTFS (a folder with busybox).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
client=$1 program=$(realpath "$2") out=$3
shift 3
export BASE=$(mktemp -d /tmp/kiln-clients.XXXX)
export CLIENT=$client RUNTIME_NAME=under-test
chmod 755 "$BASE"

finish()
{
	local d
	[ ! -x "$BASE/stop" ] || "$BASE/stop" || :
	if [ -e "$BASE/user" ]; then
		pkill -KILL -U "$(cat "$BASE/user")" || :
		userdel "$(cat "$BASE/user")" || :
	fi
	# Podman 4.3 cannot remove its own groups where both versions of control
	# groups are, nor the plain folders that it takes for a hierarchy which the
	# host has not mounted. Groups in use stay.
	find /sys/fs/cgroup -depth -type d -path '*/libpod_parent/*' \
		-exec rmdir {} + 2>/dev/null || :
	for d in /sys/fs/cgroup/*/libpod_parent; do
		[ ! -d "$d" ] || [ "$(stat -f -c %T "$d")" != tmpfs ] || rm -rf "$d"
	done
	rm -f "$BASE/stop" # once is enough
	"$here/end.sh" "$BASE" || :
}
trap finish EXIT

# The engine's user may not enter where it was built, and engines hand no
# environment on: a build tree in small.
case $program in
*/kiln)
	arch=$(uname -m)
	mkdir -p "$BASE/build/host" "$BASE/build/$arch"
	cp "$program" "$BASE/build/host"
	program=$BASE/build/host/kiln
	for f in image.json kernel initrd.img rootfs.erofs.img; do
		[ ! -e "$O/$arch/$f" ] || cp "$O/$arch/$f" "$BASE/build/$arch"
	done
	chmod -R a+rX "$BASE/build" ;;
esac
if [ "$client" = podman-rootless ]; then
	user=kiln-client-$$
	useradd --no-create-home --home-dir "$BASE/home" "$user"
	echo "$user" >"$BASE/user"
	# udev gives it to all; a container of the tests may have no udev.
	[ ! -c /dev/net/tun ] || chmod 666 /dev/net/tun
fi
"$here/start.sh" "$client" "$BASE" "$RUNTIME_NAME" "$program" "$ROOTFS" >&2

[ $# -gt 0 ] || set -- "$here"/*.bats
: >"$out"
for f; do
	name=$(basename "$f" .bats)
	bats --tap "$f" | sed -E "s/^(not ok|ok) ([0-9]+) /\\1 \\2 - $name: /; s/ # skip/ # SKIP/" |
		tee -a "$out" >&2 || :
done
