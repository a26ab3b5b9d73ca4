#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# One tree in every format, each read back by a program that is not ours, as a
# listing of owner, mode, type, size, device, time, link target and SHA-256 of
# the content. What is expected is written down beside the manifest, by hand.

load helpers
load tree

setup() {
	image_setup
	for c in fakeroot fsck.erofs debugfs unsquashfs cpio getfattr; do
		command -v "$c" >/dev/null || {
			echo "no $c"
			return 1
		}
	done
	time=1700000001
	mkdir "$work/in"
	tree
	manifest=(--manifest "$work/in/m" --epoch "$time")
}

# reads_back EXTRACT...: runs the command under fakeroot, that makes $work/x of
# the image, and compares.
reads_back() {
	cat_lister >"$work/lister"
	# Folders of mode 0 and 0555 are root's to read, or nobody's.
	fakeroot bash -c '
		set -e
		"${@:4}" >"$1/log" 2>&1 || { cat "$1/log"; exit 1; }
		bash "$1/lister" "$2" >"$3"' bash "$work" "$work/x" \
		"$work/seen" "$@"
	diff "$work/in/list" "$work/seen"
	[ "$(wc -l <"$work/seen")" = 52 ]
}

erofs_reads_back() {
	fsck.erofs "$1"
	reads_back fsck.erofs --preserve --extract="$work/x" "$1"
	# It tells inodes, but of attributes their size only: what they are is
	# seen by Linux in boot.bats.
	local line name n
	dump.erofs --path=/d/setuid "$1" >"$work/dump"
	grep -E 'Links: 1 ' "$work/dump"
	grep -E 'Xattr size: 0$' "$work/dump"
	while read -r line; do
		n=$(wc -w <<<"$line")
		for name in $line; do
			dump.erofs --path="/$name" "$1" >"$work/dump"
			grep -E "Links: $n " "$work/dump"
			grep -oE 'NID: [0-9]+' "$work/dump" >>"$work/nids"
		done
		[ "$(sort -u "$work/nids" | wc -l)" = 1 ]
		: >"$work/nids"
	done <"$work/in/names"
	# Header, name and value of each, to multiples of 4.
	awk '{ name = length($2) - index($2, "."); value = length($3) / 2
			n[$1] += int((4 + name + value + 3) / 4) * 4 }
		END { for (p in n) print p, n[p] + 12 }' "$work/in/attrs" |
		grep -v '^l1 ' >"$work/sizes"
	[ "$(wc -l <"$work/sizes")" = 9 ]
	while read -r name n; do
		dump.erofs --path="/$name" "$1" >"$work/dump"
		grep -E "Xattr size: $n\$" "$work/dump"
	done <"$work/sizes"
}

@test "fsck.erofs reads from erofs what the manifest says" {
	"$tool" image "${manifest[@]}" --output "$work/img"
	erofs_reads_back "$work/img"
}

@test "fsck.erofs reads from compressed erofs what the manifest says" {
	"$tool" image --compress lz4hc "${manifest[@]}" --output "$work/img"
	erofs_reads_back "$work/img"
	# Files are compressed, and what does not compress is as it is.
	dump.erofs --path=/d/2097153 "$work/img" | grep -E 'Layout: 1 '
	dump.erofs --path=/d/noise "$work/img" | grep -E 'Layout: 0 '
	"$tool" image "${manifest[@]}" --output "$work/whole"
	[ "$(stat -c %s "$work/img")" -lt "$(stat -c %s "$work/whole")" ]
	"$tool" inspect "$work/img" --diff "$work/whole"
}

# By mkfs.erofs, with indexes of either kind and extents of either size.
@test "kiln-image reads erofs that others have compressed" {
	mkdir "$work/src"
	for n in 4096 4097 131072 2097152 2097153 noise hole sparse; do
		cp "$work/in/$n" "$work/src/"
	done
	cp "$tool" "$work/src/program"
	for opts in '-C4096' '-C65536' '-C4096 -Elegacy-compress' \
		'-C65536 -Elegacy-compress'; do
		rm -f "$work/img"
		# shellcheck disable=SC2086
		mkfs.erofs -zlz4hc $opts --all-root "$work/img" "$work/src" \
			>"$work/log"
		"$tool" inspect "$work/img" >"$work/listing"
		grep -q 'erofs: compression lz4,' "$work/listing"
		for f in "$work"/src/*; do
			"$tool" cat "$work/img" "/${f##*/}" | cmp - "$f"
		done
	done
}

@test "unsquashfs reads from squashfs what the manifest says" {
	"$tool" image --format squashfs "${manifest[@]}" --output "$work/img"
	reads_back bash -c 'unsquashfs -quiet -no-progress -d "$1/x" "$1/img" &&
		cd "$1/x" && getfattr -R -h -m - -d -e hex . >"$1/got"' \
		bash "$work"
	attributes_of "$work/got" | diff "$work/in/attrs" -
	names_in "$work/x" | diff "$work/in/names" -
	unsquashfs -s "$work/img" | grep '^Number of xattr ids 6$'
	# Without attributes there is no table of them.
	grep -v '^set ' "$work/in/m" >"$work/in/plain"
	"$tool" image --format squashfs --manifest "$work/in/plain" \
		--epoch "$time" --output "$work/img"
	unsquashfs -s "$work/img" | grep 'Xattrs are not stored'
}

# What getfattr has listed, as in $work/in/attrs.
attributes_of() {
	awk '/^# file: / { p = substr($0, 9) }
		/^[a-z]+\./ { i = index($0, "=")
			n = i ? substr($0, 1, i - 1) : $0
			v = i ? " " substr($0, i + 3) : ""
			print p " " n v }' "$1" | sed 's/^\.\///' | LC_ALL=C sort
}

@test "cpio reads from the initrd what the manifest says" {
	"$tool" initrd "${manifest[@]}" --output "$work/img" 2>"$work/warned"
	# What it cannot have is told by name.
	while read -r p n _; do
		grep -F "'/$p' is without '$n'" "$work/warned"
	done <"$work/in/attrs"
	[ "$(wc -l <"$work/warned")" = "$(wc -l <"$work/in/attrs")" ]
	zstd -dqc "$work/img" >"$work/cpio"
	mkdir "$work/x"
	# The root is none of an archive's files.
	sed -i '/^d 751 1 2 - [0-9]*  -> -$/d' "$work/in/list"
	cat_lister >"$work/lister"
	fakeroot bash -c 'set -e; cd "$1/x"; cpio -idm --quiet <../cpio
		bash ../lister "$1/x" >../seen' bash "$work"
	# Nor does cpio set the times of folders and links, which it lists.
	sed -i -E '/^d .*  -> -$/d; s/^([dl] [^>]*) [0-9]{10} /\1 - /' \
		"$work/seen" "$work/in/list"
	diff "$work/in/list" "$work/seen"
	names_in "$work/x" | diff "$work/in/names" -
	TZ=UTC cpio -itv --quiet <"$work/cpio" >"$work/table"
	[ "$(grep -c ' Nov 14  *2023 ' "$work/table")" = 51 ]
	[ "$(wc -l <"$work/seen")" = 51 ]
}

# debugfs extracts neither devices nor owners: it is asked for each inode.
@test "debugfs reads from ext4 what the manifest says" {
	"$tool" image --format ext4 "${manifest[@]}" --output "$work/img"
	e2fsck -fn "$work/img"
	mkdir "$work/x"
	fakeroot debugfs -R "rdump / $work/x" "$work/img" 2>"$work/err"
	sed -E 's/^[a-z] [0-9]+ [0-9]+ [0-9]+ [0-9-]+ [0-9]+ (.*) -> .*/\1/' \
		"$work/in/list" >"$work/paths"
	while IFS= read -r p; do
		echo "stat \"/$p\""
	done <"$work/paths" >"$work/commands"
	debugfs -f "$work/commands" "$work/img" 2>/dev/null |
		awk '/^Inode: / { type = $4; for (i = 4; i < NF; i++)
				if ($i == "Mode:") mode = $(i + 1) }
			/^User:/ { user = $2; group = $4; size = $NF }
			/^Links:/ { links = $2 }
			/^File ACL:/ { acl = $3 }
			/^ mtime:/ { mtime = substr($2, 1, 10) }
			/^Size of extra/ { print type, mode, user, group, size,
				links, acl, mtime }
			/^\(New-style\) Device|^Device major/ { print "dev " $NF,
				$(NF - 2) }' >"$work/stats"
	# Mode in octal, owners as debugfs prints them: signed.
	while IFS= read -r p <&3; do
		read -r t mode u g size links acl mtime
		what=- x=$work/x/$p
		case $t in
		regular) t=f what=$(sha256sum <"$x") what=${what%% *} ;;
		directory) t=d size=- links=1 ;;
		symlink) t=l what=$(readlink -n "$x") ;;
		character | block)
			t=${t:0:1} size=-
			read -r _ _ what
			;;
		FIFO) t=p size=- ;;
		esac
		n=$(awk -v p="$p" '{ for (i = 1; i <= NF; i++)
			if ($i == p) print NF }' "$work/in/names")
		[ "$links" = "${n:-1}" ]
		# A long attribute has a block of its own.
		[ "$acl" = 0 ] || grep -q "^$p user.long " "$work/in/attrs"
		echo "$t $(printf %o "$((8#${mode#0}))") $((u & 0xffffffff)) $((g & 0xffffffff)) $size $((mtime)) $p -> $what"
	done 3<"$work/paths" <"$work/stats" | LC_ALL=C sort >"$work/seen"
	# Old-style numbers are told with leading zeros.
	sed -i 's/ -> 05:01$/ -> 5:1/' "$work/seen"
	diff "$work/in/list" "$work/seen"
	[ "$(wc -l <"$work/seen")" = 52 ]
	while read -r p n v; do
		debugfs -R "ea_get -x -f $work/value /$p $n" "$work/img"
		[ "$(od -An -v -tx1 "$work/value" | tr -d ' \n')" = "$v" ]
	done <"$work/in/attrs"
	while read -r p; do
		debugfs -R "ea_list /$p" "$work/img" 2>/dev/null
	done <"$work/paths" | grep -cE '^  [a-z]+\.' | diff - \
		<(wc -l <"$work/in/attrs")
	while read -r line; do
		for p in $line; do
			debugfs -R "stat /$p" "$work/img" 2>/dev/null |
				sed -n 's/^Inode: \([0-9]*\) .*/\1/p'
		done | sort -u | wc -l
	done <"$work/in/names" | sort -u | diff - <(echo 1)
}

# What a folder of a user's cannot say, an archive can; of a folder hard links
# and fifos are taken over, and attributes not.
@test "an overlay that is a tar archive says owners, attributes, names, holes" {
	mkdir "$work/src"
	echo x >"$work/src/f"
	ln "$work/src/f" "$work/src/g"
	mkfifo "$work/src/p"
	truncate -s 3M "$work/src/hole"
	printf end >>"$work/src/hole"
	truncate -s 4M "$work/src/hole"
	fakeroot bash -c 'cd "$1/src" && mknod dev c 4095 70000 &&
		chown 5:70000 f && chmod 4711 f && chown 3000000:0 hole &&
		setfattr -n user.a -v 0x000a3d f &&
		setcap cap_net_raw+ep f &&
		for format in posix gnu; do
			tar --format=$format --xattrs --xattrs-include="*" \
				-S -cf "../$format.tar" .
		done' bash "$work"
	[ "$(stat -c %s "$work/posix.tar")" -lt 1000000 ]
	echo 'dir /' >"$work/empty"
	for f in erofs ext4 squashfs; do
		"$tool" image --format $f --manifest "$work/empty" \
			--overlay "$work/posix.tar" --output "$work/$f"
		"$tool" inspect "$work/$f" | sed 's/ dax=[a-z]*//' >"$work/list"
		caps=security.capability=0x0100000200200000000000000000000000000000
		grep -E "^file +4711 +5 70000 +2 /f $caps user.a=0x000a3d\$" \
			"$work/list"
		grep -E "^file +4711 +5 70000 +2 /g hardlink=/f $caps user" \
			"$work/list"
		grep -E '^char +0?[0-9]+ +0 +0 +4095,70000 /dev$' "$work/list"
		grep -E '^fifo .* /p$' "$work/list"
		grep -E '^file .* 3000000 +0 +4194304 /hole$' "$work/list"
		"$tool" cat "$work/$f" /hole | cmp - "$work/src/hole"
		"$tool" image --format $f --manifest "$work/empty" \
			--overlay "$work/gnu.tar" --output "$work/again"
		"$tool" cat "$work/again" /hole | cmp - "$work/src/hole"
	done
	# The same bytes wherever and whenever it is done.
	"$tool" image --manifest "$work/empty" --overlay "$work/posix.tar" \
		--output "$work/again"
	cmp "$work/erofs" "$work/again"
	"$tool" image --manifest "$work/empty" --overlay "$work/src" \
		--output "$work/folder"
	"$tool" inspect "$work/folder" | sed 's/ dax=[a-z]*//' >"$work/list"
	grep -E '^file +0755 +0 +0 +2 /g hardlink=/f$' "$work/list"
	grep -E '^fifo +0600 +0 +0 +0 /p$' "$work/list"
}
