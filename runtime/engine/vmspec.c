// SPDX-License-Identifier: Apache-2.0
#include "vmspec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "runtime/engine/modules.h"
#include "runtime/engine/rootimage.h"
#include "runtime/engine/share.h"
#include "runtime/engine/translate.h"
#include "runtime/guest.h"
#include "runtime/oci/entrypoint.h"
#include "runtime/vmm/host.h"

/* What the guest itself needs beyond a container's memory limit. */
#define GUEST_OVERHEAD_MIB 128
/* What a VM may become when the configuration leaves it open: each CPU that may
 * come has its tables in QEMU and in the guest, and each GiB its bitmaps. */
#define VCPUS_MAX_DEFAULT 8U
#define MEMORY_MAX_DEFAULT_MIB 8192U

static int check_virtiofs(const struct host_facts *facts, struct err *reterr)
{
	if (!facts->native)
		return err_set(reterr, -EOPNOTSUPP,
			       "shared_fs = \"virtio-fs\": its messages carry "
			       "the guest's own byte order and flags, virtiofsd "
			       "serves guests of the host's architecture only; "
			       "use \"virtio-9p\" or \"auto\"");
	if (!facts->virtiofsd[0])
		return err_set(reterr, -EOPNOTSUPP,
			       "shared_fs = \"virtio-fs\": no virtiofsd here; "
			       "install the package 'virtiofsd' (or "
			       "'qemu-system-common' of Debian 12), set "
			       "virtio_fs_daemon, or use \"virtio-9p\"");
	if (!facts->privileged)
		return err_set(reterr, -EOPNOTSUPP,
			       "shared_fs = \"virtio-fs\": '%s' needs root; "
			       "use \"virtio-9p\"", facts->virtiofsd);
	return 0;
}

int vmspec_choose_share(const struct config *config,
			const struct host_facts *facts,
			enum vm_share_kind *ret, struct err *reterr)
{
	enum config_shared_fs way = config->qemu.shared_fs;
	struct err why = {0};
	int r = -EOPNOTSUPP;

	if (way != CONFIG_SHARED_FS_9P)
		r = check_virtiofs(facts, &why);
	*ret = r < 0 ? VM_SHARE_9P : VM_SHARE_VIRTIOFS;
	if (r == 0 || way != CONFIG_SHARED_FS_VIRTIO_FS)
		return 0;
	*reterr = why;
	return r;
}

int vmspec_check_config(const struct config *config, struct err *reterr)
{
	const struct config_qemu *q = &config->qemu;

	if (strcmp(q->guest, "default") != 0)
		return err_set(reterr, -EOPNOTSUPP,
			       "guest = '%s': there is only \"default\" yet; "
			       "other files by kernel, initrd and image",
			       q->guest);
	if (strcmp(q->block_device_driver, "virtio-scsi") != 0)
		return err_set(reterr, -EOPNOTSUPP,
			       "block_device_driver = '%s': only "
			       "\"virtio-scsi\" yet", q->block_device_driver);
	return 0;
}

void vmspec_free(struct vmspec *v)
{
	if (!v)
		return;
	free(v->cmdline_image);
	free(v->cmdline_sandbox);
	free(v->packed);
	free(v->guest);
	free(v);
}

static int set_file(struct guest_file *f, const char *path, struct err *reterr)
{
	int n = snprintf(f->path, sizeof(f->path), "%s", path);

	return (size_t)n < sizeof(f->path)
		       ? 0
		       : err_code(reterr, -ENAMETOOLONG, "'%s'", path);
}

/* The image in the guest's folder whose file system is TYPE. */
static int set_image_type(struct guest *g, const char *type,
			  struct err *reterr)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/rootfs.%s.img", g->dir, type);
	int r;

	if (n < 0 || (size_t)n >= sizeof(path))
		return err_code(reterr, -ENAMETOOLONG, "'%s'", g->dir);
	if (!strcmp(path, g->image.path))
		return 0;
	r = guest_set_image(g, path, reterr);
	return r < 0 ? err_wrap(reterr, "rootfs_type = \"%s\"", type) : 0;
}

/* The files to boot from; the configuration's come before the guest folder's.
 * Which of initrd and image it will be is for choose_root(). */
static int find_files(struct guest *g, const struct config_qemu *q,
		      const struct arch_desc *arch, struct err *reterr)
{
	int r = 0;

	g->arch = arch;
	if (!*q->kernel || (!*q->initrd && !*q->image))
		r = guest_find(arch, g, reterr);
	if (!r && *q->kernel)
		r = set_file(&g->kernel, q->kernel, reterr);
	if (!r && *q->kernel)
		r = guest_check_kernel(g, reterr);
	if (!r && *q->initrd)
		r = set_file(&g->initrd, q->initrd, reterr);
	else if (!r && *q->image)
		r = guest_set_image(g, q->image, reterr);
	else if (!r && *q->rootfs_type)
		r = set_image_type(g, q->rootfs_type, reterr);
	return r;
}

/* Whether the guest's root is its ramdisk, and not its image. */
static int wants_initrd(const struct guest *g, const struct config_qemu *q,
			bool *ret, struct err *reterr)
{
	bool named = q->vm_rootfs_driver != CONFIG_ROOTFS_AUTO;

	if (named && *q->initrd &&
	    q->vm_rootfs_driver != CONFIG_ROOTFS_INITRD)
		return err_set(reterr, -EINVAL,
			       "initrd is configured, and a vm_rootfs_driver "
			       "for an image");
	if (q->vm_rootfs_driver == CONFIG_ROOTFS_INITRD && *q->image)
		return err_set(reterr, -EINVAL,
			       "image is configured, and vm_rootfs_driver = "
			       "\"initrd\"");
	*ret = *q->initrd || (named ? q->vm_rootfs_driver ==
					      CONFIG_ROOTFS_INITRD
				    : !*g->image.path);
	if (!*(*ret ? g->initrd.path : g->image.path))
		return err_set(reterr, -ENOENT,
			       "guest '%s' has no %s%s: 'make image ARCH=%s'",
			       g->dir, *ret ? "initrd.img" : "rootfs image",
			       named || *g->image.path ? "" :
							 ", nor an image",
			       g->arch->name);
	return 0;
}

/* What the image is attached as. */
static int choose_bus(const struct guest *g, const struct guest_root *root,
		      const struct config_qemu *q, struct vm_spec *s,
		      struct err *reterr)
{
	static const enum vm_image_bus named[] = {
		[CONFIG_ROOTFS_VIRTIO_BLK] = VM_IMAGE_BLK,
		[CONFIG_ROOTFS_VIRTIO_PMEM] = VM_IMAGE_VIRTIO_PMEM,
		[CONFIG_ROOTFS_NVDIMM] = VM_IMAGE_NVDIMM,
	};
	const char *reason;

	if (*q->rootfs_type && strcmp(q->rootfs_type, root->type) != 0)
		return err_set(reterr, -EINVAL,
			       "rootfs_type = \"%s\": image '%s' is %s",
			       q->rootfs_type, g->image.path, root->type);
	/* QEMU does not save what is memory of a file. */
	if (q->vm_rootfs_driver == CONFIG_ROOTFS_AUTO &&
	    q->shared_fs == CONFIG_SHARED_FS_NONE &&
	    !guest_root_refusal(root, s->machine, VM_IMAGE_BLK)) {
		s->image_bus = VM_IMAGE_BLK;
		return 0;
	}
	if (q->vm_rootfs_driver == CONFIG_ROOTFS_AUTO) {
		s->image_bus = guest_root_best(root, s->machine, *g->verity);
		return 0;
	}
	s->image_bus = named[q->vm_rootfs_driver];
	reason = guest_root_refusal(root, s->machine, s->image_bus);
	if (reason)
		return err_set(reterr, -EINVAL,
			       "vm_rootfs_driver = \"%s\" with machine '%s' "
			       "of %s and image '%s' (%s, layout %s): %s",
			       guest_root_bus_name(s->image_bus),
			       s->machine->name, s->arch->name, g->image.path,
			       root->type, guest_layout_name(root->layout),
			       reason);
	return 0;
}

/* One of initrd and image becomes the guest's root. PARAMS are the kernel's
 * for it. */
static int choose_root(struct vmspec *v, const struct config_qemu *q,
		       char params[GUEST_ROOT_PARAMS_MAX], struct err *reterr)
{
	struct guest *g = v->guest;
	struct guest_root root;
	bool initrd;
	int r;

	params[0] = '\0';
	r = wants_initrd(g, q, &initrd, reterr);
	if (r < 0)
		return r;
	if (initrd) {
		g->image.path[0] = '\0';
		v->spec.initrd = g->initrd.path;
		return 0;
	}
	g->initrd.path[0] = '\0';
	r = guest_probe_image(g, &root, reterr);
	if (r == 0)
		r = choose_bus(g, &root, q, &v->spec, reterr);
	if (r < 0)
		return r;
	v->spec.image = g->image.path;
	v->spec.image_size = root.size;
	guest_root_params(&root, v->spec.image_bus, g->verity, params);
	log_debug("guest's root: '%s', %s by %s%s", g->image.path, root.type,
		  guest_root_bus_name(v->spec.image_bus),
		  v->spec.image_bus != VM_IMAGE_BLK ? ", mapped (DAX)"
		  : *g->verity			    ? ", dm-verity"
						    : "");
	return 0;
}

/* What the guest's kernel and agent are told by the command line. */
static int build_cmdlines(struct vmspec *v, const struct config *config,
			  const char *root, struct err *reterr)
{
	if (asprintf(&v->cmdline_image, "%s%s%s", root, *root ? " " : "",
		     v->guest->cmdline) < 0)
		v->cmdline_image = NULL;
	if (asprintf(&v->cmdline_sandbox, "%s%s%s",
		     config->agent.enable_debug ? "agent.log=debug " : "",
		     config->agent.debug_console_enabled
			     ? "agent.debug_console "
			     : "",
		     config->qemu.kernel_params) < 0)
		v->cmdline_sandbox = NULL;
	v->spec.cmdline_image = v->cmdline_image;
	v->spec.cmdline_sandbox = v->cmdline_sandbox;
	return v->cmdline_image && v->cmdline_sandbox
		       ? 0
		       : err_code(reterr, -ENOMEM, "command line");
}

/* The guest's root and command line, and that its files are the right ones. */
static int fill_guest(struct vmspec *v, const struct config *config,
		      struct err *reterr)
{
	char root[GUEST_ROOT_PARAMS_MAX];
	int r = choose_root(v, &config->qemu, root, reterr);

	if (r == 0 && config->qemu.verify_guest)
		r = guest_verify(v->guest, true, reterr);
	return r < 0 ? r : build_cmdlines(v, config, root, reterr);
}

uint32_t vmspec_sum_vcpus(const struct config_qemu *q,
			  const struct limits_sum *sum)
{
	uint32_t host = (uint32_t)MAX(get_nprocs(), 1);
	uint32_t max = q->default_maxvcpus ? q->default_maxvcpus : host;
	uint64_t n = (sum->millicpus + 999) / 1000;

	n = MAX(n, (uint64_t)q->default_vcpus);
	return (uint32_t)MAX(MIN(n, (uint64_t)max), UINT64_C(1));
}

uint32_t vmspec_vcpus(const struct config *config, const struct spec *c)
{
	struct limits_sum sum = {0};

	translate_add_limits(&sum, c->wire->linux->resources);
	return vmspec_sum_vcpus(&config->qemu, &sum);
}

static uint32_t host_memory_mib(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	uint64_t mib = pages > 0 && size > 0
			       ? (uint64_t)pages * (uint64_t)size >> 20
			       : 0;

	return (uint32_t)MIN(mib, (uint64_t)UINT32_MAX);
}

uint32_t vmspec_memory_mib(const struct config_qemu *q,
			   const struct arch_desc *arch,
			   const struct limits_sum *sum)
{
	uint64_t mib = q->default_memory;

	if (!mib && sum->unlimited)
		mib = MIN(arch->memory_default_mib, host_memory_mib() / 2);
	/* A container's limit must be one that it can reach. */
	if (sum->memory_mib)
		mib = MAX(mib, sum->memory_mib + GUEST_OVERHEAD_MIB);
	if (q->default_maxmemory)
		mib = MIN(mib, (uint64_t)q->default_maxmemory);
	return arch_round_memory_mib(arch, (uint32_t)MIN(mib,
						(uint64_t)UINT32_MAX / 2));
}

/* CPUs that it may get later. Where none can be added they must be there from
 * the start, which costs each VM something, and is done on request only. */
static uint32_t vcpus_max(const struct config_qemu *q, const struct vm_spec *s)
{
	uint32_t host = (uint32_t)MAX(get_nprocs(), 1);
	uint32_t max = q->default_maxvcpus;

	if (!max && (s->machine->hotplug & ARCH_HOTPLUG_CPU))
		max = MIN(host, VCPUS_MAX_DEFAULT);
	return MAX(MIN(max, s->machine->max_vcpus), s->vcpus);
}

static uint32_t memory_max_mib(const struct config_qemu *q,
			       const struct vm_spec *s)
{
	const struct arch_machine *m = s->machine;
	uint32_t step = s->arch->memory_step_mib, max = q->default_maxmemory;

	if (!(m->hotplug & (ARCH_HOTPLUG_VIRTIO_MEM | ARCH_HOTPLUG_DIMM)))
		return s->memory_mib;
	if (!max)
		max = MIN(MAX(MIN(s->memory_mib, VM_MEMORY_MAX_MIB / 4) * 4,
			      MEMORY_MAX_DEFAULT_MIB), host_memory_mib());
	if (!s->virtio_mem || !(m->hotplug & ARCH_HOTPLUG_VIRTIO_MEM))
		step = MAX(step, m->dimm_step_mib);
	return max > s->memory_mib
		       ? s->memory_mib + (max - s->memory_mib) / step * step
		       : s->memory_mib;
}

static int choose_accel(struct vmspec *v, const struct config_qemu *q,
			struct err *reterr)
{
	if (q->accel == CONFIG_ACCEL_TCG)
		v->spec.accel = ARCH_ACCEL_TCG;
	if (q->accel == CONFIG_ACCEL_KVM) {
		if (!v->facts.kvm)
			return err_set(reterr, -EOPNOTSUPP,
				       "accelerator kvm is configured, but "
				       "does not work here; see `kiln check`");
		v->spec.accel = ARCH_ACCEL_KVM;
	}
	return 0;
}

static int choose_confinement(struct vmspec *v, const struct config_qemu *q,
			      struct err *reterr)
{
	v->spec.confined = v->facts.jail && strcmp(q->confine, "never") != 0;
	if (v->spec.confined || strcmp(q->confine, "always") != 0)
		return 0;
	return err_set(reterr, -EOPNOTSUPP,
		       "confine = \"always\": QEMU cannot be confined here; "
		       "`kiln check` tells why");
}

static int choose_machine(struct vm_spec *s, const struct config_qemu *q,
			  struct err *reterr)
{
	cleanup_buf struct buf names = BUF_INIT(256);
	size_t i;

	if (!*q->machine_type)
		return 0;
	s->machine = arch_machine_find(s->arch, q->machine_type);
	if (s->machine)
		return 0;
	for (i = 0; i < s->arch->n_machines; i++)
		(void)buf_printf(&names, "%s%s", i ? ", " : "",
				 s->arch->machines[i].name);
	return err_set(reterr, -EINVAL,
		       "machine_type = '%s': %s has %s", q->machine_type,
		       s->arch->name, buf_cstr(&names));
}

/* What the host offers, and the configuration allows. */
static int find_facts(struct vmspec *v, const struct config_qemu *q,
		      const struct arch_desc *arch, struct err *reterr)
{
	struct host_facts *f = &v->facts;
	int n, r;

	r = host_facts(arch, v->guest, q->path, f, reterr);
	if (r < 0)
		return r;
	if (!q->seccomp_sandbox)
		f->qemu_sandbox = false;
	if (!*q->virtio_fs_daemon)
		return 0;
	n = snprintf(f->virtiofsd, sizeof(f->virtiofsd), "%s",
		     q->virtio_fs_daemon);
	return (size_t)n < sizeof(f->virtiofsd)
		       ? 0
		       : err_code(reterr, -ENAMETOOLONG, "virtio_fs_daemon");
}

/* The container's files as a disk: by SCSI, as every machine has a place for
 * its controller, and the guest finds it by its address. */
static int add_packed(struct vmspec *v, const char *image, struct err *reterr)
{
	struct vm_spec *s = &v->spec;

	v->packed = strdup(image);
	if (!v->packed)
		return err_code(reterr, -ENOMEM, "disk");
	s->scsi = true;
	s->disks[0] = (struct vm_disk){
		.id = ROOTIMAGE_DISK, .path = v->packed, .read_only = true,
		.bus = VM_DISK_SCSI,
	};
	s->n_disks = 1;
	return 0;
}

static int fill_devices(struct vmspec *v, const struct config *config,
			const char *share, struct err *reterr)
{
	const struct config_qemu *q = &config->qemu;
	struct vm_spec *s = &v->spec;
	int r;

	s->debug = q->enable_debug;
	s->rng = true;
	/* QEMU's own generator is seeded by the kernel: the same source,
	 * without a read for each request. */
	if (strcmp(q->entropy_source, "/dev/urandom") != 0)
		s->entropy = q->entropy_source;
	s->shares[0] = (struct vm_share){.tag = SHARE_TAG, .path = share,
					 .fd = -1};
	if (q->shared_fs == CONFIG_SHARED_FS_NONE) {
		r = add_packed(v, share, reterr);
	} else {
		s->n_shares = 1;
		r = vmspec_choose_share(config, &v->facts, &s->shares[0].kind,
					reterr);
	}
	if (r < 0)
		return r;
	if (s->n_shares)
		log_info("files are shared by %s",
			 s->shares[0].kind == VM_SHARE_VIRTIOFS ? "virtio-fs"
								: "9p");
	return modules_attach(v, config->agent.kernel_modules, reterr);
}

static int fill(struct vmspec *v, const struct config *config,
		const char *arch_name, const char *name,
		const struct spec *container, const char *share,
		struct err *reterr)
{
	const struct config_qemu *q = &config->qemu;
	const struct arch_desc *arch;
	struct vm_spec *s = &v->spec;
	struct limits_sum sum = {0};
	int r;

	r = vmspec_check_config(config, reterr);
	if (!r)
		r = entrypoint_choose_arch(container, arch_name, &arch, NULL,
					   reterr);
	if (!r)
		r = find_files(v->guest, q, arch, reterr);
	if (!r)
		r = find_facts(v, q, arch, reterr);
	if (r < 0)
		return r;
	vm_spec_init(s, arch, &v->facts);
	s->name = name;
	s->kernel = v->guest->kernel.path;
	s->machine_options = q->machine_accelerators;
	s->cpu_features = q->cpu_features;
	s->firmware = *q->firmware ? q->firmware : NULL;
	s->hugepages = q->enable_hugepages;
	s->prealloc = q->enable_mem_prealloc;
	s->balloon = q->reclaim_guest_freed_memory;
	translate_add_limits(&sum, container->wire->linux->resources);
	s->vcpus = vmspec_sum_vcpus(q, &sum);
	s->memory_mib = vmspec_memory_mib(q, arch, &sum);
	r = choose_accel(v, q, reterr);
	if (!r)
		r = choose_confinement(v, q, reterr);
	if (!r)
		r = choose_machine(s, q, reterr);
	if (r < 0)
		return r;
	s->virtio_mem = q->enable_virtio_mem;
	s->vcpus_max = vcpus_max(q, s);
	s->memory_max_mib = memory_max_mib(q, s);
	r = fill_guest(v, config, reterr);
	if (!r)
		r = fill_devices(v, config, share, reterr);
	return r < 0 ? r : vm_spec_check(s, reterr);
}

int vmspec_new(const struct config *config, const char *arch, const char *name,
	       const struct spec *container, const char *share,
	       struct vmspec **ret, struct err *reterr)
{
	struct vmspec *v = calloc(1, sizeof(*v));
	int r = -ENOMEM;

	if (v)
		v->guest = calloc(1, sizeof(*v->guest));
	if (!v || !v->guest) {
		vmspec_free(v);
		return err_code(reterr, r, "sandbox");
	}
	r = fill(v, config, arch, name, container, share, reterr);
	if (r < 0) {
		vmspec_free(v);
		return r;
	}
	*ret = v;
	return 0;
}
