// SPDX-License-Identifier: Apache-2.0
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/macros.h"

#define OUTPUT_MAX ((size_t)64 << 20)

char client_text[1024];

/* Messages want pointers to writable strings, and write to none. */
static char *s_(const char *text)
{
	return (char *)(uintptr_t)text;
}

static void on_closed(void *arg, struct ttrpc_conn *conn UNUSED,
		      int reason UNUSED)
{
	((struct client *)arg)->closed = true;
}

int client_open(struct client *c, int fd)
{
	*c = (struct client){.timeout_ms = 30000};
	c->loop = event_loop_new();
	c->conn = c->loop ? ttrpc_conn_new(c->loop, fd, NULL, 0, on_closed, c)
			  : NULL;
	return c->conn ? 0 : -errno;
}

void client_close(struct client *c)
{
	ttrpc_conn_free(c->conn);
	event_loop_free(c->loop);
}

static void on_done(void *arg, int code, const char *text,
		    const ProtobufCMessage *response)
{
	struct answer *a = arg;

	a->done = true;
	a->code = code;
	(void)snprintf(a->text, sizeof(a->text), "%s", text);
	if (response) {
		size_t n = protobuf_c_message_get_packed_size(response);
		uint8_t *packed = malloc(n + 1);

		(void)protobuf_c_message_pack(response, packed);
		a->message = proto_unpack(response->descriptor, n, packed);
		free(packed);
	}
}

void client_start(struct client *c, struct answer *a, const char *method,
		  const ProtobufCMessage *request,
		  const ProtobufCMessageDescriptor *response)
{
	const char *service = strcmp(method, "Check") &&
			      strcmp(method, "Version") ? "grpc.AgentService"
							: "grpc.Health";

	*a = (struct answer){0};
	if (ttrpc_call(c->conn, service, method, request, response,
		       c->timeout_ms, on_done, a) < 0)
		on_done(a, TTRPC_UNAVAILABLE, "not sent", NULL);
}

bool client_wait(struct client *c, struct answer *a, uint32_t timeout_ms)
{
	uint64_t until = event_now_ms() + timeout_ms;

	while (!a->done && event_now_ms() < until)
		(void)event_loop_once(c->loop, (int)(until - event_now_ms()));
	return a->done;
}

int client_call(struct client *c, const char *method,
		const ProtobufCMessage *request,
		const ProtobufCMessageDescriptor *response,
		ProtobufCMessage **ret)
{
	struct answer a;

	client_start(c, &a, method, request, response);
	while (!a.done)
		(void)client_wait(c, &a, 1000);
	(void)snprintf(client_text, sizeof(client_text), "%s", a.text);
	if (ret)
		*ret = a.message;
	else
		proto_free(a.message);
	return a.code;
}

static int call_empty(struct client *c, const char *method,
		      const ProtobufCMessage *request)
{
	return client_call(c, method, request, &grpc__empty__descriptor, NULL);
}

int client_create_sandbox(struct client *c)
{
	Grpc__CreateSandboxRequest rq = GRPC__CREATE_SANDBOX_REQUEST__INIT;

	rq.sandbox_id = s_("sandbox");
	rq.hostname = s_("pod");
	return call_empty(c, "CreateSandbox", &rq.base);
}

int client_start_container(struct client *c, const char *id)
{
	Grpc__StartContainerRequest rq = GRPC__START_CONTAINER_REQUEST__INIT;

	rq.container_id = s_(id);
	return call_empty(c, "StartContainer", &rq.base);
}

int client_remove(struct client *c, const char *id)
{
	Grpc__RemoveContainerRequest rq = GRPC__REMOVE_CONTAINER_REQUEST__INIT;

	rq.container_id = s_(id);
	rq.timeout = 10;
	return call_empty(c, "RemoveContainer", &rq.base);
}

int client_signal(struct client *c, const char *id, const char *exec, int signo)
{
	Grpc__SignalProcessRequest rq = GRPC__SIGNAL_PROCESS_REQUEST__INIT;

	rq.container_id = s_(id);
	rq.exec_id = s_(exec);
	rq.signal = (uint32_t)signo;
	return call_empty(c, "SignalProcess", &rq.base);
}

int client_write(struct client *c, const char *id, const char *exec,
		 const void *data, size_t n)
{
	Grpc__WriteStreamRequest rq = GRPC__WRITE_STREAM_REQUEST__INIT;

	rq.container_id = s_(id);
	rq.exec_id = s_(exec);
	rq.data.data = (uint8_t *)(uintptr_t)data;
	rq.data.len = n;
	return client_call(c, "WriteStdin", &rq.base,
			   &grpc__write_stream_response__descriptor, NULL);
}

int client_close_stdin(struct client *c, const char *id, const char *exec)
{
	Grpc__CloseStdinRequest rq = GRPC__CLOSE_STDIN_REQUEST__INIT;

	rq.container_id = s_(id);
	rq.exec_id = s_(exec);
	return call_empty(c, "CloseStdin", &rq.base);
}

int client_wait_process(struct client *c, const char *id, const char *exec)
{
	Grpc__WaitProcessRequest rq = GRPC__WAIT_PROCESS_REQUEST__INIT;
	ProtobufCMessage *m = NULL;
	int code, status;

	rq.container_id = s_(id);
	rq.exec_id = s_(exec);
	code = client_call(c, "WaitProcess", &rq.base,
			   &grpc__wait_process_response__descriptor, &m);
	if (code)
		return -1000 - code;
	status = ((Grpc__WaitProcessResponse *)m)->status;
	proto_free(m);
	return status;
}

char *client_read_all(struct client *c, const char *id, const char *exec,
		      bool is_err, size_t *ret_n)
{
	Grpc__ReadStreamRequest rq = GRPC__READ_STREAM_REQUEST__INIT;
	struct buf b = BUF_INIT(OUTPUT_MAX);
	bool more = true;
	char *text;

	rq.container_id = s_(id);
	rq.exec_id = s_(exec);
	rq.len = 65536;
	while (more) {
		ProtobufCMessage *m = NULL;
		Grpc__ReadStreamResponse *rs;

		if (client_call(c, is_err ? "ReadStderr" : "ReadStdout",
				&rq.base,
				&grpc__read_stream_response__descriptor, &m)) {
			buf_release(&b);
			return NULL;
		}
		rs = (Grpc__ReadStreamResponse *)m;
		more = rs->data.len > 0;
		(void)buf_put(&b, rs->data.data, rs->data.len);
		proto_free(m);
	}
	if (ret_n)
		*ret_n = b.len;
	text = buf_take_cstr(&b);
	buf_release(&b);
	return text;
}

void spec_mount(struct spec *s, const char *destination, const char *type,
		const char *source, const char *options)
{
	size_t i = s->spec.n_mounts++;

	grpc__mount__init(&s->mounts[i]);
	s->mounts[i].destination = s_(destination);
	s->mounts[i].type = s_(type);
	s->mounts[i].source = s_(source);
	s->mounts[i].options = s->options[i];
	if (*options) {
		s->options[i][0] = s_(options);
		s->mounts[i].n_options = 1;
	}
	s->mount_list[i] = &s->mounts[i];
}

void spec_init(struct spec *s, const char *rootfs, const char *shell)
{
	static const char *const namespaces[] = {"pid", "mount", "uts", "ipc",
						 "network"};
	size_t i;

	memset(s, 0, sizeof(*s));
	grpc__spec__init(&s->spec);
	grpc__process__init(&s->process);
	grpc__user__init(&s->user);
	grpc__root__init(&s->root);
	grpc__linux__init(&s->linux_part);
	grpc__linux_resources__init(&s->resources);
	grpc__linux_capabilities__init(&s->caps);
	s->spec.version = s_("1.0.2");
	s->spec.process = &s->process;
	s->spec.root = &s->root;
	s->spec.linux = &s->linux_part;
	s->spec.hostname = s_("box");
	s->spec.mounts = s->mount_list;
	s->root.path = s_(rootfs);
	s->process.user = &s->user;
	s->process.cwd = s_("/");
	s->process.args = s->args;
	s->args[0] = s_("/bin/sh");
	s->args[1] = s_("-c");
	s->args[2] = s_(shell);
	s->process.n_args = 3;
	s->process.env = s->env;
	s->env[0] = s_("PATH=/bin:/sbin:/usr/bin");
	s->process.n_env = 1;
	s->process.capabilities = &s->caps;
	for (i = 0; i < ARRAY_SIZE(namespaces); i++) {
		grpc__linux_namespace__init(&s->ns[i]);
		s->ns[i].type = s_(namespaces[i]);
		s->ns_list[i] = &s->ns[i];
	}
	s->linux_part.namespaces = s->ns_list;
	s->linux_part.n_namespaces = ARRAY_SIZE(namespaces);
	s->linux_part.resources = &s->resources;
	spec_mount(s, "/proc", "proc", "proc", "nosuid,noexec,nodev");
	spec_mount(s, "/dev", "tmpfs", "tmpfs", "nosuid,mode=755,size=65536k");
	spec_mount(s, "/dev/pts", "devpts", "devpts",
		   "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620");
	spec_mount(s, "/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro");
}

int client_create(struct client *c, const char *id, struct spec *s,
		  Grpc__Storage **storages, size_t n)
{
	Grpc__CreateContainerRequest rq = GRPC__CREATE_CONTAINER_REQUEST__INIT;

	rq.container_id = s_(id);
	rq.oci = &s->spec;
	rq.storages = storages;
	rq.n_storages = n;
	return call_empty(c, "CreateContainer", &rq.base);
}

int client_exec(struct client *c, const char *id, const char *exec,
		struct spec *s)
{
	Grpc__ExecProcessRequest rq = GRPC__EXEC_PROCESS_REQUEST__INIT;

	rq.container_id = s_(id);
	rq.exec_id = s_(exec);
	rq.process = &s->process;
	return call_empty(c, "ExecProcess", &rq.base);
}
