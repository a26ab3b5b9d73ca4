#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# An image laid out as Kata's image builder does it, made by hand: the
# filesystem at 3 MiB, so that of the pmem view it is at 1 MiB.

load helpers

setup() {
	image_setup
	cd "$work"
	echo content >f
	echo 'file /etc/f source=f' >m
	"$tool" image --manifest m --output plain.img
	kata
}

# $1 in the four bytes of a partition table.
le32() {
	printf '%b' "$(printf '\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) \
		$(($1 >> 16 & 255)) $(($1 >> 24 & 255)))"
}

# Writes standard input into the image at byte $1.
at() {
	dd of=kata.img bs=4096 seek="$1" oflag=seek_bytes conv=notrunc \
		iflag=fullblock status=none
}

# A table at byte $1: one partition at $2, of $3 bytes.
table() {
	{
		printf '\0\377\377\377\203\377\377\377'
		le32 $(($2 / 512))
		le32 $(($3 / 512))
	} | at $(($1 + 446))
	printf '\125\252' | at $(($1 + 510))
}

kata() {
	local mib=1048576
	truncate -s 16M kata.img
	table 0 $((3 * mib)) $((13 * mib))
	# The info block is ours, of an image of that size.
	echo 'file /big source=big' >big.m
	head -c $((10 * mib)) /dev/zero >big
	"$tool" image --manifest big.m --layout pmem --output big.img
	[ "$(stat -c %s big.img)" = $((16 * mib)) ]
	dd if=big.img bs=4096 skip=1 count=1 status=none | at 4096
	table $((2 * mib)) $mib $((13 * mib))
	at $((3 * mib)) <plain.img
}

@test "inspect finds both views, and that nothing is mapped by huge pages" {
	"$tool" inspect --format json kata.img >j
	jq -e '.layout == "pmem" and .format == "erofs" and
		.offset == 3145728 and .pmem_offset == 2097152 and
		.partitions.disk.start == 3145728 and
		.partitions.pmem.start == 1048576 and
		.info_block.dataoff == 2097152 and .dax' j
	jq -e 'all(.files[]; .pmd != true)' j
	[ "$("$tool" cat kata.img /etc/f)" = content ]
}

@test "diff compares it with an image of ours" {
	"$tool" inspect kata.img --diff plain.img
	echo other >f
	"$tool" image --manifest m --output plain.img
	run "$tool" inspect kata.img --diff plain.img
	[ "$status" -eq 1 ]
	[[ $output == *"/etc/f"* ]]
}

@test "a damaged info block leaves the disk view" {
	printf 'x' | at 4200
	"$tool" inspect --format json kata.img >j
	jq -e '.layout == "plain" and .offset == 3145728' j
}
