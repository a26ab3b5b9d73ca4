// SPDX-License-Identifier: Apache-2.0
/*
 * Root images: what they are, and what a machine can do with them. The layouts
 * are those of kiln-image; partition tables and info blocks of other builders
 * are understood where they are the same.
 */
#include "runtime/guest_root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/endian.h"
#include "os/io.h"

#define SECTOR 512
#define PMEM_STEP (UINT64_C(2) << 20)
#define LABEL_AREA (UINT64_C(128) << 10)

/* Of a partition table as the PC has it. */
#define MBR_SIGNATURE 510
#define MBR_FIRST 446
#define MBR_START 8

/* struct nd_pfn_sb of Linux drivers/nvdimm/pfn.h, and what it is followed by */
#define PFN_POS 4096
static const char pfn_signature[16] = "NVDIMM_PFN_INFO";
static const char index_signature[16] = "NAMESPACE_INDEX";

#define EROFS_POS 1024
#define EROFS_INCOMPAT 80
/* Features of erofs that compress, Linux fs/erofs/erofs_fs.h: lz4 with zero
 * padding, compressors' settings, fragments. */
#define EROFS_COMPRESSED 0x00000023u

#define HEAD_SIZE 4096

/* The file system that begins with the N bytes at P; NULL when not known. */
static const char *filesystem(const uint8_t *p, size_t n)
{
	static const struct {
		const char *type;
		size_t at, len;
		const char *magic;
	} known[] = {
		{"erofs", EROFS_POS, 4, "\xe2\xe1\xf5\xe0"},
		{"ext4", 1080, 2, "\x53\xef"},
		{"squashfs", 0, 4, "hsqs"},
		{"xfs", 0, 4, "XFSB"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].at + known[i].len <= n &&
		    !memcmp(p + known[i].at, known[i].magic, known[i].len))
			return known[i].type;
	return NULL;
}

static bool is_mappable(const char *type, const uint8_t *p)
{
	if (!strcmp(type, "squashfs"))
		return false;
	return strcmp(type, "erofs") != 0 ||
	       !(get_le32(p + EROFS_POS + EROFS_INCOMPAT) & EROFS_COMPRESSED);
}

/* Up to N bytes at POS, the rest zero: what is not there matches nothing. */
static int read_at(int fd, uint64_t pos, uint8_t *p, size_t n)
{
	ssize_t r;

	memset(p, 0, n);
	do {
		r = pread(fd, p, n, (off_t)pos);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

static int find_layout(int fd, struct guest_root *root)
{
	uint8_t block[HEAD_SIZE];
	int r;

	r = read_at(fd, PFN_POS, block, sizeof(block));
	if (r < 0 || memcmp(block, pfn_signature, sizeof(pfn_signature)) != 0)
		return r;
	root->layout = GUEST_LAYOUT_PMEM;
	if (root->size < LABEL_AREA)
		return 0;
	r = read_at(fd, root->size - LABEL_AREA, block, sizeof(block));
	if (r == 0 &&
	    !memcmp(block, index_signature, sizeof(index_signature)))
		root->layout = GUEST_LAYOUT_PAPR;
	return r;
}

static int find_filesystem(int fd, struct guest_root *root)
{
	uint8_t head[HEAD_SIZE];
	uint64_t start;
	int r;

	r = read_at(fd, 0, head, sizeof(head));
	if (r < 0)
		return r;
	root->type = filesystem(head, sizeof(head));
	if (!root->type && head[MBR_SIGNATURE] == 0x55 &&
	    head[MBR_SIGNATURE + 1] == 0xaa) {
		start = (uint64_t)get_le32(head + MBR_FIRST + MBR_START) *
			SECTOR;
		r = start ? read_at(fd, start, head, sizeof(head)) : 0;
		if (r < 0)
			return r;
		root->partition = start > 0;
		root->type = start ? filesystem(head, sizeof(head)) : NULL;
	}
	if (root->type)
		root->mappable = is_mappable(root->type, head);
	return 0;
}

int guest_root_probe(const char *path, struct guest_root *ret,
		     struct err *reterr)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int r;

	*ret = (struct guest_root){0};
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(reterr, "open image '%s'", path);
	ret->size = (uint64_t)st.st_size;
	r = find_layout(fd, ret);
	if (r == 0)
		r = find_filesystem(fd, ret);
	if (r < 0)
		return err_code(reterr, r, "read image '%s'", path);
	if (!ret->type)
		return err_set(reterr, -EBADMSG,
			       "image '%s' has no erofs, ext4, squashfs or xfs "
			       "file system, neither as a whole nor in its "
			       "first partition: damaged, or not of "
			       "'make image'", path);
	return 0;
}

const char *guest_layout_name(enum guest_layout layout)
{
	static const char *const names[] = {
		[GUEST_LAYOUT_PLAIN] = "plain",
		[GUEST_LAYOUT_PMEM] = "pmem",
		[GUEST_LAYOUT_PAPR] = "papr",
	};

	return names[layout];
}

const char *guest_root_bus_name(enum vm_image_bus bus)
{
	static const char *const names[] = {
		[VM_IMAGE_BLK] = "virtio-blk",
		[VM_IMAGE_VIRTIO_PMEM] = "virtio-pmem",
		[VM_IMAGE_NVDIMM] = "nvdimm",
	};

	return names[bus];
}

static const char *nvdimm_refusal(const struct guest_root *root,
				  unsigned int pmem)
{
	if (pmem & ARCH_PMEM_PAPR)
		return root->layout == GUEST_LAYOUT_PAPR
			       ? NULL
			       : "an NVDIMM of pseries needs an image with "
				 "labels: 'make image ARCH=ppc64le "
				 "LAYOUT=pmem'";
	if (root->layout == GUEST_LAYOUT_PLAIN)
		return "an NVDIMM needs an image with an info block: 'make "
		       "image LAYOUT=pmem'; virtio-pmem needs none";
	return root->layout == GUEST_LAYOUT_PAPR
		       ? "the image has the labels of a pseries NVDIMM: 'make "
			 "image LAYOUT=pmem'"
		       : NULL;
}

const char *guest_root_refusal(const struct guest_root *root,
			       const struct arch_machine *machine,
			       enum vm_image_bus bus)
{
	unsigned int nvdimm = ARCH_PMEM_NVDIMM | ARCH_PMEM_PAPR;

	if (bus == VM_IMAGE_BLK)
		return NULL;
	if (bus == VM_IMAGE_NVDIMM && !(machine->pmem & nvdimm))
		return "this machine has no NVDIMM; q35 of x86_64 and pseries "
		       "of ppc64le have";
	if (bus == VM_IMAGE_VIRTIO_PMEM && !(machine->pmem & ARCH_PMEM_VIRTIO))
		return "this machine has no virtio-pmem; q35 of x86_64 has";
	if (!root->mappable)
		return "the file system of the image cannot be mapped: it is "
		       "compressed; virtio-blk reads it";
	if (bus == VM_IMAGE_NVDIMM)
		return nvdimm_refusal(root, machine->pmem);
	return root->size % PMEM_STEP ? "the image's size is no multiple of "
					"2 MiB" : NULL;
}

enum vm_image_bus guest_root_best(const struct guest_root *root,
				  const struct arch_machine *machine,
				  bool verified)
{
	static const enum vm_image_bus ladder[] = {VM_IMAGE_VIRTIO_PMEM,
						   VM_IMAGE_NVDIMM};

	for (size_t i = 0; !verified && i < ARRAY_SIZE(ladder); i++)
		if (!guest_root_refusal(root, machine, ladder[i]))
			return ladder[i];
	return VM_IMAGE_BLK;
}

void guest_root_params(const struct guest_root *root, enum vm_image_bus bus,
		       const char *verity, char ret[GUEST_ROOT_PARAMS_MAX])
{
	if (bus == VM_IMAGE_BLK && *verity)
		(void)snprintf(ret, GUEST_ROOT_PARAMS_MAX, "%s", verity);
	else if (bus == VM_IMAGE_BLK)
		(void)snprintf(ret, GUEST_ROOT_PARAMS_MAX,
			       "root=/dev/vda%s rootfstype=%s ro",
			       root->partition ? "1" : "", root->type);
	else
		(void)snprintf(ret, GUEST_ROOT_PARAMS_MAX,
			       "root=/dev/pmem0%s rootfstype=%s "
			       "rootflags=dax=always ro",
			       root->partition ? "p1" : "", root->type);
}
