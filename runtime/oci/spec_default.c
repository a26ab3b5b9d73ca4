// SPDX-License-Identifier: Apache-2.0
#include <sys/types.h>
#include <unistd.h>

#include "runtime/oci/spec.h"

/*
 * The document is text with the few parts that vary left out, because that is
 * how its reader sees it; a unit test decodes it.
 */
#define CAPS                                                                   \
	"[\n"                                                                  \
	"\t\t\t\t\"CAP_AUDIT_WRITE\",\n"                                       \
	"\t\t\t\t\"CAP_KILL\",\n"                                              \
	"\t\t\t\t\"CAP_NET_BIND_SERVICE\"\n"                                   \
	"\t\t\t]"

/* The version is the oldest that has all of this: other tools of that age then
 * read it too. */
static const char process_text[] =
	"{\n"
	"\t\"ociVersion\": \"1.0.2\",\n"
	"\t\"process\": {\n"
	"\t\t\"terminal\": true,\n"
	"\t\t\"user\": {\n\t\t\t\"uid\": 0,\n\t\t\t\"gid\": 0\n\t\t},\n"
	"\t\t\"args\": [\n\t\t\t\"sh\"\n\t\t],\n"
	"\t\t\"env\": [\n"
	"\t\t\t\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
	"/sbin:/bin\",\n"
	"\t\t\t\"TERM=xterm\"\n"
	"\t\t],\n"
	"\t\t\"cwd\": \"/\",\n"
	"\t\t\"capabilities\": {\n"
	"\t\t\t\"bounding\": " CAPS ",\n"
	"\t\t\t\"effective\": " CAPS ",\n"
	"\t\t\t\"permitted\": " CAPS "\n"
	"\t\t},\n"
	"\t\t\"rlimits\": [\n"
	"\t\t\t{\n"
	"\t\t\t\t\"type\": \"RLIMIT_NOFILE\",\n"
	"\t\t\t\t\"hard\": 1024,\n"
	"\t\t\t\t\"soft\": 1024\n"
	"\t\t\t}\n"
	"\t\t],\n"
	"\t\t\"noNewPrivileges\": true\n"
	"\t},\n"
	"\t\"root\": {\n"
	"\t\t\"path\": \"rootfs\",\n"
	"\t\t\"readonly\": true\n"
	"\t},\n"
	"\t\"hostname\": \"kiln\",\n";

struct default_mount {
	const char *destination, *type, *source;
	const char *options[9]; /* NULL-terminated */
};

static const struct default_mount mounts[] = {
	{"/proc", "proc", "proc", {NULL}},
	{"/dev",
	 "tmpfs",
	 "tmpfs",
	 {"nosuid", "strictatime", "mode=755", "size=65536k"}},
	{"/dev/pts",
	 "devpts",
	 "devpts",
	 {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620",
	  "gid=5"}},
	{"/dev/shm",
	 "tmpfs",
	 "shm",
	 {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
	{"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
	{"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
	{"/sys/fs/cgroup",
	 "cgroup",
	 "cgroup",
	 {"nosuid", "noexec", "nodev", "relatime", "ro"}},
};

/* Without root: no group 5 to give terminals to, and sysfs of the host, as a
 * new one belongs to a network namespace of one's own. */
static const struct default_mount rootless_mounts[] = {
	{"/proc", "proc", "proc", {NULL}},
	{"/dev",
	 "tmpfs",
	 "tmpfs",
	 {"nosuid", "strictatime", "mode=755", "size=65536k"}},
	{"/dev/pts",
	 "devpts",
	 "devpts",
	 {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
	{"/dev/shm",
	 "tmpfs",
	 "shm",
	 {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
	{"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
	{"/sys",
	 "none",
	 "/sys",
	 {"rbind", "nosuid", "noexec", "nodev", "ro"}},
};

static const char *const namespaces[] = {"pid", "network", "ipc",
					 "uts", "mount",   "cgroup"};
static const char *const rootless_namespaces[] = {
	"pid", "network", "ipc", "uts", "mount", "user", "cgroup"};

static const char *const masked_paths[] = {
	"/proc/acpi",	      "/proc/asound",	    "/proc/kcore",
	"/proc/keys",	      "/proc/latency_stats", "/proc/timer_list",
	"/proc/timer_stats",  "/proc/sched_debug",  "/sys/firmware",
	"/proc/scsi",
};

static const char *const readonly_paths[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
	"/proc/sysrq-trigger",
};

static void put_mounts(struct buf *out, const struct default_mount *m, size_t n)
{
	size_t i, k;

	(void)buf_put_str(out, "\t\"mounts\": [\n");
	for (i = 0; i < n; i++) {
		(void)buf_printf(out,
				 "\t\t{\n"
				 "\t\t\t\"destination\": \"%s\",\n"
				 "\t\t\t\"type\": \"%s\",\n"
				 "\t\t\t\"source\": \"%s\"",
				 m[i].destination, m[i].type, m[i].source);
		for (k = 0; m[i].options[k]; k++)
			(void)buf_printf(out, "%s\n\t\t\t\t\"%s\"",
					 k ? "," : ",\n\t\t\t\"options\": [",
					 m[i].options[k]);
		(void)buf_printf(out, "%s\n\t\t}%s\n", k ? "\n\t\t\t]" : "",
				 i + 1 < n ? "," : "");
	}
	(void)buf_put_str(out, "\t],\n");
}

static void put_namespaces(struct buf *out, const char *const *v, size_t n)
{
	size_t i;

	(void)buf_put_str(out, "\t\t\"namespaces\": [\n");
	for (i = 0; i < n; i++)
		(void)buf_printf(out,
				 "\t\t\t{\n\t\t\t\t\"type\": \"%s\"\n\t\t\t}%s\n",
				 v[i], i + 1 < n ? "," : "");
	(void)buf_put_str(out, "\t\t],\n");
}

static void put_paths(struct buf *out, const char *key, const char *const *v,
		      size_t n)
{
	size_t i;

	(void)buf_printf(out, "\t\t\"%s\": [\n", key);
	for (i = 0; i < n; i++)
		(void)buf_printf(out, "\t\t\t\"%s\"%s\n", v[i],
				 i + 1 < n ? "," : "");
	(void)buf_put_str(out, "\t\t]");
}

static void put_mapping(struct buf *out, const char *key, unsigned int id)
{
	(void)buf_printf(out,
			 "\t\t\"%s\": [\n"
			 "\t\t\t{\n"
			 "\t\t\t\t\"containerID\": 0,\n"
			 "\t\t\t\t\"hostID\": %u,\n"
			 "\t\t\t\t\"size\": 1\n"
			 "\t\t\t}\n"
			 "\t\t],\n",
			 key, id);
}

int spec_write_default(struct buf *out, bool rootless)
{
	(void)buf_put_str(out, process_text);
	if (rootless)
		put_mounts(out, rootless_mounts, ARRAY_SIZE(rootless_mounts));
	else
		put_mounts(out, mounts, ARRAY_SIZE(mounts));
	(void)buf_put_str(out, "\t\"linux\": {\n");
	if (rootless) {
		put_mapping(out, "uidMappings", (unsigned int)geteuid());
		put_mapping(out, "gidMappings", (unsigned int)getegid());
		put_namespaces(out, rootless_namespaces,
			       ARRAY_SIZE(rootless_namespaces));
	} else {
		(void)buf_put_str(out,
				  "\t\t\"resources\": {\n"
				  "\t\t\t\"devices\": [\n"
				  "\t\t\t\t{\n"
				  "\t\t\t\t\t\"allow\": false,\n"
				  "\t\t\t\t\t\"access\": \"rwm\"\n"
				  "\t\t\t\t}\n"
				  "\t\t\t]\n"
				  "\t\t},\n");
		put_namespaces(out, namespaces, ARRAY_SIZE(namespaces));
	}
	put_paths(out, "maskedPaths", masked_paths, ARRAY_SIZE(masked_paths));
	(void)buf_put_str(out, ",\n");
	put_paths(out, "readonlyPaths", readonly_paths,
		  ARRAY_SIZE(readonly_paths));
	(void)buf_put_str(out, "\n\t}\n}\n");
	return buf_error(out);
}
