// SPDX-License-Identifier: Apache-2.0
/*
 * kernel-repack IN OUT: writes the kernel IN, an ELF that a VMM loads, without
 * what the VMM need not read: section headers, symbols, the file's alignment
 * to large pages, and pages that hold nothing. What is left out of a segment
 * is memory past the file size of the segment before it, which loaders clear.
 * Entry point, physical and virtual addresses and notes stay.
 *
 * kernel-repack --same A B: whether two kernels make the same memory.
 *
 * On x86 the text is padded to 2 MiB with trap instructions. Whole pages of
 * them are left out as well; the kernel never goes there.
 *
 * Part of the kernel's recipe, so it links with nothing: its text is in the
 * key of the cache. The kernel is our own build's, yet every offset is checked.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096UL
/* A gap must save more than its program header and a page of alignment. */
#define GAP_PAGES 4
#define MAX_SEGMENTS 64
#define X86_TRAP 0xcc

struct kernel {
	const char *path;
	unsigned char *data;
	size_t size;
	Elf64_Ehdr eh;
	Elf64_Phdr ph[MAX_SEGMENTS];
	unsigned int n;
};

static _Noreturn void die(const char *path, const char *what)
{
	fprintf(stderr, "kernel-repack: %s: %s\n", path, what);
	exit(1);
}

static void kernel_open(struct kernel *k, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned int i;

	*k = (struct kernel){ .path = path };
	if (fd < 0 || fstat(fd, &st) < 0)
		die(path, strerror(errno));
	k->size = (size_t)st.st_size;
	if (k->size < sizeof(k->eh))
		die(path, "too short for an ELF");
	k->data = mmap(NULL, k->size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (k->data == MAP_FAILED)
		die(path, strerror(errno));
	close(fd);
	memcpy(&k->eh, k->data, sizeof(k->eh));
	if (memcmp(k->eh.e_ident, ELFMAG, SELFMAG) != 0 ||
	    k->eh.e_ident[EI_CLASS] != ELFCLASS64 ||
	    k->eh.e_ident[EI_DATA] != ELFDATA2LSB)
		die(path, "not a little-endian 64-bit ELF");
	k->n = k->eh.e_phnum;
	if (k->n == 0 || k->n > MAX_SEGMENTS ||
	    k->eh.e_phentsize != sizeof(*k->ph) ||
	    k->eh.e_phoff > k->size ||
	    k->n * sizeof(*k->ph) > k->size - k->eh.e_phoff)
		die(path, "bad program headers");
	memcpy(k->ph, k->data + k->eh.e_phoff, k->n * sizeof(*k->ph));
	for (i = 0; i < k->n; i++)
		if (k->ph[i].p_offset > k->size ||
		    k->ph[i].p_filesz > k->size - k->ph[i].p_offset ||
		    k->ph[i].p_filesz > k->ph[i].p_memsz ||
		    k->ph[i].p_memsz > UINT64_MAX - k->ph[i].p_paddr)
			die(path, "a segment is outside of the file");
}

static bool filled_with(const unsigned char *p, size_t len, int c)
{
	return len == 0 || (p[0] == c && memcmp(p, p + 1, len - 1) == 0);
}

/* Whether the loader may clear @len bytes at @p instead of reading them. */
static bool is_nothing(const struct kernel *k, const Elf64_Phdr *ph,
		       const unsigned char *p, size_t len)
{
	return filled_with(p, len, 0) ||
	       (k->eh.e_machine == EM_X86_64 && (ph->p_flags & PF_X) &&
		len == PAGE && filled_with(p, len, X86_TRAP));
}

/*
 * The end of the file part of a segment's piece that starts @from bytes into
 * it, and in *next where the following piece starts: where a run of empty
 * pages ends that is long enough to be worth a segment.
 */
static uint64_t piece_end(const struct kernel *k, const Elf64_Phdr *ph,
			  uint64_t from, uint64_t *next)
{
	const unsigned char *p = k->data + ph->p_offset;
	uint64_t at, len, end = from;

	for (at = from; at < ph->p_filesz; at += len) {
		len = PAGE - (ph->p_vaddr + at) % PAGE;
		if (len > ph->p_filesz - at)
			len = ph->p_filesz - at;
		if (is_nothing(k, ph, p + at, len))
			continue;
		if (at - end >= GAP_PAGES * PAGE && end > from) {
			*next = at;
			return end;
		}
		end = at + len;
	}
	*next = ph->p_memsz;
	return end;
}

/* Appends the pieces of a loadable segment, with their offset in @from. */
static void split(const struct kernel *from, const Elf64_Phdr *ph,
		  struct kernel *to)
{
	uint64_t at = 0, next, end;

	while (at < ph->p_memsz) {
		end = piece_end(from, ph, at, &next);
		if (to->n == MAX_SEGMENTS)
			die(from->path, "too many segments");
		to->ph[to->n++] = (Elf64_Phdr){
			.p_type = PT_LOAD,
			.p_flags = ph->p_flags,
			.p_offset = ph->p_offset + at,
			.p_vaddr = ph->p_vaddr + at,
			.p_paddr = ph->p_paddr + at,
			.p_filesz = end - at,
			.p_memsz = next - at,
			.p_align = PAGE,
		};
		at = next;
	}
}

/* Where @offset of the old file is in the new one. */
static uint64_t moved(const struct kernel *from, const struct kernel *to,
		      const uint64_t *old, const Elf64_Phdr *ph)
{
	unsigned int i;

	for (i = 0; i < to->n; i++)
		if (to->ph[i].p_type == PT_LOAD && ph->p_offset >= old[i] &&
		    ph->p_offset - old[i] <= to->ph[i].p_filesz &&
		    ph->p_filesz <= to->ph[i].p_filesz -
		    (ph->p_offset - old[i]))
			return to->ph[i].p_offset + ph->p_offset - old[i];
	die(from->path, "a note is in no loaded segment");
}

static void write_at(int fd, const char *path, const void *data, size_t len,
		     uint64_t offset)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, (off_t)offset);

		if (n <= 0)
			die(path, n < 0 ? strerror(errno) : "short write");
		p += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
}

static void repack(const struct kernel *from, const char *path)
{
	struct kernel to = { .path = path, .eh = from->eh };
	uint64_t old[MAX_SEGMENTS] = { 0 }, at;
	unsigned int i;
	int fd;

	for (i = 0; i < from->n; i++)
		if (from->ph[i].p_type == PT_LOAD)
			split(from, &from->ph[i], &to);
	at = sizeof(to.eh) + MAX_SEGMENTS * sizeof(*to.ph);
	for (i = 0; i < to.n; i++) {
		old[i] = to.ph[i].p_offset;
		/* A mapping of the file would need both in step. */
		at += (to.ph[i].p_vaddr - at) % PAGE;
		to.ph[i].p_offset = at;
		at += to.ph[i].p_filesz;
	}
	for (i = 0; i < from->n; i++) {
		if (from->ph[i].p_type != PT_NOTE)
			continue;
		if (to.n == MAX_SEGMENTS)
			die(from->path, "too many segments");
		to.ph[to.n] = from->ph[i];
		to.ph[to.n].p_offset = moved(from, &to, old, &from->ph[i]);
		to.n++;
	}
	to.eh.e_phoff = sizeof(to.eh);
	to.eh.e_phnum = (Elf64_Half)to.n;
	to.eh.e_shoff = 0;
	to.eh.e_shnum = 0;
	to.eh.e_shentsize = 0;
	to.eh.e_shstrndx = SHN_UNDEF;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		die(path, strerror(errno));
	write_at(fd, path, &to.eh, sizeof(to.eh), 0);
	write_at(fd, path, to.ph, to.n * sizeof(*to.ph), to.eh.e_phoff);
	for (i = 0; i < to.n; i++)
		if (to.ph[i].p_type == PT_LOAD)
			write_at(fd, path, from->data + old[i],
				 to.ph[i].p_filesz, to.ph[i].p_offset);
	if (close(fd) < 0)
		die(path, strerror(errno));
}

/* The byte that @k has loaded at the physical address @pa, or -1. */
static int byte_at(const struct kernel *k, uint64_t pa)
{
	unsigned int i;

	for (i = 0; i < k->n; i++) {
		const Elf64_Phdr *ph = &k->ph[i];

		if (ph->p_type != PT_LOAD || pa < ph->p_paddr ||
		    pa - ph->p_paddr >= ph->p_memsz)
			continue;
		if (pa - ph->p_paddr >= ph->p_filesz)
			return 0;
		return k->data[ph->p_offset + pa - ph->p_paddr];
	}
	return -1;
}

/* Whether all that @a loads, @b loads the same; traps may be missing in @b. */
static void compare(const struct kernel *a, const struct kernel *b)
{
	unsigned int i;
	uint64_t at;

	for (i = 0; i < a->n; i++) {
		const Elf64_Phdr *ph = &a->ph[i];

		for (at = 0; ph->p_type == PT_LOAD && at < ph->p_memsz; at++) {
			int x = byte_at(a, ph->p_paddr + at);
			int y = byte_at(b, ph->p_paddr + at);

			if (x == y || (x == X86_TRAP && y == 0 &&
				       a->eh.e_machine == EM_X86_64))
				continue;
			fprintf(stderr, "kernel-repack: %s: %#llx is %#x, "
				"in %s %#x\n", a->path,
				(unsigned long long)(ph->p_paddr + at), x,
				b->path, y);
			exit(1);
		}
	}
}

static const Elf64_Phdr *note(const struct kernel *k)
{
	unsigned int i;

	for (i = 0; i < k->n; i++)
		if (k->ph[i].p_type == PT_NOTE)
			return &k->ph[i];
	return NULL;
}

static void same(const struct kernel *a, const struct kernel *b)
{
	const Elf64_Phdr *x = note(a), *y = note(b);

	if (a->eh.e_entry != b->eh.e_entry ||
	    a->eh.e_machine != b->eh.e_machine)
		die(b->path, "another entry point");
	if (!x != !y || (x && (x->p_filesz != y->p_filesz ||
			       memcmp(a->data + x->p_offset,
				      b->data + y->p_offset,
				      x->p_filesz) != 0)))
		die(b->path, "other notes");
	compare(a, b);
	for (unsigned int i = 0; i < b->n; i++)
		if (b->ph[i].p_type == PT_LOAD && b->ph[i].p_memsz &&
		    (byte_at(a, b->ph[i].p_paddr) < 0 ||
		     byte_at(a, b->ph[i].p_paddr +
				b->ph[i].p_memsz - 1) < 0))
			die(b->path, "memory that the other does not have");
}

int main(int argc, char **argv)
{
	struct kernel a, b;

	if (argc == 4 && strcmp(argv[1], "--same") == 0) {
		kernel_open(&a, argv[2]);
		kernel_open(&b, argv[3]);
		same(&a, &b);
		return 0;
	}
	if (argc != 3) {
		fprintf(stderr, "usage: kernel-repack [--same] IN OUT\n");
		return 2;
	}
	kernel_open(&a, argv[1]);
	repack(&a, argv[2]);
	return 0;
}
