// SPDX-License-Identifier: Apache-2.0
#include "mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "os/safe_path.h"

/*
 * The interface of mount_setattr() and open_tree(), which the C libraries of
 * the guests do not know yet; <linux/mount.h> cannot be had beside
 * <sys/mount.h>.
 */
struct attr {
	uint64_t attr_set, attr_clr, propagation, userns_fd;
};

#define ATTR_RDONLY 0x01
#define ATTR_NOSUID 0x02
#define ATTR_NODEV 0x04
#define ATTR_NOEXEC 0x08
#define ATTR_ATIME 0x70
#define ATTR_NOATIME 0x10
#define ATTR_STRICTATIME 0x20
#define ATTR_NODIRATIME 0x80
#define ATTR_IDMAP 0x100000
#define ATTR_NOSYMFOLLOW 0x200000
#define TREE_CLONE 1
#define TREE_CLOEXEC O_CLOEXEC
#define TREE_RECURSIVE 0x8000
#define MOVE_F_EMPTY 0x04
#define MOVE_T_EMPTY 0x40
#define NOSYMFOLLOW 256 /* MS_NOSYMFOLLOW */
#define LAZYTIME (1ul << 25)

static const struct {
	const char *name;
	unsigned long set, clear;
} flag_options[] = {
	{"defaults", 0, 0},
	{"ro", MS_RDONLY, 0},
	{"rw", 0, MS_RDONLY},
	{"nosuid", MS_NOSUID, 0},
	{"suid", 0, MS_NOSUID},
	{"nodev", MS_NODEV, 0},
	{"dev", 0, MS_NODEV},
	{"noexec", MS_NOEXEC, 0},
	{"exec", 0, MS_NOEXEC},
	{"sync", MS_SYNCHRONOUS, 0},
	{"async", 0, MS_SYNCHRONOUS},
	{"dirsync", MS_DIRSYNC, 0},
	{"remount", MS_REMOUNT, 0},
	{"mand", MS_MANDLOCK, 0},
	{"nomand", 0, MS_MANDLOCK},
	{"noatime", MS_NOATIME, 0},
	{"atime", 0, MS_NOATIME},
	{"nodiratime", MS_NODIRATIME, 0},
	{"diratime", 0, MS_NODIRATIME},
	{"relatime", MS_RELATIME, 0},
	{"norelatime", 0, MS_RELATIME},
	{"strictatime", MS_STRICTATIME, 0},
	{"nostrictatime", 0, MS_STRICTATIME},
	{"lazytime", LAZYTIME, 0},
	{"nolazytime", 0, LAZYTIME},
	{"silent", MS_SILENT, 0},
	{"loud", 0, MS_SILENT},
	{"iversion", MS_I_VERSION, 0},
	{"noiversion", 0, MS_I_VERSION},
	{"nosymfollow", NOSYMFOLLOW, 0},
	{"symfollow", 0, NOSYMFOLLOW},
	{"bind", MS_BIND, 0},
	{"rbind", MS_BIND | MS_REC, 0},
};

static const struct {
	const char *name;
	uint64_t set, clear;
} recursive_options[] = {
	{"rro", ATTR_RDONLY, 0},
	{"rrw", 0, ATTR_RDONLY},
	{"rnosuid", ATTR_NOSUID, 0},
	{"rsuid", 0, ATTR_NOSUID},
	{"rnodev", ATTR_NODEV, 0},
	{"rdev", 0, ATTR_NODEV},
	{"rnoexec", ATTR_NOEXEC, 0},
	{"rexec", 0, ATTR_NOEXEC},
	{"rnodiratime", ATTR_NODIRATIME, 0},
	{"rdiratime", 0, ATTR_NODIRATIME},
	{"rnoatime", ATTR_NOATIME, ATTR_ATIME},
	{"rrelatime", 0, ATTR_ATIME},
	{"rstrictatime", ATTR_STRICTATIME, ATTR_ATIME},
	{"rnosymfollow", ATTR_NOSYMFOLLOW, 0},
	{"rsymfollow", 0, ATTR_NOSYMFOLLOW},
};

static const struct {
	const char *name;
	unsigned long flags;
} propagations[] = {
	{"shared", MS_SHARED},
	{"rshared", MS_SHARED | MS_REC},
	{"slave", MS_SLAVE},
	{"rslave", MS_SLAVE | MS_REC},
	{"private", MS_PRIVATE},
	{"rprivate", MS_PRIVATE | MS_REC},
	{"unbindable", MS_UNBINDABLE},
	{"runbindable", MS_UNBINDABLE | MS_REC},
};

unsigned long mount_propagation(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(propagations); i++)
		if (!strcmp(propagations[i].name, name))
			return propagations[i].flags;
	return 0;
}

static bool parse_flag(struct mount_options *o, const char *word)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flag_options); i++) {
		if (strcmp(flag_options[i].name, word))
			continue;
		/* The last one said counts. */
		o->flags |= flag_options[i].set;
		o->flags &= ~flag_options[i].clear;
		o->clear |= flag_options[i].clear;
		o->clear &= ~flag_options[i].set;
		return true;
	}
	for (i = 0; i < ARRAY_SIZE(recursive_options); i++) {
		if (strcmp(recursive_options[i].name, word))
			continue;
		o->rec_clear |= recursive_options[i].clear;
		o->rec_clear &= ~(recursive_options[i].set & ~ATTR_ATIME);
		o->rec_set &= ~recursive_options[i].clear;
		o->rec_set |= recursive_options[i].set;
		return true;
	}
	return false;
}

static int add_word(struct mount_options *o, const char *word)
{
	size_t used = strlen(o->data), n = strlen(word);
	unsigned long propagation = mount_propagation(word);

	if (!n || parse_flag(o, word))
		return 0;
	if (propagation) {
		o->propagation = propagation;
		return 0;
	}
	if (!strcmp(word, "tmpcopyup")) {
		o->copy_up = true;
		return 0;
	}
	if (!strcmp(word, "idmap") || !strcmp(word, "ridmap")) {
		o->idmap = true;
		o->idmap_all = *word == 'r';
		return 0;
	}
	if (used + n + 2 > sizeof(o->data))
		return -E2BIG;
	if (used)
		o->data[used++] = ',';
	memcpy(o->data + used, word, n + 1);
	return 0;
}

int mount_options_parse(struct mount_options *ret, char *const *options,
			size_t n)
{
	size_t i;
	int r = 0;

	memset(ret, 0, sizeof(*ret));
	for (i = 0; !r && i < n; i++) {
		cleanup_free char *copy = strdup(options[i]);
		char *word, *rest = copy;

		if (!copy)
			return -ENOMEM;
		while (!r && (word = strsep(&rest, ",")))
			r = add_word(ret, word);
	}
	return r;
}

int mount_attr_set(int fd, bool recursive, uint64_t set, uint64_t clear,
		   uint64_t propagation)
{
	struct attr attr = {set, clear, propagation, 0};
	unsigned int at = AT_EMPTY_PATH | (recursive ? TREE_RECURSIVE : 0u);

	if (!set && !clear && !propagation)
		return 0;
	if (syscall(SYS_mount_setattr, fd, "", at, &attr, sizeof(attr)) < 0)
		return -errno;
	return 0;
}

static uint64_t attr_of_flags(unsigned long flags)
{
	static const struct {
		unsigned long flag;
		uint64_t attr;
	} map[] = {
		{MS_RDONLY, ATTR_RDONLY},	{MS_NOSUID, ATTR_NOSUID},
		{MS_NODEV, ATTR_NODEV},		{MS_NOEXEC, ATTR_NOEXEC},
		{MS_NOATIME, ATTR_NOATIME},
		{MS_NODIRATIME, ATTR_NODIRATIME},
		{MS_STRICTATIME, ATTR_STRICTATIME},
		{NOSYMFOLLOW, ATTR_NOSYMFOLLOW},
	};
	uint64_t attr = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(map); i++)
		if (flags & map[i].flag)
			attr |= map[i].attr;
	/* One of the access time modes only; strictatime yields. */
	if ((attr & ATTR_ATIME) == (ATTR_NOATIME | ATTR_STRICTATIME))
		attr &= ~(uint64_t)ATTR_STRICTATIME;
	return attr;
}

/* What is asked of an existing mount: its own flags, then the tree's, then
 * propagation. */
static int apply_attrs(int treefd, const struct mount_options *o)
{
	uint64_t set = attr_of_flags(o->flags);
	uint64_t clear = attr_of_flags(o->clear) & ~(uint64_t)ATTR_ATIME;
	int r;

	if (set & ATTR_ATIME || (o->flags | o->clear) & (MS_NOATIME |
						MS_RELATIME | MS_STRICTATIME))
		clear |= ATTR_ATIME;
	r = mount_attr_set(treefd, false, set, clear, 0);
	if (!r)
		r = mount_attr_set(treefd, true, o->rec_set,
				   o->rec_set & ATTR_ATIME ?
				   o->rec_clear | ATTR_ATIME : o->rec_clear, 0);
	if (!r && o->propagation)
		r = mount_attr_set(treefd, o->propagation & MS_REC, 0, 0,
				   o->propagation & ~(unsigned long)MS_REC);
	return r;
}

static int clone_tree(int sourcefd, const struct mount_options *options,
		     struct err *reterr)
{
	unsigned int flags = TREE_CLONE | TREE_CLOEXEC | AT_EMPTY_PATH;
	int tree;

	if (options->flags & MS_REC)
		flags |= TREE_RECURSIVE;
	tree = (int)syscall(SYS_open_tree, sourcefd, "", flags);
	if (tree < 0)
		return err_errno(reterr, "clone the mount of the source");
	return tree;
}

int mount_attach(int treefd, int targetfd, const struct mount_options *options,
		 struct err *reterr)
{
	int r = apply_attrs(treefd, options);

	if (r < 0)
		return err_code(reterr, r, "set mount flags");
	if (syscall(SYS_move_mount, treefd, "", targetfd, "",
		    MOVE_F_EMPTY | MOVE_T_EMPTY) < 0)
		return err_errno(reterr, "attach the mount");
	return 0;
}

int mount_bind_at(int sourcefd, int targetfd,
		  const struct mount_options *options, struct err *reterr)
{
	cleanup_close int tree = clone_tree(sourcefd, options, reterr);

	return tree < 0 ? tree : mount_attach(tree, targetfd, options, reterr);
}

int mount_open_idmapped(int sourcefd, int usernsfd,
			const struct mount_options *options,
			struct err *reterr)
{
	struct attr attr = {.attr_set = ATTR_IDMAP,
			    .userns_fd = (uint64_t)usernsfd};
	unsigned int at = AT_EMPTY_PATH |
			  (options->idmap_all ? TREE_RECURSIVE : 0u);
	cleanup_close int tree = clone_tree(sourcefd, options, reterr);

	if (tree < 0)
		return tree;
	if (syscall(SYS_mount_setattr, tree, "", at, &attr, sizeof(attr)) < 0)
		return err_errno(reterr, "map ids (not every file system of "
				 "the guest can)");
	return TAKE_FD(tree);
}

int mount_reopen(int targetfd)
{
	char link[FD_PATH_SIZE], path[4096];
	ssize_t n = readlink(fd_path(link, targetfd), path, sizeof(path) - 1);
	int fd;

	if (n < 0)
		return -errno;
	path[n] = '\0';
	fd = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

int mount_fs_at(int targetfd, const char *source, const char *type,
		const struct mount_options *options, struct err *reterr)
{
	const unsigned long bind_only = MS_BIND | MS_REC | MS_REMOUNT;
	cleanup_close int top = -1;
	char path[FD_PATH_SIZE];
	int r;

	if (mount(source, fd_path(path, targetfd), type,
		  options->flags & ~bind_only,
		  *options->data ? options->data : NULL) < 0)
		return err_errno(reterr, "mount %s '%s' with options '%s'",
				 type, source, options->data);
	if (!options->propagation && !options->rec_set && !options->rec_clear)
		return 0;
	top = mount_reopen(targetfd);
	r = top < 0 ? top : apply_attrs(top, options);
	if (r < 0)
		return err_code(reterr, r, "set mount flags");
	return 0;
}
