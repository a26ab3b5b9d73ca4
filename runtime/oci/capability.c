// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/capability.h"

#include <stdbool.h>
#include <strings.h>

#include "base/log.h"

const char *const capability_names[CAPABILITY_COUNT] = {
	"CAP_CHOWN",		"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",	"CAP_FOWNER",
	"CAP_FSETID",		"CAP_KILL",
	"CAP_SETGID",		"CAP_SETUID",
	"CAP_SETPCAP",		"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",	"CAP_NET_RAW",
	"CAP_IPC_LOCK",		"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",		"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",	"CAP_MKNOD",
	"CAP_LEASE",		"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",		"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",	"CAP_AUDIT_READ",
	"CAP_PERFMON",		"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};

static bool is_known(const char *name)
{
	size_t i;

	for (i = 0; i < CAPABILITY_COUNT; i++)
		if (!strcasecmp(name, capability_names[i]))
			return true;
	return false;
}

static void filter(char **v, size_t *n, bool *warned)
{
	size_t i, kept = 0;

	for (i = 0; i < *n; i++) {
		if (is_known(v[i])) {
			v[kept++] = v[i];
			continue;
		}
		if (!*warned)
			log_warn("unknown capability '%.64s' is left out",
				 v[i]);
		*warned = true;
	}
	*n = kept;
}

void capabilities_drop_unknown(Grpc__LinuxCapabilities *c)
{
	bool warned = false;

	if (!c)
		return;
	filter(c->bounding, &c->n_bounding, &warned);
	filter(c->effective, &c->n_effective, &warned);
	filter(c->permitted, &c->n_permitted, &warned);
	filter(c->inheritable, &c->n_inheritable, &warned);
	filter(c->ambient, &c->n_ambient, &warned);
}
