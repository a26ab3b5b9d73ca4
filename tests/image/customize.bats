#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# kiln-image customize: an image that is there, written anew with changes.

load helpers

setup() {
	image_setup
	cd "$work"
	sample in
	{
		echo 'node /dev/x b 259 70000 mode=0640 uid=5'
		echo 'node /pipe p'
		echo 'file /etc/passwd content=root mode=04711 uid=7 gid=70000'
		echo 'file /implied/by/this content=x'
	} >>in/sample.manifest
}

# build NAME FORMAT [OPTION...]
build() {
	local name=$1 format=$2 command=image
	shift 2
	if [ "$format" = initrd ]; then
		command=initrd
	else
		set -- --format "$format" "$@"
	fi
	"$tool" $command --manifest in/sample.manifest --epoch 1700000000 \
		--output "$name" "$@"
}

# Every kind of image that kiln-image writes, by the words of build.
kinds=('erofs' 'erofs --compress lz4hc' 'erofs --label other --verity'
	'erofs --layout pmem' 'erofs --layout papr --verity' 'ext4'
	'ext4 --layout pmem --verity' 'squashfs' 'squashfs --verity'
	'initrd' 'initrd --compress none')

@test "without changes an image of any kind comes out as it was" {
	for kind in "${kinds[@]}"; do
		# shellcheck disable=SC2086
		build a.img $kind
		"$tool" customize a.img --output b.img
		cmp a.img b.img || { echo "$kind"; false; }
	done
}

@test "an image with changes is the one that a manifest would have made" {
	echo '#!/bin/sh' >tool
	chmod 700 tool
	mkdir -p conf/sub
	echo one >conf/one
	ln -s one conf/two
	: >conf/sub/empty
	changes=(--delete /files --delete /pipe --mkdir /data/deep
		--copy-in tool:/usr/bin/ --copy-in conf:/etc
		--copy-in conf/one:/etc/named --write '/etc/motd:a: b'
		--link ../etc/motd:/root/motd --write /etc/passwd:new
		--chmod 0600:/etc/motd --chown 70000:8:/data
		--chmod 2755:/data --mkdir /sticky)
	for kind in "${kinds[@]}"; do
		# shellcheck disable=SC2086
		build a.img $kind
		env -u SOURCE_DATE_EPOCH "$tool" customize a.img --output b.img \
			--epoch 1700000000 "${changes[@]}"
		cp in/sample.manifest kept
		{
			grep -vE '^file /files|^node /pipe|/etc/passwd' kept
			echo 'dir /data mode=02755 uid=70000 gid=8'
			echo 'dir /data/deep'
			echo 'file /usr/bin/tool source=../tool mode=0755'
			echo 'file /etc/conf/one source=../conf/one'
			echo 'link /etc/conf/two one'
			echo 'file /etc/conf/sub/empty content=""'
			echo 'file /etc/named source=../conf/one'
			echo 'file /etc/motd content="a: b" mode=0600'
			echo 'link /root/motd ../etc/motd'
			echo 'file /etc/passwd content=new'
		} >in/sample.manifest
		# shellcheck disable=SC2086
		build c.img $kind
		mv kept in/sample.manifest
		cmp b.img c.img || {
			echo "$kind"
			"$tool" inspect b.img --diff c.img
			false
		}
	done
}

@test "in place, the tree of hashes is of what is there now" {
	build a.img erofs --verity
	before=$("$tool" verity a.img)
	"$tool" customize a.img --write /etc/motd:hello
	[ "$("$tool" cat a.img /etc/motd)" = hello ]
	[ "$("$tool" verity a.img)" != "$before" ]
}

@test "a folder lies over the one that is there, whose owner and mode stay" {
	mkdir -p etc/sub
	echo x >etc/sub/f
	echo 'dir /etc/sub mode=0700 uid=9' >>in/sample.manifest
	build a.img erofs
	"$tool" customize a.img --copy-in etc:/
	"$tool" inspect a.img >list
	grep -E '^dir    0700     9     0           0 /etc/sub$' list
	grep -E '^file   0644     0     0           2 /etc/sub/f dax=page$' list
	grep -F ' /etc/passwd ' list
}

@test "mistakes are told, and leave the image alone" {
	build a.img erofs
	cp a.img b.img
	while IFS='|' read -r opt value text; do
		run "$tool" customize a.img --write /a:1 "$opt" "$value"
		[ "$status" = 1 ] || { echo "$opt $value"; false; }
		[ "${#lines[@]}" = 1 ]
		[[ "$output" == *"$text"* ]] || { echo "$output"; false; }
		cmp a.img b.img
	done <<-'E'
		--delete|/nope|no '/nope'
		--delete|/|no path that could be deleted
		--mkdir|relative|no path of an image
		--mkdir|/etc/passwd|'/etc/passwd' is a dir
		--mkdir|/a//b|bad path
		--write|/files:x|'/files' is a file
		--write|/etc/passwd/x:y|below '/etc/passwd'
		--write|/x|no PATH:CONTENT
		--copy-in|/nonexistent:/x|/nonexistent
		--copy-in|in|no HOST:PATH
		--link|:/x|no TARGET:PATH
		--chmod|999:/etc|no MODE:PATH
		--chmod|0644:/nope|no '/nope'
		--chmod|0644:/many/-a-name-of-some-length-1|but a link
		--chown|root:0:/etc|no UID:GID:PATH
	E
	run "$tool" customize a.img --bogus
	[ "$status" = 2 ]
}

# Images of others, with what ours have not.
@test "files of many names are shown by inspect, and stay so" {
	mkdir src
	echo x >src/f
	ln src/f src/g
	mkfs.erofs --quiet a.erofs src
	mke2fs -q -t ext4 -d src a.ext4 4M
	mksquashfs src a.squashfs -quiet -no-progress -comp zstd >log
	(cd src && find . | LC_ALL=C sort | cpio -o -H newc --quiet) >a.initrd
	for f in a.*; do
		"$tool" inspect "$f" >list
		[ "$(grep -c ' hardlink=/f$' list)" = 1 ]
		[ "$("$tool" cat "$f" /f)" = x ]
		[ "$("$tool" cat "$f" /g)" = x ]
		"$tool" customize "$f" --chmod 0600:/g --write /x:y
		"$tool" inspect "$f" >list
		grep -E '^file +0600 .* /g( dax=[a-z]+)? hardlink=/f$' list
		grep -E '^file +0600 .* /f( dax=[a-z]+)?$' list
		# What takes the place of one name leaves the other alone.
		"$tool" customize "$f" --write /f:new
		"$tool" inspect "$f" >list
		[ "$(grep -c ' hardlink=' list)" = 0 ]
		[ "$("$tool" cat "$f" /f)" = new ]
		[ "$("$tool" cat "$f" /g)" = x ]
	done
	"$tool" customize a.erofs --copy-in src:/sub
	"$tool" inspect a.erofs >list
	grep ' /sub/g .*hardlink=/sub/f$' list
}

@test "extended attributes are shown by inspect, and stay" {
	mkdir src
	echo x >src/f
	# A tmpfs has none before Linux 6.6.
	setfattr -n user.test -v value src/f &&
		setfattr -n user.other -v 0x0001 src/f ||
		skip "no extended attributes in this folder"
	setfattr -n user.test -v value src
	mkfs.erofs --quiet b.erofs src
	mkfs.erofs --quiet -x1 b.shared.erofs src
	mke2fs -q -t ext4 -d src b.ext4 4M
	mksquashfs src b.squashfs -quiet -no-progress -comp zstd >log
	for f in b.*; do
		for step in 1 2; do
			"$tool" inspect "$f" >list
			grep ' /f .*user.other=0x0001 user.test=value$' list
			"$tool" customize "$f" --write "/x$step:y"
		done
	done
}

@test "extended attributes of other kinds are refused, and shown by inspect" {
	mkdir src
	echo x >src/f
	mke2fs -q -t ext4 -d src b.ext4 4M
	debugfs -w -R 'ea_set /f system.odd abc' b.ext4 2>err
	"$tool" inspect b.ext4 >list
	[ "$(grep -c ' xattrs$' list)" = 1 ]
	run "$tool" customize b.ext4 --write /x:y
	[ "$status" = 1 ]
	[[ "$output" == *"'/f' has extended attributes of other kinds"* ]]
}

@test "partitions of others are refused" {
	build plain.img erofs
	truncate -s 64M gpt.img
	echo 'start=2048' | sfdisk -q --label gpt gpt.img
	dd if=plain.img of=gpt.img bs=1M seek=1 conv=notrunc status=none
	run "$tool" customize gpt.img --write /x:y
	[ "$status" = 1 ]
	[[ "$output" == *"partitions that kiln-image does not write"* ]]
}
