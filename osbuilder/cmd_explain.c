// SPDX-License-Identifier: Apache-2.0
/* explain-config: where a kernel symbol comes from, and how to get it. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/macros.h"
#include "codec/json.h"
#include "command.h"
#include "report.h"
#include "symbols.h"

#define LIKE_MAX 6
#define FILE_NAME "kernel.kconfig"

static const char *const arches[] = {"x86_64", "aarch64", "s390x", "ppc64le"};

#define cleanup_symbols cleanup(symbols_release)

/* What is said of one symbol. */
struct answer {
	struct symbols *s;
	struct symbol *sym;
	unsigned int cost;
	struct strv plan, blame;
};

static void answer_release(struct answer *a)
{
	strv_release(&a->plan);
	strv_release(&a->blame);
}

/* Where the extract of ARCH is looked for: with the guests, and where this
 * program was built. */
static bool find_extract(const char *arch, char *ret, size_t size)
{
	const char *guests = getenv("KILN_GUESTS");
	char self[PATH_MAX], *slash;
	ssize_t n;

	if (guests && *guests) {
		(void)snprintf(ret, size, "%s/%s/" FILE_NAME, guests, arch);
		if (access(ret, R_OK) == 0)
			return true;
	}
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n <= 0)
		return false;
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	(void)snprintf(ret, size, "%s/../%s/" FILE_NAME, self, arch);
	return access(ret, R_OK) == 0;
}

static int open_symbols(const struct options *o, const char *arch,
			struct symbols *ret, struct err *reterr)
{
	char path[2 * PATH_MAX];
	int r;

	if (!o->kconfig && !find_extract(arch, path, sizeof(path)))
		return err_set(reterr, -ENOENT,
			       "nothing is known of the kernel of %s: 'make "
			       "kconfig ARCH=%s' unpacks its source and writes "
			       "down what Kconfig knows; or name that file with "
			       "'--kconfig'", arch, arch);
	r = symbols_read(o->kconfig ? o->kconfig : path, ret, reterr);
	if (r == 0 && o->arch && strcmp(ret->arch, o->arch) != 0)
		r = err_set(reterr, -EINVAL, "'%s' is of %s, not of %s",
			    o->kconfig ? o->kconfig : path, ret->arch,
			    o->arch);
	return r;
}

/* Names like it, and other architectures that know it. */
static int unknown(const struct options *o, const struct symbols *s,
		   const char *name, struct err *reterr)
{
	cleanup_strv struct strv like = STRV_INIT;
	cleanup_strv struct strv others = STRV_INIT;
	char path[2 * PATH_MAX], text[400] = "";
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(arches) && !o->kconfig; i++) {
		cleanup_symbols struct symbols other = {0};
		struct err ignored;

		if (strcmp(arches[i], s->arch) != 0 &&
		    find_extract(arches[i], path, sizeof(path)) &&
		    symbols_read(path, &other, &ignored) == 0 &&
		    symbols_find(&other, name, strlen(name)))
			(void)strv_add(&others, arches[i]);
	}
	(void)symbols_like(s, name, LIKE_MAX, &like);
	for (size_t i = 0; i < others.n && len < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %s",
					i ? "," : "; there is one on",
					others.v[i]);
	for (size_t i = 0; i < like.n && len < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %s",
					i ? "," : "; names like it:",
					like.v[i]);
	return err_set(reterr, -ENOENT, "no symbol '%.100s' in Linux %s for %s%s",
		       name, s->version, s->arch, text);
}

/* Why a feature is not for this architecture; NULL when it is. */
static const char *without(const struct symbols *s, const char *feature)
{
	for (size_t i = 0; i < s->n_without; i++)
		if (!strcmp(s->without[i].name, feature))
			return s->without[i].reason;
	return NULL;
}

/* The condition with the values of what is not on: "A && B [n]". */
static void print_condition(const struct symbols *s, const struct condition *c,
			    enum condition_op in)
{
	const struct symbol *sym;
	bool brackets = (c->op == CONDITION_AND || c->op == CONDITION_OR) &&
			c->op != in && in != CONDITION_NAME;

	(void)printf("%s", brackets ? "(" : "");
	switch (c->op) {
	case CONDITION_NOT:
		(void)putchar('!');
		print_condition(s, c->left, CONDITION_NOT);
		break;
	case CONDITION_AND:
	case CONDITION_OR:
		print_condition(s, c->left, c->op);
		(void)printf(c->op == CONDITION_AND ? " && " : " || ");
		print_condition(s, c->right, c->op);
		break;
	default:
		sym = symbols_find(s, c->word.p, c->word.n);
		(void)printf("%.*s", (int)c->word.n, c->word.p);
		if (c->op == CONDITION_COMPARE)
			(void)printf("%s%.*s", c->compare, (int)c->other.n,
				     c->other.p);
		if (!sym)
			(void)printf(" [not here]");
		else if (strcmp(sym->value, "y") != 0)
			(void)printf(" [%s]", sym->value);
	}
	(void)printf("%s", brackets ? ")" : "");
}

static void print_depends(struct answer *a)
{
	struct condition *c;
	struct err ignored;

	if (!a->sym->depends)
		return;
	(void)printf("  depends on   ");
	if (condition_parse(&a->s->conditions, a->sym->depends, &c,
			    &ignored) == 0)
		print_condition(a->s, c, CONDITION_NAME);
	(void)putchar('\n');
}

static const char *state(const struct answer *a)
{
	if (symbol_is_on(a->sym))
		return "on";
	if (strcmp(a->sym->type, "bool") != 0 &&
	    strcmp(a->sym->type, "tristate") != 0)
		return "no switch";
	return a->cost < REACH_NEVER ? "off, can be had" :
				       "off, cannot be had";
}

static void print_selectors(const struct answer *a)
{
	struct symbol_line **v;
	size_t n, printed = 0;

	v = symbols_selects(a->s, a->sym->name, &n);
	for (size_t i = 0; i < n; i++) {
		if (!symbol_is_on(v[i]->owner))
			continue;
		(void)printf("%s%s", printed++ ? ", " : "  selected by  ",
			     v[i]->owner->name);
	}
	if (printed)
		(void)putchar('\n');
}

/* Returns the name of a feature that gives it here, or NULL. */
static const char *print_features(const struct answer *a)
{
	const char *usable = NULL;

	for (size_t i = 0; i < a->s->n_features; i++) {
		const struct symbol_feature *f = &a->s->features[i];
		const char *reason = without(a->s, f->name);

		if (strcmp(f->symbol, a->sym->name) != 0)
			continue;
		(void)printf("  feature      %s: =%s, %s", f->name, f->value,
			     f->at);
		if (reason)
			(void)printf(" (not on %s: %s)", a->s->arch, reason);
		else if (!usable && !strcmp(f->value, "y"))
			usable = f->name;
		(void)putchar('\n');
	}
	return usable;
}

static void print_lines(const char *title, const struct strv *v,
			const char *prefix)
{
	for (size_t i = 0; i < v->n; i++)
		(void)printf("  %-12s %s%s\n", i ? "" : title, prefix, v->v[i]);
}

static void print_text(struct answer *a)
{
	const struct symbol_line *p = symbol_prompt(a->sym);
	const char *feature;

	(void)printf("CONFIG_%s: %s\n", a->sym->name, a->sym->type);
	if (p)
		(void)printf("  prompt       %s\n  defined in   %s\n", p->text,
			     p->at);
	else
		(void)printf("  prompt       none: others switch it on\n");
	(void)printf("  %-12s %s", a->s->arch, state(a));
	if (strcmp(a->sym->value, "y") != 0 && strcmp(a->sym->value, "n") != 0)
		(void)printf(", value %s", a->sym->value);
	(void)putchar('\n');
	if (a->sym->asked)
		(void)printf("  fragment     =%s, %s\n", a->sym->asked,
			     a->sym->asked_at);
	feature = print_features(a);
	print_depends(a);
	print_selectors(a);
	if (a->plan.n && feature)
		(void)printf("  to have it   FEATURES=%s, or in "
			     "kernel/configs/local/%s.config:\n", feature,
			     a->s->arch);
	print_lines(feature ? "" : "to have it", &a->plan, "CONFIG_");
	print_lines("why not", &a->blame, "");
}

static void put(struct json_object *o, const char *key, struct json_object *v)
{
	(void)json_object_object_add(o, key, v);
}

static struct json_object *string(const char *s)
{
	return s ? json_object_new_string(s) : NULL;
}

static struct json_object *strings(const struct strv *v)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < v->n; i++)
		(void)json_object_array_add(
			array, string(v->v[i] + strspn(v->v[i], " ")));
	return array;
}

static struct json_object *selectors_json(const struct answer *a)
{
	struct json_object *array = json_object_new_array();
	struct symbol_line **v;
	size_t n;

	v = symbols_selects(a->s, a->sym->name, &n);
	for (size_t i = 0; i < n; i++)
		if (symbol_is_on(v[i]->owner))
			(void)json_object_array_add(array,
						    string(v[i]->owner->name));
	return array;
}

static struct json_object *features_json(const struct answer *a)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < a->s->n_features; i++) {
		const struct symbol_feature *f = &a->s->features[i];
		struct json_object *o;

		if (strcmp(f->symbol, a->sym->name) != 0)
			continue;
		o = json_object_new_object();
		put(o, "name", string(f->name));
		put(o, "value", string(f->value));
		put(o, "at", string(f->at));
		put(o, "not_here", string(without(a->s, f->name)));
		(void)json_object_array_add(array, o);
	}
	return array;
}

static int print_json(const struct answer *a, struct err *reterr)
{
	cleanup_json struct json_object *o = json_object_new_object();
	const struct symbol_line *p = symbol_prompt(a->sym);

	put(o, "symbol", string(a->sym->name));
	put(o, "arch", string(a->s->arch));
	put(o, "linux", string(a->s->version));
	put(o, "type", string(a->sym->type));
	put(o, "value", string(a->sym->value));
	put(o, "on", json_object_new_boolean(symbol_is_on(a->sym)));
	put(o, "possible", json_object_new_boolean(a->cost < REACH_NEVER));
	put(o, "prompt", string(p ? p->text : NULL));
	put(o, "defined_in", string(p ? p->at : NULL));
	put(o, "asked", string(a->sym->asked));
	put(o, "asked_in", string(a->sym->asked_at));
	put(o, "depends", string(a->sym->depends));
	put(o, "selected_by", selectors_json(a));
	put(o, "features", features_json(a));
	put(o, "needs", strings(&a->plan));
	put(o, "blocked_by", strings(&a->blame));
	return report_json(o, "-", reterr);
}

int cmd_explain_config(const struct options *o, struct err *reterr)
{
	cleanup_symbols struct symbols s = {0};
	cleanup(answer_release) struct answer a = {.s = &s};
	const char *name = o->args[0];
	struct utsname host;
	int r;

	if (o->format && strcmp(o->format, "text") != 0 &&
	    strcmp(o->format, "json") != 0)
		return err_set(reterr, -EINVAL, "unknown format '%s'",
			       o->format);
	if (uname(&host) < 0)
		return err_errno(reterr, "name of this machine");
	r = open_symbols(o, o->arch ? o->arch : host.machine, &s, reterr);
	if (r < 0)
		return r;
	if (!strncmp(name, "CONFIG_", 7))
		name += 7;
	a.sym = symbols_find(&s, name, strlen(name));
	if (!a.sym)
		return unknown(o, &s, name, reterr);
	a.cost = reach_on(&s, a.sym);
	if (reach_plan(&s, a.sym, &a.plan) < 0 ||
	    reach_blame(&s, a.sym, &a.blame) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (o->format && !strcmp(o->format, "json"))
		return print_json(&a, reterr);
	print_text(&a);
	return 0;
}
