// SPDX-License-Identifier: Apache-2.0
/*
 * What a VM shall be, before there is one: defaults, sanity, hash, guest
 * command line and device addresses. Pure functions.
 */
#include "runtime/vmm/vmm.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/path.h"
#include "runtime/vmm/resize.h"

/* Linux: COMMAND_LINE_SIZE of x86, arm64 and powerpc, with NUL. */
#define CMDLINE_MAX 2048
/* PCI device numbers for us: 0 and 1 are the machines', 1f is q35's. */
#define PCI_FIRST 2
#define PCI_LAST 0x1e
/* LUNs that need only the simple addressing of SAM-5. */
#define SCSI_LUNS 256

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define ID_CHARS LETTERS "0123456789_.-"

void vm_spec_init(struct vm_spec *spec, const struct arch_desc *arch,
		  const struct host_facts *facts)
{
	*spec = (struct vm_spec){
		.arch = arch,
		.machine = &arch->machines[0],
		.accel = facts->kvm ? ARCH_ACCEL_KVM : ARCH_ACCEL_TCG,
		.vcpus = 1,
		.memory_mib = arch->memory_default_mib,
		.channel = VM_CHANNEL_VIRTIO_SERIAL,
		.rng = true,
		.tsc_khz = facts->kvm ? 0 : facts->tsc_khz,
	};
}

static bool name_ok(const char *s, size_t max)
{
	size_t n = s ? strlen(s) : 0;

	return n >= 1 && n <= max && strspn(s, ID_CHARS) == n;
}

static int check_path(const char *what, const char *path, struct err *reterr)
{
	if (!path || !path_is_normal(path))
		return err_set(reterr, -EINVAL,
			       "%s '%s': an absolute path without '.', '..' "
			       "and double slashes is needed",
			       what, path ? path : "");
	return 0;
}

static int check_sizes(const struct vm_spec *spec, struct err *reterr)
{
	const struct arch_desc *a = spec->arch;
	uint32_t max = spec->machine->max_vcpus;

	if (spec->vcpus < 1 || spec->vcpus > max || spec->vcpus_max > max ||
	    (spec->vcpus_max && spec->vcpus_max < spec->vcpus))
		return err_set(reterr, -EINVAL,
			       "%" PRIu32 " CPUs (at most %" PRIu32
			       " later): machine '%s' of %s takes 1 to %" PRIu32,
			       spec->vcpus, spec->vcpus_max,
			       spec->machine->name, a->name, max);
	if (spec->memory_mib < a->memory_min_mib ||
	    spec->memory_mib > VM_MEMORY_MAX_MIB ||
	    spec->memory_mib % a->memory_step_mib)
		return err_set(reterr, -EINVAL,
			       "memory of %" PRIu32 " MiB: %s takes multiples "
			       "of %" PRIu32 " MiB from %" PRIu32 " to %u",
			       spec->memory_mib, a->name, a->memory_step_mib,
			       a->memory_min_mib, VM_MEMORY_MAX_MIB);
	if (spec->memory_max_mib &&
	    (spec->memory_max_mib < spec->memory_mib ||
	     spec->memory_max_mib > VM_MEMORY_MAX_MIB ||
	     spec->memory_max_mib % a->memory_step_mib))
		return err_set(reterr, -EINVAL,
			       "memory of %" PRIu32 " MiB that may become %"
			       PRIu32 ": the second is no multiple of %" PRIu32
			       ", or too small, or too large",
			       spec->memory_mib, spec->memory_max_mib,
			       a->memory_step_mib);
	return 0;
}

static int check_shares(const struct vm_spec *spec, struct err *reterr)
{
	int r;

	if (spec->n_shares > VM_SHARES_MAX)
		return err_set(reterr, -EINVAL, "%zu shares: at most %d",
			       spec->n_shares, VM_SHARES_MAX);
	for (size_t i = 0; i < spec->n_shares; i++) {
		const struct vm_share *s = &spec->shares[i];

		if (!name_ok(s->tag, 31))
			return err_set(reterr, -EINVAL,
				       "tag '%s' of a share: 1 to 31 letters, "
				       "digits, '_', '.', '-' are needed",
				       s->tag ? s->tag : "");
		r = check_path("share", s->path, reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_disks(const struct vm_spec *spec, struct err *reterr)
{
	int r;

	if (spec->n_disks > VM_DISKS_MAX || spec->n_nics > VM_NICS_MAX)
		return err_set(reterr, -EINVAL,
			       "%zu disks and %zu network cards: at most %d "
			       "and %d",
			       spec->n_disks, spec->n_nics, VM_DISKS_MAX,
			       VM_NICS_MAX);
	for (size_t i = 0; i < spec->n_disks; i++) {
		const struct vm_disk *d = &spec->disks[i];

		if (!name_ok(d->id, 20))
			return err_set(reterr, -EINVAL,
				       "id '%s' of a disk: 1 to 20 letters, "
				       "digits, '_', '.', '-' are needed",
				       d->id ? d->id : "");
		for (size_t j = 0; j < i; j++)
			if (!strcmp(spec->disks[j].id, d->id))
				return err_set(reterr, -EINVAL,
					       "two disks have the id '%s'",
					       d->id);
		if (d->bus == VM_DISK_SCSI && !spec->scsi)
			return err_set(reterr, -EINVAL,
				       "disk '%s' on SCSI: the VM has no "
				       "controller", d->id);
		r = check_path("disk", d->path, reterr);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < spec->n_nics; i++)
		if (spec->nics[i].queues > VM_QUEUES_MAX)
			return err_set(reterr, -EINVAL, "%u queues of a "
				       "network card: at most %d",
				       spec->nics[i].queues, VM_QUEUES_MAX);
	for (size_t i = 0; i < spec->n_nics; i++)
		if (!name_ok(spec->nics[i].id, 20) || !spec->nics[i].mac ||
		    strlen(spec->nics[i].mac) != 17 ||
		    strspn(spec->nics[i].mac, "0123456789abcdef:") != 17)
			return err_set(reterr, -EINVAL,
				       "network card %zu: an id and a lower "
				       "case MAC address are needed", i);
	return 0;
}

/* Linux maps memory with struct pages by multiples of this; a pseries
 * NVDIMM is plugged by multiples of the other, and has labels behind it. */
#define PMEM_STEP (UINT64_C(2) << 20)
#define PAPR_STEP (UINT64_C(256) << 20)
#define PAPR_LABELS (UINT64_C(128) << 10)

static int check_image(const struct vm_spec *spec, struct err *reterr)
{
	unsigned int pmem = spec->machine->pmem;
	unsigned int want = spec->image_bus == VM_IMAGE_VIRTIO_PMEM
				    ? ARCH_PMEM_VIRTIO
				    : ARCH_PMEM_NVDIMM | ARCH_PMEM_PAPR;
	bool papr = (pmem & want) == ARCH_PMEM_PAPR;
	uint64_t size = spec->image_size - (papr ? PAPR_LABELS : 0);

	if (!spec->image || spec->image_bus == VM_IMAGE_BLK)
		return 0;
	if (!(pmem & want))
		return err_set(reterr, -EINVAL,
			       "machine '%s' of %s has no such memory for the "
			       "image", spec->machine->name, spec->arch->name);
	if (!size || size > spec->image_size ||
	    size % (papr ? PAPR_STEP : PMEM_STEP))
		return err_set(reterr, -EINVAL,
			       "image '%s' of %" PRIu64 " bytes: as memory of "
			       "machine '%s' it has a multiple of %s",
			       spec->image, spec->image_size,
			       spec->machine->name,
			       papr ? "256 MiB and 128 KiB" : "2 MiB");
	return 0;
}

int vm_spec_check(const struct vm_spec *spec, struct err *reterr)
{
	int r;

	if (!spec->arch || !spec->machine ||
	    arch_machine_find(spec->arch, spec->machine->name) !=
		    spec->machine)
		return err_set(reterr, -EINVAL,
			       "the VM has no machine of its architecture");
	if (spec->accel >= ARCH_ACCEL_COUNT)
		return err_set(reterr, -EINVAL, "no such accelerator");
	if (spec->channel == VM_CHANNEL_VHOST_VSOCK && spec->cid < 3)
		return err_set(reterr, -EINVAL,
			       "vsock context %" PRIu32 ": a guest's is 3 or "
			       "more", spec->cid);
	r = check_path("kernel", spec->kernel, reterr);
	if (r == 0 && spec->initrd)
		r = check_path("initrd", spec->initrd, reterr);
	if (r == 0 && spec->image)
		r = check_path("image", spec->image, reterr);
	if (r == 0)
		r = check_image(spec, reterr);
	if (r == 0 && spec->firmware)
		r = check_path("firmware", spec->firmware, reterr);
	if (r == 0 && spec->entropy)
		r = check_path("entropy source", spec->entropy, reterr);
	if (r == 0)
		r = check_sizes(spec, reterr);
	if (r == 0)
		r = check_shares(spec, reterr);
	if (r == 0)
		r = check_disks(spec, reterr);
	return r;
}

/* --- Addresses --- */

unsigned int vm_nic_queues(const struct vm_nic *nic)
{
	return MAX(nic->queues, 1U);
}

/* An NVDIMM is no device of the transport. */
static bool has_image_slot(const struct vm_spec *spec)
{
	return spec->image && spec->image_bus != VM_IMAGE_NVDIMM;
}

unsigned int vm_spec_devices(const struct vm_spec *spec)
{
	size_t n = 1 + spec->rng + spec->balloon + spec->scsi +
		   has_image_slot(spec) + spec->n_shares + spec->n_nics +
		   (resize_memory_method(spec) == RESIZE_MEMORY_VIRTIO_MEM);

	for (size_t i = 0; i < spec->n_disks; i++)
		n += spec->disks[i].bus == VM_DISK_BLK;
	return (unsigned int)n;
}

static unsigned int slots_of(const struct arch_machine *m)
{
	switch (m->transport) {
	case ARCH_TRANSPORT_MMIO:
		return m->mmio.slots;
	case ARCH_TRANSPORT_PCI:
		return PCI_LAST - PCI_FIRST + 1;
	case ARCH_TRANSPORT_CCW:
		return 0xffff;
	}
	return 0;
}

unsigned int vm_spec_room(const struct vm_spec *spec)
{
	unsigned int n = vm_spec_devices(spec), slots = slots_of(spec->machine);

	return n < slots ? slots - n : 0;
}

bool vm_takes_nics(const struct arch_machine *m)
{
	return m->transport == ARCH_TRANSPORT_CCW &&
	       (m->hotplug & ARCH_HOTPLUG_DEVICE);
}

void vm_device_addr(const struct arch_machine *m, unsigned int n,
		    struct vm_addr *ret)
{
	switch (m->transport) {
	case ARCH_TRANSPORT_PCI:
		ret->kind = VM_ADDR_PCI;
		(void)snprintf(ret->text, sizeof(ret->text), "%02x",
			       PCI_FIRST + n);
		break;
	case ARCH_TRANSPORT_CCW:
		ret->kind = VM_ADDR_CCW;
		(void)snprintf(ret->text, sizeof(ret->text), "0.0.%04x",
			       1 + n);
		break;
	case ARCH_TRANSPORT_MMIO:
		ret->kind = VM_ADDR_MMIO;
		/* Linux names the device by what announced it. */
		if (m->mmio.on_cmdline)
			(void)snprintf(ret->text, sizeof(ret->text),
				       "virtio-mmio.%u", n);
		else
			(void)snprintf(ret->text, sizeof(ret->text),
				       "%" PRIx64 ".virtio_mmio",
				       m->mmio.base +
					       (uint64_t)n * m->mmio.stride);
		break;
	}
}

int vm_layout_build(const struct vm_spec *spec, struct vm_layout *ret,
		    struct err *reterr)
{
	const struct arch_machine *m = spec->machine;
	unsigned int n = 0;
	unsigned int need = vm_spec_devices(spec);

	if (need > slots_of(m))
		return err_set(reterr, -ENOSPC,
			       "%u devices: machine '%s' of %s has room for "
			       "%u; fewer shares or disks, or machine '%s' "
			       "would do",
			       need, m->name, spec->arch->name, slots_of(m),
			       spec->arch->machines[spec->arch->n_machines - 1]
				       .name);
	*ret = (struct vm_layout){0};
	vm_device_addr(m, n++, &ret->channel);
	if (spec->rng)
		vm_device_addr(m, n++, &ret->rng);
	if (spec->balloon)
		vm_device_addr(m, n++, &ret->balloon);
	if (spec->scsi)
		vm_device_addr(m, n++, &ret->scsi);
	if (has_image_slot(spec))
		vm_device_addr(m, n++, &ret->image);
	for (size_t i = 0; i < spec->n_shares; i++)
		vm_device_addr(m, n++, &ret->shares[i]);
	for (size_t i = 0; i < spec->n_disks; i++) {
		if (spec->disks[i].bus == VM_DISK_BLK) {
			vm_device_addr(m, n++, &ret->disks[i]);
			continue;
		}
		vm_lun_addr(ret->next_lun++, &ret->disks[i]);
	}
	for (size_t i = 0; i < spec->n_nics; i++)
		vm_device_addr(m, n++, &ret->nics[i]);
	ret->next_device = n;
	return 0;
}

int vm_lun_addr(unsigned int lun, struct vm_addr *ret)
{
	if (lun >= SCSI_LUNS)
		return -ENOSPC;
	ret->kind = VM_ADDR_SCSI;
	(void)snprintf(ret->text, sizeof(ret->text), "0:%u", lun);
	return 0;
}

/* --- Command line --- */

static void add_param(struct buf *b, const char *params)
{
	if (!params || !*params)
		return;
	if (b->len > 0 && buf_data(b)[b->len - 1] != ' ')
		(void)buf_put_u8(b, ' ');
	(void)buf_put_str(b, params);
}

char *vm_cmdline_build(const struct vm_spec *spec)
{
	const struct arch_machine *m = spec->machine;
	cleanup_buf struct buf b = BUF_INIT(CMDLINE_MAX - 1);
	char text[64];

	add_param(&b, spec->arch->cmdline);
	add_param(&b, m->cmdline);
	(void)snprintf(text, sizeof(text), "console=%s", m->console);
	add_param(&b, text);
	if (spec->arch->tsc_param && spec->tsc_khz) {
		(void)snprintf(text, sizeof(text), "%s%" PRIu32,
			       spec->arch->tsc_param, spec->tsc_khz);
		add_param(&b, text);
	}
	/* <size>@<address>:<irq>:<id>, Linux virtio_mmio.c */
	for (unsigned int i = 0;
	     m->mmio.on_cmdline && i < vm_spec_devices(spec); i++) {
		(void)snprintf(text, sizeof(text),
			       "virtio_mmio.device=%" PRIu32 "@0x%" PRIx64
			       ":%" PRIu32 ":%u",
			       m->mmio.stride,
			       m->mmio.base + (uint64_t)i * m->mmio.stride,
			       m->mmio.irq_base + i, i);
		add_param(&b, text);
	}
	(void)snprintf(text, sizeof(text), "maxcpus=%" PRIu32, spec->vcpus);
	add_param(&b, resize_cpus_spare(spec) ? text : "");
	if (resize_memory_method(spec) != RESIZE_MEMORY_BALLOON)
		add_param(&b, RESIZE_MOVABLE_PARAM);
	add_param(&b, spec->cmdline_image);
	add_param(&b, spec->cmdline_sandbox);
	if (spec->debug)
		add_param(&b, "ignore_loglevel");
	if (buf_error(&b))
		return NULL;
	while (b.len > 0 && buf_data(&b)[b.len - 1] == ' ')
		b.len--;
	return buf_take_cstr(&b);
}

/* --- Hash --- */

/* Length first, so that no two lists of fields read the same. */
static void hash_str(EVP_MD_CTX *ctx, const char *s)
{
	char head[32];
	int n = snprintf(head, sizeof(head), "%zu:", s ? strlen(s) + 1 : 0);

	(void)EVP_DigestUpdate(ctx, head, (size_t)n);
	if (s)
		(void)EVP_DigestUpdate(ctx, s, strlen(s));
}

static void hash_num(EVP_MD_CTX *ctx, uint64_t v)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%" PRIu64 ",", v);

	(void)EVP_DigestUpdate(ctx, text, (size_t)n);
}

static void hash_devices(EVP_MD_CTX *ctx, const struct vm_spec *spec)
{
	hash_num(ctx, spec->n_shares);
	for (size_t i = 0; i < spec->n_shares; i++) {
		hash_str(ctx, spec->shares[i].tag);
		hash_str(ctx, spec->shares[i].path);
		hash_num(ctx, spec->shares[i].read_only);
		hash_num(ctx, spec->shares[i].kind);
	}
	hash_num(ctx, spec->n_disks);
	for (size_t i = 0; i < spec->n_disks; i++) {
		hash_str(ctx, spec->disks[i].id);
		hash_str(ctx, spec->disks[i].path);
		hash_num(ctx, spec->disks[i].read_only);
		hash_num(ctx, spec->disks[i].host_device);
		hash_num(ctx, spec->disks[i].bus);
	}
	hash_num(ctx, spec->n_nics);
	for (size_t i = 0; i < spec->n_nics; i++) {
		hash_str(ctx, spec->nics[i].id);
		hash_str(ctx, spec->nics[i].mac);
		hash_num(ctx, spec->nics[i].vhost);
		hash_num(ctx, vm_nic_queues(&spec->nics[i]));
	}
}

void vm_spec_hash(const struct vm_spec *spec, char ret[VM_HASH_SIZE])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t md[EVP_MAX_MD_SIZE] = {0};

	if (ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL)) {
		hash_str(ctx, "kiln vm_spec 4");
		hash_str(ctx, spec->arch->name);
		hash_str(ctx, spec->machine->name);
		hash_num(ctx, spec->accel);
		hash_str(ctx, spec->cpu ? spec->cpu
					: spec->arch->cpu[spec->accel]);
		hash_str(ctx, spec->machine_options);
		hash_str(ctx, spec->cpu_features);
		hash_str(ctx, spec->firmware);
		hash_str(ctx, spec->entropy);
		hash_num(ctx, spec->hugepages);
		hash_num(ctx, spec->prealloc);
		hash_num(ctx, spec->vcpus);
		hash_num(ctx, MAX(spec->vcpus, spec->vcpus_max));
		hash_num(ctx, spec->memory_mib);
		hash_num(ctx, MAX(spec->memory_mib, spec->memory_max_mib));
		hash_num(ctx, spec->virtio_mem);
		hash_str(ctx, spec->kernel);
		hash_str(ctx, spec->initrd);
		hash_str(ctx, spec->image);
		hash_num(ctx, spec->image_bus);
		hash_num(ctx, spec->image_size);
		hash_str(ctx, spec->arch->cmdline);
		hash_str(ctx, spec->machine->cmdline);
		hash_str(ctx, spec->cmdline_image);
		hash_str(ctx, spec->cmdline_sandbox);
		hash_num(ctx, spec->debug);
		hash_num(ctx, spec->tsc_khz);
		hash_num(ctx, spec->channel);
		hash_num(ctx, spec->cid);
		hash_num(ctx, spec->rng);
		hash_num(ctx, spec->balloon);
		hash_num(ctx, spec->scsi);
		hash_devices(ctx, spec);
		(void)EVP_DigestFinal_ex(ctx, md, NULL);
	}
	EVP_MD_CTX_free(ctx);
	for (size_t i = 0; i < 32; i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", md[i]);
}
