#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Asks apt what packages a root file system needs, and writes it down as a lock
# for fetch-guest-packages.sh: every version with its hash, nothing installed,
# no program of the packages run, whatever the architecture.
#
# usage: resolve-packages.sh ARCH LOCK PACKAGE...
#
# A LOCK that is about the same packages is left as it is, unless KILN_UPDATE=1.
# Environment: as for fetch-guest-packages.sh
set -eu
export LC_ALL=C
umask 022
tool=resolve-packages
here=$(cd "$(dirname "$0")" && pwd)
. "$here/apt-root.sh"

[ $# -ge 3 ] || die "usage: resolve-packages.sh ARCH LOCK PACKAGE..."
arch=$1 lock=$2
shift 2
wanted=$(printf '%s\n' "$@" | sort -u | tr '\n' ' ')
about="# packages: $arch ${KILN_SUITE:-} ${wanted% }"
if [ -z "${KILN_UPDATE:-}" ] && [ -f "$lock" ]; then
	[ "$(sed -n 2p "$lock")" != "$about" ] || exit 0
fi
apt_setup "$arch"
apt_prepare "$1"

# As if on an empty system: what comes is all that is needed to run.
apt-get -q -o APT::Install-Recommends=false -s install "$@" >"$tmp/plan" 2>"$tmp/log" ||
	die "$arch: $(grep -m 1 '^E: ' "$tmp/log" || tail -n 1 "$tmp/log")"
sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*/\1=\2/p' "$tmp/plan" |
	sed 's/:[a-z0-9]*=/=/' | sort >"$tmp/list"
[ -s "$tmp/list" ] || die "$arch: apt has a plan without packages"

# Name, architecture, version, hash and file of each, from the signed index.
xargs apt-cache --no-all-versions show <"$tmp/list" 2>"$tmp/log" | awk '
	function out() {
		file = version
		gsub(":", "%3a", file)
		if (name && !(name in seen))
			print "deb", name, arch, version, sum, \
				name "_" file "_" arch ".deb"
		seen[name] = 1
		name = ""
	}
	/^Package: / { name = $2 }
	/^Architecture: / { arch = $2 }
	/^Version: / { version = $2 }
	/^SHA256: / { sum = $2 }
	/^$/ { out() }
	END { out() }' | sort >"$tmp/entries"
[ "$(wc -l <"$tmp/entries")" = "$(wc -l <"$tmp/list")" ] ||
	die "$arch: the index does not have all of what apt plans"
{
	echo '# Made by resolve-packages.sh: type name arch version sha256 file'
	echo "$about"
	cat "$tmp/entries"
} >"$tmp/lock"
mkdir -p "$(dirname "$lock")"
cp "$tmp/lock" "$lock"
