// SPDX-License-Identifier: Apache-2.0
/* Calls that concern the guest's network. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "net.h"
#include "netlink.h"
#include "rpc.h"

static void refuse(struct ttrpc_call *call, int r, const struct err *e)
{
	log_err("network: %s", e->text);
	rpc_reply_err(call, r, e);
}

/* A socket for one call; -1 with CALL answered. */
static int open_socket(struct ttrpc_call *call)
{
	struct err e = {0};
	int fd = netlink_open();

	if (fd >= 0)
		return fd;
	refuse(call, fd, (err_code(&e, fd, "open a netlink socket"), &e));
	return -1;
}

void rpc_update_interface(struct agent *agent, struct ttrpc_call *call,
			  const ProtobufCMessage *request)
{
	const Grpc__UpdateInterfaceRequest *rq =
		(const Grpc__UpdateInterfaceRequest *)request;
	cleanup_close int fd = -1;
	struct err e = {0};
	int r;

	if (!rq->interface) {
		ttrpc_reply_error(call, TTRPC_INVALID_ARGUMENT,
				  "no interface");
		return;
	}
	fd = open_socket(call);
	if (fd < 0)
		return;
	r = net_update_interface(fd, agent->sysfs, rq->interface, &e);
	if (r == -ENODEV)
		rpc_defer(agent, call, rpc_update_interface, request, e.text);
	else if (r < 0)
		refuse(call, r, &e);
	else
		ttrpc_reply(call, &rq->interface->base);
}

void rpc_update_routes(struct agent *agent UNUSED, struct ttrpc_call *call,
		       const ProtobufCMessage *request)
{
	const Grpc__UpdateRoutesRequest *rq =
		(const Grpc__UpdateRoutesRequest *)request;
	Grpc__Routes none = GRPC__ROUTES__INIT;
	cleanup_close int fd = open_socket(call);
	struct err e = {0};
	int r;

	if (fd < 0)
		return;
	r = net_update_routes(fd, rq->routes ? rq->routes : &none, &e);
	if (r < 0)
		refuse(call, r, &e);
	else
		ttrpc_reply(call, rq->routes ? &rq->routes->base : &none.base);
}

void rpc_list_interfaces(struct agent *agent UNUSED, struct ttrpc_call *call,
			 const ProtobufCMessage *request UNUSED)
{
	Grpc__Interfaces *response = malloc(sizeof(*response));
	cleanup_close int fd = open_socket(call);
	struct err e = {0};
	int r = -ENOMEM;

	if (response)
		grpc__interfaces__init(response);
	if (fd >= 0 && response)
		r = net_list_interfaces(fd, response);
	if (fd >= 0 && r < 0)
		refuse(call, r, (err_code(&e, r, "list interfaces"), &e));
	else if (fd >= 0)
		ttrpc_reply(call, &response->base);
	if (response)
		proto_free(&response->base);
}

void rpc_list_routes(struct agent *agent UNUSED, struct ttrpc_call *call,
		     const ProtobufCMessage *request UNUSED)
{
	Grpc__Routes *response = malloc(sizeof(*response));
	cleanup_close int fd = open_socket(call);
	struct err e = {0};
	int r = -ENOMEM;

	if (response)
		grpc__routes__init(response);
	if (fd >= 0 && response)
		r = net_list_routes(fd, response);
	if (fd >= 0 && r < 0)
		refuse(call, r, (err_code(&e, r, "list routes"), &e));
	else if (fd >= 0)
		ttrpc_reply(call, &response->base);
	if (response)
		proto_free(&response->base);
}

void rpc_add_neighbours(struct agent *agent UNUSED, struct ttrpc_call *call,
			const ProtobufCMessage *request)
{
	const Grpc__AddARPNeighborsRequest *rq =
		(const Grpc__AddARPNeighborsRequest *)request;
	const Grpc__ARPNeighbors *list = rq->neighbors;
	cleanup_close int fd = -1;
	struct err e = {0};
	size_t i;
	int r = 0;

	if (list && list->n_arpneighbors > NET_NEIGHBOURS_MAX) {
		ttrpc_reply_error(call, TTRPC_INVALID_ARGUMENT,
				  "%zu neighbours", list->n_arpneighbors);
		return;
	}
	fd = open_socket(call);
	if (fd < 0)
		return;
	for (i = 0; !r && list && i < list->n_arpneighbors; i++)
		r = net_add_neighbour(fd, list->arpneighbors[i], &e);
	if (r < 0)
		refuse(call, r, &e);
	else
		rpc_reply_empty(call);
}
