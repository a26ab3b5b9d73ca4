// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "fileio.h"
#include "uuid.h"

#define JSON_STYLE                                                             \
	(JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |                   \
	 JSON_C_TO_STRING_NOSLASHESCAPE)

int report_json(struct json_object *o, const char *output, struct err *reterr)
{
	cleanup_buf struct buf text = BUF_INIT(IMAGE_MAX);
	const char *s = json_object_to_json_string_ext(o, JSON_STYLE);

	if (!s)
		return err_set(reterr, -ENOMEM, "out of memory");
	(void)buf_put_str(&text, s);
	if (buf_put_u8(&text, '\n') < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	return file_write(output, buf_data(&text), text.len, reterr);
}

static int report_as_json(const struct image *image, const struct tree *tree,
			  struct err *reterr)
{
	struct json_object *o = image ? image_to_json(image) :
					json_object_new_object();
	struct json_object *files = json_object_new_array();
	int r = 0;

	if (!o || !files || json_object_object_add(o, "files", files) < 0) {
		(void)json_object_put(o);
		(void)json_object_put(files);
		return err_set(reterr, -ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < tree->n && r == 0; i++) {
		struct json_object *n = node_to_json(image, tree,
						     &tree->v[i]);

		r = json_object_array_add(files, n);
	}
	r = r < 0 ? err_set(reterr, -ENOMEM, "out of memory") :
		    report_json(o, "-", reterr);
	(void)json_object_put(o);
	return r;
}

void report_bytes(const void *p, size_t n)
{
	size_t size = 4 * n + 8; /* log_escape() keeps some room */
	cleanup_free char *text = malloc(size);

	if (text)
		(void)fputs(log_escape(text, size, p, n), stdout);
}

/* What marks a file that DAX maps by huge pages, by pages, or not at all. */
static const char *dax_mark(const struct image *image, const struct node *n)
{
	if (!image || image->kind != IMAGE_FS || n->type != NODE_FILE)
		return "";
	if (layout_pmd(&image->layout, n))
		return " dax=pmd";
	return layout_dax(&image->layout, n) ? " dax=page" : " dax=no";
}

static void print_xattrs(const struct xattrs *x)
{
	for (size_t i = 0; x && i < x->n; i++) {
		cleanup_buf struct buf text = BUF_INIT(2 * XATTR_VALUE_MAX + 3);

		xattr_value_format(&x->v[i], &text);
		(void)printf(" ");
		report_bytes(x->v[i].name, strlen(x->v[i].name));
		(void)printf("=");
		report_bytes(buf_data(&text), text.len);
	}
}

static void print_node(const struct image *image, const struct tree *tree,
		       const struct node *n)
{
	const struct node *first = &tree->v[n->first];

	(void)printf("%-6s %04o %5u %5u ", node_type_name(n->type), n->mode,
		     n->uid, n->gid);
	if (n->type == NODE_CHAR || n->type == NODE_BLOCK)
		(void)printf("%6u,%4u ", n->major, n->minor);
	else
		(void)printf("%11" PRIu64 " ",
			     n->type == NODE_FILE ? n->size : 0);
	report_bytes(n->path, strlen(n->path));
	if (n->type == NODE_LINK) {
		(void)printf(" -> ");
		report_bytes(n->data, n->size);
	}
	(void)printf("%s%s", dax_mark(image, n), n->unread ? " xattrs" : "");
	if (strcmp(first->path, n->path) != 0) {
		(void)printf(" hardlink=");
		report_bytes(first->path, strlen(first->path));
	}
	print_xattrs(n->xattrs);
	(void)printf("\n");
}

static void print_partition(const char *view, const struct partition *p)
{
	if (p->size)
		(void)printf("partition of the %s view: %" PRIu64 " bytes at %"
			     PRIu64 ", type %#x\n", view, p->size, p->start,
			     p->type);
}

static void print_gpt(const struct gpt *g)
{
	char type[GUID_TEXT_SIZE], uuid[GUID_TEXT_SIZE];

	if (!g->present)
		return;
	guid_format(g->disk, uuid);
	(void)printf("GPT: disk %s, %zu partitions\n", uuid, g->n);
	for (size_t i = 0; i < g->n; i++) {
		const struct gpt_partition *p = &g->v[i];

		guid_format(p->type, type);
		guid_format(p->uuid, uuid);
		(void)printf("GPT partition: %" PRIu64 " bytes at %" PRIu64
			     ", type %s, uuid %s, name '%s'\n", p->size,
			     p->start, type, uuid, p->name);
	}
}

static void print_layout(const struct layout *l)
{
	char uuid[UUID_TEXT_SIZE], parent[UUID_TEXT_SIZE];

	print_gpt(&l->gpt);
	print_partition("disk", &l->whole);
	print_partition("pmem", &l->pmem);
	if (l->kind != LAYOUT_PLAIN) {
		uuid_format(l->pfn.uuid, uuid);
		uuid_format(l->pfn.parent, parent);
		(void)printf("info block: version %u.%u, mode %u, align %u, "
			     "data at %" PRIu64 ", %" PRIu64 " pages, uuid %s, "
			     "of namespace %s\n", l->pfn.major, l->pfn.minor,
			     l->pfn.mode, l->pfn.align, l->pfn.dataoff,
			     l->pfn.npfns, uuid, parent);
	}
	if (!l->has_verity)
		return;
	(void)printf("verity: %s, %" PRIu64 " blocks, tree at block %" PRIu64
		     ", root hash ", l->verity.intact ? "intact" : "WRONG",
		     l->verity.data_blocks, l->verity.hash_start);
	for (size_t i = 0; i < sizeof(l->verity.root); i++)
		(void)printf("%02x", l->verity.root[i]);
	(void)printf("\n");
}

static void print_image(const struct image *i)
{
	char uuid[UUID_TEXT_SIZE];

	if (i->kind == IMAGE_INITRD) {
		(void)printf("initrd: cpio, %s, %zu bytes unpacked, "
			     "%zu files\n",
			     i->compressed ? "zstd" : "not compressed",
			     i->size, i->tree.n);
		return;
	}
	uuid_format(i->info.uuid, uuid);
	(void)printf("image: %" PRIu64 " bytes, layout %s, %s at %" PRIu64
		     ", pmem view from %" PRIu64 "\n", i->layout.size,
		     layout_kind_name(i->layout.kind), i->fs->name,
		     i->layout.fs_pos, i->layout.pmem_pos);
	print_layout(&i->layout);
	(void)printf("%s: compression %s, %" PRIu64 " blocks of %u, %" PRIu64
		     " inodes, root %" PRIu64 ", time %" PRId64 "\n",
		     i->fs->name, i->info.compress ? i->info.compress : "none",
		     i->info.blocks, i->info.block_size,
		     i->info.inodes, i->info.root, i->info.time);
	(void)printf("uuid %s, features %#x/%#x, checksum %s, label '", uuid,
		     i->info.feature_compat, i->info.feature_incompat,
		     i->info.checksum ? "right" : "none");
	report_bytes(i->info.label, strlen(i->info.label));
	(void)printf("'\n");
}

static void print_said(const char *name, const char *text)
{
	if (!*text)
		return;
	(void)printf(" %s ", name);
	report_bytes(text, strlen(text));
}

static void print_identity(const struct identity *id)
{
	if (id->agent_path) {
		(void)printf("agent:");
		print_said("kiln-agent", id->agent);
		print_said("at", id->agent_path);
		(void)printf("\n");
	}
	if (!*id->os && !*id->version && !*id->profile)
		return;
	(void)printf("system:");
	print_said("os", id->os);
	print_said("version", id->version);
	print_said("profile", id->profile);
	(void)printf("\n");
}

int report_tree(const struct image *image, const struct tree *tree,
		const char *format, struct err *reterr)
{
	if (format && !strcmp(format, "json"))
		return report_as_json(image, tree, reterr);
	if (format && strcmp(format, "text") != 0)
		return err_set(reterr, -EINVAL, "unknown format '%s'", format);
	if (image) {
		print_image(image);
		print_identity(&image->identity);
	}
	for (size_t i = 0; i < tree->n; i++)
		print_node(image, tree, &tree->v[i]);
	if (fflush(stdout) != 0 || ferror(stdout))
		return err_errno(reterr, "write");
	return 0;
}
