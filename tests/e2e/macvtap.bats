#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# internetworking_model = "macvtap": as network.bats, in short.

load helpers
load links

# create and start with lines of [hypervisor.qemu].
start_macvtap() {
	printf '%s\n' '[hypervisor.qemu]' "$@" '[runtime]' \
		'internetworking_model = "macvtap"' >"$WORK/config.toml"
	timeout 60 "$KILN" --config "$WORK/config.toml" --root "$STATE" create \
		--arch "$ARCH" --bundle "$BUNDLE" c1 >"$WORK/out" 2>&1 </dev/null
	kiln start c1
	wait_line "$WORK/out" ready
}

no_macvtap() {
	! ip -n "$NS" -o -d link | grep macvtap
}

@test "macvtap: both ways, addresses that change, a link that goes" {
	network_setup
	command_is 'echo alive >/dev/shm/index.html; httpd -p 80 -h /dev/shm
		ip addr show eth0; ping -c 2 -w 10 10.91.0.1; ping -c 2 -w 10 fd91::1
		echo ready; while :; do sleep 1; done'
	start_macvtap 'network_queues = 4' 'default_vcpus = 2' 'default_maxvcpus = 2'
	cat "$WORK/out"
	grep -q "link/ether $(ip -n "$NS" -j link show eth0 | jq -r '.[0].address')" "$WORK/out"
	grep -q 'bytes from 10.91.0.1' "$WORK/out"
	grep -q 'bytes from fd91::1' "$WORK/out"
	ip -n "$NS" -d link show kiln0 | grep -q 'macvtap mode passthru'
	# One queue, whatever is configured: see docs/network.md.
	[ "$(kiln exec c1 ls /sys/class/net/eth0/queues </dev/null | xargs)" = "rx-0 tx-0" ]
	[ "$(peer busybox wget -q -O - http://10.91.0.2/)" = alive ]
	ip -n "$NS" addr add 10.94.0.2/24 dev eth0
	ip -n "$PEER" addr add 10.94.0.1/24 dev to-eth0
	until_guest "ip -4 -o addr" "10.94.0.2"
	peer ping -c 1 -w 10 10.94.0.2
	pair eth1 10.92.0 fd92::
	if [ "$ARCH" = s390x ]; then # it takes cards at any time
		until_links "eth0 eth1 lo"
		peer ping -c 1 -w 10 10.92.0.2
		ip -n "$NS" link del eth1
		until_links "eth0 lo"
	else
		wait_line "$STATE/c1/supervisor.log" "'eth1': no card of the VM is free"
	fi
	ip -n "$NS" link del eth0
	until_links lo
	end_container
	no_macvtap
}

@test "macvtap: another VM is refused, and a killed supervisor leaves nothing" {
	network_setup
	command_is 'echo alive >/dev/shm/index.html; httpd -p 80 -h /dev/shm
		echo ready; while :; do sleep 1; done'
	# Of somebody who was killed before it was made known whose it is.
	ip -n "$NS" link add link eth0 name kiln7 type macvtap mode passthru
	start_macvtap
	! ip -n "$NS" link show kiln7 || false
	cp -a "$BUNDLE" "$WORK/second"
	for config in "$WORK/config.toml" /dev/null; do
		run timeout 60 "$KILN" --config "$config" --root "$STATE" create \
			--arch "$ARCH" --bundle "$WORK/second" c2
		echo "$output"
		[ "$status" != 0 ]
		[[ "$output" == *"another VM"* ]]
	done
	[ "$(peer busybox wget -q -O - http://10.91.0.2/)" = alive ]
	kill -9 "$(pgrep -f "supervisor.*$STATE")"
	wait_status stopped
	kiln delete --force c1
	no_macvtap
	nothing_joined
}
