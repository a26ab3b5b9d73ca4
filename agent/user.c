// SPDX-License-Identifier: Apache-2.0
#include "user.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "os/io.h"

#define GROUPS_MAX 65536 /* the kernel's */
#define PASSWD_MAX ((size_t)1 << 20)

int user_become(const Grpc__User *user, struct err *reterr)
{
	cleanup_free gid_t *groups = NULL;
	size_t i, n = user ? user->n_additionalgids : 0;
	gid_t gid = user ? user->gid : 0;
	uid_t uid = user ? user->uid : 0;

	if (n > GROUPS_MAX)
		return err_set(reterr, -EINVAL, "too many groups");
	groups = calloc(n + 1, sizeof(*groups));
	if (!groups)
		return err_set(reterr, -ENOMEM, "out of memory");
	for (i = 0; i < n; i++)
		groups[i] = user->additionalgids[i];
	/* In a user namespace that an ordinary user has made groups cannot be
	 * set, and there are none to be rid of. */
	if (setgroups(n, groups) < 0 && (n || errno != EPERM))
		return err_errno(reterr, "set additional groups");
	if (setresgid(gid, gid, gid) < 0)
		return err_errno(reterr, "become group %u", gid);
	if (setresuid(uid, uid, uid) < 0)
		return err_errno(reterr, "become user %u", uid);
	return 0;
}

/* name:password:uid:gid:comment:home:shell */
char *user_home_in(const char *text, uid_t uid)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		cleanup_free char *line = strndup(text, len);
		char *rest = line, *field[7];
		uint32_t id;
		size_t n = 0;

		if (!line)
			return NULL;
		while (n < ARRAY_SIZE(field) && (field[n] = strsep(&rest, ":")))
			n++;
		if (n > 5 && !parse_u32(field[2], 10, &id) && id == uid &&
		    *field[5])
			return strdup(field[5]);
		text += len + (text[len] == '\n');
	}
	return NULL;
}

char *user_home(uid_t uid)
{
	cleanup_free char *text = NULL;
	char *home = NULL;

	if (!read_file(AT_FDCWD, "/etc/passwd", PASSWD_MAX, &text, NULL))
		home = user_home_in(text, uid);
	return home ? home : strdup("/");
}
