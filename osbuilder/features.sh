#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#   features.sh [table|json]         every feature: state and cost
#   features.sh list ARCH NAMES      what NAMES come to on ARCH, one a line
#   features.sh boots ARCH NAMES     the same by boot: NAME,... [PARAMETER]...
#   features.sh record ARCH FILE     takes the probes' answers in FILE over
#   features.sh symbols ARCH CONFIG  do unions have what they are checked for?
#
# The states come from features/tested.tsv, which "make feature-test RECORD=1"
# writes: a test counts as long as the feature's file is what was tested. The
# costs come from features/cost.tsv, which "make feature-cost" writes.
set -euo pipefail
LC_ALL=C
export LC_ALL

top=$(cd "$(dirname "$0")/.." && pwd)
config_dir=${KERNEL_CONFIGS:-$top/kernel/configs}
arches="x86_64 aarch64 s390x ppc64le"

die() {
	printf 'features: %s\n' "$*" >&2
	exit 1
}

# shellcheck source=osbuilder/feature-lib.sh
. "$(dirname "$0")/feature-lib.sh"
tested=$feature_dir/tested.tsv
cost=$feature_dir/cost.tsv

fingerprint() {
	sha256sum <"$(feature_file "$1")" | cut -c1-12
}

# Sets the arrays that "NAME ARCH" finds its result, note, cost by.
declare -A result text bytes steps
load() {
	local name arch a b c
	while IFS=$'\t' read -r name arch a b c; do
		[ -n "$arch" ] && [[ $name != '#'* ]] || continue
		[ "$b" = "$(fingerprint "$name" 2>/dev/null)" ] || continue
		result[$name $arch]=$a text[$name $arch]=$c
	done < <(cat "$tested" 2>/dev/null)
	while IFS=$'\t' read -r name arch a b; do
		[ -n "$arch" ] && [[ $name != '#'* ]] || continue
		bytes[$name $arch]=$a steps[$name $arch]=$b
	done < <(cat "$cost" 2>/dev/null)
}

# The state of feature $1 on $2: tested, failed, untested, or "cannot: why".
state() {
	local why
	why=$(feature_of_arch "$1" not "$2")
	if [ -n "$why" ]; then
		echo "cannot: $why"
	else
		echo "${result[$1 $2]:-untested}"
	fi
}

table() {
	local name a s why=() kib
	printf '%-18s %9s %9s %9s %9s %10s  %s\n' FEATURE x86_64 aarch64 \
		s390x ppc64le 'x86_64 KiB' DESCRIPTION
	for name in $(feature_names); do
		printf '%-18s' "$name"
		for a in $arches; do
			s=$(state "$name" "$a")
			[[ $s != cannot* ]] || why+=("$name on $a: ${s#*: }")
			printf ' %9s' "${s%%:*}"
		done
		kib=${bytes[$name x86_64]:-}
		[ -z "$kib" ] || kib=$((kib / 1024))
		printf ' %10s  %s\n' "${kib:--}" "$(feature_summary "$name")"
	done
	printf '\nCannot:\n'
	printf '  %s\n' "${why[@]}"
	printf 'A dash: not measured. Notes of the tests: %s\n' \
		"${tested#"$top"/}"
}

quoted() {
	local s=${1//\\/\\\\}
	printf '"%s"' "${s//\"/\\\"}"
}

json() {
	local name a key sep='' comma
	printf '['
	for name in $(feature_names); do
		printf '%s\n  {"name": %s, "summary": %s, "base": %s,' "$sep" \
			"$(quoted "$name")" \
			"$(quoted "$(feature_summary "$name")")" \
			"$(grep -q '^#% base' "$(feature_file "$name")" &&
				echo true || echo false)"
		printf '\n   "architectures": {'
		comma=
		for a in $arches; do
			key="$name $a"
			printf '%s\n    "%s": {"state": %s' "$comma" "$a" \
				"$(quoted "$(state "$name" "$a")")"
			[ -z "${text[$key]:-}" ] ||
				printf ', "note": %s' "$(quoted "${text[$key]}")"
			[ -z "${bytes[$key]:-}" ] ||
				printf ', "bytes": %s, "boot_instructions": %s' \
					"${bytes[$key]}" "${steps[$key]:-null}"
			printf '}'
			comma=,
		done
		printf '}}'
		sep=,
	done
	printf '\n]\n'
}

# One line for each set of parameters: the features that boot with it.
boots() {
	local name words
	declare -A group
	for name in "${features[@]}"; do
		words=$(feature_key "$name" boot)
		group[-$words]+=${group[-$words]:+,}$name
	done
	for words in "${!group[@]}"; do
		printf '%s %s\n' "${group[$words]}" "${words#-}"
	done | sort
}

record() {
	local arch=$1 answers=$2 line name new
	new=$(mktemp)
	grep -v "	$arch	" "$tested" >"$new" 2>/dev/null || :
	grep -s "	$arch	" "$tested" | while IFS= read -r line; do
		grep -qE "ok ${line%%	*}(:|\$)" "$answers" ||
			printf '%s\n' "$line"
	done >>"$new" || :
	while IFS= read -r line; do
		name=${line#not } name=${name#ok }
		name=${name%%:*}
		printf '%s\t%s\t%s\t%s\t%s\n' "$name" "$arch" \
			"$([[ $line == ok* ]] && echo tested || echo failed)" \
			"$(fingerprint "$name")" \
			"$([[ $line != *:* ]] || echo "${line#*: }")"
	done <"$answers" >>"$new"
	{
		echo '# What make feature-test RECORD=1 saw: feature,' \
			'architecture, result, fingerprint of the file, note.'
		grep -v '^#' "$new" | sort
	} >"$tested"
	rm "$new"
}

# Unions are checked for symbols that others name; NAME.symbols lists them.
symbols() {
	local name bad=0 symbol marks
	for name in "${features[@]}"; do
		[ -f "$feature_dir/$name.symbols" ] || continue
		while read -r symbol marks; do
			[[ $symbol != '#'* ]] && [ -n "$symbol" ] || continue
			grep -q "^CONFIG_$symbol=" "$1" || {
				echo "$name: CONFIG_$symbol is not set" >&2
				bad=1
			}
		done <"$feature_dir/$name.symbols"
	done
	return $bad
}

case ${1:-table} in
table | json)
	load
	"${1:-table}"
	;;
list | boots | record | symbols)
	[ $# -ge 3 ] || die "usage: features.sh $1 ARCH ..."
	ARCH=$2
	case $1 in
	list)
		features_setup "$3"
		printf '%s\n' "${features[@]}"
		;;
	boots)
		features_setup "$3"
		boots
		;;
	record) record "$ARCH" "$3" ;;
	symbols)
		features_setup "${4:-${FEATURES:-}}"
		symbols "$3"
		;;
	esac
	;;
*) die "unknown command: $1" ;;
esac
