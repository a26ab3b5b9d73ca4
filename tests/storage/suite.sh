#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs in the container: stress-ng's stressors of files, which look at what they
# did (--verify), and fio, which writes with checksums and reads them back, both in
# /data. TAP to stdout, what failures say to stderr. $SECONDS_EACH bounds a
# stressor, which ends sooner when it has done its share.
tests='access chattr chdir:chdir-dirs=64 chmod chown
	copy-file:copy-file-bytes=128m dentry:dentries=64 dir:dir-dirs=64 dirdeep
	dirmany dup fallocate:fallocate-bytes=4m fcntl fiemap:fiemap-bytes=4m
	file-ioctl filename flock fpunch fsize fstat getdent handle
	hdd:hdd-bytes=4m inode-flags io iomix:iomix-bytes=4m lease link locka
	lockf lockofd mknod mmap:mmap-bytes=4m:mmap-file msync:msync-bytes=1m open
	readahead:readahead-bytes=4m rename revio:revio-bytes=4m
	seek:seek-size=4m sendfile:sendfile-size=1m splice symlink
	sync-file:sync-file-bytes=4m touch utime verity xattr'
jobs='sequential:rw=write:bs=64k random:rw=randwrite:bs=4k
	rewritten:rw=randrw:bs=4k synchronous:rw=randwrite:bs=4k:sync=1
	direct:rw=randwrite:bs=4k:direct=1 mapped:rw=randwrite:bs=4k:ioengine=mmap
	flushed:rw=randwrite:bs=4k:fsync=8 parts:rw=randwrite:bsrange=512-8k'
n=0

result() { # STATUS NAME
	n=$((n + 1))
	if [ "$1" = 3 ] || [ "$1" = 4 ] ||
		{ [ "$1" = 0 ] && grep -q 'skipp\(ed\|ing\)' /tmp/out; }; then
		echo "ok $n - $2 # SKIP not here"
	elif [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		sed "s/^/$2 ($1): /" /tmp/out >&2
	fi
}

mkdir -p /data /tmp
cd /data || exit 1
for t in $tests; do
	name=${t%%:*} options=
	[ "$t" = "$name" ] || options=$(echo ":${t#*:}" | sed 's/:/ --/g')
	# shellcheck disable=SC2086
	stress-ng --"$name" 1 --"$name"-ops "${OPS:-50}" $options --verify \
		--timeout "${SECONDS_EACH:-6}" --temp-path /data >/tmp/out 2>&1
	result $? "stress-ng $name"
done
for t in $jobs; do
	options=$(echo ":${t#*:}" | sed 's/:/ --/g')
	# shellcheck disable=SC2086
	fio --name="${t%%:*}" --directory=/data --size=4m --thread $options \
		--verify=crc32c --verify_fatal=1 --do_verify=1 \
		--verify_state_save=0 >/tmp/out 2>&1
	result $? "fio ${t%%:*}"
	rm -f /data/"${t%%:*}"*
done
n=$((n + 1))
if [ -z "$(ls -A /data)" ]; then
	echo "ok $n - nothing is left"
else
	echo "not ok $n - nothing is left"
	ls -AR /data >&2
fi
echo "1..$n"
