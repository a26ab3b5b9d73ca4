#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Takes over into tests/fuzz/corpus what was found new and reaches code that the
# seeds do not reach: inputs of at most FUZZ_MERGE_SIZE bytes, FUZZ_MERGE_COUNT and
# FUZZ_MERGE_KIB for a target. Nothing that is there already is removed.
set -eu
cd "$(dirname "$0")/../.."
O=${O:-build}
size=${FUZZ_MERGE_SIZE:-2048} kib=${FUZZ_MERGE_KIB:-48} count=${FUZZ_MERGE_COUNT:-64}

for source in tests/fuzz/fuzz_*.c; do
	target=$(basename "$source" .c)
	seeds=tests/fuzz/corpus/$target found=$O/fuzz/corpus/$target
	merged=$O/fuzz/merged/$target
	[ -d "$found" ] || continue
	rm -rf "$merged"
	mkdir -p "$merged" "$seeds"
	cp "$seeds"/* "$merged"/ 2>/dev/null || true
	"$O/fuzz/$target" -merge=1 -max_len="$size" "$merged" "$found" \
		>/dev/null 2>&1
	left=$((kib * 1024 - $(cat "$seeds"/* 2>/dev/null | wc -c)))
	# Small ones first: more of them fit.
	for f in $(ls -Sr "$merged"); do
		[ ! -e "$seeds/$f" ] || continue
		left=$((left - $(stat -c %s "$merged/$f")))
		[ $left -gt 0 ] || break
		[ "$(ls "$seeds" | wc -l)" -lt "$count" ] || break
		cp "$merged/$f" "$seeds/"
	done
	echo "$target: $(ls "$seeds" | wc -l) inputs, $(cat "$seeds"/* | wc -c) bytes"
done
