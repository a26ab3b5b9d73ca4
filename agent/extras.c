// SPDX-License-Identifier: Apache-2.0
#include "extras.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "base/num.h"
#include "ns.h"
#include "os/io.h"
#include "spec.h"

#define IOPRIO_SHIFT 13
#define IOPRIO_PROCESS 1
#define NS_PER_S 1000000000u
#define WORD_MAX 64

_Static_assert(sizeof(struct extras_sched) == 48, "sched_setattr(), version 0");

struct name {
	const char *name;
	uint64_t value;
};

static int find(const struct name *names, size_t n, const char *word,
		uint64_t *ret)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (strcmp(names[i].name, word))
			continue;
		*ret = names[i].value;
		return 0;
	}
	return -EINVAL;
}

static const struct name policies[] = {
	{"SCHED_OTHER", 0}, {"SCHED_FIFO", 1}, {"SCHED_RR", 2},
	{"SCHED_BATCH", 3}, {"SCHED_ISO", 4},  {"SCHED_IDLE", 5},
	{"SCHED_DEADLINE", 6},
};

static const struct name sched_flags[] = {
	{"SCHED_FLAG_RESET_ON_FORK", 0x01}, {"SCHED_FLAG_RECLAIM", 0x02},
	{"SCHED_FLAG_DL_OVERRUN", 0x04},    {"SCHED_FLAG_KEEP_POLICY", 0x08},
	{"SCHED_FLAG_KEEP_PARAMS", 0x10},   {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
	{"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40},
};

/* A reader of the one flat object that the host writes, without white space in
 * words: enough of JSON for that, and nothing more. */
static const char *skip(const char *p)
{
	return p + strspn(p, " \t\n");
}

static const char *read_word(const char *p, char word[WORD_MAX])
{
	size_t n;

	p = skip(p);
	if (*p == '"') {
		n = strcspn(++p, "\"\\");
		if (n >= WORD_MAX || p[n] != '"')
			return NULL;
		memcpy(word, p, n);
		word[n] = '\0';
		return skip(p + n + 1);
	}
	n = strspn(p, "-0123456789");
	if (!n || n >= WORD_MAX)
		return NULL;
	memcpy(word, p, n);
	word[n] = '\0';
	return skip(p + n);
}

static const char *read_flags(const char *p, uint64_t *flags)
{
	char word[WORD_MAX];
	uint64_t flag;

	p = skip(p + 1);
	while (*p != ']') {
		p = read_word(p, word);
		if (!p || find(sched_flags, ARRAY_SIZE(sched_flags), word,
			       &flag) < 0)
			return NULL;
		*flags |= flag;
		if (*p == ',')
			p = skip(p + 1);
		else if (*p != ']')
			return NULL;
	}
	return skip(p + 1);
}

static int set_sched(struct extras_sched *s, const char *key, const char *word)
{
	uint64_t v = 0;
	int64_t nice;
	int r;

	if (!strcmp(key, "policy")) {
		r = find(policies, ARRAY_SIZE(policies), word, &v);
		s->policy = (uint32_t)v;
		return r;
	}
	if (!strcmp(key, "nice")) {
		r = parse_i64(word, &nice);
		if (r < 0 || nice < -20 || nice > 19)
			return -EINVAL;
		s->nice = (int32_t)nice;
		return 0;
	}
	r = parse_u64(word, 10, &v);
	if (r < 0)
		return -EINVAL;
	if (!strcmp(key, "priority") && v <= 99)
		s->priority = (uint32_t)v;
	else if (!strcmp(key, "runtime"))
		s->runtime = v;
	else if (!strcmp(key, "deadline"))
		s->deadline = v;
	else if (!strcmp(key, "period"))
		s->period = v;
	else
		return -EINVAL;
	return 0;
}

int extras_parse_sched(const char *p, struct extras_sched *ret)
{
	char key[WORD_MAX], word[WORD_MAX];
	bool more;

	*ret = (struct extras_sched){.size = 48};
	p = skip(p);
	if (*p != '{')
		return -EINVAL;
	p = skip(p + 1);
	more = *p != '}';
	while (more) {
		p = read_word(p, key);
		if (!p || *p != ':')
			return -EINVAL;
		p = skip(p + 1);
		if (*p == '[' && !strcmp(key, "flags"))
			p = read_flags(p, &ret->flags);
		else
			p = read_word(p, word);
		if (!p)
			return -EINVAL;
		if (strcmp(key, "flags") && set_sched(ret, key, word) < 0)
			return -EINVAL;
		more = *p == ',';
		if (more)
			p = skip(p + 1);
	}
	return *p == '}' && !*skip(p + 1) ? 0 : -EINVAL;
}

/* "IOPRIO_CLASS_BE:4" */
static int parse_ioprio(const char *text, int *ret)
{
	static const struct name classes[] = {
		{"IOPRIO_CLASS_RT", 1},
		{"IOPRIO_CLASS_BE", 2},
		{"IOPRIO_CLASS_IDLE", 3},
	};
	const char *colon = strchr(text, ':');
	cleanup_free char *class = NULL;
	uint32_t level;
	uint64_t v;

	if (!colon)
		return -EINVAL;
	class = strndup(text, (size_t)(colon - text));
	if (!class)
		return -ENOMEM;
	if (find(classes, ARRAY_SIZE(classes), class, &v) < 0 ||
	    parse_u32(colon + 1, 10, &level) < 0 || level > 7)
		return -EINVAL;
	*ret = (int)(v << IOPRIO_SHIFT | level);
	return 0;
}

/* "<seconds>:<nanoseconds>" */
static int parse_offset(const char *text, struct extras_offset *ret)
{
	const char *colon = strchr(text, ':');
	cleanup_free char *s = NULL;

	if (!colon)
		return -EINVAL;
	s = strndup(text, (size_t)(colon - text));
	if (!s)
		return -ENOMEM;
	if (parse_i64(s, &ret->s) < 0 ||
	    parse_u32(colon + 1, 10, &ret->ns) < 0 || ret->ns >= NS_PER_S)
		return -EINVAL;
	ret->is_set = true;
	return 0;
}

static int parse_personality(const char *text, struct extras *e)
{
	static const struct name domains[] = {
		{"LINUX", PER_LINUX},
		{"LINUX32", PER_LINUX32},
	};
	uint64_t v;

	if (find(domains, ARRAY_SIZE(domains), text, &v) < 0)
		return -EINVAL;
	e->has_personality = true;
	e->personality = (unsigned long)v;
	return 0;
}

static int parse_number(const char *text, unsigned int base, uint32_t max,
			uint32_t *ret)
{
	return parse_u32(text, base, ret) < 0 || *ret > max ? -EINVAL : 0;
}

static int parse_one(struct extras *e, int i, const char *text)
{
	switch (i) {
	case 0:
		return parse_number(text, 8, 0777, &e->umask);
	case 1:
		return parse_number(text, 10, 4095, &e->seccomp_errno);
	case 2:
		return parse_ioprio(text, &e->ioprio);
	case 3:
		e->has_sched = true;
		return extras_parse_sched(text, &e->sched);
	case 4:
		return parse_personality(text, e);
	case 5:
		return parse_offset(text, &e->monotonic);
	default:
		return parse_offset(text, &e->boottime);
	}
}

int extras_parse(const Grpc__Spec *spec, struct extras *ret,
		 struct err *reterr)
{
	static const char *const keys[] = {
		"process.umask",     "linux.seccomp.errno",
		"process.ioprio",    "process.scheduler",
		"linux.personality", "linux.timeoffset.monotonic",
		"linux.timeoffset.boottime",
	};
	size_t i;

	*ret = (struct extras){.umask = 0022, .seccomp_errno = UINT32_MAX};
	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *text = spec_extra(spec, keys[i]);

		if (text && parse_one(ret, (int)i, text) < 0)
			return err_set(reterr, -EINVAL, "%s '%.64s'", keys[i],
				       text);
	}
	return 0;
}

int extras_apply(const struct extras *e, struct err *reterr)
{
	if (e->has_personality && personality(e->personality) < 0)
		return err_errno(reterr, "set the personality");
	return 0;
}

int extras_apply_first(const struct extras *e, struct err *reterr)
{
	if (e->ioprio &&
	    syscall(SYS_ioprio_set, IOPRIO_PROCESS, 0, e->ioprio) < 0)
		return err_errno(reterr, "set the I/O priority");
	if (e->has_sched && syscall(SYS_sched_setattr, 0, &e->sched, 0) < 0)
		return err_errno(reterr, "set the scheduler");
	return 0;
}

int extras_enter_time(const struct extras *e, struct err *reterr)
{
	const struct {
		const char *clock;
		const struct extras_offset *offset;
	} offsets[] = {{"monotonic", &e->monotonic}, {"boottime", &e->boottime}};
	size_t i;

	if (unshare(NS_NEWTIME) < 0)
		return err_errno(reterr, "make a time namespace");
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		char line[96];
		int r;

		if (!offsets[i].offset->is_set)
			continue;
		(void)snprintf(line, sizeof(line), "%s %lld %u\n",
			       offsets[i].clock,
			       (long long)offsets[i].offset->s,
			       offsets[i].offset->ns);
		r = write_file(AT_FDCWD, "/proc/self/timens_offsets", line);
		if (r < 0)
			return err_code(reterr, r, "set the offset of the %s "
					"clock", offsets[i].clock);
	}
	return 0;
}
