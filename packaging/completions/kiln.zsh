#compdef kiln kiln-image
# SPDX-License-Identifier: Apache-2.0
#
# Completion of kiln and kiln-image in zsh. Verbs and options are asked of the
# program itself, by --help: they are those of the program that is there.

# Verbs of PROGRAM as verb:text, one a line.
_kiln_verbs() {
	"$1" --help 2>/dev/null | sed -nE 's/^  ([a-z][a-z-]*) +(.*)/\1:\2/p'
}

# Options of PROGRAM [VERB]: name, what stands for its value or -, text.
_kiln_options() {
	"$@" --help 2>/dev/null | sed -nE \
		-e 's/^ {2,6}(-[A-Za-z], )?(--[a-z0-9-]+)[ =]([^ ]+)( +(.*))?$/\2 \3 \5/p; t' \
		-e 's/^ {2,6}(-[A-Za-z], )?(--[a-z0-9-]+) +(.*)$/\2 - \3/p'
}

_kiln() {
	local program=$words[1] verb word value i line usage
	local -a options found before
	options=(${(f)"$(_kiln_options $program)"})
	for ((i = 2; i < CURRENT; i++)); do
		word=$words[i]
		if [[ -n $value ]]; then
			value=
		elif [[ $word == --*=* ]]; then
			:
		elif [[ $word == --* ]]; then
			line=${(M)options:#$word *}
			value=${${=line}[2]}
			[[ $value != - ]] || value=
		elif [[ $word != -* && -z $verb ]]; then
			verb=$word
			before=(${words[2,i-1]})
			options=(${(f)"$(_kiln_options $program $verb)"})
		fi
	done
	case $value in
	'') ;;
	ARCH) compadd x86_64 aarch64 s390x ppc64le; return ;;
	DIR) _files -/; return ;;
	*) _files; return ;;
	esac
	if [[ $words[CURRENT] == -* ]]; then
		for line in $options; do
			found+=("${line%% *}:${${line#* }#* }")
		done
		_describe -o option found
		return
	fi
	if [[ -z $verb ]]; then
		found=(${(f)"$(_kiln_verbs $program)"})
		_describe verb found
		return
	fi
	usage=$($program $verb --help 2>/dev/null | grep '^Usage:')
	case $usage in
	*' ID'*) compadd -- ${(f)"$($program $before list -q 2>/dev/null)"} ;;
	*ARCH*) compadd x86_64 aarch64 s390x ppc64le ;;
	*VERB*) compadd -- ${${(f)"$(_kiln_verbs $program)"}%%:*} ;;
	*FILE*) _files ;;
	esac
}

# Loaded by name, the first use is to complete.
[[ $zsh_eval_context[-1] != loadautofunc ]] || _kiln "$@"
