#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Brings the packages a guest is made of into the content store, without root
# and without touching the host's own package state: a private apt root below
# the cache uses the host's configured sources and keyrings.
#
# usage: fetch-guest-packages.sh ARCH [OUT]
#
# ARCH is x86_64, aarch64, s390x or ppc64le. OUT (default: standard output)
# receives the truth, one input a line: type name arch version sha256 file.
# Environment: KILN_CACHE   where the store is
#              KILN_LOCK    the lock file (default rootfs/packages.lock)
#              KILN_APT_SOURCES  a sources file used in place of the host's
#              KILN_UPDATE=1     ignore the lock, take what the mirror offers
#              KILN_SUITE   another release than the host's
set -eu
export LC_ALL=C
umask 022

tool=fetch-guest-packages
here=$(cd "$(dirname "$0")" && pwd)
. "$here/apt-root.sh"

[ $# -ge 1 ] || die "usage: fetch-guest-packages.sh ARCH [OUT]"
arch=$1
out=${2:--}
lock=${KILN_LOCK:-$here/../rootfs/packages.lock}
update=${KILN_UPDATE:-}
apt_setup "$arch"
[ -r "$lock" ] || die "no lock file '$lock'"
# The entries of the lock that this architecture needs, on standard output.
wanted()
{
	awk -v deb="$deb" '
		/^[ \t]*(#|$)/ { next }
		NF != 6 { print "bad line " FNR > "/dev/stderr"; exit 1 }
		$3 == deb || $3 == "all" || $3 == "source"' "$lock"
}

# Why nothing came: an index that could not be read looks to apt like a package
# that does not exist.
reason()
{
	grep -h '^\(Err\|E: Failed\|W: Failed\)' "$apt/update.log" |
		head -n 1 >"$tmp/reason"
	[ -s "$tmp/reason" ] || tail -n 1 "$tmp/log" >"$tmp/reason"
	cat "$tmp/reason"
}

# Package NAME of VERSION ("" for any) to $tmp/dl; false when not to be had.
download()
{
	rm -rf "$tmp/dl"
	mkdir "$tmp/dl"
	if [ "$1" = deb ]; then
		set -- download "$2:$deb${3:+=$3}"
	else
		set -- source --download-only "$2${3:+=$3}"
	fi
	for try in 1 2 3; do
		(cd "$tmp/dl" && apt-get -q "$@") >"$tmp/log" 2>&1 && return 0
		grep -q "Unable to find\|was not found\|not find a source" \
			"$tmp/log" && return 1
		sleep "$try"
	done
	return 1
}

# All that is missing at once, as far as it can be had: a call of apt takes
# seconds, whatever it is asked for. Who is left is seen to one by one.
prefetch()
{
	while read -r type name darch version sum file; do
		[ "$type" != deb ] || in_store "$sum" ||
			echo "$name:$deb=$version"
	done <"$1" >"$tmp/missing"
	[ "$(wc -l <"$tmp/missing")" -gt 1 ] || return 0
	apt_prepare "$(head -n 1 "$tmp/missing")"
	mkdir "$tmp/bulk"
	(cd "$tmp/bulk" && xargs apt-get -q download <"$tmp/missing") \
		>"$tmp/log" 2>&1 || :
	for f in "$tmp"/bulk/*.deb; do
		[ ! -f "$f" ] || store_add "$f" >/dev/null
	done
}

# The version of what lies in $tmp/dl. A .dsc repeats its version when it is
# signed, never differently.
downloaded_version()
{
	case $1 in
	deb) dpkg-deb -f "$tmp"/dl/*.deb Version ;;
	src) sed -n 's/^Version: //p' "$tmp"/dl/*.dsc | head -n 1 ;;
	esac
}

# Prints the truth about one entry, fetching it when the store lacks it. A file
# of the lock names its role by its suffix, as versions are part of names.
resolve()
{
	type=$1 name=$2 darch=$3 version=$4 sum=$5 file=$6

	if [ -z "$update" ] && in_store "$sum"; then
		echo "$type $name $darch $version $sum $file"
		return 0
	fi
	apt_prepare "$name"
	if [ "$(cat "$tmp/have" 2>/dev/null)" != "$type $name" ]; then
		if [ -n "$update" ] || ! download "$type" "$name" "$version"
		then
			download "$type" "$name" "" ||
				die "cannot fetch '$name' for $darch:" \
				"$(reason)"
		fi
		echo "$type $name" >"$tmp/have"
	fi
	real=$(downloaded_version "$type")
	case $file in
	*.orig.tar.*) found=$(echo "$tmp"/dl/*.orig.tar.?z*) ;;
	*.debian.tar.*) found=$(echo "$tmp"/dl/*.debian.tar.?z*) ;;
	*) found=$(echo "$tmp"/dl/*.deb) ;;
	esac
	found=${found%% *}
	[ -f "$found" ] || die "'$name' came without a file like '$file'"
	hash=$(store_add "$found")
	if [ -z "$update" ] && [ "$hash" != "$sum" ]; then
		[ "$real" != "$version" ] ||
			die "'$name' $version ($darch) has sha256 $hash," \
			"the lock says $sum"
		warn "$name ($darch): the lock pins $version, using $real"
	fi
	echo "$type $name $darch $real $hash ${found##*/}"
}

wanted >"$tmp/wanted" || die "cannot read '$lock'"
[ -s "$tmp/wanted" ] || die "'$lock' has nothing for $arch"
[ -n "$update" ] || prefetch "$tmp/wanted"
while read -r type name darch version sum file; do
	resolve "$type" "$name" "$darch" "$version" "$sum" "$file"
done <"$tmp/wanted" >"$tmp/truth"
if [ "$out" = - ]; then
	cat "$tmp/truth"
else
	# Unchanged truth keeps its time, so that nothing is built again.
	cmp -s "$tmp/truth" "$out" || cp "$tmp/truth" "$out"
fi
