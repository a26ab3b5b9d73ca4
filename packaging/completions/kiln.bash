# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Completion of kiln and kiln-image in bash. Verbs and options are asked of the
# program itself, by --help: they are those of the program that is there.

# Verbs of PROGRAM, one a line.
_kiln_verbs() {
	"$1" --help 2>/dev/null | sed -nE 's/^  ([a-z][a-z-]*) .*/\1/p'
}

# Options that PROGRAM [VERB] takes, one a line: name, then what stands for its
# value, if it has one, then the help text.
_kiln_options() {
	"$@" --help 2>/dev/null | sed -nE \
		's/^ {2,6}(-[A-Za-z], )?(--[a-z0-9-]+)([ =]([^ ]+))?( +(.*))?$/\2 \4 \6/p'
}

# Completions of the word $1 as a value shown as $2 with the text $3.
_kiln_value() {
	case $2 in
	ARCH) compgen -W 'x86_64 aarch64 s390x ppc64le' -- "$1" ;;
	DIR) compgen -d -- "$1" ;;
	*FILE | SOCKET) compgen -f -- "$1" ;;
	FORMAT)
		compgen -W "$(sed -nE 's/ \(default\)//; s/( or |, )/ /g; p' \
			<<<"$3" | grep -v 'see the')" -- "$1"
		;;
	*'|'*) compgen -W "${2//|/ }" -- "$1" ;;
	esac
}

# What the words of a verb are: its usage tells.
_kiln_word() {
	local usage
	usage=$("$program" "$verb" --help 2>/dev/null | grep '^Usage:')
	case $usage in
	*' ID'*)
		if [ "$verb" = kill ] && [ "$given" -gt 0 ]; then
			compgen -A signal -- "$cur"
		elif [ "$given" -eq 0 ] && [[ $verb != @(create|run|restore) ]]; then
			compgen -W "$("$program" "${before[@]}" list -q \
				2>/dev/null)" -- "$cur"
		fi
		;;
	*ARCH*) _kiln_value "$cur" ARCH '' ;;
	*VERB*) compgen -W "$(_kiln_verbs "$program")" -- "$cur" ;;
	*FILE*) compgen -f -- "$cur" ;;
	esac
}

_kiln() {
	local program=$1 cur=${COMP_WORDS[COMP_CWORD]} verb='' given=0
	local i word options before=() value='' line text=''
	options=$(_kiln_options "$program")
	# An option that takes a value has it in the next word; readline makes
	# a word of the "=" as well.
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		[ -n "$verb" ] || before+=("$word")
		if [ "$word" = = ]; then
			continue
		elif [ -n "$value" ]; then
			value=
		elif [[ $word == --* ]]; then
			line=$(grep -- "^$word " <<<"$options")
			read -r _ value text <<<"$line"
			[[ $line == "$word "[!\ ]* ]] || value=
		elif [[ $word == -* ]]; then
			:
		elif [ -z "$verb" ]; then
			verb=$word
			unset 'before[-1]'
			options=$(_kiln_options "$program" "$verb")
		else
			given=$((given + 1))
		fi
	done
	[ "$cur" != = ] || cur=
	if [ -n "$value" ]; then
		mapfile -t COMPREPLY < <(_kiln_value "$cur" "$value" "$text")
		[ "$value" != DIR ] || compopt -o dirnames 2>/dev/null
	elif [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W \
			"$(cut -d' ' -f1 <<<"$options")" -- "$cur")
	elif [ -z "$verb" ]; then
		mapfile -t COMPREPLY < <(compgen -W \
			"$(_kiln_verbs "$program")" -- "$cur")
	else
		mapfile -t COMPREPLY < <(_kiln_word)
	fi
}

complete -F _kiln kiln kiln-image
