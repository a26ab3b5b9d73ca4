#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A user without any privilege runs VMs: with subordinate ids, and with none.

load helpers

# Such a user may not look into the folders of root's that tests use otherwise.
setup_file() {
	[ "$(id -u)" = 0 ] || skip "makes users: needs root"
	export ARCH=${KILN_TEST_ARCH:-$(uname -m)}
	export O=$(realpath "${KILN_O:-build}")
	export BASE=$(mktemp -d /tmp/kiln-rootless.XXXX)
	export KILN=$BASE/kiln KILN_GUESTS=$BASE/guests
	export TEST_USER=kiln-test-$$
	chmod 755 "$BASE"
	cp "$O/host/kiln" "$BASE"
	mkdir -p "$KILN_GUESTS/$ARCH"
	cp "$O/$ARCH"/{image.json,kernel,initrd.img} "$KILN_GUESTS/$ARCH"
	chmod -R a+rX "$BASE"
	useradd --no-create-home --home-dir "$BASE/home" "$TEST_USER"
	grep -q "^$TEST_USER:" /etc/subuid # or the first case tests nothing
	install -d -m 700 -o "$TEST_USER" "$BASE/home" "$BASE/run"
}

teardown_file() {
	userdel "$TEST_USER"
	rm -rf "$BASE"
}

# Who runs, by user and group id; HOME and XDG_RUNTIME_DIR are theirs.
become() {
	RUN_AS=$1
	RUN_GROUP=$2
	WORK=$BASE/home/work
	mkdir -p "$WORK/bundle"
	cp -a "$O/$ARCH/busybox-rootfs" "$WORK/bundle/rootfs"
	chown -R "$RUN_AS:$RUN_GROUP" "$BASE/home" "$BASE/run"
	BUNDLE=$WORK/bundle
	STATE=$BASE/run/kiln
	user "$KILN" spec --bundle "$BUNDLE"
	spec '.process.terminal = false | .root.readonly = false'
}

user() {
	timeout 60 setpriv --reuid "$RUN_AS" --regid "$RUN_GROUP" --clear-groups \
		env HOME="$BASE/home" XDG_RUNTIME_DIR="$BASE/run" "$@"
}

setup() {
	:
}

teardown() {
	user "$KILN" delete --force c1 2>/dev/null || true
	nothing_left
	rm -rf "$BASE/home/work"
}

@test "without root: subordinate ids, a network, no trace" {
	become "$(id -u "$TEST_USER")" "$(id -g "$TEST_USER")"
	spec '.process.capabilities[] += ["CAP_CHOWN"]'
	command_is 'id -u; chown 33:34 /bin/busybox; stat -c %u:%g /bin/busybox; ls /sys/class/net; touch /made
		grep -c " / virtiofs " /proc/mounts || :'
	run user "$KILN" run --arch "$ARCH" --bundle "$BUNDLE" c1
	echo "$output"
	[ "$status" = 0 ]
	[ "$output" = "0
33:34
lo
$([ "$ARCH" = "$(uname -m)" ] && echo 1 || echo 0)" ]
	# On the host they are ids of the user's own.
	[ "$(stat -c %u "$BUNDLE/rootfs/made")" = "$RUN_AS" ]
	first=$(sed -n "s/^$TEST_USER:\([0-9]*\):.*/\1/p" /etc/subuid)
	[ "$(stat -c %u "$BUNDLE/rootfs/bin/busybox")" = $((first + 32)) ]
}

@test "without root: create, exec, list, kill, delete" {
	become "$(id -u "$TEST_USER")" "$(id -g "$TEST_USER")"
	command_is 'while :; do sleep 0.1; done'
	user "$KILN" create --arch "$ARCH" --bundle "$BUNDLE" c1 >"$WORK/log" 2>&1 </dev/null
	user "$KILN" start c1
	[ "$(user "$KILN" exec c1 uname -m)" = "$ARCH" ]
	user "$KILN" list --format json | jq -e --arg u "$TEST_USER" \
		'.[0].owner == $u and .[0].status == "running"'
	user "$KILN" kill c1 KILL
	for ((i = 0; i < 100; i++)); do
		[ "$(user "$KILN" state c1 | jq -r .status)" = stopped ] && break
		sleep 0.1
	done
	user "$KILN" delete c1
}

@test "without root and without subordinate ids: one's own id is enough" {
	become 64321 64321
	command_is 'id -u; grep -c " / virtiofs " /proc/mounts; touch /made; exit 3'
	run user "$KILN" run --arch "$ARCH" --bundle "$BUNDLE" c1
	echo "$output"
	[ "$status" = 3 ]
	[ "$output" = "0
0" ]
	[ "$(stat -c %u "$BUNDLE/rootfs/made")" = 64321 ]
}
