// SPDX-License-Identifier: Apache-2.0
/*
 * The file is a sequence of NUL-terminated pairs, command and output. Output
 * is capped where preprocess.c caps it.
 */
#include "memo.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUTPUT_MAX 4096

struct pair {
	char *cmd;
	char *out;
};

static struct pair *pairs;
static size_t n_pairs;
static int dirty;
static char *memo_path;

static const char *lookup(const char *cmd)
{
	size_t i;

	for (i = 0; i < n_pairs; i++)
		if (strcmp(pairs[i].cmd, cmd) == 0)
			return pairs[i].out;
	return NULL;
}

static const char *add(const char *cmd, const char *out)
{
	struct pair *p = realloc(pairs, (n_pairs + 1) * sizeof(*p));

	if (!p)
		abort();
	pairs = p;
	p += n_pairs;
	p->cmd = strdup(cmd);
	p->out = strdup(out);
	if (!p->cmd || !p->out)
		abort();
	n_pairs++;
	return p->out;
}

void memo_load(const char *path)
{
	char *cmd = NULL, *out = NULL;
	size_t cmd_size = 0, out_size = 0;
	FILE *f;

	memo_path = strdup(path);
	f = fopen(path, "re");
	if (!f)
		return;
	while (getdelim(&cmd, &cmd_size, '\0', f) >= 0 &&
	       getdelim(&out, &out_size, '\0', f) >= 0)
		if (!lookup(cmd))
			add(cmd, out);
	free(cmd);
	free(out);
	fclose(f);
}

void memo_save(void)
{
	char tmp[4096];
	size_t i;
	FILE *f;

	if (!dirty || !memo_path)
		return;
	if (snprintf(tmp, sizeof(tmp), "%s.%d", memo_path, (int)getpid()) >=
	    (int)sizeof(tmp))
		return;
	f = fopen(tmp, "we");
	if (!f)
		return;
	for (i = 0; i < n_pairs; i++) {
		fwrite(pairs[i].cmd, strlen(pairs[i].cmd) + 1, 1, f);
		fwrite(pairs[i].out, strlen(pairs[i].out) + 1, 1, f);
	}
	if (ferror(f) | fclose(f) || rename(tmp, memo_path))
		unlink(tmp);
}

FILE *memo_popen(const char *cmd, const char *mode)
{
	const char *out = lookup(cmd);
	char buf[OUTPUT_MAX];
	size_t n;
	FILE *f;

	if (!out) {
		f = popen(cmd, mode);
		if (!f)
			return NULL;
		n = fread(buf, 1, sizeof(buf) - 1, f);
		buf[n] = '\0';
		if (pclose(f) == -1)
			return NULL;
		out = add(cmd, buf);
		dirty = 1;
	}
	/* fmemopen refuses an empty buffer. */
	if (!*out)
		return fopen("/dev/null", mode);
	return fmemopen((char *)out, strlen(out), mode);
}

int memo_pclose(FILE *f)
{
	return fclose(f);
}
