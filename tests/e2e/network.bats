#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A network namespace made by hand, joined to a VM of each architecture. The
# peer is at the other end of a veth pair, in a namespace of its own.

load helpers
load links

@test "addresses, routes, MTU as in the namespace; ping both ways" {
	network_setup
	ip -n "$NS" link set eth0 mtu 1400
	ip -n "$NS" route add default via 10.91.0.1 metric 50 mtu 1300
	ip -n "$NS" route add 10.99.0.0/16 dev eth0 scope link
	ip -n "$NS" -6 route add default via fd91::1
	ip -n "$NS" neigh add 10.91.0.77 lladdr 02:00:00:00:00:77 dev eth0 nud permanent
	command_is "ip addr show eth0; ip route; ip -6 route; ip neigh
		ping -c 2 -w 10 10.91.0.1; ping -c 2 -w 10 fd91::1
		echo ready
		while :; do sleep 1; done"
	start_container
	cat "$WORK/out"
	grep -q 'mtu 1400' "$WORK/out"
	grep -q "link/ether $(ip -n "$NS" -j link show eth0 | jq -r '.[0].address')" "$WORK/out"
	grep -q 'inet 10.91.0.2/24' "$WORK/out"
	grep -q 'inet6 fd91::2/64' "$WORK/out"
	grep -q 'default via 10.91.0.1 dev eth0 .*metric 50' "$WORK/out"
	grep -q '10.99.0.0/16 dev eth0 scope link' "$WORK/out"
	grep -q 'default via fd91::1 dev eth0' "$WORK/out"
	grep -q '10.91.0.77 .*02:00:00:00:00:77.*PERMANENT' "$WORK/out"
	[ "$(grep -c 'bytes from 10.91.0.1' "$WORK/out")" = 2 ]
	grep -q 'bytes from fd91::1' "$WORK/out"
	peer ping -c 2 -w 10 10.91.0.2
	peer ping -6 -c 2 -w 10 fd91::2
	end_container
}

# nc ends with its input, so it gets one without an end: a FIFO it writes to.
@test "TCP both ways, unchanged" {
	network_setup
	head -c 8388608 /dev/urandom >"$WORK/data"
	sum=$(sha256sum <"$WORK/data")
	mkfifo "$WORK/never"
	peer busybox nc -l -p 5000 <"$WORK/data" >/dev/null 3>&- &
	peer busybox nc -l -p 5001 <>"$WORK/never" >"$WORK/got" 3>&- &
	command_is 'mkfifo /dev/shm/never; nc 10.91.0.1 5000 <>/dev/shm/never >/dev/shm/data
		nc 10.91.0.1 5001 </dev/shm/data; sha256sum </dev/shm/data; echo ready
		nc -l -p 6000 <>/dev/shm/never | sha256sum; echo done
		while :; do sleep 1; done'
	start_container
	cat "$WORK/out"
	[ "$(head -1 "$WORK/out")" = "$sum" ]
	cmp "$WORK/data" "$WORK/got"
	sleep 0.5
	peer busybox nc 10.91.0.2 6000 <"$WORK/data" >/dev/null
	wait_line "$WORK/out" 'done'
	[ "$(sed -n 3p "$WORK/out")" = "$sum" ]
	end_container
}

@test "two interfaces, large packets, one address each" {
	network_setup
	pair net1 10.92.0 fd92::
	ip -n "$NS" link set net1 mtu 9000
	ip -n "$PEER" link set to-net1 mtu 9000
	command_is 'ls /sys/class/net; cat /sys/class/net/net1/mtu
		ping -c 1 -w 10 10.91.0.1; ping -c 2 -w 10 -p 55 -s 8900 10.92.0.1'
	run kiln_run
	echo "$output"
	[ "$status" = 0 ]
	[[ "$output" == *eth0* && "$output" == *net1* && "$output" == *9000* ]]
	[[ "$output" == *"8908 bytes from 10.92.0.1"* ]]
}

@test "macvlan: the container is a host of its own on the peer's network" {
	network_setup
	ip -n "$PEER" link add name mv0 link to-eth0 type macvlan mode bridge
	ip -n "$PEER" link add name mv1 link to-eth0 type macvlan mode bridge
	ip -n "$PEER" link set mv1 netns "$NS"
	ip -n "$PEER" addr add 10.93.0.1/24 dev mv0
	ip -n "$PEER" link set mv0 up
	ip -n "$NS" link set eth0 down
	ip -n "$NS" addr flush dev eth0
	ip -n "$NS" addr add 10.93.0.2/24 dev mv1
	ip -n "$NS" link set eth0 up
	ip -n "$NS" link set mv1 up
	command_is 'ping -c 2 -w 10 10.93.0.1'
	run kiln_run
	echo "$output"
	[ "$status" = 0 ]
}

# As without root: slirp4netns is behind a tap, and Podman's port forwarder, in
# the namespace, dials the container's own address.
@test "a tap: who is in the namespace reaches the guest by its address" {
	NS=nt-c$$-$BATS_TEST_NUMBER
	PEER=nt-p$$-$BATS_TEST_NUMBER
	ip netns add "$NS"
	ip netns add "$PEER"
	ip -n "$NS" link set lo up
	ip -n "$NS" tuntap add mode tap name tap0
	ip -n "$NS" addr add 10.91.5.2/24 dev tap0
	ip -n "$NS" link set tap0 up
	spec --arg p "/run/netns/$NS" '
		(.linux.namespaces[] | select(.type == "network")).path = $p |
		.process.args = ["/bin/sh", "-c",
			"echo ready; while :; do echo guest | nc -l -p 77; done"]'
	start_container
	[ "$(ip -n "$NS" -o route get 10.91.5.2 | grep -c ' dev kiln0 ')" = 1 ]
	for i in 1 2 3; do
		said=$(timeout 60 ip netns exec "$NS" busybox nc -w 20 10.91.5.2 77 </dev/null || :)
		[ "$said" = guest ] && break
		sleep 1
	done
	[ "$said" = guest ]
	kiln exec c1 ip -4 -o addr </dev/null | tee "$WORK/addr"
	[ -z "$(grep -v -e '127\.0\.0\.1' -e '10\.91\.5\.2' "$WORK/addr")" ]
	end_container
	ip -n "$NS" route show table local | grep -q '^local 10.91.5.2 dev tap0'
}

# As Docker's: on a loopback address of the namespace, asking others from there.
@test "a name server of the namespace answers the guest, and is answered" {
	network_setup
	ip -n "$NS" link set lo up
	printf '%s\n' '# ours' 'nameserver 127.0.0.11' 'options ndots:0' >"$WORK/resolv"
	spec --arg r "$WORK/resolv" '.mounts += [{destination: "/etc/resolv.conf",
		type: "bind", source: $r, options: ["rbind"]}]
		| .linux.sysctl["net.ipv4.ip_local_port_range"] = "61440 65535"'
	command_is 'cat /etc/resolv.conf; echo ready
		until test -e /dev/shm/go; do sleep 0.2; done
		for i in 1 2 3; do nslookup db 2>&1 | tail -n +3 | grep 10.9.8.7 && break; done
		for i in 1 2 3; do nslookup db 10.91.0.1 2>&1 | tail -n +3 | grep 10.9.8.7 && break; done
		( echo tcp; sleep 2 ) | nc -w 10 169.254.77.1 53; echo done; sleep 1000'
	start_container
	ip netns exec "$PEER" python3 "$BATS_TEST_DIRNAME/nameserver.py" 10.91.0.1 \
		>"$WORK/outer" 3>&- &
	servers=$!
	wait_line "$WORK/outer" serving
	ip netns exec "$NS" python3 "$BATS_TEST_DIRNAME/nameserver.py" 127.0.0.11 10.91.0.1 \
		>"$WORK/inner" 3>&- &
	servers="$servers $!"
	wait_line "$WORK/inner" serving
	kiln exec c1 touch /dev/shm/go </dev/null
	wait_line "$WORK/out" 'done'
	kill $servers
	cat "$WORK/out" "$WORK/inner"
	[ "$(cat "$WORK/out")" = "# ours
nameserver 169.254.77.1
options ndots:0
ready
Address: 10.9.8.7
Address: 10.9.8.7
tcp
done" ]
	[ "$(head -1 "$WORK/inner")" = 10.9.8.7 ]
	[ "$(sed -n 2p "$WORK/resolv")" = 'nameserver 127.0.0.11' ]
	pid=$(pgrep -f "supervisor --root $STATE" | while read -r p; do
		! grep -qx kiln-dns "/proc/$p/comm" || echo "$p"
	done)
	[ -n "$pid" ]
	end_container
	[ ! -e "/proc/$pid" ]
}

@test "what cannot be is refused, and leaves nothing" {
	network_setup
	command_is 'echo alive >/dev/shm/index.html; httpd -p 80 -h /dev/shm
		echo ready; while :; do sleep 1; done'
	start_container
	cp -a "$BUNDLE" "$WORK/second"
	run kiln create --arch "$ARCH" --bundle "$WORK/second" c2
	echo "$output"
	[ "$status" != 0 ]
	[[ "$output" == *"interface 'eth0'"*"another VM"* ]]
	[ "$(peer busybox wget -q -O - http://10.91.0.2/)" = alive ]
	end_container
	spec 'del(.linux.namespaces[] | select(.type == "network"))'
	run kiln_run
	[ "$status" != 0 ]
	[[ "$output" == *"network=host is not possible in a VM"* ]]
}

@test "a killed supervisor leaves nothing at the namespace" {
	network_setup
	command_is 'echo ready; while :; do sleep 1; done'
	start_container
	kill -9 $(pgrep -f "supervisor.*$STATE")
	wait_status stopped
	kiln delete --force c1
	nothing_joined
}
