#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# dist.sh VERSION OUTPUT: the source archive, with fixed order, owner, modes and
# time (SOURCE_DATE_EPOCH). In a git checkout it has what is committed, and a
# list of that, packaging/MANIFEST; from an unpacked archive it is made again by
# the list, byte for byte.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/.."
version=$1
output=$2
list=packaging/MANIFEST
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
name=kiln-$version
mkdir "$stage/$name"

# A checkout of our own: an archive may be unpacked below somebody else's.
if [ "$(git rev-parse --show-toplevel 2>/dev/null)" = "$(pwd -P)" ]; then
	[ -z "$(git status --porcelain --untracked-files=no)" ] ||
		echo "dist: changes that are not committed are left out" >&2
	git archive HEAD | tar -x -C "$stage/$name"
	(cd "$stage/$name" && find . ! -type d -printf '%P\n') | sort \
		>"$stage/list"
elif [ -f "$list" ]; then
	cp "$list" "$stage/list"
	tar -c --no-recursion --files-from="$list" | tar -x -C "$stage/$name"
else
	echo "dist: neither a git checkout nor an unpacked source archive" >&2
	# A checkout of another user's, perhaps: git says what to do.
	[ ! -e .git ] || git rev-parse --show-toplevel >&2 || true
	exit 1
fi
mkdir -p "$stage/$name/${list%/*}"
cp "$stage/list" "$stage/$name/$list"

tar -C "$stage" -c --format=ustar --sort=name --owner=0 --group=0 \
	--numeric-owner --mode='u=rwX,go=rX' --mtime="@$SOURCE_DATE_EPOCH" \
	"$name" | xz -6 -T1 >"$output.tmp"
mv "$output.tmp" "$output"
