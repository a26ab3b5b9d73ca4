#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#   cost.sh ARCH...
#
# What each of $FEATURES costs, alone, against the kernel without any: bytes of
# the kernel file, and instructions from the start of the kernel's clock to
# init, counted by QEMU (-icount shift=0, where a nanosecond is one). The kernels
# are made one after another in the same objects, where Kbuild compiles what a
# feature changes; what was measured before is kept in
# kernel/configs/features/cost.tsv, and replaced by FEATURES that are named.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
out=$(realpath -m "${O:-build}")
export KILN_IMAGE=$out/host/kiln-image
costs=$top/kernel/configs/features/cost.tsv

# Kernel with FEATURES $2 of $1: prints bytes and instructions.
measure() {
	local arch=$1 dir=$out/features/cost/$1
	FEATURES=$2 ARCH=$arch KERNEL_REUSE=cost \
		nice "$top/osbuilder/kernel-build.sh" "$dir"
	PROBE_ICOUNT=1 "$top/tests/probe/run.sh" "$arch" "$dir/kernel" \
		"$out/$arch/kiln-probe" "$dir/boot" none >/dev/null 2>&1 || :
	printf '%s %s\n' "$(stat -c %s "$dir/kernel")" \
		"$(sed -n 's/\r//; s/.*KILN-PROBE-START //p' "$dir/boot/console")"
}

# Replaces the line of feature $2 on $1.
enter() {
	local new
	new=$(mktemp)
	{
		echo '# What make feature-cost saw: feature, architecture, bytes' \
			'of the kernel, instructions of its boot.'
		{
			grep -sv -e '^#' -e "^$2	$1	" "$costs" || :
			printf '%s\t%s\t%s\t%s\n' "$2" "$1" "$3" "$4"
		} | sort
	} >"$new"
	cp "$new" "$costs"
	rm "$new"
}

wanted=$FEATURES
for arch; do
	read -r base_size base_steps < <(measure "$arch" '')
	echo "$arch: base: $base_size bytes, $base_steps instructions"
	for name in $(FEATURES='' "$top/osbuilder/features.sh" list "$arch" \
		"$wanted"); do
		[ "$wanted" != all ] || ! grep -qs "^$name	$arch	" "$costs" ||
			continue
		read -r size steps < <(measure "$arch" "$name")
		enter "$arch" "$name" $((size - base_size)) \
			$((steps - base_steps))
		echo "$arch: $name: $((size - base_size)) bytes," \
			"$((steps - base_steps)) instructions"
	done
done
