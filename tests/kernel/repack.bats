#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Kernels are written out anew, and stay the same memory. The kernel is a
# program here that is as spread out as one, and was never meant to run.

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	cd "$BATS_TEST_TMPDIR"
	gcc -std=gnu17 -O1 -Wall -Wextra -Werror -fsanitize=address,undefined \
		-o repack "$top/osbuilder/kernel-repack.c"
	cat >k.s <<-'S'
		.text
		.globl _start
	_start:	ret
		.balign 65536, 0xcc
		.byte 1
		.data
		.byte 2
		.zero 262144
		.byte 3
		.bss
		.zero 8192
		.section .note.kiln, "a", @note
		.long 4, 4, 18
		.asciz "Xen"
		.long 0x1000
	S
	printf '%s\n' 'PHDRS { text PT_LOAD; data PT_LOAD; note PT_NOTE; }' \
		'SECTIONS { . = 0x1000000; .text : { *(.text) } :text' \
		'.note.kiln : { *(.note.kiln) } :text :note' \
		'. = ALIGN(0x200000); .data : { *(.data) } :data' \
		'.bss : { *(.bss) } :data }' >k.ld
	gcc -m64 -c k.s -o k.o
	ld -z max-page-size=0x200000 -T k.ld -o k k.o
}

segments() {
	readelf -lW "$1" | grep -c "^ *$2 "
}

@test "empty pages, padding, symbols and sections go; memory stays" {
	[ "$(uname -m)" = x86_64 ] || skip "the fixture is of x86"
	./repack k small
	./repack --same k small
	[ "$(stat -c %s small)" -lt 40000 ]
	[ "$(stat -c %s k)" -gt 400000 ]
	readelf -hW small | grep -q 'Number of section headers: *0'
	[ "$(segments small NOTE)" = 1 ]
	readelf -nW small >notes
	grep -q 'Xen  *0x00000004' notes
	readelf -lW small | awk '$1 == "LOAD" { print $2, $3 }' >loads
	[ "$(wc -l <loads)" -ge 3 ]
	while read -r offset address; do
		[ $((offset % 4096)) = $((address % 4096)) ]
	done <loads
}

@test "a kernel that loads something else is told from it" {
	[ "$(uname -m)" = x86_64 ] || skip "the fixture is of x86"
	./repack k small
	size=$(stat -c %s small)
	printf '\377' | dd of=small bs=1 seek=$((size - 1)) conv=notrunc status=none
	run ./repack --same k small
	[ "$status" -eq 1 ]
	[[ "$output" == *'k: 0x'*'in small 0xff'* ]]
}

@test "what is no kernel is refused" {
	printf 'no ELF' >x
	run ./repack x y
	[ "$status" -eq 1 ]
	head -c 64 k >x
	run ./repack x y
	[ "$status" -eq 1 ]
	[[ "$output" == *'bad program headers'* ]]
	head -c 4096 k >x
	run ./repack x y
	[ "$status" -eq 1 ]
	[[ "$output" == *'outside of the file'* ]]
}
