# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# How and where a kernel is compiled, which its bytes must not depend on: jobs
# of the make around us, a cluster, a shared store. Sourced by kernel-build.sh
# after kernel-lib.sh, of which it uses cache, die and new_tmp.

# The flags by which a child of make finds its jobserver, if there is one.
jobserver() {
	local w auth=
	for w in ${MAKEFLAGS:-}; do
		case $w in
		--) break ;;
		--jobserver-auth=fifo:*) auth=$w ;;
		--jobserver-auth=* | --jobserver-fds=*)
			# Not passed on to recipes that do not ask for it.
			w=${w#*=}
			[ -e "/proc/self/fd/${w%,*}" ] || continue
			[ -e "/proc/self/fd/${w#*,}" ] || continue
			auth=--jobserver-auth=$w
			;;
		esac
	done
	[ -z "$auth" ] || printf ' -j %s' "$auth"
}

# script NAME LINE...: a program in $tools.
script() {
	printf '%s\n' '#!/bin/bash' "${@:2}" >"$tools/$1"
	chmod +x "$tools/$1"
}

# The recipe empties the environment: the caller's shall not decide what is
# compiled. How and where it is compiled is another matter, and reaches it by
# two programs in front of PATH, which set and hand on.
tools_setup() {
	local flags=$1 v settings=() real spread=
	# shellcheck disable=SC2154
	new_tmp "$cache/tools"
	tools=$tmp
	if [ -n "$flags" ]; then
		# shellcheck disable=SC2016
		script make 'args=()' \
			'for a; do [[ $a == -j* ]] || args+=("$a"); done' \
			"MAKEFLAGS=${flags@Q} exec $(command -v make)"' "${args[@]}"'
	fi
	[ -z "${DISTCC:-}" ] || spread=distcc
	[ -z "${ICECC:-}" ] || spread=icecc
	[ -z "$spread" ] || command -v $spread >/dev/null ||
		die "$spread not found: install $spread"
	real=$(command -v ccache || :)
	[ -n "$spread$real" ] || return 0
	[ "$spread" != distcc ] || [ -n "${DISTCC_DIR:-}" ] ||
		mkdir -p "${DISTCC_DIR:=$cache/distcc}"
	# shellcheck disable=SC2034
	[ -z "$real" ] || [ -z "$spread" ] || local CCACHE_PREFIX=$spread
	for v in "${!DISTCC_@}" "${!ICECC_@}" CCACHE_PREFIX \
		CCACHE_REMOTE_STORAGE CCACHE_REMOTE_ONLY CCACHE_RESHARE; do
		[ -z "${!v:-}" ] || settings+=("export $v=${!v@Q}")
	done
	[ ${#settings[@]} -gt 0 ] || return 0
	# shellcheck disable=SC2016
	script ccache "${settings[@]}" "exec ${real:-$spread}"' "$@"'
}

# How many jobs a build has that no make gives any.
own_jobs() {
	if [ -n "${KERNEL_JOBS:-}" ]; then
		echo "$KERNEL_JOBS"
	elif [ -n "${DISTCC:-}" ]; then
		DISTCC_DIR=${DISTCC_DIR:-$cache/distcc} distcc -j
	else
		nproc
	fi
}
