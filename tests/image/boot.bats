#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Linux of each architecture boots from each format and sees in them what went
# in. The init of these images is tests/image/init.c.

load helpers

setup() {
	image_setup
}

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
	qemu+=(-accel tcg -m "512M,maxmem=1G" -nographic -no-reboot -net none
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
	} >"$work/in/boot.manifest"
	manifest=(--manifest "$work/in/boot.manifest")
}

# Boots with the arguments given and compares what the kernel sees with image
# $1. A root filesystem has /dev covered, an initrd has a root of its own.
boots_from() {
	local image=$1
	shift
	timeout 300 "${qemu[@]}" "$@" </dev/null >"$work/log" 2>&1
	tr -d '\r' <"$work/log" >"$work/text"
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

initrd_boots() {
	prepare "$1"
	"$tool" initrd "${manifest[@]}" --output "$work/a.img"
	boots_from "$work/a.img" -initrd "$work/a.img" -append "$append"
}

# Boots architecture $1 from a disk of format $2.
disk_boots() {
	prepare "$1"
	"$tool" image --format "$2" "${manifest[@]}" --output "$work/a.img"
	boots_from "$work/a.img" -append \
		"$append root=/dev/vda rootfstype=$2 ro init=/init" \
		-drive "file=$work/a.img,format=raw,if=none,id=d,readonly=on" \
		-device "$blk,drive=d"
}

@test "x86_64 boots from the initrd" { initrd_boots x86_64; }
@test "x86_64 boots from erofs" { disk_boots x86_64 erofs; }
@test "x86_64 boots from ext4" { disk_boots x86_64 ext4; }
@test "x86_64 boots from squashfs" { disk_boots x86_64 squashfs; }
@test "aarch64 boots from the initrd" { initrd_boots aarch64; }
@test "aarch64 boots from erofs" { disk_boots aarch64 erofs; }
@test "aarch64 boots from ext4" { disk_boots aarch64 ext4; }
@test "aarch64 boots from squashfs" { disk_boots aarch64 squashfs; }
@test "s390x boots from the initrd" { initrd_boots s390x; }
@test "s390x boots from erofs" { disk_boots s390x erofs; }
@test "s390x boots from ext4" { disk_boots s390x ext4; }
@test "s390x boots from squashfs" { disk_boots s390x squashfs; }
@test "ppc64le boots from the initrd" { initrd_boots ppc64le; }
@test "ppc64le boots from erofs" { disk_boots ppc64le erofs; }
@test "ppc64le boots from ext4" { disk_boots ppc64le ext4; }
@test "ppc64le boots from squashfs" { disk_boots ppc64le squashfs; }

@test "x86_64 maps all of erofs by DAX, large files by huge pages" {
	prepare x86_64
	"$tool" image "${manifest[@]}" --output "$work/a.img"
	boots_from "$work/a.img" -append \
		"$append root=/dev/pmem0 rootfstype=erofs rootflags=dax=always ro init=/init" \
		-object "memory-backend-file,id=m,mem-path=$work/a.img,share=on,size=$(stat -c %s "$work/a.img")" \
		-device virtio-pmem-pci,memdev=m
	[ "$(grep -c '^KILN-DAX yes ' "$work/text")" = 9 ]
	[ "$(grep -c '^KILN-DAX no ' "$work/text")" = 0 ]
	# One fault for 2 MiB, where small pages take 512; a few may be others.
	faults=$(sed -n 's,^KILN-FAULTS \([0-9]*\) /files/2097160$,\1,p' \
		"$work/text")
	echo "$faults faults"
	[ -n "$faults" ] && [ "$faults" -le 4 ]
}
