#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Sets up an engine of its own in BASE: storage, configuration, and the image
# "bb". Writes BASE/engine, the command, and BASE/stop. The host's own engine is
# not touched.
#
# usage: start.sh podman|podman-rootless|docker BASE RUNTIME_NAME RUNTIME ROOTFS
# Environment: STORAGE, Podman's storage driver (vfs).
set -eu
client=$1 base=$2 name=$3 program=$4 rootfs=$5

tar -C "$rootfs" -cf "$base/bb.tar" .
chmod 644 "$base/bb.tar"

start_docker()
{
	cat >"$base/daemon.json" <<-END
	{"data-root": "$base/root", "exec-root": "$base/exec",
	 "pidfile": "$base/pid", "hosts": ["unix://$base/sock"],
	 "storage-driver": "vfs", "bip": "172.31.83.1/24",
	 "runtimes": {"$name": {"path": "$program"}}}
	END
	setsid dockerd --config-file "$base/daemon.json" >"$base/log" 2>&1 </dev/null &
	printf '#!/bin/sh\nexec docker -H "unix://%s/sock" "$@"\n' "$base" >"$base/engine"
	# Its containerd ends with it; what it mounted goes too.
	cat >"$base/stop" <<-END
	#!/bin/sh
	"$base/engine" ps -aq | xargs -r "$base/engine" rm -f >/dev/null 2>&1
	"$base/engine" network prune -f >/dev/null 2>&1
	kill \$(cat "$base/pid")
	for i in \$(seq 100); do [ -e "$base/pid" ] || break; sleep 0.1; done
	ip link del docker0 2>/dev/null || :
	END
	chmod +x "$base/engine" "$base/stop"
	for i in $(seq 100); do
		"$base/engine" version >/dev/null 2>&1 && break
		sleep 0.2
	done
	"$base/engine" import "$base/bb.tar" bb >/dev/null || { cat "$base/log"; exit 1; }
}

# Podman as root or as the user in BASE/user.
start_podman()
{
	local as= user
	mkdir -p "$base/home" "$base/run" "$base/tmp"
	mkdir -p "$base/conf"
	# Podman asks for more files and processes than a container of the tests may have.
	cat >"$base/conf/containers.conf" <<-END
	[containers]
	default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
	[engine]
	cgroup_manager = "cgroupfs"
	events_logger = "file"
	tmp_dir = "$base/tmp/libpod"
	[engine.runtimes]
	$name = ["$program"]
	END
	if [ "$client" = podman-rootless ]; then
		user=$(cat "$base/user")
		chown -R "$user:" "$base/home" "$base/run" "$base/tmp"
		as="setpriv --reuid $user --regid $user --init-groups env USER=$user"
		as="$as HOME=$base/home XDG_RUNTIME_DIR=$base/run PATH=$PATH"
	fi
	cat >"$base/engine" <<-END
	#!/bin/sh
	cd "$base/tmp" || exit
	export CONTAINERS_CONF="$base/conf/containers.conf" TMPDIR="$base/tmp"
	exec $as podman --root "$base/home/root" --runroot "$base/run/podman" \\
		--storage-driver ${STORAGE:-vfs} "\$@"
	END
	printf '#!/bin/sh\n"%s/engine" rm -fa >/dev/null 2>&1 || :\n"%s/engine" pod rm -fa >/dev/null 2>&1 || :\n' \
		"$base" "$base" >"$base/stop"
	chmod +x "$base/engine" "$base/stop"
	"$base/engine" import "$base/bb.tar" bb >/dev/null
}

case $client in
docker) start_docker ;;
podman | podman-rootless) start_podman ;;
*) echo "start.sh: no such engine: '$client'" >&2; exit 1 ;;
esac
