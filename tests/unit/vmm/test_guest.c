// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "os/io.h"
#include "runtime/guest.h"

static char top[] = "/tmp/kiln-test-XXXXXX";

static void put(const char *name, const void *p, size_t n)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/aarch64/%s", top, name);
	assert_int_equal(write_file_atomic(AT_FDCWD, path, p, n, 0644), 0);
}

static void put_json(const char *text)
{
	put("image.json", text, strlen(text));
}

static int setup(void **state)
{
	uint8_t kernel[128] = {0};
	char path[256];

	(void)state;
	strcpy(top, "/tmp/kiln-test-XXXXXX");
	assert_non_null(mkdtemp(top));
	(void)snprintf(path, sizeof(path), "%s/aarch64", top);
	assert_int_equal(mkdir(path, 0755), 0);
	memcpy(kernel + 56, "ARM\x64", 4);
	put("kernel", kernel, sizeof(kernel));
	put("initrd.img", "cpio", 4);
	return setenv("KILN_GUESTS", top, 1);
}

static int teardown(void **state)
{
	(void)state;
	return remove_tree(AT_FDCWD, top);
}

static int find(struct err *err)
{
	struct guest g;

	return guest_find(arch_find("aarch64"), &g, err);
}

static void test_bare(void **state)
{
	struct err err = {0};
	struct guest g;

	(void)state;
	assert_int_equal(guest_find(arch_find("aarch64"), &g, &err), 0);
	assert_false(g.described);
	assert_string_equal(g.image.path, "");
	assert_int_equal(g.initrd.size, 4);
	assert_int_equal(guest_verify(&g, &err), 0);
}

static void test_missing(void **state)
{
	struct err err = {0};
	struct guest g;

	(void)state;
	assert_int_equal(guest_find(arch_find("s390x"), &g, &err), -ENOENT);
	assert_non_null(strstr(err.text, top));
	assert_non_null(strstr(err.text, "make image ARCH=s390x"));
}

static void test_described(void **state)
{
	struct err err = {0};
	struct guest g;

	(void)state;
	put_json("{\"arch\":\"aarch64\",\"agent_protocol\":\"0.0.1\","
		 "\"cmdline\":[\"panic=-1\",\"my.own=1\"],"
		 "\"versions\":{\"kiln\":\"0.1\",\"kernel\":\"6.12\"},"
		 "\"artifacts\":[{\"name\":\"initrd.img\",\"size\":4,"
		 "\"sha256\":\"00\"}]}");
	assert_int_equal(guest_find(arch_find("aarch64"), &g, &err), 0);
	assert_string_equal(g.cmdline, "my.own=1");
	assert_string_equal(g.kernel_version, "6.12");
	assert_int_equal(guest_verify(&g, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "initrd.img"));
}

static void test_refused(void **state)
{
	struct err err = {0};

	(void)state;
	put_json("{\"arch\":\"aarch64\",\"agent_protocol\":\"9\"}");
	assert_int_equal(find(&err), -EPROTONOSUPPORT);
	assert_non_null(strstr(err.text, "'0.0.1'"));
	put_json("{\"arch\":\"aarch64\"}");
	assert_int_equal(find(&err), -EPROTONOSUPPORT);
	put_json("{\"arch\":\"x86_64\",\"agent_protocol\":\"0.0.1\"}");
	assert_int_equal(find(&err), -EBADMSG);
	put_json("[1]");
	assert_int_equal(find(&err), -EBADMSG);
	put_json("{");
	assert_int_equal(find(&err), -EBADMSG);
	put_json("{\"arch\":\"aarch64\",\"agent_protocol\":\"0.0.1\","
		 "\"artifacts\":[7,{\"name\":\"kernel\",\"size\":129}]}");
	assert_int_equal(find(&err), -EBADMSG);
	assert_non_null(strstr(err.text, "128 bytes"));
}

static void test_damaged(void **state)
{
	struct err err = {0};

	(void)state;
	put("initrd.img", "", 0);
	assert_int_equal(find(&err), -EBADMSG);
	put("initrd.img", "x", 1);
	put("kernel", "MZ", 2);
	assert_int_equal(find(&err), -EBADMSG);
	assert_non_null(strstr(err.text, "truncated"));
}

static void test_root_params(void **state)
{
	char path[256], params[GUEST_ROOT_MAX];
	uint8_t image[2048] = {0};
	struct err err = {0};

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/aarch64/img", top);
	put("img", image, sizeof(image));
	assert_int_equal(guest_root_params(path, params, &err), -EBADMSG);
	memcpy(image + 1024, "\xe2\xe1\xf5\xe0", 4);
	put("img", image, sizeof(image));
	assert_int_equal(guest_root_params(path, params, &err), 0);
	assert_string_equal(params,
			    "root=/dev/vda rootfstype=erofs ro init=/init");
	put("img", "hsqs", 4);
	assert_int_equal(guest_root_params(path, params, &err), 0);
	put("img", "hs", 2);
	assert_int_equal(guest_root_params(path, params, &err), -EBADMSG);
	put("img", "", 0);
	assert_int_equal(guest_root_params(path, params, &err), -EBADMSG);
	assert_int_equal(guest_root_params("/no/such", params, &err), -ENOENT);
}

#define GUEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		GUEST(test_root_params),
		GUEST(test_bare), GUEST(test_missing), GUEST(test_described),
		GUEST(test_refused), GUEST(test_damaged),
	};

	return cmocka_run_group_tests_name("vmm/guest", tests, NULL, NULL);
}
