#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#   kernel-budget.sh check|update ARCH DIR [INSTRUCTIONS]
#
# Compares the kernel of ARCH in DIR, and how many instructions a guest took to
# its agent (if they were counted), with the ceilings in kernel/budget/ARCH.
# Exits 1 where one is exceeded, and says which fragments account for more
# symbols than when the ceilings were set. "update" sets the ceilings anew, a
# little above what there is.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
[ $# -ge 3 ] || { echo "usage: kernel-budget.sh check|update ARCH DIR [INSTRUCTIONS]" >&2; exit 2; }
arch=$2 dir=$3 instructions=${4:-}
budget=${KERNEL_BUDGET:-$top/kernel/budget}/$arch

measure() {
	printf 'size\t%d\n' "$(stat -c %s "$dir/kernel")"
	printf 'size_zstd\t%d\n' "$(stat -c %s "$dir/kernel.zst")"
	printf 'symbols\t%d\n' "$(grep -c '=y$' "$dir/kernel.config")"
	[ -z "$instructions" ] || printf 'instructions\t%d\n' "$instructions"
}

# How many symbols each fragment accounts for; "-" is the architecture itself.
fragments() {
	ARCH=$arch "$top/osbuilder/kernel-config.sh" account |
		awk '{ n[$1]++ } END { for (f in n) printf "fragment %s\t%d\n", f, n[f] }' |
		LC_ALL=C sort
}

# Ceilings: room for a point release, not for a subsystem.
update() {
	mkdir -p "$(dirname "$budget")"
	{
		printf '# SPDX-License-Identifier: Apache-2.0\n'
		printf '# Ceilings of the guest kernel of %s (make budget), and the symbols that each\n' "$arch"
		printf '# fragment accounted for when they were set (make budget UPDATE=1).\n'
		measure | awk 'BEGIN { FS = OFS = "\t" }
			$1 ~ /^size/ { $2 = int($2 * 1.015 / 1000 + 1) * 1000 }
			$1 == "symbols" { $2 += 4 }
			$1 == "instructions" { $2 = int($2 * 1.05 / 1e6 + 1) * 1e6 }
			{ printf "%s\t%d\n", $1, $2 }'
		# What was not counted keeps its ceiling.
		[ -n "$instructions" ] || [ ! -f "$budget" ] ||
			grep '^instructions' "$budget" || true
		fragments
	} >"$budget.new"
	mv "$budget.new" "$budget"
	printf 'wrote %s\n' "$budget"
}

check() {
	local what now ceiling over=0
	[ -f "$budget" ] || { echo "kernel: $budget: no such budget" >&2; exit 1; }
	while IFS=$'\t' read -r what now; do
		ceiling=$(awk -F '\t' -v w="$what" '$1 == w { print $2 }' "$budget")
		[ -n "$ceiling" ] || { echo "kernel: $budget: no $what" >&2; exit 1; }
		if [ "$now" -le "$ceiling" ]; then
			printf '%-8s %-13s %12d of %12d\n' "$arch" "$what" "$now" "$ceiling"
		else
			over=1
			printf '%-8s %-13s %12d of %12d: OVER by %d\n' "$arch" \
				"$what" "$now" "$ceiling" $((now - ceiling))
		fi
	done < <(measure)
	[ $over = 1 ] || return 0
	awk -F '\t' -v arch="$arch" '
		!/^fragment/ { next }
		NR == FNR { was[$1] = $2; next }
		$2 > was[$1] + 0 {
			grown++
			printf "%-8s %s accounts for %d symbols, %d when the ceilings were set\n",
				arch, $1, $2, was[$1]
		}
		END {
			if (!grown)
				printf "%-8s no fragment has more symbols: the source, the compiler or a patch grew\n", arch
		}' "$budget" <(fragments)
	return 1
}

case $1 in
check) check ;;
update) update ;;
*) echo "kernel-budget.sh: check or update" >&2 && exit 2 ;;
esac
