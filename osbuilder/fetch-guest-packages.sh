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
set -eu
export LC_ALL=C
umask 022

die()
{
	echo "fetch-guest-packages: error: $*" >&2
	exit 1
}

warn()
{
	echo "fetch-guest-packages: warning: $*" >&2
}

[ $# -ge 1 ] || die "usage: fetch-guest-packages.sh ARCH [OUT]"
arch=$1
out=${2:--}
here=$(cd "$(dirname "$0")" && pwd)
cache=${KILN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kiln}
lock=${KILN_LOCK:-$here/../rootfs/packages.lock}
update=${KILN_UPDATE:-}
store=$cache/store/sha256
apt=$cache/apt

case $arch in
x86_64) deb=amd64 ;;
aarch64) deb=arm64 ;;
s390x) deb=s390x ;;
ppc64le) deb=ppc64el ;;
*) die "unknown architecture '$arch'" ;;
esac
[ -r "$lock" ] || die "no lock file '$lock'"
mkdir -p "$store" "$cache/tmp"
# One apt root, many makes: the lock lives as long as this process.
exec 9>"$cache/lock"
flock 9
tmp=$(mktemp -d "$cache/tmp/fetch.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM HUP

# The entries of the lock that this architecture needs, on standard output.
wanted()
{
	awk -v deb="$deb" '
		/^[ \t]*(#|$)/ { next }
		NF != 6 { print "bad line " FNR > "/dev/stderr"; exit 1 }
		$3 == deb || $3 == "source"' "$lock"
}

in_store()
{
	[ -f "$store/$1" ]
}

# FILE goes into the store under its hash, atomically; prints the hash.
store_add()
{
	sum=$(sha256sum <"$1")
	sum=${sum%% *}
	cp "$1" "$store/.$sum.$$"
	mv "$store/.$sum.$$" "$store/$sum"
	echo "$sum"
}

# The host's sources, open to this architecture and to source packages. Only
# distribution archives carry foreign architectures and a component "main":
# what a third party configured is left out.
private_sources()
{
	mkdir -p "$apt/etc/sources.list.d"
	rm -f "$apt"/etc/sources.list.d/*
	n=0
	if [ -n "${KILN_APT_SOURCES:-}" ]; then
		set -- "$KILN_APT_SOURCES"
	else
		set -- /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
			/etc/apt/sources.list.d/*.sources
	fi
	for f; do
		[ -r "$f" ] || continue
		n=$((n + 1))
		case $f in
		*.sources)
			awk 'BEGIN { RS = ""; ORS = "\n\n" }
			     /(^|\n)Components:[^\n]*main/ &&
			     !/(^|\n)Enabled: *no/ { print }' "$f" |
				sed -e '/^#/d' -e '/^Architectures:/d' \
				-e 's/^Types:.*/Types: deb deb-src/' \
				>"$apt/etc/sources.list.d/$n.sources"
			;;
		*)
			sed -n -e 's/\[ *arch=[^] ]* *\]//' \
				-e 's/arch=[^] ]* *//' \
				-e '/^deb .*[ \t]main/{p;s/^deb /deb-src /p}' \
				"$f" >"$apt/etc/sources.list.d/$n.list"
			;;
		esac
	done
	[ $n -gt 0 ] || return 1
}

# A private configuration: nothing of the host's but how to reach the mirrors.
# Hooks (Post-Invoke and the like) stay out.
private_root()
{
	mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" \
		"$apt/etc/apt.conf.d" "$apt/etc/preferences.d"
	: >"$apt/state/status"
	# Kernel headers are ABI and need no security update; the versions of
	# that suite leave the mirror within weeks, a release's last for months.
	cat >"$apt/etc/preferences.d/headers" <<-END
		Package: linux-libc-dev
		Pin: release l=Debian-Security
		Pin-Priority: 100
	END
	private_sources || return 1
	apt-config dump 2>/dev/null |
		grep -E '^Acquire::(http|https|ftp|Retries|Proxy)' \
		>"$apt/etc/apt.conf.d/host" || :
	cat >"$apt/apt.conf" <<-END
		Dir::State "$apt/state";
		Dir::State::status "$apt/state/status";
		Dir::Cache "$apt/cache";
		Dir::Etc "$apt/etc";
		Dir::Etc::sourcelist "/dev/null";
		Dir::Etc::sourceparts "$apt/etc/sources.list.d";
		Dir::Etc::parts "$apt/etc/apt.conf.d";
		Dir::Etc::main "/dev/null";
		Dir::Etc::preferencesparts "$apt/etc/preferences.d";
		Dir::Etc::trustedparts "/etc/apt/trusted.gpg.d";
		Dir::Log "$apt/log";
		APT::Architecture "$deb";
		APT::Architectures { "$deb"; };
		APT::Sandbox::User "";
		APT::Get::List-Cleanup "false";
		Acquire::Languages "none";
		Acquire::Retries "3";
		Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
		Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
	END
	export APT_CONFIG="$apt/apt.conf"
}

# Mirrors fail in passing, and one broken index must not stop what the others
# offer: the outcome of the update is judged by whether the download works.
apt_ready=
apt_prepare()
{
	[ -z "$apt_ready" ] || return 0
	apt_ready=1
	command -v apt-get >/dev/null ||
		die "'$1' is not in the store '$store' and there is no apt-get" \
		"to fetch it (set GUEST_SYSROOT_$arch)"
	private_root || die "no apt sources on this host: set KILN_APT_SOURCES"
	for try in 1 2 3; do
		apt-get -q update >"$apt/update.log" 2>&1 && return 0
		sleep "$try"
	done
	warn "apt-get update had errors, see '$apt/update.log'"
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
while read -r type name darch version sum file; do
	resolve "$type" "$name" "$darch" "$version" "$sum" "$file"
done <"$tmp/wanted" >"$tmp/truth"
if [ "$out" = - ]; then
	cat "$tmp/truth"
else
	# Unchanged truth keeps its time, so that nothing is built again.
	cmp -s "$tmp/truth" "$out" || cp "$tmp/truth" "$out"
fi
