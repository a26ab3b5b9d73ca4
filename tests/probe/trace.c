// SPDX-License-Identifier: Apache-2.0
/* Probes of what looks into the kernel. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_xdp.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "net.h"
#include "probe.h"

#define TRACE "/sys/kernel/tracing/"

static int tracefs(void)
{
	if (mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL) < 0 &&
	    errno != EBUSY)
		return fail("mount tracefs: %m");
	return 0;
}

/* A system call that the traced functions are of. */
static void poke(void)
{
	(void)access("/proc/version", R_OK);
	close(open("/proc/version", O_RDONLY | O_CLOEXEC));
	sched_yield();
}

static int ftrace(void)
{
	if (tracefs() < 0)
		return -1;
	if (write_text(TRACE "set_ftrace_filter", "vfs_open") < 0)
		return fail("filter: %m");
	if (write_text(TRACE "current_tracer", "function") < 0)
		return fail("function tracer: %m");
	poke();
	(void)write_text(TRACE "tracing_on", "0");
	if (!file_has(TRACE "trace", "vfs_open <-"))
		return fail("the function is not in the trace");
	(void)write_text(TRACE "tracing_on", "1");
	if (write_text(TRACE "current_tracer", "function_graph") < 0)
		return fail("graph tracer: %m");
	poke();
	if (!file_has(TRACE "trace", "vfs_open"))
		return fail("the function is not in the graph");
	(void)write_text(TRACE "current_tracer", "nop");
	if (write_text(TRACE "events/syscalls/sys_enter_sched_yield/enable",
		       "1") < 0)
		return fail("event of a system call: %m");
	poke();
	(void)write_text(TRACE "events/syscalls/sys_enter_sched_yield/enable",
			 "0");
	note("a function, its graph and a system call were traced");
	return file_has(TRACE "trace", "sys_sched_yield") ? 0 :
	       fail("the system call is not in the trace");
}

static int kprobes(void)
{
	if (tracefs() < 0)
		return -1;
	if (write_text(TRACE "kprobe_events", "p:kiln vfs_open") < 0)
		return fail("set a probe: %m");
	if (write_text(TRACE "events/kprobes/kiln/enable", "1") < 0)
		return fail("enable the probe: %m");
	poke();
	(void)write_text(TRACE "events/kprobes/kiln/enable", "0");
	if (!file_has(TRACE "trace", "kiln: (vfs_open"))
		return fail("it was not hit");
	if (access(TRACE "uprobe_events", W_OK) < 0)
		return fail("uprobes: %m");
	note("a probe on vfs_open was hit");
	return 0;
}

static int bpf_call(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int map_new(uint32_t type, uint32_t key, uint32_t value)
{
	union bpf_attr a = {
		.map_type = type,
		.key_size = key,
		.value_size = value,
		.max_entries = 1,
	};

	return bpf_call(BPF_MAP_CREATE, &a);
}

/* A program that adds 1 to the first element of MAP. */
static int counter(uint32_t type, int map)
{
	struct bpf_insn code[] = {
		/* r2 = fp - 4; *(u32 *)r2 = 0 */
		{ BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0 },
		{ BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4 },
		/* r1 = map */
		{ BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map },
		{ 0, 0, 0, 0, 0 },
		{ BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem },
		/* if (r0) lock *(u64 *)r0 += 1 */
		{ BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 1 },
		{ BPF_STX | BPF_ATOMIC | BPF_DW, 0, 1, 0, BPF_ADD },
		{ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};
	static char log[65536];
	union bpf_attr a = {
		.prog_type = type,
		.insns = (uintptr_t)code,
		.insn_cnt = sizeof(code) / sizeof(*code),
		.license = (uintptr_t)"GPL",
		.log_buf = (uintptr_t)log,
		.log_size = sizeof(log),
		.log_level = 1,
	};

	return bpf_call(BPF_PROG_LOAD, &a);
}

/* Attaches a program to the tracepoint of sched_yield's scheduler. */
static int attach(int program)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.sample_period = 1,
	};
	char id[16];
	int fd;

	if (read_text(TRACE "events/sched/sched_process_fork/id", id,
		      sizeof(id)) < 0)
		return fail("tracepoint: %m");
	attr.config = strtoull(id, NULL, 10);
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0);
	if (fd < 0)
		return fail("perf event: %m");
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, program) < 0 ||
	    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) < 0)
		return fail("attach: %m");
	return 0;
}

static int bpf(void)
{
	int map = map_new(BPF_MAP_TYPE_ARRAY, 4, 8), program;
	uint32_t zero = 0;
	uint64_t count = 0;
	union bpf_attr look = {
		.key = (uintptr_t)&zero,
		.value = (uintptr_t)&count,
	};

	if (map < 0)
		return fail("map: %m");
	if (tracefs() < 0)
		return -1;
	program = counter(BPF_PROG_TYPE_TRACEPOINT, map);
	if (program < 0)
		return fail("program for tracepoints: %m");
	if (attach(program) < 0)
		return -1;
	for (int i = 0; i < 3; i++)
		if (fork() == 0)
			_exit(0);
	usleep(100000);
	look.map_fd = (uint32_t)map;
	if (bpf_call(BPF_MAP_LOOKUP_ELEM, &look) < 0 || count < 3)
		return fail("it counted %llu of 3 forks",
			    (unsigned long long)count);
	if (counter(BPF_PROG_TYPE_KPROBE, map) < 0)
		return fail("program for kprobes: %m");
	if (socket(AF_XDP, SOCK_RAW, 0) < 0)
		return fail("AF_XDP: %m");
	if (map_new(BPF_MAP_TYPE_SOCKMAP, 4, 4) < 0)
		return fail("socket map: %m");
	(void)mount("securityfs", "/sys/kernel/security", "securityfs", 0,
		    NULL);
	if (!file_has("/sys/kernel/security/lsm", "bpf"))
		return fail("BPF is no security module here");
	note("a program counted forks; AF_XDP, socket maps, BPF LSM");
	return 0;
}

static int debug(void)
{
	char text[64];

	if (mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL) < 0 &&
	    errno != EBUSY)
		return fail("mount debugfs: %m");
	if (access("/proc/dynamic_debug/control", R_OK) < 0)
		return fail("dynamic debug: %m");
	if (!file_has("/proc/kallsyms", " vfs_open"))
		return fail("no symbols in kallsyms");
	if (write_text("/proc/sysrq-trigger", "m") < 0)
		return fail("SysRq: %m");
	if (!log_has("Mem-Info:"))
		return fail("SysRq wrote nothing to the log");
	if (read_text("/proc/self/stack", text, sizeof(text)) < 0 || !*text)
		return fail("no stack trace: %m");
	if (access("/proc/sys/kernel/hung_task_timeout_secs", R_OK) < 0)
		return fail("hung task detector: %m");
	note("symbols, stacks, debugfs, SysRq, dynamic debug");
	return 0;
}

static int ikconfig(void)
{
	unsigned char head[4096];
	int fd = open("/proc/config.gz", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, head, sizeof(head)) != sizeof(head))
		return fail("/proc/config.gz: %m");
	return head[0] == 0x1f && head[1] == 0x8b ? 0 :
	       fail("/proc/config.gz is no gzip file");
}

static int ksm(void)
{
	size_t size = (size_t)1 << 20;
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), pages[16] = "0";

	memset(at, 0x42, size);
	if (madvise(at, size, MADV_MERGEABLE) < 0)
		return fail("MADV_MERGEABLE: %m");
	(void)write_text("/sys/kernel/mm/ksm/sleep_millisecs", "5");
	(void)write_text("/sys/kernel/mm/ksm/pages_to_scan", "2000");
	if (write_text("/sys/kernel/mm/ksm/run", "1") < 0)
		return fail("run: %m");
	for (int i = 0; i < 200 && atoi(pages) < 200; i++) {
		usleep(100000);
		(void)read_text("/sys/kernel/mm/ksm/pages_sharing", pages,
				sizeof(pages));
	}
	(void)write_text("/sys/kernel/mm/ksm/run", "2");
	if (access("/sys/kernel/mm/damon/admin", F_OK) < 0)
		return fail("DAMON: %m");
	note("%s of 256 equal pages merged", pages);
	return atoi(pages) >= 200 ? 0 : fail("%s pages merged", pages);
}

/* What ss(8) and criu(8) ask: a listening socket by netlink. */
static int diagnose(uint16_t port)
{
	struct inet_diag_req_v2 q = {
		.sdiag_family = AF_INET,
		.sdiag_protocol = IPPROTO_TCP,
		.idiag_states = 1 << 10,	/* TCP_LISTEN */
	};
	const struct inet_diag_msg *m;
	struct nl nl;

	if (nl_open(&nl, NETLINK_SOCK_DIAG) < 0)
		return fail("netlink: %m");
	nl_begin(&nl, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &q, sizeof(q));
	if (nl_call(&nl) < 0 || !nl.reply)
		return fail("list sockets by netlink: %m");
	m = NLMSG_DATA(nl.reply);
	return ntohs(m->id.idiag_sport) == port ? 0 :
	       fail("the socket is not listed");
}

static int criu(void)
{
	unsigned int size = 0;
	uint16_t port;

	/* PR_SET_MM_MAP_SIZE: musl's header lacks it. */
	if (prctl(PR_SET_MM, 15, &size, 0, 0) < 0 || !size)
		return fail("PR_SET_MM: %m");
	if (access("/proc/sys/kernel/ns_last_pid", R_OK) < 0)
		return fail("ns_last_pid: %m");
	if (syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 0) != 0)
		return fail("kcmp: %m");
	return tcp_listen(&port) < 0 ? -1 : diagnose(port);
}

const struct probe probes_trace[] = {
	{ "ftrace", ftrace },
	{ "kprobes", kprobes },
	{ "bpf", bpf },
	{ "debug", debug },
	{ "ikconfig", ikconfig },
	{ "ksm", ksm },
	{ "criu", criu },
	{ NULL, NULL },
};
