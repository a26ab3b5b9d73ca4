// SPDX-License-Identifier: Apache-2.0
/*
 * The ladders. Each rung is tried from the best down, and says why it is or is
 * not taken. What takes time (asking QEMU its version, booting a kernel under
 * KVM) is remembered in a file of the user's own, under a key of everything
 * that could change the answer.
 */
#include "runtime/vmm/host.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/num.h"
#include "base/path.h"
#include "os/event.h"
#include "os/io.h"
#include "os/userns.h"
#include "runtime/vmm/spawn.h"

#define KVM_PROBE_MS 3000
#define KVM_CODE_MS 500
#define QEMU_ANSWER_MS 5000
#define CACHE_MAX 4096
#define KEY_MAX 1024

static const char *const virtiofsd_paths[] = {
	"/usr/libexec/virtiofsd",
	"/usr/lib/qemu/virtiofsd",
	"/usr/lib/virtiofsd",
};

static const char *const firmware_dirs[] = {
	"/usr/share/qemu",
	"/usr/share/seabios",
	"/usr/local/share/qemu",
};

/* --- Cache --- */

/* "<folder>/probe-<arch>"; "" where the user has no place for it. */
static void cache_path(const struct arch_desc *arch, char *out, size_t size)
{
	const char *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	char dir[2048] = "";

	out[0] = '\0';
	if (userns_real_root())
		(void)snprintf(dir, sizeof(dir), "/run/kiln");
	else if (xdg && xdg[0] == '/')
		(void)snprintf(dir, sizeof(dir), "%s/kiln", xdg);
	else if (home && home[0] == '/')
		(void)snprintf(dir, sizeof(dir), "%s/.cache/kiln", home);
	if (dir[0] && make_dirs(dir, 0700) == 0)
		(void)snprintf(out, size, "%s/probe-%s", dir, arch->name);
}

/* A file's identity: another file, or other contents, give another text. */
static void put_identity(struct buf *b, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		(void)buf_printf(b, "%s: none;", path);
		return;
	}
	(void)buf_printf(b, "%s:%" PRIu64 ":%" PRIu64 ":%" PRIi64 ".%ld;", path,
			 (uint64_t)st.st_ino, (uint64_t)st.st_size,
			 (int64_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

static void cache_key(const struct host *h, const struct guest *guest,
		      char out[KEY_MAX])
{
	cleanup_buf struct buf b = BUF_INIT(KEY_MAX - 1);
	cleanup_free char *boot = NULL;

	if (read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &boot,
		      NULL) == 0)
		(void)buf_printf(&b, "2;%.36s;", boot);
	put_identity(&b, h->facts.qemu);
	if (guest)
		put_identity(&b, guest->kernel.path);
	(void)buf_printf(&b, "uid %u", (unsigned int)geteuid());
	(void)snprintf(out, KEY_MAX, "%s", buf_error(&b) ? "" : buf_cstr(&b));
}

/* The N-th line of TEXT, which is cut up; "" past the end. */
static const char *next_line(char **text)
{
	char *line = strsep(text, "\n");

	return line ? line : "";
}

static bool cache_load(struct host *h, const char *path, const char *key)
{
	cleanup_free char *text = NULL;
	char *rest;
	struct rung *kvm = &h->accel[RUNG_KVM];

	if (!path[0] || !key[0] ||
	    read_file(AT_FDCWD, path, CACHE_MAX, &text, NULL) < 0)
		return false;
	rest = text;
	if (strcmp(next_line(&rest), key) != 0)
		return false;
	(void)snprintf(h->qemu_version, sizeof(h->qemu_version), "%s",
		       next_line(&rest));
	h->facts.qemu_sandbox = !strcmp(next_line(&rest), "sandbox");
	(void)parse_u32(next_line(&rest), 10, &h->facts.tsc_khz);
	kvm->usable = !strcmp(next_line(&rest), "kvm");
	(void)snprintf(kvm->reason, sizeof(kvm->reason), "%s",
		       next_line(&rest));
	return true;
}

static void cache_store(const struct host *h, const char *path,
			const char *key)
{
	const struct rung *kvm = &h->accel[RUNG_KVM];
	cleanup_buf struct buf b = BUF_INIT(CACHE_MAX);

	if (!path[0] || !key[0])
		return;
	(void)buf_printf(&b, "%s\n%s\n%s\n%" PRIu32 "\n%s\n%s\n", key, h->qemu_version,
			 h->facts.qemu_sandbox ? "sandbox" : "-",
			 h->facts.tsc_khz, kvm->usable ? "kvm" : "-", kvm->reason);
	/* Without it the next start probes again: no reason to fail. */
	if (!buf_error(&b))
		(void)write_file_atomic(AT_FDCWD, path, buf_data(&b), b.len,
					0600);
}

/* --- QEMU --- */

static bool find_program(const char *name, char *out, size_t size)
{
	const char *path = getenv("PATH");
	cleanup_free char *copy =
		strdup(path && *path ? path : "/usr/bin:/usr/local/bin");
	char *rest = copy;
	char *dir;

	while (rest && (dir = strsep(&rest, ":"))) {
		int n = snprintf(out, size, "%s/%s", dir, name);

		if (dir[0] == '/' && n > 0 && (size_t)n < size &&
		    access(out, X_OK) == 0)
			return true;
	}
	out[0] = '\0';
	return false;
}

/* Runs a program to its end; its output is cut at SIZE. Its exit code, or
 * -errno. */
static int ask(char *const argv[], char *out, size_t size)
{
	struct pollfd pfd = {.events = POLLIN};
	cleanup_close int fd = -1;
	uint64_t end = event_now_ms() + QEMU_ANSWER_MS;
	struct err err = {0};
	size_t n = 0;
	int status;
	pid_t pid;
	int r;

	r = spawn_helper(argv, NULL, 0, NULL, &pid, &fd, &err);
	if (r < 0)
		return r;
	pfd.fd = fd;
	while (n < size - 1) {
		uint64_t now = event_now_ms();
		ssize_t got;

		if (now >= end || poll(&pfd, 1, (int)(end - now)) <= 0)
			break;
		got = read(fd, out + n, size - 1 - n);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	out[n] = '\0';
	if (event_now_ms() >= end)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

static void ask_qemu(struct host *h)
{
	char sandbox[] = "-sandbox";
	char on[] = "on";
	char version[] = "-version";
	char *argv[] = {h->facts.qemu, sandbox, on, version, NULL};
	char *plain[] = {h->facts.qemu, version, NULL};
	char text[1024];
	const char *p;
	size_t n;

	/* A QEMU built without seccomp refuses the option. */
	h->facts.qemu_sandbox = ask(argv, text, sizeof(text)) == 0;
	if (!h->facts.qemu_sandbox)
		(void)ask(plain, text, sizeof(text));
	p = strstr(text, "version ");
	if (!p)
		return;
	p += strlen("version ");
	n = strspn(p, "0123456789.");
	(void)snprintf(h->qemu_version, sizeof(h->qemu_version), "%.*s",
		       (int)n, p);
}

static void take_version(struct host *h)
{
	char *end = NULL;
	unsigned long major = strtoul(h->qemu_version, &end, 10);

	h->facts.qemu_major = (unsigned int)major;
	if (end && *end == '.')
		h->facts.qemu_minor =
			(unsigned int)strtoul(end + 1, NULL, 10);
}

/* --- Rungs --- */

static void __attribute__((format(printf, 3, 4)))
rung_set(struct rung *r, bool usable, const char *fmt, ...)
{
	va_list ap;

	r->usable = usable;
	va_start(ap, fmt);
	(void)vsnprintf(r->reason, sizeof(r->reason), fmt, ap);
	va_end(ap);
}

static void probe_kvm(struct host *h, const struct guest *guest)
{
	struct rung *kvm = &h->accel[RUNG_KVM];
	cleanup_close int fd = -1;
	char reason[RUNG_REASON_MAX] = "";
	int r;

	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		rung_set(kvm, false, "open '/dev/kvm': %s", strerror(errno));
		return;
	}
	r = arch_host_kvm_probe(fd, KVM_CODE_MS);
	if (r < 0 && r != -EOPNOTSUPP) {
		rung_set(kvm, false, "a few instructions in a VM: %s",
			 strerror(-r));
		return;
	}
	if (!guest) {
		rung_set(kvm, false, "no guest kernel to try it with");
		return;
	}
	r = kvm_boot_probe(&h->facts, guest, KVM_PROBE_MS, reason);
	if (r < 0)
		rung_set(kvm, false, "does not boot the guest's kernel: %s",
			 reason);
	else
		rung_set(kvm, true, "%s", reason);
}

static void probe_channel(struct host *h)
{
	cleanup_close int fd = open("/dev/vhost-vsock", O_RDWR | O_CLOEXEC);

	h->facts.vhost_vsock = fd >= 0;
	if (fd < 0)
		rung_set(&h->channel[RUNG_VHOST_VSOCK], false,
			 "open '/dev/vhost-vsock': %s", strerror(errno));
	else
		rung_set(&h->channel[RUNG_VHOST_VSOCK], false,
			 "'/dev/vhost-vsock' opens, but vm_spec_init() does "
			 "not choose it yet");
	rung_set(&h->channel[RUNG_VIRTIO_SERIAL], true,
		 "works with every accelerator and architecture");
}

static void probe_share(struct host *h)
{
	struct rung *fs = &h->share[RUNG_VIRTIOFS];

	for (size_t i = 0; i < ARRAY_SIZE(virtiofsd_paths); i++)
		if (!h->facts.virtiofsd[0] &&
		    access(virtiofsd_paths[i], X_OK) == 0)
			(void)snprintf(h->facts.virtiofsd,
				       sizeof(h->facts.virtiofsd), "%s",
				       virtiofsd_paths[i]);
	if (!h->facts.native)
		rung_set(fs, false, "FUSE carries the guest's byte order and "
				    "flags: for the host's architecture only");
	else if (!h->facts.virtiofsd[0])
		rung_set(fs, false, "no virtiofsd; install the package "
				    "'virtiofsd' or 'qemu-system-common'");
	else if (!h->facts.privileged)
		rung_set(fs, false, "'%s' needs root", h->facts.virtiofsd);
	else
		rung_set(fs, true, "'%s'", h->facts.virtiofsd);
	rung_set(&h->share[RUNG_9P], true,
		 "served by QEMU itself, for every architecture%s",
		 h->facts.privileged ? ""
				     : "; without root, files keep the "
				       "caller's owner");
}

static void probe_jail(struct host *h)
{
	struct rung *jail = &h->confine[RUNG_JAIL];
	char why[RUNG_REASON_MAX] = "";

	h->facts.jail = jail_works(why, sizeof(why));
	rung_set(jail, h->facts.jail, "%s",
		 h->facts.jail ? "QEMU and virtiofsd in namespaces of their "
				 "own, by confine = \"auto\""
			       : why);
	rung_set(&h->confine[RUNG_OPEN], true,
		 "the supervisor's own sight and rights");
}

static void find_firmware(struct host *h)
{
	for (size_t i = 0; i < h->arch->n_machines; i++) {
		const char *name = h->arch->machines[i].firmware;
		char path[256];

		for (size_t j = 0; name && j < ARRAY_SIZE(firmware_dirs); j++) {
			(void)snprintf(path, sizeof(path), "%s/%s",
				       firmware_dirs[j], name);
			if (!h->facts.firmware[0] && access(path, R_OK) == 0)
				memcpy(h->facts.firmware, path, sizeof(path));
		}
	}
}

static void host_init(struct host *h, const struct arch_desc *arch)
{
	*h = (struct host){
		.arch = arch,
		.facts = {
			.native = arch == arch_native(),
			.privileged = geteuid() == 0 && userns_count_ids() > 1,
		},
		.accel = {{.name = "kvm"}, {.name = "tcg"}},
		.channel = {{.name = "vhost-vsock"},
			    {.name = "virtio-serial"}},
		.share = {{.name = "virtio-fs"}, {.name = "9p"}},
		.confine = {{.name = "jail"}, {.name = "none"}},
	};
}

static int choose_qemu(struct host *h, const char *qemu, struct err *reterr)
{
	const char *name = qemu && *qemu ? qemu : h->arch->qemu_binary;
	int n = snprintf(h->facts.qemu, sizeof(h->facts.qemu), "%s", name);

	if (name == qemu && (size_t)n < sizeof(h->facts.qemu) &&
	    access(qemu, X_OK) == 0)
		return 0;
	if (name != qemu &&
	    find_program(name, h->facts.qemu, sizeof(h->facts.qemu)))
		return 0;
	rung_set(&h->accel[RUNG_KVM], false, "no '%s'", name);
	rung_set(&h->accel[RUNG_TCG], false, "no '%s'", name);
	if (name == qemu)
		return err_set(reterr, -ENOENT,
			       "QEMU '%s' of the configuration (path) cannot "
			       "be executed", qemu);
	return err_set(reterr, -ENOENT,
		       "'%s' is not in PATH: 'make deps' installs it", name);
}

int host_probe(const struct arch_desc *arch, const struct guest *guest,
	       const char *qemu, unsigned int flags, struct host *ret,
	       struct err *reterr)
{
	char path[2304];
	char key[KEY_MAX];
	int r;

	host_init(ret, arch);
	probe_channel(ret);
	probe_share(ret);
	probe_jail(ret);
	r = choose_qemu(ret, qemu, reterr);
	if (r < 0)
		return r;
	find_firmware(ret);
	cache_path(arch, path, sizeof(path));
	cache_key(ret, guest, key);
	if ((flags & HOST_PROBE_AGAIN) || !cache_load(ret, path, key)) {
		ask_qemu(ret);
		if (arch->tsc_param)
			ret->facts.tsc_khz = arch_host_tsc_khz();
		if (ret->facts.native)
			probe_kvm(ret, guest);
		else
			rung_set(&ret->accel[RUNG_KVM], false,
				 "for the host's own architecture only");
		cache_store(ret, path, key);
	}
	take_version(ret);
	ret->facts.kvm = ret->accel[RUNG_KVM].usable;
	rung_set(&ret->accel[RUNG_TCG], true, "emulation of every instruction");
	return 0;
}

int host_facts(const struct arch_desc *arch, const struct guest *guest,
	       const char *qemu, struct host_facts *ret, struct err *reterr)
{
	cleanup_free struct guest *own = NULL;
	struct host h;
	struct err none = {0};
	int r;

	if (!guest) {
		own = calloc(1, sizeof(*own));
		if (own && guest_find(arch, own, &none) == 0)
			guest = own;
	}
	r = host_probe(arch, guest, qemu, 0, &h, reterr);
	*ret = h.facts;
	return r;
}
