#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#   run.sh ARCH KERNEL PROBE DIR NAMES [PARAMETER]...
#
# Boots KERNEL with PROBE, a static program built from this directory, as its
# init and prints what the probes NAMES (between commas) say, one line each.
# DIR has room for the initrd, for the disks and for the whole log. Fails if a
# probe fails, if one that was asked for says nothing, or if the guest dies.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/image/machine.bash
. "$top/tests/image/machine.bash"

arch=$1 kernel=$2 probe=$3 work=$4 names=$5
shift 5
tool=${KILN_IMAGE:-$top/build/host/kiln-image}
PATH=$PATH:/usr/sbin:/sbin

die() {
	printf 'probe: %s\n' "$*" >&2
	exit 2
}

need() {
	command -v "$1" >/dev/null || die "$1 not found: install $2"
}

asked() {
	[[ ,$names, == *,$1,* ]]
}

# disk SERIAL SIZE PACKAGE COMMAND...: a sparse file that COMMAND formats.
disks=()
disk() {
	local file=$work/$1.disk
	need "$4" "$3"
	rm -f "$file"
	truncate -s "$2" "$file"
	"${@:4}" "$file" >"$work/$1.log" 2>&1 || {
		cat "$work/$1.log" >&2
		die "$4 failed"
	}
	attach "$1"
}

attach() {
	disks+=(-drive "file=$work/$1.disk,format=raw,if=none,id=disk-$1"
		-device "${blk/%-device/-pci},drive=disk-$1,serial=$1")
}

make_disks() {
	! asked btrfs || disk btrfs 128M btrfs-progs mkfs.btrfs -q
	! asked xfs || disk xfs 320M xfsprogs mkfs.xfs -q
	! asked f2fs || disk f2fs 128M f2fs-tools mkfs.f2fs -q
	if asked vfat; then
		disk vfat 40M dosfstools mkfs.vfat
		disk exfat 40M exfatprogs mkfs.exfat
	fi
	if asked iso9660; then
		need genisoimage genisoimage
		mkdir -p "$work/iso"
		echo 'from the host' >"$work/iso/a-file-of-the-host"
		genisoimage -quiet -R -J -udf -o "$work/iso9660.disk" "$work/iso"
		attach iso9660
	fi
	if asked quota || asked fsverity || asked fscrypt; then
		disk ext4 64M e2fsprogs mke2fs -q -t ext4 -b 4096 \
			-O quota,verity,encrypt
	fi
	# Debian's QEMU has no NVMe for s390x: what is left is NVMe over TCP.
	if asked nvme && ! "${qemu[0]}" -device help | grep -c '^name "nvme"' \
		>/dev/null; then
		append+=" kiln.without=nvme"
	elif asked nvme; then
		truncate -s 16M "$work/nvme.disk"
		disks+=(-drive "file=$work/nvme.disk,format=raw,if=none,id=n"
			-device nvme,drive=n,serial=nvme)
	fi
}

# Devices and CPUs that single features need.
equip() {
	if asked gpu; then
		case $arch in
		s390x) disks+=(-device virtio-gpu-ccw) ;;
		*) disks+=(-device virtio-gpu-pci) ;;
		esac
	fi
	asked kvm || return 0
	case $arch in
	aarch64) qemu=("${qemu[@]/gic-version=2/gic-version=3,virtualization=on}") ;;
	ppc64le) qemu=("${qemu[@]/x-vof=on/x-vof=on,cap-nested-hv=on}") ;;
	esac
}

make_initrd() {
	{
		echo 'dir / mode=0755'
		for d in dev proc sys tmp mnt; do
			echo "dir /$d mode=0755"
		done
		echo 'node /dev/console c 5 1'
		echo "file /init mode=0755 source=$probe"
	} >"$work/manifest"
	if asked selinux; then
		need checkpolicy checkpolicy
		checkpolicy -U allow -c 33 -o "$work/selinux.policy" \
			"$top/tests/probe/selinux.conf" >/dev/null
		echo "file /selinux.policy source=$work/selinux.policy" \
			>>"$work/manifest"
	fi
	"$tool" initrd --manifest "$work/manifest" --output "$work/initrd"
}

words() {
	sed -e 's/[[:space:]]*#.*//' -e '/^$/d' "$@" | tr '\n' ' '
}

mkdir -p "$work"
work=$(realpath "$work") probe=$(realpath "$probe")
out=$work machine "$arch"
need "${qemu[0]}" qemu-system
memory=${memory/512M/1024M}
for i in "${!qemu[@]}"; do
	[ "${qemu[i]}" != "$work/$arch/kernel" ] || qemu[i]=$kernel
	[[ ${qemu[i]} != 512M* ]] || qemu[i]=$memory
done
[ -z "${PROBE_ICOUNT:-}" ] || qemu+=(-icount shift=0,sleep=off)
make_disks
equip
make_initrd
# As guests are booted, for what a parameter can forbid; later ones win.
append="$(words "$top/arch/generic/cmdline" "$top/arch/$arch/cmdline" |
	sed 's/quiet //') $append kiln.probe=$names $*"
status=0
timeout "${PROBE_TIMEOUT:-1500}" "${qemu[@]}" -initrd "$work/initrd" \
	-append "$append" "${disks[@]}" </dev/null >"$work/console" 2>&1 ||
	status=$?
tr -d '\r' <"$work/console" | grep -aE '^(not )?ok [a-z0-9-]+(:|$)' \
	>"$work/said" || :
cat "$work/said"
if ! grep -aq '^KILN-PROBE-END' "$work/console"; then
	echo "probe: the guest did not end its probes (QEMU: $status)" >&2
	tail -n 30 "$work/console" >&2
fi
bad=0
for name in ${names//,/ }; do
	grep -qE "^ok $name(:|$)" "$work/said" || bad=1
	grep -qE "^(not )?ok $name(:|$)" "$work/said" ||
		echo "not ok $name: its probe said nothing"
done
rm -f "$work"/*.disk
exit $bad
