// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "os/io.h"
#include "proto/health.pb-c.h"
#include "runtime/config.h"
#include "runtime/engine/agent.h"
#include "runtime/engine/checkpoint.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/modules.h"
#include "runtime/engine/network.h"
#include "runtime/engine/resize.h"
#include "runtime/engine/rootimage.h"
#include "runtime/engine/share.h"
#include "runtime/engine/stats.h"
#include "runtime/engine/translate.h"
#include "runtime/engine/vmspec.h"
#include "runtime/guest.h"
#include "runtime/oci/spec.h"
#include "runtime/vmm/vm.h"

/* From the guest's "all is written" to the end of its VM. */
#define POWEROFF_GRACE_MS 3000
#define SEED_SIZE 64
/* On the host, besides the guest's memory: translated code (128 MiB at most),
 * devices, virtiofsd, and what the kernel counts of the files they read. */
#define VMM_OVERHEAD_MIB 384
/* Threads: 64 each that QEMU and virtiofsd may have for I/O, and few others. */
#define VMM_OVERHEAD_PIDS 256
/* Without any progress, so much may pass, and never more than two thirds of
 * dial_timeout: an emulated guest on a busy host says nothing for long. */
#define SILENCE_MS 10000
#define SILENCE_EMULATED_MS 60000

struct sandbox *sandbox_new(struct engine *eng, struct err *reterr)
{
	struct sandbox *sb = calloc(1, sizeof(*sb));
	int r;

	if (!sb) {
		(void)err_code(reterr, -ENOMEM, "sandbox");
		return NULL;
	}
	sb->eng = eng;
	sb->id = eng->id;
	sb->state = SANDBOX_NEW;
	list_init(&sb->containers);
	list_init(&sb->resizings);
	sb->share = calloc(1, sizeof(*sb->share));
	if (!sb->share) {
		(void)err_code(reterr, -ENOMEM, "sandbox");
		sandbox_free(sb);
		return NULL;
	}
	r = share_init(sb->share, eng->dirfd, eng->dir, &eng->journal, reterr);
	if (r < 0) {
		sandbox_free(sb);
		return NULL;
	}
	return sb;
}

void sandbox_free(struct sandbox *sb)
{
	if (!sb)
		return;
	sb->done = NULL;
	checkpoint_cancel(sb);
	while (!list_empty(&sb->containers))
		container_free(list_entry(sb->containers.next, struct container,
					  link));
	event_timer_free(sb->progress);
	event_timer_free(sb->grace);
	ttrpc_conn_free(sb->agent);
	sb->agent = NULL;
	resize_cancel(sb, NULL);
	vm_free(sb->vm);
	rootimage_cancel(sb);
	network_free(sb->network);
	sandbox_fs_stop(sb);
	if (sb->share)
		share_release(sb->share);
	free(sb->share);
	free(sb->disk_addr);
	modules_free(sb->modules);
	free(sb->shape);
	cgroup_release(&sb->cgroup);
	free(sb);
}

struct container *sandbox_find(struct sandbox *sb, const char *id)
{
	struct list *pos;

	list_foreach(pos, &sb->containers) {
		struct container *c = list_entry(pos, struct container, link);

		if (!c->deleted && c->id && !strcmp(c->id, id))
			return c;
	}
	return NULL;
}

bool sandbox_is_dying(const struct sandbox *sb, int code)
{
	return code == TTRPC_UNAVAILABLE && sb->agent;
}

static void boot_done(struct sandbox *sb, int code, const struct err *e)
{
	engine_done_fn done = sb->done;
	void *arg = sb->done_arg;

	sb->done = NULL;
	event_timer_stop(sb->progress);
	if (done)
		done(arg, code, e);
}

/* The guest is no more: of its own accord, or by us. */
static void gone(struct sandbox *sb, const struct err *why)
{
	struct list *pos, *tmp;
	struct err ignored;

	if (sandbox_step(&sb->state, SANDBOX_OP_GONE, sb->id, &ignored) < 0)
		return;
	event_timer_stop(sb->grace);
	network_stop(sb->network);
	sandbox_fs_stop(sb);
	checkpoint_cancel(sb);
	if (*why->text) {
		sb->failure = *why;
		journal_failure(&sb->eng->journal, why->text);
	}
	engine_phase(sb->eng, "guest gone");
	ttrpc_conn_free(sb->agent); /* calls under way end here */
	sb->agent = NULL;
	resize_cancel(sb, NULL);
	if (sb->done)
		boot_done(sb, why->code < 0 ? why->code : -EIO, why);
	list_foreach_safe(pos, tmp, &sb->containers)
		container_guest_gone(list_entry(pos, struct container, link));
}

static void on_vm_exited(void *arg, const struct vm_exit *exit)
{
	struct sandbox *sb = arg;
	struct err why = {0};

	if (sb->failure.code < 0)
		why = sb->failure; /* known better */
	else if (sb->state != SANDBOX_STOPPING && *exit->err.text)
		why = exit->err;
	else if (sb->state != SANDBOX_STOPPING)
		(void)err_set(&why, -EIO, "the guest has powered off");
	if (*why.text)
		log_err("sandbox '%s': %s", sb->id, why.text);
	vm_free(sb->vm);
	sb->vm = NULL;
	gone(sb, &why);
}

/* --- boot --- */

static uint32_t boot_timeout_ms(const struct sandbox *sb)
{
	uint32_t s = sb->eng->config->agent.dial_timeout;

	return MIN(MAX(s, 1U), 3600U) * 1000;
}

static uint32_t patience_ms(const struct sandbox *sb)
{
	uint32_t ms = sb->eng->config->agent.silence_timeout * 1000;

	if (ms)
		return ms;
	ms = sb->emulated ? SILENCE_EMULATED_MS : SILENCE_MS;
	return MAX(MIN(ms, boot_timeout_ms(sb) / 3 * 2), 1000U);
}

static void progress(struct sandbox *sb)
{
	if (sb->state == SANDBOX_BOOTING)
		event_timer_set(sb->progress, patience_ms(sb));
}

/* Nothing new for too long: neither a phase nor a byte on the console. */
static void on_no_progress(void *arg)
{
	struct sandbox *sb = arg;

	(void)vm_diagnose(sb->vm, -ETIMEDOUT, &sb->failure);
	log_err("sandbox '%s': %s", sb->id, sb->failure.text);
	vm_kill(sb->vm);
}

static void on_phase(void *arg, enum vm_phase phase, uint64_t us)
{
	struct sandbox *sb = arg;

	log_info("sandbox '%s': %s after %llu ms", sb->id,
		 vm_phase_name(phase), (unsigned long long)us / 1000);
	engine_phase(sb->eng, vm_phase_name(phase));
	if (phase == VM_PHASE_SPAWNED && sb->vm)
		(void)journal_process(&sb->eng->journal, "vmm",
				      vm_pid(sb->vm));
	progress(sb);
}

static void on_console(void *arg, const void *p, size_t n)
{
	struct sandbox *sb = arg;
	char line[512];

	ring_put(&sb->eng->console, p, n);
	if (log_enabled(LOG_LEVEL_DEBUG))
		log_debug("console: %s",
			  log_escape(line, sizeof(line), p, n));
	progress(sb);
}

static void on_agent_closed(void *arg, struct ttrpc_conn *conn UNUSED,
			    int reason)
{
	struct sandbox *sb = arg;

	if (sb->state == SANDBOX_STOPPING || !sb->vm)
		return;
	/* Without its agent a guest is of no use. What the VMM says about its
	 * own end is the better reason, and comes right after. */
	log_warn("sandbox '%s': the agent's connection ended: %s", sb->id,
		 reason ? strerror(-reason) : "end of stream");
	event_timer_set(sb->grace, POWEROFF_GRACE_MS);
}

static void on_grace_over(void *arg)
{
	struct sandbox *sb = arg;

	if (sb->state != SANDBOX_STOPPING && !sb->failure.code) {
		(void)vm_diagnose(sb->vm, -EPIPE, &sb->failure);
		if (sb->fs_failure.code)
			sb->failure = sb->fs_failure;
	}
	vm_kill(sb->vm);
}

void sandbox_fail_boot(struct sandbox *sb, const struct err *e)
{
	sb->failure = *e;
	vm_kill(sb->vm);
}

static struct container *first(const struct sandbox *sb)
{
	return list_entry(sb->containers.next, struct container, link);
}

static void on_network(void *arg, int code, const struct err *e)
{
	struct sandbox *sb = arg;
	struct err err = *e;

	if (sb->state != SANDBOX_BOOTING)
		return; /* on the way out */
	if (code < 0 ||
	    sandbox_step(&sb->state, SANDBOX_OP_READY, sb->id, &err) < 0) {
		sandbox_fail_boot(sb, &err);
		return;
	}
	engine_phase(sb->eng, "sandbox ready");
	if (!first(sb)->restore)
		stats_watch_oom(sb);
	boot_done(sb, 0, &err);
}

static void on_sandbox_created(void *arg, int code, const char *text,
			       const ProtobufCMessage *response UNUSED)
{
	struct sandbox *sb = arg;
	struct err err = {0};

	if (sb->state != SANDBOX_BOOTING || sandbox_is_dying(sb, code))
		return; /* on the way out */
	if (code != TTRPC_OK) {
		cleanup_free char *more = NULL;

		if (asprintf(&more, "%s%s", text ? text : "",
			     modules_hint(sb->modules, text)) < 0)
			more = NULL;
		(void)agent_error(&err, AGENT_CREATE_SANDBOX, code,
				  more ? more : text);
		sandbox_fail_boot(sb, &err);
		return;
	}
	progress(sb);
	network_configure(sb, vm_layout(sb->vm), on_network, sb);
}

/* The time and some entropy: the guest's own are worth nothing yet. */
static void tell_time_and_seed(struct sandbox *sb)
{
	Grpc__SetGuestDateTimeRequest date =
		GRPC__SET_GUEST_DATE_TIME_REQUEST__INIT;
	Grpc__ReseedRandomDevRequest seed =
		GRPC__RESEED_RANDOM_DEV_REQUEST__INIT;
	uint8_t bytes[SEED_SIZE];
	struct timeval now;

	(void)gettimeofday(&now, NULL);
	date.sec = now.tv_sec;
	date.usec = now.tv_usec;
	agent_tell(sb->agent, AGENT_SET_DATE, &date.base);
	if (getentropy(bytes, sizeof(bytes)) < 0)
		return;
	seed.data.data = bytes;
	seed.data.len = sizeof(bytes);
	agent_tell(sb->agent, AGENT_RESEED, &seed.base);
}

/* As large as the caller has made it on the host. */
static uint64_t shm_size(const struct spec *spec)
{
	struct statfs st;
	size_t i;

	for (i = 0; i < spec->wire->n_mounts; i++)
		if (translate_mount_origin(&spec->mounts[i]) == MOUNT_SHM &&
		    statfs(spec->mounts[i].source, &st) == 0 &&
		    st.f_type == TMPFS_MAGIC && st.f_blocks)
			return (uint64_t)st.f_blocks * (uint64_t)st.f_bsize;
	return TRANSLATE_SHM_DEFAULT;
}

#define TEXT(s) ((char *)(uintptr_t)(s))
#define STORAGES_MAX 5
#define PACKED_PATH "/run/kata-containers/packed"
#define PACKED_IMAGE PACKED_PATH "/image"
#define PACKED_CHANGES PACKED_PATH "/changes"

/* What the guest mounts. The strings that are not constant are here. */
struct storages {
	Grpc__Storage v[STORAGES_MAX];
	Grpc__Storage *list[STORAGES_MAX];
	size_t n;
	char msize[32], size[32];
};

static Grpc__Storage *add_storage(struct storages *s, const char *driver,
				  const char *fstype, const char *source,
				  const char *mount_point, char **options,
				  size_t n)
{
	Grpc__Storage *m = &s->v[s->n];

	grpc__storage__init(m);
	m->driver = TEXT(driver);
	m->fstype = TEXT(fstype);
	m->source = TEXT(source);
	m->mount_point = TEXT(mount_point);
	m->options = options;
	m->n_options = n;
	s->list[s->n++] = m;
	return m;
}

/* The host's folder itself. */
static void add_shared(struct storages *s, bool virtiofs)
{
	/* mmap: the cache that MAP_SHARED needs, kept from open to close only,
	 * so that host and guest see one another's changes. directio: but what
	 * is written goes to the server at once. Linux 6.12 would look at a
	 * file's size there before its pages are, and lose them. */
	static char *options_9p[] = {TEXT("cache=mmap"), TEXT("directio"),
				     TEXT("nodev"), NULL};
	static char *options_fs[] = {TEXT("nodev")};

	options_9p[ARRAY_SIZE(options_9p) - 1] = s->msize;
	if (virtiofs)
		(void)add_storage(s, "virtio-fs", "virtiofs", SHARE_TAG,
				  SHARE_GUEST_PATH, options_fs,
				  ARRAY_SIZE(options_fs));
	else
		(void)add_storage(s, "9p", "9p", SHARE_TAG, SHARE_GUEST_PATH,
				  options_9p, ARRAY_SIZE(options_9p));
}

/* Its copy, under a layer in the guest's memory that takes the changes. */
static void add_packed(struct storages *s, const char *address)
{
#define CREATE "io.katacontainers.volume.overlayfs.create_directory="
	static char *image[] = {TEXT("ro"), TEXT("nodev")};
	static char *changes[] = {TEXT("mode=0700"), TEXT("nodev")};
	static char *overlay[] = {
		TEXT("lowerdir=" PACKED_IMAGE), TEXT("nodev"),
		TEXT("upperdir=" PACKED_CHANGES "/upper"),
		TEXT("workdir=" PACKED_CHANGES "/work"),
	};
	static char *folders[] = {
		TEXT(CREATE PACKED_CHANGES "/upper"),
		TEXT(CREATE PACKED_CHANGES "/work"),
	};
	Grpc__Storage *m;

	(void)add_storage(s, "scsi", "erofs", address, PACKED_IMAGE, image,
			  ARRAY_SIZE(image));
	(void)add_storage(s, "ephemeral", "tmpfs", "tmpfs", PACKED_CHANGES,
			  changes, ARRAY_SIZE(changes));
	m = add_storage(s, "overlayfs", "overlay", "overlay", SHARE_GUEST_PATH,
			overlay, ARRAY_SIZE(overlay));
	m->driver_options = folders;
	m->n_driver_options = ARRAY_SIZE(folders);
#undef CREATE
}

static void create_sandbox(struct sandbox *sb)
{
	Grpc__CreateSandboxRequest request = GRPC__CREATE_SANDBOX_REQUEST__INIT;
	const struct spec *spec = first(sb)->spec;
	struct storages s = {.n = 0};
	char *options_shm[] = {TEXT("noexec"), TEXT("nosuid"), TEXT("nodev"),
			       TEXT("mode=1777"), s.size};

	(void)snprintf(s.msize, sizeof(s.msize), "msize=%u",
		       sb->eng->config->qemu.msize_9p);
	(void)snprintf(s.size, sizeof(s.size), "size=%" PRIu64, shm_size(spec));
	if (modules_storage(sb->modules))
		s.list[s.n++] = modules_storage(sb->modules);
	if (sb->disk_addr)
		add_packed(&s, sb->disk_addr);
	else
		add_shared(&s, sb->fs != NULL);
	(void)add_storage(&s, "ephemeral", "tmpfs", "shm", TRANSLATE_SHM_PATH,
			  options_shm, ARRAY_SIZE(options_shm));
	request.sandbox_id = TEXT(sb->id);
	request.hostname = spec->wire->hostname;
	request.storages = s.list;
	request.n_storages = s.n;
	modules_fill(sb->modules, &request);
	agent_call(sb->agent, AGENT_CREATE_SANDBOX, &request.base,
		   on_sandbox_created, sb);
}

static void on_hello(void *arg, int code, const char *text,
		     const ProtobufCMessage *response)
{
	struct sandbox *sb = arg;
	struct err err = {0};

	if (sb->state != SANDBOX_BOOTING || sandbox_is_dying(sb, code))
		return; /* the end of the VM says more */
	if (code != TTRPC_OK ||
	    ((const Grpc__HealthCheckResponse *)response)->status !=
		    GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING) {
		(void)agent_error(&err, AGENT_CHECK, code,
				  code ? text : "the agent is not serving");
		if (!err.code)
			err.code = -EIO;
		sandbox_fail_boot(sb, &err);
		return;
	}
	vm_mark_agent(sb->vm);
	progress(sb);
	tell_time_and_seed(sb);
	if (first(sb)->restore)
		on_network(sb, 0, &err); /* as it was */
	else
		create_sandbox(sb);
}

void sandbox_hello(struct sandbox *sb)
{
	Grpc__CheckRequest request = GRPC__CHECK_REQUEST__INIT;

	progress(sb);
	agent_call(sb->agent, AGENT_CHECK, &request.base, on_hello, sb);
}

int sandbox_connect(struct sandbox *sb, struct err *reterr)
{
	int fd = vm_agent_fd(sb->vm);

	if (fd >= 0)
		sb->agent = ttrpc_conn_new(sb->eng->loop, fd, NULL, 0,
					   on_agent_closed, sb);
	if (sb->agent)
		return 0;
	if (fd >= 0)
		close_fd(&fd);
	return fd == -EAGAIN ? fd
			     : err_set(reterr, -EIO,
				       "no connection to the agent");
}

static void connect_agent(struct sandbox *sb)
{
	struct err err = {0};
	int r;

	if (sb->agent || sb->state != SANDBOX_BOOTING)
		return;
	r = sandbox_connect(sb, &err);
	if (r == 0)
		sandbox_hello(sb);
	else if (r != -EAGAIN)
		sandbox_fail_boot(sb, &err);
}

/* The VM's own deadline is the one that holds while it reads its state. */
static void load(struct sandbox *sb)
{
	event_timer_stop(sb->progress);
	restore_load(sb, first(sb));
}

static void on_channel(void *arg)
{
	struct sandbox *sb = arg;

	if (first(sb)->restore)
		load(sb);
	else
		connect_agent(sb);
}

static const struct vm_callbacks vm_callbacks = {
	.phase = on_phase,
	.channel = on_channel,
	.console = on_console,
	.exited = on_vm_exited,
};

/* The VM's specification, with the folder or the image that brings its files. */
static int new_spec(struct sandbox *sb, const struct container *c,
		    struct vmspec **ret, struct err *reterr)
{
	const struct engine *eng = sb->eng;
	bool packed = eng->config->qemu.shared_fs == CONFIG_SHARED_FS_NONE;
	cleanup_free char *image = path_join(eng->dir, ROOTIMAGE_NAME);

	if (!image)
		return err_code(reterr, -ENOMEM, "boot");
	/* By its folder an administrator sees whose VM it is. */
	return vmspec_new(eng->config, eng->arch, eng->dir, c->spec,
			  packed ? image : sb->share->path, ret, reterr);
}

/* Where the guest finds the packed files; to be freed. */
static char *packed_address(const struct vm_spec *spec)
{
	struct vm_layout layout;
	struct err ignored;

	return vm_layout_build(spec, &layout, &ignored) < 0
		       ? NULL
		       : strdup(layout.disks[0].text);
}

/* What ties the VM to the host, so that QEMU does not save it. */
static const char *unsavable(const struct vm_spec *s)
{
	if (s->accel == ARCH_ACCEL_TCG && s->arch->tcg_unsavable)
		return s->arch->tcg_unsavable;
	if (s->n_shares && s->shares[0].kind == VM_SHARE_VIRTIOFS)
		return "its files come by virtio-fs, whose server has state "
		       "that QEMU does not save: create it with shared_fs = "
		       "\"none\" (a copy of its files)";
	if (s->n_shares)
		return "its files come by 9p, and QEMU saves no VM whose guest "
		       "has mounted that: create it with shared_fs = \"none\" "
		       "(a copy of its files)";
	if (s->n_nics)
		return NETWORK_UNSAVABLE;
	if (s->image && s->image_bus != VM_IMAGE_BLK)
		return "its root image is mapped as memory: set "
		       "vm_rootfs_driver = \"virtio-blk\"";
	if (s->channel != VM_CHANNEL_VIRTIO_SERIAL)
		return "its agent is reached by vsock, whose connections do "
		       "not outlive the VM";
	return "";
}

/* Notes what another VM must have in common with this one. */
static int note_shape(struct sandbox *sb, const struct vmspec *v,
		      struct err *reterr)
{
	struct vm_shape *shape = calloc(1, sizeof(*shape));
	struct vm_spec spec = v->spec;

	if (!shape)
		return err_code(reterr, -ENOMEM, "boot");
	sb->shape = shape;
	spec.disks[0].path = ROOTIMAGE_NAME; /* wherever it is */
	vm_spec_hash(&spec, shape->spec);
	(void)snprintf(shape->vmm, sizeof(shape->vmm), "QEMU %u.%u",
		       v->facts.qemu_major, v->facts.qemu_minor);
	shape->first = (struct vm_size){spec.vcpus, spec.memory_mib};
	shape->max = (struct vm_size){spec.vcpus_max, spec.memory_max_mib};
	shape->tsc_khz = spec.tsc_khz;
	return guest_fingerprint(v->guest, shape->files, reterr);
}

/* Two measurements of one clock. The guest keeps the rate it was told. */
static bool is_same_clock(uint32_t a, uint32_t b)
{
	return (a > b ? a - b : b - a) <= a / 200;
}

/* A VM that can be saved, or is to be restored. */
static int prepare_state(struct sandbox *sb, const struct container *c,
			 struct vmspec *v, struct err *reterr)
{
	const struct checkpoint *ck = c->restore;
	int r = 0;

	if (ck) {
		v->spec.memory_mib = ck->shape.first.memory_mib;
		v->spec.vcpus = ck->shape.first.vcpus;
		v->spec.memory_max_mib = ck->shape.max.memory_mib;
		v->spec.vcpus_max = ck->shape.max.vcpus;
		if (is_same_clock(ck->shape.tsc_khz, v->spec.tsc_khz))
			v->spec.tsc_khz = ck->shape.tsc_khz;
		r = vm_spec_check(&v->spec, reterr);
	}
	(void)snprintf(sb->unsavable, sizeof(sb->unsavable), "%s",
		       unsavable(&v->spec));
	if (!r && ck && *sb->unsavable)
		r = err_set(reterr, -EOPNOTSUPP, "cannot be restored: %s",
			    sb->unsavable);
	if (!r && !*sb->unsavable)
		r = note_shape(sb, v, reterr);
	return !r && ck ? restore_fit(ck, &v->spec, sb->shape, reterr) : r;
}

static uint64_t vm_needs_memory(uint32_t mib)
{
	return ((uint64_t)mib + VMM_OVERHEAD_MIB) << 20;
}

int sandbox_limit_vm(struct sandbox *sb, uint32_t memory_mib,
		     struct err *reterr)
{
	const struct container *c = sandbox_find(sb, sb->id);
	const Grpc__LinuxResources *limits = c ? c->limits : NULL;
	Grpc__LinuxResources r = GRPC__LINUX_RESOURCES__INIT;
	uint64_t was = sb->vm_needs.memory;
	int code;

	sb->vm_needs.memory = vm_needs_memory(memory_mib);
	/* A VM outside the container's group has no limit; nor has one whose
	 * container has none. */
	if (!limits || !limits->memory || limits->memory->limit <= 0 ||
	    was == sb->vm_needs.memory)
		return 0;
	r.memory = limits->memory;
	code = container_limit_on_host(c, &r, reterr);
	if (code == 0)
		return 0;
	/* Less than is in use now is for the next time. */
	if (was > sb->vm_needs.memory) {
		log_debug("sandbox '%s': %s", sb->id, reterr->text);
		code = 0;
	}
	sb->vm_needs.memory = was;
	return code;
}

static int boot(struct sandbox *sb, struct container *c, struct err *reterr)
{
	struct engine *eng = sb->eng;
	struct vmspec *v = NULL;
	int r;

	sb->progress = event_timer_new(eng->loop, on_no_progress, sb);
	sb->grace = event_timer_new(eng->loop, on_grace_over, sb);
	if (!sb->progress || !sb->grace)
		return err_code(reterr, -ENOMEM, "boot");
	r = new_spec(sb, c, &v, reterr);
	if (r < 0)
		return r;
	network_add_cards(sb->network, &v->spec);
	r = prepare_state(sb, c, v, reterr);
	if (r < 0) {
		vmspec_free(v);
		return r;
	}
	v->spec.boot_timeout_ms = boot_timeout_ms(sb);
	sb->emulated = v->spec.accel == ARCH_ACCEL_TCG;
	sb->arch = v->spec.arch->name;
	sb->size = (struct vm_size){v->spec.vcpus, v->spec.memory_mib};
	if (c->restore)
		sb->size = c->restore->shape.now;
	sb->vm_needs.memory = vm_needs_memory(v->spec.memory_mib);
	sb->vm_needs.pids = VMM_OVERHEAD_PIDS;
	container_save(c); /* now with its architecture */
	(void)journal_process(&eng->journal, "vmm", 0);
	r = sandbox_fs_start(sb, v, reterr);
	if (!r)
		r = modules_new(v, eng->config->agent.kernel_modules,
				&sb->modules, reterr);
	if (!r && v->packed) {
		sb->disk_addr = packed_address(&v->spec);
		r = sb->disk_addr ? 0 : err_code(reterr, -ENOMEM, "boot");
	}
	if (!r)
		r = vm_start(eng->loop, &v->facts, &v->spec, &vm_callbacks, sb,
			     &sb->vm, reterr);
	sandbox_fs_passed(v);
	vmspec_free(v);
	network_close_taps(sb->network);
	return r;
}

void sandbox_boot(struct sandbox *sb, struct container *c, engine_done_fn done,
		  void *arg)
{
	struct err err = {0};
	int r = sandbox_step(&sb->state, SANDBOX_OP_BOOT, sb->id, &err);

	if (r < 0) {
		done(arg, r, &err);
		return;
	}
	sb->done = done;
	sb->done_arg = arg;
	r = boot(sb, c, &err);
	if (r < 0) {
		gone(sb, &err);
		return;
	}
	if (vm_pid(sb->vm) > 0)
		(void)journal_process(&sb->eng->journal, "vmm",
				      vm_pid(sb->vm));
	progress(sb);
	if (!c->restore)
		connect_agent(sb);
}

/* --- the end --- */

static void on_destroyed(void *arg, int code, const char *text,
			 const ProtobufCMessage *response UNUSED)
{
	struct sandbox *sb = arg;
	struct err err = {0};
	struct list *pos, *tmp;

	if (code != TTRPC_OK && code != TTRPC_UNAVAILABLE) {
		(void)agent_error(&err, AGENT_DESTROY_SANDBOX, code, text);
		log_warn("sandbox '%s': %s", sb->id, err.text);
	}
	/* All is written: the ends may be told. (Or never will be.) */
	list_foreach_safe(pos, tmp, &sb->containers) {
		struct container *c = list_entry(pos, struct container, link);

		if (c->init && c->init->finished)
			process_report(c->init);
	}
	if (sb->vm)
		event_timer_set(sb->grace, POWEROFF_GRACE_MS);
}

void sandbox_stop(struct sandbox *sb)
{
	Grpc__DestroySandboxRequest request =
		GRPC__DESTROY_SANDBOX_REQUEST__INIT;
	struct err err;

	if (sandbox_step(&sb->state, SANDBOX_OP_STOP, sb->id, &err) < 0)
		return;
	agent_call(sb->agent, AGENT_DESTROY_SANDBOX, &request.base,
		   on_destroyed, sb);
}

void sandbox_kill(struct sandbox *sb)
{
	struct err none = {0}, ignored;

	if (sandbox_step(&sb->state, SANDBOX_OP_STOP, sb->id, &ignored) < 0 &&
	    sb->state != SANDBOX_STOPPING)
		return;
	vm_free(sb->vm);
	sb->vm = NULL;
	gone(sb, &none);
}
