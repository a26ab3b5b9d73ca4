#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds the guests of $ARCHES twice, from copies of this tree in two folders,
# under another user where there is root, and with another umask, time zone,
# locale, job count and an empty cache of built things; then compares all
# artifacts byte by byte. The packages and the kernel source come from the store
# of the first cache, read only. KERNEL=no leaves the kernels out.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${KILN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kiln}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/kiln-repro.XXXXXX")
trap 'chmod -R u+w "$work" 2>/dev/null || true; rm -rf "$work"' EXIT
artifacts="kernel kernel.zst kernel.config initrd.img rootfs.erofs.img
	kiln-agent image.json"
goal=image
[ "${KERNEL:-yes}" = yes ] || {
	goal="initrd rootfs agent"
	artifacts="initrd.img rootfs.erofs.img kiln-agent"
}

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

a=$work/a b=$work/somewhere/else/b
copy_tree "$a"
copy_tree "$b"
copy_cache "$work/cache"
as_other=()
if [ "$(id -u)" = 0 ]; then
	as_other=(setpriv --reuid 65534 --regid 65534 --clear-groups --)
	chown -R 65534:65534 "$work/somewhere" "$work/cache"
	chmod 711 "$work"
fi
arch=$([ "$(wc -w <<<"$ARCHES")" = 1 ] && echo "$ARCHES" || echo all)

echo "repro: first build, as $(id -un)" >&2
(umask 022 && TZ=UTC LC_ALL=C make -C "$a" -j2 DEPS=skip ARCH="$arch" \
	O=build KILN_CACHE="$cache" $goal >"$work/a.log" 2>&1) || {
	tail -n 30 "$work/a.log"
	exit 1
}
echo "repro: second build, another user, folder, umask, time zone, locale" >&2
(umask 077 && cd "$b" && "${as_other[@]}" env HOME="$work/somewhere" \
	TZ=Asia/Tokyo LC_ALL=C.UTF-8 LANG=de_DE.UTF-8 USER=other \
	make -j1 DEPS=skip ARCH="$arch" O=output \
	KILN_CACHE="$work/cache" $goal >"$work/b.log" 2>&1) || {
	tail -n 30 "$work/b.log"
	exit 1
}

differ=0
for one in $ARCHES; do
	for f in $artifacts; do
		x=$a/build/$one/$f y="$b/output/$one/$f"
		if cmp -s "$x" "$y"; then
			printf 'same    %s/%s  %s\n' "$one" "$f" \
				"$(sha256sum <"$x" | cut -c1-16)"
		else
			printf 'DIFFERS %s/%s\n' "$one" "$f"
			cmp "$x" "$y" || true
			! command -v diffoscope >/dev/null ||
				diffoscope "$x" "$y" | head -n 60 || true
			differ=1
		fi
	done
done
exit $differ
