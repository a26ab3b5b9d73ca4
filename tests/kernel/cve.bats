#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# kiln-image cve, on records written for this test, tests/kernel/cve/, and a
# kernel written by hand; on a kernel that was built, if one is here.

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	out=$(cd "$top" && realpath -m "${O:-build}")
	tool=$out/host/kiln-image
	data=$top/tests/kernel/cve
	k=$BATS_TEST_TMPDIR/kernel
	mkdir -p "$k"
	printf '{"arch": "s390x", "release": "6.12.117-kiln"}\n' >"$k/kernel.json"
	printf 'CONFIG_EXT4_FS=y\n# CONFIG_BTRFS_FS is not set\n' >"$k/kernel.config"
	for f in fs/ext4/ext4.h fs/ext4/super.c fs/namei.c include/linux/fs.h; do
		printf '%064d  %s\n' 0 "$f"
	done >"$k/kernel.sources"
	src=$BATS_TEST_TMPDIR/src
	mkdir -p "$src"/fs/{btrfs,ext4} "$src/drivers/gpu/drm/i915"
	printf 'obj-y := namei.o\nobj-$(CONFIG_EXT4_FS) += ext4/\n%s\n' \
		'obj-$(CONFIG_BTRFS_FS) += btrfs/' >"$src/fs/Makefile"
	printf 'obj-$(CONFIG_BTRFS_FS) += btrfs.o\nbtrfs-y += super.o \\\n\tinode.o\n' \
		>"$src/fs/btrfs/Makefile"
	# Open where it lies; shut from further up.
	printf 'i915-y += i915_gem.o # prose\nobj-$(CONFIG_EXT4_FS) += i915.o\n' \
		>"$src/drivers/gpu/drm/i915/Makefile"
	printf 'obj-$(CONFIG_DRM_I915) += i915/\n' >"$src/drivers/gpu/drm/Makefile"
}

# status CVE WANT [FIELD VALUE]: of the JSON in $output.
status() {
	jq -e --arg id "CVE-2099-$1" --arg want "$2" --arg key "${3:-status}" \
		--arg value "${4:-$2}" '.cves[] | select(.id == $id) |
			.status == $want and .[$key] == $value' \
		"$BATS_TEST_TMPDIR/json"
}

@test "each record is told what it means for this kernel" {
	"$tool" cve "$data" --kernel "$k" --source "$src" --format json \
		>"$BATS_TEST_TMPDIR/json"
	status 0001 affected
	status 0002 fixed fixed_in 6.12.1
	status 0003 'not introduced' introduced_in 6.90
	status 0004 'switched off' symbol BTRFS_FS
	status 0005 'not compiled'
	status 0006 unknown
	status 0007 rejected
	status 0008 fixed fixed_in 6.12
	status 0009 'switched off' symbol DRM_I915
	status 0010 affected
	status 0011 affected
	status 0012 'not compiled'
	status 0013 affected
	jq -e '.counts.affected == 4 and (.counts | add) == 13 and
		.arch == "s390x" and (.cves | length) == 13' "$BATS_TEST_TMPDIR/json"
	jq -e '.cves[] | select(.id == "CVE-2099-0011") |
		.files == ["include/linux/fs.h"]' "$BATS_TEST_TMPDIR/json"
}

@test "the table says the same, in the order of numbers" {
	"$tool" cve "$data" --kernel "$k" --source "$src" | tee "$BATS_TEST_TMPDIR/t"
	grep -qE '^CVE-2099-0001 +affected +fs/ext4/super.c fs/ext4/ext4.h; ' "$BATS_TEST_TMPDIR/t"
	grep -qE '^CVE-2099-0004 +switched off +CONFIG_BTRFS_FS; ' "$BATS_TEST_TMPDIR/t"
	grep -q '^s390x, Linux 6.12.117-kiln: 4 affected, ' "$BATS_TEST_TMPDIR/t"
	grep ^CVE- "$BATS_TEST_TMPDIR/t" | sort -c
}

@test "without the source tree nothing is switched off, and nothing lost" {
	"$tool" cve "$data" --kernel "$k" --format json >"$BATS_TEST_TMPDIR/json"
	status 0004 'not compiled'
	status 0009 'not compiled'
	status 0001 affected
}

@test "an older and a candidate kernel: other answers" {
	printf '{"arch": "s390x", "release": "6.12.0-rc7-kiln"}\n' >"$k/kernel.json"
	"$tool" cve "$data" --kernel "$k" --format json >"$BATS_TEST_TMPDIR/json"
	status 0002 affected
	status 0008 affected
	printf '{"arch": "s390x", "release": "6.99.0-kiln"}\n' >"$k/kernel.json"
	"$tool" cve "$data" --kernel "$k" --format json >"$BATS_TEST_TMPDIR/json"
	status 0001 fixed fixed_in 6.99
	status 0010 fixed || status 0010 'not introduced'
	jq -e '.counts.affected == 0' "$BATS_TEST_TMPDIR/json"
}

@test "what cannot be read fails the whole, after the rest was told" {
	mkdir "$BATS_TEST_TMPDIR/data"
	cp "$data/2099/CVE-2099-0001.json" "$BATS_TEST_TMPDIR/data"
	head -c 200 "$data/2099/CVE-2099-0002.json" >"$BATS_TEST_TMPDIR/data/CVE-2099-0002.json"
	echo '{"dataType": "CVE_RECORD", "dataVersion": "4.0"}' \
		>"$BATS_TEST_TMPDIR/data/CVE-2099-0003.json"
	run "$tool" cve "$BATS_TEST_TMPDIR/data" --kernel "$k"
	[ "$status" -eq 1 ]
	[[ "$output" == *"CVE-2099-0001"*"affected"* ]]
	[[ "$output" == *"2 of 3 records were not read"* ]]
	mkdir "$BATS_TEST_TMPDIR/empty"
	run "$tool" cve "$BATS_TEST_TMPDIR/empty" --kernel "$k"
	[ "$status" -eq 1 ]
	: >"$k/kernel.sources"
	run "$tool" cve "$data" --kernel "$k"
	[ "$status" -eq 1 ]
	[[ "$output" == *"kernel.sources' is empty"* ]]
}

@test "make cve, on a kernel that was built" {
	for a in s390x x86_64 aarch64 ppc64le; do
		[ ! -s "$out/$a/kernel.sources" ] || break
	done
	KERNEL_NO_BUILD=1 ARCH=$a "$top/osbuilder/kernel-build.sh" \
		"$BATS_TEST_TMPDIR/$a" || skip "no kernel of this state was built"
	make -s -C "$top" O="$out" DEPS=skip cve ARCH="$a" CVE_DATA="$data" \
		>"$BATS_TEST_TMPDIR/t"
	cat "$BATS_TEST_TMPDIR/t"
	cp "$out/$a/cve.json" "$BATS_TEST_TMPDIR/json"
	status 0001 affected
	status 0004 'switched off' symbol BTRFS_FS
	status 0005 'not compiled'
	grep -qE '^CVE-2099-0004 +switched off' "$BATS_TEST_TMPDIR/t"
	run make -s -C "$top" O="$out" DEPS=skip cve ARCH="$a" CVE_DATA=/nowhere
	[ "$status" -ne 0 ]
}
