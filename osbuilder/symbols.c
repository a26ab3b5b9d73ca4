// SPDX-License-Identifier: Apache-2.0
#include "symbols.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "fileio.h"

#define NAME_MAX_LEN 256

void symbols_release(struct symbols *s)
{
	conditions_release(&s->conditions);
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i].lines);
	free(s->v);
	free(s->lines);
	free(s->selects);
	free(s->features);
	free(s->without);
	free(s->text);
	*s = (struct symbols){0};
}

/* Cuts the next word off *P; NULL when there is none. */
static char *word(char **p)
{
	char *w = *p, *end = strchr(w, ' ');

	if (end)
		*end++ = '\0';
	*p = end ? end : w + strlen(w);
	return *w ? w : NULL;
}

/* Cuts " if CONDITION" off TEXT, which may have quoted parts before it. */
static const char *cut_condition(char *text)
{
	bool quoted = false;

	for (char *p = text; *p; p++) {
		if (*p == '"')
			quoted = !quoted;
		if (!quoted && !strncmp(p, " if ", 4)) {
			*p = '\0';
			return p + 4;
		}
	}
	return NULL;
}

/* What the lines are counted by before there is room for them. */
struct counts {
	size_t symbols, lines, features, without;
};

static struct counts count(const char *text)
{
	struct counts c = {0};

	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (!strncmp(p, "symbol ", 7))
			c.symbols++;
		else if (*p == ' ')
			c.lines++;
		else if (!strncmp(p, "feature ", 8))
			c.features++;
		else if (!strncmp(p, "without ", 8))
			c.without++;
		if (!*p)
			break;
	}
	return c;
}

static int allocate(struct symbols *s, const struct counts *c)
{
	s->v = calloc(c->symbols + 1, sizeof(*s->v));
	s->lines = calloc(c->lines + 1, sizeof(*s->lines));
	s->features = calloc(c->features + 1, sizeof(*s->features));
	s->without = calloc(c->without + 1, sizeof(*s->without));
	return s->v && s->lines && s->features && s->without ? 0 : -ENOMEM;
}

/* " prompt ...", a line that belongs to the symbol before it. */
static int read_detail(struct symbols *s, char *line)
{
	struct symbol *sym = s->n ? &s->v[s->n - 1] : NULL;
	struct symbol_line *l = &s->lines[s->n_lines];
	char *key = word(&line);

	if (!sym || !key || !*line)
		return -EINVAL;
	if (!strcmp(key, "asked")) {
		sym->asked_at = strrchr(line, ' ');
		if (!sym->asked_at)
			return -EINVAL;
		line[sym->asked_at++ - line] = '\0';
		sym->asked = line;
		return 0;
	}
	if (!strcmp(key, "depends")) {
		sym->depends = line;
		return 0;
	}
	if (!strcmp(key, "if")) {
		if (!s->n_lines || l[-1].kind != SYMBOL_PROMPT ||
		    l[-1].owner != sym)
			return -EINVAL;
		l[-1].condition = line;
		return 0;
	}
	l->owner = sym;
	s->n_lines++;
	if (!strcmp(key, "prompt")) {
		l->kind = SYMBOL_PROMPT;
		l->at = word(&line);
	} else if (!strcmp(key, "default") || !strcmp(key, "select")) {
		l->kind = *key == 'd' ? SYMBOL_DEFAULT : SYMBOL_SELECT;
		l->condition = cut_condition(line);
		s->n_selects += l->kind == SYMBOL_SELECT;
	} else {
		return -EINVAL;
	}
	l->text = line;
	return 0;
}

static int read_symbol(struct symbols *s, char *line)
{
	struct symbol *sym = &s->v[s->n];

	sym->name = word(&line);
	sym->type = word(&line);
	sym->value = line;
	if (!sym->name || !sym->type || strlen(sym->name) > NAME_MAX_LEN)
		return -EINVAL;
	/* They are looked up by halving. */
	if (s->n && strcmp(sym[-1].name, sym->name) >= 0)
		return -EINVAL;
	s->n++;
	return 0;
}

static int read_line(struct symbols *s, char *line)
{
	struct symbol_feature *f = &s->features[s->n_features];
	struct symbol_without *w = &s->without[s->n_without];
	char *key;

	if (*line == ' ')
		return read_detail(s, line + 1);
	key = word(&line);
	if (!key)
		return -EINVAL;
	if (!strcmp(key, "symbol"))
		return read_symbol(s, line);
	if (!strcmp(key, "feature")) {
		f->name = word(&line);
		f->at = word(&line);
		f->symbol = word(&line);
		f->value = line;
		s->n_features++;
		return f->name && f->at && f->symbol ? 0 : -EINVAL;
	}
	if (!strcmp(key, "without")) {
		w->name = word(&line);
		w->reason = line;
		s->n_without++;
		return w->name ? 0 : -EINVAL;
	}
	return -EINVAL;
}

static int by_selected(const void *a, const void *b)
{
	const struct symbol_line *const *x = a, *const *y = b;
	int r = strcmp((*x)->text, (*y)->text);

	return r ? r : strcmp((*x)->owner->name, (*y)->owner->name);
}

/* Lines stay where they are from here on: pointers to them may be kept. */
static int connect(struct symbols *s)
{
	size_t n = 0;

	s->selects = calloc(s->n_selects + 1, sizeof(struct symbol_line *));
	if (!s->selects)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_lines; i++) {
		struct symbol_line *l = &s->lines[i];

		l->owner->n_lines++;
		if (l->kind == SYMBOL_SELECT)
			s->selects[n++] = l;
	}
	for (size_t i = 0; i < s->n; i++) {
		s->v[i].lines = calloc(s->v[i].n_lines + 1,
				       sizeof(struct symbol_line *));
		if (!s->v[i].lines)
			return -ENOMEM;
		s->v[i].n_lines = 0;
	}
	for (size_t i = 0; i < s->n_lines; i++) {
		struct symbol *sym = s->lines[i].owner;

		sym->lines[sym->n_lines++] = &s->lines[i];
	}
	qsort(s->selects, n, sizeof(struct symbol_line *), by_selected);
	return 0;
}

static int read_lines(struct symbols *s, char *text, struct err *reterr)
{
	unsigned int number = 1;
	char *next;

	for (char *line = text; *line; line = next) {
		next = strchr(line, '\n');
		if (!next)
			break;
		*next++ = '\0';
		number++;
		if (!strcmp(line, "end"))
			return *next ? err_set(reterr, -EINVAL,
					       "text after its end") :
				       0;
		if (read_line(s, line) < 0)
			return err_set(reterr, -EINVAL, "bad line %u", number);
	}
	return err_set(reterr, -EINVAL, "it ends too early");
}

int symbols_parse(char *text, struct symbols *ret, struct err *reterr)
{
	char *body = strchr(text, '\n'), *head = text, *magic;
	struct counts counts;
	int r;

	*ret = (struct symbols){.text = text};
	if (body)
		*body++ = '\0';
	magic = word(&head);
	if (!body || !magic || strcmp(magic, "kiln-kconfig") != 0)
		return err_set(reterr, -EINVAL, "no extract of Kconfig");
	magic = word(&head);
	if (!magic || strcmp(magic, "1") != 0)
		return err_set(reterr, -EINVAL, "of another version of Kiln");
	ret->arch = word(&head);
	ret->version = head;
	counts = count(body);
	r = ret->arch ? allocate(ret, &counts) : -EINVAL;
	if (r == 0)
		r = read_lines(ret, body, reterr);
	else
		(void)err_set(reterr, r, "bad first line, or out of memory");
	if (r == 0 && connect(ret) < 0)
		r = err_set(reterr, -ENOMEM, "out of memory");
	return r;
}

int symbols_read(const char *path, struct symbols *ret, struct err *reterr)
{
	uint8_t *data = NULL;
	size_t n;
	int r;

	*ret = (struct symbols){0};
	r = file_read(path, SYMBOLS_MAX, &data, &n, reterr);
	if (r < 0)
		return r;
	if (memchr(data, '\0', n)) {
		free(data);
		return err_set(reterr, -EINVAL, "'%s': no extract of Kconfig",
			       path);
	}
	r = symbols_parse((char *)data, ret, reterr);
	return r < 0 ? err_wrap(reterr, "'%s'", path) : 0;
}

struct symbol *symbols_find(const struct symbols *s, const char *name,
			    size_t len)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int r = strncmp(s->v[mid].name, name, len);

		if (r == 0 && s->v[mid].name[len])
			r = 1;
		if (r == 0)
			return &s->v[mid];
		if (r < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

struct symbol_line **symbols_selects(const struct symbols *s, const char *name,
				     size_t *n)
{
	size_t lo = 0, hi = s->n_selects;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(s->selects[mid]->text, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (*n = 0; lo + *n < s->n_selects; (*n)++)
		if (strcmp(s->selects[lo + *n]->text, name) != 0)
			break;
	return &s->selects[lo];
}

const struct symbol_line *symbol_prompt(const struct symbol *sym)
{
	for (size_t i = 0; i < sym->n_lines; i++)
		if (sym->lines[i]->kind == SYMBOL_PROMPT)
			return sym->lines[i];
	return NULL;
}

bool symbol_is_on(const struct symbol *sym)
{
	return !strcmp(sym->value, "y");
}

/* The value of a name or a constant; a name that is none is its own value. */
static struct condition_word value_of(const struct symbols *s,
				      const struct condition_word *w)
{
	const struct symbol *sym =
		w->quoted ? NULL : symbols_find(s, w->p, w->n);

	return sym ? (struct condition_word){sym->value, strlen(sym->value),
					     true} :
		     *w;
}

static bool holds_compare(const struct symbols *s, const struct condition *c)
{
	struct condition_word a = value_of(s, &c->word);
	struct condition_word b = value_of(s, &c->other);
	long x, y;

	if (!strcmp(c->compare, "=") || !strcmp(c->compare, "!="))
		return (a.n == b.n && !memcmp(a.p, b.p, a.n)) ==
		       (*c->compare == '=');
	x = strtol(a.p, NULL, 0);
	y = strtol(b.p, NULL, 0);
	if (x == y)
		return c->compare[1] == '=';
	return (*c->compare == '<') == (x < y);
}

bool symbols_hold(const struct symbols *s, const struct condition *c)
{
	struct condition_word w;

	switch (c->op) {
	case CONDITION_NAME:
		w = value_of(s, &c->word);
		return w.quoted && w.n == 1 && *w.p == 'y';
	case CONDITION_NOT:
		return !symbols_hold(s, c->left);
	case CONDITION_AND:
		return symbols_hold(s, c->left) && symbols_hold(s, c->right);
	case CONDITION_OR:
		return symbols_hold(s, c->left) || symbols_hold(s, c->right);
	default:
		return holds_compare(s, c);
	}
}

/* Edits from A to B: letters to insert, to delete, to replace. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[NAME_MAX_LEN + 1], before, here;
	size_t n = strlen(b);

	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned int)j;
	for (size_t i = 1; a[i - 1]; i++) {
		before = row[0];
		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= n; j++) {
			here = row[j];
			row[j] = MIN(MIN(row[j], row[j - 1]) + 1,
				     before + (a[i - 1] != b[j - 1]));
			before = here;
		}
	}
	return row[n];
}

struct like {
	unsigned int cost;
	const char *name;
};

static int by_cost(const void *a, const void *b)
{
	const struct like *x = a, *y = b;

	if (x->cost != y->cost)
		return x->cost < y->cost ? -1 : 1;
	return strcmp(x->name, y->name);
}

int symbols_like(const struct symbols *s, const char *name, size_t max,
		 struct strv *ret)
{
	cleanup_free struct like *v = calloc(s->n + 1, sizeof(*v));
	size_t len = strlen(name), n = 0;

	if (!v || len > NAME_MAX_LEN)
		return v ? 0 : -ENOMEM;
	for (size_t i = 0; i < s->n; i++) {
		const char *other = s->v[i].name;
		unsigned int cost = distance(name, other);

		/* Part of a name is a hint of its own. */
		if (len >= 3 && strstr(other, name))
			cost = MIN(cost, 1 + (unsigned int)len / 4);
		if (cost <= 1 + len / 4)
			v[n++] = (struct like){cost, other};
	}
	qsort(v, n, sizeof(*v), by_cost);
	for (size_t i = 0; i < n && i < max; i++)
		(void)strv_add(ret, v[i].name);
	return strv_error(ret);
}
