// SPDX-License-Identifier: Apache-2.0
/* The description of a checkpoint, as a file. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "codec/json.h"
#include "os/io.h"
#include "runtime/engine/checkpoint.h"

#define FORMAT 2
/* A frame of the agent, in hexadecimal, and the rest. */
#define FILE_MAX ((size_t)10 << 20)
#define DEPTH_MAX 4

void checkpoint_free(struct checkpoint *ck)
{
	if (!ck)
		return;
	close_fd(&ck->state_fd);
	free(ck->partial);
	free(ck);
}

static void put_text(json_object *o, const char *key, const char *text)
{
	(void)json_object_object_add(o, key, json_object_new_string(text));
}

static void put_bool(json_object *o, const char *key, bool value)
{
	(void)json_object_object_add(o, key, json_object_new_boolean(value));
}

static void put_number(json_object *o, const char *key, uint32_t value)
{
	(void)json_object_object_add(o, key, json_object_new_int64(value));
}

static void put_size(json_object *o, const char *key, const struct vm_size *v)
{
	json_object *size = json_object_new_object();

	put_number(size, "vcpus", v->vcpus);
	put_number(size, "memoryMib", v->memory_mib);
	(void)json_object_object_add(o, key, size);
}

static char *to_hex(const uint8_t *p, size_t n)
{
	char *text = malloc(2 * n + 1);
	size_t i;

	for (i = 0; text && i < n; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", p[i]);
	if (text)
		text[2 * n] = '\0';
	return text;
}

static void put_all(json_object *o, const struct checkpoint *ck,
		    const char *partial)
{
	put_number(o, "format", FORMAT);
	put_text(o, "id", ck->id);
	put_text(o, "arch", ck->arch);
	put_bool(o, "paused", ck->paused);
	put_bool(o, "terminal", ck->terminal);
	put_bool(o, "stdinClosed", ck->in_closed);
	put_bool(o, "stdoutEnded", ck->out_ended);
	put_bool(o, "stderrEnded", ck->err_ended);
	put_text(o, "vmSpec", ck->shape.spec);
	put_text(o, "guestFiles", ck->shape.files);
	put_text(o, "vmm", ck->shape.vmm);
	put_size(o, "first", &ck->shape.first);
	put_size(o, "max", &ck->shape.max);
	put_size(o, "now", &ck->shape.now);
	put_number(o, "tscKhz", ck->shape.tsc_khz);
	put_number(o, "nextCall", ck->calls.next);
	put_number(o, "waitCall", ck->calls.wait);
	put_number(o, "stdoutCall", ck->calls.out);
	put_number(o, "stderrCall", ck->calls.err);
	put_number(o, "oomCall", ck->calls.oom);
	put_text(o, "partialMessage", partial);
}

int checkpoint_write(int dirfd, const struct checkpoint *ck,
		     struct err *reterr)
{
	cleanup_free char *partial = to_hex(ck->partial, ck->n_partial);
	cleanup_json json_object *o = json_object_new_object();
	cleanup_buf struct buf text = BUF_INIT(FILE_MAX);
	int r;

	if (!o || !partial)
		return err_code(reterr, -ENOMEM, "checkpoint");
	put_all(o, ck, partial);
	r = json_write(o, true, &text);
	if (!r)
		r = write_file_atomic(dirfd, CHECKPOINT_NAME, buf_data(&text),
				      text.len, 0600);
	return r < 0 ? err_code(reterr, r, "write '" CHECKPOINT_NAME "'") : 0;
}

/* Reads members; the first that is wrong is remembered. */
struct reader {
	const json_object *o;
	const char *wrong; /* its key */
};

static void get_text(struct reader *rd, const char *key, char *ret, size_t size)
{
	const char *text = json_to_str(json_member(rd->o, key));

	if (text && strlen(text) < size)
		(void)snprintf(ret, size, "%s", text);
	else if (!rd->wrong)
		rd->wrong = key;
}

static bool get_bool(struct reader *rd, const char *key)
{
	json_object *v = json_member(rd->o, key);

	if (json_object_is_type(v, json_type_boolean))
		return json_object_get_boolean(v);
	if (!rd->wrong)
		rd->wrong = key;
	return false;
}

static uint32_t get_number(struct reader *rd, const char *key)
{
	uint64_t n = 0;

	if (json_to_u64(json_member(rd->o, key), UINT32_MAX, &n) < 0 &&
	    !rd->wrong)
		rd->wrong = key;
	return (uint32_t)n;
}

static void get_size(struct reader *rd, const char *key, struct vm_size *ret)
{
	struct reader size = {.o = json_member(rd->o, key)};

	ret->vcpus = get_number(&size, "vcpus");
	ret->memory_mib = get_number(&size, "memoryMib");
	if (size.wrong && !rd->wrong)
		rd->wrong = key;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void get_partial(struct reader *rd, struct checkpoint *ck)
{
	static const char key[] = "partialMessage";
	const char *text = json_to_str(json_member(rd->o, key));
	size_t n = text ? strlen(text) / 2 : 0, i;

	ck->partial = malloc(n + 1);
	if (!text || !ck->partial || strlen(text) % 2) {
		rd->wrong = rd->wrong ? rd->wrong : key;
		return;
	}
	for (i = 0; i < n; i++) {
		int high = hex_digit(text[2 * i]);
		int low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0) {
			rd->wrong = rd->wrong ? rd->wrong : key;
			return;
		}
		ck->partial[i] = (uint8_t)(high << 4 | low);
	}
	ck->n_partial = n;
}

static void get_all(struct reader *rd, struct checkpoint *ck)
{
	get_text(rd, "id", ck->id, sizeof(ck->id));
	get_text(rd, "arch", ck->arch, sizeof(ck->arch));
	ck->paused = get_bool(rd, "paused");
	ck->terminal = get_bool(rd, "terminal");
	ck->in_closed = get_bool(rd, "stdinClosed");
	ck->out_ended = get_bool(rd, "stdoutEnded");
	ck->err_ended = get_bool(rd, "stderrEnded");
	get_text(rd, "vmSpec", ck->shape.spec, sizeof(ck->shape.spec));
	get_text(rd, "guestFiles", ck->shape.files, sizeof(ck->shape.files));
	get_text(rd, "vmm", ck->shape.vmm, sizeof(ck->shape.vmm));
	get_size(rd, "first", &ck->shape.first);
	get_size(rd, "max", &ck->shape.max);
	get_size(rd, "now", &ck->shape.now);
	ck->shape.tsc_khz = get_number(rd, "tscKhz");
	ck->calls.next = get_number(rd, "nextCall");
	ck->calls.wait = get_number(rd, "waitCall");
	ck->calls.out = get_number(rd, "stdoutCall");
	ck->calls.err = get_number(rd, "stderrCall");
	ck->calls.oom = get_number(rd, "oomCall");
	get_partial(rd, ck);
}

static int parse(const char *text, size_t n, struct checkpoint *ck,
		 struct err *reterr)
{
	cleanup_json json_object *o = NULL;
	struct reader rd = {0};
	uint64_t format = 0;
	int r = json_parse_text(text, n, DEPTH_MAX, &o, reterr);

	if (r < 0)
		return r;
	if (json_to_u64(json_member(o, "format"), FORMAT, &format) < 0 ||
	    format != FORMAT)
		return err_set(reterr, -EINVAL, "of a format that is not "
			       "known here: only %d is", FORMAT);
	rd.o = o;
	get_all(&rd, ck);
	if (!rd.wrong && !id_is_valid(ck->id))
		rd.wrong = "id";
	return rd.wrong ? err_set(reterr, -EINVAL, "'%s' is missing or wrong",
				  rd.wrong)
			: 0;
}

int checkpoint_read(const char *path, struct checkpoint **ret,
		    struct err *reterr)
{
	cleanup_close int dirfd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_free char *text = NULL;
	struct checkpoint *ck;
	size_t n = 0;
	int r;

	if (dirfd < 0)
		return err_errno(reterr, "open checkpoint '%s'", path);
	r = read_file(dirfd, CHECKPOINT_NAME, FILE_MAX, &text, &n);
	if (r < 0)
		return err_code(reterr, r, "'%s' is no checkpoint: read "
				CHECKPOINT_NAME, path);
	ck = calloc(1, sizeof(*ck));
	if (!ck)
		return err_code(reterr, -ENOMEM, "checkpoint");
	ck->state_fd = openat(dirfd, CHECKPOINT_STATE_NAME,
			      O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (ck->state_fd < 0)
		r = err_errno(reterr, "open '%s/" CHECKPOINT_STATE_NAME "'",
			      path);
	else if (parse(text, n, ck, reterr) < 0)
		r = err_wrap(reterr, "'%s/" CHECKPOINT_NAME "'", path);
	if (r < 0) {
		checkpoint_free(ck);
		return r;
	}
	*ret = ck;
	return 0;
}
