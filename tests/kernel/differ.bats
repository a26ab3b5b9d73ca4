#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# make repro says where two artifacts differ; here they are made to differ.

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	tool=$(cd "$top" && realpath "${O:-build}/host/kiln-image")
	cd "$BATS_TEST_TMPDIR"
	# Without diffoscope, wherever this runs.
	mkdir bin
	for p in awk bash cat cmp cut diff dirname env gcc grep head od printf readelf sed \
		sort stat tr wc; do
		ln -s "$(command -v $p)" bin/$p
	done
}

differ() {
	PATH=$BATS_TEST_TMPDIR/bin run "$top/tests/differ.sh" "$@"
	echo "$output"
}

@test "the same files: silence" {
	echo a >x
	echo a >y
	differ x y
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "text: the lines" {
	printf 'same\nCONFIG_A=y\n' >x
	printf 'same\nCONFIG_A=n\n' >y
	differ x y
	[ "$status" -eq 1 ]
	[[ "$output" == *"-CONFIG_A=y"*"+CONFIG_A=n"* ]]
}

@test "an ELF file: section, offset, symbol" {
	printf 'const char early[64] = {1};\nchar changed[64] = {%s};\nint main(void){return 0;}\n' \
		2 >x.c
	sed 's/{2}/{3}/' x.c >y.c
	for f in x y; do
		gcc -no-pie -Wl,--build-id=none -frandom-seed=1 -o $f $f.c
		strip -o $f.stripped -R .comment $f
	done
	nm x | sort >kernel.map
	differ ./x.stripped ./y.stripped
	[ "$status" -eq 1 ]
	[[ "$output" == *"1 bytes at 0x"*" in .data at 0x"*", changed"* ]]
}

@test "an image of memory: the symbol" {
	head -c 8192 /dev/zero >x
	cp x y
	printf 'x' | dd of=y bs=1 seek=4097 conv=notrunc status=none
	printf '%016x T _text\n%016x T one\n%016x T two\n%016x T three\n' \
		4096 4112 8192 8448 >kernel.map
	differ ./x ./y
	[ "$status" -eq 1 ]
	[[ "$output" == *"1 bytes at 0x1001 about two"* ]]
}

@test "an image of files: which of them" {
	for f in x y; do
		mkdir $f.d
		echo $f >$f.d/file
		printf 'dir /etc\nfile /etc/thing source=%s\n' "$BATS_TEST_TMPDIR/$f.d/file" >$f.manifest
		"$tool" initrd --manifest $f.manifest --output $f.img --compress none
	done
	differ ./x.img ./y.img "$tool"
	[ "$status" -eq 1 ]
	[[ "$output" == *"/etc/thing"* ]]
}
