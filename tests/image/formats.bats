#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What is written, read by the tools of others; and what the build made.

load helpers

setup() {
	image_setup
	sample "$work/in"
	manifest=(--manifest "$work/in/sample.manifest")
}

# Paths, types and sizes of a directory tree.
tree_of() {
	(cd "$1" && find . -mindepth 1 -printf '%y %P %l ' \
		\( -type f -printf '%s\n' -o -printf '\n' \) | LC_ALL=C sort)
}

same_contents() {
	local i
	for i in 0 1 4095 4096 4097 70000 2097160; do
		cmp "$work/in/$i" "$1/files/$i"
	done
	[ "$(find "$1/many" -type l | wc -l)" = 400 ]
	[ "$(readlink "$1/many/-a-name-of-some-length-7")" = ../files/7 ]
	[ "$(cat "$1/+before-the-dots")" = x ]
}

@test "cpio reads the initrd" {
	command -v cpio >/dev/null || skip "no cpio"
	"$tool" initrd "${manifest[@]}" --output "$work/a.img"
	zstd -dqc "$work/a.img" >"$work/a.cpio"
	TZ=UTC cpio -itv --numeric-uid-gid <"$work/a.cpio" >"$work/list"
	grep -E '^drwxrwxrwt +2 3 +4 +0 Jan +1 +2024 sticky$' "$work/list"
	grep -E '^-rw-r----- +1 0 +70000 +4097 Jan +1 +2024 files/4097$' \
		"$work/list"
	mkdir "$work/x"
	(cd "$work/x" && cpio -id --quiet --no-preserve-owner <"$work/a.cpio")
	same_contents "$work/x"
}

@test "the initrd without compression is the same archive" {
	"$tool" initrd "${manifest[@]}" --output "$work/a.img"
	"$tool" initrd "${manifest[@]}" --compress none --output "$work/b.img"
	zstd -dqc "$work/a.img" | cmp - "$work/b.img"
}

@test "fsck.erofs accepts and unpacks the image" {
	command -v fsck.erofs >/dev/null || skip "no erofs-utils"
	"$tool" image "${manifest[@]}" --output "$work/a.img"
	fsck.erofs --extract="$work/x" "$work/a.img"
	same_contents "$work/x"
	[ "$(stat -c %a "$work/x/sticky")" = 1777 ]
}

@test "dump.erofs reads the superblock and inodes" {
	command -v dump.erofs >/dev/null || skip "no erofs-utils"
	"$tool" image "${manifest[@]}" --output "$work/a.img"
	uuid=$("$tool" inspect --format json "$work/a.img" | jq -r .uuid)
	dump.erofs -s "$work/a.img" >"$work/super"
	grep -E "Filesystem UUID: +$uuid" "$work/super"
	inodes=$("$tool" tree "${manifest[@]}" | wc -l)
	grep -E "inode count: +$inodes$" "$work/super"
	dump.erofs --path=/files/2097160 "$work/a.img" >"$work/big"
	grep -E 'Size: 2097160 ' "$work/big"
	grep -E 'Layout: 0 ' "$work/big"
}

@test "e2fsck finds nothing, debugfs reads owners, modes and times" {
	command -v debugfs >/dev/null || skip "no e2fsprogs"
	"$tool" image --format ext4 "${manifest[@]}" --output "$work/a.img"
	e2fsck -fn "$work/a.img"
	mkdir "$work/x"
	debugfs -R "rdump / $work/x" "$work/a.img" 2>"$work/debugfs"
	same_contents "$work/x"
	debugfs -R 'stat /files/4097' "$work/a.img" >"$work/stat"
	grep -E 'Mode: +0640 ' "$work/stat"
	grep -E 'Group: +70000 ' "$work/stat"
	[ "$(grep -cE 'time: 0x65920080:00000000' "$work/stat")" = 4 ]
	# One extent, at a multiple of 2 MiB.
	debugfs -R 'ex /files/2097160' "$work/a.img" >"$work/ex"
	[ "$(awk '$8 ~ /^[0-9]+$/ { print $8 % 512 }' "$work/ex")" = 0 ]
}

@test "unsquashfs reads the image" {
	command -v unsquashfs >/dev/null || skip "no squashfs-tools"
	"$tool" image --format squashfs "${manifest[@]}" --output "$work/a.img"
	unsquashfs -q -n -no-xattrs -d "$work/x" "$work/a.img" >"$work/log" 2>&1
	same_contents "$work/x"
	TZ=UTC unsquashfs -lln "$work/a.img" >"$work/list"
	grep -E '^drwxr-x--x 0/0 +[0-9]+ 2024-01-01 00:00 squashfs-root$' \
		"$work/list"
	grep -E '^drwxrwxrwt 3/4 .* squashfs-root/sticky$' "$work/list"
	grep -E '^-rw-r----- 0/70000 +4097 2024-01-01 ' "$work/list"
}

@test "all formats list what the manifest says, and hold the same bytes" {
	echo 'link /long /'"$(printf 'long/%.0s' {1..40})" \
		>>"$work/in/sample.manifest"
	echo 'node /dev/big b 259 70000 mode=0640' >>"$work/in/sample.manifest"
	echo 'node /pipe p uid=5' >>"$work/in/sample.manifest"
	echo 'file "/a \\"b\\" c" content="x"' >>"$work/in/sample.manifest"
	"$tool" tree "${manifest[@]}" >"$work/tree"
	for f in ext4 squashfs; do
		"$tool" image --format $f "${manifest[@]}" --output "$work/$f"
		listing "$work/$f" | diff "$work/tree" -
		for i in 0 1 4095 4096 4097 70000 2097160; do
			"$tool" cat "$work/$f" /files/$i | cmp - "$work/in/$i"
		done
	done
	"$tool" image "${manifest[@]}" --output "$work/a.img"
	"$tool" initrd "${manifest[@]}" --output "$work/b.img"
	listing "$work/a.img" | diff "$work/tree" -
	# The root is no part of an initrd.
	diff <(listing "$work/b.img" | sed 1d) <(sed 1d "$work/tree")
}

@test "every file can be mapped by DAX, large ones by huge pages" {
	"$tool" image "${manifest[@]}" --output "$work/a.img"
	"$tool" image --format ext4 "${manifest[@]}" --output "$work/b.img"
	for i in a b; do
		[ $(($(stat -c %s "$work/$i.img") % 2097152)) = 0 ]
		"$tool" inspect --format json "$work/$i.img" >"$work/json"
		jq -e '.dax and (.files | map(select(.type == "file" and
			.pmd != (.size >= 2097152))) == [])' "$work/json"
	done
}

@test "inspect tells views, partitions and info block" {
	"$tool" image --layout pmem --verity "${manifest[@]}" \
		--output "$work/a.img"
	"$tool" inspect --format json "$work/a.img" >"$work/json"
	jq -e '.layout == "pmem" and .offset == 4194304 and
		.pmem_offset == 2097152 and .dax and .verity.intact and
		.partitions.disk.start == 4194304 and
		.partitions.pmem.start == 2097152 and
		.info_block.version == "1.4" and
		.info_block.dataoff == 2097152 and
		(.files | map(select(.pmd)) | length) == 1' "$work/json"
	# Of a partition at 3 MiB no file is at a multiple of 2 MiB.
	"$tool" image "${manifest[@]}" --output "$work/fs"
	dd if="$work/a.img" of="$work/b.img" bs=1M count=2 status=none
	dd if="$work/fs" of="$work/b.img" bs=1M seek=3 status=none
	printf '\0\0\0\0\203\0\0\0\0\030\0\0\0\060\0\0' |
		dd of="$work/b.img" bs=1 seek=446 conv=notrunc status=none
	"$tool" inspect --format json "$work/b.img" >"$work/json"
	jq -e '.offset == 3145728 and .dax and
		(.files | map(select(.pmd)) | length) == 0' "$work/json"
	"$tool" inspect "$work/b.img" --diff "$work/fs"
}

@test "inspect --diff tells what differs" {
	"$tool" image --format ext4 "${manifest[@]}" --output "$work/a.img"
	"$tool" initrd "${manifest[@]}" --output "$work/b.img"
	"$tool" inspect "$work/a.img" --diff "$work/b.img"
	{
		cat "$work/in/sample.manifest"
		echo 'file /new content=x'
	} | sed -e 's/^dir .sticky mode=01777/dir \/sticky mode=0755/' \
		-e '/files.4096/s/source=4096/source=4095/' -e '/files.1 /d' \
		>"$work/in/other.manifest"
	"$tool" image --manifest "$work/in/other.manifest" --output "$work/c.img"
	run "$tool" inspect "$work/a.img" --diff "$work/c.img"
	[ "$status" = 1 ]
	grep -Fx -e '~ /sticky: mode 1777 -> 0755' -e '+ /new' -e '- /files/1' \
		-e '~ /files/4096: size 4096 -> 4095, content' \
		-e 'format ext4 -> erofs' <<<"$output" >"$work/found"
	[ "$(wc -l <"$work/found")" = 5 ]
}

@test "inspect --diff shows lines of texts and bytes of the rest" {
	cd "$work"
	printf 'one\ntwo\nthree\n' >a.txt
	printf 'one\n2\nzwei\nthree\n' >b.txt
	printf 'begin\0aXc' >a.bin
	printf 'begin\0aYYc' >b.bin
	printf 'x\n' >a.end
	printf 'x\ny' >b.end
	for i in a b; do
		printf "file /$i.%s source=$i.%s\n" txt txt bin bin end end |
			sed "s|/$i|/f|" >$i.m
		"$tool" image --manifest $i.m --output $i.img
	done
	run "$tool" inspect a.img --diff b.img
	[ "$status" = 1 ]
	printf '%s\n' '~ /f.bin: size 9 -> 10, content' \
		'    -1 bytes at 7: 58' '    +2 bytes at 7: 59 59' \
		'~ /f.end: size 2 -> 3, content' '    +y (no newline)' \
		'~ /f.txt: size 14 -> 17, content' '    -two' '    +2' \
		'    +zwei' | diff - <(sed '$d' <<<"$output")
	# As much as there is room for, and no more.
	seq 100 >a.txt
	seq 101 200 >b.txt
	for i in a b; do "$tool" image --manifest $i.m --output $i.img; done
	run "$tool" inspect a.img --diff b.img
	[ "$(grep -c '^    [-+]1' <<<"$output")" -lt 40 ]
	grep -Fx '    -…' <<<"$output"
}

@test "inspect tells agent and profile of what was built" {
	version=$(cat "$top/VERSION") found=
	for f in "$out"/*/rootfs.*.img "$out"/*/initrd.img; do
		[ -s "$f" ] || continue
		found=1
		"$tool" inspect --format json "$f" >"$work/json"
		profile=$(jq -r .profile "$(dirname "$f")/image.json")
		jq -e --arg v "$version" --arg p "$profile" '.agent == $v and
			.agent_path == "/init" and .os == "kiln" and
			.os_version == $v and .profile == $p' "$work/json"
		"$tool" inspect "$f" >"$work/text"
		grep -Fx "agent: kiln-agent $version at /init" "$work/text"
		grep -Fx "system: os kiln version $version profile $profile" \
			"$work/text"
	done
	[ -n "$found" ] || skip "no image was built"
}

@test "a file comes out by cat and extract" {
	"$tool" image "${manifest[@]}" --output "$work/a.img"
	"$tool" cat "$work/a.img" /files/4097 | cmp - "$work/in/4097"
	"$tool" extract "$work/a.img" /files/70000 "$work/out"
	cmp "$work/in/70000" "$work/out"
	run "$tool" cat "$work/a.img" /nope
	[ "$status" = 1 ]
	[[ "$output" == *"no '/nope'"* ]]
}

@test "every command has help, and mistakes have one line" {
	for c in tree initrd image inspect verity cat extract manifest; do
		run "$tool" $c --help
		[ "$status" = 0 ]
		[[ "${lines[0]}" == "usage: kiln-image $c "* ]]
	done
	run "$tool" image --manifest /nonexistent --output "$work/a"
	[ "$status" = 1 ] && [ "${#lines[@]}" = 1 ]
	run "$tool" image --output "$work/a"
	[ "$status" = 2 ] && [ "${#lines[@]}" = 1 ]
	run "$tool" image --bogus
	[ "$status" = 2 ] && [ "${#lines[@]}" = 1 ]
	run "$tool" inspect /dev/null
	[ "$status" = 1 ] && [ "${#lines[@]}" = 1 ]
}

@test "what was built is what image.json says" {
	found=
	for a in x86_64 aarch64 s390x ppc64le; do
		[ -s "$out/$a/image.json" ] || continue
		found=1
		jq -r '.artifacts[] | "\(.sha256)  \(.name)"' \
			"$out/$a/image.json" >"$work/sums"
		(cd "$out/$a" && sha256sum -c --quiet "$work/sums")
		jq -e --arg a "$a" '.arch == $a and
			.schema == "kiln.image/1" and
			(.agent_protocol | length) > 0 and
			(.cmdline | index("panic=-1")) != null and
			(.artifacts | map(.name) | index("initrd.img")) != null and
			(.inputs | map(.name) | index("musl-dev")) != null' \
			"$out/$a/image.json"
	done
	[ -n "$found" ] || skip "no image was built"
}

@test "the minimal initrd keeps its budget of 1 MB" {
	found=
	for a in x86_64 aarch64 s390x ppc64le; do
		[ -s "$out/$a/initrd.img" ] || continue
		"$tool" inspect "$out/$a/initrd.img" >"$work/list"
		grep -q ' /bin/busybox' "$work/list" && continue
		found=1
		[ "$(stat -c %s "$out/$a/initrd.img")" -le 1000000 ]
	done
	[ -n "$found" ] || skip "no minimal initrd was built"
}
