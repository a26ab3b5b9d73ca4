// SPDX-License-Identifier: Apache-2.0
/*
 * The calls about a sandbox' network, in a network namespace of the test's own,
 * and those about its clock and its entropy.
 */
#include "test.h"

#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/macros.h"
#include "harness.h"

#define CARD "card0"

static Types__IPAddress ips[4], *ip_list[4];
static Types__Interface card;

static void set_address(size_t i, const char *address, const char *mask)
{
	types__ipaddress__init(&ips[i]);
	ips[i].address = STR(address);
	ips[i].mask = STR(mask);
	ip_list[i] = &ips[i];
	card.ipaddresses = ip_list;
	card.n_ipaddresses = i + 1;
}

static int update(void)
{
	Grpc__UpdateInterfaceRequest rq = GRPC__UPDATE_INTERFACE_REQUEST__INIT;

	rq.interface = &card;
	return client_call(C, "UpdateInterface", &rq.base,
			   &types__interface__descriptor, NULL);
}

static void new_card(void)
{
	types__interface__init(&card);
	card.name = STR(CARD);
	card.hwaddr = STR("02:00:00:00:00:07");
	card.mtu = 1400;
}

/* The interface NAME as the agent lists it, in *LIST, which is to be freed. */
static const Types__Interface *find(const char *name, ProtobufCMessage **list)
{
	Grpc__ListInterfacesRequest rq = GRPC__LIST_INTERFACES_REQUEST__INIT;
	const Grpc__Interfaces *all;
	size_t i;

	ok(client_call(C, "ListInterfaces", &rq.base,
		       &grpc__interfaces__descriptor, list));
	all = (const Grpc__Interfaces *)*list;
	for (i = 0; i < all->n_interfaces; i++)
		if (!strcmp(all->interfaces[i]->name, name))
			return all->interfaces[i];
	return NULL;
}

static bool has_address(const Types__Interface *i, const char *text)
{
	size_t k;

	for (k = 0; k < i->n_ipaddresses; k++)
		if (!strcmp(i->ipaddresses[k]->address, text))
			return true;
	return false;
}

static void test_interface(void **state UNUSED)
{
	const Types__Interface *i;
	ProtobufCMessage *list;

	NEED(host.is_root);
	new_card();
	set_address(0, "10.7.0.2", "255.255.0.0");
	set_address(1, "fd00:7::2", "64");
	ok(update());
	i = find(CARD, &list);
	assert_non_null(i);
	assert_string_equal(i->hwaddr, card.hwaddr);
	assert_int_equal(i->mtu, 1400);
	assert_true(has_address(i, "10.7.0.2") && has_address(i, "fd00:7::2"));
	proto_free(list);

	/* Exactly these: another call takes away what it does not name. */
	set_address(0, "10.7.0.3", "16");
	ok(update());
	i = find(CARD, &list);
	assert_non_null(i);
	assert_true(has_address(i, "10.7.0.3"));
	assert_false(has_address(i, "10.7.0.2"));
	assert_false(has_address(i, "fd00:7::2"));
	proto_free(list);
}

static void test_interface_bad(void **state UNUSED)
{
	static const struct {
		const char *address, *mask;
	} bad[] = {
		{"10.7.0", "16"},      {"10.7.0.2", "33"},
		{"10.7.0.2", "-1"},    {"fd00::1", "129"},
		{"fd00::1", "255.0.0.0"}, {"10.7.0.2", "255.0.255.0"},
		{"", "16"},	       {"10.7.0.2/8", "16"},
	};
	size_t k;

	for (k = 0; k < ARRAY_SIZE(bad); k++) {
		new_card();
		set_address(0, bad[k].address, bad[k].mask);
		if (update() != TTRPC_INVALID_ARGUMENT)
			fail_msg("%s %s: %s", bad[k].address, bad[k].mask,
				 client_text);
	}
	new_card();
	card.hwaddr = STR("02:00:00:00:00");
	assert_int_equal(update(), TTRPC_INVALID_ARGUMENT);
	new_card();
	card.name = STR("a/b");
	assert_int_equal(update(), TTRPC_INVALID_ARGUMENT);
	new_card();
	card.mtu = 1 << 20;
	assert_int_equal(update(), TTRPC_INVALID_ARGUMENT);
	/* None has it, and none comes: the wait ends, and says for whom. */
	new_card();
	card.hwaddr = STR("02:00:00:00:00:99");
	card.name = STR("none0");
	assert_int_equal(update(), TTRPC_DEADLINE_EXCEEDED);
	assert_non_null(strstr(client_text, "02:00:00:00:00:99"));
}

static int set_routes(const char *dest, const char *gateway, const char *device)
{
	Grpc__UpdateRoutesRequest rq = GRPC__UPDATE_ROUTES_REQUEST__INIT;
	Grpc__Routes routes = GRPC__ROUTES__INIT;
	Types__Route route = TYPES__ROUTE__INIT, *list = &route;

	route.dest = STR(dest);
	route.gateway = STR(gateway);
	route.device = STR(device);
	routes.routes = &list;
	routes.n_routes = 1;
	rq.routes = &routes;
	return client_call(C, "UpdateRoutes", &rq.base,
			   &grpc__routes__descriptor, NULL);
}

static bool has_route(const char *dest)
{
	Grpc__ListRoutesRequest rq = GRPC__LIST_ROUTES_REQUEST__INIT;
	const Grpc__Routes *all;
	ProtobufCMessage *list;
	bool found = false;
	size_t i;

	ok(client_call(C, "ListRoutes", &rq.base, &grpc__routes__descriptor,
		       &list));
	all = (const Grpc__Routes *)list;
	for (i = 0; i < all->n_routes; i++)
		found |= !strcmp(all->routes[i]->dest, dest);
	proto_free(list);
	return found;
}

static void test_routes(void **state UNUSED)
{
	NEED(host.is_root);
	ok(set_routes("10.8.0.0/16", "10.7.0.1", CARD));
	assert_true(has_route("10.8.0.0/16"));
	ok(set_routes("10.9.0.0/16", "10.7.0.1", CARD));
	assert_true(has_route("10.9.0.0/16"));
	assert_false(has_route("10.8.0.0/16"));
	/* A gateway that no interface leads to, and things that are none. */
	assert_int_not_equal(set_routes("10.8.0.0/16", "192.0.2.1", CARD), 0);
	assert_int_equal(set_routes("10.8.0.0/40", "", CARD),
			 TTRPC_INVALID_ARGUMENT);
	assert_int_equal(set_routes("10.8.0.0/16", "fd00::1", CARD),
			 TTRPC_INVALID_ARGUMENT);
	assert_int_not_equal(set_routes("10.8.0.0/16", "", "none0"), 0);
}

static int add_neighbour(const char *address, const char *mac,
			 const char *device)
{
	Grpc__AddARPNeighborsRequest rq = GRPC__ADD_ARPNEIGHBORS_REQUEST__INIT;
	Grpc__ARPNeighbors neighbours = GRPC__ARPNEIGHBORS__INIT;
	Types__ARPNeighbor n = TYPES__ARPNEIGHBOR__INIT, *list = &n;
	Types__IPAddress ip = TYPES__IPADDRESS__INIT;

	ip.address = STR(address);
	n.toipaddress = &ip;
	n.lladdr = STR(mac);
	n.device = STR(device);
	n.state = 0x80; /* NUD_PERMANENT */
	neighbours.arpneighbors = &list;
	neighbours.n_arpneighbors = 1;
	rq.neighbors = &neighbours;
	return call("AddARPNeighbors", &rq.base);
}

static void test_neighbours(void **state UNUSED)
{
	NEED(host.is_root);
	ok(add_neighbour("10.7.0.77", "02:00:00:00:00:77", CARD));
	ok(add_neighbour("10.7.0.77", "02:00:00:00:00:78", CARD)); /* again */
	assert_int_equal(add_neighbour("10.7.0", "02:00:00:00:00:77", CARD),
			 TTRPC_INVALID_ARGUMENT);
	assert_int_equal(add_neighbour("10.7.0.77", "02:00", CARD),
			 TTRPC_INVALID_ARGUMENT);
	assert_int_not_equal(
		add_neighbour("10.7.0.77", "02:00:00:00:00:77", "none0"), 0);
}

static void test_clock(void **state UNUSED)
{
	Grpc__SetGuestDateTimeRequest rq = GRPC__SET_GUEST_DATE_TIME_REQUEST__INIT;

	rq.sec = -1;
	assert_int_equal(call("SetGuestDateTime", &rq.base),
			 TTRPC_INVALID_ARGUMENT);
	rq.sec = time(NULL);
	rq.usec = 1000000;
	assert_int_equal(call("SetGuestDateTime", &rq.base),
			 TTRPC_INVALID_ARGUMENT);
	rq.usec = 0;
	/* The clock of a host is not a test's. */
	if (host.is_guest)
		ok(call("SetGuestDateTime", &rq.base));
}

static void test_entropy(void **state UNUSED)
{
	Grpc__ReseedRandomDevRequest rq = GRPC__RESEED_RANDOM_DEV_REQUEST__INIT;
	static uint8_t data[1 << 20];

	NEED(host.is_root);
	rq.data.data = data;
	rq.data.len = sizeof(data);
	assert_int_equal(call("ReseedRandomDev", &rq.base),
			 TTRPC_INVALID_ARGUMENT);
	rq.data.len = 64;
	ok(call("ReseedRandomDev", &rq.base));
}

/* A network card that is none, for the agent to find by its address. */
static int setup(void **state)
{
	int r = harness_setup(state);

	if (!r && host.is_root && !host.is_guest)
		r = system("ip link add here7 address 02:00:00:00:00:07 "
			   "type veth peer name there7 && "
			   "ip link set there7 up");
	return r;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interface),
		cmocka_unit_test(test_interface_bad),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_entropy),
	};

	return cmocka_run_group_tests(tests, setup, harness_teardown);
}
