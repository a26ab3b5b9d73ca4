#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The kernels that were built: manifest, budget, and the way through the cache.
# Nothing is compiled here; what was not built is skipped.

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	out=$(cd "$top" && realpath -m "${O:-build}")
	arches=
	for a in x86_64 aarch64 s390x ppc64le; do
		[ ! -s "$out/$a/kernel.json" ] || arches="$arches $a"
	done
	[ -n "$arches" ] || skip "no kernel was built"
}

@test "the manifest tells the truth" {
	for a in $arches; do
		sum=$(sha256sum <"$out/$a/kernel" | cut -d' ' -f1)
		conf=$(sha256sum <"$out/$a/kernel.config" | cut -d' ' -f1)
		jq -e --arg arch "$a" --arg sum "$sum" --arg conf "$conf" '
			.arch == $arch and .sha256 == $sum and
			.config_sha256 == $conf and
			(.release | endswith("-kiln")) and
			(.source.sha256 | length) == 64 and
			(.source.pinned | type) == "boolean"' \
			"$out/$a/kernel.json"
	done
}

@test "the compressed kernel keeps its budget of 4.5 MB" {
	for a in $arches; do
		zstd -dqc "$out/$a/kernel.zst" | cmp - "$out/$a/kernel"
		[ "$(stat -c %s "$out/$a/kernel.zst")" -le 4500000 ]
	done
}

@test "no path of the build machine is in a kernel" {
	for a in $arches; do
		run grep -caF "${KILN_CACHE:-$HOME/.cache}" "$out/$a/kernel"
		[ "$output" = 0 ]
	done
}

# Whether this state of the tree was built; else the test would compile it.
same_state() {
	local features
	features=$(jq -r '.features // [] | join(" ")' "$out/$1/kernel.json")
	FEATURES=$features KERNEL_NO_BUILD=1 ARCH=$1 "$top/osbuilder/kernel-build.sh" \
		"$BATS_TEST_TMPDIR/$1" || skip "build/$1 is of another state"
}

@test "a kernel that was built before comes from the cache" {
	for a in $arches; do
		SECONDS=0
		same_state "$a"
		[ "$SECONDS" -le 10 ]
		cmp "$BATS_TEST_TMPDIR/$a/kernel" "$out/$a/kernel"
	done
}

@test "make finds nothing to do for a kernel that is up to date" {
	for a in $arches; do
		same_state "$a"
		features=$(cat "$out/$a/kernel.vars")
		make -s -C "$top" O="$out" ARCH="$a" FEATURES="$features" \
			"$out/$a/kernel"
		run make -C "$top" O="$out" ARCH="$a" FEATURES="$features" \
			-q "$out/$a/kernel"
		[ "$status" -eq 0 ]
	done
}
