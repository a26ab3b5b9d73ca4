#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds the guests of $ARCHES twice, from copies of this tree in two folders,
# and compares all artifacts byte by byte. The second build has another path,
# umask, time zone, locale, home, number of jobs, and where there is root
# another user and host name. It starts with an empty cache: neither kernels
# nor compiled objects of the first can hide a difference. Only the packages
# and the kernel's source come from the store of the first.
#
# KERNEL=no leaves the kernels out. REPRO_LOGS=dir keeps the logs there.
set -euo pipefail
cd "$(dirname "$0")/.."
top=$PWD
cache=${KILN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kiln}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/kiln-repro.XXXXXX")
trap 'chmod -R u+w "$work" 2>/dev/null || true; rm -rf "$work"' EXIT
logs=${REPRO_LOGS:-$work/logs}
mkdir -p "$logs"
artifacts="initrd.img rootfs.erofs.img kiln-agent"
goal="initrd rootfs agent"
if [ "${KERNEL:-yes}" = yes ]; then
	artifacts="kernel kernel.config kernel.map kernel.sources kernel.json
		kernel.zst image.json $artifacts"
	goal=image
fi

copy_tree() {
	mkdir -p "$1"
	# A release's archive has no git, and nothing in it that is not source.
	if [ -e .git ]; then
		git ls-files -z
	else
		find . -path ./build -prune -o ! -type d -print0
	fi | xargs -0 tar -cf - | tar -xf - -C "$1"
}

# The second build is cold: only what is fetched is carried over.
copy_cache() {
	mkdir -p "$1"
	[ ! -d "$cache/store" ] || cp -a "$cache/store" "$1/"
}

# build LOG COMMAND...: tells why it failed, if it does.
build() {
	local log=$1
	shift
	"$@" >"$log" 2>&1 || {
		tail -n 30 "$log" >&2
		echo "repro: the build failed; nothing was compared" >&2
		exit 2
	}
}

a=$work/a b=$work/somewhere/else/b
copy_tree "$a"
copy_tree "$b"
copy_cache "$work/cache"
as_other=()
if [ "$(id -u)" = 0 ]; then
	# A host name of its own is a namespace's, if one can be made.
	! unshare --uts true 2>/dev/null ||
		as_other=(unshare --uts sh -c 'hostname elsewhere && exec "$@"' sh)
	as_other+=(setpriv --reuid 65534 --regid 65534 --clear-groups --)
	chown -R 65534:65534 "$work/somewhere" "$work/cache"
	chmod 711 "$work"
fi
arch=$([ "$(wc -w <<<"$ARCHES")" = 1 ] && echo "$ARCHES" || echo all)
# Nothing of a make around us, or of a cluster, reaches the builds.
unset MAKEFLAGS MFLAGS MAKELEVEL DISTCC ICECC CCACHE_REMOTE_STORAGE O
unset "${!DISTCC_@}" "${!ICECC_@}" KERNEL_JOBS

echo "repro: first build, as $(id -un), of $arch" >&2
(umask 022 && export TZ=UTC LC_ALL=C && build "$logs/a.log" make -C "$a" -j2 \
	DEPS=skip ARCH="$arch" O=build KILN_CACHE="$cache" $goal)
echo "repro: second build, another user, host, folder, umask, zone, locale" >&2
(umask 077 && cd "$b" && build "$logs/b.log" "${as_other[@]}" \
	env HOME="$work/somewhere" TZ=Asia/Tokyo LC_ALL=C.UTF-8 \
	LANG=de_DE.UTF-8 USER=other KERNEL_JOBS=3 \
	make -j1 DEPS=skip ARCH="$arch" O=output KILN_CACHE="$work/cache" $goal)

differ=0
for one in $ARCHES; do
	for f in $artifacts; do
		x=$a/build/$one/$f y=$b/output/$one/$f
		[ -s "$x" ] || { echo "MISSING $one/$f"; differ=1; continue; }
		if cmp -s "$x" "$y"; then
			printf 'same    %s/%s  %s\n' "$one" "$f" \
				"$(sha256sum <"$x" | cut -c1-16)"
			continue
		fi
		printf 'DIFFERS %s/%s\n' "$one" "$f"
		"$top/tests/differ.sh" "$x" "$y" "$a/build/host/kiln-image" |
			sed 's/^/        /' || true
		differ=1
	done
done
exit $differ
