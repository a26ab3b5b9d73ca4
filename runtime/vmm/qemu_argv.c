// SPDX-License-Identifier: Apache-2.0
/*
 * The QEMU command of a VM: a pure function of what the VM shall be and what
 * the host offers. tests/golden holds its answers for all architectures.
 */
#include "runtime/vmm/vmm.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "runtime/vmm/resize.h"

#define OPT_MAX 16384
/* MiB of translated code that are kept. By default it may grow to a gigabyte,
 * of which a VM that runs for long makes use; a boot needs 16. */
#define TB_MIB "128"

/* What the builder passes around. */
struct qemu_args {
	const struct host_facts *facts;
	const struct vm_spec *spec;
	struct strv *argv;
	const struct vm_layout *layout;
	unsigned int device; /* devices addressed so far */
	int fd;              /* next file descriptor of the process */
};

static void add2(struct qemu_args *a, const char *opt, const char *value)
{
	(void)strv_add(a->argv, opt);
	(void)strv_add(a->argv, value);
}

/* Adds OPT and the text of B, which is released. */
static void add_buf(struct qemu_args *a, const char *opt, struct buf *b)
{
	int error = buf_error(b);
	const char *text = error ? NULL : buf_cstr(b);

	if (text)
		add2(a, opt, text);
	else if (!a->argv->error)
		a->argv->error = error ? error : -ENOMEM;
	buf_release(b);
}

/* A value inside a QEMU option: a comma in it is written twice. */
static void put_value(struct buf *b, const char *value)
{
	for (; *value; value++) {
		(void)buf_put_u8(b, (uint8_t)*value);
		if (*value == ',')
			(void)buf_put_u8(b, ',');
	}
}

/*
 * Begins "-device virtio-<what>-<transport>" at address N. All devices are of
 * virtio 1 and nothing else; the guest kernels have no older driver.
 */
static void device_at(const struct qemu_args *a, struct buf *b,
		      const char *what, unsigned int n)
{
	buf_init(b, OPT_MAX);
	switch (a->spec->machine->transport) {
	case ARCH_TRANSPORT_PCI:
		(void)buf_printf(b, "%s-pci,addr=0x%x", what, 2 + n);
		/* These never had an older form. */
		if (strcmp(what, "vhost-user-fs") != 0 &&
		    strcmp(what, "virtio-mem") != 0 &&
		    strcmp(what, "virtio-pmem") != 0)
			(void)buf_put_str(b, ",disable-legacy=on");
		break;
	case ARCH_TRANSPORT_CCW:
		(void)buf_printf(b, "%s-ccw,devno=fe.0.%04x", what, 1 + n);
		break;
	case ARCH_TRANSPORT_MMIO:
		(void)buf_printf(b, "%s-device,bus=virtio-mmio-bus.%u", what,
				 n);
		break;
	}
}

/* The same at the next address. */
static void device_begin(struct qemu_args *a, struct buf *b, const char *what)
{
	device_at(a, b, what, a->device++);
}

static bool has_virtiofs(const struct vm_spec *s)
{
	for (size_t i = 0; i < s->n_shares; i++)
		if (s->shares[i].kind == VM_SHARE_VIRTIOFS)
			return true;
	return false;
}

/* Memory that is not just QEMU's own: "ram", named in -machine. */
static bool has_backend(const struct vm_spec *s)
{
	return has_virtiofs(s) || s->hugepages || s->prealloc;
}

static bool has_pmem(const struct vm_spec *s)
{
	return s->image && s->image_bus != VM_IMAGE_BLK;
}

static bool has_nvdimm(const struct vm_spec *s)
{
	return s->image && s->image_bus == VM_IMAGE_NVDIMM;
}

/* The guest's memory, and addresses for what may come later. */
static void add_memory_size(struct qemu_args *a)
{
	const struct vm_spec *s = a->spec;
	enum resize_memory method = resize_memory_method(s);
	/* What an image is mapped in: addresses, not memory. Whole GiB are
	 * aligned enough for every machine. */
	uint64_t room = has_pmem(s) ? ALIGN_UP(s->image_size,
					       UINT64_C(1) << 30) >> 20
				    : 0;
	unsigned int slots = has_nvdimm(s) ? 1 : 0;

	if (method != RESIZE_MEMORY_BALLOON)
		room += s->memory_max_mib - s->memory_mib;
	if (method == RESIZE_MEMORY_DIMM)
		slots += s->machine->dimm_slots;
	(void)strv_add(a->argv, "-m");
	if (room)
		(void)strv_addf(a->argv, "%" PRIu32 "M,slots=%u,maxmem=%" PRIu64
				"M", s->memory_mib, slots,
				s->memory_mib + room);
	else
		(void)strv_addf(a->argv, "%" PRIu32 "M", s->memory_mib);
}

/* Memory that comes and goes with the guest's consent. It is the first in the
 * addresses for later memory, where it is aligned as the guest wants it, but
 * the last of the devices: the others' addresses do not depend on it. */
static void add_virtio_mem(struct qemu_args *a)
{
	const struct vm_spec *s = a->spec;
	struct buf b = BUF_INIT(OPT_MAX);

	if (resize_memory_method(s) != RESIZE_MEMORY_VIRTIO_MEM)
		return;
	(void)buf_printf(&b, "memory-backend-%s,id=" RESIZE_BACKEND_ID
			     ",size=%" PRIu32 "M,reserve=off",
			 has_virtiofs(s) ? "memfd" : "ram",
			 s->memory_max_mib - s->memory_mib);
	if (has_virtiofs(s))
		(void)buf_put_str(&b, ",share=on");
	add_buf(a, "-object", &b);
	device_at(a, &b, "virtio-mem", vm_spec_devices(s) - 1);
	(void)buf_put_str(&b, ",memdev=" RESIZE_BACKEND_ID
			      ",id=" RESIZE_VIRTIO_MEM_ID ",requested-size=0");
	add_buf(a, "-device", &b);
}

static void add_memory(struct qemu_args *a)
{
	const struct vm_spec *s = a->spec;
	struct buf b = BUF_INIT(OPT_MAX);

	add_memory_size(a);
	if (!has_backend(s))
		return;
	/* vhost-user servers map the guest's memory. */
	(void)buf_printf(&b, "memory-backend-memfd,id=ram,size=%" PRIu32
			     "M,share=%s%s%s",
			 s->memory_mib, has_virtiofs(s) ? "on" : "off",
			 s->hugepages ? ",hugetlb=on" : "",
			 s->prealloc ? ",prealloc=on" : "");
	add_buf(a, "-object", &b);
}

/* BASE, and EXTRA after a comma. */
static void add_extended(struct qemu_args *a, const char *opt, const char *base,
			 const char *extra)
{
	(void)strv_add(a->argv, opt);
	(void)strv_addf(a->argv, "%s%s%s", base, extra && *extra ? "," : "",
			extra ? extra : "");
}

/* With a single CPU possible QEMU's translator leaves memory barriers out, as
 * if nobody watched; but its devices run in threads of their own: the guest
 * misses that they want a notification, and its queue stands still for good
 * (accel/tcg/tcg-accel-ops-mttcg.c, CF_PARALLEL). A second CPU that may come
 * brings the barriers back. */
static void add_cpus(struct qemu_args *a)
{
	const struct vm_spec *s = a->spec;
	uint32_t max = MAX(s->vcpus, s->vcpus_max);
	bool spare = resize_cpus_spare(s);
	struct buf b = BUF_INIT(OPT_MAX);

	if (s->accel == ARCH_ACCEL_TCG && max < 2)
		max = 2;
	(void)buf_printf(&b, "%" PRIu32, spare ? max : s->vcpus);
	if (max > s->vcpus && !spare)
		(void)buf_printf(&b, ",maxcpus=%" PRIu32, max);
	add_buf(a, "-smp", &b);
}

static void add_machine(struct qemu_args *a)
{
	const struct vm_spec *s = a->spec;
	const struct arch_machine *m = s->machine;
	const char *options = m->options[s->accel];
	struct buf b = BUF_INIT(OPT_MAX);

	(void)buf_put_str(&b, m->qemu);
	if (*options)
		(void)buf_printf(&b, ",%s", options);
	if (s->machine_options && *s->machine_options)
		(void)buf_printf(&b, ",%s", s->machine_options);
	if (has_nvdimm(s) && (m->pmem & ARCH_PMEM_NVDIMM))
		(void)buf_put_str(&b, ",nvdimm=on");
	if (has_backend(s))
		(void)buf_put_str(&b, ",memory-backend=ram");
	add_buf(a, "-machine", &b);
	if (s->firmware)
		add2(a, "-bios", s->firmware);
	else if (m->firmware && a->facts->firmware[0])
		add2(a, "-bios", a->facts->firmware);
	add2(a, "-accel", s->accel == ARCH_ACCEL_KVM ? "kvm"
						      : "tcg,tb-size=" TB_MIB);
	add_extended(a, "-cpu", s->cpu ? s->cpu : s->arch->cpu[s->accel],
		     s->cpu_features);

	add_cpus(a);
	add_memory(a);
	if (m->transport == ARCH_TRANSPORT_MMIO)
		add2(a, "-global", "virtio-mmio.force-legacy=false");
}

static int add_kernel(struct qemu_args *a, struct err *reterr)
{
	cleanup_free char *cmdline = vm_cmdline_build(a->spec);

	if (!cmdline)
		return err_set(reterr, -E2BIG,
			       "the guest's command line is longer than its "
			       "kernel takes (2047 bytes)");
	add2(a, "-kernel", a->spec->kernel);
	if (a->spec->initrd)
		add2(a, "-initrd", a->spec->initrd);
	add2(a, "-append", cmdline);
	return 0;
}

/* QMP, and the console from the first byte. */
static void add_monitor(struct qemu_args *a)
{
	const char *dev = a->spec->machine->console_device;

	(void)strv_add(a->argv, "-chardev");
	(void)strv_addf(a->argv, "socket,id=qmp,fd=%d", VM_FD_QMP);
	add2(a, "-mon", "chardev=qmp,mode=control");
	(void)strv_add(a->argv, "-chardev");
	(void)strv_addf(a->argv, "socket,id=console,fd=%d", VM_FD_CONSOLE);
	if (!dev) {
		add2(a, "-serial", "chardev:console");
		return;
	}
	(void)strv_add(a->argv, "-device");
	(void)strv_addf(a->argv, "%s,chardev=console", dev);
}

static void add_channel(struct qemu_args *a)
{
	struct buf b;

	if (a->spec->channel == VM_CHANNEL_VHOST_VSOCK) {
		device_begin(a, &b, "vhost-vsock");
		(void)buf_printf(&b, ",guest-cid=%" PRIu32 ",vhostfd=%d",
				 a->spec->cid, VM_FD_AGENT);
		add_buf(a, "-device", &b);
		return;
	}
	/* Port 0 is kept for a console by the virtio specification. */
	device_begin(a, &b, "virtio-serial");
	(void)buf_put_str(&b, ",id=serial,max_ports=2");
	add_buf(a, "-device", &b);
	(void)strv_add(a->argv, "-chardev");
	(void)strv_addf(a->argv, "socket,id=agent,fd=%d", VM_FD_AGENT);
	add2(a, "-device",
	     "virtserialport,bus=serial.0,nr=1,chardev=agent,"
	     "name=" VM_AGENT_PORT_NAME);
}

static void add_blockdev(struct qemu_args *a, const char *id, const char *path,
			 bool read_only, bool host_device)
{
	struct buf b = BUF_INIT(OPT_MAX);

	(void)buf_printf(&b,
			 "driver=raw,node-name=disk-%s,read-only=%s,"
			 "file.driver=%s,file.filename=",
			 id, read_only ? "on" : "off",
			 host_device ? "host_device" : "file");
	put_value(&b, path);
	add_buf(a, "-blockdev", &b);
}

static void add_blk(struct qemu_args *a, const char *id)
{
	struct buf b;

	device_begin(a, &b, "virtio-blk");
	(void)buf_printf(&b, ",drive=disk-%s,serial=%s,id=%s", id, id, id);
	add_buf(a, "-device", &b);
}

/* The file as memory that the guest reads and can never write: all guests of
 * the host share what is cached of it. */
static void add_pmem(struct qemu_args *a)
{
	const struct vm_spec *s = a->spec;
	struct buf b = BUF_INIT(OPT_MAX);

	(void)buf_printf(&b, "memory-backend-file,id=image,share=on,"
			     "readonly=on,size=%" PRIu64 ",mem-path=",
			 s->image_size);
	put_value(&b, s->image);
	add_buf(a, "-object", &b);
	if (s->image_bus == VM_IMAGE_VIRTIO_PMEM) {
		device_begin(a, &b, "virtio-pmem");
		(void)buf_put_str(&b, ",memdev=image,id=pmem");
		add_buf(a, "-device", &b);
	} else if (s->machine->pmem & ARCH_PMEM_PAPR) {
		/* Its labels are in the image and name this UUID; and it is
		 * flushed by hypercall, where a plain nvdimm's driver uses an
		 * instruction that QEMU 7.2 does not emulate. */
		add2(a, "-device",
		     "spapr-nvdimm,memdev=image,id=pmem,unarmed=on,"
		     "label-size=128K,"
		     "uuid=6b696c6e-0000-8000-8000-726f6f746673");
	} else {
		add2(a, "-device", "nvdimm,memdev=image,id=pmem,unarmed=on");
	}
}

static void add_basic_devices(struct qemu_args *a)
{
	const struct vm_spec *s = a->spec;
	struct buf b;

	if (s->rng) {
		if (s->entropy) {
			buf_init(&b, OPT_MAX);
			(void)buf_put_str(&b, "rng-random,id=entropy,"
					      "filename=");
			put_value(&b, s->entropy);
			add_buf(a, "-object", &b);
		} else {
			add2(a, "-object", "rng-builtin,id=entropy");
		}
		device_begin(a, &b, "virtio-rng");
		(void)buf_put_str(&b, ",rng=entropy");
		add_buf(a, "-device", &b);
	}
	if (s->balloon) {
		device_begin(a, &b, "virtio-balloon");
		(void)buf_put_str(&b, ",id=" RESIZE_BALLOON_ID
				      ",free-page-reporting=on");
		add_buf(a, "-device", &b);
	}
	if (s->scsi) {
		device_begin(a, &b, "virtio-scsi");
		(void)buf_put_str(&b, ",id=scsi");
		add_buf(a, "-device", &b);
	}
	add_virtio_mem(a);
	if (has_pmem(s)) {
		add_pmem(a);
	} else if (s->image) {
		add_blockdev(a, "image", s->image, true, false);
		add_blk(a, "image");
	}
}

static int add_share(struct qemu_args *a, size_t i, struct err *reterr)
{
	const struct vm_share *s = &a->spec->shares[i];
	struct buf b = BUF_INIT(OPT_MAX);

	if (s->kind == VM_SHARE_VIRTIOFS) {
		if (!a->facts->native)
			return err_set(reterr, -EOPNOTSUPP,
				       "share '%s' by virtio-fs: FUSE messages "
				       "carry the guest's own byte order and "
				       "flags, virtiofsd serves guests of the "
				       "host's architecture only; 9p would do",
				       s->tag);
		(void)strv_add(a->argv, "-chardev");
		(void)strv_addf(a->argv, "socket,id=fs%zu,fd=%d", i, a->fd++);
		device_begin(a, &b, "vhost-user-fs");
		(void)buf_printf(&b, ",chardev=fs%zu,tag=%s,queue-size=1024",
				 i, s->tag);
		add_buf(a, "-device", &b);
		return 0;
	}
	(void)buf_printf(&b, "local,id=fs%zu,path=", i);
	put_value(&b, s->path);
	/* remap: several file systems below one share must not show the same
	 * inode numbers. none: who is not root cannot give files away. */
	(void)buf_printf(&b, ",security_model=%s,multidevs=remap%s",
			 a->facts->privileged ? "passthrough" : "none",
			 s->read_only ? ",readonly=on" : "");
	add_buf(a, "-fsdev", &b);
	device_begin(a, &b, "virtio-9p");
	(void)buf_printf(&b, ",fsdev=fs%zu,mount_tag=%s", i, s->tag);
	add_buf(a, "-device", &b);
	return 0;
}

static void add_disk(struct qemu_args *a, size_t i)
{
	const struct vm_disk *d = &a->spec->disks[i];

	add_blockdev(a, d->id, d->path, d->read_only, d->host_device);
	if (d->bus == VM_DISK_BLK) {
		add_blk(a, d->id);
		return;
	}
	(void)strv_add(a->argv, "-device");
	(void)strv_addf(a->argv,
			"scsi-hd,bus=scsi.0,channel=0,scsi-id=0,lun=%s,"
			"drive=disk-%s,serial=%s,id=%s",
			a->layout->disks[i].text + 2, d->id, d->id, d->id);
}

/* "fd=6", "fds=6:7": N descriptors of the process. */
static void put_fds(struct qemu_args *a, struct buf *b, const char *what,
		    unsigned int n)
{
	(void)buf_printf(b, "%s%s=%d", what, n > 1 ? "s" : "", a->fd++);
	for (unsigned int i = 1; i < n; i++)
		(void)buf_printf(b, ":%d", a->fd++);
}

static void add_nic(struct qemu_args *a, size_t i)
{
	const struct vm_nic *nic = &a->spec->nics[i];
	unsigned int queues = vm_nic_queues(nic);
	struct buf b;

	buf_init(&b, OPT_MAX);
	(void)buf_printf(&b, "tap,id=net-%s,", nic->id);
	put_fds(a, &b, "fd", queues);
	if (nic->vhost) {
		(void)buf_put_str(&b, ",vhost=on,");
		put_fds(a, &b, "vhostfd", queues);
	}
	add_buf(a, "-netdev", &b);
	device_begin(a, &b, "virtio-net");
	(void)buf_printf(&b, ",netdev=net-%s,mac=%s,id=%s", nic->id, nic->mac,
			 nic->id);
	if (queues > 1)
		(void)buf_put_str(&b, ",mq=on");
	/* An interrupt for each queue, the configuration and control. */
	if (queues > 1 && a->spec->machine->transport == ARCH_TRANSPORT_PCI)
		(void)buf_printf(&b, ",vectors=%u", 2 * queues + 2);
	/* Nobody boots from the network. */
	if (a->spec->machine->transport == ARCH_TRANSPORT_PCI)
		(void)buf_put_str(&b, ",romfile=");
	add_buf(a, "-device", &b);
}

static void add_process(struct qemu_args *a)
{
	struct buf b = BUF_INIT(OPT_MAX);

	(void)strv_add(a->argv, a->facts->qemu[0] ? a->facts->qemu
						  : a->spec->arch->qemu_binary);
	if (a->spec->name) {
		put_value(&b, a->spec->name);
		add_buf(a, "-name", &b);
	}
	(void)strv_add(a->argv, "-nodefaults");
	(void)strv_add(a->argv, "-no-user-config");
	add2(a, "-display", "none");
	(void)strv_add(a->argv, "-no-reboot");
	if (a->spec->incoming) {
		(void)strv_add(a->argv, "-S");
		add2(a, "-incoming", "defer");
	}
	if (a->facts->qemu_sandbox)
		add2(a, "-sandbox",
		     "on,obsolete=deny,elevateprivileges=deny,spawn=deny,"
		     "resourcecontrol=deny");
}

int qemu_argv_build(const struct host_facts *facts, const struct vm_spec *spec,
		    struct strv *argv, struct vm_layout *layout,
		    struct err *reterr)
{
	struct qemu_args a = {
		.facts = facts,
		.spec = spec,
		.argv = argv,
		.layout = layout,
		.fd = VM_FD_FIRST,
	};
	int r;

	r = vm_spec_check(spec, reterr);
	if (r == 0)
		r = vm_layout_build(spec, layout, reterr);
	if (r < 0)
		return r;
	if (spec->accel == ARCH_ACCEL_KVM && !facts->native)
		return err_set(reterr, -EOPNOTSUPP,
			       "KVM runs guests of the host's architecture, "
			       "not %s", spec->arch->name);
	add_process(&a);
	add_machine(&a);
	r = add_kernel(&a, reterr);
	if (r < 0)
		return r;
	add_monitor(&a);
	add_channel(&a);
	add_basic_devices(&a);
	for (size_t i = 0; r == 0 && i < spec->n_shares; i++)
		r = add_share(&a, i, reterr);
	for (size_t i = 0; i < spec->n_disks; i++)
		add_disk(&a, i);
	for (size_t i = 0; i < spec->n_nics; i++)
		add_nic(&a, i);
	if (r == 0 && strv_error(argv))
		r = err_code(reterr, strv_error(argv), "QEMU command");
	return r;
}
