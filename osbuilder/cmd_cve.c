// SPDX-License-Identifier: Apache-2.0
/* cve: what the records of the kernel's CNA mean for a kernel that was built. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "codec/json.h"
#include "command.h"
#include "cve.h"
#include "fileio.h"
#include "report.h"

#define RECORD_MAX ((size_t)4 << 20)
#define DEPTH_MAX 4
#define SHOWN_FILES 3

struct survey {
	const struct options *o;
	struct built_kernel kernel;
	struct strv paths;
	struct json_object *results;
	size_t counts[CVE_STATUS_COUNT];
	size_t unreadable;
};

static bool is_json(const struct survey *s)
{
	return s->o->format && !strcmp(s->o->format, "json");
}

/* Names of records below DIR. Other files may lie beside them. */
static int find_records(struct survey *s, const char *dir, unsigned int depth,
			struct err *reterr)
{
	cleanup_closedir DIR *d = opendir(dir);
	char path[PATH_MAX];
	struct dirent *e;
	struct stat st;
	int r = 0;

	if (!d)
		return err_errno(reterr, "'%s'", dir);
	while (r == 0 && (e = readdir(d))) {
		size_t n = strlen(e->d_name);

		if (*e->d_name == '.' ||
		    snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) >=
			    (int)sizeof(path) ||
		    stat(path, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			r = find_records(s, path, depth + 1, reterr);
		else if (!strncmp(e->d_name, "CVE-", 4) && n > 5 &&
			 !strcmp(e->d_name + n - 5, ".json"))
			r = strv_add(&s->paths, path);
	}
	return r == -ENOMEM ? err_set(reterr, r, "out of memory") : r;
}

/* By year and number: CVE-2024-9 comes before CVE-2024-10. */
static int by_number(const void *a, const void *b)
{
	const char *x = strrchr(*(char *const *)a, '/');
	const char *y = strrchr(*(char *const *)b, '/');

	return strverscmp(x, y);
}

static void print_row(const struct cve *c)
{
	const char *title = json_to_str(c->title);

	(void)printf("%-16s %-14s ", c->id, cve_status_name(c->status));
	if (c->status == CVE_FIXED)
		(void)printf("in %s; ", c->version);
	if (c->status == CVE_NOT_INTRODUCED && *c->version)
		(void)printf("before %s; ", c->version);
	if (c->status == CVE_SWITCHED_OFF)
		(void)printf("CONFIG_%s; ", c->symbol);
	for (size_t i = 0; i < c->files.n && i < SHOWN_FILES; i++) {
		report_bytes(c->files.v[i], strlen(c->files.v[i]));
		(void)printf("%s", i + 1 == c->files.n ? "; " : " ");
	}
	if (c->files.n > SHOWN_FILES)
		(void)printf("and %zu more; ", c->files.n - SHOWN_FILES);
	if (title)
		report_bytes(title, strlen(title));
	(void)putchar('\n');
}

static void put(struct json_object *o, const char *key, const char *value)
{
	if (value && *value)
		(void)json_object_object_add(o, key,
					     json_object_new_string(value));
}

static void add_result(struct survey *s, const struct cve *c)
{
	struct json_object *o = json_object_new_object();
	struct json_object *files = json_object_new_array();

	put(o, "id", c->id);
	put(o, "status", cve_status_name(c->status));
	put(o, c->status == CVE_FIXED ? "fixed_in" : "introduced_in",
	    c->version);
	put(o, "symbol", c->symbol);
	put(o, "title", json_to_str(c->title));
	for (size_t i = 0; i < c->files.n; i++)
		(void)json_object_array_add(
			files, json_object_new_string(c->files.v[i]));
	(void)json_object_object_add(o, "files", files);
	(void)json_object_array_add(s->results, o);
}

/* A record that cannot be read is said and counted; the others go on. */
static int assess(struct survey *s, const char *path, struct err *reterr)
{
	cleanup_json struct json_object *record = NULL;
	cleanup_free uint8_t *text = NULL;
	cleanup(cve_release) struct cve c = {0};
	size_t n;
	int r;

	r = file_read(path, RECORD_MAX, &text, &n, reterr);
	if (r == 0)
		r = json_parse_text((const char *)text, n, 32, &record, reterr);
	if (r == 0)
		r = cve_assess(record, &s->kernel, &c, reterr);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		(void)fprintf(stderr, "kiln-image: cve: '%s': %s\n", path,
			      reterr->text);
		s->unreadable++;
		return 0;
	}
	s->counts[c.status]++;
	if (is_json(s))
		add_result(s, &c);
	else if (c.status != CVE_REJECTED)
		print_row(&c);
	return 0;
}

static int finish(struct survey *s, struct err *reterr)
{
	cleanup_json struct json_object *o = NULL;

	if (is_json(s)) {
		struct json_object *counts = json_object_new_object();

		o = json_object_new_object();
		put(o, "arch", s->kernel.arch);
		put(o, "release", s->kernel.release);
		for (int i = 0; i < CVE_STATUS_COUNT; i++)
			(void)json_object_object_add(
				counts, cve_status_name(i),
				json_object_new_uint64(s->counts[i]));
		(void)json_object_object_add(o, "counts", counts);
		(void)json_object_object_add(o, "cves",
					     json_object_get(s->results));
		return report_json(o, "-", reterr);
	}
	(void)printf("%s, Linux %s:", s->kernel.arch, s->kernel.release);
	for (int i = 0; i < CVE_STATUS_COUNT; i++)
		(void)printf("%s %zu %s", i ? "," : "", s->counts[i],
			     cve_status_name(i));
	(void)putchar('\n');
	return 0;
}

static int run(struct survey *s, struct err *reterr)
{
	int r;

	if (!s->results)
		return err_set(reterr, -ENOMEM, "out of memory");
	r = built_kernel_read(s->o->kernel, &s->kernel, reterr);
	s->kernel.source_tree = s->o->source;
	if (r == 0)
		r = find_records(s, s->o->args[0], 0, reterr);
	if (r < 0)
		return r;
	/* Nothing found must not read as nothing to fear. */
	if (!s->paths.n)
		return err_set(reterr, -ENOENT, "no CVE-*.json in '%s'",
			       s->o->args[0]);
	qsort(s->paths.v, s->paths.n, sizeof(*s->paths.v), by_number);
	for (size_t i = 0; i < s->paths.n && r == 0; i++)
		r = assess(s, s->paths.v[i], reterr);
	if (r == 0)
		r = finish(s, reterr);
	if (r == 0 && s->unreadable)
		r = err_set(reterr, -EINVAL, "%zu of %zu records were not read",
			    s->unreadable, s->paths.n);
	return r;
}

int cmd_cve(const struct options *o, struct err *reterr)
{
	struct survey s = {.o = o};
	int r;

	if (!o->kernel)
		return err_set(reterr, -EINVAL, "'--kernel' is missing");
	if (o->format && strcmp(o->format, "text") != 0 &&
	    strcmp(o->format, "json") != 0)
		return err_set(reterr, -EINVAL, "unknown format '%s'",
			       o->format);
	s.results = json_object_new_array();
	r = run(&s, reterr);
	(void)json_object_put(s.results);
	strv_release(&s.paths);
	built_kernel_release(&s.kernel);
	return r;
}
