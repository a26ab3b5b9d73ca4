#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What is executed: the guest's architecture is told from it, and what would not
# run in it is named.

load helpers

# The container's words, one each.
words_are() {
	local json
	json=$(for w; do jq -n --arg w "$w" '$w'; done | jq -s .)
	spec --argjson w "$json" '.process.args = $w'
}

# Runs the bundle without a word about its architecture.
run_undecided() {
	kiln run --bundle "$BUNDLE" c1
}

# A program that no guest runs: the header is enough. usage: BITS ORDER MACHINE
elf() {
	local le=1 class=2
	[ "$1" = 64 ] || class=1
	[ "$2" = little ] || le=2
	printf '\177ELF'
	printf "\\$(printf %03o $class)\\$(printf %03o $le)\\001\\000\\000\\000\\000\\000\\000\\000\\000\\000"
	if [ "$2" = little ]; then
		printf "\\002\\000\\$(printf %03o "$3")\\000\\001\\000\\000\\000"
	else
		printf "\\000\\002\\000\\$(printf %03o "$3")\\000\\000\\000\\001"
	fi
	head -c 104 /dev/zero
}

other_arch() {
	[ "$ARCH" = s390x ] && echo aarch64 || echo s390x
}

put_script() {
	printf '%s\n' "$2" >"$BUNDLE/rootfs/$1"
	chmod 755 "$BUNDLE/rootfs/$1"
}

@test "the guest is the image's, by PATH, link, script and nested script" {
	mkdir "$BUNDLE/rootfs/opt"
	put_script usr/bin/one "#!/bin/sh
uname -m"
	put_script usr/bin/two '#!/usr/bin/one'
	ln -s ../../../../../usr/bin/two "$BUNDLE/rootfs/opt/three"
	put_script opt/entry '#!/bin/env three'
	spec '.process.env = ["PATH=/nowhere:/opt:/bin"] | .process.cwd = "/opt"'
	for word in uname /usr/bin/one ../usr/bin/two three entry; do
		words_are "$word" -m
		run run_undecided
		echo "$word: $output"
		[ "$status" = 0 ]
		[ "$output" = "$ARCH" ]
	done
}

@test "a program that is not there is looked for in a guest of the image's kind" {
	words_are nosuch
	run run_undecided
	echo "$output"
	[ "$status" != 0 ]
	[[ "$output" == *'"nosuch": executable file not found in $PATH'* ]]
	kiln explain -f json c1 | jq -e --arg a "$ARCH" '.arch == $a'
}

@test "programs that no guest runs are refused, and nothing is made" {
	elf 64 little 243 >"$BUNDLE/rootfs/bin/riscv"
	elf 32 big 22 >"$BUNDLE/rootfs/bin/s390"
	elf 64 big 21 >"$BUNDLE/rootfs/bin/ppc64"
	elf 32 little 40 >"$BUNDLE/rootfs/bin/arm"
	put_script bin/inner '#!/bin/riscv'
	chmod 755 "$BUNDLE"/rootfs/bin/*
	while read -r word file machine; do
		words_are "$word"
		run run_undecided
		echo "$output"
		[ "$status" = 1 ]
		[[ "$output" == *"'/bin/$file' in the image is a program for $machine: exec format error; Kiln has guests for x86_64, aarch64, s390x and ppc64le" ]]
		[ ! -e "$STATE/c1" ]
	done <<-'END'
	riscv riscv riscv64
	inner riscv riscv64
	s390 s390 31-bit s390
	ppc64 ppc64 ppc64 (big-endian)
	arm arm 32-bit ARM
	END
}

@test "an architecture that the program is not for is refused" {
	run kiln run --arch "$(other_arch)" --bundle "$BUNDLE" c1
	echo "$output"
	[ "$status" = 1 ]
	[[ "$output" == *"--arch is $(other_arch), but 'sh' in the image is a program for $ARCH"* ]]
	spec --arg a "$(other_arch)" '.annotations["io.kiln.arch"] = $a'
	run run_undecided
	echo "$output"
	[[ "$output" == *"annotation io.kiln.arch is $(other_arch), but 'sh' in the image"* ]]
	[ ! -e "$STATE/c1" ]
}

@test "without a guest of the architecture: where it was looked for, how to make one" {
	mkdir -p "$WORK/b/host"
	cp "$KILN" "$WORK/b/host"
	run timeout 60 "$WORK/b/host/kiln" --root "$STATE" run --bundle "$BUNDLE" c1
	echo "$output"
	[ "$status" = 1 ]
	[[ "$output" == *"no guest for $ARCH: no kernel in '$WORK/b/$ARCH'"* ]]
	[[ "$output" == *"'make image ARCH=$ARCH' builds one"* ]]
}

@test "in the guest: other machines, interpreters and linkers that are missing" {
	cp "$O/$(other_arch)/busybox-rootfs/bin/busybox" "$BUNDLE/rootfs/foreign"
	cp "$(command -v bash)" "$BUNDLE/rootfs/dynamic"
	put_script hop '#!/foreign'
	put_script orphan '#!/bin/missing -x'
	printf 'no program' >"$BUNDLE/rootfs/text"
	elf 32 little 3 >"$BUNDLE/rootfs/i386"
	chmod 755 "$BUNDLE/rootfs/text" "$BUNDLE/rootfs/i386"
	words_are sleep 1000
	kiln_create >/dev/null 2>&1 </dev/null
	kiln start c1
	run kiln exec c1 /foreign
	echo "$output"
	[[ "$output" == *"'/foreign' is a program for $(other_arch), this guest is $ARCH: exec format error" ]]
	run kiln exec c1 /hop
	[[ "$output" == *"exec: \"/hop\": '/foreign' is a program for $(other_arch)"* ]]
	run kiln exec c1 /orphan
	echo "$output"
	[[ "$output" == *"exec: \"/orphan\": its interpreter '/bin/missing': No such file or directory" ]]
	run kiln exec c1 /i386
	echo "$output"
	if [ "$ARCH" = x86_64 ]; then
		[[ "$output" == *"'/i386' is a program for i386, this guest is x86_64 and its kernel was made without FEATURES=ia32: exec format error" ]]
	else
		[[ "$output" == *"'/i386' is a program for i386, this guest is $ARCH: exec format error" ]]
	fi
	run kiln exec c1 /text
	echo "$output"
	[[ "$output" == *"'/text' is neither a program nor a script with '#!': exec format error" ]]
	run kiln exec c1 /dynamic
	echo "$output"
	if [ "$ARCH" = "$(uname -m)" ]; then
		[[ "$output" == *"the dynamic linker that '/dynamic' asks for: no such file or directory" ]]
	else
		[[ "$output" == *"'/dynamic' is a program for $(uname -m), this guest is $ARCH"* ]]
	fi
	kiln delete --force c1
}

# As podman run --init has it: a program of the host's, before the command.
engine_init() {
	spec --arg h "$1" '.mounts += [{destination: "/run/init", type: "bind",
		source: $h, options: ["bind", "ro"]}]'
	shift
	words_are /run/init -- "$@"
}

foreign_init() {
	engine_init "$O/$(other_arch)/busybox-rootfs/bin/busybox" "$@"
}

@test "an engine's init of another architecture: the guest's own takes its place" {
	foreign_init sh -c 'tr "\0" " " </proc/1/cmdline; echo; (sleep 0.1 &); sleep 1
		ps -o stat | grep -c Z; uname -m; exit 9'
	run run_undecided
	echo "$output"
	[ "$status" = 9 ]
	[[ "$output" == *"/run/init -- sh -c"* ]]
	[ "${lines[-2]}" = 0 ]
	[ "${lines[-1]}" = "$ARCH" ]
	foreign_init sh -c 'kill -9 $$'
	run run_undecided
	[ "$status" = 137 ]
	foreign_init nosuch
	run -127 run_undecided
	echo "$output"
	[[ "$output" == *'init: exec: "nosuch": No such file or directory'* ]]
}

@test "that init passes signals on, and hands over the terminal" {
	foreign_init sh -c 'trap "echo got it; exit 5" TERM; echo ready; while :; do sleep 0.1; done'
	kiln create --bundle "$BUNDLE" c1 >"$WORK/out" 2>&1 </dev/null
	kiln start c1
	wait_line "$WORK/out" ready
	kiln kill c1 TERM
	wait_status stopped
	grep -q 'got it' "$WORK/out"
	kiln delete c1
	foreign_init sh -c 'sleep 1; read x; echo "<$x>"; exit 3'
	spec '.process.terminal = true'
	run script -qec "{ sleep 5; echo hi; } | timeout --foreground 60 $KILN --root $STATE run --bundle $BUNDLE c1" /dev/null </dev/null
	echo "$output"
	[[ "$output" == *"<hi>"* ]]
	[ "$status" = 3 ]
}
