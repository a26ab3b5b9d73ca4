#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# One tree in every format, each read back by a program that is not ours, as a
# listing of owner, mode, type, size, device, time, link target and SHA-256 of
# the content. What is expected is written down beside the manifest, by hand.

load helpers

setup() {
	image_setup
	for c in fakeroot fsck.erofs debugfs unsquashfs cpio; do
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

# A line of a manifest, and the line of a listing it stands for: TYPE MODE UID
# GID SIZE TIME PATH -> TARGET|DEVICE|SHA-256.
has() {
	echo "$1" >>"$work/in/m"
	printf '%s %s\n' "$2" "$3" >>"$work/in/list"
}

# A regular file NAME of the bytes on standard input.
content() {
	cat >"$work/in/$1"
	size=$(stat -c %s "$work/in/$1")
	sum=$(sha256sum <"$work/in/$1" | cut -d' ' -f1)
}

# file MANIFEST-PATH LISTED-PATH MODE UID GID, of the last content NAME
file() {
	has "file $2 source=$1 mode=0$4 uid=$5 gid=$6" \
		"f $4 $5 $6 $size $time $3" "-> $sum"
}

tree() {
	local long n
	has 'dir / mode=0751 uid=1 gid=2' "d 751 1 2 - $time " '-> -'
	has 'dir /empty-dir mode=0' "d 0 0 0 - $time empty-dir" '-> -'
	has 'dir /sticky mode=03777 uid=70000 gid=4294967294' \
		"d 3777 70000 4294967294 - $time sticky" '-> -'
	has 'dir /d mode=0755' "d 755 0 0 - $time d" '-> -'
	content empty </dev/null
	file empty /d/empty d/empty 600 65535 65536
	content one < <(printf x)
	file one /d/setuid d/setuid 6755 4000000000 3000000000
	file one /d/setgid-only d/setgid-only 2610 0 65535
	file one /d/none d/none 0 0 0
	file one '"/d/b l a n k"' 'd/b l a n k' 644 0 0
	file one '/d/-dash' d/-dash 644 0 0
	file one '/d/*?[' 'd/*?[' 644 0 0
	file one "/d/it's" "d/it's" 644 0 0
	file one '/d/ümläut' 'd/ümläut' 644 0 0
	long=$(printf 'n%.0s' {1..255})
	file one "/d/$long" "d/$long" 644 0 0
	file one /a/b/c/d/e/f/g/h/i/j a/b/c/d/e/f/g/h/i/j 644 7 8
	for long in a a/b a/b/c a/b/c/d a/b/c/d/e a/b/c/d/e/f a/b/c/d/e/f/g \
		a/b/c/d/e/f/g/h a/b/c/d/e/f/g/h/i; do
		printf '%s\n' "d 755 0 0 - $time $long -> -" >>"$work/in/list"
	done
	# Around a block, and what huge pages can map.
	for n in 4095 4096 4097 131072 2097152 2097153; do
		content $n < <(awk -v n="$n" 'BEGIN { for (i = 0; i < n; i++)
			printf "%c", 33 + (i * i + int(i / 4096)) % 90 }')
		file $n "/d/$n" "d/$n" 640 "$n" 1000
	done
	# What does not compress; what is nothing but a hole; a hole with an end.
	content noise < <(openssl enc -aes-128-ctr -nosalt -K 00 -iv 00 \
		-in /dev/zero 2>/dev/null | head -c 300001)
	file noise /d/noise d/noise 644 0 0
	content hole < <(head -c 3145731 /dev/zero)
	file hole /d/hole d/hole 644 0 0
	content sparse < <(head -c 1048577 /dev/zero; printf end; \
		head -c 1048576 /dev/zero)
	file sparse /d/sparse d/sparse 644 0 0
	has 'link /l1 x' "l 777 0 0 1 $time l1" '-> x'
	# Where ext4 takes a block, where erofs does, and as long as Linux has.
	for n in 59 60 61 4000 4031 4032 4033 4095; do
		long=$(printf "%${n}s" '' | tr ' ' t)
		has "link /l$n $long uid=3 gid=70000" \
			"l 777 3 70000 $n $time l$n" "-> $long"
	done
	has 'link "/l blank" "a b"' "l 777 0 0 3 $time l blank" '-> a b'
	has 'node /c c 5 1 mode=0620 gid=5' "c 620 0 5 - $time c" '-> 5:1'
	has 'node /big b 4095 1048575 uid=9' \
		"b 600 9 0 - $time big" '-> 4095:1048575'
	has 'node /minor b 259 256 mode=0660' \
		"b 660 0 0 - $time minor" '-> 259:256'
	has 'node /fifo p mode=01666' "p 1666 0 0 - $time fifo" '-> -'
	LC_ALL=C sort -o "$work/in/list" "$work/in/list"
}

# The listing of the extracted tree $1. Runs under fakeroot, which remembers
# what its owners and devices would be.
cat_lister() {
	cat <<-'E'
	cd "$1"
	find . -print0 | while IFS= read -r -d '' p; do
		t=$(stat -c %F "$p") size=- what=-
		case $t in
		'regular'*) t=f size=$(stat -c %s "$p") ;;
		directory) t=d ;;
		'symbolic link') t=l size=$(stat -c %s "$p") ;;
		'character special file') t=c ;;
		'block special file') t=b ;;
		fifo) t=p ;;
		esac
		case $t in
		f) what=$(sha256sum <"$p") what=${what%% *} ;;
		l) what=$(readlink -n "$p") ;;
		[bc]) what=$((0x$(stat -c %t "$p"))):$((0x$(stat -c %T "$p"))) ;;
		esac
		[ "$p" != . ] || p=./
		echo "$t $(stat -c '%a %u %g' "$p") $size $(stat -c %Y "$p") ${p#./} -> $what"
	done | LC_ALL=C sort
	E
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
	[ "$(wc -l <"$work/seen")" = 47 ]
}

erofs_reads_back() {
	fsck.erofs "$1"
	reads_back fsck.erofs --preserve --extract="$work/x" "$1"
	# Each file is one, and has no attributes.
	dump.erofs --path=/d/setuid "$1" >"$work/dump"
	grep -E 'Links: 1 ' "$work/dump"
	grep -E 'Xattr size: 0$' "$work/dump"
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
	reads_back unsquashfs -quiet -no-progress -d "$work/x" "$work/img"
	unsquashfs -s "$work/img" | grep -E 'Xattrs (are|are not) stored|no xattrs' |
		grep not
}

@test "cpio reads from the initrd what the manifest says" {
	"$tool" initrd "${manifest[@]}" --output "$work/img"
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
	TZ=UTC cpio -itv --quiet <"$work/cpio" >"$work/table"
	[ "$(grep -c ' Nov 14  *2023 ' "$work/table")" = 46 ]
	[ "$(wc -l <"$work/seen")" = 46 ]
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
		[ "$links $acl" = '1 0' ]
		echo "$t $(printf %o "$((8#${mode#0}))") $((u & 0xffffffff)) $((g & 0xffffffff)) $size $((mtime)) $p -> $what"
	done 3<"$work/paths" <"$work/stats" | LC_ALL=C sort >"$work/seen"
	# Old-style numbers are told with leading zeros.
	sed -i 's/ -> 05:01$/ -> 5:1/' "$work/seen"
	diff "$work/in/list" "$work/seen"
	[ "$(wc -l <"$work/seen")" = 47 ]
}
