#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# vendor.sh NAME OUTPUT ARCH...: an archive of the packages that
# rootfs/packages.lock names for the guests of ARCH, as they lie in the content
# store: NAME/store/sha256/*. With it in place a guest builds without network.
set -eu
export LC_ALL=C
name=$1
output=$2
shift 2
here=$(cd "$(dirname "$0")/.." && pwd)
store=$KILN_CACHE/store/sha256
lock=${KILN_LOCK:-$here/rootfs/packages.lock}
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

wanted="source "
for arch; do
	case $arch in
	x86_64) wanted+="amd64 " ;;
	aarch64) wanted+="arm64 " ;;
	ppc64le) wanted+="ppc64el " ;;
	*) wanted+="$arch " ;;
	esac
done
# Only what is pinned: what a mirror offers in its place is for today.
mkdir -p "$stage/$name/store/sha256"
while read -r _ package arch version sum _; do
	[[ " $wanted" == *" $arch "* ]] || continue
	[ -f "$store/$sum" ] || {
		echo "vendor: '$package' $version ($arch) of" \
			"rootfs/packages.lock is not to be had any more:" \
			"'make guest-lock' takes what there is" >&2
		exit 1
	}
	cp "$store/$sum" "$stage/$name/store/sha256/"
done < <(grep -v '^#' "$lock")
tar -C "$stage" -c --format=ustar --sort=name --owner=0 --group=0 \
	--numeric-owner --mode='u=rwX,go=rX' --mtime="@$SOURCE_DATE_EPOCH" \
	"$name" | xz -1 -T1 >"$output.tmp"
mv "$output.tmp" "$output"
