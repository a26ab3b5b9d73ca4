// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "runtime/engine/client.h"
#include "runtime/engine/dir.h"
#include "runtime/engine/journal.h"
#include "runtime/engine/state.h"

struct found {
	struct gc_entry *v;
	size_t n;
	bool failed; /* for lack of memory */
};

void gc_entries_free(struct gc_entry *v, size_t n)
{
	size_t i, j;

	for (i = 0; i < n; i++) {
		for (j = 0; j < v[i].n_items; j++) {
			free(v[i].items[j].kind);
			free(v[i].items[j].what);
		}
		free(v[i].items);
		free(v[i].id);
	}
	free(v);
}

static void add_item(void *arg, const char *kind, const char *what)
{
	struct found *f = arg;
	struct gc_entry *e = &f->v[f->n - 1];
	struct gc_item *grown = reallocarray(e->items, e->n_items + 1,
					     sizeof(*grown));
	struct gc_item *item;

	if (!grown) {
		f->failed = true;
		return;
	}
	e->items = grown;
	item = &grown[e->n_items++];
	item->kind = strdup(kind);
	item->what = strdup(what);
	f->failed |= !item->kind || !item->what;
}

static struct gc_entry *add_entry(struct found *f, const char *id)
{
	struct gc_entry *grown = reallocarray(f->v, f->n + 1, sizeof(*grown));

	if (!grown) {
		f->failed = true;
		return NULL;
	}
	f->v = grown;
	grown[f->n] = (struct gc_entry){.id = strdup(id)};
	f->failed |= !grown[f->n].id;
	return &f->v[f->n++];
}

/* A supervisor that a lock does not speak for: of a file system without
 * locks. */
static bool has_supervisor(int dirfd)
{
	struct state_record r;
	struct err ignored;
	bool alive;

	if (state_read(dirfd, &r, &ignored) < 0)
		return false;
	alive = state_supervisor_is_alive(&r);
	state_release(&r);
	return alive;
}

static void look_at(struct found *f, const char *root, const char *id,
		    bool dry_run)
{
	struct gc_entry *e;
	struct err ignored;
	/* Its lock is held to the end: the id is nobody else's meanwhile. */
	cleanup_close int dirfd = dir_open(root, id, &ignored);

	if (dirfd < 0 || !dir_is_abandoned(dirfd) || has_supervisor(dirfd))
		return;
	e = add_entry(f, id);
	if (!e)
		return;
	journal_each(dirfd, add_item, f);
	/* The last word is not the journal's: the folder itself. */
	add_item(f, "dir", ".");
	if (!dry_run)
		e->error = client_delete(root, id, true, &e->text);
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct gc_entry *)a)->id,
		      ((const struct gc_entry *)b)->id);
}

int client_gc(const char *root, bool dry_run, struct gc_entry **ret, size_t *n,
	      struct err *reterr)
{
	cleanup_closedir DIR *dir = opendir(root);
	struct found f = {0};
	struct dirent *e;

	*ret = NULL;
	*n = 0;
	if (!dir)
		return errno == ENOENT
			       ? 0
			       : err_errno(reterr, "open '%s'", root);
	while (!f.failed && (e = readdir(dir)))
		if (id_is_valid(e->d_name))
			look_at(&f, root, e->d_name, dry_run);
	if (f.failed) {
		gc_entries_free(f.v, f.n);
		return err_code(reterr, -ENOMEM, "gc");
	}
	if (f.n)
		qsort(f.v, f.n, sizeof(*f.v), compare);
	*ret = f.v;
	*n = f.n;
	return 0;
}
