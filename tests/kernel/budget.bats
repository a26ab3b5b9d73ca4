#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The kernels that were built keep their budgets, and what would not is found.

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	out=$(cd "$top" && realpath -m "${O:-build}")
	arches=
	for a in x86_64 aarch64 s390x ppc64le; do
		[ ! -s "$out/$a/kernel.json" ] || arches="$arches $a"
	done
	[ -n "$arches" ] || skip "no kernel was built"
	first=${arches# }
	first=${first%% *}
	export KERNEL_BUDGET=$BATS_TEST_TMPDIR/budget
	unset FEATURES KERNEL_SERIES
	cp -r "$top/kernel/budget" "$KERNEL_BUDGET"
}

budget() {
	run "$top/osbuilder/kernel-budget.sh" "$1" "$first" "$out/$first" "${@:2}"
	printf '%s\n' "$output"
}

# ceiling NAME VALUE
ceiling() {
	sed -i "s/^$1\t.*/$1\t$2/" "$KERNEL_BUDGET/$first"
}

@test "kernels keep their budgets of size and symbols" {
	for first in $arches; do
		jq -e '.source.pinned' "$out/$first/kernel.json" || continue
		budget check
		[ "$status" -eq 0 ]
	done
}

@test "every architecture has a budget with every ceiling" {
	for a in x86_64 aarch64 s390x ppc64le; do
		for what in size size_zstd symbols instructions; do
			grep -qE "^$what	[0-9]+$" "$top/kernel/budget/$a"
		done
	done
}

@test "what grew is refused, and the fragment named" {
	ceiling symbols 100
	sed -i 's/^fragment 30-storage\t.*/fragment 30-storage\t1/' \
		"$KERNEL_BUDGET/$first"
	budget check
	[ "$status" -eq 1 ]
	[[ "$output" == *'symbols '*'OVER by'* ]]
	[[ "$output" == *'30-storage accounts for '*', 1 when'* ]]
	[[ "$output" != *'10-containers accounts'* ]]
}

@test "a kernel that is larger with the same symbols says so" {
	ceiling size 1000
	budget check
	[ "$status" -eq 1 ]
	[[ "$output" == *'no fragment has more symbols'* ]]
}

@test "instructions count if they were counted" {
	ceiling instructions 1000
	budget check
	[ "$status" -eq 0 ]
	budget check 2000
	[ "$status" -eq 1 ]
	[[ "$output" == *'instructions '*'OVER by 1000'* ]]
}

@test "update sets ceilings that hold, and keeps what was not counted" {
	ceiling size 1000
	ceiling instructions 77
	budget update
	[ "$status" -eq 0 ]
	budget check
	[ "$status" -eq 0 ]
	grep -qx 'instructions	77' "$KERNEL_BUDGET/$first"
}
