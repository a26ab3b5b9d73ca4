#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Completions, man pages and the example of a configuration name what the
# programs have: every verb and option of --help, every key.

load helpers

setup() {
	package_setup
	work=$BATS_TEST_TMPDIR
	export PATH="$out/host:$PATH"
	cd "$work"
}

@test "kiln(8) names every verb and option" {
	page=$top/docs/man/kiln.8.scd
	for v in $(verbs kiln); do
		grep -q "^\*$v\*" "$page" || { echo "no $v"; false; }
		# Up to the next verb.
		sed -n "/^\*$v\*/,/^\*[a-z]/p" "$page" >"$work/part"
		[ "$v" != run ] ||
			sed -n '/^\*create\*/,/^\*start\*/p' "$page" >"$work/part"
		[ "$v" != exec ] ||
			sed -n '/^\*exec\*/,/^\*list\*/p' "$page" >"$work/part"
		for o in $(options kiln "$v"); do
			[ "$o" = --help ] || grep -qF -- "*$o*" "$work/part" ||
				{ echo "$v: no $o"; false; }
		done
	done
	for o in $(options kiln); do
		grep -qF -- "*$o*" "$page" || { echo "no $o"; false; }
	done
}

@test "kiln(8) names no verb that is none" {
	for v in $(sed -n '/^# VERBS/,/^# ARCH/s/^\*\([a-z-]*\)\*.*/\1/p' \
		"$top/docs/man/kiln.8.scd"); do
		verbs kiln | grep -xF -- "$v"
	done
}

@test "kiln-image(1) names every command and option, and no other" {
	page=$top/docs/man/kiln-image.1.scd
	for v in $(verbs kiln-image); do
		grep -q "^\*$v\*" "$page" || { echo "no $v"; false; }
		for o in $(options kiln-image "$v"); do
			grep -qF -- "*$o*" "$page" || { echo "no $o"; false; }
		done
	done
	for v in $(sed -n '/^# COMMANDS/,/^# OPTIONS/s/^\*\([a-z-]*\)\*.*/\1/p' \
		"$page"); do
		verbs kiln-image | grep -xF -- "$v"
	done
}

@test "kiln-agent(8) names every option and kernel parameter" {
	page=$top/docs/man/kiln-agent.8.scd
	for o in $(sed -n 's/^\t"  \(--[a-z]*\).*/\1/p' "$top/agent/main.c"); do
		grep -qF -- "*$o*" "$page"
	done
	n=0
	for p in $(sed -n '/parameters\[\]/,/^}/s/^\t{"\([a-z_]*\)".*/\1/p' \
		"$top/agent/config.c"); do
		grep -q "^\*agent\.${p}[*=]" "$page" || { echo "no $p"; false; }
		n=$((n + 1))
	done
	[ "$n" -gt 3 ]
}

@test "kiln-configuration.toml(5) names every key" {
	page=$top/docs/man/kiln-configuration.toml.5.scd
	keys=$(KILN_CONF_FILE=/dev/null kiln config --no-origins |
		sed -n 's/^\([a-z0-9_]*\) = .*/\1/p')
	[ -n "$keys" ]
	for k in $keys; do
		grep -qE "^\*.*\*$k\*|^\*$k\*" "$page" ||
			{ echo "no $k"; false; }
	done
	for s in $(KILN_CONF_FILE=/dev/null kiln config | grep '^\['); do
		grep -qF "*$s*" "$page"
	done
}

@test "the example of a configuration has every default and changes none" {
	KILN_CONF_FILE=/dev/null kiln config --no-origins >defaults
	KILN_CONF_FILE=$top/packaging/configuration.toml.example \
		kiln config --no-origins >with
	diff defaults with
	sed -nE 's/^#([a-z0-9_]+ = .*)/\1/p; /^\[/p' \
		"$top/packaging/configuration.toml.example" >example
	diff <(grep . defaults) example
}

@test "man pages are made, without a warning of their formatter" {
	make -C "$top" -s man O="$work/o" DEPS=skip
	for f in "$top"/docs/man/*.scd; do
		page=$work/o/man/$(basename "$f" .scd)
		grep -q "^\.TH " "$page"
		grep -q "Kiln $(cat "$top/VERSION")" "$page"
	done
	# Each is installed.
	for f in "$work"/o/man/*; do
		grep -q "/man/$(basename "$f")$" "$top/packaging/files.list"
	done
}

@test "bash completes every verb and option" {
	cat >try <<-'E'
		. "$1"
		shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_kiln "$1" 2>/dev/null
		printf '%s\n' "${COMPREPLY[@]}"
	E
	c=$top/packaging/completions/kiln.bash
	for p in kiln kiln-image; do
		diff <(verbs $p | sort) <(bash try "$c" $p '' | sort)
		for v in $(verbs $p); do
			diff <(options $p "$v" | sort) \
				<(bash try "$c" $p "$v" -- | sort)
		done
	done
	diff <(options kiln | sort) <(bash try "$c" kiln -- | sort)
	[ "$(bash try "$c" kiln --root /x st)" = "$(printf '%s\n' start state)" ]
	[ "$(bash try "$c" kiln run --arch s)" = s390x ]
	[ "$(bash try "$c" kiln check --format = j)" = json ]
	[ "$(bash try "$c" kiln list -f x --format t)" = table ]
	[ "$(bash try "$c" kiln-image initrd --compress = n)" = none ]
	[[ "$(bash try "$c" kiln kill id SIGT)" == *SIGTERM* ]]
}

@test "fish completes every verb and option" {
	c=$top/packaging/completions/kiln.fish
	export HOME=$work
	for p in kiln kiln-image; do
		fish --no-config -c "source $c; complete -C '$p '" >found
		diff <(verbs $p | sort) <(cut -f1 found | sort)
		[ "$p" != kiln ] || grep -q "^start$(printf '\t')start the" found
	done
	for v in $(verbs kiln); do
		diff <(options kiln "$v" | sort) <(fish --no-config -c \
			"source $c; complete -C 'kiln --root /x $v --'" |
			cut -f1 | sort)
	done
}

@test "zsh completes every verb and option" {
	cat >try <<-'E'
		_describe() {
			[[ $1 != -o ]] || shift
			print -l -- ${(P)2%%:*}
		}
		compadd() { [[ $1 != -- ]] || shift; print -l -- $@ }
		_files() { print files }
		compdef() { : }
		source $1
		shift
		words=("$@") CURRENT=$#
		_kiln
	E
	c=$top/packaging/completions/kiln.zsh
	for p in kiln kiln-image; do
		diff <(verbs $p | sort) <(zsh -f try "$c" $p '' | sort)
		for v in $(verbs $p); do
			diff <(options $p "$v" | sort) \
				<(zsh -f try "$c" $p "$v" -- | sort)
		done
	done
	diff <(options kiln | sort) <(zsh -f try "$c" kiln -- | sort)
	[[ "$(zsh -f try "$c" kiln run --arch '')" == *s390x* ]]
	[ "$(zsh -f try "$c" kiln --config '')" = files ]
}

@test "a command that kiln-image has not is named, and help has whole sentences" {
	tool=$out/host/kiln-image
	run "$tool" diff a b
	[ "$status" = 2 ]
	[ "${lines[0]}" = "kiln-image: no command 'diff'" ]
	run bash -c '"$1" --help | grep "^  [a-z]" | grep -v "[.]$"' - "$tool"
	[ -z "$output" ]
	run "$tool" inspect --diff="$out/host/flags" "$tool"
	[[ "$output" == *"'$tool': neither an initrd"* ]]
}
