#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# For the scripts that fetch packages: a content store, and a private apt root
# below the cache that uses the host's configured sources and keyrings. Neither
# needs root, and the host's own package state is not touched. $tool names the
# script in messages. apt_setup ARCH sets $deb, $cache, $store, $apt, $tmp.

die()
{
	echo "$tool: error: $*" >&2
	exit 1
}

warn()
{
	echo "$tool: warning: $*" >&2
}

apt_setup()
{
	case $1 in
	x86_64) deb=amd64 ;;
	aarch64) deb=arm64 ;;
	s390x) deb=s390x ;;
	ppc64le) deb=ppc64el ;;
	*) die "unknown architecture '$1'" ;;
	esac
	suite=${KILN_SUITE:-}
	[ "$suite" != "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" ] ||
		suite=
	cache=${KILN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kiln}
	store=$cache/store/sha256
	apt=$cache/apt${suite:+-$suite}
	mkdir -p "$store" "$cache/tmp"
	# One apt root, many makes: the lock lives as long as this process.
	exec 9>"$cache/lock"
	flock 9
	tmp=$(mktemp -d "$cache/tmp/fetch.XXXXXX")
	trap 'rm -rf "$tmp"' EXIT
	trap 'exit 1' INT TERM HUP
}

in_store()
{
	[ -f "$store/$1" ]
}

# FILE goes into the store under its hash, atomically; prints the hash.
store_add()
{
	sum=$(sha256sum <"$1")
	sum=${sum%% *}
	cp "$1" "$store/.$sum.$$"
	mv "$store/.$sum.$$" "$store/$sum"
	echo "$sum"
}

# The host's sources, open to this architecture and to source packages. Only
# distribution archives carry foreign architectures and a component "main":
# what a third party configured is left out.
private_sources()
{
	mkdir -p "$apt/etc/sources.list.d"
	rm -f "$apt"/etc/sources.list.d/*
	n=0
	if [ -n "${KILN_APT_SOURCES:-}" ]; then
		set -- "$KILN_APT_SOURCES"
	else
		set -- /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
			/etc/apt/sources.list.d/*.sources
	fi
	for f; do
		[ -r "$f" ] || continue
		n=$((n + 1))
		case $f in
		*.sources)
			awk 'BEGIN { RS = ""; ORS = "\n\n" }
			     /(^|\n)Components:[^\n]*main/ &&
			     !/(^|\n)Enabled: *no/ { print }' "$f" |
				sed -e '/^#/d' -e '/^Architectures:/d' \
				-e 's/^Types:.*/Types: deb deb-src/' \
				>"$apt/etc/sources.list.d/$n.sources"
			;;
		*)
			sed -n -e 's/\[ *arch=[^] ]* *\]//' \
				-e 's/arch=[^] ]* *//' \
				-e '/^deb .*[ \t]main/{p;s/^deb /deb-src /p}' \
				"$f" >"$apt/etc/sources.list.d/$n.list"
			;;
		esac
	done
	[ $n -gt 0 ] || return 1
	[ -z "$suite" ] || other_suite
}

# Another release from the same mirrors.
other_suite()
{
	now=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	[ -n "$now" ] || die "/etc/os-release has no VERSION_CODENAME"
	for f in "$apt"/etc/sources.list.d/*; do
		sed -i "/^#/!s/\\b$now\\b/$suite/g" "$f"
	done
}

# A private configuration: nothing of the host's but how to reach the mirrors.
# Hooks (Post-Invoke and the like) stay out.
private_root()
{
	mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" \
		"$apt/etc/apt.conf.d" "$apt/etc/preferences.d"
	: >"$apt/state/status"
	# Kernel headers are ABI and need no security update; the versions of
	# that suite leave the mirror within weeks, a release's last for months.
	cat >"$apt/etc/preferences.d/headers" <<-END
		Package: linux-libc-dev
		Pin: release l=Debian-Security
		Pin-Priority: 100
	END
	private_sources || return 1
	apt-config dump 2>/dev/null |
		grep -E '^Acquire::(http|https|ftp|Retries|Proxy)' \
		>"$apt/etc/apt.conf.d/host" || :
	cat >"$apt/apt.conf" <<-END
		Dir::State "$apt/state";
		Dir::State::status "$apt/state/status";
		Dir::Cache "$apt/cache";
		Dir::Etc "$apt/etc";
		Dir::Etc::sourcelist "/dev/null";
		Dir::Etc::sourceparts "$apt/etc/sources.list.d";
		Dir::Etc::parts "$apt/etc/apt.conf.d";
		Dir::Etc::main "/dev/null";
		Dir::Etc::preferencesparts "$apt/etc/preferences.d";
		Dir::Etc::trustedparts "/etc/apt/trusted.gpg.d";
		Dir::Log "$apt/log";
		APT::Architecture "$deb";
		APT::Architectures { "$deb"; };
		APT::Sandbox::User "";
		APT::Get::List-Cleanup "false";
		Acquire::Languages "none";
		Acquire::Retries "3";
		Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
		Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
	END
	export APT_CONFIG="$apt/apt.conf"
}

# Mirrors fail in passing, and one broken index must not stop what the others
# offer: the outcome of the update is judged by whether the download works.
apt_ready=
apt_prepare()
{
	[ -z "$apt_ready" ] || return 0
	apt_ready=1
	command -v apt-get >/dev/null ||
		die "'$1' is not in the store '$store' and there is no apt-get" \
		"to fetch it (set GUEST_SYSROOT_$arch)"
	private_root || die "no apt sources on this host: set KILN_APT_SOURCES"
	for try in 1 2 3; do
		apt-get -q update >"$apt/update.log" 2>&1 && return 0
		sleep "$try"
	done
	warn "apt-get update had errors, see '$apt/update.log'"
}
