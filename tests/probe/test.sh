#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#   test.sh ARCH...
#
# For each architecture: builds one kernel with all of $FEATURES in a directory
# of its own, boots it once for each set of kernel parameters that a feature
# asks for, and prints what the probes say. RECORD=1 takes the answers over into
# kernel/configs/features/tested.tsv. BASE=1 runs the same probes on the kernel
# without features instead: there each must fail, but for those of the base.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
out=$(realpath -m "${O:-build}")
export KILN_IMAGE=$out/host/kiln-image
failed=0

# Boots kernel $2 of $1 as often as it takes; the answers are in $3/answers.
probe_all() {
	local arch=$1 kernel=$2 dir=$3 names words status=0 n=0
	mkdir -p "$dir"
	: >"$dir/answers"
	while read -r names words; do
		n=$((n + 1))
		# shellcheck disable=SC2086
		"$top/tests/probe/run.sh" "$arch" "$kernel" \
			"$out/$arch/kiln-probe" "$dir/boot$n" "$names" $words |
			tee -a "$dir/answers" || status=1
	done < <("$top/osbuilder/features.sh" boots "$arch" "$FEATURES")
	return $status
}

# A probe that passes without its feature proves nothing.
judge_base() {
	local name bad=0
	while read -r name; do
		grep -q '^#% base' "$top/kernel/configs/features/$name.config" ||
			! grep -qE "^ok $name(:|\$)" "$1" || {
			echo "$name passes on the base kernel: no proof" >&2
			bad=1
		}
	done
	return $bad
}

one() {
	local arch=$1 dir=$out/features/$1 list
	mapfile -t list < <("$top/osbuilder/features.sh" list "$arch" "$FEATURES")
	# Not within a condition: that would switch set -e off.
	[ ${#list[@]} -gt 0 ] || return 1
	if [ -n "${BASE:-}" ]; then
		ARCH=$arch FEATURES='' "$top/osbuilder/kernel-build.sh" "$dir/base"
		echo "# $arch: ${#list[@]} probes on the kernel without features"
		probe_all "$arch" "$dir/base/kernel" "$dir/base" || :
		printf '%s\n' "${list[@]}" | judge_base "$dir/base/answers"
		return
	fi
	ARCH=$arch "$top/osbuilder/kernel-build.sh" "$dir" || return 1
	echo "# $arch: ${#list[@]} features in a kernel of" \
		"$(stat -c %s "$dir/kernel") bytes"
	"$top/osbuilder/features.sh" symbols "$arch" "$dir/kernel.config" \
		"$FEATURES" || failed=1
	probe_all "$arch" "$dir/kernel" "$dir" || failed=1
	[ -z "${RECORD:-}" ] ||
		"$top/osbuilder/features.sh" record "$arch" "$dir/answers"
	echo "# $arch: $(grep -c '^ok ' "$dir/answers") passed," \
		"$(grep -c '^not ok ' "$dir/answers" || :) failed"
}

export FEATURES
for arch; do
	one "$arch" || failed=1
done
exit $failed
