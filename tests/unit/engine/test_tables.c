// SPDX-License-Identifier: Apache-2.0
//
// State tables, journal, state file and the translation of specs.
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "os/io.h"
#include "runtime/engine/checkpoint.h"
#include "runtime/engine/dir.h"
#include "runtime/engine/journal.h"
#include "runtime/engine/record.h"
#include "runtime/engine/ring.h"
#include "runtime/engine/proc.h"
#include "runtime/engine/state.h"
#include "runtime/engine/transition.h"
#include "runtime/engine/translate.h"
#include "runtime/engine/vmspec.h"
#include "runtime/vmm/virtiofsd.h"

static void test_container_states(void **state UNUSED)
{
	static const struct {
		enum container_status from;
		enum container_op op;
		int to; /* -1: refused */
	} rows[] = {
		{CONTAINER_CREATING, CONTAINER_OP_MADE, CONTAINER_CREATED},
		{CONTAINER_CREATING, CONTAINER_OP_START, -1},
		{CONTAINER_CREATED, CONTAINER_OP_START, CONTAINER_RUNNING},
		{CONTAINER_CREATED, CONTAINER_OP_PAUSE, -1},
		{CONTAINER_RUNNING, CONTAINER_OP_START, -1},
		{CONTAINER_RUNNING, CONTAINER_OP_EXEC, CONTAINER_RUNNING},
		{CONTAINER_RUNNING, CONTAINER_OP_PAUSE, CONTAINER_PAUSED},
		{CONTAINER_RUNNING, CONTAINER_OP_DELETE, -1},
		{CONTAINER_PAUSED, CONTAINER_OP_EXEC, -1},
		{CONTAINER_PAUSED, CONTAINER_OP_RESUME, CONTAINER_RUNNING},
		{CONTAINER_PAUSED, CONTAINER_OP_KILL, CONTAINER_PAUSED},
		{CONTAINER_PAUSED, CONTAINER_OP_EXIT, CONTAINER_STOPPED},
		{CONTAINER_STOPPED, CONTAINER_OP_KILL, -1},
		{CONTAINER_STOPPED, CONTAINER_OP_EXIT, -1},
		{CONTAINER_STOPPED, CONTAINER_OP_DELETE, CONTAINER_DELETED},
		{CONTAINER_DELETED, CONTAINER_OP_DELETE, -1},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		enum container_status s = rows[i].from;
		struct err err = {0};
		int r = container_step(&s, rows[i].op, "x", &err);

		assert_int_equal(r, rows[i].to < 0 ? -EBUSY : 0);
		assert_int_equal(s, rows[i].to < 0 ? (int)rows[i].from
						   : rows[i].to);
	}
}

static void test_refusal_texts(void **state UNUSED)
{
	struct err err = {0};

	assert_int_equal(container_may(CONTAINER_RUNNING, CONTAINER_OP_DELETE,
				       "x", &err), -EBUSY);
	assert_string_equal(err.text, "container 'x' is running, cannot "
				      "delete; use kill or delete --force");
	assert_int_equal(process_may(PROCESS_STOPPED, PROCESS_OP_SIGNAL, "p",
				     &err), -EBUSY);
	assert_string_equal(err.text, "process 'p' is stopped, cannot signal");
}

/* No operation leads out of an end, and every state can be reached. */
static void test_tables_are_sound(void **state UNUSED)
{
	bool seen[CONTAINER_DELETED + 1] = {[CONTAINER_CREATING] = true};
	int round, from, op;
	struct err err;

	for (round = 0; round <= CONTAINER_DELETED; round++)
		for (from = 0; from <= CONTAINER_DELETED; from++)
			for (op = 0; op <= CONTAINER_OP_DELETE; op++) {
				enum container_status s =
					(enum container_status)from;

				if (seen[from] &&
				    !container_step(&s, (enum container_op)op,
						    "x", &err))
					seen[s] = true;
			}
	for (from = 0; from <= CONTAINER_DELETED; from++)
		assert_true(seen[from]);
	for (op = 0; op <= CONTAINER_OP_DELETE; op++)
		assert_int_equal(container_may(CONTAINER_DELETED,
					       (enum container_op)op, "x",
					       &err), -EBUSY);
}

static char base[] = "/tmp/kiln-tables.XXXXXX";

static int make_base(void **state UNUSED)
{
	memcpy(base + sizeof(base) - 7, "XXXXXX", 6);
	return mkdtemp(base) ? 0 : -1;
}

static int remove_base(void **state UNUSED)
{
	return remove_tree(AT_FDCWD, base);
}

static void touch_at(int fd, const char *name)
{
	close(openat(fd, name, O_WRONLY | O_CREAT, 0600));
}

static void test_journal_undo(void **state UNUSED)
{
	struct journal j = JOURNAL_INIT;
	struct err err = {0};
	int fd = dir_make(base, "box", &err);
	pid_t pid = fork();
	int status;

	assert_true(fd >= 0);
	if (!pid) {
		pause();
		_exit(0);
	}
	assert_int_equal(journal_open(&j, fd, &err), 0);
	assert_int_equal(journal_path(&j, "dir", "shared"), 0);
	assert_int_equal(mkdirat(fd, "shared", 0700), 0);
	assert_int_equal(journal_path(&j, "dir", "shared/a"), 0);
	assert_int_equal(mkdirat(fd, "shared/a", 0700), 0);
	assert_int_equal(journal_path(&j, "file", "shared/a/f"), 0);
	assert_int_equal(journal_path(&j, "mount", "shared/a/f"), 0);
	touch_at(fd, "shared/a/f");
	assert_int_equal(journal_path(&j, "file", "never-made"), 0);
	assert_int_equal(journal_process(&j, "vmm", 0), 0);
	assert_int_equal(journal_process(&j, "vmm", pid), 0);
	journal_phase(&j, "two words", 5);
	journal_close(&j);
	assert_int_equal(dir_make(base, "box", &err), -EEXIST);
	assert_int_equal(dir_remove(base, "box", &err), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(dir_remove(base, "box", &err), 0);
	assert_int_equal(dir_open(base, "box", &err), -ENOENT);
	close(fd);
}

/* Where nobody may make a folder, that is what the error says. */
static void test_dir_cannot_be_made(void **state UNUSED)
{
	struct err err = {0};

	assert_true(dir_make("/proc", "box", &err) < 0);
	assert_non_null(strstr(err.text, "make '/proc/box': "));
	assert_non_null(strstr(err.text, strerror(-err.code)));
}

/* A pid of another boot is somebody else's process. */
static void test_journal_of_another_boot(void **state UNUSED)
{
	struct journal j = JOURNAL_INIT;
	struct err err = {0};
	int fd = dir_make(base, "box", &err);
	pid_t pid = fork();

	if (!pid) {
		pause();
		_exit(0);
	}
	assert_int_equal(write_file_atomic(fd, JOURNAL_NAME, "boot 0-0\n", 9,
					   0600), 0);
	assert_int_equal(journal_open(&j, fd, &err), 0);
	assert_int_equal(journal_process(&j, "vmm", pid), 0);
	journal_close(&j);
	assert_int_equal(dir_remove(base, "box", &err), 0);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(fd);
}

/* Checks that run for years do not let the journal grow, nor lose what lives. */
static void test_journal_trim(void **state UNUSED)
{
	struct journal j = JOURNAL_INIT;
	cleanup_free char *text = NULL;
	struct err err = {0};
	char line[64];
	struct stat st;
	int fd = dir_make(base, "box", &err), i;

	assert_int_equal(journal_open(&j, fd, &err), 0);
	assert_int_equal(journal_path(&j, "dir", "shared"), 0);
	assert_int_equal(journal_process(&j, "supervisor", getpid()), 0);
	for (i = 0; i < 100000; i++) {
		int n = snprintf(line, sizeof(line),
				 "process stub %d 77\n", 1000 + i % 30000);

		assert_int_equal(write_full(j.fd, line, (size_t)n), 0);
		if (i % 100 == 0)
			journal_trim(&j, fd);
	}
	assert_int_equal(fstat(j.fd, &st), 0);
	assert_true(st.st_size < 256 * 1024);
	journal_phase(&j, "after", 1);
	assert_int_equal(read_file(fd, JOURNAL_NAME, 1 << 20, &text, NULL), 0);
	assert_non_null(strstr(text, "dir shared\n"));
	assert_non_null(strstr(text, "process supervisor "));
	assert_non_null(strstr(text, "phase after 1\n"));
	journal_close(&j);
	assert_int_equal(dir_remove(base, "box", &err), 0);
	close(fd);
}

static void test_ring(void **state UNUSED)
{
	struct ring r = RING_INIT;
	struct err err = {0};
	int fd = dir_make(base, "box", &err), i;
	char line[32], *text;
	size_t n = 0;

	assert_null(ring_read(fd, "console", &n));
	assert_int_equal(ring_open(&r, fd, "console"), 0);
	ring_put(&r, "first\n", 6);
	text = ring_read(fd, "console", &n);
	assert_string_equal(text, "first\n");
	free(text);
	for (i = 0; i < 5000; i++)
		ring_put(&r, line, (size_t)snprintf(line, sizeof(line),
						    "line %d\n", i));
	ring_close(&r);
	text = ring_read(fd, "console", &n);
	assert_int_equal(n, RING_SIZE);
	assert_string_equal(text + n - 10, "line 4999\n");
	assert_null(strstr(text, "first"));
	free(text);
	/* A header that claims more than there is. */
	assert_int_equal(write_file_atomic(fd, "console", "\377\377\0\0\0\0\0\0x",
					   9, 0600), 0);
	assert_null(ring_read(fd, "console", &n));
	assert_int_equal(dir_remove(base, "box", &err), 0);
	close(fd);
}

static const char *record_text(struct json_object *o, const char *key)
{
	return json_object_get_string(json_object_object_get(o, key));
}

/* What is told of a container outlives it; the oldest gives way. */
static void test_record(void **state UNUSED)
{
	struct json_object *o = NULL;
	struct err err = {0};
	char id[32];
	int i;

	assert_int_equal(record_load(base, "box-0", &o, &err), -ENOENT);
	for (i = 0; i < RECORD_COUNT + 3; i++) {
		struct journal j = JOURNAL_INIT;
		struct ring r = RING_INIT;
		int fd;

		(void)snprintf(id, sizeof(id), "box-%d", i);
		fd = dir_make(base, id, &err);
		assert_int_equal(journal_open(&j, fd, &err), 0);
		journal_phase(&j, "one two", 7);
		journal_failure(&j, "bad\033[1m\nnews");
		journal_close(&j);
		assert_int_equal(ring_open(&r, fd, RING_CONSOLE_NAME), 0);
		ring_put(&r, "a\r\n\n\033b", 6);
		ring_close(&r);
		assert_int_equal(dir_remove(base, id, &err), 0);
		close(fd);
	}
	assert_int_equal(record_load(base, "box-0", &o, &err), -ENOENT);
	assert_int_equal(record_load(base, id, &o, &err), 0);
	assert_string_equal(record_text(o, "id"), id);
	assert_string_equal(record_text(o, "failure"), "bad\\x1b[1m\\x0anews");
	assert_string_equal(record_text(o, "console"),
			    "[ \"a\", \"\\\\x1bb\" ]");
	assert_string_equal(record_text(o, "phases"),
			    "[ { \"name\": \"one two\", \"ms\": 7 } ]");
	assert_non_null(record_text(o, "removed"));
	json_object_put(o);
}

/* What stands in a damaged journal does no harm beyond the folder. */
static void test_journal_is_confined(void **state UNUSED)
{
	static const char text[] =
		"file ../victim\nfile /etc/hostname-of-nobody\ndir ..\n"
		"file a/../../victim\nprocess vmm 1 1\nprocess x\nbroken\n"
		"file \nmount ../..\nscratch ../keep\nfile torn";
	struct journal j = JOURNAL_INIT;
	struct err err = {0};
	int top = open(base, O_RDONLY | O_DIRECTORY);
	int fd = dir_make(base, "box", &err);

	assert_int_equal(journal_path(&j, "file", "../x"), -EINVAL);
	assert_int_equal(journal_path(&j, "file", "/x"), -EINVAL);
	assert_int_equal(journal_path(&j, "file", "a\nfile b"), -EINVAL);
	touch_at(top, "victim");
	assert_int_equal(mkdirat(top, "keep", 0700), 0);
	assert_int_equal(write_file_atomic(fd, JOURNAL_NAME, text,
					   sizeof(text) - 1, 0600), 0);
	assert_int_equal(dir_remove(base, "box", &err), 0);
	assert_int_equal(faccessat(top, "victim", F_OK, 0), 0);
	assert_int_equal(faccessat(top, "keep", F_OK, 0), 0);
	close(fd);
	close(top);
}

/* A folder that holds what no line names keeps it. */
static void test_remove_keeps_data(void **state UNUSED)
{
	struct err err = {0};
	int fd = dir_make(base, "box", &err);

	assert_int_equal(mkdirat(fd, "unknown", 0700), 0);
	touch_at(fd, "unknown/data");
	assert_true(dir_remove(base, "box", &err) < 0);
	assert_int_equal(faccessat(fd, "unknown/data", F_OK, 0), 0);
	close(fd);
}

static void test_state_file(void **state UNUSED)
{
	struct state_record w = {0}, r;
	struct err err = {0};
	int fd = dir_make(base, "box", &err);

	w.s.id = (char *)"box";
	w.s.bundle = (char *)"/b \"quoted\"\n";
	w.s.status = (char *)"running";
	w.s.annotations_json = (char *)"{\"a\":\"b\"}";
	w.s.pid = getpid();
	w.s.exit_status = -1;
	w.supervisor = getpid();
	assert_int_equal(proc_start_time(getpid(), &w.pid_start), 0);
	w.supervisor_start = w.pid_start;
	assert_int_equal(state_write(fd, &w), 0);
	assert_int_equal(state_read_live(fd, &r, &err), 0);
	assert_string_equal(r.s.bundle, w.s.bundle);
	assert_string_equal(r.s.status, "running");
	assert_string_equal(r.s.annotations_json, w.s.annotations_json);
	assert_int_equal(r.s.pid, getpid());
	state_release(&r);
	/* The same pid, another process: the supervisor is gone. */
	w.supervisor_start++;
	assert_int_equal(state_write(fd, &w), 0);
	assert_int_equal(state_read_live(fd, &r, &err), 0);
	assert_string_equal(r.s.status, "stopped");
	assert_int_equal(r.s.pid, 0);
	state_release(&r);
	assert_int_equal(write_file_atomic(fd, STATE_NAME, "{", 1, 0600), 0);
	assert_int_equal(state_read(fd, &r, &err), -EINVAL);
	close(fd);
}

static const char spec_text[] =
	"{\"ociVersion\":\"1.0.2\",\"process\":{\"terminal\":true,"
	"\"user\":{\"uid\":1,\"gid\":2},\"args\":[\"a\"],\"cwd\":\"/\","
	"\"apparmorProfile\":\"p\",\"selinuxLabel\":\"l\"},"
	"\"root\":{\"path\":\"rootfs\"},\"mounts\":["
	"{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
	"{\"destination\":\"/v\",\"type\":\"bind\",\"source\":\"/srv/v\","
	"\"options\":[\"rbind\",\"ro\"]},"
	"{\"destination\":\"/dev/shm\",\"type\":\"bind\","
	"\"source\":\"/tmp/shm\",\"options\":[\"bind\"]},"
	"{\"destination\":\"/h\",\"type\":\"bind\",\"source\":\"/sys/fs\","
	"\"options\":[\"bind\"]}],"
	"\"hooks\":{\"prestart\":[{\"path\":\"/bin/true\"}],"
	"\"startContainer\":[{\"path\":\"/bin/true\"}]},"
	"\"linux\":{\"cgroupsPath\":\"/x\",\"namespaces\":["
	"{\"type\":\"pid\",\"path\":\"/proc/1/ns/pid\"},"
	"{\"type\":\"network\",\"path\":\"/proc/1/ns/net\"},"
	"{\"type\":\"mount\"}],"
	"\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}],"
	"\"memory\":{\"limit\":104857601},"
	"\"cpu\":{\"quota\":150000,\"period\":100000,\"cpus\":\"0-1\"},"
	"\"pids\":{\"limit\":10}}}}";

static void test_translate(void **state UNUSED)
{
	cleanup_spec struct spec *s = NULL;
	struct limits_sum sum = {0};
	struct err err = {0};
	Grpc__Spec *w;

	if (spec_parse(spec_text, sizeof(spec_text) - 1, "/b", &s, &err) < 0)
		fail_msg("%s", err.text);
	w = s->wire;
	assert_int_equal(translate_mount_origin(&s->mounts[0]), MOUNT_GUEST);
	assert_int_equal(translate_mount_origin(&s->mounts[1]), MOUNT_SHARED);
	assert_int_equal(translate_mount_origin(&s->mounts[2]), MOUNT_SHM);
	assert_int_equal(translate_mount_origin(&s->mounts[3]), MOUNT_GUEST);
	translate_add_limits(&sum, w->linux->resources);
	assert_int_equal(sum.millicpus, 1500);
	assert_int_equal(sum.memory_mib, 101);
	assert_false(sum.unlimited);
	translate_add_limits(&sum, w->linux->resources);
	translate_add_limits(&sum, NULL);
	assert_int_equal(sum.millicpus, 3000);
	assert_int_equal(sum.memory_mib, 202);
	assert_true(sum.unlimited);
	assert_int_equal(translate_mount(s, &s->mounts[1], "/guest/v"), 0);
	assert_int_equal(translate_spec(s, "/guest/rootfs", "/kiln/c", true,
					&err), 0);
	assert_string_equal(w->root->path, "/guest/rootfs");
	assert_string_equal(w->mounts[1]->source, "/guest/v");
	assert_string_equal(w->linux->cgroupspath, "/kiln/c");
	assert_true(w->process->terminal);
	assert_string_equal(w->process->apparmorprofile, "");
	assert_string_equal(w->process->selinuxlabel, "");
	assert_int_equal(w->linux->n_namespaces, 2);
	assert_string_equal(w->linux->namespaces[0]->type, "pid");
	assert_string_equal(w->linux->namespaces[0]->path, "");
	assert_int_equal(w->linux->resources->n_devices, 1);
	assert_string_equal(w->linux->resources->cpu->cpus, "");
	assert_int_equal(w->linux->resources->cpu->quota, 150000);
	assert_int_equal(w->linux->resources->pids->limit, 10);
	assert_int_equal(w->hooks->n_prestart, 0);
	assert_int_equal(w->hooks->n_startcontainer, 1);
}

static void test_share_choice(void **state UNUSED)
{
	struct host_facts f = {.native = true, .privileged = true,
			       .virtiofsd = "/usr/libexec/virtiofsd"};
	enum vm_share_kind kind;
	struct config *c = NULL;
	struct err err = {0};

	assert_int_equal(config_new(&c, &err), 0);
	assert_int_equal(vmspec_choose_share(c, &f, &kind, &err), 0);
	assert_int_equal(kind, VM_SHARE_VIRTIOFS);
	f.native = false;
	assert_int_equal(vmspec_choose_share(c, &f, &kind, &err), 0);
	assert_int_equal(kind, VM_SHARE_9P);
	f.native = true;
	f.privileged = false;
	assert_int_equal(vmspec_choose_share(c, &f, &kind, &err), 0);
	assert_int_equal(kind, VM_SHARE_9P);
	f.privileged = true;
	c->qemu.shared_fs = CONFIG_SHARED_FS_9P;
	assert_int_equal(vmspec_choose_share(c, &f, &kind, &err), 0);
	assert_int_equal(kind, VM_SHARE_9P);
	c->qemu.shared_fs = CONFIG_SHARED_FS_VIRTIO_FS;
	assert_int_equal(vmspec_choose_share(c, &f, &kind, &err), 0);
	assert_int_equal(kind, VM_SHARE_VIRTIOFS);
	f.privileged = false;
	assert_int_equal(vmspec_choose_share(c, &f, &kind, &err), -EOPNOTSUPP);
	f.privileged = true;
	f.virtiofsd[0] = '\0';
	assert_int_equal(vmspec_choose_share(c, &f, &kind, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "virtio_fs_daemon"));
	f.native = false;
	assert_int_equal(vmspec_choose_share(c, &f, &kind, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "byte order"));
	config_free(c);
}

/* What is configured has an effect, or is refused. */
static void test_config_refusals(void **state UNUSED)
{
	static const struct {
		const char *text, *names;
	} rows[] = {
		{"[hypervisor.qemu]\nguest = 'x'\n", "guest"},
		{"[hypervisor.qemu]\nblock_device_driver = 'virtio-blk'\n",
		 "block_device_driver"},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config *c = NULL;
		struct err err = {0};

		assert_int_equal(config_new(&c, &err), 0);
		assert_int_equal(vmspec_check_config(c, &err), 0);
		assert_int_equal(config_parse(c, rows[i].text,
					      strlen(rows[i].text), "t", &err),
				 0);
		assert_int_equal(vmspec_check_config(c, &err), -EOPNOTSUPP);
		assert_non_null(strstr(err.text, rows[i].names));
		config_free(c);
	}
}

static void test_server_command(void **state UNUSED)
{
	const char *const extra[] = {"--thread-pool-size=1", NULL};
	struct fs_server_options o = {
		.program = "/usr/libexec/virtiofsd", .source = "/a,b",
		.cache = "never", .extra_args = (char *const *)(uintptr_t)extra,
	};
	cleanup_strv struct strv a = STRV_INIT, b = STRV_INIT, d = STRV_INIT;
	cleanup_strv struct strv e = STRV_INIT, g = STRV_INIT;
	struct err err = {0};

	assert_int_equal(fs_server_argv(&o, &a, &err), 0);
	assert_true(strv_contains(&a, "--cache=never"));
	assert_true(strv_contains(&a, "/a,b"));
	assert_string_equal(a.v[a.n - 1], extra[0]);
	o.program = "/usr/lib/qemu/virtiofsd";
	assert_int_equal(fs_server_argv(&o, &b, &err), -EOPNOTSUPP);
	o.source = "/a";
	assert_int_equal(fs_server_argv(&o, &d, &err), 0);
	assert_true(strv_contains(
		&d, "source=/a,cache=none,xattr,announce_submounts"));
	/* Without a second in which changes are not seen. */
	o.cache = NULL;
	assert_int_equal(fs_server_argv(&o, &e, &err), 0);
	assert_true(strv_contains(
		&e, "source=/a,cache=auto,xattr,announce_submounts,timeout=0"));
	o.program = "/usr/libexec/virtiofsd";
	assert_int_equal(fs_server_argv(&o, &g, &err), 0);
	assert_true(strv_contains(&g, "--cache=never"));
	assert_true(strv_contains(&g, "--allow-mmap"));
	o.program = "/usr/lib/qemu/virtiofsd";
	o.cache = "metadata";
	assert_int_equal(fs_server_argv(&o, &d, &err), -EOPNOTSUPP);
}

/* What is written is read back; what is damaged is named. */
static void test_checkpoint_file(void **state UNUSED)
{
	static const struct {
		const char *from, *to, *names;
	} damage[] = {
		{"\"format\": 2", "\"format\": 1", "format"},
		{"\"id\": \"c1\"", "\"id\": \"../x\"", "'id'"},
		{"\"nextCall\": 9", "\"nextCall\": -9", "'nextCall'"},
		{"\"nextCall\": 9", "\"nextCall\": 99999999999", "'nextCall'"},
		{"\"paused\": true", "\"paused\": \"true\"", "'paused'"},
		{"\"00ff7f\"", "\"00ff7\"", "'partialMessage'"},
		{"\"memoryMib\": 96", "\"memoryMib\": \"96\"", "'now'"},
		{"\"max\":", "\"min\":", "'max'"},
		{"\"00ff7f\"", "\"00FG7f\"", "'partialMessage'"},
		{"\"arch\": \"s390x\"", "\"arch\": \"s390xs390xs390xs390x\"",
		 "'arch'"},
		{"{", "", CHECKPOINT_NAME},
	};
	static uint8_t bytes[] = {0, 0xff, 0x7f};
	struct checkpoint ck = {
		.id = "c1", .arch = "s390x", .paused = true, .out_ended = true,
		.calls = {.next = 9, .wait = 3, .out = 5},
		.shape = {.spec = "ab", .files = "cd", .vmm = "QEMU 7.2",
			  .first = {1, 128}, .max = {4, 512}, .now = {2, 96}},
		.partial = bytes, .n_partial = sizeof(bytes), .state_fd = -1,
	};
	cleanup_free char *text = NULL;
	struct checkpoint *back = NULL;
	struct err err = {0};
	const char *dir = base;
	cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t i;

	assert_true(fd >= 0);
	assert_int_equal(checkpoint_read(dir, &back, &err), -ENOENT);
	assert_int_equal(checkpoint_write(fd, &ck, &err), 0);
	assert_int_equal(checkpoint_read(dir, &back, &err), -ENOENT);
	assert_non_null(strstr(err.text, CHECKPOINT_STATE_NAME));
	assert_int_equal(write_file_atomic(fd, CHECKPOINT_STATE_NAME, "x", 1,
					   0600), 0);
	assert_int_equal(checkpoint_read(dir, &back, &err), 0);
	assert_string_equal(back->id, "c1");
	assert_true(back->paused && back->out_ended && !back->terminal);
	assert_int_equal(back->calls.next, 9);
	assert_int_equal(back->calls.oom, 0);
	assert_string_equal(back->shape.vmm, "QEMU 7.2");
	assert_int_equal(back->shape.first.memory_mib, 128);
	assert_int_equal(back->shape.max.vcpus, 4);
	assert_int_equal(back->shape.now.memory_mib, 96);
	assert_int_equal(back->n_partial, sizeof(bytes));
	assert_memory_equal(back->partial, bytes, sizeof(bytes));
	checkpoint_free(back);
	assert_int_equal(read_file(fd, CHECKPOINT_NAME, 1 << 20, &text, NULL),
			 0);
	for (i = 0; i < ARRAY_SIZE(damage); i++) {
		const char *at = strstr(text, damage[i].from);
		char bad[2048];

		if (!at)
			fail_msg("no %s in %s", damage[i].from, text);
		(void)snprintf(bad, sizeof(bad), "%.*s%s%s", (int)(at - text),
			       text, damage[i].to, at + strlen(damage[i].from));
		assert_int_equal(write_file_atomic(fd, CHECKPOINT_NAME, bad,
						   strlen(bad), 0600), 0);
		assert_int_equal(checkpoint_read(dir, &back, &err), -EINVAL);
		assert_non_null(strstr(err.text, damage[i].names));
	}
	(void)unlinkat(fd, CHECKPOINT_NAME, 0);
	(void)unlinkat(fd, CHECKPOINT_STATE_NAME, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_container_states),
		cmocka_unit_test(test_refusal_texts),
		cmocka_unit_test(test_tables_are_sound),
		cmocka_unit_test(test_dir_cannot_be_made),
		cmocka_unit_test_setup_teardown(test_journal_undo, make_base,
						remove_base),
		cmocka_unit_test_setup_teardown(test_journal_of_another_boot,
						make_base, remove_base),
		cmocka_unit_test_setup_teardown(test_journal_trim, make_base,
						remove_base),
		cmocka_unit_test_setup_teardown(test_ring, make_base,
						remove_base),
		cmocka_unit_test_setup_teardown(test_record, make_base,
						remove_base),
		cmocka_unit_test_setup_teardown(test_journal_is_confined,
						make_base, remove_base),
		cmocka_unit_test_setup_teardown(test_remove_keeps_data,
						make_base, remove_base),
		cmocka_unit_test_setup_teardown(test_state_file, make_base,
						remove_base),
		cmocka_unit_test(test_share_choice),
		cmocka_unit_test(test_config_refusals),
		cmocka_unit_test(test_server_command),
		cmocka_unit_test_setup_teardown(test_checkpoint_file, make_base,
						remove_base),
		cmocka_unit_test(test_translate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
