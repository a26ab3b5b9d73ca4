#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# kiln-image explain-config, on what the real Kconfig says of s390x and x86_64;
# and that its advice, followed, is a configuration that can be proved.

setup_file() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	tarball=$(sed -n 's/^tarball = //p' "$top/kernel/versions.lock")
	[ -n "${KERNEL_SRC:-}" ] || [ -r "${KERNEL_TARBALL:-$tarball}" ] ||
		skip "no kernel source here"
	cp -r "$top/kernel/configs" "$BATS_FILE_TMPDIR/configs"
	# Features of the test's own, in place of ours.
	rm -rf "$BATS_FILE_TMPDIR/configs/features"
	mkdir "$BATS_FILE_TMPDIR/configs/features"
	printf '# NFS, for this test\nCONFIG_NFS_FS=y\n%s\n%s\n' \
		'CONFIG_NFS_V4=y	@!x86_64' 'CONFIG_VXLAN=y' \
		>"$BATS_FILE_TMPDIR/configs/features/some-nfs.config"
	printf '# Nothing\n#%% not s390x: no such bus\nCONFIG_USB=y\n' \
		>"$BATS_FILE_TMPDIR/configs/features/some-usb.config"
	for a in s390x x86_64; do
		KERNEL_CONFIGS=$BATS_FILE_TMPDIR/configs ARCH=$a \
			"$top/osbuilder/kernel-config.sh" extract \
			>"$BATS_FILE_TMPDIR/$a"
	done
}

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	tool=$(cd "$top" && realpath "${O:-build}/host/kiln-image")
	[ -s "$BATS_FILE_TMPDIR/x86_64" ] || skip "no kernel source here"
}

explain() {
	"$tool" explain-config --kconfig "$BATS_FILE_TMPDIR/$1" "${@:2}"
}

@test "a symbol that is on: its fragment, its prompt, where it is defined" {
	explain s390x CONFIG_EXT4_FS >"$BATS_TEST_TMPDIR/out"
	cat "$BATS_TEST_TMPDIR/out"
	grep -q '^  prompt       The Extended 4 (ext4) filesystem$' "$BATS_TEST_TMPDIR/out"
	grep -q '^  defined in   fs/ext4/Kconfig:' "$BATS_TEST_TMPDIR/out"
	grep -q '^  s390x        on$' "$BATS_TEST_TMPDIR/out"
	grep -qE '^  fragment     =y, .*30-storage.config:[0-9]+$' "$BATS_TEST_TMPDIR/out"
	run grep -E 'to have it|why not' "$BATS_TEST_TMPDIR/out"
	[ "$status" -ne 0 ]
}

@test "a symbol that others select: which" {
	explain x86_64 CRC16 --format json |
		jq -e '.on and .asked == null and
			(.selected_by | index("EXT4_FS"))'
}

@test "a symbol that is off: its feature, where there is one on this architecture" {
	explain s390x NFS_V4 | tee "$BATS_TEST_TMPDIR/out"
	grep -q 'feature      some-nfs: =y, .*some-nfs.config:3$' "$BATS_TEST_TMPDIR/out"
	grep -q 'to have it   FEATURES=some-nfs' "$BATS_TEST_TMPDIR/out"
	explain x86_64 NFS_V4 --format json |
		jq -e '.features == [] and .possible and
			(.needs | index("NFS_FS=y")) and .needs[-1] == "NFS_V4=y"'
	explain s390x USB --format json |
		jq -e '.features[0].not_here == "no such bus"'
}

@test "what an architecture cannot have is told with the dependency that fails" {
	explain s390x ACPI >"$BATS_TEST_TMPDIR/out" 2>&1 && false
	explain s390x DRM_I915 | tee "$BATS_TEST_TMPDIR/out"
	grep -q '^  s390x        off, cannot be had$' "$BATS_TEST_TMPDIR/out"
	grep -q 'X86 does not exist on this architecture' "$BATS_TEST_TMPDIR/out"
	explain x86_64 DRM_I915 --format json |
		jq -e '.possible and (.needs | index("DRM=y")) and
			.blocked_by == []'
}

@test "the advice can be followed: the real Kconfig agrees" {
	for s in NFS_V4_2 CIFS WIREGUARD BTRFS_FS ISCSI_TCP BLK_DEV_NBD; do
		explain s390x $s --format json >"$BATS_TEST_TMPDIR/json"
		jq -e '.possible' "$BATS_TEST_TMPDIR/json"
		jq -r '.needs[] | "CONFIG_" + .' "$BATS_TEST_TMPDIR/json" >>"$BATS_TEST_TMPDIR/all"
	done
	grep -q '^CONFIG_WIREGUARD=y' "$BATS_TEST_TMPDIR/all"
	mkdir "$BATS_TEST_TMPDIR/configs"
	cp "$top"/kernel/configs/*.config "$BATS_TEST_TMPDIR/configs"
	sort -u "$BATS_TEST_TMPDIR/all" >"$BATS_TEST_TMPDIR/configs/99-advice.config"
	KERNEL_CONFIGS=$BATS_TEST_TMPDIR/configs ARCH=s390x \
		run "$top/osbuilder/kernel-config.sh" prove
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "an unknown symbol: names like it, and who has it" {
	run explain s390x EXT4_SF
	[ "$status" -eq 1 ]
	[[ "$output" == *"no symbol 'EXT4_SF'"*"EXT4_FS"* ]]
	run explain s390x NBD
	[[ "$output" == *"BLK_DEV_NBD"* ]]
	export KILN_GUESTS=$BATS_TEST_TMPDIR
	for a in s390x x86_64; do
		mkdir -p "$KILN_GUESTS/$a"
		cp "$BATS_FILE_TMPDIR/$a" "$KILN_GUESTS/$a/kernel.kconfig"
	done
	run "$tool" explain-config --arch s390x X86_X2APIC
	[ "$status" -eq 1 ]
	[[ "$output" == *"there is one on x86_64"* ]]
}

@test "no extract, half of one, another architecture's: one clear line" {
	cp "$tool" "$BATS_TEST_TMPDIR/tool"
	KILN_GUESTS=$BATS_TEST_TMPDIR run "$BATS_TEST_TMPDIR/tool" explain-config \
		--arch s390x EXT4_FS
	[ "$status" -eq 1 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ "$output" == *"make kconfig ARCH=s390x"* ]]
	head -n 1000 "$BATS_FILE_TMPDIR/s390x" >"$BATS_TEST_TMPDIR/half"
	run "$tool" explain-config --kconfig "$BATS_TEST_TMPDIR/half" EXT4_FS
	[ "$status" -eq 1 ]
	[[ "$output" == *"ends too early"* ]]
	run explain s390x --arch x86_64 EXT4_FS
	[ "$status" -eq 1 ]
	[[ "$output" == *"is of s390x, not of x86_64"* ]]
}
