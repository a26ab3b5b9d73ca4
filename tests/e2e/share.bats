#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Ways of files into the guest: 9p, virtio-fs, and a root image in place of the
# initrd.

load helpers

# True on the host's architecture; on another virtio-fs must be refused, with
# the reason, and there is no more to test.
native() {
	[ "$ARCH" != "$(uname -m)" ] || return 0
	command_is true
	run kiln_configured run 'shared_fs = "virtio-fs"'
	echo "$output"
	[ "$status" != 0 ] && [[ "$output" == *"byte order"* ]] &&
		[[ "$output" == *"virtio-9p"* ]] || exit 1
	return 1
}

# Every way of files into a guest of this architecture.
ways() {
	echo virtio-9p
	[ "$ARCH" != "$(uname -m)" ] || echo virtio-fs
}

@test "virtio-fs carries root and volumes, both ways" {
	native || return 0
	mkdir "$WORK/rw" "$WORK/ro" "$WORK/ro/sub"
	echo one >"$WORK/ro/sub/file"
	echo single >"$WORK/single"
	spec --arg w "$WORK" '.mounts += [
		{destination: "/rw", type: "bind", source: ($w + "/rw"), options: ["rbind", "rw"]},
		{destination: "/ro", type: "bind", source: ($w + "/ro"), options: ["rbind", "ro"]},
		{destination: "/etc/single", type: "bind", source: ($w + "/single"), options: ["bind", "ro"]}]'
	command_is 'grep -c " / virtiofs " /proc/mounts; cat /ro/sub/file /etc/single
		echo two >/rw/new; echo root >/root/new; ln -s new /root/link; chmod 640 /root/new
		touch /ro/x 2>/dev/null || echo denied'
	run kiln_configured run 'shared_fs = "virtio-fs"'
	echo "$output"
	[ "$status" = 0 ]
	[ "$output" = "1
one
single
denied" ]
	[ "$(cat "$WORK/rw/new")" = two ]
	[ "$(cat "$BUNDLE/rootfs/root/new")" = root ]
	[ "$(readlink "$BUNDLE/rootfs/root/link")" = new ]
	[ "$(stat -c %a "$BUNDLE/rootfs/root/new")" = 640 ]
	[ ! -e "$WORK/ro/x" ]
}

@test "the end of virtiofsd ends the container, and says so" {
	native || return 0
	command_is 'echo ready; while :; do sleep 1; done'
	kiln_configured create 'shared_fs = "virtio-fs"' >"$WORK/out" 2>&1 </dev/null
	kiln start c1
	wait_line "$WORK/out" ready
	kill -9 "$(journal_pid virtiofsd)"
	wait_status stopped
	cat "$WORK/out"
	grep -q virtiofsd "$WORK/out"
	kiln delete c1
}

@test "virtiofsd goes with its supervisor" {
	native || return 0
	command_is 'echo ready; while :; do sleep 1; done'
	kiln_configured create 'shared_fs = "virtio-fs"' >"$WORK/out" 2>&1 </dev/null
	kiln start c1
	wait_line "$WORK/out" ready
	fs=$(journal_pid virtiofsd)
	kill -9 "$(journal_pid supervisor)"
	is_gone "$fs"
	kiln delete --force c1
}

@test "a virtiofsd that cannot work is named" {
	native || return 0
	command_is true
	run kiln_configured run 'shared_fs = "virtio-fs"' \
		'virtio_fs_daemon = "/bin/false"'
	echo "$output"
	[ "$status" != 0 ]
	[[ "$output" == *virtiofsd* ]]
}

@test "the guest cannot change what is beside root and volumes" {
	# The skeleton of the shared folder is read-only to it, so that no link
	# in it leads our own steps astray.
	command_is 'while :; do sleep 1; done'
	kiln_create >/dev/null 2>&1 </dev/null
	view="/proc/$(journal_pid supervisor)/root$STATE/c1/shared"
	run touch "$view/x"
	[ "$status" != 0 ]
	run mv "$view/c1" "$view/c2"
	[ "$status" != 0 ]
	kiln delete --force c1
}

@test "boots from the root image" {
	command_is 'uname -m; tr " " "\n" </proc/cmdline | grep ^root'
	run kiln_configured run "image = \"$O/$ARCH/rootfs.erofs.img\""
	echo "$output"
	[ "$status" = 0 ]
	[ "$output" = "$ARCH
root=/dev/vda
rootfstype=erofs" ]
}

@test "a root image that is none is refused, with its name" {
	head -c 65536 /dev/zero >"$WORK/none.img"
	command_is true
	run kiln_configured run "image = \"$WORK/none.img\""
	echo "$output"
	[ "$status" != 0 ]
	[[ "$output" == *none.img* ]]
	[[ "$output" == *"file system"* ]]
}

@test "what is shared by default: virtio-fs with the host's architecture, else 9p" {
	command_is 'grep -c " / virtiofs " /proc/mounts'
	run kiln_run
	echo "$output"
	[ "$output" = "$([ "$ARCH" = "$(uname -m)" ] && echo 1 || echo 0)" ]
}

@test "what the host changes is seen at the next open, look and listing" {
	# Looked at all the time, so that what is kept of it is as new as can be.
	command_is 'cd /data; cat f; : >ready
		while [ ! -e go ]; do [ -s f ]; ls >/dev/null 2>&1; done
		cat f; stat -c %s f; [ -d old ] || echo gone; ls'
	spec --arg w "$WORK/data" '.mounts += [{destination: "/data", type: "bind",
		source: $w, options: ["rbind", "rw"]}]'
	for way in $(ways); do
		echo "by $way"
		mkdir -p "$WORK/data/old"
		echo one >"$WORK/data/f"
		kiln_configured run "shared_fs = \"$way\"" >"$WORK/out" 2>&1 </dev/null &
		for ((i = 0; i < 300; i++)); do
			[ ! -e "$WORK/data/ready" ] || break
			sleep 0.1
		done
		sleep 0.5
		echo "two, and more" >"$WORK/data/f"
		rmdir "$WORK/data/old"
		touch "$WORK/data/new" "$WORK/data/go"
		wait $!
		cat "$WORK/out"
		[ "$(cat "$WORK/out")" = "one
two, and more
14
gone
f
go
new
ready" ]
		rm -rf "$WORK/data"
	done
}

@test "virtio-fs: a FIFO can be made" {
	native || return 0
	command_is 'cd /root; mkfifo f; (echo through >f &); cat f
		mknod p p; stat -c %F p; rm f p; ls -A'
	run kiln_configured run 'shared_fs = "virtio-fs"'
	echo "$output"
	[ "$output" = "through
fifo" ]
}

# The server of 9p finds files by their path: those without one are kept.
@test "a file that is removed while open is a file still" {
	command_is 'cd /root; set -e
		exec 3<>f; echo hello >&3; rm f; [ ! -e f ]
		stat -L -c "%s %h" /proc/self/fd/3
		truncate -s 3 /proc/self/fd/3; stat -L -c %s /proc/self/fd/3
		chmod 600 /proc/self/fd/3; stat -L -c %a /proc/self/fd/3
		cat /proc/self/fd/3; echo; echo new >f; cat f
		stat -L -c %s /proc/self/fd/3; exec 3>&-; rm f; ls -A'
	for way in $(ways); do
		echo "by $way"
		run kiln_configured run "shared_fs = \"$way\""
		echo "$output"
		[ "$status" = 0 ]
		[ "$output" = "6 0
3
600
hel
new
3" ]
		[ -z "$(ls -A "$BUNDLE/rootfs/root")" ]
		rm -rf "$BUNDLE/rootfs/root"/*
	done
}

@test "a file that another one replaces while open is itself still" {
	command_is 'cd /root; set -e
		echo old >f; echo newer >g; exec 3<f; mv g f
		cat f; stat -L -c %s f /proc/self/fd/3; cat <&3; exec 3<&-; ls -A'
	for way in $(ways); do
		echo "by $way"
		run kiln_configured run "shared_fs = \"$way\""
		echo "$output"
		[ "$status" = 0 ]
		[ "$output" = "newer
6
4
old
f" ]
		[ "$(ls -A "$BUNDLE/rootfs/root")" = f ]
		rm -rf "$BUNDLE/rootfs/root"/*
	done
}

@test "a folder goes with an open file in it" {
	command_is 'cd /root; set -e
		mkdir d; echo x >d/f; exec 3<d/f; rm -r d; [ ! -e d ]; cat <&3
		mkdir e; echo y >e/f; ln e/f g; exec 4<e/f; rm e/f; cat g; rmdir e
		exec 3<&- 4<&-; ls -A'
	for way in $(ways); do
		echo "by $way"
		run kiln_configured run "shared_fs = \"$way\""
		echo "$output"
		[ "$status" = 0 ]
		[ "$output" = "x
y
g" ]
		[ "$(ls -A "$BUNDLE/rootfs/root")" = g ]
		rm -rf "$BUNDLE/rootfs/root"/*
	done
}

@test "a process that is killed leaves none of its removed files" {
	command_is 'cd /root; (exec 3>f; rm f; echo gone; exec sleep 1000) & 
		sleep 1; kill -9 $!; wait; ls -A'
	for way in $(ways); do
		echo "by $way"
		run kiln_configured run "shared_fs = \"$way\""
		echo "$output"
		[ "$output" = gone ]
		[ -z "$(ls -A "$BUNDLE/rootfs/root")" ]
		rm -rf "$BUNDLE/rootfs/root"/*
	done
}

# What is not yet written back is not lost to a look at its size.
# Whoever brings it there: the end of the mapping, or of the sandbox.
@test "what was written to a mapping is on the host when the run is over" {
	local way
	cat >"$WORK/map.c" <<'C'
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE (1 << 20)

int main(void)
{
	int fd = open("/root/mapped", O_RDWR | O_CREAT, 0644);
	char *at;

	if (fd < 0 || ftruncate(fd, SIZE) < 0)
		return 1;
	at = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return 2;
	memset(at, 'k', SIZE);
	_exit(0);
}
C
	"$O/$ARCH/sysroot/bin/kiln-cc" -static -o "$BUNDLE/rootfs/bin/map" \
		"$WORK/map.c"
	for way in $(ways); do
		rm -f "$BUNDLE/rootfs/root/mapped"
		command_is 'exec map'
		run kiln_configured run "shared_fs = \"$way\""
		echo "$way: $output"
		[ "$status" = 0 ]
		[ "$(tr -d k <"$BUNDLE/rootfs/root/mapped" | wc -c)" = 0 ]
		[ "$(stat -c %s "$BUNDLE/rootfs/root/mapped")" = 1048576 ]
	done
}

@test "a file that is looked at while it is written is whole" {
	command_is 'cd /root
		(i=0; while [ $i -lt 2000 ]; do echo "line $i of the file"; i=$((i + 1)); done >f) &
		while kill -0 $! 2>/dev/null; do stat -c %s f 2>/dev/null; done >/dev/null
		wait; wc -l <f; tail -n 1 f; md5sum <f
		dd if=/dev/urandom of=g bs=7000 count=900 2>/dev/null &
		while kill -0 $! 2>/dev/null; do stat -c %s g 2>/dev/null; done >/dev/null
		stat -c %s g; cat g | md5sum'
	for way in $(ways); do
		echo "by $way"
		run kiln_configured run "shared_fs = \"$way\""
		echo "$output"
		[ "${lines[0]}" = 2000 ]
		[ "${lines[1]}" = "line 1999 of the file" ]
		[ "${lines[2]}" = "$(seq 0 1999 | sed 's/.*/line & of the file/' | md5sum)" ]
		[ "${lines[3]}" = 6300000 ]
		[ "${lines[4]}" = "$(md5sum <"$BUNDLE/rootfs/root/g")" ]
		rm -rf "$BUNDLE/rootfs/root"/*
	done
}
