// SPDX-License-Identifier: Apache-2.0
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "os/io.h"
#include "runtime/engine/proc.h"

#define STATE_MAX ((size_t)8 << 20)

static void json_putp(struct json_object **o)
{
	if (*o)
		(void)json_object_put(*o);
}

#define cleanup_json cleanup(json_putp)

void container_state_release(struct container_state *s)
{
	free(s->id);
	free(s->bundle);
	free(s->status);
	free(s->rootfs);
	free(s->owner);
	free(s->created);
	free(s->arch);
	free(s->annotations_json);
	*s = (struct container_state){0};
}

void container_states_free(struct container_state *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		container_state_release(&v[i]);
	free(v);
}

void state_release(struct state_record *r)
{
	container_state_release(&r->s);
}

char *state_timestamp(void)
{
	char *text = NULL, date[64];
	struct timespec ts;
	struct tm tm;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	if (!gmtime_r(&ts.tv_sec, &tm) ||
	    !strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm))
		return NULL;
	if (asprintf(&text, "%s.%09ldZ", date, ts.tv_nsec) < 0)
		return NULL;
	return text;
}

static void add_text(struct json_object *o, const char *key, const char *text)
{
	(void)json_object_object_add(o, key,
				     json_object_new_string(text ? text : ""));
}

static void add_number(struct json_object *o, const char *key, int64_t n)
{
	(void)json_object_object_add(o, key, json_object_new_int64(n));
}

int state_write(int dirfd, const struct state_record *r)
{
	cleanup_json struct json_object *o = json_object_new_object();
	struct json_object *annotations;
	const char *text;

	if (!o)
		return -ENOMEM;
	add_text(o, "id", r->s.id);
	add_text(o, "bundle", r->s.bundle);
	add_text(o, "status", r->s.status);
	add_text(o, "rootfs", r->s.rootfs);
	add_text(o, "owner", r->s.owner);
	add_text(o, "created", r->s.created);
	add_text(o, "arch", r->s.arch);
	add_number(o, "pid", r->s.pid);
	add_number(o, "pidStart", (int64_t)r->pid_start);
	add_number(o, "exitStatus", r->s.exit_status);
	add_number(o, "supervisor", r->supervisor);
	add_number(o, "supervisorStart", (int64_t)r->supervisor_start);
	annotations = json_tokener_parse(
		r->s.annotations_json ? r->s.annotations_json : "{}");
	(void)json_object_object_add(o, "annotations", annotations);
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY);
	if (!text)
		return -ENOMEM;
	return write_file_atomic(dirfd, STATE_NAME, text, strlen(text), 0600);
}

static char *get_text(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;
	const char *text = "";

	if (json_object_object_get_ex(o, key, &v) && v)
		text = json_object_get_string(v);
	return strdup(text ? text : "");
}

static int64_t get_number(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_int64(v)
						     : 0;
}

static int decode(struct json_object *o, struct state_record *ret)
{
	struct json_object *annotations = NULL;
	const char *text = NULL;

	ret->s.id = get_text(o, "id");
	ret->s.bundle = get_text(o, "bundle");
	ret->s.status = get_text(o, "status");
	ret->s.rootfs = get_text(o, "rootfs");
	ret->s.owner = get_text(o, "owner");
	ret->s.created = get_text(o, "created");
	ret->s.arch = get_text(o, "arch");
	ret->s.pid = (int)get_number(o, "pid");
	ret->pid_start = (uint64_t)get_number(o, "pidStart");
	ret->s.exit_status = (int)get_number(o, "exitStatus");
	ret->supervisor = (pid_t)get_number(o, "supervisor");
	ret->supervisor_start = (uint64_t)get_number(o, "supervisorStart");
	if (json_object_object_get_ex(o, "annotations", &annotations))
		text = json_object_to_json_string_ext(annotations,
						      JSON_C_TO_STRING_PLAIN);
	ret->s.annotations_json = strdup(text ? text : "{}");
	if (!ret->s.id || !ret->s.bundle || !ret->s.status || !ret->s.rootfs ||
	    !ret->s.owner || !ret->s.created || !ret->s.arch ||
	    !ret->s.annotations_json)
		return -ENOMEM;
	return 0;
}

int state_read(int dirfd, struct state_record *ret, struct err *reterr)
{
	cleanup_json struct json_object *o = NULL;
	cleanup_free char *text = NULL;
	int r;

	*ret = (struct state_record){0};
	r = read_file(dirfd, STATE_NAME, STATE_MAX, &text, NULL);
	if (r < 0)
		return err_code(reterr, r, "read " STATE_NAME);
	o = json_tokener_parse(text);
	if (!o || !json_object_is_type(o, json_type_object))
		return err_set(reterr, -EINVAL, STATE_NAME " is damaged");
	r = decode(o, ret);
	if (r < 0) {
		state_release(ret);
		return err_code(reterr, r, "read " STATE_NAME);
	}
	return 0;
}

bool state_supervisor_is_alive(const struct state_record *r)
{
	return proc_is_alive(r->supervisor, r->supervisor_start);
}

int state_read_live(int dirfd, struct state_record *ret, struct err *reterr)
{
	static const char stopped[] = "stopped";
	int r = state_read(dirfd, ret, reterr);

	if (r < 0)
		return r;
	if (!state_supervisor_is_alive(ret) && strcmp(ret->s.status, stopped)) {
		char *status = strdup(stopped);

		if (!status) {
			state_release(ret);
			return err_code(reterr, -ENOMEM, "state");
		}
		free(ret->s.status);
		ret->s.status = status;
		ret->s.exit_status = 137;
	}
	if (!strcmp(ret->s.status, stopped) ||
	    !proc_is_alive(ret->s.pid, ret->pid_start))
		ret->s.pid = 0;
	return 0;
}
