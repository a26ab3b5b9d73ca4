#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load helpers

WEB='mkdir /www; echo page >/www/index.html; httpd -p 80 -h /www; echo ready; trap "exit 0" TERM; while :; do sleep 0.1; done'

ready() {
	wait_for sh -c "'$BASE/engine' logs '$1' | grep -q ready"
}

@test "a published port" {
	port=$((20000 + RANDOM % 10000))
	c_run -d --name "$N" -p "127.0.0.1:$port:80" bb sh -c "$WEB"
	ready "$N"
	wait_for sh -c "[ \"\$(wget -T 5 -qO- http://127.0.0.1:$port/)\" = page ]"
}

@test "an address, a default route, name servers" {
	run --separate-stderr c_run --rm --name "$N" bb sh -c 'ip -4 -o addr | grep -v 127.0.0.1; ip route; cat /etc/resolv.conf'
	echo "$output"
	[[ "$output" == *"inet "*"default via"*"nameserver "* ]]
}

@test "two containers on a network, by name" {
	only podman docker # without root Podman needs a host with netavark's rootless plumbing
	c network create "$N"
	c_run -d --name "$N-web" --network "$N" bb sh -c "$WEB"
	ready "$N-web"
	run --separate-stderr c_run --rm --name "$N" --network "$N" bb sh -c "$(get "$N-web" 80)"
	echo "$output"
	[ "${lines[-1]}" = page ]
}

@test "a network that is connected later, and disconnected" {
	only podman docker # without root: as above
	c network create "$N"
	c network create "$N-b"
	c_run -d --name "$N-web" --network "$N-b" bb sh -c "$WEB"
	c_run -d --name "$N" --network "$N" bb sh -c "$LOOP"
	ready "$N-web"
	address=$(c inspect -f "{{(index .NetworkSettings.Networks \"$N-b\").IPAddress}}" "$N-web")
	[ "$(c exec "$N" ls /sys/class/net | wc -l)" = 2 ]
	c network connect "$N-b" "$N"
	wait_for sh -c "'$BASE/engine' exec '$N' ls /sys/class/net | grep eth1"
	run --separate-stderr c exec "$N" sh -c "$(get "$address" 80)"
	echo "$output"
	[ "${lines[-1]}" = page ]
	run --separate-stderr c exec "$N" sh -c "$(get "$N-web" 80)"
	echo "$output"
	[ "${lines[-1]}" = page ]
	c network disconnect "$N-b" "$N"
	wait_for sh -c "! '$BASE/engine' exec '$N' ls /sys/class/net | grep eth1"
	[ "$(c exec "$N" ls /sys/class/net | wc -l)" = 2 ]
}

@test "no network" {
	run --separate-stderr c_run --rm --name "$N" --network none bb ip -o link
	[ "${#lines[@]}" = 1 ]
	[[ "$output" == *"lo:"* ]]
}

@test "the host's network" {
	run --separate-stderr c_run --rm --name "$N" --network host bb ip -o link
	[ "$status" = 0 ]
}

@test "another container's network" {
	c_run -d --name "$N-a" bb sh -c "$LOOP"
	run --separate-stderr c_run --rm --name "$N" --network "container:$N-a" bb ip -4 -o addr
	[ "$status" = 0 ]
}

@test "hosts and host names of the engine" {
	run --separate-stderr c_run --rm --name "$N" --add-host db:10.9.8.7 --hostname hx bb cat /etc/hosts /etc/hostname
	[[ "$output" == *"10.9.8.7"*db* ]]
	[[ "$output" == *hx* ]]
}
