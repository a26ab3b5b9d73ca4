#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The fragments' proof fails closed. Each test adds one fragment to the real
# ones and looks for the finding; nothing is compiled.

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	export ARCH
	ARCH=$(uname -m)
	tarball=$(sed -n 's/^tarball = //p' "$top/kernel/versions.lock")
	[ -n "$KERNEL_SRC" ] || [ -r "${KERNEL_TARBALL:-$tarball}" ] ||
		skip "no kernel source here"
	export KERNEL_CONFIGS=$BATS_TEST_TMPDIR/configs
	mkdir -p "$KERNEL_CONFIGS"
	cp "$top"/kernel/configs/*.config "$KERNEL_CONFIGS"
}

# prove_with LINE...: the real fragments and these lines.
prove_with() {
	printf '%s\n' "$@" >"$KERNEL_CONFIGS/99-test.config"
	run "$top/osbuilder/kernel-config.sh" prove
	printf '%s\n' "$output"
}

refuses() {
	[ "$status" -ne 0 ]
	[[ "$output" == *"$1"* ]]
}

@test "the fragments are proved on every architecture that has a compiler" {
	for ARCH in x86_64 aarch64 s390x ppc64le; do
		triple=$(sed -n 's/^TRIPLE_.* := //p' "$top/arch/$ARCH/arch.mk")
		command -v "$triple-gcc" >/dev/null || continue
		prove_with '# nothing more'
		[ "$status" -eq 0 ]
	done
}

@test "a request whose parent is off is refused, and the parent named" {
	prove_with 'CONFIG_NFS_V4=y'
	refuses '99-test.config:1: CONFIG_NFS_V4=y: did not survive'
	refuses 'NFS_FS is n: no fragment asks for it'
}

@test "an unknown symbol is refused with fragment and line" {
	prove_with '# prose' 'CONFIG_XYZZY=y'
	refuses '99-test.config:2: CONFIG_XYZZY=y: unknown symbol'
}

@test "an n that a select turns into y is refused, and the selector named" {
	prove_with 'CONFIG_CRC16=n'
	refuses 'CONFIG_CRC16=n: became y'
	refuses 'selected by EXT4_FS'
}

@test "a number out of its range is refused" {
	prove_with 'CONFIG_LOG_BUF_SHIFT=99	%override'
	refuses 'CONFIG_LOG_BUF_SHIFT=99: became 25'
}

@test "a second member of a choice is refused" {
	prove_with 'CONFIG_HZ_1000=y'
	refuses 'did not survive'
	refuses 'the choice fell on'
}

@test "an expectation that no longer applies is refused" {
	prove_with 'CONFIG_NFS_FS=y	%absent'
	refuses 'the mark %absent no longer applies'
	prove_with 'CONFIG_NFS_FS=n	%forced'
	refuses 'the mark %forced no longer applies'
	prove_with 'CONFIG_NFS_FS=n	%override'
	refuses '%override has nothing to override'
}

@test "expectations that apply are accepted" {
	prove_with 'CONFIG_XYZZY=y	%absent' 'CONFIG_CRC16=n	%forced'
	[ "$status" -eq 0 ]
}

@test "a y that nobody asked for is refused" {
	sed -i '/^CONFIG_RANDSTRUCT_NONE=/d' "$KERNEL_CONFIGS"/*.config
	prove_with '# nothing more'
	refuses 'CONFIG_RANDSTRUCT_NONE=y: nobody asked for it'
}

@test "duplicates, conflicts and other spellings are refused" {
	prove_with 'CONFIG_SMP=y' 'CONFIG_NET=n' '# CONFIG_PCI is not set' \
		'CONFIG_USB=m' 'CONFIG_USB=y @vax' 'CONFIG_USB=y %maybe'
	refuses ':1: duplicate: CONFIG_SMP, first in'
	refuses ':2: conflict: CONFIG_NET, first in'
	refuses ':3: write it as =n'
	refuses ':4: bad value'
	refuses ':5: unknown architecture: vax'
	refuses ':6: unknown mark: %maybe'
}

@test "a condition keeps a line from other architectures" {
	prove_with "CONFIG_XYZZY=y @!$ARCH"
	[ "$status" -eq 0 ]
}

@test "a condition on the series keeps a line from others" {
	prove_with 'CONFIG_XYZZY=y @<6.0' 'CONFIG_XYZZY=y @>=9.0' \
		"CONFIG_XYZZY=y @>=6.0 @!$ARCH"
	[ "$status" -eq 0 ]
	prove_with 'CONFIG_XYZZY=y @>=6.0'
	refuses '99-test.config:1: CONFIG_XYZZY=y: unknown symbol'
	prove_with 'CONFIG_XYZZY=y @>=six' 'CONFIG_XYZZY=y @<6' 'CONFIG_XYZZY=y @>6.1'
	refuses ':1: not a series: @>=six'
	refuses ':2: not a series: @<6'
	refuses ':3: not a series: @>6.1'
}

@test "the second series is proved on every architecture" {
	[ -r /usr/src/linux-source-6.1.tar.xz ] || skip "no linux-source-6.1 here"
	[ -z "$KERNEL_SRC$KERNEL_TARBALL" ] || skip "another source was asked for"
	for ARCH in x86_64 aarch64 s390x ppc64le; do
		triple=$(sed -n 's/^TRIPLE_.* := //p' "$top/arch/$ARCH/arch.mk")
		command -v "$triple-gcc" >/dev/null || continue
		KERNEL_SERIES=6.1 run "$top/osbuilder/kernel-config.sh" prove
		printf '%s\n' "$output"
		[ "$status" -eq 0 ]
	done
	KERNEL_SERIES=5.0 run "$top/osbuilder/kernel-config.sh" prove
	[ "$status" -ne 0 ]
	[[ "$output" == *'KERNEL_SERIES=5.0: there is no'* ]]
}

@test "account names the fragment that each y comes from" {
	run "$top/osbuilder/kernel-config.sh" account
	[ "$status" -eq 0 ]
	printf '%s\n' "$output" >account
	grep -qx '10-containers PID_NS' account
	grep -qx '30-storage CRC16' account
	grep -q '^- ARCH_' account
}

@test "explain tells value, dependencies and selectors" {
	run "$top/osbuilder/kernel-config.sh" explain CONFIG_CRC16
	[ "$status" -eq 0 ]
	[[ "$output" == *'final value y'* ]]
	[[ "$output" == *'selected at present by: EXT4_FS'* ]]
}

@test "savedefconfig writes the edit as a fragment that leads to it" {
	edit=${KILN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kiln}/kernel/edit/$ARCH
	[ ! -e "$edit" ] || skip "an edit of the user's is in $edit"
	mkdir -p "$edit"
	config=$("$top/osbuilder/kernel-config.sh" path)
	sed 's/^CONFIG_LOG_BUF_SHIFT=.*/CONFIG_LOG_BUF_SHIFT=17/
		s/^# CONFIG_NET_SCH_SFQ is not set/CONFIG_NET_SCH_SFQ=y/' \
		"$config" >"$edit/.config"
	run "$top/osbuilder/kernel-config.sh" savedefconfig
	rm -rf "$edit"
	printf '%s\n' "$output"
	[ "$status" -eq 0 ]
	grep -q '^CONFIG_LOG_BUF_SHIFT=17	%override$' \
		"$KERNEL_CONFIGS/local/$ARCH.config"
	grep -q '^CONFIG_NET_SCH_SFQ=y$' "$KERNEL_CONFIGS/local/$ARCH.config"
	[ "$(grep -c ^CONFIG_ "$KERNEL_CONFIGS/local/$ARCH.config")" -eq 2 ]
	run "$top/osbuilder/kernel-config.sh" path
	grep -q '^CONFIG_NET_SCH_SFQ=y$' "${lines[-1]}"
}
