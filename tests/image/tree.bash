# SPDX-License-Identifier: Apache-2.0
# A tree made by hand of all that a file can be, as a manifest in $work/in/m and
# as the listing in $work/in/list that it should come back as. Variables are
# those of the test that loads this file.
# shellcheck shell=bash disable=SC2154

# A line of a manifest, and the line of a listing it stands for: TYPE MODE UID
# GID SIZE TIME PATH -> TARGET|DEVICE|SHA-256.
has() {
	echo "$1" >>"$work/in/m"
	printf '%s %s\n' "$2" "$3" >>"$work/in/list"
}

# A regular file NAME of the bytes on standard input.
content() {
	cat >"$work/in/$1"
	again "$1"
}

# The same of one that is there.
again() {
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
	more_names
	attributes
	LC_ALL=C sort -o "$work/in/list" "$work/in/list"
}

# Hard links: of a file with a name before the first one too, of one that is
# compressed, of no regular file; then which names are one, in $work/in/names.
more_names() {
	again 4097
	has 'hardlink /0 /d/4097' "f 640 4097 1000 $size $time 0" "-> $sum"
	has 'hardlink /d/zz /d/4097' "f 640 4097 1000 $size $time d/zz" "-> $sum"
	again 131072
	has 'hardlink /d/packed /d/131072' \
		"f 640 131072 1000 $size $time d/packed" "-> $sum"
	has 'hardlink /fifo2 /fifo' "p 1666 0 0 - $time fifo2" '-> -'
	has 'hardlink /minor2 /minor' "b 660 0 0 - $time minor2" '-> 259:256'
	printf '%s\n' '0 d/4097 d/zz' 'd/131072 d/packed' 'fifo fifo2' \
		'minor minor2' >"$work/in/names"
}

# Extended attributes: $work/in/attrs has the path, name and value in
# hexadecimal of each.
attributes() {
	local long p n v
	long=$(printf 'ab%.0s' {1..300})
	cat >>"$work/in/m" <<-E
		set /d/empty xattr=user.text=hello xattr=user.bin=0x00ff0a xattr=user.0=
		set /d/zz caps=cap_net_raw+ep
		set /d/131072 xattr=user.long=$long
		set /a xattr=user.dir=0sAAEC xattr=security.selinux=system_u:object_r:bin_t:s0
		set /fifo xattr=trusted.fifo=1
		set /l1 xattr=trusted.link=2
	E
	while read -r p n v; do
		echo "$p $n $v"
	done >"$work/in/attrs" <<-E
		0 security.capability 0100000200200000000000000000000000000000
		a security.selinux $(printf 'system_u:object_r:bin_t:s0' | od -An -v -tx1 | tr -d ' \n')
		a user.dir 000102
		d/131072 user.long $(printf %s "$long" | od -An -v -tx1 | tr -d ' \n')
		d/4097 security.capability 0100000200200000000000000000000000000000
		d/empty user.0
		d/empty user.bin 00ff0a
		d/empty user.text 68656c6c6f
		d/packed user.long $(printf %s "$long" | od -An -v -tx1 | tr -d ' \n')
		d/zz security.capability 0100000200200000000000000000000000000000
		fifo trusted.fifo 31
		fifo2 trusted.fifo 31
		l1 trusted.link 32
	E
}

# The names that are one file in $1, a line each as in $work/in/names.
names_in() {
	(cd "$1" && find . ! -type d -links +1 -printf '%i %P\n') |
		LC_ALL=C sort -k2 | awk '{ v[$1] = v[$1] (v[$1] ? " " : "") $2 }
			END { for (i in v) print v[i] }' | LC_ALL=C sort
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
