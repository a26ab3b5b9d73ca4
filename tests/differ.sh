#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#   differ.sh A B [IMAGE_TOOL]
#
# Where two artifacts differ, for a human: diffoscope if it is there; else lines
# of text, files of an image (by kiln-image), or the sections and symbols of an
# ELF file or a kernel image that the first differing bytes lie in. Symbols come
# from a kernel.map beside A. The status is 0 when they are the same.
set -euo pipefail
a=$1 b=$2 tool=${3:-}
! cmp -s "$a" "$b" || exit 0

# "OFFSET COUNT" of the first runs of bytes that differ; runs less than 16 bytes
# apart count as one.
runs() {
	{ cmp -l "$a" "$b" 2>/dev/null || true; } | awk '
		NR > 1 && $1 - last > 16 { print start - 1, n; n = 0; shown++ }
		shown >= 8 { exit }
		n == 0 { start = $1 }
		{ last = $1; n++ }
		END { if (n) print start - 1, n }'
}

# "OFFSET SIZE ADDRESS NAME" of each section that is in the file.
sections() {
	readelf -SW "$a" 2>/dev/null | sed -n 's/^ *\[ *[0-9]*\] *//p' |
		awk '$1 != "NULL" && $2 != "NOBITS" { print $4, $5, $3, $1 }'
}

# The symbol of the map at or before the address $1 (hexadecimal, 16 digits).
symbol_at() {
	[ -f "$map" ] || return 0
	sort "$map" | awk -v at="$1" '
		NF != 3 { next }
		$1 "" <= at "" { address = $1; name = $3 }
		$1 "" > at "" { exit }
		END { if (name) print name }'
}

# Section and symbol of the byte at offset $1.
place() {
	local offset size address name symbol
	while read -r offset size address name; do
		offset=$((16#$offset)) size=$((16#$size))
		[ "$1" -ge "$offset" ] && [ "$1" -lt $((offset + size)) ] ||
			continue
		symbol=$(symbol_at "$(printf '%016x' \
			$((16#$address + $1 - offset)))")
		printf 'in %s at 0x%x%s' "$name" $(($1 - offset)) \
			"${symbol:+, $symbol}"
		return
	done < <(sections)
	# Image and bzImage have no sections: they are memory as it will be.
	[ -f "$map" ] || return 0
	address=$(awk '$3 == "_text" { print $1 }' "$map")
	[ -z "$address" ] || printf 'about %s' "$(symbol_at \
		"$(printf '%016x' $((16#$address + $1)))")"
}

map=$(dirname "$a")/kernel.map
[ "$a" != "$map" ] || map=
if command -v diffoscope >/dev/null; then
	diffoscope --max-report-size 20000 "$a" "$b" | head -n 80 || true
	exit 1
fi
printf 'sizes: %d and %d\n' "$(stat -c %s "$a")" "$(stat -c %s "$b")"
# Not a zero byte in it: text.
if [ "$(head -c 65536 "$a" | tr -d '\0' | wc -c)" = \
	"$(head -c 65536 "$a" | wc -c)" ]; then
	diff -u "$a" "$b" | head -n 40 || true
	exit 1
fi
case $a in
*.img)
	[ -z "$tool" ] || "$tool" inspect --diff "$b" "$a" 2>&1 |
		head -n 40 || true
	;;
esac
runs | while read -r offset count; do
	printf '%d bytes at 0x%x %s\n' "$count" "$offset" "$(place "$offset")"
done
exit 1
