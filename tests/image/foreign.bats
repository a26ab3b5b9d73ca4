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

# A disk with an ESP of nothing and a root, as distributions' images are.
gpt() {
	truncate -s 16M gpt.img
	sfdisk -q gpt.img <<-'S'
		label: gpt
		label-id: 11111111-2222-3333-4444-555555555555
		size=2MiB, type=U, name="esp"
		size=8MiB, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, uuid=aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee, name="wurzel-ä"
	S
	dd if=plain.img of=gpt.img bs=1M seek=3 conv=notrunc status=none
}

@test "inspect reads a GPT and finds the file system in it" {
	gpt
	"$tool" inspect --format json gpt.img >j
	jq -e '.offset == 3145728 and .format == "erofs" and
		.gpt.disk == "11111111-2222-3333-4444-555555555555" and
		(.gpt.partitions | length) == 2 and
		.gpt.partitions[0].name == "esp" and
		.gpt.partitions[0].start == 1048576 and
		.gpt.partitions[0].type == "c12a7328-f81f-11d2-ba4b-00a0c93ec93b" and
		.gpt.partitions[1].name == "wurzel-?" and
		.gpt.partitions[1].size == 8388608 and
		.gpt.partitions[1].uuid == "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"' j
	"$tool" inspect gpt.img >text
	grep -F 'GPT: disk 11111111-2222-3333-4444-555555555555, 2 partitions' text
	[ "$("$tool" cat gpt.img /etc/f)" = content ]
	"$tool" inspect gpt.img --diff plain.img
}

@test "a GPT with a wrong checksum, or that says too much, is none" {
	gpt
	for at in 520 600 1100; do # header, its count of entries, an entry
		cp gpt.img bad.img
		printf '\377' | dd of=bad.img bs=1 seek=$at conv=notrunc status=none
		run "$tool" inspect bad.img
		[ "$status" = 1 ]
		[[ "$output" == *"neither an initrd nor a known filesystem"* ]]
	done
}

# The identity of images that were built is tested in formats.bats.
@test "what an image says of itself is not trusted" {
	printf 'a@(#)kiln-agent \033[31m9.9' >init
	head -c 500 /dev/zero | tr '\0' v >>init
	printf 'ID="x\\y"\nVERSION_ID=%s\nVARIANT_ID=' \
		"$(head -c 300 /dev/zero | tr '\0' 7)" >release
	printf '%s\n' 'file /init source=init' \
		'file /etc/os-release source=release' >m
	"$tool" image --manifest m --output plain.img
	"$tool" inspect plain.img >text
	grep -F 'agent: kiln-agent \x1b[31m9.9vvvv' text
	[ "$(grep -c "$(printf '\033')" text)" = 0 ]
	[ "$(grep '^system:' text | wc -c)" -lt 110 ]
}
