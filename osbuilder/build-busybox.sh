#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds a busybox of the applets that a fragment of its Kconfig names, from
# Debian's source package, static against the sysroot's musl, and writes the
# manifest for it: the program, and a link for each applet where busybox has it.
#
# usage: build-busybox.sh ARCH TRUTH SYSROOT FRAGMENT OUT
#
# TRUTH is what fetch-guest-packages.sh wrote. OUT is a folder:
#   busybox, busybox.config  the program, and its whole configuration
#   busybox.manifest         for kiln-image, to be included
# Every symbol of the fragment must have come out as it is written there; one
# that does not exist, or lacks what it depends on, is an error with its name.
# Environment: KILN_CACHE; CROSS_COMPILE (a prefix, as the kernel's).
set -eu
export LC_ALL=C TZ=UTC
umask 022

die()
{
	echo "build-busybox: error: $*" >&2
	exit 1
}

[ $# -eq 5 ] || die "usage: build-busybox.sh ARCH TRUTH SYSROOT FRAGMENT OUT"
arch=$1 truth=$2 sysroot=$3 fragment=$4 out=$5
cache=${KILN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kiln}
store=$cache/store/sha256
cc=$(cd "$sysroot" && pwd)/bin/kiln-cc
[ -x "$cc" ] || die "no compiler '$cc'"

mkdir -p "$out" "$cache/tmp"
work=$(mktemp -d "$cache/tmp/busybox.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
src=$work/src

# The release with Debian's patches, as the package is built.
unpack()
{
	mkdir "$src"
	for kind in orig debian; do
		sum=$(awk -v p="[.]${kind}[.]tar" '$1 == "src" && $2 == "busybox" &&
			$6 ~ p { print $5; exit }' "$truth")
		[ -f "$store/$sum" ] || die "the store lacks busybox's $kind ($sum)"
		case $kind in
		orig) tar -C "$src" --strip-components=1 -xf "$store/$sum" ;;
		debian) tar -C "$src" -xf "$store/$sum" ;;
		esac
	done
	sed -e 's/[ \t]*#.*//' -e '/^$/d' "$src/debian/patches/series" |
		while read -r name _; do
			patch -d "$src" -s -p1 <"$src/debian/patches/$name" ||
				die "patch '$name' does not apply"
		done
}

# Kbuild with nothing of the caller's in it; no time of the build in the program.
kbuild()
{
	yes '' 2>/dev/null | env -u MAKEFLAGS -u MFLAGS -u O KCONFIG_NOTIMESTAMP=1 \
		make -C "$src" -j"$(nproc)" ARCH="$arch" CC="$cc" HOSTCC=gcc \
		AR="${prefix}ar" STRIP="${prefix}strip" NM="${prefix}nm" \
		OBJCOPY="${prefix}objcopy" SKIP_STRIP=n \
		EXTRA_CFLAGS="-ffile-prefix-map=$src=. -fstack-protector-strong -funsigned-char -fno-asynchronous-unwind-tables" \
		"$@" >"$work/log" 2>&1 || {
		tail -n 20 "$work/log" >&2
		die "$arch: '$*' failed"
	}
}

# The value that the configuration has for SYMBOL: n when there is none.
value()
{
	sed -n "s/^$1=//p; s/^# $1 is not set\$/n/p" "$src/.config" | grep . ||
		echo n
}

# Puts out all but the symbols of the fragment; what is a number or text stays.
only_asked()
{
	awk -F= 'FNR == NR { asked[$1] = $2; next }
		/^CONFIG_[A-Z0-9_]*=/ && !($1 in asked) {
			print $2 == "y" ? "# " $1 " is not set" : $0 }
		/^# CONFIG_[A-Z0-9_]* is not set$/ {
			split($0, word, " ")
			if (!(word[2] in asked))
				print }
		END { for (s in asked) print asked[s] == "n" ?
			"# " s " is not set" : s "=" asked[s] }' \
		"$work/asked" "$src/.config" >"$work/config"
	cp "$work/config" "$src/.config"
	kbuild oldconfig
}

# Its allnoconfig forgets what KCONFIG_ALLCONFIG says (1.35). So: every symbol
# there is, by allyesconfig, off but for those of the fragment; and again, for
# those that only come to be when others are off.
configure()
{
	grep '^CONFIG_' "$fragment" >"$work/asked"
	kbuild allyesconfig
	only_asked
	only_asked
}

prove()
{
	bad=0
	find "$src" -name Config.in -exec sed -n \
		's/^[ \t]*\(menu\)\{0,1\}config \([A-Z0-9_]*\).*/CONFIG_\2/p' {} + |
		sort -u >"$work/symbols"
	while IFS='=' read -r symbol want; do
		is=$(value "$symbol")
		grep -qx "$symbol" "$work/symbols" || is='no symbol there is'
		[ "$is" != "$want" ] || continue
		echo "build-busybox: error: $symbol is $is, not $want" >&2
		bad=1
	done <"$work/asked"
	[ $bad = 0 ] || die "'$fragment' cannot be had"
}

links()
{
	echo "# Made by build-busybox.sh."
	echo "file /bin/busybox mode=0755 source=busybox"
	while read -r path; do
		[ "$path" = /bin/busybox ] || echo "link $path /bin/busybox"
	done <"$src/busybox.links"
}

prefix=${CROSS_COMPILE:-$(sed -n 's/.*[ "]\([a-z0-9_]*-linux-gnu-\)gcc[" ].*/\1/p' \
	"$cc" | head -n 1)}
command -v "${prefix}strip" >/dev/null || prefix=
unpack
configure
prove
kbuild busybox busybox.links
cp "$src/busybox" "$out/busybox.new"
cp "$src/.config" "$out/busybox.config"
links >"$out/busybox.manifest"
mv "$out/busybox.new" "$out/busybox"
