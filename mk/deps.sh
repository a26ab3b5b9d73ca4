#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes sure of the Debian packages named as arguments. On a host with apt they
# are installed, after saying which; with DEPS=skip, or without apt, each is
# looked for by what it provides and a missing one is named as the big
# distributions call it.
set -eu
table=$(dirname "$0")/packages.tsv

check_by_probe() {
	local package missing=0 row probe fedora suse alpine
	for package in "$@"; do
		row=$(awk -F'\t' -v p="$package" '$1 == p' "$table")
		[ -n "$row" ] || continue
		IFS=$'\t' read -r _ probe fedora suse alpine <<<"$row"
		case $probe in
		-) continue ;;
		include:*)
			echo "#include <${probe#include:}>" |
				${HOSTCC:-cc} -E -x c - >/dev/null 2>&1 && continue
			;;
		*) command -v "$probe" >/dev/null && continue ;;
		esac
		echo "kiln: missing ${probe#include:}: install $package" \
			"(Debian), $fedora (Fedora), $suse (SUSE), $alpine (Alpine)"
		missing=1
	done
	return $missing
}

if [ "${DEPS:-}" = skip ] || ! command -v apt-get >/dev/null; then
	check_by_probe "$@"
	exit
fi

wanted=()
for package in "$@"; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" \
		= installed ] || wanted+=("$package")
done
[ ${#wanted[@]} -gt 0 ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
	# Without root the tools may still be there, from elsewhere.
	check_by_probe "${wanted[@]}" && exit 0
	command -v sudo >/dev/null || {
		echo "kiln: neither root nor sudo: have them installed (make deps)"
		exit 1
	}
	as_root=sudo
fi
echo "kiln: installing ${wanted[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# A lock held by another apt is waited for.
apt() {
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q \
		-o DPkg::Lock::Timeout=600 "$@" >"$log" 2>&1
}
if ! apt install -y --no-install-recommends "${wanted[@]}"; then
	apt update || true
	apt install -y --no-install-recommends "${wanted[@]}" || {
		tail -n 20 "$log"
		echo "kiln: could not install: ${wanted[*]}"
		exit 1
	}
fi
