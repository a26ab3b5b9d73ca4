#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The judgement on hardening: ours passes, and what is wrong is found.

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	cd "$BATS_TEST_TMPDIR"
	export KERNEL_HARDENING=$PWD/tables
	mkdir tables
	printf '%s\t%s\t%s\t%s\n' \
		STRICT_KERNEL_RWX y all 'text is read-only' \
		DEVMEM n all 'no memory past the kernel' \
		BITS '>=32' x86_64 'randomization' \
		LSM '~yama' all 'in use' \
		EXPOLINE y s390x 'Spectre' \
		cmdline:lockdown integrity all 'locked' >tables/expected.tsv
	: >tables/accepted.tsv
	printf '%s\n' CONFIG_STRICT_KERNEL_RWX=y '# CONFIG_DEVMEM is not set' \
		CONFIG_BITS=32 'CONFIG_LSM="landlock,yama"' >config
	unset FEATURES
}

judge() {
	KERNEL_CONFIG=$PWD/config run "$top/osbuilder/kernel-hardening.sh" "$@" x86_64
	printf '%s\n' "$output"
}

@test "kernels as configured here have no failure without justification" {
	unset KERNEL_HARDENING
	for a in x86_64 aarch64 s390x ppc64le; do
		triple=$(sed -n 's/^TRIPLE_.* := //p' "$top/arch/$a/arch.mk")
		command -v "$triple-gcc" >/dev/null || continue
		run "$top/osbuilder/kernel-hardening.sh" "$a"
		printf '%s\n' "$output"
		[ "$status" -eq 0 ]
		[[ "$output" == *'of which 0 without justification'* ]]
	done
}

@test "what is as expected passes; other architectures' lines do not count" {
	judge
	[ "$status" -eq 0 ]
	[[ "$output" == *'x86_64: 5 OK, 0 FAIL'* ]]
}

@test "each kind of deviation fails without a justification" {
	printf '%s\n' CONFIG_DEVMEM=y CONFIG_BITS=28 'CONFIG_LSM="landlock,yamato"' \
		>config
	judge
	[ "$status" -eq 1 ]
	[[ "$output" == *'1 OK, 4 FAIL, of which 4 without'* ]]
}

@test "a justification makes a failure pass, and shows" {
	sed -i 's/RWX=y/RWX=n/' config
	printf 'STRICT_KERNEL_RWX\tx86_64\ta fixture\n' >tables/accepted.tsv
	judge
	[ "$status" -eq 0 ]
	[[ "$output" == *'FAIL'*'text is read-only; is n: a fixture'* ]]
}

@test "a justification of what does not fail fails, for ours" {
	unset KERNEL_HARDENING
	cp -r "$top/kernel/hardening" ours
	printf 'STRICT_KERNEL_RWX\tall\tno longer so\n' >>ours/accepted.tsv
	KERNEL_HARDENING=$PWD/ours run "$top/osbuilder/kernel-hardening.sh" "$(uname -m)"
	[ "$status" -eq 1 ]
	[[ "$output" == *'STRICT_KERNEL_RWX: justified in accepted.tsv, but not failing'* ]]
}

@test "JSON says the same" {
	sed -i 's/BITS=32/BITS=30/' config
	judge --format json
	[ "$status" -eq 1 ]
	printf '%s\n' "$output" | jq -e '.[0] | .arch == "x86_64" and .ok == 4
		and .fail == 1 and .unjustified == 1
		and ([.checks[] | select(.state == "FAIL")][0]
			| .symbol == "BITS" and .is == "30")'
}
