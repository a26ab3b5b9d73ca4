// SPDX-License-Identifier: Apache-2.0
/* Resizing by QMP, against a peer that has CPUs, DIMMs, virtio-mem and a
 * balloon, or only says so. */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "os/event.h"
#include "runtime/vmm/qemu_resize.h"
#include "runtime/vmm/qmp.h"

#define CPUS 4
#define DIMMS 8
#define MIB (1 << 20)

/* What goes wrong. */
enum fault {
	FAULT_NONE,
	FAULT_LIES,	/* what is added never shows */
	FAULT_REFUSES,	/* "device_add" fails */
	FAULT_KEEPS,	/* DIMMs stay, to whomever they are asked of */
	FAULT_NONSENSE, /* answers of other types */
	FAULT_ENDS,	/* the connection, at the balloon */
};

static struct {
	struct event_loop *loop;
	struct event_io *io;
	int fd;
	enum fault fault;
	bool cpus[CPUS]; /* there; the first is the boot's */
	uint64_t dimms[DIMMS], virtio_mem, balloon; /* MiB */
	uint64_t backend; /* of the last object-add */
	unsigned int commands;
	/* the end */
	int status;
	bool done;
	char text[256];
} peer;

static struct vm vm;
static struct vm_spec spec;

static uint64_t number_in(const char *line, const char *key)
{
	const char *at = strstr(line, key);
	unsigned long long n = 0;

	if (at)
		(void)sscanf(at + strlen(key), "%*[\": ]%llu", &n);
	return n;
}

static void put_cpus(char *out, size_t size)
{
	size_t n = 0;
	int i;

	n += (size_t)snprintf(out + n, size - n, "[");
	for (i = CPUS - 1; i >= 0; i--) {
		n += (size_t)snprintf(out + n, size - n,
				      "{\"type\":\"t\",\"vcpus-count\":1,"
				      "\"props\":{\"core-id\":%d}", i);
		if (peer.cpus[i] && i)
			n += (size_t)snprintf(
				out + n, size - n,
				",\"qom-path\":\"/machine/peripheral/cpu-%d\"",
				CPUS - 1 - i);
		else if (peer.cpus[i])
			n += (size_t)snprintf(out + n, size - n,
					      ",\"qom-path\":\"/machine/x[0]\"");
		n += (size_t)snprintf(out + n, size - n, "}%s", i ? "," : "]");
	}
}

static void put_memory(char *out, size_t size)
{
	size_t n = 0;
	int i;

	n += (size_t)snprintf(out + n, size - n,
			      "[{\"type\":\"virtio-mem\",\"data\":{\"id\":"
			      "\"memory\",\"memaddr\":4294967296,\"size\":%llu}"
			      "}", (unsigned long long)peer.virtio_mem * MIB);
	for (i = 0; i < DIMMS; i++)
		if (peer.dimms[i])
			n += (size_t)snprintf(
				out + n, size - n,
				",{\"type\":\"dimm\",\"data\":{\"id\":"
				"\"dimm-%d\",\"addr\":%llu,\"size\":%llu}}", i,
				(unsigned long long)(i + 1) << 30,
				(unsigned long long)peer.dimms[i] * MIB);
	(void)snprintf(out + n, size - n, "]");
}

static void device_add(const char *line)
{
	uint64_t core = number_in(line, "core-id");
	const char *dimm = strstr(line, "dimm-");

	if (peer.fault == FAULT_LIES)
		return;
	if (dimm)
		peer.dimms[dimm[5] - '0'] = peer.backend;
	else
		peer.cpus[core % CPUS] = true;
}

static void device_del(const char *line)
{
	const char *cpu = strstr(line, "cpu-"), *dimm = strstr(line, "dimm-");

	if (peer.fault == FAULT_KEEPS)
		return;
	if (cpu)
		peer.cpus[CPUS - 1 - (cpu[4] - '0')] = false;
	else if (dimm)
		peer.dimms[dimm[5] - '0'] = 0;
}

/* The answer to LINE into OUT; false: none. */
static bool answer(const char *line, char *out, size_t size)
{
	bool add = strstr(line, "\"device_add\"");

	(void)snprintf(out, size, "{}");
	if (add && peer.fault == FAULT_REFUSES)
		return false;
	if (add)
		device_add(line);
	else if (strstr(line, "\"device_del\""))
		device_del(line);
	else if (strstr(line, "\"object-add\""))
		peer.backend = number_in(line, "\"size") / MIB;
	else if (strstr(line, "\"qom-set\""))
		peer.virtio_mem = number_in(line, "\"value") / MIB;
	else if (strstr(line, "\"balloon\""))
		peer.balloon = number_in(line, "\"value") / MIB;
	else if (peer.fault == FAULT_NONSENSE)
		(void)snprintf(out, size, "{\"actual\":\"x\",\"a\":[1]}");
	else if (strstr(line, "query-hotpluggable-cpus"))
		put_cpus(out, size);
	else if (strstr(line, "query-memory-devices"))
		put_memory(out, size);
	else if (strstr(line, "query-balloon"))
		(void)snprintf(out, size, "{\"actual\":%llu}",
			       (unsigned long long)peer.balloon * MIB);
	return true;
}

static void on_line(const char *line)
{
	const char *id = strstr(line, "\"id\":");
	char out[4096], reply[5000];
	long long n = 0;
	int len;

	/* That of the request is the last or the first, and a number. */
	while (id && sscanf(id, "\"id\": %lld", &n) != 1)
		id = strstr(id + 1, "\"id\":");
	peer.commands++;
	if (peer.fault == FAULT_ENDS && strstr(line, "\"balloon\"")) {
		event_io_free(peer.io);
		peer.io = NULL;
		close_fd(&peer.fd);
		return;
	}
	if (answer(line, out, sizeof(out)))
		len = snprintf(reply, sizeof(reply),
			       "{\"return\":%s,\"id\":%lld}\r\n", out, n);
	else
		len = snprintf(reply, sizeof(reply),
			       "{\"error\":{\"class\":\"GenericError\","
			       "\"desc\":\"no room\"},\"id\":%lld}\r\n", n);
	assert_int_equal(write(peer.fd, reply, (size_t)len), len);
}

static void on_readable(void *arg UNUSED, int fd, uint32_t events UNUSED)
{
	static char line[8192];
	static size_t len;
	ssize_t n = read(fd, line + len, sizeof(line) - 1 - len);
	char *end;

	if (n <= 0) {
		event_io_free(peer.io);
		peer.io = NULL;
		len = 0;
		return;
	}
	len += (size_t)n;
	line[len] = '\0';
	while (peer.fd >= 0 && (end = strchr(line, '\n'))) {
		*end = '\0';
		on_line(line);
		len -= (size_t)(end + 1 - line);
		memmove(line, end + 1, len + 1);
	}
	if (peer.fd < 0)
		len = 0;
}

static void on_done(void *arg UNUSED, int status, const char *text)
{
	peer.done = true;
	peer.status = status;
	(void)snprintf(peer.text, sizeof(peer.text), "%s", text);
	event_loop_quit(peer.loop, 0);
}

static struct qmp *qmp;

static void on_closed(void *arg UNUSED, int code UNUSED,
		      const char *text UNUSED)
{
	qemu_resize_cancel(&vm);
	qmp_free(qmp);
	qmp = NULL;
	event_loop_quit(peer.loop, 0);
}

static void on_ready(void *arg UNUSED)
{
}

static void on_event(void *arg UNUSED, const char *name UNUSED,
		     struct json_object *data UNUSED)
{
}

static const struct qmp_callbacks callbacks = {on_ready, on_event, on_closed};

static void open_vm(const char *arch, const char *machine, bool kvm,
		    enum fault fault)
{
	static const char greeting[] =
		"{\"QMP\":{\"version\":{\"qemu\":{\"micro\":0,\"minor\":2,"
		"\"major\":7},\"package\":\"\"},\"capabilities\":[]}}\r\n";
	const struct host_facts facts = {.native = kvm, .kvm = kvm};
	int fds[2];

	memset(&peer, 0, sizeof(peer));
	memset(&vm, 0, sizeof(vm));
	vm_spec_init(&spec, arch_find(arch), &facts);
	spec.machine = arch_machine_find(spec.arch, machine);
	spec.vcpus_max = CPUS;
	spec.memory_mib = 1024;
	spec.memory_max_mib = 4096;
	spec.virtio_mem = spec.balloon = true;
	resize_limits(&spec, &vm.limits);
	vm.size = vm.limits.first;
	vm.loop = peer.loop = event_loop_new();
	peer.fault = fault;
	peer.cpus[0] = true;
	peer.balloon = 1024;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
						     SOCK_NONBLOCK, 0, fds), 0);
	peer.fd = fds[0];
	peer.io = event_io_new(peer.loop, fds[0], EPOLLIN, on_readable, NULL);
	assert_int_equal(write(fds[0], greeting, sizeof(greeting) - 1),
			 sizeof(greeting) - 1);
	qmp = qmp_new(peer.loop, fds[1], &callbacks, NULL);
	assert_non_null(qmp);
}

static void close_vm(void)
{
	qemu_resize_cancel(&vm);
	qmp_free(qmp);
	event_io_free(peer.io);
	close_fd(&peer.fd);
	event_loop_free(peer.loop);
}

/* The status of its end. */
static int resize(uint32_t vcpus, uint32_t mib)
{
	const struct vm_size want = {vcpus, mib};
	struct err err = {0};

	peer.done = false;
	peer.commands = 0;
	if (qemu_resize_begin(&vm, qmp, &want, on_done, NULL, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(qemu_resize_begin(&vm, qmp, &want, on_done, NULL,
					   &err), -EBUSY);
	(void)event_loop_run(peer.loop);
	return peer.done ? peer.status : -ECONNRESET;
}

static void expect_size(uint32_t vcpus, uint32_t mib)
{
	assert_int_equal(vm.size.vcpus, vcpus);
	assert_int_equal(vm.size.memory_mib, mib);
}

static void test_plugs_and_unplugs(void **state UNUSED)
{
	open_vm("ppc64le", NULL, true, FAULT_NONE);
	assert_int_equal(resize(3, 1792), 0);
	expect_size(3, 1792);
	assert_true(peer.cpus[1] && peer.cpus[2] && !peer.cpus[3]);
	assert_int_equal(peer.dimms[0] + peer.dimms[1] + peer.dimms[2], 768);
	assert_int_equal(resize(2, 1280), 0);
	expect_size(2, 1280);
	assert_int_equal(resize(1, 700), 0);
	expect_size(1, 700);
	assert_false(peer.cpus[1]);
	assert_int_equal(peer.dimms[0] + peer.dimms[1] + peer.dimms[2], 0);
	assert_int_equal(peer.balloon, 700);
	assert_int_equal(resize(1, 1024), 0);
	expect_size(1, 1024);
	assert_int_equal(peer.balloon, 1024);
	close_vm();
}

/* What the VMM cannot take away, or must not, it leaves to the guest. */
static void test_adds_only(void **state UNUSED)
{
	open_vm("s390x", NULL, true, FAULT_NONE);
	assert_int_equal(resize(3, 1024), 0);
	expect_size(3, 1024);
	assert_int_equal(resize(1, 1024), 0);
	expect_size(3, 1024);
	close_vm();
	open_vm("aarch64", "virt-pci", false, FAULT_NONE);
	assert_int_equal(resize(4, 3072), 0);
	expect_size(1, 3072); /* those that it has are the first's */
	assert_false(peer.cpus[1]);
	assert_int_equal(peer.virtio_mem, 2048);
	assert_int_equal(resize(1, 1024), 0);
	assert_int_equal(peer.virtio_mem, 0);
	close_vm();
}

static void test_balloon_makes_up(void **state UNUSED)
{
	open_vm("ppc64le", NULL, false, FAULT_KEEPS);
	assert_int_equal(resize(1, 1536), 0);
	assert_int_equal(resize(1, 1024), 0);
	expect_size(1, 1024);
	assert_int_equal(peer.dimms[0] + peer.dimms[1], 512);
	assert_int_equal(peer.balloon, 1024); /* of 1536 */
	close_vm();
}

static void test_refusals(void **state UNUSED)
{
	open_vm("ppc64le", NULL, true, FAULT_REFUSES);
	assert_int_equal(resize(2, 1536), -EBUSY);
	expect_size(1, 1024);
	assert_non_null(strstr(peer.text, "1024 instead of 1536 MiB"));
	assert_non_null(strstr(peer.text, "no room"));
	close_vm();
}

/* A QEMU that a guest has taken over: it comes to an end all the same. */
static void test_hostile(void **state UNUSED)
{
	open_vm("ppc64le", NULL, true, FAULT_LIES);
	assert_int_equal(resize(2, 1536), -EPROTO);
	assert_true(peer.commands > 1000 && peer.commands < 10000);
	close_vm();
	open_vm("s390x", NULL, true, FAULT_NONSENSE);
	assert_int_equal(resize(2, 1024), -EBUSY);
	assert_true(vm.size.memory_mib <= 1024);
	close_vm();
	open_vm("s390x", NULL, true, FAULT_ENDS);
	assert_int_equal(resize(1, 512), -ECONNRESET);
	assert_null(vm.resize_op);
	close_vm();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plugs_and_unplugs),
		cmocka_unit_test(test_adds_only),
		cmocka_unit_test(test_balloon_makes_up),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
