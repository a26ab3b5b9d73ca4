// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "os/io.h"
#include "runtime/config.h"
#include "runtime/engine/client.h"
#include "runtime/engine/dir.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/spawn.h"
#include "runtime/engine/stream.h"

#define CONFIG_MAX ((size_t)1 << 20)
/* A supervisor that nobody tells what to do is not needed. */
#define IDLE_MS 30000

struct options {
	const char *root, *id, *arch;
	bool debug;
};

static bool abandoned;

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{"root", required_argument, NULL, 'r'},
		{"id", required_argument, NULL, 'i'},
		{"arch", required_argument, NULL, 'a'},
		{"debug", no_argument, NULL, 'd'},
		{NULL, 0, NULL, 0},
	};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'r':
			o->root = optarg;
			break;
		case 'i':
			o->id = optarg;
			break;
		case 'a':
			o->arch = optarg;
			break;
		case 'd':
			o->debug = true;
			break;
		default:
			return -EINVAL;
		}
	}
	return o->root && o->id && id_is_valid(o->id) && o->root[0] == '/'
		       ? 0
		       : -EINVAL;
}

/* The effective configuration, as the client wrote it down. */
static int load_config(struct engine *eng, struct err *reterr)
{
	cleanup_free char *text = NULL;
	size_t n = 0;
	int r = config_new(&eng->config, reterr);

	if (r < 0)
		return r;
	r = read_file(eng->dirfd, SPAWN_CONFIG_NAME, CONFIG_MAX, &text, &n);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_code(reterr, r, "read " SPAWN_CONFIG_NAME);
	return config_parse(eng->config, text, n, SPAWN_CONFIG_NAME, reterr);
}

void engine_phase(struct engine *eng, const char *name)
{
	journal_phase(&eng->journal, name, event_now_ms() - eng->started_ms);
}

void engine_shutdown(struct engine *eng)
{
	struct list *i, *j, *tmp;

	sandbox_kill(eng->sandbox);
	list_foreach(i, &eng->sandbox->containers) {
		struct container *c = list_entry(i, struct container, link);

		container_guest_gone(c);
		list_foreach_safe(j, tmp, &c->processes)
			process_report(list_entry(j, struct process, link));
	}
	stubs_end_all(eng, 137);
	event_loop_quit(eng->loop, 0);
}

void engine_abandon(struct engine *eng)
{
	abandoned = true;
	engine_shutdown(eng);
}

static void on_terminate(void *arg, const struct event_siginfo *info UNUSED)
{
	engine_shutdown(arg);
}

static void on_idle(void *arg)
{
	struct engine *eng = arg;

	if (list_empty(&eng->sandbox->containers))
		engine_abandon(eng);
}

static int set_up(struct engine *eng, struct err *reterr)
{
	static const int ignored[] = {SIGINT, SIGHUP, SIGQUIT, SIGUSR1,
				      SIGUSR2, SIGPIPE};
	size_t i;
	int r;

	eng->loop = event_loop_new();
	if (!eng->loop)
		return err_errno(reterr, "event loop");
	for (i = 0; i < ARRAY_SIZE(ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
	r = event_signal(eng->loop, SIGTERM, on_terminate, eng);
	if (r < 0)
		return err_code(reterr, r, "signals");
	r = load_config(eng, reterr);
	if (!r)
		r = journal_open(&eng->journal, eng->dirfd, reterr);
	if (!r)
		r = journal_path(&eng->journal, "file", RING_CONSOLE_NAME);
	if (!r)
		r = ring_open(&eng->console, eng->dirfd, RING_CONSOLE_NAME);
	if (r < 0)
		return *reterr->text ? r : err_code(reterr, r, "set up");
	eng->sandbox = sandbox_new(eng, reterr);
	if (!eng->sandbox)
		return reterr->code;
	r = stubs_listen(eng, SPAWN_FD_STUB);
	if (!r)
		r = task_listen(eng, SPAWN_FD_TASK);
	return r < 0 ? err_code(reterr, r, "listen") : 0;
}

static int serve(struct engine *eng)
{
	struct event_timer *idle = event_timer_new(eng->loop, on_idle, eng);
	int r;

	if (idle)
		event_timer_set(idle, IDLE_MS);
	r = event_loop_run(eng->loop);
	event_timer_free(idle);
	return r;
}

static void protect_descriptors(void)
{
	(void)fcntl(SPAWN_FD_STUB, F_SETFD, FD_CLOEXEC);
	(void)fcntl(SPAWN_FD_TASK, F_SETFD, FD_CLOEXEC);
}

int supervisor_main(int argc, char **argv)
{
	struct engine eng = {.dirfd = -1, .journal = JOURNAL_INIT,
			     .console = RING_INIT};
	cleanup_free char *dir = NULL;
	struct options o = {0};
	struct err err = {0};
	int r = parse_options(argc, argv, &o);

	log_setup(2, LOG_FORMAT_TEXT,
		  o.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, "supervisor");
	if (r < 0) {
		log_err("this verb is internal");
		return 1;
	}
	(void)prctl(PR_SET_NAME, "kiln-supervisor", 0, 0, 0);
	(void)umask(022);
	protect_descriptors();
	dir = path_join(o.root, o.id);
	list_init(&eng.stubs);
	list_init(&eng.doors);
	eng.id = o.id;
	eng.arch = o.arch;
	eng.dir = dir;
	eng.started_ms = event_now_ms();
	eng.dirfd = dir ? dir_open(o.root, o.id, &err) : -ENOMEM;
	r = eng.dirfd < 0 ? eng.dirfd : dir_lock(eng.dirfd);
	if (!r)
		r = set_up(&eng, &err);
	if (!r)
		r = serve(&eng);
	if (r < 0)
		log_err("%s", err.text);
	task_close_all(&eng);
	sandbox_free(eng.sandbox);
	stubs_close_all(&eng);
	event_loop_free(eng.loop);
	config_free(eng.config);
	journal_close(&eng.journal);
	ring_close(&eng.console);
	close_fd(&eng.dirfd);
	if (abandoned && dir_remove(o.root, o.id, &err) < 0)
		log_err("%s", err.text);
	return r < 0 ? 1 : 0;
}
