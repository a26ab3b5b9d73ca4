#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Several containers in one sandbox, as containerd, CRI-O and Podman ask for.

load ../e2e/helpers

# Makes container $1, of type $2, in sandbox p1, running $3; FILTER edits more.
member() {
	local base=$BUNDLE BUNDLE=$WORK/$1
	mkdir -p "$BUNDLE"
	cp "$base/config.json" "$BUNDLE/"
	mkdir "$BUNDLE/rootfs"
	cp -a "$base/rootfs/." "$BUNDLE/rootfs/"
	spec --arg t "$2" --arg c "$3" --arg id "$1" '
		.linux.cgroupsPath += "-" + $id |
		.annotations["io.kubernetes.cri.container-type"] = $t |
		.annotations["io.kubernetes.cri.sandbox-id"] = "p1" |
		.process.args = ["/bin/sh", "-c", $c]'
	kiln create --arch "$ARCH" --bundle "$BUNDLE" "$1" </dev/null \
		>"$WORK/$1.out" 2>&1
	kiln start "$1"
}

supervisors() {
	pgrep -fc "supervisor --root $STATE"
}

@test "members share a VM, and come and go one by one" {
	member p1 sandbox 'sleep 1000'
	member c2 container 'sleep 1000'
	member c3 container 'echo three; exit 3'
	[ "$(supervisors)" = 1 ]
	ID=c3 wait_status stopped
	[ "$(cat "$WORK/c3.out")" = three ]
	[ "$(kiln state c2 | jq -r .status)" = running ]
	[ "$(kiln exec c2 cat /proc/sys/kernel/random/boot_id </dev/null)" = \
		"$(kiln exec p1 cat /proc/sys/kernel/random/boot_id </dev/null)" ]
	kiln delete c3
	run kiln delete c2
	[ "$status" = 1 ]
	kiln kill c2 KILL
	ID=c2 wait_status stopped
	kiln delete c2
	[ "$(kiln state p1 | jq -r .status)" = running ]
	# An id can be used again; --force ends just that one.
	rm -r "$WORK/c2"
	member c2 container 'sleep 1000'
	kiln delete --force c2
	[ "$(kiln list -q)" = p1 ]
	[ "$(kiln state p1 | jq -r .status)" = running ]
	kiln delete --force p1
	[ "$(supervisors)" = 0 ]
}

@test "a sandbox takes its members with it; none is made without it" {
	member p1 sandbox 'sleep 1000'
	member c2 container 'sleep 1000'
	kiln delete --force p1
	[ "$(kiln state c2 | jq -r .status)" = stopped ]
	kiln delete c2
	run member c4 container true
	[ "$status" != 0 ]
	grep -q "sandbox 'p1' of this pod does not exist" "$WORK/c4.out"
	[ -z "$(kiln list -q)" ]
}

# Makes container $1, with the namespaces $3 of container $2, running $4.
neighbour() {
	local base=$BUNDLE BUNDLE=$WORK/$1 pid
	mkdir -p "$BUNDLE"
	cp "$base/config.json" "$BUNDLE/"
	cp -a "$base/rootfs" "$BUNDLE/"
	pid=$(kiln state "$2" | jq .pid)
	spec --arg p "/proc/$pid/ns/" --arg t "$3" --arg c "$4" '
		.linux.namespaces |= map(. as $n |
			if ($t | split(",") | index($n.type)) then
				.path = $p + {"network": "net"}[.type] // .type
			else . end) |
		.process.args = ["/bin/sh", "-c", $c]'
	kiln create --arch "$ARCH" --bundle "$BUNDLE" "$1" </dev/null \
		>"$WORK/$1.out" 2>&1
}

@test "who names another's network is in its VM; other namespaces alone are refused" {
	spec '.process.args = ["/bin/sh", "-c", "sleep 1000"]'
	kiln create --arch "$ARCH" --bundle "$BUNDLE" c1 </dev/null >"$WORK/c1.out" 2>&1
	kiln start c1
	neighbour c2 c1 network 'sleep 1000'
	kiln start c2
	neighbour c3 c2 network,pid 'sleep 1000'
	kiln start c3
	[ "$(supervisors)" = 1 ]
	[ "$(kiln exec c3 cat /proc/sys/kernel/random/boot_id </dev/null)" = \
		"$(kiln exec c1 cat /proc/sys/kernel/random/boot_id </dev/null)" ]
	run neighbour c4 c2 pid true
	[ "$status" != 0 ]
	grep -q "the pid namespace of container 'c2' is in another VM" "$WORK/c4.out"
	kiln delete --force c2
	[ "$(kiln list -q | sort | xargs)" = "c1 c3" ]
	[ "$(kiln state c3 | jq -r .status)" = running ]
	kiln delete --force c1
	[ "$(kiln state c3 | jq -r .status)" = stopped ]
	kiln delete c3
	[ -z "$(kiln list -q)" ]
}
