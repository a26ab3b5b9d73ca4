#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What changes in a container's network namespace while it runs: as by
# `podman network connect` and `disconnect`. See network.bats for how.

load helpers
load links

@test "a link that comes later is the guest's, goes, and another takes its place" {
	network_setup
	command_is "echo ready; while :; do sleep 1; done"
	start_container
	[ "$(guest_links)" = "eth0 lo" ]
	pair eth1 10.92.0 fd92::
	ip -n "$NS" link set eth1 mtu 1380
	ip -n "$NS" route add 10.99.0.0/16 via 10.92.0.1
	until_guest "ip route" "10.99.0.0/16 via 10.92.0.1"
	kiln exec c1 ip addr show eth1 </dev/null | tee "$WORK/eth1"
	grep -q 'mtu 1380' "$WORK/eth1"
	grep -q 'inet 10.92.0.2/24' "$WORK/eth1"
	grep -q 'inet6 fd92::2/64' "$WORK/eth1"
	grep -q "link/ether $(ip -n "$NS" -j link show eth1 | jq -r '.[0].address')" "$WORK/eth1"
	peer ping -c 2 -w 10 10.92.0.2
	peer ping -6 -c 2 -w 10 fd92::2
	kiln exec c1 ping -c 2 -w 10 10.92.0.1 </dev/null
	ip -n "$NS" link del eth1
	until_links "eth0 lo"
	peer ping -c 1 -w 10 10.91.0.2
	pair net2 10.93.0 fd93::
	until_links "eth0 lo net2"
	kiln exec c1 ping -c 2 -w 10 10.93.0.1 </dev/null
	peer ping -c 1 -w 10 10.91.0.2
	end_container
}

@test "addresses, routes and MTU of a link change, and the first link goes" {
	network_setup
	command_is "echo ready; while :; do sleep 1; done"
	start_container
	ip -n "$NS" addr add 10.94.0.2/24 dev eth0
	ip -n "$PEER" addr add 10.94.0.1/24 dev to-eth0
	ip -n "$NS" route add default via 10.94.0.1
	ip -n "$NS" link set eth0 mtu 1300
	until_guest "ip route" "default via 10.94.0.1"
	kiln exec c1 ping -c 1 -w 10 10.94.0.1 </dev/null
	[ "$(kiln exec c1 cat /sys/class/net/eth0/mtu </dev/null)" = 1300 ]
	ip -n "$NS" route del default
	ip -n "$NS" addr del 10.91.0.2/24 dev eth0
	until_guest "ip -4 -o addr; ip route" "10.94.0.2" "10.91.0" "default"
	peer ping -c 1 -w 10 10.94.0.2
	ip -n "$NS" link del eth0
	until_links "lo"
	pair eth0 10.95.0 fd95::
	until_links "eth0 lo"
	kiln exec c1 ping -c 1 -w 10 10.95.0.1 </dev/null
	end_container
}

@test "a link that has lost its redirection gets it back" {
	network_setup
	command_is "echo ready; while :; do sleep 1; done"
	start_container
	# As when it moves to another namespace and back, faster than is looked.
	ip netns exec "$NS" tc qdisc del dev eth0 ingress
	ip -n "$NS" addr add 10.94.0.2/24 dev eth0
	ip -n "$PEER" addr add 10.94.0.1/24 dev to-eth0
	until_guest "ip -4 -o addr" "10.94.0.2"
	kiln exec c1 ping -c 1 -w 10 10.91.0.1 </dev/null
	kiln exec c1 ping -c 1 -w 10 10.94.0.1 </dev/null
	end_container
}

@test "without a free card the log says so, and what is there stays" {
	local later=
	[ "$ARCH" != s390x ] || later=1
	network_setup
	echo '[hypervisor.qemu]
	network_spares = 0' >"$WORK/config.toml"
	command_is "echo ready; while :; do sleep 1; done"
	timeout 60 "$KILN" --config "$WORK/config.toml" --root "$STATE" create \
		--arch "$ARCH" --bundle "$BUNDLE" c1 >"$WORK/out" 2>&1 </dev/null
	kiln start c1
	wait_line "$WORK/out" ready
	pair eth1 10.92.0 fd92::
	if [ -n "$later" ]; then # it takes cards at any time
		until_links "eth0 eth1 lo"
	else
		wait_line "$STATE/c1/supervisor.log" "'eth1': no card of the VM is free.*network_spares"
		kiln explain c1 | grep -q "'eth1': no card"
		[ "$(guest_links)" = "eth0 lo" ]
	fi
	kiln exec c1 ping -c 1 -w 10 10.91.0.1 </dev/null
	end_container
}

# On the other machine where there is one, which has PCI.
@test "several queues of a card, one that comes later too" {
	local -A machine=([x86_64]=q35 [aarch64]=virt-pci)
	network_setup
	printf '%s\n' '[hypervisor.qemu]' 'network_queues = 4' 'default_vcpus = 2' \
		'default_maxvcpus = 2' \
		"machine_type = '${machine[$ARCH]:-}'" >"$WORK/config.toml"
	command_is 'echo alive >/dev/shm/index.html; httpd -p 80 -h /dev/shm
		echo ready; while :; do sleep 1; done'
	timeout 60 "$KILN" --config "$WORK/config.toml" --root "$STATE" create \
		--arch "$ARCH" --bundle "$BUNDLE" c1 >"$WORK/out" 2>&1 </dev/null
	kiln start c1
	wait_line "$WORK/out" ready
	pair eth1 10.92.0 fd92::
	until_links "eth0 eth1 lo"
	for link in eth0 eth1; do
		[ "$(kiln exec c1 sh -c "ls /sys/class/net/$link/queues" </dev/null | xargs)" = "rx-0 rx-1 tx-0 tx-1" ]
	done
	kiln exec c1 ping -c 1 -w 10 10.91.0.1 </dev/null
	# Each from another port, so that all queues get some.
	for i in 1 2 3 4 5 6 7 8; do
		[ "$(peer busybox wget -q -O - http://10.92.0.2/)" = alive ]
	done
	end_container
}

@test "a link that the agent refuses does not keep the rest from the guest" {
	network_setup
	command_is "echo ready; while :; do sleep 1; done"
	start_container
	pair neté 10.92.0 fd92:: # it takes names of ASCII only
	ip -n "$NS" addr add 10.94.0.2/24 dev eth0
	ip -n "$PEER" addr add 10.94.0.1/24 dev to-eth0
	wait_line "$STATE/c1/supervisor.log" "not as its namespace: .*name"
	until_guest "ip -4 -o addr show dev eth0" "10.94.0.2"
	peer ping -c 1 -w 10 10.94.0.2
	ip -n "$NS" link set neté name net1
	until_guest "ip -4 -o addr show dev net1" "10.92.0.2"
	peer ping -c 1 -w 10 10.92.0.2
	end_container
}
