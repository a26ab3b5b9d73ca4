#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A guest that was made with MODULES=1 (make modules-test): KILN_GUESTS is the
# folder it is in, with the modules wireguard, nbd and nfs.

load ../e2e/helpers
load ../e2e/modules

@test "nothing is loaded that nobody asked for" {
	with_modules 'cat /proc/modules; grep nfs /proc/filesystems' '[]'
	[ "$status" = 1 ]
	[ -z "$output" ]
}

@test "modules, what they need, and parameters" {
	with_modules 'cut -d" " -f1 /proc/modules
		cat /sys/module/nbd/parameters/nbds_max
		grep -w nfs /proc/filesystems' \
		'["wireguard", "nbd nbds_max=3 max_part=0", "nfs"]'
	[ "$status" = 0 ]
	for word in wireguard libchacha20poly1305 nbd nfs sunrpc 3; do
		grep -qw "$word" <<<"$output"
	done
}

@test "afterwards nothing is loaded, whoever asks and wherever it is from" {
	tar -C "$BUNDLE/rootfs" -xf "$KILN_GUESTS/$ARCH/modules.tar" \
		--wildcards '*/nbd.ko' --transform 's,.*/,/,'
	spec '(.process.capabilities[]) += ["CAP_SYS_MODULE"] |
		del(.linux.seccomp)'
	for list in '[]' '["wireguard"]'; do
		with_modules 'ls /sys/block; insmod /nbd.ko; grep nbd /proc/modules' \
			"$list"
		[ "$status" = 1 ]
		[[ "$output" == *"not permitted"* && "$output" != *dm-* ]]
	done
}

@test "by an annotation, where that is allowed" {
	printf '[hypervisor.qemu]\nenable_annotations = ["kernel_modules"]\n' \
		>"$WORK/config.toml"
	spec '.annotations["io.katacontainers.config.agent.kernel_modules"] =
		"nbd nbds_max=2; wireguard"'
	command_is 'cat /sys/module/nbd/parameters/nbds_max
		ls -d /sys/module/wireguard'
	run timeout 60 "$KILN" --config "$WORK/config.toml" --root "$STATE" \
		run --arch "$ARCH" --bundle "$BUNDLE" c1
	echo "$output"
	[ "${lines[0]}" = 2 ]
	[ "${lines[1]}" = /sys/module/wireguard ]
}

@test "one that is not in the image, and a parameter that is none" {
	with_modules true '["nosuch"]'
	[ "$status" != 0 ]
	[[ "$output" == *"module 'nosuch'"* ]]
	with_modules true '["nbd nbds_max=many"]'
	[ "$status" != 0 ]
	[[ "$output" == *"nbds_max=many"* ]]
}

@test "a flipped bit in a module" {
	own_guest "$KILN_GUESTS"
	damage_modules nbds_max
	with_modules true '["nbd"]'
	[ "$status" != 0 ]
	[[ "$output" == *"module 'nbd'"* ]]
}

@test "modules of another build are not found" {
	local release other
	release=$(jq -r .kernel.release "$KILN_GUESTS/$ARCH/image.json")
	[[ "$release" =~ -kiln-[0-9a-f]{12}$ ]]
	own_guest "$KILN_GUESTS"
	mkdir "$WORK/other"
	tar -C "$WORK/other" -xf "$KILN_GUESTS/$ARCH/modules.tar"
	other=${release%??????}000000
	mv "$WORK/other/$release" "$WORK/other/$other"
	"$O/host/kiln-image" image --format erofs --layout plain --verity \
		--manifest "$BATS_TEST_DIRNAME/../../rootfs/modules.manifest" \
		--overlay "$WORK/other" \
		--output "$KILN_GUESTS/$ARCH/modules.img"
	"$O/host/kiln-image" inspect --format json \
		"$KILN_GUESTS/$ARCH/modules.img" >"$WORK/modules.json"
	jq --slurpfile m "$WORK/modules.json" '(.artifacts[] |
		select(.name == "modules.img")) |= (del(.sha256, .size) |
		.content.verity = $m[0].verity)' \
		"$KILN_GUESTS/$ARCH/image.json" >"$WORK/image.json"
	mv "$WORK/image.json" "$KILN_GUESTS/$ARCH/image.json"
	with_modules true '["nbd"]'
	[ "$status" != 0 ]
	[[ "$output" == *"modules/$release': No such file"* ]]
}
