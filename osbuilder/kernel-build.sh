#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#   kernel-build.sh OUTDIR
#
# Installs kernel, kernel.zst, kernel.config, kernel.map, kernel.sources and
# kernel.json of $ARCH in OUTDIR, with MODULES=1 also modules.tar, from the cache
# if they were built before.
# KERNEL_NO_BUILD=1 fails instead of compiling.
#
# Below a make with -j the build takes its jobs from that make's jobserver, so
# that several kernels share them; else it has KERNEL_JOBS, or one per CPU.
# DISTCC=1 or ICECC=1 hands compilations to a cluster, CCACHE_REMOTE_STORAGE
# names a store of compiled objects that is shared (docs/kernel.md).
set -euo pipefail
ARCH=${ARCH:-$(uname -m)}
# shellcheck source=osbuilder/kernel-lib.sh
. "$(dirname "$0")/kernel-lib.sh"
# shellcheck source=osbuilder/kernel-tools.sh
. "$(dirname "$0")/kernel-tools.sh"

files="kernel kernel.zst kernel.config kernel.map kernel.sources kernel.json"
[ -z "${MODULES:-}" ] || files="modules.tar $files"

# Lines of the build's output, as a measure of how much there is to do.
expected_lines() {
	cat "$cache/expected-$ARCH" 2>/dev/null || echo 2300
}

# Counts the lines of make's output; copies it to the log. A terminal sees a
# line that changes, a file one line a minute. Not in awk: mawk reads a pipe
# by the block, and the log would lag behind by minutes.
progress() {
	local log=$1 n=0 step=60 head='' tail=$'\n' line total eta
	local start=$EPOCHSECONDS last=$EPOCHSECONDS
	total=$(expected_lines)
	[ ! -t 2 ] || step=1 head=$'\r' tail='   '
	while IFS= read -r line; do
		printf '%s\n' "$line" >&3
		[[ $line =~ ^\ +[A-Z] ]] || continue
		n=$((n + 1))
		[ $((EPOCHSECONDS - last)) -ge $step ] || continue
		last=$EPOCHSECONDS
		[ $n -le "$total" ] || total=$n
		eta=$(((last - start) * (total - n) / n))
		printf '%skernel: %s: %d of about %d objects, %d:%02d left%s' \
			"$head" "$ARCH" $n "$total" $((eta / 60)) \
			$((eta % 60)) "$tail" >&2
	done 3>"$log"
	[ -z "$head" ] || printf '\r%60s\r' '' >&2
}

json_string() {
	printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"
}

json_list() {
	local word sep=
	printf '['
	for word; do
		printf '%s%s' "$sep" "$(json_string "$word")"
		sep=', '
	done
	printf ']'
}

manifest() {
	local dir=$1 p sep=
	printf '{\n  "arch": "%s",\n' "$ARCH"
	printf '  "release": %s,\n' "$(json_string "$(cat "$dir/release")")"
	printf '  "source": {\n    "kind": "%s",\n' "$source_kind"
	printf '    "package": %s,\n' "$(json_string "$(lock_value package)")"
	printf '    "version": %s,\n' "$(json_string "$source_version")"
	printf '    "sha256": "%s",\n    "pinned": %s\n  },\n' \
		"$source_sum" "$pinned"
	printf '  "patches": ['
	for p in "${patches[@]}"; do
		printf '%s\n    {"name": %s, "sha256": "%s"}' "$sep" \
			"$(json_string "$(basename "$p")")" "$(sha <"$p")"
		sep=,
	done
	printf '%s],\n' "${sep:+$'\n'  }"
	printf '  "config_sha256": "%s",\n' "$(sha <"$dir/kernel.config")"
	printf '  "config_y": %d,\n' "$(grep -c '=y$' "$dir/kernel.config")"
	[ -z "${MODULES:-}" ] || printf '  "modules": %d,\n' \
		"$(tar -tf "$dir/modules.tar" | grep -c '\.ko$')"
	printf '  "compiler": %s,\n' "$(json_string "$compiler")"
	printf '  "binutils": %s,\n' "$(json_string "$binutils")"
	printf '  "size": %d,\n' "$(stat -c %s "$dir/kernel")"
	printf '  "size_zstd": %d,\n' "$(stat -c %s "$dir/kernel.zst")"
	printf '  "sha256": "%s"\n}\n' "$(sha <"$dir/kernel")"
}

# A hit counts only if the kernel is what its manifest says.
cached() {
	local sum
	[ -z "$reuse" ] || return 1
	# Of before the list of sources was kept: built again, from ccache.
	[ -f "$entry/kernel.json" ] && [ -f "$entry/kernel.sources" ] ||
		return 1
	[ -z "${MODULES:-}" ] || [ -f "$entry/modules.tar" ] || return 1
	sum=$(sha <"$entry/kernel") || return 1
	grep -q "\"sha256\": \"$sum\"$" "$entry/kernel.json"
}

compile_modules() {
	PATH=$3:$PATH CCACHE_DIR=$cache/ccache CCACHE_BASEDIR=$cache \
		nice "$top/osbuilder/kernel-modules.sh" "$src" "$1" "$2" \
		"$karch" "$cross" "$source_epoch" "$4" \
		"$(arch_value KCFLAGS)" {lock}>&-
}

build() {
	local obj log start flags='' jobs tools status=0
	source_unpack
	obj=${reuse:-$cache/obj/$name}
	log=$cache/log/$name.log
	# What builds that were interrupted left behind.
	find "$cache/obj" "$cache/log" -mindepth 1 -maxdepth 1 -mtime +1 \
		-exec rm -rf {} +
	[ -n "$reuse" ] || rm -rf "$obj"
	mkdir -p "$obj"
	cp "$config" "$obj/.config"
	[ -n "${KERNEL_JOBS:-}" ] || flags=$(jobserver)
	tools_setup "$flags"
	new_tmp "$cache/out"
	start=$SECONDS
	jobs=$(own_jobs)
	note "$ARCH: building; log in $log"
	# A child that outlives us must not hold our lock.
	PATH=$tools:$PATH CCACHE_DIR=$cache/ccache CCACHE_BASEDIR=$cache \
		nice "$top/osbuilder/kernel-compile.sh" "$src" "$obj" "$tmp" \
		"$karch" "$cross" "$(arch_value KTARGET)" \
		"$(arch_value KIMAGE)" "$repack" "$source_epoch" \
		"$jobs" "$(arch_value KCFLAGS)" 2>&1 {lock}>&- |
		progress "$log" || status=$?
	[ "$status" -ne 0 ] || [ -z "${MODULES:-}" ] ||
		compile_modules "$obj" "$tmp" "$tools" "$jobs" >>"$log" 2>&1 ||
		status=$?
	if [ "$status" -ne 0 ]; then
		grep -nE 'error|Error|undefined reference' "$log" |
			head -n 5 >&2 || true
		tail -n 15 "$log" >&2
		die "$ARCH: build failed; log in $log"
	fi
	"$top/osbuilder/kernel-sources.sh" "$src" "$obj" >"$tmp/kernel.sources"
	manifest "$tmp" >"$tmp/kernel.json"
	rm "$tmp/release"
	[ -n "$reuse" ] ||
		grep -cE '^ +[A-Z]' "$log" >"$cache/expected-$ARCH" || true
	rm -rf "$entry"
	mv "$tmp" "$entry"
	[ -n "$reuse${KERNEL_KEEP_OBJ:-}" ] || rm -rf "$obj"
	note "$ARCH: built in $((SECONDS - start)) s"
}

[ $# -eq 1 ] || die "usage: kernel-build.sh OUTDIR"
outdir=$1
arch_setup
source_setup
config_resolve
repack=$(arch_value KREPACK)
repack=${repack:+$top/$repack}
key=$({
	printf '%s\n' "$ARCH" "$source_key" "$compiler" "$binutils" \
		"$source_epoch" "$(arch_value KTARGET)" "$(arch_value KIMAGE)" \
		"$(arch_value KCFLAGS)"
	cat "$config" "$top/osbuilder/kernel-compile.sh" ${repack:+"$repack"} \
		${MODULES:+"$top/osbuilder/kernel-modules.sh"}
} | sha)
entry=$cache/out/$ARCH-$key
name=$ARCH-${key:0:16}
# Kernels one after another in the same objects, for comparisons (feature-cost):
# Kbuild compiles what changed. What the cache hands out is never made this way.
reuse=
if [ -n "${KERNEL_REUSE:-}" ]; then
	name=$ARCH-$KERNEL_REUSE-${source_key:0:16}
	reuse=$cache/obj/$name
	entry=$reuse.out
fi
if ! cached; then
	[ -z "${KERNEL_NO_BUILD:-}" ] ||
		die "$ARCH: not in the cache (KERNEL_NO_BUILD)"
	[ -z "${MODULES:-}" ] ||
		PATH=$PATH:/usr/sbin:/sbin command -v depmod >/dev/null ||
		die "depmod not found: install kmod (make deps)"
	mkdir -p "$cache/obj" "$cache/log"
	exec {lock}>"$cache/obj/$name.lock"
	if ! flock -n "$lock"; then
		note "$ARCH: waiting for another build of this kernel"
		flock "$lock"
	fi
	# Not "cached || build": that would switch set -e off inside.
	if ! cached; then
		build
	fi
	exec {lock}>&-
fi

# Several lists of features can lead to one configuration and so to one entry
# of the cache: the list is the caller's and goes into his copy.
name_features() {
	[ ${#features[@]} -eq 0 ] ||
		sed -i "/^  \"release\"/a\\  \"features\": $(json_list \
			"${features[@]}")," "$1"
}

mkdir -p "$outdir"
for f in $files; do
	cp --reflink=auto "$entry/$f" "$outdir/.$f.$$"
	[ "$f" != kernel.json ] || name_features "$outdir/.$f.$$"
	mv "$outdir/.$f.$$" "$outdir/$f"
done
