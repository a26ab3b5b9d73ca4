#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The kernel's configuration without the kernel:
#
#   kernel-config.sh prove           resolve and prove; prints the summary
#   kernel-config.sh path            the same, and print where it lies
#   kernel-config.sh explain SYMBOL  type, value, dependencies, selectors
#   kernel-config.sh declined        defaults (y) that no fragment decides on
#   kernel-config.sh extract         all of that for every symbol, and which
#                                    feature asks for what; kiln-image
#                                    explain-config reads it
#   kernel-config.sh source          unpack it, and print where it lies
#   kernel-config.sh account         what is y, and the fragment it comes from
#   kernel-config.sh menuconfig      edit; the edit stays in the cache
#   kernel-config.sh savedefconfig   write it to kernel/configs/local
#
# ARCH is in the environment.
set -euo pipefail
ARCH=${ARCH:-$(uname -m)}
# shellcheck source=osbuilder/kernel-lib.sh
. "$(dirname "$0")/kernel-lib.sh"

# Kconfig's own programs, built once for the tree, edit outside of it.
kbuild() {
	make -C "$src" O="$edit" ARCH="$karch" CROSS_COMPILE="$cross" \
		RUSTC=false BINDGEN=false PAHOLE=false --no-print-directory "$@"
}

ready() {
	source_unpack
	prover_build
	mapfile -t list < <(fragments)
	new_tmp "$cache/config"
	scratch=$tmp
}

menuconfig() {
	config_resolve
	source_unpack
	mkdir -p "$edit"
	cp "$config" "$edit/.config"
	kbuild "${1:-menuconfig}"
	note "make savedefconfig ARCH=$ARCH writes the edit to" \
		"kernel/configs/local/$ARCH.config"
}

# The difference to the fragments without the local one, which is replaced;
# then the proof that fragments and difference lead to what was edited.
savedefconfig() {
	local local_config=$config_dir/local/$ARCH.config
	[ -f "$edit/.config" ] || die "nothing edited; make menuconfig first"
	ready
	mapfile -t list < <(fragments | grep -vF "/local/$ARCH.config")
	{
		printf '# Written by make savedefconfig ARCH=%s.\n' "$ARCH"
		prove -o "$scratch/config" -s "$edit/.config" "${list[@]}"
	} >"$scratch/local"
	if ! grep -q ^CONFIG_ "$scratch/local"; then
		rm -f "$local_config"
		note "no difference to the fragments"
		return
	fi
	prove -o "$scratch/again" "${list[@]}" "$scratch/local" >&2 ||
		die "the edit cannot be had from the fragments; see above"
	mkdir -p "$config_dir/local"
	cp "$scratch/local" "$local_config"
	diff <(grep -v '^#' "$edit/.config" | sort) \
		<(grep -v '^#' "$scratch/again" | sort) >&2 ||
		note "warning: the lines above came out differently"
	note "wrote $local_config:"
	grep ^CONFIG_ "$local_config"
}

# Requests of the features, chosen or not: "feature NAME FILE:LINE SYMBOL VALUE",
# and what an architecture cannot have: "without NAME REASON".
feature_lines() {
	local f
	for f in "$config_dir"/features/*.config; do
		[ -f "$f" ] || continue
		awk -v arch="$ARCH" -v file="${f#"$top"/}" '
			BEGIN {
				name = file
				sub(/.*\//, "", name)
				sub(/\.config$/, "", name)
			}
			index($0, "#% not " arch ":") == 1 {
				sub(/^#% not [^:]*: */, "")
				print "without", name, $0
			}
			!/^CONFIG_[A-Za-z0-9_]+=/ { next }
			{
				some = mine = 0
				for (i = 2; i <= NF && $i !~ /^#/; i++) {
					if ($i ~ /^@[^!]/) some = 1
					if ($i == "@" arch) mine = 1
					if ($i == "@!" arch) next
				}
				if (some && !mine)
					next
				split($0, part, /[= \t]/)
				value = substr($0, length(part[1]) + 2)
				if (value !~ /^"/)
					sub(/[ \t].*/, "", value)
				else
					value = substr(value, 1, 1 + \
						index(substr(value, 2), "\""))
				print "feature", name, file ":" FNR, \
					substr(part[1], 8), value
			}' "$f"
	done
}

extract() {
	ready
	printf 'kiln-kconfig 1 %s %s\n' "$ARCH" "$(kernel_version)"
	prove -o "$scratch/config" -x "${list[@]}" | sed "s,$top/,,"
	feature_lines
	echo end
}

arch_setup
source_setup
edit=$cache/edit/$ARCH
case ${1:-prove} in
prove)
	config_resolve
	printf '%s: proved, %s symbols =y\n' "$ARCH" \
		"$(grep -c '=y$' "$config")"
	;;
path)
	config_resolve
	printf '%s\n' "$config"
	;;
explain)
	[ $# -eq 2 ] || die "explain needs a symbol"
	ready
	prove -o "$scratch/config" -e "${2#CONFIG_}" "${list[@]}"
	;;
extract) extract ;;
source)
	source_unpack
	printf '%s\n' "$src"
	;;
declined)
	ready
	prove -o "$scratch/config" -d "${list[@]}" | sort
	;;
account)
	ready
	prove -o "$scratch/config" -y "${list[@]}" |
		sed 's|^[^ ]*/arch/\([^/]*\)/kernel.config |arch/\1 |
			s|^[^ ]*/\([^ /]*\)\.config |\1 |' | sort
	;;
menuconfig) menuconfig "${2:-menuconfig}" ;;
savedefconfig) savedefconfig ;;
*) die "unknown command: $1" ;;
esac
