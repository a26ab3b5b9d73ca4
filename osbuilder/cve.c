// SPDX-License-Identifier: Apache-2.0
#include "cve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "codec/json.h"

static const char *const status_names[CVE_STATUS_COUNT] = {
	[CVE_AFFECTED] = "affected",
	[CVE_UNKNOWN] = "unknown",
	[CVE_SWITCHED_OFF] = "switched off",
	[CVE_NOT_COMPILED] = "not compiled",
	[CVE_NOT_INTRODUCED] = "not introduced",
	[CVE_FIXED] = "fixed",
	[CVE_REJECTED] = "rejected",
};

const char *cve_status_name(enum cve_status s)
{
	return status_names[s];
}

void cve_release(struct cve *c)
{
	strv_release(&c->files);
}

/* Numbers of a version; a candidate counts below its release. */
static void version_numbers(const char *s, unsigned long ret[4])
{
	char *end;

	ret[0] = ret[1] = ret[2] = 0;
	ret[3] = 1000;
	for (size_t i = 0; i < 3; i++) {
		ret[i] = strtoul(s, &end, 10);
		s = end;
		if (*s != '.')
			break;
		s++;
	}
	if (!strncmp(s, "-rc", 3))
		ret[3] = strtoul(s + 3, NULL, 10);
}

int linux_version_compare(const char *a, const char *b)
{
	unsigned long x[4], y[4];

	version_numbers(a, x);
	version_numbers(b, y);
	for (size_t i = 0; i < 4; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return 0;
}

/* Whether V is no later than the end of a range: 6.5, 6.1.* or *. */
static bool up_to(const char *v, const char *end)
{
	size_t n = strlen(end);

	if (!strcmp(end, "*"))
		return true;
	if (n > 2 && !strcmp(end + n - 2, ".*"))
		return !strncmp(v, end, n - 2) &&
		       (v[n - 2] == '.' || v[n - 2] == '-' || !v[n - 2]);
	return linux_version_compare(v, end) <= 0;
}

static const char *text_of(const struct json_object *o, const char *key)
{
	const char *s = json_to_str(json_member(o, key));

	return s ? s : "";
}

/* Whether an entry of "versions" speaks of V. Commits say nothing here. */
static bool speaks_of(const struct json_object *e, const char *v)
{
	const char *from = text_of(e, "version");
	const char *below = text_of(e, "lessThan");
	const char *end = text_of(e, "lessThanOrEqual");

	if (!*from || !strcmp(text_of(e, "versionType"), "git"))
		return false;
	if (!*below && !*end)
		return linux_version_compare(v, from) == 0;
	if (linux_version_compare(v, from) < 0)
		return false;
	return *below ? linux_version_compare(v, below) < 0 : up_to(v, end);
}

/* What the ranges of one product say. */
struct verdict {
	bool said;     /* there are ranges that are not commits */
	bool affected;
	char fixed[32];	 /* the version that fixed it */
	char since[32];	 /* or the one that brought it */
};

static void judge_entry(const struct json_object *e, const char *v,
			struct verdict *ret)
{
	const char *from = text_of(e, "version");
	const char *below = text_of(e, "lessThan");
	bool affected = !strcmp(text_of(e, "status"), "affected");

	if (!speaks_of(e, v))
		return;
	ret->affected = affected;
	if (affected)
		return;
	*ret->fixed = *ret->since = '\0';
	/* From 0 to the version that brought it. */
	if (*below && linux_version_compare(from, "0") == 0)
		(void)snprintf(ret->since, sizeof(ret->since), "%s", below);
	else
		(void)snprintf(ret->fixed, sizeof(ret->fixed), "%s", from);
}

/* By the ranges of a product; what none of them speaks of is the default. */
static void judge(const struct json_object *product, const char *v,
		  struct verdict *ret)
{
	struct json_object *versions = json_member(product, "versions");
	size_t n = json_object_is_type(versions, json_type_array) ?
			   json_object_array_length(versions) :
			   0;
	struct verdict one = {0};

	one.affected = !strcmp(text_of(product, "defaultStatus"), "affected");
	for (size_t i = 0; i < n; i++) {
		const struct json_object *e =
			json_object_array_get_idx(versions, i);

		if (!strcmp(text_of(e, "versionType"), "git"))
			continue;
		one.said = true;
		judge_entry(e, v, &one);
	}
	if (!one.said)
		return;
	/* A fault in one product is a fault. */
	if (!ret->said || one.affected)
		*ret = one;
}

static void collect_files(const struct json_object *product, struct strv *ret)
{
	struct json_object *files = json_member(product, "programFiles");
	size_t n = json_object_is_type(files, json_type_array) ?
			   json_object_array_length(files) :
			   0;

	for (size_t i = 0; i < n; i++) {
		const char *s =
			json_to_str(json_object_array_get_idx(files, i));

		if (s && !strv_contains(ret, s))
			(void)strv_add(ret, s);
	}
}

static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

/* Whether a list of what was compiled can tell of a file: sources can be in
 * it, and what is for developers never is in a kernel. */
static bool decidable(const char *path)
{
	static const char *const sources[] = {".c", ".h", ".S", ".rs", ".dts",
					      ".dtsi"};
	static const char *const outside[] = {"tools/", "Documentation/",
					      "samples/", "scripts/"};
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; i < ARRAY_SIZE(outside); i++)
		if (begins(path, outside[i]))
			return true;
	for (size_t i = 0; dot && i < ARRAY_SIZE(sources); i++)
		if (!strcmp(dot, sources[i]))
			return true;
	return false;
}

/* Sets the status by the files, of a kernel whose version is affected. */
static int assess_files(const struct built_kernel *k, struct strv *all,
			struct cve *ret)
{
	for (size_t i = 0; i < all->n; i++)
		if (built_kernel_has(k, all->v[i]) || !decidable(all->v[i]))
			(void)strv_add(&ret->files, all->v[i]);
	ret->status = CVE_AFFECTED;
	if (ret->files.n || !all->n)
		return strv_error(&ret->files);
	ret->status = CVE_NOT_COMPILED;
	for (size_t i = 0; i < all->n; i++) {
		(void)strv_add(&ret->files, all->v[i]);
		if (ret->status == CVE_NOT_COMPILED &&
		    kbuild_gate(k, all->v[i], ret->symbol))
			ret->status = CVE_SWITCHED_OFF;
	}
	return strv_error(&ret->files);
}

static int assess_products(const struct json_object *cna,
			   const struct built_kernel *k, struct cve *ret,
			   struct err *reterr)
{
	struct json_object *affected = json_member(cna, "affected");
	cleanup_strv struct strv files = STRV_INIT;
	struct verdict verdict = {0};
	int r = 0;

	if (!json_object_is_type(affected, json_type_array))
		return err_set(reterr, -EINVAL, "it names no products");
	for (size_t i = 0; i < json_object_array_length(affected); i++) {
		const struct json_object *p =
			json_object_array_get_idx(affected, i);

		if (strcmp(text_of(p, "product"), "Linux") != 0)
			continue;
		collect_files(p, &files);
		judge(p, k->release, &verdict);
	}
	(void)snprintf(ret->version, sizeof(ret->version), "%s",
		       *verdict.since ? verdict.since : verdict.fixed);
	if (verdict.said && !verdict.affected) {
		ret->status = *verdict.fixed ? CVE_FIXED : CVE_NOT_INTRODUCED;
	} else {
		r = assess_files(k, &files, ret);
		if (!verdict.said && ret->status == CVE_AFFECTED)
			ret->status = CVE_UNKNOWN;
	}
	return r < 0 || strv_error(&files) ?
		       err_set(reterr, -ENOMEM, "out of memory") :
		       0;
}

int cve_assess(const struct json_object *record, const struct built_kernel *k,
	       struct cve *ret, struct err *reterr)
{
	struct json_object *meta, *cna;
	const char *id;

	*ret = (struct cve){0};
	meta = json_member(record, "cveMetadata");
	id = text_of(meta, "cveId");
	if (strcmp(text_of(record, "dataType"), "CVE_RECORD") != 0 ||
	    !begins(text_of(record, "dataVersion"), "5.") ||
	    !begins(id, "CVE-") || strlen(id) >= sizeof(ret->id))
		return err_set(reterr, -EINVAL, "no CVE record 5.x");
	(void)strcpy(ret->id, id);
	cna = json_member(json_member(record, "containers"), "cna");
	ret->title = json_member(cna, "title");
	if (!strcmp(text_of(meta, "state"), "REJECTED")) {
		ret->status = CVE_REJECTED;
		return 0;
	}
	return assess_products(cna, k, ret, reterr);
}
