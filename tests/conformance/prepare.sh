#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds what a suite runs besides the runtime.
#
# usage: prepare.sh SUITE SOURCES WORK
set -eu
suite=$1 src=$2 work=$3

need()
{
	local c
	for c; do
		command -v "$c" >/dev/null || {
			echo "conformance: no '$c' on this host: $suite needs" \
				"$*" >&2
			exit 1
		}
	done
}

# The program that runs in the containers of crun's suite.
prepare_crun()
{
	need crun gcc /usr/bin/python3
	printf '#define HAVE_SECCOMP 1\n#define HAVE_ERROR_H 1\n' \
		>"$work/config.h"
	gcc -O1 -w -static -I"$work" -o "$work/init" "$src/tests/init.c" \
		-lseccomp
}

# The helpers in Go come from the sources, their libraries from Debian's
# golang-github-opencontainers-runc-dev.
prepare_runc()
{
	local top=$work/go/src/github.com/opencontainers c

	need runc bats busybox gawk go jq
	export GO111MODULE=off GOFLAGS='' GOCACHE="$work/go-cache"
	export GOPATH="$work/go:/usr/share/gocode"
	mkdir -p "$top"
	ln -sfn "$src" "$top/runc"
	for c in recvtty sd-helper seccompagent; do
		[ -x "$src/contrib/cmd/$c/$c" ] ||
			(cd "$top/runc/contrib/cmd/$c" &&
			 go build -tags seccomp -o "$c" .)
	done
	busybox_image "$src/tests/integration/testdata"
}

# In place of the images that the suite would download.
busybox_image()
{
	local root a data=$1 arch

	arch=$(go env GOARCH)
	[ -f "$data/busybox-$arch.tar.xz" ] && return
	root=$(mktemp -d "$work/busybox.XXXXXX")
	chmod 755 "$root"
	(
		cd "$root"
		mkdir -p bin dev etc home lib proc root sbin sys tmp usr/bin \
			usr/sbin var
		chmod 1777 tmp
		cp "$(command -v busybox)" bin/busybox
		for a in $(bin/busybox --list); do
			[ "$a" = busybox ] || ln -sf busybox "bin/$a"
		done
		ln -s ../../bin/env usr/bin/env
		printf '%s\n' root:x:0:0:root:/root:/bin/sh \
			nobody:x:65534:65534:nobody:/home:/bin/false >etc/passwd
		printf '%s\n' root:x:0: nogroup:x:65534: >etc/group
		tar -cJf "$data/busybox-$arch.tar.xz" .
		cp "$data/busybox-$arch.tar.xz" "$data/debian-$arch.tar.xz"
	)
	rm -rf "$root"
}

mkdir -p "$work"
"prepare_$suite"
