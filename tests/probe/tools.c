// SPDX-License-Identifier: Apache-2.0
/* What the probes share that is not about the network. */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe.h"

int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	if (n < 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return close(fd);
}

int read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n;

	buf[0] = '\0';
	if (fd < 0)
		return -1;
	while (used < size - 1 &&
	       (n = read(fd, buf + used, size - 1 - used)) > 0)
		used += (size_t)n;
	close(fd);
	buf[used] = '\0';
	if (used && buf[used - 1] == '\n')
		buf[used - 1] = '\0';
	return 0;
}

int wait_for(const char *path, int seconds)
{
	for (int i = 0; i < seconds * 20; i++) {
		if (access(path, F_OK) == 0)
			return 0;
		usleep(50000);
	}
	errno = ENOENT;
	return -1;
}

int file_has(const char *path, const char *text)
{
	FILE *f = fopen(path, "re");
	char line[1024];
	int found = 0;

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, text) != NULL;
	if (f)
		fclose(f);
	return found;
}

int log_has(const char *text)
{
	static char log[1 << 18];
	int n = klogctl(3, log, sizeof(log) - 1);

	log[n > 0 ? n : 0] = '\0';
	return strstr(log, text) != NULL;
}

int loop_new(size_t size, char *path, size_t n)
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int memory, device, number;

	number = ioctl(control, LOOP_CTL_GET_FREE);
	if (number < 0)
		return fail("loop-control: %m");
	close(control);
	snprintf(path, n, "/dev/loop%d", number);
	memory = memfd_create("loop", MFD_CLOEXEC);
	if (memory < 0 || ftruncate(memory, (off_t)size) < 0)
		return fail("memory for %s: %m", path);
	device = open(path, O_RDWR | O_CLOEXEC);
	if (device < 0 || ioctl(device, LOOP_SET_FD, memory) < 0)
		return fail("%s: %m", path);
	close(memory);
	close(device);
	return 0;
}

int disk_find(const char *serial, char *path, size_t n)
{
	char at[64], has[64];

	for (char c = 'a'; c <= 'z'; c++) {
		snprintf(at, sizeof(at), "/sys/block/vd%c/serial", c);
		if (read_text(at, has, sizeof(has)) < 0)
			break;
		if (strcmp(has, serial) == 0) {
			snprintf(path, n, "/dev/vd%c", c);
			return 0;
		}
	}
	return fail("the machine has no disk '%s'", serial);
}

static void pattern(unsigned char *buf, size_t size, size_t offset)
{
	for (size_t i = 0; i < size; i++)
		buf[i] = (unsigned char)((i * 31 + (i >> 8) + offset) ^ 0x5a);
}

int block_check(const char *path, size_t offset, size_t size)
{
	unsigned char *out = malloc(2 * size), *in = out + size;
	int fd, r = 0;

	if (!out)
		return fail("out of memory");
	pattern(out, size, offset);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		free(out);
		return fail("%s: %m", path);
	}
	if (pwrite(fd, out, size, (off_t)offset) != (ssize_t)size ||
	    fsync(fd) < 0)
		r = fail("write %s: %m", path);
	/* BLKFLSBUF: what is read next comes from the device. */
	(void)ioctl(fd, _IO(0x12, 97), 0);
	if (r == 0 && pread(fd, in, size, (off_t)offset) != (ssize_t)size)
		r = fail("read %s: %m", path);
	if (r == 0 && memcmp(in, out, size) != 0)
		r = fail("%s: other bytes came back", path);
	close(fd);
	free(out);
	return r;
}

int mount_check(const char *device, const char *type, const char *options)
{
	static const char text[] = "kept across a mount\n";
	char back[sizeof(text)] = "";
	int fd;

	if (mount(device, "/mnt", type, 0, options) < 0)
		return fail("mount %s: %m", type);
	fd = open("/mnt/probe", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text, sizeof(text)) != sizeof(text) ||
	    fsync(fd) < 0 || close(fd) < 0)
		return fail("write to %s: %m", type);
	if (umount("/mnt") < 0)
		return fail("unmount %s: %m", type);
	if (mount(device, "/mnt", type, 0, options) < 0)
		return fail("mount %s again: %m", type);
	fd = open("/mnt/probe", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, back, sizeof(back)) != sizeof(back))
		return fail("read from %s: %m", type);
	close(fd);
	if (memcmp(back, text, sizeof(text)) != 0)
		return fail("%s: other bytes came back", type);
	return 0;
}
