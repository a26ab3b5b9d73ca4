// SPDX-License-Identifier: Apache-2.0
/*
 * agent-drive SOCKET [TAG]: speaks to the agent of a virtual machine by the
 * unix socket of its virtio-serial port, and runs a container from the 9p share
 * TAG, or from /rootfs of its initial ramdisk. For trying an agent by hand.
 * STORAGE=<driver>,<source>,<file system> takes the root from that storage;
 * SCRIPT= is what to run; KEEP= lets the VM live, AGAIN= is for its next host.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"

#define SHARE "/run/kata-containers/shared/containers/c1/rootfs"

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), i;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	for (i = 0; i < 1200; i++) {
		if (connect(fd, (struct sockaddr *)&address,
			    sizeof(address)) == 0)
			return fd;
		(void)usleep(50000);
	}
	return -1;
}

static uint64_t started;

static void say(const char *what, int code)
{
	printf("%6llu ms %-14s %d %s\n",
	       (unsigned long long)(event_now_ms() - started), what, code,
	       code ? client_text : "");
	(void)fflush(stdout);
}

static void run(struct client *c, const char *id, struct spec *s,
		Grpc__Storage **storages, size_t n)
{
	char *text;
	int code = client_create(c, id, s, storages, n);

	say("create", code);
	if (code)
		return;
	say("start", client_start_container(c, id));
	(void)client_write(c, id, "", "input\n", 6);
	(void)client_close_stdin(c, id, "");
	text = client_read_all(c, id, "", false, NULL);
	printf("stdout: %s", text ? text : "(none)\n");
	free(text);
	text = client_read_all(c, id, "", true, NULL);
	printf("stderr: %s\n", text ? text : "(none)");
	free(text);
	say("wait", client_wait_process(c, id, ""));
	say("remove", client_remove(c, id));
}

/* What differs between kernels and byte orders: a terminal, a filter of system
 * calls, limits, and the agent's own memory. */
static void run_more(struct client *c, const char *rootfs,
		     Grpc__Storage **storages, size_t n)
{
	static char command[] =
		"stty size; tty; mkdir /tmp/x; cat /sys/fs/cgroup/memory.max "
		"/sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.weight; "
		"grep -E '^(Vm(RSS|HWM)|Rss)' /agent/1/status; "
		"grep Seccomp /proc/self/status; exit 5";
	Grpc__Box box = GRPC__BOX__INIT;
	Grpc__LinuxSeccomp filter = GRPC__LINUX_SECCOMP__INIT;
	Grpc__LinuxSyscall call = GRPC__LINUX_SYSCALL__INIT, *calls[] = {&call};
	Grpc__LinuxMemory memory = GRPC__LINUX_MEMORY__INIT;
	Grpc__LinuxCPU cpu = GRPC__LINUX_CPU__INIT;
	Grpc__LinuxPids pids = GRPC__LINUX_PIDS__INIT;
	char allow[] = "SCMP_ACT_ALLOW", deny[] = "SCMP_ACT_ERRNO";
	char mkdir_[] = "mkdir", mkdirat_[] = "mkdirat", cgroup[] = "cgroup";
	char *names[] = {mkdir_, mkdirat_};
	static struct spec s;
	size_t i;

	spec_init(&s, rootfs, command);
	i = s.linux_part.n_namespaces++;
	grpc__linux_namespace__init(&s.ns[i]);
	s.ns[i].type = cgroup;
	s.ns_list[i] = &s.ns[i];
	spec_mount(&s, "/sys/fs/cgroup", "cgroup", "cgroup", "ro");
	spec_mount(&s, "/agent", "bind", "/proc", "rbind,ro");
	box.height = 12;
	box.width = 34;
	s.process.terminal = 1;
	s.process.consolesize = &box;
	filter.defaultaction = allow;
	filter.syscalls = calls;
	filter.n_syscalls = 1;
	call.names = names;
	call.n_names = 2;
	call.action = deny;
	s.linux_part.seccomp = &filter;
	memory.limit = 32 << 20;
	cpu.shares = 1024;
	pids.limit = 50;
	s.resources.memory = &memory;
	s.resources.cpu = &cpu;
	s.resources.pids = &pids;
	run(c, "c2", &s, storages, n);
}

int main(int argc, char **argv)
{
	Grpc__CheckRequest check = GRPC__CHECK_REQUEST__INIT;
	Grpc__Storage storage = GRPC__STORAGE__INIT, *storages[] = {&storage};
	Grpc__DestroySandboxRequest destroy =
		GRPC__DESTROY_SANDBOX_REQUEST__INIT;
	char driver[] = "9p", point[] = SHARE;
	char options[] = "trans=virtio,version=9p2000.L,msize=262144", *option;
	static struct spec s;
	struct client c;
	bool share = argc > 2;
	const char *script = getenv("SCRIPT");
	char *words = getenv("STORAGE");
	int fd;

	fd = argc > 1 ? connect_to(argv[1]) : -1;
	if (fd < 0 || client_open(&c, fd) < 0) {
		(void)fprintf(stderr, "agent-drive: no agent\n");
		return EXIT_FAILURE;
	}
	started = event_now_ms();
	c.timeout_ms = 120000;
	say("health", client_call(&c, "Check", &check.base,
				  &grpc__health_check_response__descriptor,
				  NULL));
	if (!getenv("AGAIN"))
		say("sandbox", client_create_sandbox(&c));
	option = options;
	storage.driver = driver;
	storage.mount_point = point;
	storage.source = share ? argv[2] : driver;
	storage.options = &option;
	storage.n_options = 1;
	if (words) {
		storage.driver = strsep(&words, ",");
		storage.source = strsep(&words, ",");
		storage.fstype = strsep(&words, ",");
		storage.n_options = 0;
		share = storage.source && storage.fstype;
	}
	spec_init(&s, share ? SHARE : "/rootfs",
		  script ? script
			 : "echo hello from $(uname -m) pid $$; id; cat; "
			   "cat /proc/1/cgroup; ls -l /dev; mount; "
			   "hostname; ls /; ls -l /proc/1/fd; exit 7");
	spec_mount(&s, "/sys/fs/cgroup", "cgroup", "cgroup", "ro");
	run(&c, "c1", &s, storages, share);
	run_more(&c, share ? SHARE : "/rootfs", storages, share);
	if (!getenv("KEEP"))
		say("destroy", client_call(&c, "DestroySandbox", &destroy.base,
					   &grpc__empty__descriptor, NULL));
	client_close(&c);
	return EXIT_SUCCESS;
}
