// SPDX-License-Identifier: Apache-2.0
/*
 * What a container's process does between its birth and its program: it goes
 * from the agent's world into the container's, one way. It runs on a copy of
 * the agent's memory and may use all of it. Any failure is told to the agent
 * over CHILD_SYNC_FD.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strv.h"
#include "caps.h"
#include "container.h"
#include "hook.h"
#include "os/event.h"
#include "os/io.h"
#include "process.h"
#include "program.h"
#include "rlimit.h"
#include "rootfs.h"
#include "os/safe_path.h"
#include "spec.h"
#include "sysctl.h"
#include "sysfilter.h"
#include "user.h"

#define DEFAULT_PATH                                                           \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define EXIT_NOT_FOUND 127
#define EXIT_NOT_EXECUTABLE 126

struct child {
	const struct launch *launch;
	const Grpc__Process *process;
	struct sysfilter *filter;
	struct caps caps;
	struct strv env;
	char *program; /* what to execute, found */
	mode_t umask;
};

static void send_message(enum process_msg_kind kind, const struct err *e,
			 int fd)
{
	struct process_msg msg = {.kind = (int)kind};

	if (e)
		msg.err = *e;
	(void)send_fds(CHILD_SYNC_FD, &msg, sizeof(msg), &fd, fd >= 0);
}

/* The agent's word to go on; when it has died there is nothing to do. */
static void await_word(void)
{
	char word;

	if (read(CHILD_SYNC_FD, &word, 1) != 1)
		_exit(EXIT_NOT_EXECUTABLE);
}

static void reset_signals(void)
{
	int signo;

	for (signo = 1; signo < NSIG; signo++)
		(void)signal(signo, SIG_DFL); /* SIGKILL and SIGSTOP refuse */
	event_restore_signals();
}

static int set_oom_score(const Grpc__Process *p, struct err *reterr)
{
	char text[32];
	int r;

	(void)snprintf(text, sizeof(text), "%lld", (long long)p->oomscoreadj);
	r = write_file(AT_FDCWD, "/proc/self/oom_score_adj", text);
	if (r < 0)
		return err_code(reterr, r, "set the OOM score to %s", text);
	return 0;
}

static int set_rlimits(const Grpc__Process *p, struct err *reterr)
{
	size_t i;

	for (i = 0; i < p->n_rlimits; i++) {
		const Grpc__POSIXRlimit *l = p->rlimits[i];
		const struct rlimit limit = {(rlim_t)l->soft, (rlim_t)l->hard};
		int resource = rlimit_of_name(l->type);

		if (resource < 0)
			return err_set(reterr, resource, "resource '%.64s'",
				       l->type);
		if (setrlimit((unsigned int)resource, &limit) < 0)
			return err_errno(reterr, "limit %s", l->type);
	}
	return 0;
}

static int read_caps(struct child *ch, struct err *reterr)
{
	const Grpc__LinuxCapabilities *c = ch->process->capabilities;
	struct caps *to = &ch->caps;
	int r;

	if (!c)
		return 0; /* none at all, says the specification */
	r = caps_of_names(c->bounding, c->n_bounding, &to->bounding, reterr);
	if (!r)
		r = caps_of_names(c->effective, c->n_effective, &to->effective,
				  reterr);
	if (!r)
		r = caps_of_names(c->permitted, c->n_permitted, &to->permitted,
				  reterr);
	if (!r)
		r = caps_of_names(c->inheritable, c->n_inheritable,
				  &to->inheritable, reterr);
	if (!r)
		r = caps_of_names(c->ambient, c->n_ambient, &to->ambient,
				  reterr);
	/* What the kernel would refuse outright: a set that its superset lacks
	 * (images ask for ambient ones without the rest). */
	to->effective &= to->permitted;
	to->ambient &= to->permitted & to->inheritable;
	return r;
}

static int become_root(struct err *reterr)
{
	if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 ||
	    setresuid(0, 0, 0) < 0)
		return err_errno(reterr, "become root of the user namespace");
	return 0;
}

static int join_namespaces(const struct launch *l, struct err *reterr)
{
	unsigned int i;

	for (i = 0; i < l->n_ns_fds; i++)
		if (setns(CHILD_NS_FDS + (int)i, 0) < 0)
			return err_errno(reterr, "join a namespace");
	if (l->join_flags && setns(CHILD_TARGET_FD, (int)l->join_flags) < 0)
		return err_errno(reterr, "join the container's namespaces");
	if (l->joined_userns || l->clone_flags & CLONE_NEWUSER)
		return become_root(reterr);
	return 0;
}

/* The master of a new terminal of the container's own devpts. */
static int open_ptmx(int rootfd, struct err *reterr)
{
	cleanup_close int fd = root_open(rootfd, "dev/pts/ptmx",
					 O_RDWR | O_NOCTTY, 0);
	struct stat st;
	int zero = 0;

	if (fd < 0)
		return err_code(reterr, fd, "open /dev/pts/ptmx");
	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) ||
	    st.st_rdev != makedev(5, 2))
		return err_set(reterr, -EPERM, "/dev/pts/ptmx is no terminal "
			       "multiplexer");
	if (ioctl(fd, TIOCSPTLCK, &zero) < 0)
		return err_errno(reterr, "unlock the terminal");
	return TAKE_FD(fd);
}

/* Gives the process its terminal; ROOTFD is the container's root. */
static int open_tty(struct child *ch, int rootfd, struct err *reterr)
{
	const Grpc__Box *box = ch->process->consolesize;
	struct winsize size = {0};
	cleanup_close int master = -1, slave = -1;
	int i, r = 0;

	if (!ch->process->terminal)
		return 0;
	master = open_ptmx(rootfd, reterr);
	if (master < 0)
		return master;
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_errno(reterr, "open the terminal");
	if (box && box->height && box->height <= UINT16_MAX &&
	    box->width <= UINT16_MAX) {
		size.ws_row = (uint16_t)box->height;
		size.ws_col = (uint16_t)box->width;
		(void)ioctl(master, TIOCSWINSZ, &size);
	}
	if (ch->launch->spec)
		r = rootfs_console(rootfd, slave, reterr);
	if (r < 0)
		return r;
	send_message(PROCESS_MSG_TTY, NULL, master);
	for (i = 0; i < 3; i++)
		if (dup2(slave, i) < 0)
			return err_errno(reterr, "duplicate the terminal");
	if (ioctl(0, TIOCSCTTY, 0) < 0)
		return err_errno(reterr, "take the terminal");
	return 0;
}

static int apply_sysctls(const struct launch *l, struct err *reterr)
{
	const Grpc__Linux *spec = l->spec->linux;
	size_t i;
	int r = 0;

	for (i = 0; !r && i < spec->n_sysctl; i++)
		r = sysctl_set(spec->sysctl[i]->key, spec->sysctl[i]->value,
			       l->container->namespaces, reterr);
	return r;
}

/* The way in of a container's first process. */
static int enter_new(struct child *ch, struct err *reterr)
{
	const struct launch *l = ch->launch;
	const char *hostname = l->spec->hostname;
	const char *domain = spec_extra(l->spec, "domainname");
	cleanup_close int rootfd = -1;
	int r;

	if (l->new_timens && extras_enter_time(l->extras, reterr) < 0)
		return reterr->code;
	if (l->new_cgroupns && unshare(CLONE_NEWCGROUP) < 0)
		return err_errno(reterr, "make a cgroup namespace");
	if (*hostname && l->container->namespaces & CLONE_NEWUTS &&
	    sethostname(hostname, strlen(hostname)) < 0)
		return err_errno(reterr, "set the host name '%.64s'", hostname);
	if (domain && l->container->namespaces & CLONE_NEWUTS &&
	    setdomainname(domain, strlen(domain)) < 0)
		return err_errno(reterr, "set the domain name '%.64s'", domain);
	r = apply_sysctls(l, reterr);
	if (r < 0)
		return r;
	(void)umask(0);
	rootfd = rootfs_prepare(l, reterr);
	if (rootfd < 0)
		return rootfd;
	r = open_tty(ch, rootfd, reterr);
	if (!r)
		r = rootfs_restrict(rootfd, l->spec->linux, reterr);
	if (!r)
		r = rootfs_enter(rootfd, l, reterr);
	return r;
}

/* The way in of a further process: the mount namespace has brought the root. */
static int enter_existing(struct child *ch, struct err *reterr)
{
	cleanup_close int rootfd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (rootfd < 0)
		return err_errno(reterr, "open the root");
	return open_tty(ch, rootfd, reterr);
}

static const char *env_value(const struct strv *env, const char *name)
{
	size_t i, n = strlen(name);

	for (i = 0; i < env->n; i++)
		if (!strncmp(env->v[i], name, n) && env->v[i][n] == '=')
			return env->v[i] + n + 1;
	return NULL;
}

static int make_env(struct child *ch, struct err *reterr)
{
	const Grpc__Process *p = ch->process;
	size_t i;

	for (i = 0; i < p->n_env; i++)
		if (strchr(p->env[i], '='))
			(void)strv_add(&ch->env, p->env[i]);
	if (!env_value(&ch->env, "HOME")) {
		cleanup_free char *home = user_home(p->user ? p->user->uid : 0);

		if (home)
			(void)strv_addf(&ch->env, "HOME=%s", home);
	}
	if (strv_error(&ch->env))
		return err_set(reterr, -ENOMEM, "out of memory");
	return 0;
}

/* 0 for something this user may execute. */
static int check_program(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	/* With the effective ids; the system call has no such mode. */
	return access(path, X_OK) < 0 ? -errno : 0;
}

static int find_in_path(struct child *ch, const char *name, struct err *reterr)
{
	const char *path = env_value(&ch->env, "PATH");
	int r = -ENOENT;

	if (!path)
		path = DEFAULT_PATH;
	for (;;) {
		size_t n = strcspn(path, ":");
		cleanup_free char *full = NULL;
		int found;

		if (asprintf(&full, "%.*s%s%s", (int)n, path, n ? "/" : "./",
			     name) < 0)
			return err_set(reterr, -ENOMEM, "out of memory");
		found = check_program(full);
		if (!found) {
			ch->program = TAKE_PTR(full);
			return 0;
		}
		if (found == -EACCES)
			r = found;
		if (!path[n])
			break;
		path += n + 1;
	}
	if (r == -EACCES)
		return err_set(reterr, r, "exec: \"%.200s\": permission denied",
			       name);
	return err_set(reterr, r, "exec: \"%.200s\": executable file not found "
		       "in $PATH", name);
}

static int find_program(struct child *ch, struct err *reterr)
{
	const char *name = ch->process->args[0];
	int r;

	if (!strchr(name, '/'))
		return find_in_path(ch, name, reterr);
	r = check_program(name);
	if (r == -ENOENT || r == -ENOTDIR)
		return err_set(reterr, -ENOENT,
			       "exec: \"%.200s\": stat %.200s: "
			       "no such file or directory", name, name);
	if (r < 0)
		return err_set(reterr, -EACCES, "exec: \"%.200s\": %s", name,
			       r == -EISDIR ? "is a directory"
					    : "permission denied");
	ch->program = strdup(name);
	return ch->program ? 0 : err_set(reterr, -ENOMEM, "out of memory");
}

/* So that the program can open /dev/stdout and its like by name. */
static void own_stdio(const Grpc__User *user)
{
	uid_t uid = user ? user->uid : 0;
	struct stat st;
	int i;

	for (i = 0; i < 3; i++)
		if (fstat(i, &st) == 0 && st.st_uid != uid &&
		    (S_ISFIFO(st.st_mode) || isatty(i)))
			(void)fchown(i, uid, (gid_t)-1);
}

static int change_dir(const char *cwd, struct err *reterr)
{
	if (chdir(*cwd ? cwd : "/") < 0)
		return err_errno(reterr, "enter directory '%.200s'", cwd);
	return 0;
}

/* The process itself, in its place: what it may do, and who it is. */
static int become(struct child *ch, struct err *reterr)
{
	const Grpc__Process *p = ch->process;
	bool filter_last = p->nonewprivileges;
	int r;

	own_stdio(p->user);
	r = set_rlimits(p, reterr);
	if (!r && p->nonewprivileges &&
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = err_errno(reterr, "set no_new_privs");
	/* Needs a privilege that will be gone; so it has to let pass what is
	 * done below. */
	if (!r && ch->filter && !filter_last)
		r = sysfilter_load(ch->filter, reterr);
	if (!r)
		r = caps_drop_bounding(&ch->caps, reterr);
	if (!r)
		r = caps_keep(true, reterr);
	if (!r)
		r = change_dir(p->cwd, reterr);
	if (!r)
		r = user_become(p->user, reterr);
	(void)umask(ch->umask);
	if (!r)
		r = caps_apply(&ch->caps, reterr);
	if (!r)
		r = caps_keep(false, reterr);
	if (!r)
		r = make_env(ch, reterr);
	if (!r)
		r = find_program(ch, reterr);
	if (!r && ch->filter && filter_last)
		r = sysfilter_load(ch->filter, reterr);
	return r;
}

static int set_up(struct child *ch, struct err *reterr)
{
	const struct launch *l = ch->launch;
	int r;

	r = set_oom_score(ch->process, reterr);
	if (!r)
		r = read_caps(ch, reterr);
	if (!r && l->seccomp)
		r = sysfilter_new(l->seccomp, (int)l->extras->seccomp_errno,
				  &ch->filter, reterr);
	if (!r)
		r = extras_apply(l->extras, reterr);
	if (!r && l->spec)
		r = extras_apply_first(l->extras, reterr);
	if (r < 0)
		return r;
	if (setsid() < 0)
		return err_errno(reterr, "make a session");
	/* A keyring of its own, where the kernel has any. */
	(void)syscall(SYS_keyctl, 1, NULL); /* KEYCTL_JOIN_SESSION_KEYRING */
	r = join_namespaces(l, reterr);
	if (!r)
		r = l->spec ? enter_new(ch, reterr)
			    : enter_existing(ch, reterr);
	return r < 0 ? r : become(ch, reterr);
}

static void fail(const struct err *e) __attribute__((noreturn));

static void fail(const struct err *e)
{
	send_message(PROCESS_MSG_ERROR, e, -1);
	_exit(e->code == -ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

/* Returns on failure only. */
static void execute(struct child *ch)
{
	const Grpc__Process *p = ch->process;
	struct strv argv = STRV_INIT;
	size_t i;

	for (i = 0; i < p->n_args; i++)
		(void)strv_add(&argv, p->args[i]);
	errno = ENOMEM;
	if (!strv_error(&argv))
		(void)execve(ch->program, strv_argv(&argv),
			     strv_argv(&ch->env));
}

static int run_hooks(const struct launch *l, struct err *reterr)
{
	const Grpc__Hooks *hooks = l->spec ? l->spec->hooks : NULL;
	size_t i;
	int r = 0;

	for (i = 0; !r && hooks && i < hooks->n_startcontainer; i++)
		r = hook_run(hooks->startcontainer[i], l->container->id,
			     reterr);
	return r;
}

void child_main(const struct launch *launch)
{
	struct child ch = {
		.launch = launch,
		.process = launch->process,
		.umask = (mode_t)launch->extras->umask,
	};
	struct err e = {0};

	reset_signals();
	/* Its memory and its /proc/<pid>/exe are the agent's until it executes:
	 * nobody in the container may look into it. execve() undoes this. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	await_word();
	if (set_up(&ch, &e) < 0)
		fail(&e);
	send_message(PROCESS_MSG_READY, NULL, -1);
	await_word();
	if (run_hooks(launch, &e) < 0)
		fail(&e);
	execute(&ch);
	(void)program_failure(ch.program, ch.process->args[0], errno, &e);
	fail(&e);
}
