#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# How features are chosen, refused and recorded. Nothing is compiled but the
# prover; that the features work is what make feature-test shows.

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	features=$top/osbuilder/features.sh
	arches='x86_64 aarch64 s390x ppc64le'
	unset FEATURES KERNEL_CONFIGS
}

have_source() {
	tarball=$(sed -n 's/^tarball = //p' "$top/kernel/versions.lock")
	[ -n "$KERNEL_SRC" ] || [ -r "${KERNEL_TARBALL:-$tarball}" ] ||
		skip "no kernel source here"
	export ARCH
	ARCH=$(uname -m)
}

# The configuration of features $1: the last line is its path.
config_of() {
	run env FEATURES="$1" "$top/osbuilder/kernel-config.sh" path
	printf '%s\n' "$output"
	config=${lines[-1]}
}

@test "an unknown feature is refused, and the nearest one named" {
	run "$features" list x86_64 'nfs wiregaurd'
	[ "$status" -ne 0 ]
	[[ "$output" == *"no feature 'wiregaurd'; did you mean 'wireguard'?"* ]]
	run "$features" list x86_64 wire
	[[ "$output" == *"did you mean 'wireguard'?"* ]]
	run "$features" list x86_64 xyzzyplugh
	[ "$status" -ne 0 ]
	[[ "$output" != *'did you mean'* ]]
	run "$features" list x86_64 ../../50-hardening
	[ "$status" -ne 0 ]
}

@test "make refuses it before it builds anything" {
	have_source
	run make -C "$top" DEPS=skip O="$BATS_TEST_TMPDIR/o" ARCH="$ARCH" \
		FEATURES=zrma kernel
	printf '%s\n' "$output"
	[ "$status" -ne 0 ]
	[[ "$output" == *"no feature 'zrma'; did you mean 'zram'?"* ]]
	[ ! -e "$BATS_TEST_TMPDIR/o/$ARCH/kernel" ]
}

@test "what an architecture cannot have is refused with the reason" {
	run "$features" list x86_64 vfio-ap
	[ "$status" -ne 0 ]
	[[ "$output" == *"x86_64 cannot have 'vfio-ap': AP crypto"* ]]
	run "$features" list s390x vfio-ap
	[ "$output" = vfio-ap ]
	run "$features" list s390x ia32
	[ "$status" -ne 0 ]
	[[ "$output" == *"s390x cannot have 'ia32': "* ]]
}

@test "unions bring their parts, each once" {
	run "$features" list aarch64 'k3s,docker wireguard'
	[ "$status" -eq 0 ]
	for f in k3s docker ipvs wireguard nfs iscsi apparmor selinux; do
		[ "$(grep -cx "$f" <<<"$output")" -eq 1 ]
	done
	[ "$(sort -u <<<"$output")" = "$output" ]
}

@test "all leaves out what the architecture cannot have" {
	run "$features" list x86_64 all
	[[ $'\n'$output$'\n' != *$'\n'vfio-ap$'\n'* ]]
	[ "${#lines[@]}" -ge 24 ]
	run "$features" list s390x all
	[[ $'\n'$output$'\n' == *$'\n'vfio-ap$'\n'* ]]
}

@test "every feature says what it is, and has a probe of its name" {
	for f in "$top"/kernel/configs/features/*.config; do
		name=$(basename "$f" .config)
		echo "$name"
		head -n 1 "$f" | grep -q '^# [A-Za-z/]'
		grep -q "^	{ \"$name\", " "$top"/tests/probe/*.c
	done
}

@test "no feature is today's configuration, whatever else is there" {
	have_source
	config_of ''
	[ "$status" -eq 0 ]
	without=$(sha256sum <"$config")
	# The same without the folder of features.
	mkdir "$BATS_TEST_TMPDIR/configs"
	cp "$top"/kernel/configs/*.config "$BATS_TEST_TMPDIR/configs"
	KERNEL_CONFIGS=$BATS_TEST_TMPDIR/configs config_of ''
	[ "$without" = "$(sha256sum <"$config")" ]
}

@test "a feature adds to the configuration what it names" {
	have_source
	config_of 'wireguard sctp'
	[ "$status" -eq 0 ]
	grep -q '^CONFIG_WIREGUARD=y$' "$config"
	grep -q '^CONFIG_IP_SCTP=y$' "$config"
	[ "$(grep -c '^CONFIG_BTRFS_FS=y$' "$config")" -eq 0 ]
}

@test "security modules of several features share one list" {
	have_source
	config_of 'selinux apparmor'
	[ "$status" -eq 0 ]
	grep -q '^CONFIG_LSM=".*landlock.*,apparmor,selinux"$' "$config"
}

@test "BPF comes behind all other security modules" {
	have_source
	config_of 'selinux bpf apparmor'
	[ "$status" -eq 0 ]
	grep -q '^CONFIG_LSM=".*landlock.*,apparmor,selinux,bpf"$' "$config"
}

@test "what features ask for becomes modules, the base does not" {
	local base
	have_source
	config_of ''
	base=$config
	export MODULES=1
	config_of 'wireguard nfs sctp'
	[ "$status" -eq 0 ]
	for m in WIREGUARD NFS_FS IP_SCTP; do
		grep -q "^CONFIG_$m=m\$" "$config"
	done
	[ "$(grep -c '=m$' "$base")" = 0 ]
	# All that the base has is there as it was, but for what modules change.
	comm -23 <(grep '=y$' "$base" | sort) <(sort "$config") |
		grep -v LOCK_\\?DOWN | tee "$BATS_TEST_TMPDIR/lost"
	[ ! -s "$BATS_TEST_TMPDIR/lost" ]
	grep -q '^CONFIG_LSM=".*loadpin"$' "$config"
	# Another configuration is another release.
	grep -Eq '^CONFIG_LOCALVERSION="-kiln-[0-9a-f]{12}"$' "$config"
	one=$(grep ^CONFIG_LOCALVERSION= "$config")
	config_of wireguard
	[ "$one" != "$(grep ^CONFIG_LOCALVERSION= "$config")" ]
}

@test "all features as modules are proved on every architecture" {
	have_source
	export MODULES=1
	for ARCH in $arches; do
		FEATURES=all run "$top/osbuilder/kernel-config.sh" prove
		printf '%s\n' "$output"
		[ "$status" -eq 0 ]
	done
}

@test "docker and k3s have what moby and k3s look for" {
	have_source
	for f in docker k3s; do
		config_of "$f"
		[ "$status" -eq 0 ]
		FEATURES=$f "$features" symbols "$ARCH" "$config"
	done
	# And the check is one: the base lacks some of it.
	config_of ''
	run "$features" symbols "$ARCH" "$config" docker
	[ "$status" -ne 0 ]
	[[ "$output" == *'docker: CONFIG_IP_VS is not set'* ]]
}

# A folder of configurations of the test's own.
fixture() {
	have_source
	export KERNEL_CONFIGS=$BATS_TEST_TMPDIR/configs
	mkdir -p "$KERNEL_CONFIGS/features"
	cp "$top"/kernel/configs/*.config "$KERNEL_CONFIGS"
	cd "$KERNEL_CONFIGS/features"
}

@test "features that contradict each other are refused" {
	fixture
	printf '# One\nCONFIG_LOG_BUF_SHIFT=17\n' >one.config
	printf '# Two\nCONFIG_LOG_BUF_SHIFT=18\n' >two.config
	config_of one
	[ "$status" -eq 0 ]
	grep -q '^CONFIG_LOG_BUF_SHIFT=17$' "$config"
	config_of 'one two'
	[ "$status" -ne 0 ]
	[[ "$output" == *'two.config:2: conflict: CONFIG_LOG_BUF_SHIFT, first in'* ]]
}

@test "a feature is proved as the base is" {
	fixture
	printf '# One\nCONFIG_NFS_V4=y\n' >one.config
	config_of one
	[ "$status" -ne 0 ]
	[[ "$output" == *'one.config:2: CONFIG_NFS_V4=y: did not survive'* ]]
	printf '# Two\nCONFIG_SMP=y %%append\n' >two.config
	config_of two
	[ "$status" -ne 0 ]
	[[ "$output" == *'%append is for the strings of features'* ]]
}

@test "the table and its JSON name every feature and every reason" {
	run "$features"
	[ "$status" -eq 0 ]
	[[ "$output" == *'vfio-ap on x86_64: AP crypto'* ]]
	n=$(ls "$top"/kernel/configs/features/*.config | wc -l)
	"$features" json | jq -e --argjson n "$n" 'length == $n and
		all(.[]; (.architectures | length) == 4 and .summary != "")'
}

@test "a test of a feature counts until its file changes" {
	fixture
	printf '# One\nCONFIG_SMP=y\n' >one.config
	echo 'ok one: works' >answers
	"$features" record x86_64 answers
	[ "$("$features" json | jq -r '.[0].architectures.x86_64 |
		.state + " " + .note')" = 'tested works' ]
	[ "$("$features" json |
		jq -r '.[0].architectures.s390x.state')" = untested ]
	echo 'not ok one: broken' >answers
	"$features" record x86_64 answers
	[ "$("$features" json |
		jq -r '.[0].architectures.x86_64.state')" = failed ]
	echo '# changed' >>one.config
	[ "$("$features" json |
		jq -r '.[0].architectures.x86_64.state')" = untested ]
}
