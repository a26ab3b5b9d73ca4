# SPDX-License-Identifier: Apache-2.0
# Guests for the tests of images: how each architecture is run, and what the
# test's init says. Variables are those of the test that loads this file.
# shellcheck shell=bash disable=SC2034,SC2154

# Machine, console and block device for architecture $1 under emulation.
machine() {
	case $1 in
	x86_64)
		qemu=(qemu-system-x86_64 -M q35 -cpu max)
		console=ttyS0 blk=virtio-blk-pci
		;;
	aarch64)
		qemu=(qemu-system-aarch64 -M "virt,gic-version=2" -cpu
			"max,pauth=off")
		console=ttyAMA0 blk=virtio-blk-device
		;;
	s390x)
		qemu=(qemu-system-s390x -M s390-ccw-virtio)
		console=ttysclp0 blk=virtio-blk-ccw
		;;
	ppc64le)
		qemu=(qemu-system-ppc64 -M
			"pseries,x-vof=on,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken"
			-cpu power9)
		console=hvc0 blk=virtio-blk-pci
		;;
	esac
	memory=512M,slots=2,maxmem=4G
	[ "$1" != s390x ] || memory=512M
	qemu+=(-accel tcg -m "$memory" -nographic -no-reboot -net none
		-kernel "$out/$1/kernel")
	append="console=$console panic=-1 loglevel=4"
	[ "$1" != x86_64 ] || append+=" reboot=t"
}

# The images of architecture $1, with the test's init.
prepare() {
	[ -s "$out/$1/kernel" ] || skip "no kernel of $1 was built"
	[ -x "$out/$1/sysroot/bin/kiln-cc" ] || skip "no sysroot of $1"
	machine "$1"
	command -v "${qemu[0]}" >/dev/null || skip "no ${qemu[0]}"
	sample "$work/in"
	"$out/$1/sysroot/bin/kiln-cc" -D_GNU_SOURCE -Os -s -o "$work/in/init" \
		"$top/tests/image/init.c"
	{
		cat "$work/in/sample.manifest"
		echo 'file /init mode=0755 source=init'
		echo 'node /dev/console c 5 1'
		echo 'node /dev/big b 259 70000 mode=0640'
		# Names before and behind the first, attributes of all kinds.
		echo 'hardlink /again /files/4097'
		echo 'hardlink /zz/again /files/4097'
		echo 'node /pipe p xattr=security.selinux=system_u:pipe'
		echo 'hardlink /zz/pipe /pipe'
		echo 'file /caps content=x caps=cap_net_raw,cap_sys_admin=ep'
		echo 'hardlink /zz/caps /caps'
		echo 'file /attrs content=y xattr=user.text=hello \'
		echo '  xattr=trusted.bin=0x00ff10 xattr=user.empty= \'
		echo "  xattr=user.long=$(printf 'v%.0s' {1..2000})"
		echo 'dir /attr-dir xattr=user.dir=d xattr=security.x=0sAAEC'
		echo 'link /attr-link x xattr=trusted.link=1'
		echo 'file /packed source=70000 xattr=user.odd=abc'
		echo 'set / xattr=user.root=r'
		echo 'set /files/1 mode=0400 uid=5 xattr=user.set=yes'
	} >"$work/in/boot.manifest"
	manifest=(--manifest "$work/in/boot.manifest")
}

# Runs the guest with the arguments given; what it says is in $work/text.
run_guest() {
	timeout 300 "${qemu[@]}" "$@" </dev/null >"$work/log" 2>&1
	tr -d '\r' <"$work/log" >"$work/text"
}

# The image as a disk, for run_guest.
as_disk() {
	disk=(-drive "file=$1,format=raw,if=none,id=d,readonly=on"
		-device "$blk,drive=d")
}

# Boots with the arguments given and compares what the kernel sees with image
# $1. A root filesystem has /dev covered, an initrd has a root of its own.
boots_from() {
	local image=$1
	shift
	run_guest "$@"
	grep -q '^KILN-END' "$work/text" || {
		tail -n 40 "$work/text"
		return 1
	}
	listing "$image" | grep -v ' /dev' | sed 1d | sort >"$work/expected"
	sed -n 's/^KILN-FILE //p' "$work/text" | grep -v ' /dev' | sed 1d |
		sed '/^dir .* \/root$/d' | sort >"$work/seen"
	[ "$(wc -l <"$work/seen")" -gt 400 ]
	# Where the kernel has mounted something the image's own is not seen.
	sed -i '/ \/proc$/d' "$work/expected" "$work/seen"
	diff "$work/expected" "$work/seen"
	local path
	sed -n 's/^KILN-SUM //p' "$work/text" | while read -r crc size path; do
		[ "$("$tool" cat "$image" "$path" | cksum)" = "$crc $size" ] || {
			echo "$path differs"
			exit 1
		}
	done
}
