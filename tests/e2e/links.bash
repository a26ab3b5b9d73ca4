# SPDX-License-Identifier: Apache-2.0
#
# Shared by the tests of networks: a container in a namespace made by hand, and
# a peer in another.

network_setup() {
	NS=nt-c$$-$BATS_TEST_NUMBER
	PEER=nt-p$$-$BATS_TEST_NUMBER
	ip netns add "$NS"
	ip netns add "$PEER"
	ip -n "$PEER" link set lo up
	pair eth0 10.91.0 fd91::
	spec --arg p "/run/netns/$NS" '
		(.linux.namespaces[] | select(.type == "network")).path = $p |
		.process.capabilities[] |= . + ["CAP_NET_RAW", "CAP_NET_ADMIN"]'
}

# A veth pair: .2 in the container's namespace as $1, .1 at the peer.
pair() {
	ip -n "$NS" link add name "$1" type veth peer name "to-$1" netns "$PEER"
	ip -n "$NS" addr add "$2.2/24" dev "$1"
	ip -n "$NS" addr add "${3}2/64" dev "$1" nodad
	ip -n "$PEER" addr add "$2.1/24" dev "to-$1"
	ip -n "$PEER" addr add "${3}1/64" dev "to-$1" nodad
	ip -n "$PEER" link set "to-$1" up
	ip -n "$NS" link set "$1" up
}

network_teardown() {
	ip netns del "$NS" || true
	ip netns del "$PEER" || true
}

teardown() {
	local id
	[ -z "${servers:-}" ] || kill $servers 2>/dev/null || true
	for id in $("$KILN" --root "$STATE" list -q 2>/dev/null); do
		"$KILN" --root "$STATE" delete --force "$id" || true
	done
	run nothing_joined
	local joined=$output status_joined=$status
	network_teardown
	echo "$joined"
	[ "$status_joined" = 0 ]
	nothing_left
}

# No tap and no redirection stays in the container's namespace.
nothing_joined() {
	ip netns list | grep -q "$NS" || return 0
	! ip -n "$NS" -o link | grep -E ": kiln[0-9]+:" || return 1
	! ip netns exec "$NS" tc qdisc | grep ingress || return 1
}

peer() {
	timeout 60 ip netns exec "$PEER" "$@"
}

# Starts the bundle and waits until it has printed "ready".
start_container() {
	kiln_create --pid-file "$WORK/pid" >"$WORK/out" 2>&1 </dev/null
	kiln start c1
	wait_line "$WORK/out" ready
}

end_container() {
	kiln kill c1 KILL
	wait_status stopped
	kiln delete c1
	nothing_joined
}

# The names of the guest's interfaces, on one line.
guest_links() {
	kiln exec c1 ls /sys/class/net </dev/null | xargs
}

until_links() {
	local i
	for ((i = 0; i < 50; i++)); do
		[ "$(guest_links)" != "$1" ] || return 0
		sleep 0.2
	done
	guest_links
	cat "$STATE/c1/supervisor.log"
	return 1
}

# Waits until the output of command $1 in the container has $2, and none of the
# others.
until_guest() {
	local i out not bad
	for ((i = 0; i < 50; i++)); do
		out=$(kiln exec c1 sh -c "$1" </dev/null || true)
		bad=0
		for not in "${@:3}"; do
			[[ "$out" != *"$not"* ]] || bad=1
		done
		[[ $bad = 1 || "$out" != *"$2"* ]] || return 0
		sleep 0.2
	done
	echo "$out"
	cat "$STATE/c1/supervisor.log"
	return 1
}
