// SPDX-License-Identifier: Apache-2.0
/* Verbs that need no container: spec, features, config. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "arch/arch.h"
#include "base/path.h"
#include "codec/json.h"
#include "os/io.h"
#include "runtime/cli/cli.h"
#include "runtime/oci/capability.h"
#include "runtime/oci/spec.h"

#define OUTPUT_MAX (1u << 20)

int verb_spec(const struct cli *cli UNUSED, const struct verb_options *o,
	      int argc UNUSED, char **argv UNUSED, struct err *reterr)
{
	cleanup_buf struct buf out = BUF_INIT(OUTPUT_MAX);
	cleanup_free char *path = path_join(o->bundle ? o->bundle : ".",
					    "config.json");
	cleanup_close int fd = -1;
	int r;

	if (!path || spec_write_default(&out, o->rootless) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_errno(reterr, "create '%s'", path);
	r = write_full(fd, buf_data(&out), out.len);
	if (r < 0)
		return err_code(reterr, r, "write '%s'", path);
	return 0;
}

static const char *const hooks[] = {
	"prestart",	   "createRuntime", "createContainer",
	"startContainer", "poststart",	    "poststop",
};

static const char *const mount_options[] = {
	"acl",	      "async",	      "atime",	     "bind",
	"defaults",   "dev",	      "diratime",    "dirsync",
	"exec",	      "iversion",     "lazytime",    "loud",
	"mand",	      "noacl",	      "noatime",     "nodev",
	"nodiratime", "noexec",	      "noiversion",  "nolazytime",
	"nomand",     "norelatime",   "nostrictatime", "nosuid",
	"private",    "rbind",	      "relatime",    "remount",
	"ro",	      "rprivate",     "rshared",     "rslave",
	"runbindable", "rw",	      "shared",	     "silent",
	"slave",      "strictatime",  "suid",	     "sync",
	"unbindable",
};

static const char *const namespaces[] = {
	"cgroup", "ipc", "mount", "network", "pid", "user", "uts",
};

static const char *const actions[] = {
	"SCMP_ACT_ALLOW",	 "SCMP_ACT_ERRNO",	"SCMP_ACT_KILL",
	"SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG",
	"SCMP_ACT_TRACE",	 "SCMP_ACT_TRAP",
};

static const char *const operators[] = {
	"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT",	    "SCMP_CMP_LE",
	"SCMP_CMP_LT", "SCMP_CMP_NE", "SCMP_CMP_MASKED_EQ",
};

static const char *const seccomp_archs[] = {
	"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM",	"SCMP_ARCH_PPC64LE",
	"SCMP_ARCH_S390",    "SCMP_ARCH_S390X", "SCMP_ARCH_X32",
	"SCMP_ARCH_X86",     "SCMP_ARCH_X86_64",
};

static json_object *string_list(const char *const *v, size_t n)
{
	json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; list && i < n; i++)
		(void)json_object_array_add(list, json_object_new_string(v[i]));
	return list;
}

#define LIST_OF(v) string_list((v), ARRAY_SIZE(v))

/* Adds and returns VALUE: json-c hands the reference to the object. */
static json_object *add(json_object *o, const char *key, json_object *value)
{
	if (o)
		(void)json_object_object_add(o, key, value);
	return value;
}

static json_object *add_object(json_object *o, const char *key)
{
	return add(o, key, json_object_new_object());
}

static void add_enabled(json_object *o, const char *key, bool enabled)
{
	(void)add(add_object(o, key), "enabled",
		  json_object_new_boolean(enabled));
}

static void add_linux(json_object *doc)
{
	json_object *linux = add_object(doc, "linux"), *o;

	(void)add(linux, "namespaces", LIST_OF(namespaces));
	(void)add(linux, "capabilities", string_list(capability_names, CAPABILITY_COUNT));
	o = add_object(linux, "cgroup");
	/* Of the host there is none: limits are the guest's, a cgroup v2. */
	(void)add(o, "v1", json_object_new_boolean(false));
	(void)add(o, "v2", json_object_new_boolean(true));
	(void)add(o, "systemd", json_object_new_boolean(false));
	(void)add(o, "systemdUser", json_object_new_boolean(false));
	(void)add(o, "rdma", json_object_new_boolean(false));
	o = add_object(linux, "seccomp");
	(void)add(o, "enabled", json_object_new_boolean(true));
	(void)add(o, "actions", LIST_OF(actions));
	(void)add(o, "operators", LIST_OF(operators));
	(void)add(o, "archs", LIST_OF(seccomp_archs));
	add_enabled(linux, "apparmor", false);
	add_enabled(linux, "selinux", false);
	add_enabled(linux, "intelRdt", false);
	add_enabled(add_object(linux, "mountExtensions"), "idmap", false);
}

static void add_archs(json_object *annotations)
{
	cleanup_buf struct buf names = BUF_INIT(256);
	const struct arch_desc *const *a;

	for (a = arch_all; *a; a++)
		(void)buf_printf(&names, "%s%s", a == arch_all ? "" : ",",
				 (*a)->name);
	(void)add(annotations, "io.kiln.archs",
		  json_object_new_string(buf_cstr(&names)));
}

int verb_features(const struct cli *cli, const struct verb_options *o UNUSED,
		  int argc UNUSED, char **argv UNUSED, struct err *reterr)
{
	cleanup_buf struct buf out = BUF_INIT(OUTPUT_MAX);
	cleanup_json json_object *doc = json_object_new_object();
	json_object *annotations;
	int r = doc ? 0 : -ENOMEM;

	(void)add(doc, "ociVersionMin", json_object_new_string("1.0.0"));
	(void)add(doc, "ociVersionMax",
		  json_object_new_string(CLI_OCI_VERSION));
	(void)add(doc, "hooks", LIST_OF(hooks));
	(void)add(doc, "mountOptions", LIST_OF(mount_options));
	add_linux(doc);
	annotations = add_object(doc, "annotations");
	(void)add(annotations, "io.kiln.version",
		  json_object_new_string(cli->version));
	add_archs(annotations);
	if (r == 0)
		r = json_write(doc, true, &out);
	if (r == 0)
		r = buf_put_u8(&out, '\n');
	if (r < 0)
		return err_code(reterr, r, "JSON output");
	return cli_print(buf_data(&out), out.len, reterr);
}

int verb_config(const struct cli *cli, const struct verb_options *o,
		int argc UNUSED, char **argv UNUSED, struct err *reterr)
{
	cleanup_buf struct buf out = BUF_INIT(OUTPUT_MAX);
	cleanup_config struct config *config = NULL;
	bool json = o->format && !strcmp(o->format, "json");
	int r;

	if (o->format && !json && strcmp(o->format, "toml"))
		return err_set(reterr, -EINVAL,
			       "--format '%s' is neither toml nor json",
			       o->format);
	if (o->arch && !arch_find(o->arch))
		return err_set(reterr, -EINVAL,
			       "--arch '%s': not an architecture Kiln runs",
			       o->arch);
	r = cli_load_config(cli, &config, reterr);
	if (r == 0 && o->arch)
		r = config_select_arch(config, o->arch, reterr);
	if (r < 0)
		return r;
	if (json)
		r = config_write_json(config, &out);
	else
		r = config_write_toml(config, !o->no_origins, &out);
	if (r == 0 && json)
		r = buf_put_u8(&out, '\n');
	if (r < 0)
		return err_code(reterr, r, "write the configuration");
	return cli_print(buf_data(&out), out.len, reterr);
}
