#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh SUITE...: runs test programs and bats files, which all speak TAP, each
# under a deadline, and closes with the sums. A suite that ends early, crashes
# or runs nothing counts as a failure. What may be skipped is listed in
# tests/allowed-skips; any other skip fails. FILE.bats@ARCH runs with
# KILN_TEST_ARCH=ARCH.
set -u
deadline=${KILN_TEST_TIMEOUT:-1200}
passed=0 failed=0 skipped=0
logs=${O:-build}/test-logs
mkdir -p "$logs"
here=$(dirname "$0")
# Logs quote guests: one odd byte must not make them "binary" to grep (-a).
export CMOCKA_MESSAGE_OUTPUT=TAP KILN_O=${O:-build}

for suite in "$@"; do
	name=${suite//\//-}
	log=$logs/${name#-}.log
	started=$SECONDS
	case $suite in
	*.bats@*) command=(env "KILN_TEST_ARCH=${suite#*@}" bats --tap "${suite%@*}") ;;
	*.bats) command=(bats --tap "$suite") ;;
	*) command=("$suite") ;;
	esac
	timeout -k 10 "$deadline" "${command[@]}" >"$log" 2>&1 </dev/null
	status=$?
	plan=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$log" | awk '{s += $1} END {print s + 0}')
	skips=$(grep -aciE '^ok .*# skip' "$log")
	oks=$(($(grep -ac '^ok ' "$log") - skips))
	bads=$(grep -ac '^not ok ' "$log")
	while read -r line; do
		if ! grep -qxF -- "$line" "$here/allowed-skips"; then
			echo "SKIP NOT ALLOWED $suite: $line"
			bads=$((bads + 1)) skips=$((skips - 1))
		fi
	done < <(grep -aiE '^ok .*# skip' "$log" | sed -E 's/^ok [0-9]+ -? ?//; s/ *# skip.*//I')
	if [ $((oks + skips + bads)) -lt "$plan" ] || [ "$plan" = 0 ] ||
		{ [ $status != 0 ] && [ "$bads" = 0 ]; }; then
		echo "BROKEN $suite: exit $status, $((oks + skips + bads)) of $plan tests ran"
		bads=$((bads + 1))
	fi
	passed=$((passed + oks)) failed=$((failed + bads)) skipped=$((skipped + skips))
	printf '%-60s %4d passed %3d failed %3d skipped %4d s\n' "$suite" \
		"$oks" "$bads" "$skips" $((SECONDS - started))
	if [ "$bads" != 0 ]; then
		grep -a -A 30 '^not ok ' "$log" | head -n 120
		grep -aq '^not ok ' "$log" || tail -n 40 "$log"
	fi
done
if [ "$skipped" -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
