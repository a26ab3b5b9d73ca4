// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/net.h"
#include "agent/netlink.h"

static void test_addresses(void **state)
{
	struct net_address a;
	char text[NET_ADDRESS_TEXT_MAX];

	(void)state;
	assert_int_equal(net_address_parse("10.1.2.3/24", &a), 0);
	assert_int_equal(a.family, AF_INET);
	assert_int_equal(a.prefix, 24);
	assert_int_equal(net_address_parse("fd00::1", &a), 0);
	assert_int_equal(a.prefix, 128);
	net_address_format(&a, text);
	assert_string_equal(text, "fd00::1");
	assert_int_equal(net_address_parse_mask("10.0.0.1", "255.255.240.0",
						&a), 0);
	assert_int_equal(a.prefix, 20);
	assert_int_equal(net_address_parse_mask("10.0.0.1", "0.0.0.0", &a), 0);
	assert_int_equal(a.prefix, 0);
	assert_int_equal(net_address_parse_mask("10.0.0.1", "255.0.255.0", &a),
			 -EINVAL);
	assert_int_equal(net_address_parse("10.0.0.1/33", &a), -EINVAL);
	assert_int_equal(net_address_parse("10.0.0.1/", &a), -EINVAL);
	assert_int_equal(net_address_parse("", &a), -EINVAL);
	assert_int_equal(net_address_parse("fd00::1/129", &a), -EINVAL);
}

static void test_names(void **state)
{
	uint8_t mac[NET_MAC_SIZE];

	(void)state;
	assert_int_equal(net_mac_parse("02:00:00:ff:00:1a", mac), 0);
	assert_int_equal(mac[5], 0x1a);
	assert_int_equal(net_mac_parse("02:00:00:ff:00", mac), -EINVAL);
	assert_int_equal(net_mac_parse("02-00-00-ff-00-1a", mac), -EINVAL);
	assert_int_equal(net_mac_parse("0x:00:00:ff:00:1a", mac), -EINVAL);
	assert_true(net_name_is_valid("eth0"));
	assert_false(net_name_is_valid(""));
	assert_false(net_name_is_valid(".."));
	assert_false(net_name_is_valid("a/b"));
	assert_false(net_name_is_valid("sixteen_letters_"));
}

static void test_request_reads_back(void **state)
{
	struct netlink_request q;
	struct netlink_message m;
	struct netlink_attr a;
	struct nlmsghdr head;
	struct buf_reader r;
	uint32_t body = 7, got;
	size_t at;

	(void)state;
	netlink_begin(&q, 20, 0, &body, sizeof(body));
	netlink_put(&q, 3, "abc", 3);
	at = netlink_nest(&q, 4);
	netlink_put_u32(&q, 5, 99);
	netlink_nest_end(&q, at);
	assert_false(q.overflow);
	memcpy(&head, q.data, sizeof(head));
	head.nlmsg_len = (uint32_t)q.len;
	memcpy(q.data, &head, sizeof(head));
	r = buf_reader_of(q.data, q.len);
	assert_int_equal(netlink_next(&r, &m), 1);
	assert_int_equal(netlink_body(&m, &got, sizeof(got)), 0);
	assert_int_equal(got, 7);
	assert_int_equal(netlink_attr_next(&m.body, &a), 1);
	assert_int_equal(a.len, 3);
	assert_int_equal(netlink_attr_next(&m.body, &a), 1);
	r = buf_reader_of(a.data, a.len);
	assert_int_equal(netlink_attr_next(&r, &a), 1);
	assert_int_equal(netlink_attr_u32(&a), 99);
	assert_int_equal(netlink_attr_next(&m.body, &a), 0);
	netlink_put(&q, 6, q.data, NETLINK_MESSAGE_MAX);
	assert_true(q.overflow);
}

/* Lengths that lie, at every place: never a read outside, never a loop. */
static void test_lies(void **state)
{
	struct nlmsghdr head = {.nlmsg_len = 40, .nlmsg_type = 16};
	uint8_t bytes[40];
	size_t i;
	int v;

	(void)state;
	for (i = 0; i < sizeof(bytes); i++)
		for (v = 0; v < 256; v++) {
			struct buf_reader r = buf_reader_of(bytes, 40);
			struct netlink_message m;
			struct netlink_attr a;

			memset(bytes, 8, sizeof(bytes));
			memcpy(bytes, &head, sizeof(head));
			bytes[i] = (uint8_t)v;
			while (netlink_next(&r, &m) > 0)
				while (netlink_attr_next(&m.body, &a) > 0)
					assert_true(a.data + a.len <=
						    bytes + sizeof(bytes));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_request_reads_back),
		cmocka_unit_test(test_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
