# SPDX-License-Identifier: Apache-2.0
#
# Shared by the end-to-end tests. KILN_TEST_ARCH is the guest architecture,
# KILN_O the build tree. Each test has a state root and a bundle of its own and
# must leave nothing behind.

bats_require_minimum_version 1.5.0

setup_file() {
	export ARCH=${KILN_TEST_ARCH:-$(uname -m)}
	export O=$(realpath "${KILN_O:-build}")
	export KILN=$O/host/kiln
	export BUSYBOX_ROOTFS=$O/$ARCH/busybox-rootfs
}

setup() {
	WORK=$(mktemp -d "$BATS_TEST_TMPDIR/kiln.XXXX")
	STATE=$WORK/state
	BUNDLE=$WORK/bundle
	mkdir -p "$BUNDLE"
	cp -a "$BUSYBOX_ROOTFS" "$BUNDLE/rootfs"
	"$KILN" spec --bundle "$BUNDLE"
	# Not that of other tests at the same time, whose containers are c1 too.
	spec --arg g "/kiln-test-$$-$BATS_TEST_NUMBER" '.process.terminal = false
		| .root.readonly = false | .linux.cgroupsPath = $g'
}

teardown() {
	local id
	for id in $("$KILN" --root "$STATE" list -q 2>/dev/null); do
		"$KILN" --root "$STATE" delete --force "$id" || true
	done
	nothing_left
}

# Edits the bundle's config.json by a jq program.
spec() {
	jq "$@" "$BUNDLE/config.json" >"$BUNDLE/new.json"
	mv "$BUNDLE/new.json" "$BUNDLE/config.json"
}

# The container's command: sh -c "$1".
command_is() {
	spec --arg c "$1" '.process.args = ["/bin/sh", "-c", $c]'
}

kiln() {
	timeout "${T:-60}" "$KILN" --root "$STATE" "$@"
}

# Runs the bundle in the foreground.
kiln_run() {
	kiln run --arch "$ARCH" --bundle "$BUNDLE" "${ID:-c1}"
}

# kiln with a configuration of its own, one line of [hypervisor.qemu] each.
kiln_configured() {
	local verb=$1 line
	shift
	echo '[hypervisor.qemu]' >"$WORK/config.toml"
	for line in "$@"; do
		echo "$line" >>"$WORK/config.toml"
	done
	timeout "${T:-60}" "$KILN" --config "$WORK/config.toml" \
		--root "$STATE" "$verb" --arch "$ARCH" --bundle "$BUNDLE" c1
}

kiln_create() {
	kiln create --arch "$ARCH" --bundle "$BUNDLE" "$@" "${ID:-c1}"
}

wait_status() {
	local i
	for ((i = 0; i < 100; i++)); do
		[ "$(kiln state "${ID:-c1}" | jq -r .status)" = "$1" ] && return 0
		sleep 0.1
	done
	kiln state "${ID:-c1}"
	return 1
}

# Waits until a file has a line matching a pattern.
wait_line() {
	local i
	for ((i = 0; i < 300; i++)); do
		grep -q -- "$2" "$1" 2>/dev/null && return 0
		sleep 0.1
	done
	cat "$1" || true
	return 1
}

# The process has ended; its parent need not have reaped it.
is_gone() {
	local i
	for ((i = 0; i < 50; i++)); do
		[ -d "/proc/$1" ] || return 0
		grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null && return 0
		sleep 0.1
	done
	return 1
}

# No process, mount or socket of this test's state root stays.
nothing_left() {
	local i
	for ((i = 0; i < 50; i++)); do
		pgrep -f -- "$STATE" >/dev/null || break
		sleep 0.1
	done
	if pgrep -af -- "$STATE"; then
		echo "processes left behind"
		return 1
	fi
	if grep -F "$STATE" /proc/self/mounts; then
		echo "mounts left behind"
		return 1
	fi
	# What `kiln explain` tells of the deleted is kept, on purpose.
	if [ -d "$STATE" ] && ls -A "$STATE" | grep -vx .history; then
		ls -laR "$STATE"
		echo "files left behind"
		return 1
	fi
}

# The process of a role, as the journal has it: the last line counts.
journal_pid() {
	awk -v r="$1" '$1 == "process" && $2 == r && NF == 4 { p = $3 }
		END { print p }' "$STATE/c1/journal"
}
