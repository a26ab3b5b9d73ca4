#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs public suites of OCI runtimes, the peers first, so that a host on which
# they fail shows as such, then Kiln, and compares with what is expected.
# Root; minutes. Environment: O, KILN_CACHE, KILN, SUITES, JOBS, TIMEOUT (of a
# test, in seconds).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "$O/conformance" && cd "$O/conformance" && pwd)
cache=$KILN_CACHE/conformance
kiln=$(realpath "$KILN")
jobs=${JOBS:-2}
export KILN_GUESTS=${KILN_GUESTS:-$(realpath "$O")}
export PYTHONPATH=$here/python

[ "$(id -u)" = 0 ] || { echo "conformance: needs root" >&2; exit 1; }
mkdir -p "$cache"

# NAME of the result, then options of the driver.
drive()
{
	local name=$1
	shift
	echo "  SUITE   $suite ($name)"
	/usr/bin/python3 -B "$here/drive.py" "$suite" "$src" \
		"$out/$suite.$name.tap" --jobs "$jobs" \
		--timeout "${TIMEOUT:-60}" "$@"
}

# Guests have cgroup version 2: tests that look into the container's tree are
# to look for its files. The peers get the host's version 1.
run_crun()
{
	export INIT=$out/work-crun/init
	OCI_RUNTIME=$(command -v crun) drive peer
	if command -v runc >/dev/null; then
		OCI_RUNTIME=$here/runc-as-crun drive runc
	fi
	OCI_RUNTIME=$kiln drive kiln --cgroup2
}

run_runc()
{
	export INIT=/bin/true
	RUNC=$(command -v runc) drive peer
	# As one has it who puts it in runc's place: by that name.
	ln -sfn "$kiln" "$out/work-runc/runc"
	RUNC=$out/work-runc/runc drive kiln
}

# Engines with their daily commands: the same tests on runc and on Kiln.
run_client()
{
	local name runtime
	export ROOTFS=${ROOTFS:-$(realpath "$O/$(uname -m)/busybox-rootfs")}
	for name in peer kiln; do
		runtime=$(command -v runc)
		[ "$name" = peer ] || runtime=$kiln
		echo "  SUITE   $suite ($name)"
		"$here/../clients/drive.sh" "$suite" "$runtime" \
			"$out/$suite.$name.tap" >"$out/$suite.$name.log" 2>&1 ||
			{ tail -20 "$out/$suite.$name.log"; return 1; }
	done
}

# What peers that were killed leave of cgroups; those in use stay.
sweep()
{
	find /sys/fs/cgroup -depth -type d \( -name 'test-tmp*' -o \
		-path '*/runc-cgroups-integration-test*' -o \
		-name 'test_busybox*' -o -name 'test_hello' \) \
		-exec rmdir {} + 2>/dev/null || :
}

status=0
for suite in ${SUITES:-crun runc}; do
	case $suite in
	docker | podman | podman-rootless)
		run_client ;;
	*)
		src=$("$here/fetch.sh" "$suite" "$cache")
		"$here/prepare.sh" "$suite" "$src" "$out/work-$suite"
		"run_$suite"
		sweep ;;
	esac
	/usr/bin/python3 -B "$here/compare.py" "$suite" "$out" \
		"$here/$suite.expected" || status=1
done
exit $status
