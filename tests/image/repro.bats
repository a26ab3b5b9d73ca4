#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The same bytes, whatever the host is like.

load helpers

setup() {
	image_setup
}

# Copies the input of $1 to $2, in another order, with other modes and times.
disguise() {
	mkdir -p "$2"
	local f
	for f in $(cd "$1" && ls -r); do
		cp "$1/$f" "$2/$f"
		chmod 0400 "$2/$f"
		touch -d '2001-02-03' "$2/$f"
	done
}

# All formats of the manifest in $1, as $2.erofs and so on.
assemble() {
	local f
	"$tool" image --compress lz4hc --manifest "$1/sample.manifest" \
		--output "$2.lz4hc"
	for f in erofs ext4 squashfs; do
		"$tool" image --format $f --manifest "$1/sample.manifest" \
			--output "$2.$f"
	done
	"$tool" image --layout pmem --verity --manifest "$1/sample.manifest" \
		--output "$2.pmem"
	"$tool" initrd --manifest "$1/sample.manifest" --output "$2.initrd"
}

@test "directory, umask, time zone and locale leave no trace" {
	sample "$work/one"
	disguise "$work/one" "$work/a longer/way/two"
	(umask 022 && TZ=UTC LC_ALL=C assemble "$work/one" "$work/a")
	(
		umask 077
		export TZ=Asia/Kathmandu LC_ALL=tr_TR.UTF-8 HOME=/nonexistent
		cd "$work/a longer/way"
		assemble two "$work/b"
	)
	for f in erofs lz4hc ext4 squashfs pmem initrd; do
		cmp "$work/a.$f" "$work/b.$f"
	done
	[ "$(stat -c %a "$work/b.erofs")" = 644 ]
}

@test "the user leaves no trace" {
	[ "$(id -u)" = 0 ] || skip "not root, so there is but one user to try"
	sample "$work/one"
	assemble "$work/one" "$work/a"
	chmod -R a+rX "$work/one"
	cp "$tool" "$work/tool"
	mkdir -m 0777 "$work/theirs"
	# A directory of ours need not be open to others: stdin and stdout are.
	dir=$(mktemp -d /tmp/kiln-repro.XXXXXX)
	cp -r "$work/one" "$work/tool" "$dir"
	chmod -R a+rX "$dir"
	setpriv --reuid 65534 --regid 65534 --clear-groups "$dir/tool" image \
		--manifest "$dir/one/sample.manifest" --output - >"$work/b.erofs"
	rm -r "$dir"
	cmp "$work/a.erofs" "$work/b.erofs"
}

@test "SOURCE_DATE_EPOCH is the time of all files" {
	sample "$work/one"
	SOURCE_DATE_EPOCH=86400 "$tool" image \
		--manifest "$work/one/sample.manifest" --output "$work/a"
	"$tool" inspect --format json "$work/a" >"$work/json"
	jq -e '.time == 86400 and
		(.files | map(select(.mtime != 86400)) == [])' "$work/json"
	SOURCE_DATE_EPOCH=soon run "$tool" tree \
		--manifest "$work/one/sample.manifest"
	[ "$status" = 2 ]
}
