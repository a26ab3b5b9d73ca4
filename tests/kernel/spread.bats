#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A cluster, a shared store and the jobs of make reach the real recipe through
# the environment that it empties, and change no byte. What it compiles is a
# kernel in small: a tree with a Makefile and a few files, for s390x.

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	work=$BATS_TEST_TMPDIR
	children=()
	mkdir "$work/src"
	for f in a b c d e f; do
		printf 'const char *where_%s = __FILE__;\nint %s(int x) { return x + __LINE__; }\n' \
			$f $f >"$work/src/$f.c"
	done
	cat >"$work/src/Makefile" <<-'END'
		.RECIPEPREFIX := >
		objects := $(foreach f,a b c d e f,$(O)/$(f).o)
		kernel: $(objects)
		> $(CROSS_COMPILE)ld -r -o $(O)/image $^
		> $(CROSS_COMPILE)nm $(O)/image >$(O)/System.map
		> mkdir -p $(O)/include/config
		> echo 1 >$(O)/include/config/kernel.release
		$(O)/%.o: %.c
		> $(if $(KCFLAGS),@bash $(KCFLAGS))
		> $(CC) -O2 -ffreestanding -c -o $@ $<
	END
}

teardown() {
	[ ${#children[@]} -eq 0 ] || kill "${children[@]}" 2>/dev/null || :
}

# compile NAME [JOB]: by the recipe, with an empty ccache of that name and the
# variables of the caller; JOB is run before each object.
compile() {
	mkdir -p "$work/$1"
	cp /dev/null "$work/$1/.config"
	(
		set -euo pipefail
		cache=$work
		die() { echo "$*" >&2; exit 1; }
		new_tmp() { tmp=$(mktemp -d "$work/tools.XXXXXX"); }
		. "$top/osbuilder/kernel-tools.sh"
		tools_setup "$(jobserver)"
		PATH=$tools:$PATH CCACHE_DIR=$work/$1.ccache CCACHE_BASEDIR=$work \
			"$top/osbuilder/kernel-compile.sh" "$work/src" \
			"$work/$1" "$work/$1.out" s390 s390x-linux-gnu- kernel \
			image '' 0 16 "${2:-}"
	) >"$work/$1.log" 2>&1 || { cat "$work/$1.log"; return 1; }
}

# stat NAME FIELD: of that ccache.
cache_stat() {
	CCACHE_DIR=$work/$1.ccache ccache --print-stats | sed -n "s/^$2\t//p"
}

@test "DISTCC=1: a daemon compiles, and the kernel is the same" {
	compile alone
	port=$((20000 + RANDOM % 10000))
	distccd --daemon --no-detach --listen 127.0.0.1 --port $port \
		--allow 127.0.0.1 --jobs 2 --enable-tcp-insecure \
		--log-stderr --log-level info 2>"$work/distccd.log" 3>&- &
	children+=($!)
	for _ in $(seq 100); do
		(: </dev/tcp/127.0.0.1/$port) 2>/dev/null && break
		sleep 0.1
	done
	# No fallback: what the daemon does not compile is an error.
	DISTCC=1 DISTCC_HOSTS=127.0.0.1:$port/2 DISTCC_FALLBACK=0 compile spread
	cat "$work/distccd.log"
	cmp "$work/alone.out/kernel" "$work/spread.out/kernel"
	[ "$(grep -c 'COMPILE_OK' "$work/distccd.log")" -eq 6 ]
	# Nobody there, and no fallback: this cannot have been a local compiler.
	kill "${children[@]}"
	wait "${children[@]}" || :
	children=()
	DISTCC=1 DISTCC_HOSTS=127.0.0.1:$port/2 DISTCC_FALLBACK=0 \
		run compile nobody
	[ "$status" -ne 0 ]
}

@test "ICECC=1 without icecc is one clear line" {
	mkdir "$work/bin"
	for p in bash chmod mkdir mktemp; do
		ln -s "$(command -v $p)" "$work/bin/$p"
	done
	run env -i PATH="$work/bin" ICECC=1 bash -c "
		cache=$work
		die() { echo \"\$*\"; exit 1; }
		new_tmp() { tmp=\$(mktemp -d $work/tools.XXXXXX); }
		. $top/osbuilder/kernel-tools.sh
		tools_setup ''"
	[ "$status" -eq 1 ]
	[ "$output" = "icecc not found: install icecc" ]
}

@test "CCACHE_REMOTE_STORAGE: what one machine compiled, another takes" {
	mkdir "$work/store"
	"$top/tests/kernel/http-store.py" "$work/store" >"$work/port" 3>&- &
	children+=($!)
	for _ in $(seq 100); do
		[ ! -s "$work/port" ] || break
		sleep 0.1
	done
	export CCACHE_REMOTE_STORAGE
	CCACHE_REMOTE_STORAGE=http://127.0.0.1:$(cat "$work/port")/kernel
	compile one
	[ "$(find "$work/store" -type f | wc -l)" -ge 6 ]
	[ "$(cache_stat one remote_storage_hit)" -eq 0 ]
	compile two
	CCACHE_DIR=$work/two.ccache ccache --print-stats
	cmp "$work/one.out/kernel" "$work/two.out/kernel"
	[ "$(cache_stat two cache_miss)" -eq 0 ]
	[ "$(cache_stat two remote_storage_hit)" -ge 6 ]
}

@test "kernels below make -j share its jobs, and have no more than these" {
	# Notes how many of us there are while it runs.
	cat >"$work/job.sh" <<-END
		cd $work
		mkdir -p running
		touch running/\$\$
		ls running | wc -l >>counts
		sleep 0.3
		rm running/\$\$
	END
	declare -f compile >"$work/build.sh"
	printf '%s\n' "work=$work top=$top" 'compile $1 $work/job.sh' >>"$work/build.sh"
	printf 'all: one two\none two: ; +@bash %s/build.sh $@\n' "$work" >"$work/outer.mk"
	run env -u MAKEFLAGS -u MAKELEVEL make -s -j3 -f "$work/outer.mk" all
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(wc -l <"$work/counts")" -eq 12 ]
	[ "$(sort -n "$work/counts" | tail -n 1)" -le 3 ]
	[ "$(sort -n "$work/counts" | tail -n 1)" -ge 2 ]
	run grep -i jobserver "$work/one.log" "$work/two.log"
	[ "$status" -ne 0 ]
	# Without that make, the jobs are its own.
	rm "$work/counts"
	env -u MAKEFLAGS -u MAKELEVEL bash "$work/build.sh" three
	[ "$(sort -n "$work/counts" | tail -n 1)" -gt 3 ]
}

@test "make -n and -q of a kernel run nothing" {
	run make -n -C "$top" O="$work/o" DEPS=skip ARCH=s390x kernel
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"kernel-build.sh"* ]]
	[ ! -e "$work/o/s390x/kernel" ]
	run make -q -C "$top" O="$work/o" DEPS=skip ARCH=s390x kernel
	echo "$output"
	[ "$status" -eq 1 ]
	[ ! -e "$work/o/s390x/kernel" ]
}
