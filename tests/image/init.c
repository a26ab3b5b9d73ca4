// SPDX-License-Identifier: Apache-2.0
/*
 * An init for the tests of images: says what the kernel sees of its root, in
 * the format of kiln-image, and powers off. Built for the guest by kiln-cc.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <linux/stat.h>

#define PMD ((size_t)2 << 20)

static dev_t root_dev;

/* The CRC of POSIX cksum(1). */
static uint32_t crc_step(uint32_t crc, unsigned char byte)
{
	crc ^= (uint32_t)byte << 24;
	for (int i = 0; i < 8; i++)
		crc = crc & 0x80000000 ? crc << 1 ^ 0x04c11db7 : crc << 1;
	return crc;
}

static void check_content(const char *path, int fd)
{
	static unsigned char block[65536];
	uint64_t size = 0;
	uint32_t crc = 0;
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			crc = crc_step(crc, block[i]);
		size += (uint64_t)n;
	}
	for (uint64_t rest = size; rest; rest >>= 8)
		crc = crc_step(crc, (unsigned char)rest);
	printf("KILN-SUM %u %llu %s\n", ~crc, (unsigned long long)size, path);
}

/* Linux include/uapi/linux/fs.h since 6.7, which headers may lack. */
struct scan {
	uint64_t size, flags, start, end, walk_end, regions, regions_len, max;
	uint64_t inverted, mask, any_of, wanted;
};
struct region {
	uint64_t start, end, categories;
};
#define SCAN _IOWR('f', 16, struct scan)
#define IS_HUGE (UINT64_C(1) << 6)

/* How many bytes of a mapping the page table maps by huge pages. */
static uint64_t huge(const char *at, size_t size)
{
	struct region region = {0};
	struct scan scan = {
		.size = sizeof(scan),
		.start = (uintptr_t)at,
		.end = (uintptr_t)at + size,
		.regions = (uintptr_t)&region,
		.regions_len = 1,
		.mask = IS_HUGE,
		.wanted = IS_HUGE,
	};
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	int n = ioctl(fd, SCAN, &scan);

	close(fd);
	return n == 1 ? region.end - region.start : 0;
}

/* A number of kilobytes after KEY in a file of /proc, or -1. */
static long kilobytes(const char *path, const char *key, const char *after)
{
	FILE *f = fopen(path, "re");
	char line[512];
	long n = -1;

	while (f && n < 0 && fgets(line, sizeof(line), f)) {
		if (after && !strncmp(line, after, strlen(after)))
			after = NULL;
		else if (!after && !strncmp(line, key, strlen(key)))
			n = strtol(line + strlen(key), NULL, 10);
	}
	if (f)
		fclose(f);
	return n;
}

/* What /proc/self/smaps counts in the mapping at AT. */
static long smaps(const char *at, const char *key)
{
	char start[32];

	snprintf(start, sizeof(start), "%lx-", (unsigned long)(uintptr_t)at);
	return kilobytes("/proc/self/smaps", key, start);
}

/* The page faults it takes to touch all of a mapping: a huge page costs one
 * fault and 512 pages cost 512. */
static long faults(const volatile char *at, size_t size)
{
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	for (size_t i = 0; i < size; i += 4096)
		(void)at[i];
	getrusage(RUSAGE_SELF, &after);
	return after.ru_minflt - before.ru_minflt + after.ru_majflt -
	       before.ru_majflt;
}

static void check_dax(const char *path, int fd, size_t size)
{
	struct statx sx;
	char *at, *aligned;

	/* musl 1.2.3 has no statx(). */
	if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &sx) <
	    0)
		return;
	printf("KILN-DAX %s %s\n",
	       sx.stx_attributes & STATX_ATTR_DAX ? "yes" : "no", path);
	if (size < PMD || !(sx.stx_attributes & STATX_ATTR_DAX))
		return;
	at = mmap(NULL, 2 * PMD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	aligned = (char *)(((uintptr_t)at + PMD - 1) & ~(PMD - 1));
	at = mmap(aligned, PMD, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
	if (at == MAP_FAILED)
		return;
	printf("KILN-FAULTS %ld %s\n", faults(at, PMD), path);
	printf("KILN-HUGE %llu FilePmdMapped %ld Rss %ld %s\n",
	       (unsigned long long)huge(at, PMD), smaps(at, "FilePmdMapped:"),
	       smaps(at, "Rss:"), path);
}

/* The first name of a file that has several. */
static void show_names(const char *path, const struct stat *st)
{
	static struct {
		ino_t ino;
		char path[256];
	} seen[64];
	static size_t n;

	if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
		return;
	for (size_t i = 0; i < n; i++)
		if (seen[i].ino == st->st_ino) {
			printf(" hardlink=%s", seen[i].path);
			return;
		}
	if (n == 64)
		return;
	seen[n].ino = st->st_ino;
	snprintf(seen[n++].path, sizeof(seen->path), "%s", path);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* As text where it is all printable, else in hexadecimal. */
static void show_value(const unsigned char *v, ssize_t n)
{
	int text = 1;

	for (ssize_t i = 0; i < n; i++)
		if (v[i] <= ' ' || v[i] >= 0x7f)
			text = 0;
	if (!text)
		printf("0x");
	for (ssize_t i = 0; i < n; i++)
		printf(text ? "%c" : "%02x", v[i]);
}

static void show_xattrs(const char *path)
{
	static char names[4096];
	static unsigned char value[4096];
	ssize_t n = llistxattr(path, names, sizeof(names));
	char *v[64];
	size_t count = 0;

	for (ssize_t at = 0; at < n && count < 64;
	     at += (ssize_t)strlen(names + at) + 1)
		v[count++] = names + at;
	qsort(v, count, sizeof(*v), compare);
	for (size_t i = 0; i < count; i++) {
		printf(" %s=", v[i]);
		show_value(value, lgetxattr(path, v[i], value, sizeof(value)));
	}
}

static void show(const char *path, const struct stat *st)
{
	static const char *const names[16] = {
		[S_IFDIR >> 12] = "dir",  [S_IFREG >> 12] = "file",
		[S_IFLNK >> 12] = "link", [S_IFCHR >> 12] = "char",
		[S_IFBLK >> 12] = "block", [S_IFIFO >> 12] = "fifo",
	};
	char target[4096] = "";

	printf("KILN-FILE %-6s %04o %5u %5u ", names[st->st_mode >> 12],
	       st->st_mode & 07777, st->st_uid, st->st_gid);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		printf("%6u,%4u ", major(st->st_rdev), minor(st->st_rdev));
	else
		printf("%11lld ",
		       S_ISREG(st->st_mode) ? (long long)st->st_size : 0);
	printf("%s", path);
	if (S_ISLNK(st->st_mode) &&
	    readlink(path, target, sizeof(target) - 1) >= 0)
		printf(" -> %s", target);
	show_names(path, st);
	show_xattrs(path);
	printf("\n");
}

static void walk(const char *path)
{
	struct dirent **v;
	struct stat st;
	char child[4096];
	int n, fd;

	if (lstat(path, &st) < 0 || st.st_dev != root_dev)
		return;
	show(path, &st);
	if (S_ISREG(st.st_mode)) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		check_content(path, fd);
		check_dax(path, fd, (size_t)st.st_size);
		close(fd);
	}
	n = S_ISDIR(st.st_mode) ? scandir(path, &v, NULL, alphasort) : 0;
	for (int i = 0; i < n; i++) {
		if (!strcmp(v[i]->d_name, ".") || !strcmp(v[i]->d_name, ".."))
			continue;
		snprintf(child, sizeof(child), "%s/%s",
			 strcmp(path, "/") ? path : "", v[i]->d_name);
		walk(child);
	}
}

int main(void)
{
	struct stat st;
	long cached;

	(void)mount("proc", "/proc", "proc", 0, NULL);
	lstat("/", &st);
	root_dev = st.st_dev;
	printf("KILN-START\n");
	cached = kilobytes("/proc/meminfo", "Cached:", NULL);
	walk("/");
	printf("KILN-CACHED %ld\n",
	       kilobytes("/proc/meminfo", "Cached:", NULL) - cached);
	printf("KILN-END\n");
	fflush(stdout);
	(void)reboot(RB_POWER_OFF);
	(void)reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}
