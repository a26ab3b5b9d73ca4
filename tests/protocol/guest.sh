#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/protocol/guest.sh ARCH [PROGRAM...]: runs protocol tests against the agent
# of one guest: the kernel and the ramdisk of build/ARCH (or $KILN_GUESTS/ARCH),
# with busybox as /rootfs, by emulation.
set -eu

arch=$1
O=$(realpath "${KILN_O:-build}")
programs=("${@:2}")
[ ${#programs[@]} -gt 0 ] ||
	programs=("$O/tests/protocol/"{test_hostile,test_layers,test_calls})
guest=${KILN_GUESTS:-$O}/$arch
work=$(mktemp -d "${TMPDIR:-/tmp}/kiln-guest.XXXXXX")
vm=
share=
trap '[ -z "$share" ] || kill "$share" 2>/dev/null || true
	[ -z "$vm" ] || kill "$vm" 2>/dev/null || true; rm -rf "$work"' EXIT

# The kernel unpacks what follows the ramdisk as well.
mkdir -p "$work/tree"
cp -a "$O/$arch/busybox-rootfs" "$work/tree/rootfs"
mkdir -p "$work/tree/rootfs/etc" "$work/tree/rootfs/tmp"
# A shell for the debug console.
mkdir -p "$work/tree/bin"
cp "$O/$arch/busybox-rootfs/bin/busybox" "$work/tree/bin/sh"
# The agent of this build, whatever the ramdisk has.
cp "$O/$arch/kiln-agent" "$work/tree/init"
echo 'root:x:0:0:r:/root:/bin/sh' >"$work/tree/rootfs/etc/passwd"
(cd "$work/tree" && find . | cpio -o -H newc -R 0:0 --quiet) >"$work/more"
cat "$guest/initrd.img" >"$work/initrd"
truncate -s %512 "$work/initrd"
cat "$work/more" >>"$work/initrd"

port=virtio-serial-pci
console=(-serial "file:$work/console")
case $arch in
x86_64) machine=(-M q35 -cpu max); tty=ttyS0 ;;
aarch64) machine=(-M virt -cpu max); tty=ttyAMA0 ;;
ppc64le) machine=(-M pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken
	-cpu power9); tty=hvc0 ;;
s390x)
	machine=(-M s390-ccw-virtio -cpu max)
	port=virtio-serial-ccw tty=ttysclp0
	console=(-chardev "file,id=con,path=$work/console"
		-device sclpconsole,chardev=con)
	;;
esac
fs=()
virtiofsd=$(command -v virtiofsd || echo /usr/lib/qemu/virtiofsd)
# FUSE hands the byte order and the open() flags of the guest's machine to the
# host's: s390x and ppc64le cannot be emulated with it.
if [ -x "$virtiofsd" ] && { [ "$arch" = x86_64 ] || [ "$arch" = aarch64 ]; }; then
	mkdir "$work/host"
	echo of the host >"$work/host/shared"
	"$virtiofsd" --socket-path="$work/fs" -o source="$work/host" \
		-o sandbox=chroot >"$work/fs.log" 2>&1 &
	share=$!
	for _ in {1..100}; do [ -S "$work/fs" ] && break; sleep 0.05; done
	fs=(-object memory-backend-memfd,id=mem,size=512M,share=on
		-machine memory-backend=mem
		-chardev "socket,id=fs,path=$work/fs"
		-device "vhost-user-fs-${port##*-},chardev=fs,tag=share")
	export KILN_SHARE=share
fi
emulator=qemu-system-${arch/ppc64le/ppc64}
"$emulator" "${machine[@]}" -accel tcg -m 512 -smp 1 -nodefaults \
	-no-user-config -display none -no-reboot -kernel "$guest/kernel" \
	-initrd "$work/initrd" \
	-append "console=$tty quiet panic=-1 agent.debug_console ${KILN_APPEND:-}" \
	-chardev "socket,id=console,path=$work/shell,server=on,wait=off" \
	"${console[@]}" -device "$port" \
	-chardev "socket,id=agent,path=$work/agent,server=on,wait=off" \
	-device virtserialport,chardev=agent,name=kiln.agent.0 \
	-device virtserialport,chardev=console,name=kiln.console.0 \
	"${fs[@]}" &
vm=$!
r=0
export KILN_AGENT_SOCKET=$work/agent KILN_CONSOLE_SOCKET=$work/shell
for program in "${programs[@]::${#programs[@]}-1}"; do
	KILN_AGENT_KEEP=1 "$program" || r=$?
	sleep 0.2 # for the agent to see that the host is another one
done
"${programs[-1]}" || r=$?
[ "$r" = 0 ] || tail -n 30 "$work/console"
exit "$r"
