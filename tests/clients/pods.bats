#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load helpers

# With cgroups in both versions at once Podman 4.3 cannot remove the groups of
# its own monitors, on any runtime; the pod goes all the same.
remove_pod() {
	"$@" >/dev/null 2>&1 || true
}

@test "pod: containers in one network" {
	only podman podman-rootless
	c --runtime "$RUNTIME_NAME" pod create --name "$N-pod" --infra=false
	c_run -d --pod "$N-pod" --name "$N-a" bb sh -c "$LOOP"
	c_run -d --pod "$N-pod" --name "$N-b" bb sh -c "$LOOP"
	[ "$(c exec "$N-a" hostname)" != "" ]
	[ "$(c exec "$N-b" echo there)" = there ]
	remove_pod c pod rm -f "$N-pod"
}

@test "pod: with an infrastructure container, one network for all" {
	only podman podman-rootless
	c --runtime "$RUNTIME_NAME" pod create --name "$N-pod" --infra-image bb \
		--infra-command "/bin/sleep 600"
	c_run -d --pod "$N-pod" --name "$N-a" bb sh -c 'mkdir /w; echo x >/w/index.html; httpd -f -p 81 -h /w'
	run --separate-stderr c_run --rm --pod "$N-pod" --name "$N-b" bb sh -c "sleep 1; $(get 127.0.0.1 81)"
	remove_pod c pod rm -f "$N-pod"
	[ "${lines[-1]}" = x ]
}

@test "play kube" {
	only podman podman-rootless
	cat >"$BASE/$N.yaml" <<-END
	apiVersion: v1
	kind: Pod
	metadata: {name: $N}
	spec:
	  restartPolicy: Never
	  containers:
	  - {name: one, image: "localhost/bb", command: ["/bin/sleep", "600"]}
	END
	chmod 644 "$BASE/$N.yaml"
	c --runtime "$RUNTIME_NAME" play kube "$BASE/$N.yaml"
	run --separate-stderr c exec "$N-one" /bin/echo there
	remove_pod c play kube --down "$BASE/$N.yaml"
	[ "$output" = there ]
}
