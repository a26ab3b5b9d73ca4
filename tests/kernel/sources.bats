#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The list of the sources that were compiled, from a build tree made by hand:
# no kernel is compiled here, a few objects are, with fixdep's spelling.

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	src=$BATS_TEST_TMPDIR/src obj=$BATS_TEST_TMPDIR/build/obj
	mkdir -p "$src"/{lib,scripts,tools,arch/x} "$obj"/{lib,scripts,gen}
	for f in lib/a.c lib/a.h lib/unused.c lib/host.c lib/host.h lib/t.tbl \
		lib/gen.sh scripts/tool.c scripts/pl.pl arch/x/e.S; do
		echo "$f" >"$src/$f"
	done
	# Absolute, as Kbuild writes them, and relative, as ccache does.
	cat >"$obj/lib/.a.o.cmd" <<-END
		savedcmd_lib/a.o := ccache gcc -Wp,-MMD,lib/.a.o.d -D__KERNEL__ -c -o lib/a.o $src/lib/a.c

		source_lib/a.o := $src/lib/a.c

		deps_lib/a.o := \\
		    \$(wildcard include/config/SMP) \\
		  ../../src/lib/a.h \\
		  gen/t.h \\
		  /usr/include/stdio.h \\

		lib/a.o: \$(deps_lib/a.o)
	END
	cat >"$obj/lib/.host.cmd" <<-END
		savedcmd_lib/host := gcc -Wp,-MMD,lib/.host.d -o lib/host $src/lib/host.c

		source_lib/host := $src/lib/host.c

		deps_lib/host := \\
		  $src/lib/host.h \\
	END
	cat >"$obj/gen/.t.h.cmd" <<-END
		savedcmd_gen/t.h := sh $src/scripts/pl.pl $src/lib/t.tbl > gen/t.h
	END
	cat >"$obj/.e.o.cmd" <<-END
		cmd_e.o := gcc -D__ASSEMBLY__ -D__KERNEL__ -c -o e.o $src/arch/x/e.S

		source_e.o := $src/arch/x/e.S

		deps_e.o := \\
		  $src/lib/../lib/a.h \\
	END
	cat >"$obj/scripts/.tool.cmd" <<-END
		savedcmd_scripts/tool := gcc -D__KERNEL__ $src/scripts/tool.c
	END
}

@test "what was compiled, included and generated from is listed, no more" {
	# libfdt lies among the scripts, and is part of kernels.
	mkdir -p "$src/scripts/dtc/libfdt"
	echo fdt >"$src/scripts/dtc/libfdt/fdt.c"
	printf 'savedcmd_f.o := gcc -D__KERNEL__ -c lib/a.c\n\ndeps_f.o := \\\n  %s \\\n' \
		"$src/scripts/dtc/libfdt/fdt.c" >"$obj/lib/.f.o.cmd"
	"$top/osbuilder/kernel-sources.sh" "$src" "$obj" >"$BATS_TEST_TMPDIR/l"
	cut -c67- "$BATS_TEST_TMPDIR/l" >"$BATS_TEST_TMPDIR/names"
	printf '%s\n' arch/x/e.S lib/a.c lib/a.h lib/t.tbl \
		scripts/dtc/libfdt/fdt.c |
		diff - "$BATS_TEST_TMPDIR/names"
	(cd "$src" && sha256sum -c --quiet "$BATS_TEST_TMPDIR/l")
}

@test "the lists of built kernels are sorted, whole and of this source" {
	out=$(cd "$top" && realpath -m "${O:-build}")
	n=0
	for a in x86_64 aarch64 s390x ppc64le; do
		l=$out/$a/kernel.sources
		[ -s "$l" ] || continue
		n=$((n + 1))
		LC_ALL=C sort -c -k2 "$l"
		run grep -vcE '^[0-9a-f]{64}  [^/ ][^ ]*$' "$l"
		[ "$output" = 0 ]
		grep -q '  init/main.c$' "$l"
		grep -q '  include/linux/kernel.h$' "$l"
		run grep -cE '  (scripts/(kconfig|mod|basic)/|drivers/gpu/drm/i915/.*\.c$)' "$l"
		[ "$output" = 0 ]
		# What the configuration says is what was compiled.
		for pair in EXT4_FS=fs/ext4/super.c VSOCKETS=net/vmw_vsock/af_vsock.c \
			NFS_FS=fs/nfs/super.c BTRFS_FS=fs/btrfs/super.c; do
			if grep -q "^CONFIG_${pair%%=*}=y" "$out/$a/kernel.config"; then
				grep -q "  ${pair#*=}$" "$l"
			else
				run grep -q "  ${pair#*=}$" "$l"
				[ "$status" -ne 0 ]
			fi
		done
	done
	[ "$n" -gt 0 ] || skip "no kernel was built"
}
