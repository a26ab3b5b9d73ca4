// SPDX-License-Identifier: Apache-2.0
#include "caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/macros.h"

static const char *const names[] = {
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL",
	"SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE",
	"NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
	"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT",
	"SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME",
	"SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL",
	"SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM",
	"BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
};
_Static_assert(ARRAY_SIZE(names) == CAP_LAST_CAP + 1,
	       "the kernel's headers know other capabilities");

int cap_of_name(const char *name)
{
	size_t i;

	if (strncasecmp(name, "CAP_", 4))
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcasecmp(name + 4, names[i]))
			return (int)i;
	return -EINVAL;
}

int caps_of_names(char *const *list, size_t n, uint64_t *ret,
		  struct err *reterr)
{
	uint64_t set = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		int cap = cap_of_name(list[i]);

		if (cap < 0)
			return err_set(reterr, cap,
				       "unknown capability '%.64s'", list[i]);
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0)
			set |= (uint64_t)1 << cap;
	}
	*ret = set;
	return 0;
}

int caps_drop_bounding(const struct caps *caps, struct err *reterr)
{
	unsigned long cap;

	for (cap = 0; cap < 64; cap++) {
		int has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (has < 0)
			return 0; /* past the kernel's last */
		if (!has || caps->bounding >> cap & 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return err_errno(reterr, "drop capability %lu", cap);
	}
	return 0;
}

int caps_keep(bool keep, struct err *reterr)
{
	if (prctl(PR_SET_KEEPCAPS, keep, 0, 0, 0) < 0)
		return err_errno(reterr, "keep capabilities");
	return 0;
}

static int set_ambient(uint64_t set, struct err *reterr)
{
	unsigned long cap;

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_errno(reterr, "clear ambient capabilities");
	for (cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (set >> cap & 1 &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return err_errno(reterr, "raise ambient capability %lu",
					 cap);
	return 0;
}

int caps_apply(const struct caps *caps, struct err *reterr)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3,
						  0};
	struct __user_cap_data_struct data[2];
	int i;

	for (i = 0; i < 2; i++) {
		data[i].effective = (uint32_t)(caps->effective >> 32 * i);
		data[i].permitted = (uint32_t)(caps->permitted >> 32 * i);
		data[i].inheritable = (uint32_t)(caps->inheritable >> 32 * i);
	}
	if (syscall(SYS_capset, &header, data) < 0)
		return err_errno(reterr, "set capabilities");
	return set_ambient(caps->ambient, reterr);
}
