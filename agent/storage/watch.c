// SPDX-License-Identifier: Apache-2.0
/*
 * Storages of driver "watchable-bind": files of a share of the host's, whose
 * changes no inotify of the guest sees. What is mounted is a copy in memory,
 * which a child of the agent's compares with its source every 2 s.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "mirror.h"
#include "mount.h"
#include "os/io.h"
#include "os/safe_path.h"
#include "storage.h"

#define INTERVAL_MS 2000
#define FIRST_ATTEMPTS 5
#define WATCHES_MAX 64
#define PARENT_NAME "watchable"
/* Of all storages of one parent together. */
#define PARENT_OPTIONS "size=64m,nr_inodes=16k,mode=0755"

struct watch {
	struct list link;
	char *source, *mount_point; /* both below the agent's root */
	bool is_bound; /* too large to be copied: a plain bind mount */
	int last;      /* what came of it last, so that it is said once */
};

static void watch_free(struct watch *w)
{
	if (!w)
		return;
	list_del(&w->link);
	free(w->source);
	free(w->mount_point);
	free(w);
}

DEFINE_CLEANUP(struct watch, watch_free)

static int open_below(const struct agent *agent, const char *path)
{
	cleanup_close int root = open(agent->root,
				      O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return -errno;
	return root_open_nolinks(root, path + strlen(agent->root) + 1, O_PATH,
				 0);
}

/* The directory that PATH is in, to be freed. */
static char *parent_of(const char *path)
{
	return strndup(path, (size_t)(path_base(path) - path) - 1);
}

static int open_parent(const struct agent *agent, const struct watch *w)
{
	cleanup_free char *parent = parent_of(w->mount_point);

	return parent ? open_below(agent, parent) : -ENOMEM;
}

/* The copy as it should be; -errno of mirror_tree(). */
static int update(const struct agent *agent, const struct watch *w)
{
	const char *name = path_base(w->mount_point);
	cleanup_close int from = open_below(agent, w->source);
	cleanup_close int parent = open_parent(agent, w);
	cleanup_close int from_dir = -1, to_dir = -1;
	char path[FD_PATH_SIZE];
	struct stat st;

	if (from < 0 || parent < 0)
		return from < 0 ? from : parent;
	if (fstat(from, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return S_ISREG(st.st_mode) ? mirror_file(from, parent, name)
					   : -EINVAL;
	if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	from_dir = open(fd_path(path, from), O_RDONLY | O_DIRECTORY |
					     O_CLOEXEC);
	to_dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
				      O_CLOEXEC);
	if (from_dir < 0 || to_dir < 0)
		return -errno;
	return mirror_tree(from_dir, to_dir);
}

/* --- the child that watches --- */

static void check(const struct agent *agent, struct watch *w)
{
	int r = w->is_bound ? 0 : update(agent, w);

	if (r < 0 && r != -EAGAIN && r != w->last)
		log_warn("watch '%s': %s: its copy stays as it is", w->source,
			 r == -E2BIG ? "too many files or bytes"
				     : strerror(-r));
	w->last = r;
}

static void watch_main(const struct agent *agent) __attribute__((noreturn));

static void watch_main(const struct agent *agent)
{
	const struct timespec pause = {
		.tv_sec = INTERVAL_MS / 1000,
		.tv_nsec = INTERVAL_MS % 1000 * 1000000L,
	};
	struct list *pos;
	int signo;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (signo = 1; signo < NSIG; signo++)
		(void)signal(signo, SIG_DFL);
	event_restore_signals();
	/* The channel must not live on in it; the log is standard error. */
	(void)syscall(SYS_close_range, 3, ~0u, 0);
	for (;;) {
		(void)nanosleep(&pause, NULL);
		list_foreach(pos, &agent->sandbox.watches)
			check(agent, list_entry(pos, struct watch, link));
	}
}

static void on_watcher_exit(void *arg, pid_t pid, int status UNUSED)
{
	struct agent *agent = arg;

	log_err("the process that watches storages has ended");
	if (agent->sandbox.watcher == pid)
		agent->sandbox.watcher = 0;
}

/* What it knows is what the agent knew when it was made: so a new one. */
static int restart(struct agent *agent, struct err *reterr)
{
	struct sandbox *s = &agent->sandbox;
	struct list *pos;
	size_t n = 0;

	if (s->watcher > 0) {
		event_child_cancel(agent->loop, s->watcher);
		(void)kill(s->watcher, SIGKILL);
		s->watcher = 0;
	}
	list_foreach(pos, &s->watches)
		n += !list_entry(pos, struct watch, link)->is_bound;
	if (!n)
		return 0;
	s->watcher = fork();
	if (!s->watcher)
		watch_main(agent);
	if (s->watcher < 0)
		return err_errno(reterr, "watch storages");
	return event_child(agent->loop, s->watcher, on_watcher_exit, agent);
}

/* --- in the agent --- */

static bool has_parent(const struct agent *agent, const char *parent)
{
	size_t n = strlen(parent);
	struct list *pos;

	list_foreach(pos, &agent->sandbox.watches) {
		const struct watch *w = list_entry(pos, struct watch, link);

		if (!strncmp(w->mount_point, parent, n) &&
		    w->mount_point[n] == '/' &&
		    !strchr(w->mount_point + n + 1, '/'))
			return true;
	}
	return false;
}

/* The file system in memory that all mount points beside this one are in. */
static int mount_parent(const struct agent *agent, const struct watch *w,
			struct err *reterr)
{
	struct mount_options o = {.flags = MS_NOSUID | MS_NODEV,
				  .data = PARENT_OPTIONS};
	cleanup_free char *parent = parent_of(w->mount_point);
	cleanup_close int fd = -1;

	if (!parent)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (has_parent(agent, parent))
		return 0;
	fd = storage_open_mount_point(agent, parent, reterr);
	return fd < 0 ? fd : mount_fs_at(fd, "tmpfs", "tmpfs", &o, reterr);
}

static void unmount_parent(const struct agent *agent, const char *mount_point)
{
	cleanup_free char *parent = parent_of(mount_point);

	if (parent && !has_parent(agent, parent) &&
	    umount2(parent, UMOUNT_NOFOLLOW | MNT_DETACH) < 0)
		log_warn("unmount '%s': %s", parent, strerror(errno));
}

static int bind_source(const struct agent *agent, const struct watch *w,
		       const Grpc__Storage *s, struct err *reterr)
{
	const char *name = path_base(w->mount_point);
	cleanup_close int from = open_below(agent, w->source);
	cleanup_close int parent = open_parent(agent, w), to = -1;
	struct mount_options o;
	struct stat st;
	int r = mount_options_parse(&o, s->options, s->n_options);

	if (!r && (from < 0 || parent < 0))
		r = from < 0 ? from : parent;
	if (!r && fstat(from, &st) < 0)
		r = -errno;
	if (!r && !S_ISDIR(st.st_mode))
		to = openat(parent, name, O_RDONLY | O_CREAT | O_NOFOLLOW |
					  O_CLOEXEC, 0600);
	else if (!r)
		to = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (!r && to < 0)
		r = -errno;
	return r < 0 ? err_code(reterr, r, "bind '%.200s'", w->source)
		     : mount_bind_at(from, to, &o, reterr);
}

static int first_copy(const struct agent *agent, struct watch *w,
		      const Grpc__Storage *s, struct err *reterr)
{
	int i, r = -EAGAIN;

	for (i = 0; r == -EAGAIN && i < FIRST_ATTEMPTS; i++)
		r = update(agent, w);
	if (r == -E2BIG) {
		log_info("'%s' is too large to be watched: bound as it is",
			 w->source);
		w->is_bound = true;
		return bind_source(agent, w, s, reterr);
	}
	return r < 0 ? err_code(reterr, r, "copy '%.200s'", w->source) : 0;
}

static int check_paths(const struct agent *agent, const Grpc__Storage *s,
		       struct err *reterr)
{
	cleanup_free char *parent = NULL;

	if (!path_is_within(agent->root, s->source) ||
	    !strcmp(agent->root, s->source))
		return err_set(reterr, -EINVAL, "source '%.200s' is not below "
			       "%s", s->source, agent->root);
	if (!path_is_within(agent->root, s->mount_point) ||
	    !strcmp(agent->root, s->mount_point))
		return err_set(reterr, -EINVAL, "mount point '%.200s' is not "
			       "below %s", s->mount_point, agent->root);
	parent = parent_of(s->mount_point);
	if (!parent)
		return err_set(reterr, -ENOMEM, "out of memory");
	/* A file system is mounted over it. */
	if (strcmp(path_base(parent), PARENT_NAME) ||
	    !strcmp(parent, agent->root) || path_is_within(parent, s->source))
		return err_set(reterr, -EINVAL, "mount point '%.200s' is not "
			       "in a directory '%s' of its own", s->mount_point,
			       PARENT_NAME);
	return 0;
}

static size_t count(const struct list *list)
{
	const struct list *pos;
	size_t n = 0;

	list_foreach(pos, list)
		n++;
	return n;
}

static struct watch *find(const struct agent *agent, const char *mount_point)
{
	struct list *pos;

	list_foreach(pos, &agent->sandbox.watches) {
		struct watch *w = list_entry(pos, struct watch, link);

		if (!strcmp(w->mount_point, mount_point))
			return w;
	}
	return NULL;
}

static void watch_drop(struct agent *agent, const char *mount_point)
{
	struct watch *w = find(agent, mount_point);
	cleanup_close int parent = w ? open_parent(agent, w) : -1;
	struct err e;

	if (!w)
		return;
	if (w->is_bound)
		(void)umount2(mount_point, UMOUNT_NOFOLLOW | MNT_DETACH);
	watch_free(w);
	if (restart(agent, &e) < 0)
		log_err("%s", e.text);
	if (parent >= 0)
		(void)remove_tree(parent, path_base(mount_point));
	close_fd(&parent);
	unmount_parent(agent, mount_point);
}

static int watch_add(struct agent *agent, const Grpc__Storage *storage,
		     struct err *reterr)
{
	cleanup(watch_freep) struct watch *w = NULL;
	struct mount_options o;
	int r = check_paths(agent, storage, reterr);

	if (r < 0)
		return r;
	r = mount_options_parse(&o, storage->options, storage->n_options);
	if (r < 0)
		return err_code(reterr, r, "mount options");
	if (count(&agent->sandbox.watches) >= WATCHES_MAX)
		return err_set(reterr, -ENOSPC, "more than %d watched storages",
			       WATCHES_MAX);
	w = calloc(1, sizeof(*w));
	if (!w)
		return err_set(reterr, -ENOMEM, "out of memory");
	list_init(&w->link);
	w->source = strdup(storage->source);
	w->mount_point = strdup(storage->mount_point);
	if (!w->source || !w->mount_point)
		return err_set(reterr, -ENOMEM, "out of memory");
	r = mount_parent(agent, w, reterr);
	if (r < 0)
		return r;
	r = first_copy(agent, w, storage, reterr);
	list_append(&agent->sandbox.watches, &w->link);
	(void)TAKE_PTR(w);
	if (!r)
		r = restart(agent, reterr);
	if (r < 0)
		watch_drop(agent, storage->mount_point);
	return r;
}

const struct storage_driver storage_watchable = {
	.name = "watchable-bind",
	.add = watch_add,
	.drop = watch_drop,
};
