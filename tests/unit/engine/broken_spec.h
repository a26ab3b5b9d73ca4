// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_UNIT_ENGINE_BROKEN_SPEC_H
#define TESTS_UNIT_ENGINE_BROKEN_SPEC_H

#include <stddef.h>

/*
 * Broken specifications, each the document below with one thing wrong, and
 * beside it the nearest one that is right. In all texts <N*TEXT> stands for
 * TEXT N times over, ~ for a NUL byte, ` for the byte 0xff.
 */
static const char whole[] =
	"{\"ociVersion\":\"1.0.2\",\"hostname\":\"h\",\"domainname\":\"d\","
	"\"process\":{\"terminal\":false,\"consoleSize\":{\"height\":24,"
	"\"width\":80},\"user\":{\"uid\":0,\"gid\":0,\"umask\":18,"
	"\"additionalGids\":[1,2]},\"args\":[\"true\",\"x\"],\"env\":[\"A=b\","
	"\"PATH=/bin:/usr/bin\"],\"cwd\":\"/\",\"capabilities\":{\"bounding\":"
	"[\"CAP_KILL\"],\"effective\":[\"CAP_KILL\"],\"permitted\":"
	"[\"CAP_KILL\"],\"inheritable\":[],\"ambient\":[]},\"rlimits\":"
	"[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1024}],"
	"\"noNewPrivileges\":true,\"apparmorProfile\":\"p\",\"oomScoreAdj\":5,"
	"\"selinuxLabel\":\"l\",\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\","
	"\"priority\":4},\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"nice\":1,"
	"\"flags\":[\"SCHED_FLAG_RESET_ON_FORK\"]}},\"root\":{\"path\":"
	"\"rootfs\",\"readonly\":false},\"mounts\":[{\"destination\":\"/proc\","
	"\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"nosuid\"]},"
	"{\"destination\":\"/data\",\"type\":\"bind\",\"source\":\"volume\","
	"\"options\":[\"rbind\",\"ro\"],\"uidMappings\":[{\"containerID\":0,"
	"\"hostID\":1000,\"size\":10}],\"gidMappings\":[{\"containerID\":0,"
	"\"hostID\":1000,\"size\":10}]}],\"hooks\":{\"poststop\":[{\"path\":"
	"\"/bin/true\",\"args\":[\"true\"],\"env\":[\"A=b\"],\"timeout\":5}]},"
	"\"annotations\":{\"a\":\"b\"},\"linux\":{\"namespaces\":[{\"type\":"
	"\"pid\"},{\"type\":\"network\"},{\"type\":\"user\"},{\"type\":"
	"\"mount\",\"path\":\"\"}],\"uidMappings\":[{\"containerID\":0,"
	"\"hostID\":1000,\"size\":10},{\"containerID\":10,\"hostID\":2000,"
	"\"size\":10}],\"gidMappings\":[{\"containerID\":0,\"hostID\":1000,"
	"\"size\":10}],\"timeOffsets\":{\"boottime\":{\"secs\":1,\"nanosecs\":"
	"5}},\"devices\":[{\"path\":\"/dev/fuse\",\"type\":\"c\",\"major\":10,"
	"\"minor\":229,\"fileMode\":438,\"uid\":0,\"gid\":0}],\"sysctl\":"
	"{\"net.core.somaxconn\":\"256\"},\"cgroupsPath\":\"/x\","
	"\"rootfsPropagation\":\"private\",\"maskedPaths\":[\"/proc/kcore\"],"
	"\"readonlyPaths\":[\"/proc/sys\"],\"mountLabel\":\"m\",\"intelRdt\":"
	"{\"l3CacheSchema\":\"L3:0=f\"},\"personality\":{\"domain\":\"LINUX\"},"
	"\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},"
	"{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":3,\"access\":"
	"\"rw\"}],\"memory\":{\"limit\":67108864,\"reservation\":33554432,"
	"\"swap\":134217728,\"kernel\":-1,\"kernelTCP\":-1,\"swappiness\":60,"
	"\"disableOOMKiller\":false},\"cpu\":{\"shares\":1024,\"quota\":50000,"
	"\"period\":100000,\"realtimeRuntime\":0,\"realtimePeriod\":0,\"cpus\":"
	"\"0-1\",\"mems\":\"0\",\"idle\":0,\"burst\":0},\"pids\":{\"limit\":"
	"100},\"blockIO\":{\"weight\":100,\"leafWeight\":100,\"weightDevice\":"
	"[{\"major\":8,\"minor\":0,\"weight\":100}],\"throttleReadBpsDevice\":"
	"[{\"major\":8,\"minor\":0,\"rate\":1000}]},\"hugepageLimits\":"
	"[{\"pageSize\":\"2MB\",\"limit\":0}],\"network\":{\"classID\":1,"
	"\"priorities\":[{\"name\":\"eth0\",\"priority\":1}]},\"unified\":"
	"{\"memory.high\":\"1000000\"},\"rdma\":{}},\"seccomp\":"
	"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1,"
	"\"architectures\":[\"SCMP_ARCH_X86_64\"],\"flags\":"
	"[\"SECCOMP_FILTER_FLAG_LOG\"],\"listenerMetadata\":\"\",\"syscalls\":"
	"[{\"names\":[\"acct\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":1,"
	"\"args\":[{\"index\":0,\"value\":1,\"valueTwo\":0,\"op\":"
	"\"SCMP_CMP_EQ\"}]}]}}}";

/*
 * AT gets the text BAD (NULL: it is left out): the message must name AT ("AT|X":
 * it must name X, as it is another field that is wrong then) and have SAY. GOOD
 * in its place is right; NULL: the document as it is above is.
 */
struct broken_value {
	const char *at, *bad, *say, *good;
};

#define NO_STRING "expected string, got "
#define NO_NUMBER "expected number, got "
#define NO_ARRAY "expected array, got "
#define NO_OBJECT "expected object, got "
#define NO_BOOLEAN "expected boolean, got "
#define RANGE "number out of range"
#define IMPLICIT NULL /* the document as it is is good */

static const struct broken_value broken_values[] = {
	/* the top */
	{"ociVersion", NULL, "missing", "\"1.2.0\""},
	{"ociVersion", "1", NO_STRING, "\"1.1.0-rc.1\""},
	{"ociVersion", "\"\"", "not a version", IMPLICIT},
	{"ociVersion", "\"2.0.0\"", "not a version", IMPLICIT},
	{"ociVersion", "\"1.0\"", "not a version", "\"1.0.0\""},
	{"ociVersion", "\"1.-1.0\"", "not a version", IMPLICIT},
	{"ociVersion", "\"1.<200000*1>\"", "not a version", IMPLICIT},
	{"hostname", "true", NO_STRING "boolean", "\"\""},
	{"hostname", "\"<65*h>\"", "longer than 64", "\"<64*h>\""},
	{"hostname", "\"<2000000*h>\"", "longer than", IMPLICIT},
	{"domainname", "[]", "expected string", "\"\""},
	{"domainname", "\"<65*h>\"", "longer than 64", "\"<64*h>\""},
	{"annotations", "[]", NO_OBJECT "array", "{}"},
	{"annotations", "{\"a\":1}", "annotations.a: " NO_STRING, "{\"a\":\"1\"}"},
	{"annotations", "{\"a\":null}", "annotations.a: " NO_STRING,
	 "{\"a\":\"null\"}"},
	{"annotations", "{\"io.kiln.spec.x\":\"\"}", "reserved",
	 "{\"io.kiln.speck\":\"\"}"},
	{"annotations", "{\"a\":\"<1100000*a>\"}", "annotations.a: longer than",
	 "{\"a\":\"<1000000*a>\"}"},
	{"annotations", "{\"<1100000*a>\":\"\"}", "longer than",
	 "{\"<1000000*a>\":\"\"}"},
	{"annotations|annotation 'io.katacontainers.config.hypervisor.default_"
	 "vcpus'", "{\"io.katacontainers.config.hypervisor.default_vcpus"
	 "\":\"many\"}", "bad value", "{\"io.katacontainers.config."
	 "hypervisor.default_vcpus\":\"1\"}"},
	/* the process */
	{"process", NULL, "missing", IMPLICIT},
	{"process", "[]", NO_OBJECT "array", IMPLICIT},
	{"process", "null", "missing", IMPLICIT},
	{"process.terminal", "0", NO_BOOLEAN "number", "null"},
	{"process.terminal", "\"false\"", NO_BOOLEAN "string", IMPLICIT},
	{"process.consoleSize", "7", NO_OBJECT "number", "{}"},
	{"process.consoleSize.height", "-1", RANGE, "0"},
	{"process.consoleSize.width", "65536", RANGE, "65535"},
	{"process.user", "\"root\"", NO_OBJECT "string", "{}"},
	{"process.user.uid", "-1", RANGE, "1"},
	{"process.user.uid", "4294967295", RANGE, "4294967294"},
	{"process.user.uid", "4294967296", RANGE, IMPLICIT},
	{"process.user.uid", "1.5", NO_NUMBER "fraction", "1"},
	{"process.user.uid", "1e3", NO_NUMBER "fraction", "1000"},
	{"process.user.uid", "{}", NO_NUMBER "object", IMPLICIT},
	{"process.user.gid", "\"0\"", NO_NUMBER "string", "0"},
	{"process.user.gid", "-2147483648", RANGE, "2147483648"},
	{"process.user.umask", "512", RANGE, "511"},
	{"process.user.umask", "-1", RANGE, "0"},
	{"process.user.umask", "\"022\"", "expected number", "22"},
	{"process.user.additionalGids", "5", NO_ARRAY "number", "[5]"},
	{"process.user.additionalGids[1]", "true", NO_NUMBER "boolean", "3"},
	{"process.user.additionalGids[1]", "4294967295", RANGE, "4294967294"},
	{"process.user.additionalGids", "[<70000*1,>1]", "more than 65536",
	 "[<60000*1,>1]"},
	{"process.args", NULL, "missing", IMPLICIT},
	{"process.args", "[]", "must not be empty", "[\"a\"]"},
	{"process.args", "\"true\"", NO_ARRAY "string", IMPLICIT},
	{"process.args[0]", "\"\"", "must not be empty", "\"a\""},
	{"process.args[1]", "null", NO_STRING "null", "\"\""},
	{"process.args[1]", "[[[[]]]]", NO_STRING "array", IMPLICIT},
	{"process.args[1]", "\"<131072*a>\"", "longer than", "\"<131071*a>\""},
	{"process.args", "[<70000*\"\",>\"\"]", "more than", "[<999*\"a\",>\"\"]"},
	{"process.env", "{}", NO_ARRAY "object", "[]"},
	{"process.env", "{\"A\":\"b\"}", NO_ARRAY "object", IMPLICIT},
	{"process.env[0]", "\"A\"", "not NAME=VALUE", "\"A=\""},
	{"process.env[1]", "\"=b\"", "not NAME=VALUE", "\"b==\""},
	{"process.env[0]", "1", NO_STRING "number", "\"A=1\""},
	{"process.env[0]", "\"A=<140000*a>\"", "longer than", "\"A=<9999*a>\""},
	{"process.cwd", NULL, "missing", IMPLICIT},
	{"process.cwd", "\"\"", "not an absolute path", "\"/\""},
	{"process.cwd", "\"tmp\"", "not an absolute path", "\"/tmp\""},
	{"process.cwd", "\"../../etc\"", "not an absolute path",
	 "\"/../../etc\""},
	{"process.cwd", "\"/<4096*a>\"", "longer than", "\"/<4000*a>\""},
	{"process.capabilities", "[\"CAP_KILL\"]", NO_OBJECT "array", "{}"},
	{"process.capabilities.bounding", "\"ALL\"", NO_ARRAY "string", "[]"},
	{"process.capabilities.ambient", "[3]",
	 "process.capabilities.ambient[0]: " NO_STRING, "[\"CAP_KILL\"]"},
	{"process.rlimits[0].type", "\"RLIMIT_FOO\"", "unknown value",
	 "\"RLIMIT_CORE\""},
	{"process.rlimits[0].type", NULL, "missing", IMPLICIT},
	{"process.rlimits[0].hard", "-1", RANGE, "18446744073709551615"},
	{"process.rlimits[0].soft", "1025", "above the hard limit", "1023"},
	{"process.rlimits", "[{\"type\":\"RLIMIT_CPU\",\"hard\":1,\"soft\":1},"
	 "{\"type\":\"RLIMIT_CPU\",\"hard\":1,\"soft\":1}]", "given twice",
	 "[{\"type\":\"RLIMIT_CPU\",\"hard\":1,\"soft\":1},"
	 "{\"type\":\"RLIMIT_AS\",\"hard\":1,\"soft\":1}]"},
	{"process.noNewPrivileges", "\"yes\"", NO_BOOLEAN "string", "false"},
	{"process.apparmorProfile", "{}", NO_STRING "object", "\"\""},
	{"process.selinuxLabel", "0", NO_STRING "number", "\"\""},
	{"process.oomScoreAdj", "1001", RANGE, "1000"},
	{"process.oomScoreAdj", "-1001", RANGE, "-1000"},
	{"process.oomScoreAdj", "0.5", NO_NUMBER "fraction", "0"},
	{"process.ioPriority", "[]", "expected object", "null"},
	{"process.ioPriority.class", NULL, "missing", IMPLICIT},
	{"process.ioPriority.class", "\"IOPRIO_CLASS_X\"", "unknown value",
	 "\"IOPRIO_CLASS_IDLE\""},
	{"process.ioPriority.priority", "8", RANGE, "7"},
	{"process.scheduler", "\"SCHED_IDLE\"", "expected object", "null"},
	{"process.scheduler.policy", NULL, "missing", IMPLICIT},
	{"process.scheduler.policy", "\"SCHED_FAST\"", "unknown value",
	 "\"SCHED_BATCH\""},
	{"process.scheduler.nice", "20", RANGE, "19"},
	{"process.scheduler.nice", "-21", RANGE, "-20"},
	{"process.scheduler.priority", "100", RANGE, "0"},
	{"process.scheduler.runtime", "-1", RANGE, "1"},
	{"process.scheduler.flags", "\"SCHED_FLAG_RECLAIM\"", "expected array",
	 "[\"SCHED_FLAG_RECLAIM\"]"},
	{"process.scheduler.flags[0]", "\"SCHED_FLAG_X\"", "unknown value",
	 "\"SCHED_FLAG_KEEP_POLICY\""},
	/* the root file system and the mounts */
	{"root", NULL, "missing", IMPLICIT},
	{"root", "\"rootfs\"", NO_OBJECT "string", IMPLICIT},
	{"root.path", NULL, "missing", IMPLICIT},
	{"root.path", "\"\"", "must not be empty", "\".\""},
	{"root.path", "[\"rootfs\"]", NO_STRING "array", IMPLICIT},
	{"root.path", "\"nowhere\"", "No such file", "\"volume\""},
	{"root.path", "\"file\"", "Not a directory", "\"rootfs/../volume\""},
	{"root.path", "\"file/rootfs\"", "Not a directory", "\"link-rootfs\""},
	{"root.path", "\"link-nowhere\"", "No such file", "\"link-rootfs/.\""},
	{"root.path", "\"link-loop\"", "Too many levels", "\"./rootfs\""},
	{"root.path", "\"link-file\"", "Not a directory", IMPLICIT},
	{"root.path", "\"<5000*r>\"", "longer than", "\"<2000*./>rootfs\""},
	{"root.readonly", "1", NO_BOOLEAN "number", "true"},
	{"mounts", "{}", NO_ARRAY "object", "[]"},
	{"mounts", "[[]]", "mounts[0]: " NO_OBJECT, "[]"},
	{"mounts", "[null]", "mounts[0]: " NO_OBJECT, "null"},
	{"mounts", "[<70000*{},>{}]", "more than", "[]"},
	{"mounts[1].destination", NULL, "missing", "\"/d\""},
	{"mounts[1].destination", "\"\"", "must not be empty", "\"d\""},
	{"mounts[1].destination", "7", NO_STRING "number", "\"/7\""},
	{"mounts[1].destination", "\"/<4096*a>\"", "longer than",
	 "\"/<4000*a>\""},
	{"mounts[1].source", NULL, "missing for a bind mount", "\".\""},
	{"mounts[1].source", "\"\"", "missing for a bind mount", IMPLICIT},
	{"mounts[1].source", "\"nowhere\"", "No such file", "\"file\""},
	{"mounts[1].source", "\"/nowhere/at/all\"", "No such file", "\"/tmp\""},
	{"mounts[1].source", "\"volume/../../../../../../../../nowhere\"",
	 "No such file", "\"volume/../volume\""},
	{"mounts[1].source", "\"link-nowhere\"", "No such file",
	 "\"link-rootfs\""},
	{"mounts[1].source", "\"link-loop\"", "Too many levels", "\"link-file\""},
	{"mounts[1].source", "\"link-file/x\"", "Not a directory", IMPLICIT},
	{"mounts[1].source", "\"<300*a>\"", "File name too long", IMPLICIT},
	{"mounts[1].source", "\"/<4096*a>\"", "longer than", IMPLICIT},
	{"mounts[0].type", "0", NO_STRING "number", "\"tmpfs\""},
	{"mounts[0].options", "\"nosuid\"", NO_ARRAY "string", "[]"},
	{"mounts[0].options[0]", "\"\"", "must not be empty", "\"ro\""},
	{"mounts[0].options[0]", "\"<9999*a>\"", "longer than", "\"noexec\""},
	{"mounts[1].uidMappings", "{}", "expected array", "[]"},
	{"mounts[1].uidMappings[0].size", "0", "must not be 0", "1"},
	{"mounts[1].gidMappings[0].hostID", "-5", RANGE, "5"},
	{"mounts[1].gidMappings[0].containerID|mounts[1].gidMappings[0].size", "4294967290", "past the last id",
	 "4294967280"},
	/* hooks */
	{"hooks", "[]", NO_OBJECT "array", "{}"},
	{"hooks.poststop", "{}", NO_ARRAY "object", "[]"},
	{"hooks.poststop[0].path", NULL, "missing", IMPLICIT},
	{"hooks.poststop[0].path", "\"true\"", "not an absolute path",
	 "\"/true\""},
	{"hooks.poststop[0].args", "\"x\"", NO_ARRAY "string", "[]"},
	{"hooks.poststop[0].args[0]", "\"<200000*a>\"", "longer than", "\"\""},
	{"hooks.poststop[0].env[0]", "{}", NO_STRING "object", "\"C=d\""},
	{"hooks.poststop[0].timeout", "0", RANGE, "1"},
	{"hooks.poststop[0].timeout", "-1", RANGE, "2147483647"},
	{"hooks.poststop[0].timeout", "2147483648", RANGE, IMPLICIT},
	/* Linux */
	{"linux", "[]", NO_OBJECT "array", IMPLICIT},
	{"linux.namespaces", "{}", NO_ARRAY "object", IMPLICIT},
	{"linux.namespaces[0].type", "\"kernel\"", "unknown value", "\"ipc\""},
	{"linux.namespaces[0].type", NULL, "missing", IMPLICIT},
	{"linux.namespaces[0].type|linux.namespaces", "\"network\"", "given twice", "\"uts\""},
	{"linux.namespaces[1].type|linux.namespaces", "\"ipc\"", "not possible in a VM", IMPLICIT},
	{"linux.namespaces[2].type|linux.uidMappings", "\"time\"", "without a namespace of type user",
	 IMPLICIT},
	{"linux.namespaces[3].path", "\"ns\"", "not an absolute path", "\"/ns\""},
	{"linux.namespaces[1].path", "\"/nowhere/net\"", "No such file",
	 "\"/proc/self/ns/net\""},
	{"linux.uidMappings", "7", NO_ARRAY "number", "[]"},
	{"linux.uidMappings[0].hostID", NULL, "missing", IMPLICIT},
	{"linux.uidMappings[0].hostID", "-1", RANGE, "0"},
	{"linux.uidMappings[0].size", "0", "must not be 0", "1"},
	{"linux.uidMappings[0].size", "4294967295", "past the last id", "9"},
	{"linux.uidMappings[1].containerID|linux.uidMappings[1]", "9", "has ids of mapping 0", "11"},
	{"linux.gidMappings[0].size", "\"all\"", NO_NUMBER "string", "1"},
	{"linux.uidMappings", "[<400*{\"containerID\":0,\"hostID\":0,\"size\":1}"
	 ",>{\"containerID\":1,\"hostID\":0,\"size\":1}]", "more than 340", "[]"},
	{"linux.timeOffsets", "[]", "expected object", "{}"},
	{"linux.timeOffsets.boottime", "5", "expected object", "{}"},
	{"linux.timeOffsets.boottime.nanosecs", "1000000000", RANGE,
	 "999999999"},
	{"linux.timeOffsets.boottime.nanosecs", "-1", RANGE, "0"},
	{"linux.timeOffsets.boottime.secs", "9223372036854775808", RANGE, "-1"},
	{"linux.devices", "{}", NO_ARRAY "object", "[]"},
	{"linux.devices[0].path", "\"dev/fuse\"", "not an absolute path",
	 "\"/dev/f\""},
	{"linux.devices[0].path", NULL, "missing", IMPLICIT},
	{"linux.devices[0].type", "\"x\"", "unknown value", "\"b\""},
	{"linux.devices[0].type", "\"char\"", "unknown value", "\"u\""},
	{"linux.devices[0].major", "-1", RANGE, "0"},
	{"linux.devices[0].major", NULL, "missing", IMPLICIT},
	{"linux.devices[0].minor", "4294967296", RANGE, "1"},
	{"linux.devices[0].fileMode", "\"0666\"", NO_NUMBER "string", "0"},
	{"linux.devices[0].fileMode", "65536", RANGE, "8630"},
	{"linux.devices[0].uid", "4294967295", RANGE, "65534"},
	{"linux.devices[0].gid", "-1", RANGE, "65534"},
	{"linux.sysctl", "[]", NO_OBJECT "array", "{}"},
	{"linux.sysctl", "{\"net.core.somaxconn\":256}",
	 "linux.sysctl.net.core.somaxconn: " NO_STRING, "{}"},
	{"linux.sysctl", "{\"net/../../../etc/passwd\":\"1\"}", "no name",
	 "{\"net/core/somaxconn\":\"1\"}"},
	{"linux.sysctl", "{\"\":\"1\"}", "no name", "{}"},
	{"linux.sysctl", "{\"net.core.\\u0001\":\"1\"}", "no name", "{}"},
	{"linux.sysctl", "{\"kernel.hostname\":\"x\"}", "use hostname",
	 "{\"kernel.shmmax\":\"5\"}"},
	{"linux.cgroupsPath", "true", NO_STRING "boolean", "\"\""},
	{"linux.rootfsPropagation", "\"public\"", "unknown value", "\"rslave\""},
	{"linux.maskedPaths", "\"/proc\"", NO_ARRAY "string", "[]"},
	{"linux.maskedPaths[0]", "\"proc\"", "not an absolute path", "\"/x\""},
	{"linux.readonlyPaths[0]", "\"\"", "not an absolute path", "\"/\""},
	{"linux.mountLabel", "[]", NO_STRING "array", "null"},
	{"linux.intelRdt", "true", NO_OBJECT "boolean", "{}"},
	{"linux.personality", "\"LINUX\"", "expected object", "null"},
	{"linux.personality.domain", NULL, "missing", "\"LINUX32\""},
	{"linux.personality.domain", "\"BSD\"", "unknown value", IMPLICIT},
	/* resources */
	{"linux.resources", "[]", NO_OBJECT "array", "{}"},
	{"linux.resources.devices[0].allow", NULL, "missing", "true"},
	{"linux.resources.devices[0].allow", "\"no\"", NO_BOOLEAN "string",
	 IMPLICIT},
	{"linux.resources.devices[1].access", "\"rx\"", "letters", "\"m\""},
	{"linux.resources.devices[1].type", "\"p\"", "unknown value", "\"b\""},
	{"linux.resources.devices[1].major", "-2", RANGE, "-1"},
	{"linux.resources.memory", "67108864", NO_OBJECT "number", "{}"},
	{"linux.resources.memory.limit", "\"64m\"", NO_NUMBER "string",
	 "67108865"},
	{"linux.resources.memory.limit", "-2", RANGE, "-1"},
	{"linux.resources.memory.limit", "9223372036854775808", RANGE, "0"},
	{"linux.resources.memory.limit", "1e9", NO_NUMBER "fraction", IMPLICIT},
	{"linux.resources.memory.reservation", "-9", RANGE, "-1"},
	{"linux.resources.memory.swap", "1000", "below the limit", "-1"},
	{"linux.resources.memory.swappiness", "101", RANGE, "100"},
	{"linux.resources.memory.disableOOMKiller", "1", NO_BOOLEAN "number",
	 "true"},
	{"linux.resources.cpu.shares", "-1", RANGE, "2"},
	{"linux.resources.cpu.quota", "-2", "below", "-1"},
	{"linux.resources.cpu.quota", "999", "below", "1000"},
	{"linux.resources.cpu.period", "999", "is not of", "1000"},
	{"linux.resources.cpu.period", "18446744073709551615", "is not of",
	 "1000000"},
	{"linux.resources.cpu.cpus", "\"0-\"", "not a list", "\"0-0\""},
	{"linux.resources.cpu.cpus", "\"a\"", "not a list", "\"0,1,5-7\""},
	{"linux.resources.cpu.cpus", "\"0,\"", "not a list", "\"\""},
	{"linux.resources.cpu.mems", "3", NO_STRING "number", "\"3\""},
	{"linux.resources.cpu.idle", "2", RANGE, "1"},
	{"linux.resources.cpu.burst", "-1", RANGE, "1"},
	{"linux.resources.pids", "100", NO_OBJECT "number", IMPLICIT},
	{"linux.resources.pids.limit", NULL, "missing", "-1"},
	{"linux.resources.blockIO.weight", "5", "is not of", "10"},
	{"linux.resources.blockIO.weight", "-1", RANGE, "1000"},
	{"linux.resources.blockIO.weightDevice[0].major", "-1", RANGE, "1"},
	{"linux.resources.blockIO.weightDevice[0].weight", "1001", "is not of",
	 "0"},
	{"linux.resources.blockIO.throttleReadBpsDevice[0].rate", NULL,
	 "missing", "5"},
	{"linux.resources.hugepageLimits[0].pageSize", "\"2M\"", "not a size",
	 "\"1GB\""},
	{"linux.resources.hugepageLimits[0].pageSize", "\"../x\"", "not a size",
	 "\"64KB\""},
	{"linux.resources.hugepageLimits[0].limit", "-1", RANGE, "1"},
	{"linux.resources.network.classID", "4294967296", RANGE, "4294967295"},
	{"linux.resources.network.priorities[0].name", "\"\"", "empty",
	 "\"eth1\""},
	{"linux.resources.unified", "[]", "expected object", "{}"},
	{"linux.resources.unified", "{\"memory.high\":1}", "memory.high",
	 "{\"memory.high\":\"1\"}"},
	{"linux.resources.unified", "{\"../memory.high\":\"1\"}", "no cgroup file",
	 "{\"memory.low\":\"1\"}"},
	{"linux.resources.unified", "{\"foo.bar\":\"1\"}", "not available", "{}"},
	{"linux.resources.rdma", "[]", "expected object", "null"},
	/* seccomp */
	{"linux.seccomp", "\"default\"", NO_OBJECT "string", "null"},
	{"linux.seccomp.defaultAction", NULL, "missing", IMPLICIT},
	{"linux.seccomp.defaultAction", "\"ALLOW\"", "unknown value",
	 "\"SCMP_ACT_LOG\""},
	{"linux.seccomp.defaultAction", "\"SCMP_ACT_NOTIFY\"", "listener",
	 "\"SCMP_ACT_TRACE\""},
	{"linux.seccomp.defaultErrnoRet", "4096", RANGE, "4095"},
	{"linux.seccomp.architectures[0]", "\"SCMP_ARCH_VAX\"", "unknown value",
	 "\"SCMP_ARCH_S390X\""},
	{"linux.seccomp.flags[0]", "\"SECCOMP_FILTER_FLAG_X\"", "unknown value",
	 "\"SECCOMP_FILTER_FLAG_TSYNC\""},
	{"linux.seccomp.syscalls[0].names", "[]", "must not be empty",
	 "[\"nosuchcall\"]"},
	{"linux.seccomp.syscalls[0].names", "[\"\"]", "must not be empty",
	 "[\"swapon\",\"swapoff\"]"},
	{"linux.seccomp.syscalls[0].action", "7", NO_STRING "number",
	 "\"SCMP_ACT_KILL_PROCESS\""},
	{"linux.seccomp.syscalls[0].action", "\"SCMP_ACT_NOTIFY\"", "listener",
	 IMPLICIT},
	{"linux.seccomp.syscalls[0].errnoRet", "-1", RANGE, "0"},
	{"linux.seccomp.syscalls[0].args[0].index", "6", RANGE, "5"},
	{"linux.seccomp.syscalls[0].args[0].value", "-1", RANGE,
	 "18446744073709551615"},
	{"linux.seccomp.syscalls[0].args[0].value", NULL, "missing", IMPLICIT},
	{"linux.seccomp.syscalls[0].args[0].op", "\"==\"", "unknown value",
	 "\"SCMP_CMP_GE\""},
};

/* Documents that are no JSON, or no document; @ stands for the whole one. */
struct broken_text {
	const char *bad, *say, *good;
};

static const struct broken_text broken_texts[] = {
	{"", "line 1, column 1: document ends early", "@"},
	{" \n\t", "document ends early", " \n\t@"},
	{"~", "NUL byte", "@\n"},
	{"@~", "NUL byte", "@ "},
	{"<10485760*a>", "larger than 8 MiB", "@"},
	{"@<10485760* >", "larger than 8 MiB", "@<7340032* >"},
	{"[<100*[>", "nesting too deep", "@"},
	{"<1000000*[>", "nesting too deep", "@"},
	{"<1000000*{\"a\":>", "nesting too deep", "@"},
	{"null", "document", "@"},
	{"true", "expected object, got boolean", "@"},
	{"\"config\"", "expected object, got string", "@"},
	{"12", "expected object", "@"},
	{"[@]", "expected object, got array", "@"},
	{"@ @", "text after the document", "@ "},
	{"@,", "text after the document", "@"},
	{"{\"a\":'b'}", "column 6: unexpected character", "@"},
	{"{a:1}", "column 2: unexpected character", "@"},
	{"{\"a\":1,}", "unexpected character", "@"},
	{"{\"a\":1 \"b\":2}", "line 1", "@"},
	{"{\"a\" 1}", "line 1", "@"},
	{"{\"a\":NaN}", "unexpected character", "@"},
	{"{\"a\":Infinity}", "unexpected character", "@"},
	{"{\"a\":0x10}", "line 1", "@"},
	{"{\"a\":+1}", "unexpected character", "@"},
	{"// a comment\n@", "unexpected character", "\r\n@"},
	{"{\"a\":\"`\"}", "utf-8", "@"},
	{"{\"`\":1}", "utf-8", "@"},
	{"{\"a\":\"\\u0000\"}", "NUL in a string", "@"},
	{"{\"a\\u0000b\":1}", "NUL in a string", "@"},
	{"{\"a\":\"\\x41\"}", "line 1", "@"},
	{"{\"a\":\"b", "document ends early", "@"},
	{"{\"a\":99999999999999999999}", "number out of range", "@"},
	{"{\"a\":-<5000*9>}", "number out of range", "@"},
	{"{\"a\":1,\"a\":1}", "column 9: 'a' is given twice", "@"},
	{"{\"x\":[{\"b\":{},\"c\":0,\"b\":1}]}", "'b' is given twice", "@"},
	{"{\"a\":1,\"\\u0061\":1}", "given twice", "@"},
};

#endif
