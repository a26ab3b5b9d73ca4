// SPDX-License-Identifier: Apache-2.0
#include "verify_files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"
#include "guest_json.h"

/* All there is to say about a file but where it is from. */
static const char *const keys[] = {"type",  "mode",  "uid",    "gid", "mtime",
				   "major", "minor", "target", "size",
				   "sha256", "xattrs", "other_xattrs",
				   "hardlink"};

static size_t complain(const char *path, const char *what)
{
	char text[4096];

	(void)printf("%s: %s\n", log_escape(text, sizeof(text), path,
					    strlen(path)), what);
	return 1;
}

/* The listed files by their paths, which are escaped as json_bytes() does. */
static struct json_object *by_path(struct json_object *list, struct err *reterr)
{
	struct json_object *ret = json_object_new_object();

	for (size_t i = 0; ret && i < guest_count(list, "files"); i++) {
		struct json_object *one = guest_at(list, "files", i);
		const char *path = guest_text(one, "path");

		if (!path || json_object_object_get_ex(ret, path, NULL)) {
			(void)err_set(reterr, -EINVAL, path ?
				      "names a file twice" :
				      "has a file without a path");
			(void)json_object_put(ret);
			return NULL;
		}
		(void)json_object_object_add(ret, path, json_object_get(one));
	}
	if (!ret)
		(void)err_set(reterr, -ENOMEM, "out of memory");
	return ret;
}

/* Numbers and texts alike, by what they print as. */
static bool same_value(struct json_object *a, struct json_object *b,
		       const char *key)
{
	struct json_object *x = NULL, *y = NULL;

	(void)json_object_object_get_ex(a, key, &x);
	(void)json_object_object_get_ex(b, key, &y);
	if (!x || !y)
		return x == y;
	return !strcmp(json_object_get_string(x), json_object_get_string(y));
}

static size_t compare(const char *path, struct json_object *listed,
		      struct json_object *found)
{
	char what[128] = "CHANGED:";
	size_t bad = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		size_t used = strlen(what);

		if (same_value(listed, found, keys[i]))
			continue;
		(void)snprintf(what + used, sizeof(what) - used, "%s %s",
			       bad++ ? "," : "", keys[i]);
	}
	return bad ? complain(path, what) : 0;
}

/* One file of the image, which then is no longer in LEFT. */
static size_t check_node(const struct image *image, const struct node *n,
			 struct json_object *left)
{
	/* A hash is told of files that are from somewhere. */
	struct node told = *n;
	cleanup_json_object struct json_object *found = NULL;
	struct json_object *listed;
	const char *path;
	size_t bad;

	told.origin = "";
	found = node_to_json(NULL, &image->tree, &told);
	path = guest_text(found, "path");
	if (!path)
		return complain(n->path, "no memory to check it");
	if (!json_object_object_get_ex(left, path, &listed))
		return complain(path, "NOT LISTED");
	/* cpio has none, and names of symbolic links are files of their own. */
	if (image->kind == IMAGE_INITRD)
		json_object_object_del(listed, "xattrs");
	if (image->kind == IMAGE_INITRD && n->type == NODE_LINK)
		json_object_object_del(listed, "hardlink");
	bad = compare(path, listed, found);
	json_object_object_del(left, path);
	return bad;
}

static size_t missing(struct json_object *left)
{
	struct json_object_iterator i = json_object_iter_begin(left);
	struct json_object_iterator end = json_object_iter_end(left);
	size_t n = 0;

	for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i))
		n += complain(json_object_iter_peek_name(&i), "MISSING");
	return n;
}

ssize_t verify_files(const struct image *image, const char *text,
		     size_t *ret_right, struct err *reterr)
{
	cleanup_json_object struct json_object *list = json_tokener_parse(text);
	cleanup_json_object struct json_object *left = NULL;
	size_t bad = 0, right = 0;

	if (!guest_count(list, "files"))
		return err_set(reterr, -EINVAL, "lists no files");
	left = by_path(list, reterr);
	if (!left)
		return -EINVAL;
	/* The root is no part of an initrd. */
	if (image->kind == IMAGE_INITRD)
		json_object_object_del(left, "/");
	for (size_t i = 0; i < image->tree.n; i++) {
		size_t one;

		if (image->kind == IMAGE_INITRD && i == 0)
			continue;
		one = check_node(image, &image->tree.v[i], left);
		bad += one;
		right += !one;
	}
	bad += missing(left);
	*ret_right = right;
	return (ssize_t)bad;
}
