#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Brings the source of a suite, a source package of the host's distribution, to
# DIR, by an apt root of its own: the host's package state is not touched.
# Prints where the source is.
#
# usage: fetch.sh PACKAGE DIR
set -eu
export LC_ALL=C
package=$1 dir=$2
src=$dir/$package

found()
{
	set -- "$src"/*/
	[ -d "$1" ] || return 1
	echo "${1%/}"
}

found && exit 0
apt=$dir/apt
mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" \
	"$apt/sources" "$apt/parts"
rm -f "$apt"/sources/*
n=0
for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
	/etc/apt/sources.list.d/*.sources; do
	[ -r "$f" ] || continue
	n=$((n + 1))
	case $f in
	*.sources)
		awk 'BEGIN { RS = ""; ORS = "\n\n" }
		     /(^|\n)Components:[^\n]*main/ { print }' "$f" |
			sed -e '/^#/d' -e 's/^Types:.*/Types: deb-src/' \
			>"$apt/sources/$n.sources" ;;
	*)
		sed -n 's/^deb \(.*[ \t]main\)/deb-src \1/p' "$f" \
			>"$apt/sources/$n.list" ;;
	esac
done
: >"$apt/status"
apt-config dump 2>/dev/null | grep -E '^Acquire::(http|https|Retries)' \
	>"$apt/parts/host" || :
cat >"$apt/apt.conf" <<END
Dir::State "$apt/state";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$apt/sources";
Dir::Etc::parts "$apt/parts";
Dir::Etc::main "/dev/null";
APT::Sandbox::User "";
Acquire::Languages "none";
END
export APT_CONFIG="$apt/apt.conf"
# A mirror that fails in passing is judged by whether the download works.
apt-get -q update >"$apt/log" 2>&1 || :
tmp=$(mktemp -d "$dir/tmp.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
(cd "$tmp" && apt-get -q source --download-only "$package") \
	>>"$apt/log" 2>&1 || {
	echo "conformance: cannot fetch the source of '$package':" >&2
	tail -n 3 "$apt/log" >&2
	exit 1
}
mkdir "$tmp/src"
rm -f "$tmp"/*.asc
tar -C "$tmp/src" -xf "$tmp"/*.orig.tar.*
rm -rf "$src"
mv "$tmp/src" "$src"
found
