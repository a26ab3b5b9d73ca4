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
