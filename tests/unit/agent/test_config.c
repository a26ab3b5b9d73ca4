// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <string.h>

#include "agent/config.h"
#include "base/macros.h"

static struct config c;

static void parse(const char *cmdline)
{
	config_init(&c);
	config_parse_cmdline(&c, cmdline);
}

static void test_defaults(void **state UNUSED)
{
	parse("console=hvc0 quiet panic=-1\n");
	assert_int_equal(c.log_level, LOG_LEVEL_INFO);
	assert_false(c.debug_console);
	assert_int_equal(c.hotplug_timeout_ms, 3000);
	assert_int_equal(c.vsock_port, 1024);
	assert_string_equal(c.port_name, "kiln.agent.0");
	assert_int_equal(c.ignored, 0);
}

static void test_all(void **state UNUSED)
{
	parse("agent.log=debug agent.debug_console agent.devmode=1 "
	      "agent.hotplug_timeout=20 agent.server_addr=vsock://-1:77 "
	      "reboot=t");
	assert_int_equal(c.log_level, LOG_LEVEL_DEBUG);
	assert_true(c.debug_console);
	assert_true(c.dev_mode);
	assert_true(c.restart_ends);
	assert_int_equal(c.hotplug_timeout_ms, 20000);
	assert_int_equal(c.vsock_port, 77);
	parse("agent.server_addr=virtio://my.port");
	assert_string_equal(c.port_name, "my.port");
}

static void test_nonsense(void **state UNUSED)
{
	parse("agent.log=loud agent.hotplug_timeout=-1 agent.unknown=x agent. "
	      "agent.server_addr=tcp://x agent.server_addr=vsock://1 "
	      "agent.hotplug_timeout=99999999999");
	assert_int_equal(c.ignored, 7);
	assert_int_equal(c.log_level, LOG_LEVEL_INFO);
	assert_int_equal(c.hotplug_timeout_ms, 3000);
}

static void test_words(void **state UNUSED)
{
	parse("x=\"agent.log=debug y\" agent.log=\"error\" -- agent.log=debug");
	assert_int_equal(c.log_level, LOG_LEVEL_ERROR);
	parse("");
	parse("\"");
	parse("agent.log");
	assert_int_equal(c.ignored, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests_name("agent/config", tests, NULL, NULL);
}
