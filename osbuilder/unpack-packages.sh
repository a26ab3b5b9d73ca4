#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The contents of packages as archives that kiln-image reads, beside the store
# and as cheap to make again: unpack-packages.sh LIST DIR, the list being that
# of fetch-guest-packages.sh. No script of a package runs.
set -eu
list=$1 dir=$2
cache=${KILN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kiln}
mkdir -p "$dir"
while read -r type name _ version sum _; do
	[ "$type" = deb ] && [ ! -f "$dir/$sum.tar" ] || continue
	dpkg-deb --fsys-tarfile "$cache/store/sha256/$sum" \
		>"$dir/.$sum.$$" || {
		rm -f "$dir/.$sum.$$"
		echo "unpack-packages: error: '$name' $version: not a package" >&2
		exit 1
	}
	mv "$dir/.$sum.$$" "$dir/$sum.tar"
done <"$list"
