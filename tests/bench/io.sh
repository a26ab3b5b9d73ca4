#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#	io.sh ARCH
#
# Network and files of a container in a VM of ARCH beside those of a container
# of runc on this host, in turns, as an object of JSON: iperf3 between two
# network namespaces (TCP both ways, and the time of a ping's answer), fio on the
# container's root (throughput, then everything written read back with checksums),
# and making and removing files. Each figure is the median of $RUNS. The network
# is the host's memory: what a card would do is not in it.
set -euo pipefail
O=$(realpath "${O:-build}")
RUNS=${RUNS:-3}
SECONDS_EACH=${SECONDS_EACH:-3}
KILN=$O/host/kiln
arch=$1
work=$(mktemp -d /tmp/kiln-io.XXXXXX)
ns=kb$$
server=
# shellcheck disable=SC2317
clean_up() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	"$KILN" --root "$work/state" delete --force b >/dev/null 2>&1 || true
	runc --root "$work/runc" delete --force b >/dev/null 2>&1 || true
	ip netns del "$ns-a" 2>/dev/null || true
	ip netns del "$ns-b" 2>/dev/null || true
	rm -rf "$work"
}
trap clean_up EXIT
export KILN_GUESTS=$O

ip netns add "$ns-a"
ip netns add "$ns-b"
ip -n "$ns-a" link add eth0 type veth peer name eth0 netns "$ns-b"
ip -n "$ns-a" addr add 10.93.0.2/24 dev eth0
ip -n "$ns-b" addr add 10.93.0.1/24 dev eth0
ip -n "$ns-a" link set eth0 up
ip -n "$ns-a" link set lo up
ip -n "$ns-b" link set eth0 up
ip netns exec "$ns-b" iperf3 -s >"$work/server" 2>&1 </dev/null &
server=$!
for ((i = 0; i < 100; i++)); do
	ip netns exec "$ns-b" ss -ltn | grep -q :5201 && break
	sleep 0.1
done

# What runs in the container: one figure a line, name and number.
cat >"$work/measure" <<-'END'
	set -e
	fio_one() { # NAME OPTION...
		name=$1
		shift
		fio --name=j --directory=/data --thread --minimal --terse-version=3 \
			"$@" >/data/out 2>/data/err || { cat /data/err; exit 1; }
		# KiB/s: of reading is field 7, of writing field 48
		echo "$name $(tail -n 1 /data/out | cut -d';' -f "$FIELD")"
	}
	iperf() { # NAME OPTION...
		name=$1
		shift
		iperf3 -c 10.93.0.1 -t "$SECONDS_EACH" -f m "$@" >/data/net
		echo "$name $(awk '/receiver/ { print $(NF - 2) }' /data/net)"
	}
	iperf send_mbit_s
	iperf receive_mbit_s -R
	ping -c 20 -i 0.1 -q 10.93.0.1 >/data/net
	echo "ping_us $(awk -F/ '/round-trip/ { print $4 * 1000 }' /data/net)"
	FIELD=48 fio_one write_kib_s --rw=write --bs=128k --size=64m --end_fsync=1
	FIELD=7 fio_one read_kib_s --rw=read --bs=128k --size=64m
	FIELD=7 fio_one random_read_4k_kib_s --rw=randread --bs=4k --size=64m \
		--runtime="$SECONDS_EACH" --time_based
	FIELD=48 fio_one random_write_4k_kib_s --rw=randwrite --bs=4k --size=64m \
		--runtime="$SECONDS_EACH" --time_based
	rm -f /data/j*
	FIELD=48 fio_one verified_write_kib_s --rw=randwrite --bs=4k --size=8m \
		--verify=crc32c --verify_fatal=1 --do_verify=1
	rm -f /data/j*
	cd /data
	start=$(cut -d' ' -f1 /proc/uptime)
	i=0
	while [ $i -lt 300 ]; do
		: >f$i
		i=$((i + 1))
	done
	rm f*
	echo "files_s $(cut -d' ' -f1 /proc/uptime) $start" |
		awk '{ printf "%s %d\n", $1, 300 / ($2 - $3 + 0.001) }'
END

# A bundle for a root file system; its measure and data are its own.
bundle() { # DIR ROOTFS
	mkdir -p "$1"
	cp -al "$2" "$1/rootfs" 2>/dev/null || cp -a "$2" "$1/rootfs"
	mkdir -p "$1/rootfs/data"
	cp "$work/measure" "$1/rootfs/measure"
	"$KILN" spec --bundle "$1"
	jq --arg ns "/run/netns/$ns-a" --arg s "$SECONDS_EACH" '
		.process.terminal = false | .root.readonly = false |
		.process.args = ["/bin/sh", "/measure"] |
		.process.env += ["SECONDS_EACH=" + $s] |
		.process.capabilities |= map_values(. + ["CAP_NET_RAW"]) |
		(.linux.namespaces[] | select(.type == "network")).path = $ns |
		.linux.resources = {memory: {limit: 536870912}} |
		.linux.cgroupsPath = "/'"$(basename "$work")"'"' \
		"$1/config.json" >"$1/new"
	mv "$1/new" "$1/config.json"
}

# $2... runs the bundle; its figures go to the file of its name.
one() { # NAME COMMAND...
	local name=$1
	shift
	if ! "$@" </dev/null >"$work/out" 2>"$work/err"; then
		cat "$work/out" "$work/err" >&2
		echo "io.sh: '$name' failed" >&2
		exit 1
	fi
	grep -E '^[a-z_0-9]+ [0-9.]+$' "$work/out" >>"$work/$name.figures"
}

host=$(uname -m)
bundle "$work/native" "$O/$host/bench-rootfs"
bundle "$work/guest" "$O/$arch/bench-rootfs"
kinds=virtio-9p
[ "$arch" != "$host" ] || kinds="virtio-9p virtio-fs"
for kind in $kinds; do
	printf '[hypervisor.qemu]\nshared_fs = "%s"\n' "$kind" >"$work/$kind.toml"
done
for ((i = 0; i < RUNS; i++)); do
	one runc runc --root "$work/runc" run --bundle "$work/native" b
	for kind in $kinds; do
		KILN_CONF_FILE=$work/$kind.toml one "$kind" "$KILN" --root "$work/state" \
			run --arch "$arch" --bundle "$work/guest" b
	done
done
for name in runc $kinds; do
	jq -R --arg name "$name" 'split(" ") | {key: .[0], value: (.[1] | tonumber)}' \
		"$work/$name.figures" | jq -s --arg name "$name" '
		group_by(.key) | map({key: .[0].key,
			value: (map(.value) | sort | .[length / 2 | floor])})
		| {key: $name, value: from_entries}'
done | jq -s from_entries
