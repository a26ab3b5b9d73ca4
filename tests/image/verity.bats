#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Guests boot from a root that dm-verity checks, and stop when one bit of it is
# another.

load helpers
load machine

setup() {
	image_setup
}

# Builds $work/a.img for architecture $1, of format $2 and layout $3, and the
# kernel's parameters for it.
image_of() {
	prepare "$1"
	"$tool" image --format "$2" --layout "$3" --verity "${manifest[@]}" \
		--output "$work/a.img"
	append+=" $("$tool" verity "$work/a.img") init=/init"
	as_disk "$work/a.img"
}

verified_boots() {
	image_of "$@"
	boots_from "$work/a.img" -append "$append" "${disk[@]}"
}

# Flips the bits $2 of the byte at $1 of the image.
flip() {
	local byte
	byte=$(od -An -tu1 -j "$1" -N 1 "$work/a.img")
	printf '%b' "$(printf '\\x%02x' $((byte ^ $2)))" |
		dd of="$work/a.img" bs=1 seek="$1" conv=notrunc status=none
}

# The guest stops, and says why.
refuses() {
	run_guest -append "$append" "${disk[@]}"
	grep -E 'verity: .*(data|metadata) block [0-9]+ is corrupted' \
		"$work/text"
	grep -E 'Kernel panic.*(verity|corrupt)' "$work/text"
	[ "$(grep -c '^KILN-END' "$work/text")" = 0 ]
}

# Where the data of file $1 is in the image.
offset_of() {
	"$tool" inspect --format json "$work/a.img" | jq --arg path "$1" \
		'.offset + (.files[] | select(.path == $path) | .offset)'
}

@test "x86_64 boots from a verified erofs" { verified_boots x86_64 erofs plain; }
@test "aarch64 boots from a verified ext4" { verified_boots aarch64 ext4 pmem; }
@test "s390x boots from a verified squashfs" {
	verified_boots s390x squashfs plain
}
@test "ppc64le boots from a verified erofs" { verified_boots ppc64le erofs pmem; }

@test "x86_64 refuses a flipped bit in a file" {
	image_of x86_64 erofs plain
	flip $(($(offset_of /files/70000) + 12345)) 4
	refuses
}

@test "aarch64 refuses a flipped bit in the superblock" {
	image_of aarch64 erofs pmem
	flip $((4194304 + 1024)) 1
	refuses
}

@test "s390x refuses a flipped bit in a large file" {
	image_of s390x erofs plain
	flip $(($(offset_of /files/2097160) + 1234567)) 128
	refuses
}

@test "ppc64le refuses a flipped bit in the tree of hashes" {
	image_of ppc64le erofs plain
	start=$("$tool" inspect --format json "$work/a.img" |
		jq '.verity.hash_start * 4096')
	flip $((start + 3)) 16
	refuses
}

@test "veritysetup agrees on the tree" {
	command -v veritysetup >/dev/null || skip "no cryptsetup"
	sample "$work/in"
	"$tool" image --verity --manifest "$work/in/sample.manifest" \
		--output "$work/a.img"
	"$tool" inspect --format json "$work/a.img" >"$work/json"
	veritysetup verify "$work/a.img" "$work/a.img" \
		"$(jq -r .verity.root_hash "$work/json")" \
		--hash-offset="$(jq '.verity.data_blocks * 4096' "$work/json")"
}

@test "every flipped bit is found without a guest" {
	sample "$work/in"
	"$tool" image --verity --manifest "$work/in/sample.manifest" \
		--output "$work/a.img"
	"$tool" verity "$work/a.img"
	for at in 70001 5000000 6291456 6295700; do
		flip $at 1
		run "$tool" verity "$work/a.img"
		[ "$status" = 1 ]
		[ "${#lines[@]}" = 1 ]
		flip $at 1
	done
	"$tool" verity "$work/a.img"
}
