#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#   kernel-sources.sh SRC OBJ
#
# Lists the files of the source tree SRC that the kernel built in OBJ was made
# from: what was compiled for the guest, all headers and data it included, and
# what generated sources were made of. "sha256  path" lines, sorted by path,
# which `sha256sum -c` reads in SRC. Programs that ran on the build machine,
# and what they were made from, do not count.
#
# Kbuild keeps a .cmd file with each thing it makes: the command, and for
# compilations the dependencies that the compiler wrote.
set -euo pipefail
export LC_ALL=C

[ $# -eq 2 ] || { echo "usage: kernel-sources.sh SRC OBJ" >&2; exit 2; }
src=$(cd "$1" && pwd -P)
obj=$(cd "$2" && pwd -P)

# Words of the .cmd files that can be names of files. A compilation counts if it
# was for the kernel (-D__KERNEL__), with its dependencies; of other commands
# (tables, perl, asn1) what they name. Host programs have dependencies too, but
# no -D__KERNEL__. Links and archives name objects, which no source tree has.
words() {
	find "$obj" -name '.*.cmd' ! -path "$obj/scripts/*" -print0 |
		sort -z | xargs -0 -r awk '
		function flush() {
			if (kernel || !compiled)
				printf "%s", text
			text = ""; kernel = compiled = 0
		}
		FNR == 1 { flush() }
		/^(saved)?cmd_/ {
			if (index($0, "-D__KERNEL__"))
				kernel = 1
		}
		/^deps_/ { compiled = 1 }
		{
			for (i = 1; i <= NF; i++)
				if ($i ~ /^[[:alnum:]._+\/][^=:$()]*[.\/]/)
					text = text $i "\n"
		}
		END { flush() }'
}

# Names are absolute, or relative to OBJ; ccache makes the former the latter.
# Programs of the build are named in commands as well; what of scripts/ is
# compiled into a kernel is libfdt.
cd "$obj"
words | sort -u | xargs -d '\n' -r realpath -qsm -- | sort -u |
	awk -v root="$src/" '
		substr($0, 1, length(root)) == root {
			$0 = substr($0, length(root) + 1)
			if ($0 !~ /^(scripts|tools)\// || /\.h$/ ||
			    /^scripts\/dtc\/libfdt\//)
				print
		}' >"$obj/.kiln-sources"
cd "$src"
while IFS= read -r f; do
	[ ! -f "$f" ] || printf '%s\0' "$f"
done <"$obj/.kiln-sources" | xargs -0 -r sha256sum --
rm -f "$obj/.kiln-sources"
