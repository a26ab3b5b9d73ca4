// SPDX-License-Identifier: Apache-2.0
/*
 * What the agent does beyond running a process: limits and events of cgroups,
 * mounts with a twist, clocks, volumes, metrics, its policy. On this host, or,
 * with KILN_AGENT_SOCKET, in a guest, where all of it can be seen.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "harness.h"
#include "os/io.h"
#include "proto/csi.pb-c.h"

static Grpc__Spec__AnnotationsEntry notes[4], *note_list[4];

static void annotate(const char *key, const char *value)
{
	size_t i = S.spec.n_annotations++;

	grpc__spec__annotations_entry__init(&notes[i]);
	notes[i].key = STR(key);
	notes[i].value = STR(value);
	note_list[i] = &notes[i];
	S.spec.annotations = note_list;
}

static void test_metrics(void **state UNUSED)
{
	static const char *const families[] = {
		"kata_agent_scrape_count ", "kata_agent_threads 1.00\n",
		"kata_agent_total_time ", "kata_agent_total_vm ",
		"kata_agent_total_rss ", "kata_agent_proc_status{",
		"kata_agent_io_stat{", "kata_agent_proc_stat{",
		"kata_guest_load{item=\"load1\"} ", "kata_guest_tasks{",
		"kata_guest_cpu_time{cpu=\"total\",item=\"user\"} ",
		"kata_guest_vm_stat{", "kata_guest_netdev_stat{interface=\"lo\"",
		"kata_guest_meminfo{item=\"MemTotal\"} ",
		"kata_guest_filesystem_bytes{mount_point=\"/\"",
		"kata_guest_filesystem_inodes{",
	};
	Grpc__GetMetricsRequest rq = GRPC__GET_METRICS_REQUEST__INIT;
	ProtobufCMessage *m;
	size_t i;

	ok(client_call(C, "GetMetrics", &rq.base, &grpc__metrics__descriptor,
		       &m));
	for (i = 0; i < ARRAY_SIZE(families); i++)
		if (!strstr(((Grpc__Metrics *)m)->metrics, families[i]))
			fail_msg("no %s", families[i]);
	proto_free(m);
}

static void test_mem_agent(void **state UNUSED)
{
	Grpc__MemAgentCompactConfig rq = GRPC__MEM_AGENT_COMPACT_CONFIG__INIT;

	assert_int_equal(call("MemAgentCompactSet", &rq.base),
			 TTRPC_UNIMPLEMENTED);
}

static void test_mem_probe(void **state UNUSED)
{
	Grpc__MemHotplugByProbeRequest rq =
		GRPC__MEM_HOTPLUG_BY_PROBE_REQUEST__INIT;
	uint64_t many[2000] = {0};

	rq.memhotplugprobeaddr = many;
	rq.n_memhotplugprobeaddr = ARRAY_SIZE(many);
	assert_int_equal(call("MemHotplugByProbe", &rq.base),
			 TTRPC_INVALID_ARGUMENT);
}

static void test_swap(void **state UNUSED)
{
	static const char *const bad[] = {"", "/etc/passwd", "/dev/../etc/x",
					  "/dev/", "/dev/shm/x"};
	Grpc__AddSwapPathRequest path = GRPC__ADD_SWAP_PATH_REQUEST__INIT;
	Grpc__AddSwapRequest pci = GRPC__ADD_SWAP_REQUEST__INIT;
	uint32_t slots[20] = {31, 0};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		path.path = STR(bad[i]);
		assert_int_equal(call("AddSwapPath", &path.base),
				 TTRPC_INVALID_ARGUMENT);
	}
	path.path = STR("/dev/null");
	assert_int_equal(call("AddSwapPath", &path.base),
			 TTRPC_INVALID_ARGUMENT);
	assert_int_equal(call("AddSwap", &pci.base), TTRPC_INVALID_ARGUMENT);
	pci.pcipath = slots;
	pci.n_pcipath = 20;
	assert_int_equal(call("AddSwap", &pci.base), TTRPC_INVALID_ARGUMENT);
	slots[0] = UINT32_MAX;
	pci.n_pcipath = 1;
	assert_int_equal(call("AddSwap", &pci.base), TTRPC_INVALID_ARGUMENT);
	slots[0] = 31; /* never comes */
	assert_int_equal(call("AddSwap", &pci.base), TTRPC_DEADLINE_EXCEEDED);
	assert_non_null(strstr(client_text, "1f"));
}

static void test_iptables(void **state UNUSED)
{
	Grpc__GetIPTablesRequest get = GRPC__GET_IPTABLES_REQUEST__INIT;
	Grpc__SetIPTablesRequest set = GRPC__SET_IPTABLES_REQUEST__INIT;
	static uint8_t noise[100000];
	int code = client_call(C, "GetIPTables", &get.base,
			       &grpc__get_iptables_response__descriptor, NULL);

	/* The image has the programs and they can do it, or an error says why. */
	if (code)
		assert_non_null(strstr(client_text, "iptables"));
	memset(noise, 0xff, sizeof(noise));
	set.data.data = noise;
	set.data.len = sizeof(noise);
	set.is_ipv6 = 1;
	assert_int_not_equal(
		client_call(C, "SetIPTables", &set.base,
			    &grpc__set_iptables_response__descriptor, NULL), 0);
	assert_non_null(strstr(client_text, "tables"));
}

static void test_volumes(void **state UNUSED)
{
	Grpc__UpdateEphemeralMountsRequest up =
		GRPC__UPDATE_EPHEMERAL_MOUNTS_REQUEST__INIT;
	Grpc__VolumeStatsRequest stats = GRPC__VOLUME_STATS_REQUEST__INIT;
	Grpc__ResizeVolumeRequest size = GRPC__RESIZE_VOLUME_REQUEST__INIT;
	Grpc__Storage s = GRPC__STORAGE__INIT, *list[] = {&s};
	char point[200], *option = STR("size=1m");
	Grpc__VolumeStatsResponse *rs;
	ProtobufCMessage *m;

	NEED_ROOT();
	(void)snprintf(point, sizeof(point), "%s/vol/v", host.root);
	s.driver = STR("ephemeral");
	s.mount_point = point;
	s.options = &option;
	s.n_options = 1;
	spec_init(&S, host.rootfs, "read x; df -k /vol | grep -c 4096");
	spec_mount(&S, "/vol", "bind", point, "rbind");
	ok(client_create(C, "c", &S, list, 1));
	ok(client_start_container(C, "c"));
	stats.volume_guest_path = size.volume_guest_path = point;
	ok(client_call(C, "GetVolumeStats", &stats.base,
		       &grpc__volume_stats_response__descriptor, &m));
	rs = (Grpc__VolumeStatsResponse *)m;
	assert_int_equal(rs->n_usage, 2);
	assert_int_equal(rs->usage[0]->unit, GRPC__VOLUME_USAGE__UNIT__BYTES);
	assert_int_equal(rs->usage[0]->total, 1 << 20);
	proto_free(m);
	up.storages = list;
	up.n_storages = 1;
	option = STR("size=2m");
	ok(call("UpdateEphemeralMounts", &up.base));
	option = STR("nonsense=1");
	assert_int_not_equal(call("UpdateEphemeralMounts", &up.base), 0);
	size.size = 4 << 20;
	ok(call("ResizeVolume", &size.base));
	ok(client_write(C, "c", "", "\n", 1));
	ok(client_close_stdin(C, "c", ""));
	expect("", false, "1\n");
	end(0);
	assert_int_equal(call("UpdateEphemeralMounts", &up.base),
			 TTRPC_NOT_FOUND);
	s.mount_point = STR("/etc/../..");
	assert_int_equal(call("UpdateEphemeralMounts", &up.base),
			 TTRPC_NOT_FOUND);
	size.volume_guest_path = STR("/proc");
	assert_int_equal(call("ResizeVolume", &size.base),
			 TTRPC_UNIMPLEMENTED);
	size.volume_guest_path = STR("a/../b");
	assert_int_equal(call("ResizeVolume", &size.base),
			 TTRPC_INVALID_ARGUMENT);
	stats.volume_guest_path = STR("/none/such");
	assert_int_equal(
		client_call(C, "GetVolumeStats", &stats.base,
			    &grpc__volume_stats_response__descriptor, NULL),
		TTRPC_NOT_FOUND);
}

/* An image that is shared and not to be written to, with a layer over it. */
static void test_layers(void **state UNUSED)
{
	Grpc__Storage s[3], *list[] = {&s[0], &s[1], &s[2]};
	char point[3][200], options[700], *option = options, make[2][300];
	char *wanted[] = {make[0], make[1]};
	size_t i;

	NEED_ROOT();
	for (i = 0; i < 3; i++) {
		grpc__storage__init(&s[i]);
		(void)snprintf(point[i], sizeof(point[i]), "%s/layer/%zu",
			       host.root, i);
		s[i].mount_point = point[i];
		s[i].driver = STR("ephemeral");
	}
	if (getenv("KILN_SHARE")) {
		s[0].driver = STR("virtio-fs");
		s[0].source = getenv("KILN_SHARE");
	}
	for (i = 0; i < 2; i++)
		(void)snprintf(make[i], sizeof(make[i]),
			       "io.katacontainers.volume.overlayfs."
			       "create_directory=%s/%s", point[1],
			       i ? "work" : "upper");
	(void)snprintf(options, sizeof(options),
		       "lowerdir=%s,upperdir=%s/upper,workdir=%s/work",
		       point[0], point[1], point[1]);
	s[2].driver = STR("overlayfs");
	s[2].options = &option;
	s[2].n_options = 1;
	s[2].driver_options = wanted;
	s[2].n_driver_options = 2;
	spec_init(&S, host.rootfs, "echo x >/all/new && cat /up/upper/new; "
				   "ls /low | grep -c new; cat /low/shared "
				   "2>/dev/null; mount | grep -c virtiofs");
	spec_mount(&S, "/low", "bind", point[0], "bind");
	spec_mount(&S, "/up", "bind", point[1], "bind");
	spec_mount(&S, "/all", "bind", point[2], "bind");
	ok(client_create(C, "c", &S, list, 3));
	ok(client_start_container(C, "c"));
	expect("", false, getenv("KILN_SHARE") ? "x\n0\nof the host\n1\n"
					       : "x\n0\n0\n");
	(void)client_wait_process(C, "c", "");
	ok(client_remove(C, "c"));
	(void)snprintf(make[0], sizeof(make[0]),
		       "io.katacontainers.volume.overlayfs.create_directory="
		       "/etc/made");
	assert_int_equal(client_create(C, "c", &S, list, 3),
			 TTRPC_INVALID_ARGUMENT);
}

/* A shell for who debugs, on a port of its own. */
static void test_console(void **state UNUSED)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *path = getenv("KILN_CONSOLE_SOCKET");
	char text[4096];
	size_t n = 0;
	int fd, i;

	NEED(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address,
				 sizeof(address)), 0);
	(void)usleep(1000000);
	assert_int_equal(write(fd, "echo $((6*7))@\n", 15), 15);
	for (i = 0; i < 300; i++) {
		ssize_t got = read(fd, text + n, sizeof(text) - n - 1);

		n += got > 0 ? (size_t)got : 0;
		text[n] = '\0';
		if (strstr(text, "42@"))
			break;
		(void)usleep(100000);
	}
	(void)close(fd);
	assert_non_null(strstr(text, "42@"));
}

static void test_stale_shares(void **state UNUSED)
{
	Grpc__RemoveStaleVirtiofsShareMountsRequest rq =
		GRPC__REMOVE_STALE_VIRTIOFS_SHARE_MOUNTS_REQUEST__INIT;

	ok(call("RemoveStaleVirtiofsShareMounts", &rq.base));
}

static int diagnose(const char *type, const char *id, ProtobufCMessage **m)
{
	Grpc__GetDiagnosticDataRequest rq =
		GRPC__GET_DIAGNOSTIC_DATA_REQUEST__INIT;

	rq.log_type = STR(type);
	rq.container_id = STR(id);
	return client_call(C, "GetDiagnosticData", &rq.base,
			   &grpc__get_diagnostic_data_response__descriptor, m);
}

static void test_diagnostics(void **state UNUSED)
{
	ProtobufCMessage *m;

	NEED_BUSYBOX();
	assert_int_equal(diagnose("wishes", "c", NULL), TTRPC_INVALID_ARGUMENT);
	assert_int_equal(diagnose("termination_log", "c", NULL),
			 TTRPC_NOT_FOUND);
	spec_init(&S, host.rootfs, "printf 'bye\\377' >/tmp/last");
	annotate("io.kubernetes.container.terminationMessagePath", "/tmp/last");
	run(NULL);
	assert_int_equal(client_wait_process(C, "c", ""), 0);
	ok(diagnose("termination_log", "c", &m));
	assert_string_equal(((Grpc__GetDiagnosticDataResponse *)m)->data,
			    "bye?");
	proto_free(m);
	end(0);
	/* Not a file, and a link that would lead out of the image. */
	spec_init(&S, host.rootfs, "rm /tmp/last; ln -s /proc/1/environ "
				   "/tmp/last");
	annotate("io.kubernetes.container.terminationMessagePath", "/tmp/last");
	run(NULL);
	assert_int_equal(client_wait_process(C, "c", ""), 0);
	assert_int_equal(diagnose("termination_log", "c", NULL),
			 TTRPC_NOT_FOUND);
	end(0);
	spec_init(&S, host.rootfs, "rm /tmp/last");
	run(NULL);
	end(0);
}

static int set_policy(struct client *c, const char *text)
{
	Grpc__SetPolicyRequest rq = GRPC__SET_POLICY_REQUEST__INIT;

	rq.policy = STR(text);
	return client_call(c, "SetPolicy", &rq.base, &grpc__empty__descriptor,
			   NULL);
}

static void test_policy(void **state UNUSED)
{
	static const char *const bad[] = {
		"allow", "permit X", "default maybe", "allow NoSuchCall",
		"allow ExecProcess process.Nose=x", "deny * process=x",
		"allow ExecProcess process.Args=x", "allow ExecProcess =x",
		"allow ExecProcess process.Args[x]=1",
		"deny ExecProcess process.User[0].UID=0",
		"deny ExecProcess process=x",
	};
	Grpc__CheckRequest check = GRPC__CHECK_REQUEST__INIT;
	struct client own;
	pid_t pid;
	size_t i;
	int fd;

	fd = raw_agent(&pid);
	assert_int_equal(client_open(&own, fd), 0);
	ok(client_create_sandbox(&own));
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(set_policy(&own, bad[i]),
				 TTRPC_INVALID_ARGUMENT);
	ok(set_policy(&own, "# the rules\n"
			    "default deny\n"
			    "allow SetPolicy\n"
			    "deny CreateContainer OCI.Process.User.UID=0 "
			    "OCI.Process.Args[*]=\"ls *\"\n"
			    "allow CreateContainer OCI.Process.Args[0]!=evil\n"
			    "allow Remove* \n"));
	ok(client_call(&own, "Check", &check.base,
		       &grpc__health_check_response__descriptor, NULL));
	assert_int_equal(client_start_container(&own, "c"),
			 TTRPC_PERMISSION_DENIED);
	assert_non_null(strstr(client_text, "StartContainer is not allowed"));
	assert_int_equal(client_remove(&own, "c"), TTRPC_NOT_FOUND);
	spec_init(&S, host.rootfs, "ls -l");
	assert_int_equal(client_create(&own, "c", &S, NULL, 0),
			 TTRPC_PERMISSION_DENIED);
	assert_non_null(strstr(client_text, "line 4"));
	S.args[0] = STR("evil");
	S.process.n_args = 1;
	assert_int_equal(client_create(&own, "c", &S, NULL, 0),
			 TTRPC_PERMISSION_DENIED);
	S.spec.process = NULL; /* nothing is no evil, but no process either */
	assert_int_equal(client_create(&own, "c", &S, NULL, 0),
			 TTRPC_INVALID_ARGUMENT);
	ok(set_policy(&own, "default deny"));
	assert_int_equal(set_policy(&own, ""), TTRPC_PERMISSION_DENIED);
	client_close(&own);
	end_raw(-1, pid);
}

static void test_copy_up(void **state UNUSED)
{
	NEED_BUSYBOX();
	spec_init(&S, host.rootfs, "cat /etc/passwd | head -n1; echo x >/etc/y "
				   "&& ls /etc; ls -l /etc | grep -c ' y$'");
	spec_mount(&S, "/etc", "tmpfs", "tmpfs", "tmpcopyup,size=1m");
	run(NULL);
	expect("", true, "");
	{
		char *text = client_read_all(C, "c", "", false, NULL);

		assert_non_null(strstr(text, "root:x:0:0:"));
		assert_non_null(strstr(text, "passwd\ny\n1\n"));
		free(text);
	}
	end(0);
	spec_init(&S, host.rootfs, "ls /etc/y");
	run(NULL);
	end(1); /* the image has none of it */
}

static void test_propagation(void **state UNUSED)
{
	NEED_ROOT();
	spec_init(&S, host.rootfs,
		  "grep ' / / ' /proc/self/mountinfo | grep -c shared:; "
		  "grep ' /rootfs / ' /proc/self/mountinfo | grep -c shared:");
	S.linux_part.rootfspropagation = STR("shared");
	run(NULL);
	{
		char *text = client_read_all(C, "c", "", false, NULL);

		assert_non_null(strchr(text, '1'));
		free(text);
	}
	assert_true(client_wait_process(C, "c", "") < 2);
	ok(client_remove(C, "c"));
	S.linux_part.rootfspropagation = STR("sideways");
	assert_int_equal(client_create(C, "c", &S, NULL, 0),
			 TTRPC_INVALID_ARGUMENT);
}

static void test_idmap(void **state UNUSED)
{
	char point[200];
	Grpc__Storage s = GRPC__STORAGE__INIT, *list[] = {&s};
	size_t i;
	char key[2][64];

	NEED_ROOT();
	(void)snprintf(point, sizeof(point), "%s/vol/map", host.root);
	s.driver = STR("ephemeral");
	s.mount_point = point;
	spec_init(&S, host.rootfs, "touch /a/f; ls -ln /a/f | grep -c "
				   "'1000 *1000'; ls -ln /b/f | grep -c "
				   "' 0 *0 '");
	S.user.uid = S.user.gid = 1000;
	spec_mount(&S, "/a", "bind", point, "bind");
	i = S.spec.n_mounts - 1;
	(void)snprintf(key[0], sizeof(key[0]), "io.kiln.spec.mount.%zu.uidmap",
		       i);
	(void)snprintf(key[1], sizeof(key[1]), "io.kiln.spec.mount.%zu.gidmap",
		       i);
	annotate(key[0], "0:1000:1");
	annotate(key[1], "0:1000:1");
	spec_mount(&S, "/b", "bind", point, "bind");
	ok(client_create(C, "c", &S, list, 1));
	ok(client_start_container(C, "c"));
	expect("", true, "");
	expect("", false, "1\n1\n");
	end(0);
	notes[0].value = STR("0:1000");
	assert_int_equal(client_create(C, "c", &S, list, 1),
			 TTRPC_INVALID_ARGUMENT);
	notes[0].value = STR("0:1000:99999999999");
	assert_int_equal(client_create(C, "c", &S, list, 1),
			 TTRPC_INVALID_ARGUMENT);
}

static void test_process_extras(void **state UNUSED)
{
	NEED_ROOT();
	spec_init(&S, host.rootfs,
		  "uname -m | grep -c 86; [ $(cut -d. -f1 /proc/uptime) -gt "
		  "1000000 ] && echo old; cut -d' ' -f41 /proc/self/stat; "
		  "cut -d' ' -f19 /proc/self/stat");
	annotate("io.kiln.spec.linux.timeoffset.boottime", "2000000:5");
	annotate("io.kiln.spec.process.scheduler",
		 "{\"policy\":\"SCHED_BATCH\",\"nice\":7,\"flags\":"
		 "[\"SCHED_FLAG_RESET_ON_FORK\"]}");
	annotate("io.kiln.spec.process.ioprio", "IOPRIO_CLASS_IDLE:0");
	annotate("io.kiln.spec.linux.personality", "LINUX32");
	run(NULL);
	{
		char *text = client_read_all(C, "c", "", false, NULL);

		assert_non_null(strstr(text, "old\n"));
		free(text);
	}
	ok(client_remove(C, "c"));
	notes[1].value = STR("{\"policy\":\"SCHED_DREAM\"}");
	assert_int_equal(client_create(C, "c", &S, NULL, 0),
			 TTRPC_INVALID_ARGUMENT);
	notes[1].value = STR("{\"policy\":\"SCHED_BATCH\",\"nice\":70}");
	assert_int_equal(client_create(C, "c", &S, NULL, 0),
			 TTRPC_INVALID_ARGUMENT);
	notes[1].value = STR("{\"policy\":\"SCHED_BATCH\"");
	assert_int_equal(client_create(C, "c", &S, NULL, 0),
			 TTRPC_INVALID_ARGUMENT);
}

static void test_notify(void **state UNUSED)
{
	Grpc__LinuxSeccomp f = GRPC__LINUX_SECCOMP__INIT;

	NEED_BUSYBOX();
	spec_init(&S, host.rootfs, "true");
	S.linux_part.seccomp = &f;
	f.defaultaction = STR("SCMP_ACT_NOTIFY");
	assert_int_equal(client_create(C, "c", &S, NULL, 0),
			 TTRPC_UNIMPLEMENTED);
	assert_non_null(strstr(client_text, "listener"));
}

/* A container with no rules has the usual devices, and no disks or memory. */
static void test_devices(void **state UNUSED)
{
	Grpc__LinuxDeviceCgroup d = GRPC__LINUX_DEVICE_CGROUP__INIT;
	Grpc__LinuxDeviceCgroup *list[] = {&d};

	NEED_ROOT();
	NEED(host.has_cgroup);
	spec_init(&S, host.rootfs,
		  "mknod /tmp/dev c 240 77 && head -c1 /tmp/dev 2>&1; "
		  "echo >/dev/null && head -c2 /dev/zero | wc -c; "
		  "rm /tmp/dev");
	S.cap_list[0] = STR("CAP_MKNOD");
	S.caps.bounding = S.caps.permitted = S.caps.effective = S.cap_list;
	S.caps.n_bounding = S.caps.n_permitted = S.caps.n_effective = 1;
	run(NULL);
	expect("", false, "head: /tmp/dev: Operation not permitted\n2\n");
	end(0);
	d.allow = 1;
	d.type = STR("c");
	d.major = 240;
	d.minor = 77;
	d.access = STR("rq");
	S.resources.devices = list;
	S.resources.n_devices = 1;
	assert_int_equal(client_create(C, "c", &S, NULL, 0),
			 TTRPC_INVALID_ARGUMENT);
	d.access = STR("w");
	run(NULL);
	expect("", false, "head: /tmp/dev: Operation not permitted\n2\n");
	end(0);
	d.access = STR("r"); /* there is none of that number */
	run(NULL);
	expect("", false, "head: /tmp/dev: No such device or address\n2\n");
	end(0);
}

static void test_oom(void **state UNUSED)
{
	Grpc__GetOOMEventRequest rq = GRPC__GET_OOMEVENT_REQUEST__INIT;
	Grpc__LinuxMemory memory = GRPC__LINUX_MEMORY__INIT;
	struct answer a;

	client_start(C, &a, "GetOOMEvent", &rq.base,
		     &grpc__oomevent__descriptor);
	assert_false(client_wait(C, &a, 200));
	spec_init(&S, host.rootfs, "x=$(cat /dev/zero | tr '\\0' a)");
	memory.limit = 8 << 20;
	S.resources.memory = &memory;
	run(NULL);
	assert_true(client_wait(C, &a, 60000));
	assert_int_equal(a.code, 0);
	assert_string_equal(((Grpc__OOMEvent *)a.message)->container_id, "c");
	proto_free(a.message);
	ok(client_remove(C, "c"));
}

static void test_statistics(void **state UNUSED)
{
	Grpc__StatsContainerRequest rq = GRPC__STATS_CONTAINER_REQUEST__INIT;
	Grpc__UpdateContainerRequest up = GRPC__UPDATE_CONTAINER_REQUEST__INIT;
	Grpc__LinuxResources res = GRPC__LINUX_RESOURCES__INIT;
	Grpc__LinuxMemory memory = GRPC__LINUX_MEMORY__INIT;
	Grpc__LinuxPids pids = GRPC__LINUX_PIDS__INIT;
	Grpc__StatsContainerResponse *rs;
	ProtobufCMessage *m;

	run("i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; exec sleep 100");
	rq.container_id = up.container_id = STR("c");
	up.resources = &res;
	res.memory = &memory;
	res.pids = &pids;
	memory.limit = 33 << 20;
	pids.limit = 44;
	ok(call("UpdateContainer", &up.base));
	ok(client_call(C, "StatsContainer", &rq.base,
		       &grpc__stats_container_response__descriptor, &m));
	rs = (Grpc__StatsContainerResponse *)m;
	assert_true(rs->cgroup_stats->cpu_stats->cpu_usage->total_usage > 0);
	assert_true(rs->cgroup_stats->memory_stats->usage->usage > 0);
	assert_int_equal(rs->cgroup_stats->memory_stats->usage->limit,
			 33 << 20);
	assert_int_equal(rs->cgroup_stats->pids_stats->limit, 44);
	assert_true(rs->cgroup_stats->memory_stats->n_stats > 20);
	assert_true(rs->n_network_stats > 0);
	proto_free(m);
	memory.limit = 0;
	memory.swap = 1;
	pids.limit = 0;
	res.n_devices = 0;
	up.container_id = STR("none");
	assert_int_equal(call("UpdateContainer", &up.base), TTRPC_NOT_FOUND);
	ok(client_remove(C, "c"));
}

/* What a container makes in its own group does not outlive it, and it can be
 * executed into all the same. */
static void test_inner_groups(void **state UNUSED)
{
	static struct spec e;

	NEED_ROOT();
	NEED(host.has_cgroup);
	spec_init(&S, host.rootfs,
		  "mkdir -p /cg/a/b/c /cg/d && echo 1 >/cg/d/cgroup.procs && "
		  "echo made; exec sleep 100");
	spec_mount(&S, "/cg", "cgroup", "cgroup", "rw");
	S.linux_part.cgroupspath = STR("/inner");
	run(NULL);
	(void)usleep(300000);
	spec_init(&e, host.rootfs, "echo in");
	ok(client_exec(C, "c", "e", &e));
	expect("e", false, "in\n");
	ok(client_remove(C, "c"));
	/* The same group: refused if anything were left. */
	spec_init(&S, host.rootfs, "ls /cg | grep -c -e a -e d; true");
	S.linux_part.cgroupspath = STR("/inner");
	run("true");
	end(0);
}

static void test_online(void **state UNUSED)
{
	Grpc__OnlineCPUMemRequest rq = GRPC__ONLINE_CPUMEM_REQUEST__INIT;

	ok(call("OnlineCPUMem", &rq.base));
	rq.wait = 1;
	rq.nb_cpus = 1000;
	assert_int_equal(call("OnlineCPUMem", &rq.base),
			 TTRPC_DEADLINE_EXCEEDED);
	assert_non_null(strstr(client_text, "1000 processors"));
}

/* The first character of a file of the agent's devices; see host.c. */
static char device_says(const char *name)
{
	cleanup_free char *text = NULL;

	assert_int_equal(read_file(AT_FDCWD, host_path(&host, host.dir, name),
				   64, &text, NULL), 0);
	return *text;
}

static void test_settle(void **state UNUSED)
{
	Grpc__OnlineCPUMemRequest rq = GRPC__ONLINE_CPUMEM_REQUEST__INIT;

	rq.cpus = 3;
	ok(call("OnlineCPUMem", &rq.base));
	assert_int_equal(device_says("cpu/cpu2/online"), '1');
	rq.cpus = 2; /* the highest goes first */
	ok(call("OnlineCPUMem", &rq.base));
	assert_int_equal(device_says("cpu/cpu2/online"), '0');
	assert_int_equal(device_says("cpu/cpu1/online"), '1');
	rq.cpus = 1;
	ok(call("OnlineCPUMem", &rq.base));
	assert_int_equal(device_says("cpu/cpu1/online"), '0');
	rq.cpus = 0;
	rq.memory_mib = 100;
	ok(call("OnlineCPUMem", &rq.base));
	rq.memory_mib = 256;
	ok(call("OnlineCPUMem", &rq.base));
	assert_int_equal(device_says("memory/memory1/online"), '1');
	rq.cpus = 4;
	rq.memory_mib = 384;
	assert_int_equal(call("OnlineCPUMem", &rq.base),
			 TTRPC_DEADLINE_EXCEEDED);
	assert_non_null(strstr(client_text, "3 processors are on line instead "
					    "of 4, 256 MiB of memory instead "
					    "of 384"));
}

/* The resident memory of the agent, in kB. */
static long agent_rss(void)
{
	Grpc__GetMetricsRequest rq = GRPC__GET_METRICS_REQUEST__INIT;
	static const char key[] = "\nkata_agent_proc_status{item=\"VmRSS\"} ";
	ProtobufCMessage *m;
	const char *p;
	long rss;

	ok(client_call(C, "GetMetrics", &rq.base, &grpc__metrics__descriptor,
		       &m));
	p = strstr(((Grpc__Metrics *)m)->metrics, key);
	assert_non_null(p);
	rss = strtol(p + sizeof(key) - 1, NULL, 10);
	proto_free(m);
	return rss;
}

/* KILN_EXECS is how many; figures for a guest are in docs/agent.md. */
static void test_growth(void **state UNUSED)
{
	const char *env = getenv("KILN_EXECS");
	long i, n = env ? atol(env) : 50, before, after;
	static struct spec e;
	uint64_t start;
	char id[16];

	NEED_ROOT();
	print_message("# idle: %ld kB\n", agent_rss());
	run("exec sleep 1000");
	spec_init(&e, host.rootfs, "exit 0");
	e.args[0] = STR("/bin/true");
	e.process.n_args = 1;
	for (i = before = 0, start = event_now_ms(); i < n + 20; i++) {
		if (i == 20) {
			before = agent_rss();
			start = event_now_ms();
		}
		(void)snprintf(id, sizeof(id), "e%ld", i % 100);
		ok(client_exec(C, "c", id, &e));
		assert_int_equal(client_wait_process(C, "c", id), 0);
	}
	after = agent_rss();
	print_message("# %ld execs: %llu us each, %ld to %ld kB\n", n,
		      (unsigned long long)(event_now_ms() - start) * 1000 /
			      (unsigned long long)n, before, after);
	if (host.is_guest)
		assert_true(after < before + 64);
	for (i = 0; host.is_guest && i < 9; i++) {
		(void)snprintf(id, sizeof(id), "c%ld", i);
		spec_init(&S, host.rootfs, "exec sleep 1000");
		ok(client_create(C, id, &S, NULL, 0));
		ok(client_start_container(C, id));
	}
	print_message("# %ld containers: %ld kB\n", i + 1, agent_rss());
	for (i = 0; host.is_guest && i < 9; i++) {
		(void)snprintf(id, sizeof(id), "c%ld", i);
		ok(client_remove(C, id));
	}
	ok(client_remove(C, "c"));
}

/* The clock of a host is not a test's to set: a guest's is. */
static void test_clock(void **state UNUSED)
{
	Grpc__SetGuestDateTimeRequest rq =
		GRPC__SET_GUEST_DATE_TIME_REQUEST__INIT;

	rq.sec = 2000000000;
	ok(call("SetGuestDateTime", &rq.base));
	run("date +%s | cut -c1-7");
	expect("", false, "2000000\n");
	end(0);
	rq.usec = 1000000;
	assert_int_equal(call("SetGuestDateTime", &rq.base),
			 TTRPC_INVALID_ARGUMENT);
	rq.sec = -1;
	rq.usec = 0;
	assert_int_equal(call("SetGuestDateTime", &rq.base),
			 TTRPC_INVALID_ARGUMENT);
}

enum where { BOTH, HOST, GUEST };

static const struct {
	struct CMUnitTest test;
	enum where where;
} all[] = {
	{cmocka_unit_test(test_metrics), BOTH},
	{cmocka_unit_test(test_mem_agent), BOTH},
	{cmocka_unit_test(test_mem_probe), BOTH},
	{cmocka_unit_test(test_swap), BOTH},
	{cmocka_unit_test(test_iptables), BOTH},
	{cmocka_unit_test(test_volumes), BOTH},
	{cmocka_unit_test(test_layers), BOTH},
	{cmocka_unit_test(test_stale_shares), BOTH},
	{cmocka_unit_test(test_console), GUEST},
	{cmocka_unit_test(test_diagnostics), BOTH},
	{cmocka_unit_test(test_policy), HOST},
	{cmocka_unit_test(test_copy_up), BOTH},
	{cmocka_unit_test(test_propagation), BOTH},
	{cmocka_unit_test(test_idmap), BOTH},
	{cmocka_unit_test(test_process_extras), BOTH},
	{cmocka_unit_test(test_notify), BOTH},
	{cmocka_unit_test(test_devices), BOTH},
	{cmocka_unit_test(test_oom), GUEST},
	{cmocka_unit_test(test_statistics), GUEST},
	{cmocka_unit_test(test_inner_groups), BOTH},
	{cmocka_unit_test(test_online), GUEST},
	{cmocka_unit_test(test_settle), HOST},
	{cmocka_unit_test(test_clock), GUEST},
	{cmocka_unit_test(test_growth), BOTH},
};

int main(void)
{
	enum where here = getenv("KILN_AGENT_SOCKET") ? GUEST : HOST;
	struct CMUnitTest tests[ARRAY_SIZE(all)];
	size_t i, n = 0;

	(void)signal(SIGPIPE, SIG_IGN);
	cmocka_set_test_filter(getenv("KILN_TEST_FILTER"));
	for (i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].where == BOTH || all[i].where == here)
			tests[n++] = all[i].test;
	return _cmocka_run_group_tests("calls", tests, n, harness_setup,
				       harness_teardown);
}
