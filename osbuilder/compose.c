// SPDX-License-Identifier: Apache-2.0
/* Puts the tree of an image together: packages, a manifest, an overlay. */
#include "compose.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "fileio.h"
#include "overlay.h"
#include "tar.h"

#define LIST_MAX (4u << 20)

struct mapping {
	void *data;
	size_t size;
};

void composed_release(struct composed *c)
{
	tree_release(&c->tree);
	strv_release(&c->origins);
	for (size_t i = 0; i < c->n_maps; i++)
		(void)munmap(c->maps[i].data, c->maps[i].size);
	free(c->maps);
	*c = (struct composed)COMPOSED_INIT;
}

/* The store writes a file whole and under its final name last: nobody changes
 * it while it is mapped. */
static int map_file(struct composed *c, const char *path, struct err *reterr)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct mapping *maps;
	struct stat st;
	void *data;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(reterr, "open '%s'", path);
	if (!S_ISREG(st.st_mode) || st.st_size <= 0)
		return err_set(reterr, -EINVAL, "'%s' is no archive", path);
	maps = reallocarray(c->maps, c->n_maps + 1, sizeof(*maps));
	if (!maps)
		return err_set(reterr, -ENOMEM, "out of memory");
	c->maps = maps;
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return err_errno(reterr, "map '%s'", path);
	maps[c->n_maps++] = (struct mapping){data, (size_t)st.st_size};
	return 0;
}

static bool is_hash(const char *text)
{
	return strlen(text) == 64 &&
	       strspn(text, "0123456789abcdef") == 64;
}

/* "deb NAME ARCH VERSION SHA256 FILE" */
static int add_package(const struct compose_params *p, char *line,
		       struct composed *c, struct err *reterr)
{
	cleanup_free char *path = NULL;
	const struct mapping *map;
	char *word[6];
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(word); i++)
		word[i] = strsep(&line, " ");
	if (!word[4] || !is_hash(word[4]))
		return err_set(reterr, -EINVAL, "'%s': bad line for '%s'",
			       p->packages, word[1] ? word[1] : "?");
	if (strv_addf(&c->origins, "package %s %s %s %s", word[1], word[3],
		      word[2], word[4]) < 0 ||
	    asprintf(&path, "%s/%s.tar", p->tars, word[4]) < 0) {
		path = NULL;
		return err_set(reterr, -ENOMEM, "out of memory");
	}
	r = map_file(c, path, reterr);
	if (r < 0)
		return r;
	map = &c->maps[c->n_maps - 1];
	r = tar_read(map->data, map->size, LAYER_PACKAGES,
		     c->origins.v[c->origins.n - 1], p->epoch, &c->tree,
		     reterr);
	return r < 0 ? err_wrap(reterr, "package '%s'", word[1]) : 0;
}

static int add_packages(const struct compose_params *p, struct composed *c,
			struct err *reterr)
{
	cleanup_free uint8_t *text = NULL;
	char *rest, *line;
	size_t size;
	int r;

	if (!p->tars)
		return err_set(reterr, -EINVAL, "packages without '--tars'");
	r = file_read(p->packages, LIST_MAX, &text, &size, reterr);
	if (r < 0)
		return r;
	rest = (char *)text;
	while ((line = strsep(&rest, "\n"))) {
		if (strncmp(line, "deb ", 4) != 0)
			continue;
		r = add_package(p, line, c, reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

/* An archive says of owners, modes and attributes what a folder of a user's
 * cannot. */
static int add_archive(const struct compose_params *p, struct composed *c,
		       struct err *reterr)
{
	const struct mapping *map;
	int r = map_file(c, p->overlay, reterr);

	if (r < 0)
		return r;
	if (strv_add(&c->origins, "overlay") < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	map = &c->maps[c->n_maps - 1];
	r = tar_read(map->data, map->size, LAYER_OVERLAY,
		     c->origins.v[c->origins.n - 1], p->epoch, &c->tree,
		     reterr);
	return r < 0 ? err_wrap(reterr, "overlay '%s'", p->overlay) : 0;
}

static int add_overlay(const struct compose_params *p, struct composed *c,
		       struct err *reterr)
{
	cleanup_free char *own = path_join(p->overlay, OVERLAY_MANIFEST);
	struct stat st;
	int r;

	if (!own)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (stat(p->overlay, &st) == 0 && S_ISREG(st.st_mode))
		return add_archive(p, c, reterr);
	r = overlay_read(p->overlay, p->epoch, &c->origins, &c->tree, reterr);
	if (r < 0 || access(own, F_OK) < 0)
		return r;
	return manifest_read(own, p->vars, p->epoch, LAYER_OVERLAY_MANIFEST,
			     &c->origins, &c->tree, reterr);
}

int compose(const struct compose_params *p, struct composed *ret,
	    struct err *reterr)
{
	int r = 0;

	*ret = (struct composed)COMPOSED_INIT;
	if (p->packages)
		r = add_packages(p, ret, reterr);
	if (r == 0)
		r = manifest_read(p->manifest, p->vars, p->epoch,
				  LAYER_MANIFEST, &ret->origins, &ret->tree,
				  reterr);
	if (r == 0 && p->overlay)
		r = add_overlay(p, ret, reterr);
	if (r == 0)
		r = tree_join_layers(&ret->tree, p->packages != NULL, reterr);
	if (r == 0)
		r = tree_finish(&ret->tree, p->epoch, reterr);
	return r < 0 ? r : tree_apply_changes(&ret->tree, reterr);
}
