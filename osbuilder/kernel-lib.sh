# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What kernel-config.sh and kernel-build.sh share: which source, which patches,
# which compiler, where they are cached. Sourced; the caller set -eu and ARCH.
#
# Everything below $KILN_CACHE/kernel is named by the content it was made
# from, made under another name and renamed, so that it is complete when it
# exists and may be deleted at any time.

LC_ALL=C TZ=UTC
export LC_ALL TZ
umask 022

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${KILN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kiln}/kernel
# The series that the releases are built from, or another by its number.
lock_file=${KERNEL_LOCK:-$top/kernel/versions${KERNEL_SERIES:+-$KERNEL_SERIES}.lock}
patch_dir=${KERNEL_PATCHES:-$top/kernel/patches}
config_dir=${KERNEL_CONFIGS:-$top/kernel/configs}

# Temporary directories go when the script ends, however it ends. new_tmp sets
# tmp: called in a subshell it could not.
tmp_dirs=()
trap 'rm -rf "${tmp_dirs[@]}"' EXIT

new_tmp() {
	mkdir -p "$1"
	tmp=$(mktemp -d "$1/tmp.XXXXXX")
	chmod 755 "$tmp"
	tmp_dirs+=("$tmp")
}

die() {
	printf 'kernel: %s\n' "$*" >&2
	exit 1
}

note() {
	printf 'kernel: %s\n' "$*" >&2
}

# The series of versions.lock can be named, too.
[ -z "${KERNEL_SERIES:-}" ] || [ -f "$lock_file" ] || {
	grep -qx "series = $KERNEL_SERIES" "$top/kernel/versions.lock" ||
		die "KERNEL_SERIES=$KERNEL_SERIES: there is no $lock_file"
	lock_file=$top/kernel/versions.lock
}
mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ] ||
	die "the cache $cache cannot be written: set KILN_CACHE to another"

# shellcheck source=osbuilder/feature-lib.sh
. "$top/osbuilder/feature-lib.sh"

# One value of arch/$ARCH/arch.mk, which is written for make.
arch_value() {
	sed -n "s/^$1_$ARCH := *//p" "$top/arch/$ARCH/arch.mk"
}

lock_value() {
	sed -n "s/^$1 = //p" "$lock_file"
}

sha() {
	sha256sum | cut -d' ' -f1
}

# The sum of a file, remembered by its identity: the tarball has 150 MB.
sum_of_file() {
	local file=$1 id memo sum
	id=$(stat -Lc '%d:%i:%s:%Y:%Z' "$file")
	memo=$cache/sums/$(printf '%s' "$id" | sha)
	if [ ! -s "$memo" ]; then
		mkdir -p "$cache/sums"
		sum=$(sha256sum <"$file" | cut -d' ' -f1)
		printf '%s\n' "$sum" >"$memo.$$"
		mv "$memo.$$" "$memo"
	fi
	cat "$memo"
}

arch_setup() {
	[ -f "$top/arch/$ARCH/arch.mk" ] || die "no such architecture: $ARCH"
	triple=$(arch_value TRIPLE)
	karch=$(arch_value KARCH)
	srcarch=$(arch_value KSRCARCH)
	cross=$triple-
	if ! command -v "${cross}gcc" >/dev/null; then
		[ "$(uname -m)" = "$ARCH" ] && command -v gcc >/dev/null ||
			die "${cross}gcc not found: install" \
				"gcc-${triple//_/-} (make deps ARCH=$ARCH)"
		cross=
	fi
	features_setup "${FEATURES:-}"
	compiler=$("${cross}gcc" --version | head -n1)
	binutils=$("${cross}ld" --version | head -n1)
}

# Patches of the series, in order; each says where it stands upstream.
patch_list() {
	local p
	for p in "$patch_dir/$series"/*.patch; do
		[ -e "$p" ] || continue
		grep -q '^Upstream-Status: ' "$p" ||
			die "$p: no Upstream-Status: line"
		printf '%s\n' "$p"
	done
}

# Sets what identifies the source: source_key, and for the manifest
# source_kind, source_version, source_sum, pinned.
source_setup() {
	local list
	series=$(lock_value series)
	patches=()
	source_epoch=$(lock_value source_date_epoch)
	pinned=true
	if [ -n "${KERNEL_SRC:-}" ]; then
		[ -f "$KERNEL_SRC/scripts/kconfig/conf.c" ] ||
			die "KERNEL_SRC=$KERNEL_SRC: not a kernel tree"
		# A tree under edit: names, sizes and times of its files.
		source_kind=tree
		source_sum=$(cd "$KERNEL_SRC" && find . -name .git -prune -o \
			-type f -printf '%p %s %T@\n' | sort | sha)
		source_version=unknown
		pinned=false
		note "KERNEL_SRC: building that tree as it is, unpatched"
		source_key=$(printf '%s' "$source_sum" | sha)
		return
	fi
	source_kind=tarball
	tarball=${KERNEL_TARBALL:-$(lock_value tarball)}
	[ -r "$tarball" ] || die "$tarball: not there; install" \
		"$(lock_value package), or set KERNEL_TARBALL or KERNEL_SRC"
	source_sum=$(sum_of_file "$tarball")
	source_version=$(lock_value version)
	if [ "$source_sum" != "$(lock_value sha256)" ]; then
		pinned=false
		source_version=unknown
		if [ -z "${KERNEL_TARBALL:-}" ]; then
			# shellcheck disable=SC2016
			source_version=$(dpkg-query -W -f '${Version}' \
				"$(lock_value package)" 2>/dev/null) ||
				source_version=unknown
		fi
		note "warning: $tarball is not the source that" \
			"$(basename "$lock_file") pins ($(lock_value version))"
	fi
	list=$(patch_list)
	[ -z "$list" ] || mapfile -t patches <<<"$list"
	source_key=$({
		printf '%s\n' "$source_sum"
		[ ${#patches[@]} -eq 0 ] || cat "${patches[@]}"
	} | sha)
}

# Unpacks and patches unless that was done; sets src.
source_unpack() {
	local p unpack
	if [ "$source_kind" = tree ]; then
		src=$(cd "$KERNEL_SRC" && pwd)
		return
	fi
	src=$cache/src/$source_key
	[ ! -f "$src/.kiln-complete" ] || return 0
	mkdir -p "$cache/src"
	exec {unpack}>"$cache/src/$source_key.lock"
	flock "$unpack"
	if [ ! -f "$src/.kiln-complete" ]; then
		note "unpacking $(basename "$tarball")"
		new_tmp "$cache/src"
		tar -C "$tmp" --strip-components=1 --no-same-owner \
			--no-same-permissions -xf "$tarball"
		for p in "${patches[@]}"; do
			patch -s -p1 -d "$tmp" <"$p" || die "$p does not apply"
		done
		touch "$tmp/.kiln-complete"
		rm -rf "$src"
		mv "$tmp" "$src"
	fi
	exec {unpack}>&-
}

# Our ARCH is not Kbuild's.
kernel_version() {
	env -i PATH="$PATH" make -s --no-print-directory -C "$src" kernelversion
}

# Builds the prover with the tree's own kconfig; sets prover.
prover_build() {
	local key kc f flags ours=$top/osbuilder/kconfig
	key=$({ cat "$ours"/*.[ch] "$src"/scripts/kconfig/*.[chly]
		gcc --version; } | sha)
	prover=$cache/prove/$key
	[ ! -x "$prover" ] || return 0
	kc=$src/scripts/kconfig
	new_tmp "$cache/prove"
	# Their headers as system headers: our warnings are for our code.
	flags="-O2 -D_GNU_SOURCE -I$tmp -iquote $ours -isystem $kc
		-isystem $src/scripts/include"
	# Not "|| die": that would switch set -e off inside.
	# shellcheck disable=SC2086
	(
		cd "$tmp"
		flex -o lexer.lex.c -L "$kc/lexer.l"
		bison -o parser.tab.c --defines=parser.tab.h -t -l \
			"$kc/parser.y"
		for f in confdata expr menu symbol util; do
			gcc $flags -w -c "$kc/$f.c"
		done
		gcc $flags -I"$kc" -w -c lexer.lex.c parser.tab.c
		gcc $flags -w -Dpopen=memo_popen -Dpclose=memo_pclose \
			-include "$ours/memo.h" -c "$kc/preprocess.c"
		gcc $flags -w -Dmain=conf_main -Dconf_parse=kiln_conf_parse \
			-c "$kc/conf.c"
		for f in account extract fragment memo prove main; do
			gcc -std=gnu17 -Wall -Wextra -Wshadow $flags \
				-c "$ours/$f.c"
		done
		gcc -o prove ./*.o
	)
	mv "$tmp/prove" "$prover"
}

# In the order of merging: subjects, the architecture, features, which the
# prover is told by a plus sign, what makes them modules, local edits.
fragments() {
	local f
	for f in "$config_dir"/*.config "$top/arch/$ARCH/kernel.config"; do
		[ ! -f "$f" ] || printf '%s\n' "$f"
	done
	for f in "${features[@]}"; do
		printf '+%s\n' "$(feature_file "$f")"
	done
	[ -z "${MODULES:-}" ] || printf '+%s\n' "$config_dir/modules/modules.config"
	f=$config_dir/local/$ARCH.config
	[ ! -f "$f" ] || printf '%s\n' "$f"
}

# Runs the prover in the environment that Kbuild gives to conf. Tools that
# only some hosts have, and that no option of ours needs, are hidden: their
# versions would end up in the configuration.
prove() {
	local memo version
	version=$(kernel_version)
	memo=$cache/prove/$(printf '%s\n' "$source_key" "$compiler" \
		"$binutils" "$src" | sha).$ARCH.memo
	(
		cd "$src"
		env -i PATH="$PATH" HOME=/ LC_ALL=C TZ=UTC \
			srctree=. ARCH="$karch" SRCARCH="$srcarch" \
			KERNELVERSION="$version" \
			CC="${cross}gcc" LD="${cross}ld" AR="${cross}ar" \
			NM="${cross}nm" OBJCOPY="${cross}objcopy" \
			RUSTC=false BINDGEN=false PAHOLE=false \
			CC_VERSION_TEXT="$compiler" RUSTC_VERSION_TEXT= \
			"$prover" -a "$ARCH" -m "$memo" ${MODULES:+-M} "$@"
	)
}

# A kernel and its modules belong together: the release, by which modules are
# found and which each of them names, is of this configuration and source alone.
name_release() {
	local id
	id=$({ printf '%s\n' "$source_key" "$compiler" "$binutils"
		cat "$1"; } | sha)
	sed -i "s/^\(CONFIG_LOCALVERSION=\".*\)\"\$/\1-${id:0:12}\"/" "$1"
	grep -q "^CONFIG_LOCALVERSION=\".*-${id:0:12}\"\$" "$1" ||
		die "$ARCH: no CONFIG_LOCALVERSION to name the release by"
}

# Sets config to a resolved and proved configuration, from the cache or anew.
config_resolve() {
	local key f list=()
	mapfile -t list < <(fragments)
	key=$({
		printf '%s\n' "$ARCH" "$source_key" "$compiler" "$binutils"
		cat "$top"/osbuilder/kconfig/*.[ch] \
			"$top/osbuilder/kernel-lib.sh"
		for f in "${list[@]}"; do
			f=${f#+}
			printf '%s\n' "== ${f#"$top"/}"
			cat "$f"
		done
	} | sha)
	config=$cache/config/$ARCH-$key.config
	if [ ! -s "$config" ]; then
		source_unpack
		prover_build
		new_tmp "$cache/config"
		prove -o "$tmp/config" "${list[@]}" >&2 ||
			die "the configuration of $ARCH is not what the" \
				"fragments ask for"
		[ -z "${MODULES:-}" ] || name_release "$tmp/config"
		mv "$tmp/config" "$config"
	fi
}
