#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes the sysroot a guest's programs are built in: musl, kernel headers,
# libprotobuf-c, libseccomp, busybox, and a compiler command. Packages are
# unpacked from the content store, none of their scripts runs.
#
# usage: build-guest-sysroot.sh ARCH TRUTH LINK
#
# TRUTH is what fetch-guest-packages.sh wrote. The sysroot has a name of its own
# content below KILN_CACHE, is made once, and LINK becomes a link to it:
#   bin/kiln-cc                   compiles and links like gcc (see there)
#   usr/include/<arch>-linux-musl C library, seccomp.h, protobuf-c/
#   usr/include/linux-uapi        kernel headers
#   usr/lib/<arch>-linux-musl     libc.a libseccomp.a libprotobuf-c.a crt*.o
#   busybox                       static
#   share/licences/<package>      their texts
#   manifest                      TRUTH
# Environment: KILN_CACHE; CROSS_COMPILE (a prefix, as the kernel's).
set -eu
export LC_ALL=C TZ=UTC
umask 022

die()
{
	echo "build-guest-sysroot: error: $*" >&2
	exit 1
}

[ $# -eq 3 ] || die "usage: build-guest-sysroot.sh ARCH TRUTH LINK"
arch=$1
truth=$2
link=$3
here=$(cd "$(dirname "$0")" && pwd)
cache=${KILN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kiln}
store=$cache/store/sha256

# musl's long double has 64 bits on ppc64le, where gcc's has 128 (s390x: 128 in
# both). 4 KiB pages keep ppc64le files small, and the guest's kernel has them.
gnu=$arch-linux-gnu
cflags=
ldflags=
endian=
case $arch in
x86_64) deb=amd64 ;;
aarch64) deb=arm64 ;;
s390x)
	deb=s390x
	endian=-DWORDS_BIGENDIAN
	;;
ppc64le)
	deb=ppc64el
	gnu=powerpc64le-linux-gnu
	cflags=-mlong-double-64
	ldflags=-Wl,-z,max-page-size=4096
	;;
*) die "unknown architecture '$arch'" ;;
esac
musl=${gnu%-gnu}-musl

# The cross compiler, or the host's own when that is the architecture.
find_cc()
{
	for cc in "${CROSS_COMPILE:+${CROSS_COMPILE}gcc}" "$gnu-gcc" \
		"$arch-linux-gnu-gcc"; do
		[ -n "$cc" ] && command -v "$cc" >/dev/null && return 0
	done
	cc=gcc
	if [ "$(uname -m)" != "$arch" ] || ! command -v gcc >/dev/null; then
		die "no C compiler for $arch: install gcc-$(echo "$gnu" |
			tr _ -) or set CROSS_COMPILE_$arch"
	fi
}

# Hash of TYPE NAME with a file like PATTERN in the truth.
input()
{
	sum=$(awk -v t="$1" -v n="$2" -v p="$3" \
		'$1 == t && $2 == n && $6 ~ p { print $5; exit }' "$truth")
	[ -n "$sum" ] || die "'$truth' has no $1 '$2'"
	[ -f "$store/$sum" ] || die "the store lacks '$2' ($sum)"
	echo "$store/$sum"
}

# Unpacks a binary package to a directory, with what the host has.
unpack_deb()
{
	mkdir -p "$2"
	if command -v dpkg-deb >/dev/null; then
		dpkg-deb -x "$1" "$2"
	else
		member=$(ar t "$1" | grep '^data\.tar')
		ar p "$1" "$member" >"$work/$member"
		tar -C "$2" -xf "$work/$member"
	fi
}

# Unpacks a source package as Debian builds it: the release and its patches.
unpack_src()
{
	mkdir -p "$2"
	orig=$(input src "$1" '[.]orig[.]tar')
	debian=$(input src "$1" '[.]debian[.]tar')
	tar -C "$2" --strip-components=1 -xf "$orig"
	tar -C "$2" -xf "$debian"
	[ -f "$2/debian/patches/series" ] || return 0
	sed -e 's/[ \t]*#.*//' -e '/^$/d' "$2/debian/patches/series" |
		while read -r name _; do
			patch -d "$2" -s -p1 <"$2/debian/patches/$name" ||
				die "patch '$name' does not apply to '$1'"
		done
}

write_cc()
{
	sed -e "s|@MUSL@|$musl|g" -e "s|@CFLAGS@|$cflags|g" \
		-e "s|@LDFLAGS@|$ldflags|g" -e "s|@CC@|$cc|g" \
		-e "s|@GCC_INCLUDE@|$("$cc" -print-file-name=include)|g" \
		"$here/kiln-cc.in" >"$root/bin/kiln-cc"
	chmod 755 "$root/bin/kiln-cc"
}

# Kernel headers stand apart from musl's: both have scsi/.
install_headers()
{
	mkdir -p "$root/usr/include/linux-uapi"
	for d in "$1"/usr/include/*; do
		case ${d##*/} in
		"${gnu%%-*}"-linux-*) cp -r "$d/." "$root/usr/include/linux-uapi" ;;
		*) cp -r "$d" "$root/usr/include/linux-uapi" ;;
		esac
	done
	[ -f "$root/usr/include/linux-uapi/asm/unistd.h" ] ||
		die "no <asm/unistd.h> in linux-libc-dev"
}

# Sources to a static library: NAME DIR FLAGS... -- SOURCES...
static_lib()
{
	lib=$1
	dir=$2
	shift 2
	flags=
	while [ "$1" != -- ]; do
		flags="$flags $1"
		shift
	done
	shift
	mkdir -p "$work/obj-$lib"
	objs=
	for src; do
		o=$work/obj-$lib/$(basename "$src" .c).o
		# shellcheck disable=SC2086 # flags are words
		(cd "$dir" && "$root/bin/kiln-cc" -Os -g0 -ffunction-sections \
			-fdata-sections -fstack-protector-strong -fPIE \
			-fno-asynchronous-unwind-tables $flags -c \
			-o "$o" "$src") || die "cannot compile '$src' for $arch"
		objs="$objs $o"
	done
	# shellcheck disable=SC2086
	"${cc%gcc}ar" rcD "$root/usr/lib/$musl/lib$lib.a" $objs
}

build_seccomp()
{
	dir=$work/libseccomp
	unpack_src libseccomp "$dir"
	echo '#define HAVE_LINUX_SECCOMP_H 1' >"$dir/configure.h"
	grep -v '^#' "$dir/src/syscalls.csv" | sort -t, -k1,1 |
		awk -f "$here/seccomp-table.awk" >"$dir/src/table.c"
	set --
	for f in api system helper gen_pfc gen_bpf hash db arch syscalls table \
		"$dir"/src/arch-*.c; do
		f=${f##*/}
		[ "${f%.c}" = arch-syscall-dump ] || set -- "$@" "src/${f%.c}.c"
	done
	static_lib seccomp "$dir" -I. -Iinclude -fvisibility=hidden \
		-Wno-pointer-sign -- "$@"
	cp "$dir/include/seccomp.h" "$dir/include/seccomp-syscalls.h" \
		"$root/usr/include/$musl/"
	mkdir -p "$root/share/licences/libseccomp"
	cp "$dir/LICENSE" "$root/share/licences/libseccomp/"
}

build_protobuf_c()
{
	dir=$work/protobuf-c
	unpack_src protobuf-c "$dir"
	static_lib protobuf-c "$dir" -I. $endian -- protobuf-c/protobuf-c.c
	mkdir -p "$root/usr/include/$musl/protobuf-c" \
		"$root/share/licences/protobuf-c"
	cp "$dir/protobuf-c/protobuf-c.h" "$root/usr/include/$musl/protobuf-c/"
	cp "$dir/LICENSE" "$root/share/licences/protobuf-c/"
}

build()
{
	mkdir -p "$root/bin" "$root/usr/include" "$root/usr/lib" \
		"$root/share/licences"
	for p in musl-dev linux-libc-dev busybox-static; do
		f=$(input deb "$p" '[.]deb$') || exit 1
		unpack_deb "$f" "$work/$p"
		mkdir "$root/share/licences/$p"
		cp "$work/$p/usr/share/doc/$p/copyright" \
			"$root/share/licences/$p/"
	done
	cp -r "$work/musl-dev/usr/include/$musl" "$root/usr/include/"
	cp -r "$work/musl-dev/usr/lib/$musl" "$root/usr/lib/"
	install_headers "$work/linux-libc-dev"
	cp "$work/busybox-static/bin/busybox" "$root/busybox"
	write_cc
	build_protobuf_c
	build_seccomp
	cp "$truth" "$root/manifest"
}

# Everything the result depends on, by content.
identity()
{
	{
		awk -v deb="$deb" '$3 == deb || $3 == "source"' "$truth" |
			sort
		cat "$0" "$here/kiln-cc.in" "$here/seccomp-table.awk"
		echo "$cc"
		"$cc" -v 2>&1 | grep '^gcc version'
		"$cc" -print-file-name=include
	} | sha256sum | cut -c1-16
}

[ -r "$truth" ] || die "cannot read '$truth'"
find_cc
final=$cache/sysroot/$arch-$(identity)
if [ ! -d "$final" ]; then
	mkdir -p "$cache/tmp" "$cache/sysroot"
	work=$(mktemp -d "$cache/tmp/sysroot.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' INT TERM HUP
	root=$work/root
	build
	# A make beside this one may have been first: its result is the same.
	mv -T "$root" "$final" 2>/dev/null || [ -d "$final" ] ||
		die "cannot create '$final'"
fi
mkdir -p "$(dirname "$link")"
ln -sfn "$final" "$link"
