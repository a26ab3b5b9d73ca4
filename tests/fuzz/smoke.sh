#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Every fuzz target over its seeds, then for FUZZ_SECONDS on its own, as many at
# a time as FUZZ_JOBS says. TAP; an input that breaks something is named and
# stays in $O/fuzz/.
#
# usage: smoke.sh [TARGET...]
set -u
cd "$(dirname "$0")/../.." || exit 1
O=${O:-build}
export O FUZZ_SECONDS=${FUZZ_SECONDS:-30}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
export out

fuzz_one() {
	local target=$1 log=$out/$1.log seeds=tests/fuzz/corpus/$1 status runs
	mkdir -p "$O/fuzz/corpus/$target"
	{
		echo "seeds:"
		"$O/fuzz/$target" -runs=0 -rss_limit_mb=2048 -timeout=20 \
			-artifact_prefix="$O/fuzz/" "$seeds" &&
			"$O/fuzz/$target" -max_total_time="$FUZZ_SECONDS" \
				-rss_limit_mb=2048 -timeout=20 -max_len=65536 \
				-verbosity=0 -print_final_stats=1 \
				-artifact_prefix="$O/fuzz/" \
				"$O/fuzz/corpus/$target" "$seeds"
	} >"$log" 2>&1
	status=$?
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	# Targets without seeds, or that run nothing, are as bad as a finding.
	if [ $status = 0 ] && [ "${runs:-0}" -gt 0 ]; then
		echo "ok - $target ($runs executions)"
	else
		echo "not ok - $target (exit $status)"
		sed 's/^/# /' "$log" | tail -n 40
	fi >"$out/$target.tap"
}
export -f fuzz_one

targets=("$@")
[ $# -gt 0 ] || targets=($(basename -as .c tests/fuzz/fuzz_*.c))
printf '%s\n' "${targets[@]}" |
	xargs -P "${FUZZ_JOBS:-2}" -I{} bash -c 'fuzz_one {}'
echo "1..${#targets[@]}"
n=0 bad=0
for target in "${targets[@]}"; do
	n=$((n + 1))
	sed -E "1s/^(ok|not ok) /\1 $n /" "$out/$target.tap"
	grep -q '^ok' "$out/$target.tap" || bad=1
done
exit $bad
