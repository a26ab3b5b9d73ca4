// SPDX-License-Identifier: Apache-2.0
#include "vmspec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "runtime/engine/share.h"
#include "runtime/engine/translate.h"
#include "runtime/guest.h"
#include "runtime/oci/entrypoint.h"
#include "runtime/vmm/host.h"

/* What the guest itself needs beyond a container's memory limit. */
#define GUEST_OVERHEAD_MIB 128

bool vmspec_uses_virtiofs(const struct config *config)
{
	/* Needs a daemon of its own beside the VM, which nobody starts yet. */
	return config->qemu.shared_fs == CONFIG_SHARED_FS_VIRTIO_FS;
}

void vmspec_free(struct vmspec *v)
{
	if (!v)
		return;
	free(v->guest);
	free(v);
}

/* The files to boot; the configuration's come before the guest folder's. */
static int choose_files(struct vmspec *v, const struct config_qemu *q,
			const struct arch_desc *arch, struct err *reterr)
{
	struct vm_spec *s = &v->spec;
	int r = 0;

	if (!*q->kernel || (!*q->initrd && !*q->image))
		r = guest_find(arch, v->guest, reterr);
	if (r < 0)
		return r;
	s->kernel = *q->kernel ? q->kernel : v->guest->kernel.path;
	if (*q->initrd)
		s->initrd = q->initrd;
	else if (*q->image)
		s->image = q->image;
	else if (*v->guest->initrd.path)
		s->initrd = v->guest->initrd.path;
	else if (*v->guest->image.path)
		s->image = v->guest->image.path;
	if (*v->guest->cmdline)
		s->cmdline_image = v->guest->cmdline;
	if (*q->kernel_params)
		s->cmdline_sandbox = q->kernel_params;
	return 0;
}

static uint32_t vcpus(const struct config_qemu *q, const struct spec *c)
{
	uint32_t host = (uint32_t)MAX(get_nprocs(), 1);
	uint32_t max = q->default_maxvcpus ? q->default_maxvcpus : host;
	uint32_t n = MAX(q->default_vcpus, translate_vcpus(c));

	return MAX(MIN(n, max), 1U);
}

static uint32_t memory_mib(const struct config_qemu *q,
			   const struct arch_desc *arch, const struct spec *c)
{
	uint32_t limit = translate_memory_mib(c), mib = q->default_memory;

	/* A container's limit must be one that it can reach. */
	if (limit)
		mib = MAX(mib, limit + GUEST_OVERHEAD_MIB);
	if (q->default_maxmemory)
		mib = MIN(mib, q->default_maxmemory);
	return arch_round_memory_mib(arch, mib);
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

static int fill(struct vmspec *v, const struct config *config,
		const char *arch_name, const char *name,
		const struct spec *container, const char *share,
		struct err *reterr)
{
	const struct config_qemu *q = &config->qemu;
	const struct arch_desc *arch;
	struct vm_spec *s = &v->spec;
	int r;

	r = entrypoint_choose_arch(container, arch_name, &arch, NULL, reterr);
	if (!r && vmspec_uses_virtiofs(config))
		r = err_set(reterr, -EOPNOTSUPP,
			    "shared_fs = \"virtio-fs\" is not supported yet; "
			    "use \"virtio-9p\"");
	if (!r)
		r = host_facts(arch, NULL, &v->facts, reterr);
	if (r < 0)
		return r;
	vm_spec_init(s, arch, &v->facts);
	s->name = name;
	r = choose_files(v, q, arch, reterr);
	if (!r)
		r = choose_accel(v, q, reterr);
	if (r < 0)
		return r;
	s->vcpus = vcpus(q, container);
	s->memory_mib = memory_mib(q, arch, container);
	s->debug = q->enable_debug;
	s->rng = true;
	s->shares[0] = (struct vm_share){.tag = SHARE_TAG, .path = share,
					 .kind = VM_SHARE_9P, .fd = -1};
	s->n_shares = 1;
	return vm_spec_check(s, reterr);
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
