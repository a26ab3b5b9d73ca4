// SPDX-License-Identifier: Apache-2.0
/*
 * A shell in the guest of a sandbox: a further container in its VM that has the
 * guest's processes, devices, network and control groups in view. Its programs
 * are the image's own, where that is a debug image, or a toolbox: a folder of
 * the host, attached for the time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "codec/json.h"
#include "os/io.h"
#include "os/userns.h"
#include "runtime/cli/cli.h"
#include "runtime/engine/client.h"
#include "runtime/engine/translate.h"
#include "runtime/engine/wire.h"
#include "runtime/guest.h"
#include "runtime/oci/capability.h"
#include "runtime/oci/entrypoint.h"

#define SPEC_TEXT_MAX (1u << 20)
/* The agent's root, seen by whoever shares its processes. */
#define GUEST_ROOT "/proc/1/root"
#define SHELL_PATH "/bin:/sbin:/usr/bin:/usr/sbin:/usr/local/bin"

/* Where the shell comes from. */
struct source {
	char toolbox[PATH_MAX]; /* absolute; "": the guest's image */
	char root[PATH_MAX];    /* of the shell's container */
};

static json_object *strings(const char *const *v, size_t n)
{
	json_object *a = json_object_new_array();
	size_t i;

	for (i = 0; i < n; i++)
		(void)json_object_array_add(a, json_object_new_string(v[i]));
	return a;
}

static void put(json_object *o, const char *key, json_object *value)
{
	(void)json_object_object_add(o, key, value);
}

static void put_text(json_object *o, const char *key, const char *text)
{
	put(o, key, json_object_new_string(text));
}

static json_object *capabilities(void)
{
	static const char *const sets[] = {"bounding", "effective", "permitted",
					   "inheritable"};
	json_object *o = json_object_new_object();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sets); i++)
		put(o, sets[i], strings(capability_names, CAPABILITY_COUNT));
	return o;
}

/* The image's own shell sees the guest as its root; a toolbox's begins there
 * and has its own programs. */
static json_object *process(const struct source *from, int argc, char **argv)
{
	static const char *const enter[] = {"/bin/busybox", "chroot",
					    GUEST_ROOT};
	static const char *const env[] = {"PATH=" SHELL_PATH, "HOME=/root",
					  "PS1=guest:\\w# "};
	const char *term = getenv("TERM");
	json_object *o = json_object_new_object(), *args, *list;
	int i;

	args = strings(enter, *from->toolbox ? 0 : ARRAY_SIZE(enter));
	for (i = 0; i < argc; i++)
		(void)json_object_array_add(args,
					    json_object_new_string(argv[i]));
	if (!argc)
		(void)json_object_array_add(
			args, json_object_new_string("/bin/sh"));
	list = strings(env, ARRAY_SIZE(env));
	if (term) {
		char text[128];

		(void)snprintf(text, sizeof(text), "TERM=%s", term);
		(void)json_object_array_add(list, json_object_new_string(text));
	}
	put(o, "args", args);
	put(o, "env", list);
	put_text(o, "cwd", *from->toolbox ? GUEST_ROOT : "/");
	put(o, "terminal",
	    json_object_new_boolean(isatty(STDIN_FILENO) &&
				    isatty(STDOUT_FILENO)));
	put(o, "capabilities", capabilities());
	return o;
}

static json_object *mount_of(const char *type, const char *source,
			     const char *target)
{
	static const char *const options[] = {"rbind", "rw"};
	json_object *o = json_object_new_object();

	put_text(o, "type", type);
	put_text(o, "source", source);
	put_text(o, "destination", target);
	if (!strcmp(type, "bind"))
		put(o, "options", strings(options, ARRAY_SIZE(options)));
	return o;
}

/* What is below /proc, /sys and /dev is the guest's. */
static json_object *mounts(const struct source *from)
{
	json_object *a = json_object_new_array();

	(void)json_object_array_add(a, mount_of("proc", "proc", "/proc"));
	(void)json_object_array_add(a, mount_of("bind", "/sys", "/sys"));
	(void)json_object_array_add(a, mount_of("bind", "/dev", "/dev"));
	(void)json_object_array_add(a, mount_of("tmpfs", "tmpfs", "/tmp"));
	if (!*from->toolbox)
		(void)json_object_array_add(
			a, mount_of("bind", "/proc/self/root/bin", "/bin"));
	return a;
}

static json_object *linux_part(void)
{
	static const char *const types[] = {"mount", "pid", "network"};
	json_object *o = json_object_new_object();
	json_object *list = json_object_new_array();
	json_object *devices = json_object_new_array();
	json_object *all = json_object_new_object();
	json_object *resources = json_object_new_object();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		json_object *ns = json_object_new_object();

		put_text(ns, "type", types[i]);
		(void)json_object_array_add(list, ns);
	}
	put(all, "allow", json_object_new_boolean(true));
	put_text(all, "access", "rwm");
	(void)json_object_array_add(devices, all);
	put(resources, "devices", devices);
	put(o, "resources", resources);
	put(o, "namespaces", list);
	return o;
}

static int write_spec(const struct source *from, const char *sandbox,
		      const char *bundle, int argc, char **argv,
		      struct err *reterr)
{
	cleanup_json json_object *o = json_object_new_object();
	cleanup_buf struct buf text = BUF_INIT(SPEC_TEXT_MAX);
	cleanup_free char *path = path_join(bundle, SPEC_FILE_NAME);
	json_object *root = json_object_new_object();
	json_object *notes = json_object_new_object();
	int r;

	put_text(root, "path", from->root);
	put(root, "readonly", json_object_new_boolean(true));
	put_text(notes, "io.kubernetes.cri.container-type", "container");
	put_text(notes, "io.kubernetes.cri.sandbox-id", sandbox);
	put_text(notes, TRANSLATE_SHELL_ANNOTATION, "true");
	put_text(o, "ociVersion", CLI_OCI_VERSION);
	put(o, "root", root);
	put(o, "process", process(from, argc, argv));
	put(o, "mounts", mounts(from));
	put(o, "linux", linux_part());
	put(o, "annotations", notes);
	r = json_write(o, false, &text);
	if (r == 0 && !path)
		r = -ENOMEM;
	if (r == 0)
		r = write_file_atomic(AT_FDCWD, path, buf_data(&text), text.len,
				      0600);
	return r < 0 ? err_code(reterr, r, "write the shell's specification")
		     : 0;
}

static bool has_file(const char *dir, const char *name)
{
	cleanup_free char *path = path_join(dir, name);

	return path && access(path, F_OK) == 0;
}

/* Of nothing but what is mounted on: guests may not write to it. */
static int make_empty_root(const char *root, struct err *reterr)
{
	static const char *const dirs[] = {"bin", "dev", "proc", "sys", "tmp"};
	size_t i;
	int r = 0;

	for (i = 0; i < ARRAY_SIZE(dirs) && r == 0; i++) {
		cleanup_free char *path = path_join(root, dirs[i]);

		r = path ? make_dirs(path, 0755) : -ENOMEM;
	}
	return r < 0 ? err_code(reterr, r, "make '%s'", root) : 0;
}

static bool has_own_shell(const struct guest *g)
{
	return !strcmp(g->profile, "debug") ||
	       !strcmp(g->profile, "debug-small");
}

/* OPTION, else the image's own shell, else the toolbox beside the image. */
static int choose_source(const char *option, const struct arch_desc *arch,
			 const char *bundle, struct source *ret,
			 struct err *reterr)
{
	cleanup_free struct guest *g = calloc(1, sizeof(*g));
	cleanup_free char *beside = NULL, *empty = path_join(bundle, "root");
	struct err ignored;

	ret->toolbox[0] = '\0';
	if (!g || !empty)
		return err_code(reterr, -ENOMEM, "shell");
	if (option) {
		if (!realpath(option, ret->toolbox))
			return err_errno(reterr, "toolbox '%s'", option);
	} else if (guest_find(arch, g, &ignored) == 0 &&
		   !has_own_shell(g)) {
		beside = path_join(g->dir, "toolbox");
		if (!beside || !has_file(beside, "bin/sh"))
			return err_set(reterr, -EOPNOTSUPP,
				       "the guest's image (profile %s) has no "
				       "shell: 'make toolbox ARCH=%s' builds "
				       "one that is attached, --toolbox names "
				       "another root file system of %s; 'make "
				       "image PROFILE=debug ARCH=%s' builds an "
				       "image with a shell", g->profile,
				       arch->name, arch->name, arch->name);
		if (!realpath(beside, ret->toolbox))
			return err_errno(reterr, "toolbox '%s'", beside);
	}
	(void)snprintf(ret->root, sizeof(ret->root), "%s",
		       *ret->toolbox ? ret->toolbox : empty);
	return *ret->toolbox ? 0 : make_empty_root(empty, reterr);
}

/* A toolbox of another architecture is told before the guest does. */
static int check_toolbox(const char *bundle, const struct arch_desc *arch,
			 struct err *reterr)
{
	cleanup_spec struct spec *spec = NULL;
	const struct arch_desc *its = NULL;
	struct err why;
	int r = spec_load(bundle, &spec, reterr);

	if (r < 0)
		return r;
	r = entrypoint_arch(spec, &its, &why);
	if (r == -ENOEXEC || (r == 0 && its != arch))
		return err_set(reterr, -ENOEXEC,
			       "'%s' in the toolbox is a program for another "
			       "architecture than the guest's, %s",
			       spec->wire->process->args[0], arch->name);
	return 0;
}

static int run_shell(const struct cli *cli, const char *toolbox,
		     const struct container_state *of, const char *bundle,
		     int argc, char **argv, int *status, struct err *reterr)
{
	cleanup_config struct config *config = NULL;
	cleanup_free struct source *from = calloc(1, sizeof(*from));
	const struct arch_desc *arch = arch_find(of->arch);
	struct create_options o = {
		.root = cli->root, .bundle = bundle, .arch = of->arch,
		.config_path = cli->config_path, .no_cgroup = true,
		.debug = cli->debug,
	};
	char id[WIRE_ID_MAX];
	int r, n;

	n = snprintf(id, sizeof(id), "%s-shell-%d", of->id, (int)getpid());
	if (!from || !arch || n < 0 || (size_t)n >= sizeof(id))
		return err_set(reterr, -EINVAL, "a shell for '%s'", of->id);
	r = choose_source(toolbox, arch, bundle, from, reterr);
	if (r == 0)
		r = write_spec(from, of->id, bundle, argc, argv, reterr);
	if (r == 0 && *from->toolbox)
		r = check_toolbox(bundle, arch, reterr);
	if (r == 0)
		r = cli_load_config(cli, &config, reterr);
	if (r == 0 && geteuid() != 0)
		r = userns_enter(reterr);
	if (r < 0)
		return r;
	o.id = id;
	o.config = config;
	return client_run(&o, false, false, status, reterr);
}

int verb_shell(const struct cli *cli, const struct verb_options *o, int argc,
	       char **argv, struct err *reterr)
{
	const char *tmp = getenv("TMPDIR");
	struct container_state of;
	char bundle[PATH_MAX];
	int status = 0;
	int r = cli_check_id(argv[0], reterr);

	if (r == 0)
		r = client_state(cli->root, argv[0], &of, reterr);
	if (r < 0)
		return r;
	(void)snprintf(bundle, sizeof(bundle), "%s/kiln-shell.XXXXXX",
		       tmp && *tmp == '/' ? tmp : "/tmp");
	if (strcmp(of.status, "running") && strcmp(of.status, "created"))
		r = err_set(reterr, -EINVAL,
			    "container '%s' is %s: its guest is not running",
			    of.id, of.status);
	else if (!mkdtemp(bundle))
		r = err_errno(reterr, "make '%s'", bundle);
	if (r == 0) {
		r = run_shell(cli, o->toolbox, &of, bundle, argc - 1, argv + 1,
			      &status, reterr);
		(void)remove_tree(AT_FDCWD, bundle);
	}
	container_state_release(&of);
	return r < 0 ? r : status;
}
