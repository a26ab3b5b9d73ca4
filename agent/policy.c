// SPDX-License-Identifier: Apache-2.0
#include "policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "base/num.h"

#define CONDITIONS_MAX 16
#define RULES_MAX 1024
#define DEPTH_MAX 8
#define ALL UINT32_MAX

struct step {
	const char *name; /* of the field, within the rule's text */
	bool indexed;
	uint32_t index; /* or ALL */
};

struct condition {
	struct step path[DEPTH_MAX];
	size_t n;
	bool negated;
	const char *pattern;
};

struct rule {
	unsigned int line;
	bool allow;
	const char *method;
	struct condition *conditions; /* owned */
	size_t n;
};

struct policy {
	char *text; /* owned; all words of the rules are in it */
	struct rule *rules; /* owned */
	size_t n;
	bool allow; /* the default */
	const struct ttrpc_method *methods; /* while it is parsed */
	size_t n_methods;
};

DEFINE_CLEANUP(struct policy, policy_free)

void policy_free(struct policy *p)
{
	size_t i;

	if (!p)
		return;
	for (i = 0; i < p->n; i++)
		free(p->rules[i].conditions);
	free(p->rules);
	free(p->text);
	free(p);
}

/* Cuts the next word off; NULL at the end of the line. Quotes are taken away
 * where they stand, and keep white space. */
static char *next_word(char **rest)
{
	char *p = *rest + strspn(*rest, " \t\r"), *word = p, *out = p;
	bool quoted = false;

	if (!*p || *p == '#')
		return NULL;
	for (; *p && (quoted || !strchr(" \t\r", *p)); p++) {
		if (*p == '"')
			quoted = !quoted;
		else
			*out++ = *p;
	}
	*rest = *p ? p + 1 : p;
	*out = '\0';
	return word;
}

/* "storages[*].driver" */
static int parse_path(char *text, struct condition *c)
{
	char *name;

	while ((name = strsep(&text, "."))) {
		struct step *s = &c->path[c->n];
		char *bracket = strchr(name, '[');
		size_t n = strlen(name);

		if (c->n++ == DEPTH_MAX || !*name || bracket == name)
			return -EINVAL;
		*s = (struct step){.name = name};
		if (!bracket)
			continue;
		if (name[n - 1] != ']')
			return -EINVAL;
		name[n - 1] = *bracket = '\0';
		s->indexed = true;
		s->index = ALL;
		if (strcmp(bracket + 1, "*") &&
		    (parse_u32(bracket + 1, 10, &s->index) < 0 ||
		     s->index == ALL))
			return -EINVAL;
	}
	return 0;
}

static int parse_condition(char *word, struct condition *c)
{
	char *equal = strchr(word, '=');

	*c = (struct condition){0};
	if (!equal || equal == word)
		return -EINVAL;
	c->negated = equal[-1] == '!';
	c->pattern = equal + 1;
	equal[c->negated ? -1 : 0] = '\0';
	return parse_path(word, c);
}

static const ProtobufCMessageDescriptor *
request_of(const struct policy *p, const char *method)
{
	size_t i;

	for (i = 0; i < p->n_methods; i++)
		if (!strcmp(p->methods[i].name, method))
			return p->methods[i].request;
	return NULL;
}

/* Whether the condition names a field that there is. */
static bool path_exists(const struct condition *c,
			const ProtobufCMessageDescriptor *d)
{
	size_t i;

	for (i = 0; i < c->n; i++) {
		const ProtobufCFieldDescriptor *f =
			d ? protobuf_c_message_descriptor_get_field_by_name(
				    d, c->path[i].name) : NULL;

		if (!f || (f->label == PROTOBUF_C_LABEL_REPEATED) !=
				  c->path[i].indexed)
			return false;
		if (f->type == PROTOBUF_C_TYPE_BYTES)
			return false;
		d = f->type == PROTOBUF_C_TYPE_MESSAGE ? f->descriptor : NULL;
	}
	return !d;
}

static int parse_rule(struct policy *p, bool allow, unsigned int line,
		      char *rest, struct err *reterr)
{
	const ProtobufCMessageDescriptor *request;
	struct rule *r = &p->rules[p->n];
	char *word = next_word(&rest);

	if (!word)
		return err_set(reterr, -EINVAL, "policy, line %u: no call",
			       line);
	request = request_of(p, word);
	if (!request && !strpbrk(word, "*?"))
		return err_set(reterr, -EINVAL, "policy, line %u: no call is "
			       "named '%.64s'", line, word);
	*r = (struct rule){.line = line, .allow = allow, .method = word};
	r->conditions = calloc(CONDITIONS_MAX, sizeof(*r->conditions));
	if (!r->conditions)
		return err_set(reterr, -ENOMEM, "out of memory");
	p->n++;
	while ((word = next_word(&rest))) {
		if (r->n == CONDITIONS_MAX ||
		    parse_condition(word, &r->conditions[r->n]) < 0 ||
		    !path_exists(&r->conditions[r->n], request))
			return err_set(reterr, -EINVAL, "policy, line %u: "
				       "condition '%.64s'", line, word);
		r->n++;
	}
	return 0;
}

static int parse_line(struct policy *p, char *text, unsigned int line,
		      struct err *reterr)
{
	char *word = next_word(&text);

	if (!word)
		return 0;
	if (!strcmp(word, "default")) {
		word = next_word(&text);
		p->allow = word && !strcmp(word, "allow");
		if (word && (p->allow || !strcmp(word, "deny")) &&
		    !next_word(&text))
			return 0;
	} else if (!strcmp(word, "allow") || !strcmp(word, "deny")) {
		if (p->n < RULES_MAX)
			return parse_rule(p, *word == 'a', line, text, reterr);
		return err_set(reterr, -EINVAL, "policy: too many rules");
	}
	return err_set(reterr, -EINVAL, "policy, line %u: not understood",
		       line);
}

int policy_parse(const char *text, const struct ttrpc_method *methods,
		 size_t n, struct policy **ret, struct err *reterr)
{
	cleanup(policy_freep) struct policy *p = calloc(1, sizeof(*p));
	unsigned int line = 0;
	size_t lines = 1;
	const char *c;
	char *rest, *one;
	int r;

	if (strlen(text) > POLICY_TEXT_MAX)
		return err_set(reterr, -EFBIG, "policy: more than %d bytes",
			       POLICY_TEXT_MAX);
	for (c = text; *c; c++)
		lines += *c == '\n';
	if (p) {
		p->methods = methods;
		p->n_methods = n;
		p->text = strdup(text);
		p->rules = calloc(MIN(lines, (size_t)RULES_MAX),
				  sizeof(*p->rules));
	}
	if (!p || !p->text || !p->rules)
		return err_set(reterr, -ENOMEM, "out of memory");
	for (rest = p->text; (one = strsep(&rest, "\n"));) {
		r = parse_line(p, one, ++line, reterr);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(p);
	return 0;
}

/* "*" and "?"; no recursion, whatever the pattern. */
static bool matches(const char *pattern, const char *text)
{
	const char *star = NULL, *mark = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			mark = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++mark;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static size_t element_size(const ProtobufCFieldDescriptor *f)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return 8;
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	default:
		return 4;
	}
}

/* A number or a truth as text; strings are not copied. Bytes are no text, and
 * match nothing but "*". */
static const char *text_of(const ProtobufCFieldDescriptor *f, const void *at,
			   char out[32])
{
	const char *const *string = at;

	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
		return *string ? *string : "";
	case PROTOBUF_C_TYPE_BOOL:
		return *(const protobuf_c_boolean *)at ? "true" : "false";
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		(void)snprintf(out, 32, "%lld",
			       (long long)*(const int64_t *)at);
		return out;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		(void)snprintf(out, 32, "%llu",
			       (unsigned long long)*(const uint64_t *)at);
		return out;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		(void)snprintf(out, 32, "%u", *(const uint32_t *)at);
		return out;
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_ENUM:
		(void)snprintf(out, 32, "%d", *(const int32_t *)at);
		return out;
	default:
		return "";
	}
}

/* What is not in a request has the value 0, false, or no text. FIELD is that of
 * step STEP. */
static bool missing_holds(const struct condition *c, size_t step,
			  const ProtobufCFieldDescriptor *field, bool all)
{
	static const uint64_t zero[4];
	char number[32];

	while (++step < c->n) {
		field = protobuf_c_message_descriptor_get_field_by_name(
			field->descriptor, c->path[step].name);
		if (!field)
			return false;
		if (c->path[step].indexed && c->path[step].index == ALL)
			return all;
	}
	return matches(c->pattern, text_of(field, zero, number)) != c->negated;
}

static bool holds(const struct condition *c, size_t step,
		  const ProtobufCMessage *m, bool all);

/* One element, or a field that is not repeated. */
static bool element_holds(const struct condition *c, size_t step,
			  const ProtobufCFieldDescriptor *f, const void *at,
			  bool all)
{
	const ProtobufCMessage *const *message = at;
	char number[32];

	if (f->type == PROTOBUF_C_TYPE_MESSAGE)
		return *message ? holds(c, step + 1, *message, all)
				: missing_holds(c, step, f, all);
	return matches(c->pattern, text_of(f, at, number)) != c->negated;
}

static bool list_holds(const struct condition *c, size_t step,
		       const ProtobufCFieldDescriptor *f,
		       const ProtobufCMessage *m, bool all)
{
	const char *base = (const char *)m;
	size_t n = *(const size_t *)(const void *)(base + f->quantifier_offset);
	const char *list = *(const char *const *)(const void *)(base +
								f->offset);
	size_t i, size = element_size(f);
	const struct step *s = &c->path[step];

	if (s->index != ALL)
		return s->index < n ? element_holds(c, step, f,
						    list + s->index * size,
						    all)
				    : missing_holds(c, step, f, all);
	for (i = 0; i < n; i++)
		if (element_holds(c, step, f, list + i * size, all) != all)
			return !all;
	return all;
}

static bool holds(const struct condition *c, size_t step,
		  const ProtobufCMessage *m, bool all)
{
	const struct step *s = &c->path[step];
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(m->descriptor,
								s->name);
	const char *at = f ? (const char *)m + f->offset : NULL;

	if (!f)
		return false; /* was there when the policy was read */
	if (s->indexed)
		return list_holds(c, step, f, m, all);
	/* Of fields of which one is set at most, another may be there. */
	if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF &&
	    *(const uint32_t *)(const void *)((const char *)m +
					      f->quantifier_offset) != f->id)
		return missing_holds(c, step, f, all);
	return element_holds(c, step, f, at, all);
}

static bool rule_matches(const struct rule *r, const char *method,
			 const ProtobufCMessage *request)
{
	size_t i;

	if (!matches(r->method, method))
		return false;
	for (i = 0; i < r->n; i++)
		if (!holds(&r->conditions[i], 0, request, r->allow))
			return false;
	return true;
}

int policy_check(const struct policy *p, const char *method,
		 const ProtobufCMessage *request, struct err *reterr)
{
	size_t i;

	for (i = 0; p && i < p->n; i++) {
		const struct rule *r = &p->rules[i];

		if (!rule_matches(r, method, request))
			continue;
		if (r->allow)
			return 0;
		return err_set(reterr, -EPERM, "%s is denied by line %u of the "
			       "agent's policy", method, r->line);
	}
	if (!p || p->allow)
		return 0;
	return err_set(reterr, -EPERM, "%s is not allowed by the agent's "
		       "policy", method);
}
