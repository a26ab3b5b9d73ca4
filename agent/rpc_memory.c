// SPDX-License-Identifier: Apache-2.0
/* Calls that concern the guest's memory: plugged in, and swapped out. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "device/device.h"
#include "os/io.h"
#include "rpc.h"

#define PROBES_MAX 1024
#define PROBE "devices/system/memory/probe"

static int probe(const struct agent *agent, const uint64_t *list, size_t n,
		 struct err *reterr)
{
	cleanup_free char *path = path_join(agent->sysfs, PROBE);
	size_t i;

	if (!path)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (n > PROBES_MAX)
		return err_set(reterr, -EINVAL, "more than %d addresses",
			       PROBES_MAX);
	if (access(path, F_OK) < 0)
		return err_set(reterr, -EOPNOTSUPP, "this guest's kernel is "
			       "told of memory by its firmware, not by probes");
	for (i = 0; i < n; i++) {
		char text[32];
		int r;

		(void)snprintf(text, sizeof(text), "0x%llx",
			       (unsigned long long)list[i]);
		r = write_file(AT_FDCWD, path, text);
		if (r < 0)
			return err_code(reterr, r, "memory at %s", text);
	}
	return 0;
}

void rpc_mem_probe(struct agent *agent, struct ttrpc_call *call,
		   const ProtobufCMessage *request)
{
	const Grpc__MemHotplugByProbeRequest *rq =
		(const Grpc__MemHotplugByProbeRequest *)request;
	struct err e = {0};
	int r = probe(agent, rq->memhotplugprobeaddr,
		      rq->n_memhotplugprobeaddr, &e);

	if (r < 0)
		rpc_reply_err(call, r, &e);
	else
		rpc_reply_empty(call);
}

static void swap_on(struct ttrpc_call *call, const char *path)
{
	struct err e = {0};
	struct stat st;
	int r = 0;

	if (lstat(path, &st) < 0)
		r = err_errno(&e, "look at '%.200s'", path);
	else if (!S_ISBLK(st.st_mode))
		r = err_set(&e, -EINVAL, "'%.200s' is no block device", path);
	else if (swapon(path, SWAP_FLAG_DISCARD) < 0)
		r = err_errno(&e, "swap to '%.200s'", path);
	if (r < 0)
		rpc_reply_err(call, r, &e);
	else
		rpc_reply_empty(call);
}

/* 2, 1 is "02/01". */
static int path_text(const Grpc__AddSwapRequest *rq, char *ret, size_t size)
{
	size_t i, used = 0;

	if (!rq->n_pcipath || rq->n_pcipath > PCI_PATH_DEPTH_MAX)
		return -EINVAL;
	for (i = 0; i < rq->n_pcipath; i++) {
		int n = snprintf(ret + used, size - used, "%s%02x",
				 i ? "/" : "", rq->pcipath[i]);

		if (n < 0 || (size_t)n >= size - used)
			return -EINVAL;
		used += (size_t)n;
	}
	return 0;
}

void rpc_add_swap(struct agent *agent, struct ttrpc_call *call,
		  const ProtobufCMessage *request)
{
	const Grpc__AddSwapRequest *rq = (const Grpc__AddSwapRequest *)request;
	cleanup_free char *name = NULL, *path = NULL;
	char text[PCI_PATH_DEPTH_MAX * 9 + 1], what[128];
	int r = path_text(rq, text, sizeof(text));

	if (!r)
		r = pci_find_block(agent->sysfs, text, &name);
	if (!r) {
		path = path_join(agent->dev, name);
		r = !path ? -ENOMEM : access(path, F_OK) < 0 ? -errno : 0;
	}
	if (r == -ENOENT) {
		(void)snprintf(what, sizeof(what), "blk device '%s'", text);
		rpc_defer(agent, call, rpc_add_swap, request, what);
		return;
	}
	if (r < 0)
		ttrpc_reply_error(call, ttrpc_code_of_errno(r),
				  "PCI path of the swap device: %s",
				  strerror(-r));
	else
		swap_on(call, path);
}

void rpc_add_swap_path(struct agent *agent, struct ttrpc_call *call,
		       const ProtobufCMessage *request)
{
	const Grpc__AddSwapPathRequest *rq =
		(const Grpc__AddSwapPathRequest *)request;
	const char *name = path_base(rq->path);
	char what[128];

	if (strncmp(rq->path, "/dev/", 5) || name != rq->path + 5 || !*name ||
	    *name == '.') {
		ttrpc_reply_error(call, TTRPC_INVALID_ARGUMENT,
				  "'%.200s' is no device of /dev", rq->path);
		return;
	}
	if (access(rq->path, F_OK) < 0 && errno == ENOENT) {
		(void)snprintf(what, sizeof(what), "device '%.64s'", rq->path);
		rpc_defer(agent, call, rpc_add_swap_path, request, what);
		return;
	}
	swap_on(call, rq->path);
}

void rpc_no_mem_agent(struct agent *agent UNUSED, struct ttrpc_call *call,
		      const ProtobufCMessage *request UNUSED)
{
	ttrpc_reply_error(call, TTRPC_UNIMPLEMENTED,
			  "guests have no memory agent: memory is given back "
			  "by the balloon's free page reporting");
}
