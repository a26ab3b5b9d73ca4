#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#   kernel-update.sh [ARCH...]
#
# Moves the pinned kernel source to what apt offers of its package, or to
# $KERNEL_TARBALL (no network then): prints which Kconfig symbols appeared and
# vanished between the two, proves the fragments of ARCH with the new one, and
# rewrites the lock. A tarball of another series gets a lock of its own,
# kernel/versions-SERIES.lock. OLD_TARBALL=file is compared instead of the
# pinned one; DRY_RUN=1 rewrites nothing.
set -euo pipefail
new_tarball=${KERNEL_TARBALL:-}
unset KERNEL_TARBALL KERNEL_SRC
ARCH=$(uname -m)
# shellcheck source=osbuilder/kernel-lib.sh
. "$(dirname "$0")/kernel-lib.sh"

package=$(lock_value package)
new_tmp "$cache/update"
work=$tmp

# Sets new_tarball, new_version and new_epoch to what apt has: the file of the
# installed package if that is the newest, else a download.
ask_apt() {
	local installed changelog
	new_version=$(LC_ALL=C apt-cache policy "$package" 2>/dev/null |
		sed -n 's/^ *Candidate: //p')
	[ -n "$new_version" ] && [ "$new_version" != '(none)' ] ||
		die "apt offers no $package; KERNEL_TARBALL=file says which source"
	# shellcheck disable=SC2016
	installed=$(dpkg-query -W -f '${Version}' "$package" 2>/dev/null) ||
		installed=
	if [ "$new_version" = "$(lock_value version)" ]; then
		note "$package $new_version is what the lock pins, and the newest"
		exit 0
	fi
	new_tarball=$(lock_value tarball)
	changelog=/usr/share/doc/$package/changelog.Debian.gz
	if [ "$installed" != "$new_version" ]; then
		note "downloading $package $new_version"
		(cd "$work" && apt-get -qq download "$package=$new_version") ||
			die "$package $new_version cannot be downloaded"
		dpkg-deb -x "$work"/*.deb "$work/root"
		new_tarball=$work/root$new_tarball
		changelog=$work/root$changelog
	fi
	new_epoch=$(date -u -d "$(zcat "$changelog" |
		sed -n 's/^ -- .*>  //p' | head -n 1)" +%s)
}

# Unpacks of a tarball what configurations are made of, below $work/NAME.
unpack_kconfig() {
	[ -r "$2" ] || die "$2: not there"
	mkdir -p "$work/$1"
	tar -C "$work/$1" --strip-components=1 --no-same-owner -xf "$2" \
		--wildcards '*Kconfig*' '*/scripts/kconfig/conf.c' \
		--no-wildcards-match-slash '*/Makefile' 2>"$work/tar" ||
		# A pattern that matches nothing is no failure.
		! grep -v 'Not found in archive\|Exiting with failure' "$work/tar" >&2 ||
		die "$2: not a tarball of a kernel"
}

# Symbols that Kconfig of NAME defines for the architectures we build.
symbols() {
	local arches a
	arches=$(for a in "$top"/arch/*/arch.mk; do
		sed -n 's/^KSRCARCH_[^ ]* := //p' "$a"
	done | paste -sd '|')
	find "$work/$1" -name 'Kconfig*' -type f |
		grep -Ev "/arch/[^/]+/" >"$work/files" || true
	find "$work/$1" -name 'Kconfig*' -type f |
		grep -E "/arch/($arches)/" >>"$work/files" || true
	xargs -r sed -nE 's/^[ \t]*(menu)?config[ \t]+([A-Z0-9a-z_]+)[ \t]*(#.*)?$/\2/p' \
		<"$work/files" | sort -u
}

# VERSION.PATCHLEVEL[.SUBLEVEL] of the Makefile below $work/NAME.
tree_version() {
	awk -F ' *= *' '/^VERSION/ { v = $2 } /^PATCHLEVEL/ { p = $2 }
		/^SUBLEVEL/ { s = $2 } END { if (v != "") printf "%s.%s%s\n",
			v, p, s == "" || s == "0" ? "" : "." s }' \
		"$work/$1/Makefile" 2>/dev/null
}

# Which of the changed symbols our fragments ask for.
requested() {
	local s
	while read -r s; do
		if grep -qE "^CONFIG_$s=" "$config_dir"/*.config \
			"$top"/arch/*/kernel.config; then
			printf '%s (asked for)\n' "$s"
		else
			printf '%s\n' "$s"
		fi
	done
}

if [ -n "$new_tarball" ]; then
	new_version=${KERNEL_VERSION:-}
	new_epoch=
else
	ask_apt
fi
old_tarball=${OLD_TARBALL:-$(lock_value tarball)}
[ "$(realpath "$old_tarball")" != "$(realpath "$new_tarball")" ] ||
	[ -n "${OLD_TARBALL:-}" ] ||
	note "warning: $old_tarball is the new source already; OLD_TARBALL=" \
		"names what to compare it with"
unpack_kconfig old "$old_tarball"
unpack_kconfig new "$new_tarball"
release=$(tree_version new)
[ -n "$release" ] || die "$new_tarball: its Makefile has no version"
new_version=${new_version:-$release}
new_epoch=${new_epoch:-$(stat -c %Y "$work/new/Makefile")}
new_series=$(cut -d. -f1,2 <<<"$release")

symbols old >"$work/old.list"
symbols new >"$work/new.list"
printf 'source: %s -> %s\n' "$(tree_version old)" "$release"
comm -13 "$work/old.list" "$work/new.list" | sed 's/^/appeared: /'
comm -23 "$work/old.list" "$work/new.list" | requested | sed 's/^/vanished: /'

# The rest of versions.lock, its comments too, is kept.
lock=$lock_file
[ "$new_series" = "$(lock_value series)" ] ||
	lock=$(dirname "$lock_file")/versions-$new_series.lock
sed -e "s|^version = .*|version = $new_version|" \
	-e "s|^series = .*|series = $new_series|" \
	-e "s|^package = .*|package = ${package%"$(lock_value series)"}$new_series|" \
	-e "s|^sha256 = .*|sha256 = $(sum_of_file "$new_tarball")|" \
	-e "s|^source_date_epoch = .*|source_date_epoch = $new_epoch|" \
	"$lock_file" >"$work/lock"
# A file of the user's is found where it is; a package's where it is installed.
case $new_tarball in
"$work"/*) ;;
*) sed -i "s|^tarball = .*|tarball = $(realpath "$new_tarball")|" "$work/lock" ;;
esac

if [ -f "$work/new/scripts/kconfig/conf.c" ]; then
	for a in "$@"; do
		ARCH=$a KERNEL_LOCK=$work/lock KERNEL_TARBALL=$new_tarball \
			"$top/osbuilder/kernel-config.sh" prove ||
			die "mend the fragments (@>=$new_series), then again;" \
				"the lock was not touched"
	done
fi
if [ -n "${DRY_RUN:-}" ]; then
	diff -u "$lock_file" "$work/lock" || true
	exit 0
fi
cp "$work/lock" "$lock"
note "wrote $lock; now make kernel ARCH=all, and the tests"
