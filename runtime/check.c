// SPDX-License-Identifier: Apache-2.0
#include "runtime/check.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "runtime/guest.h"
#include "runtime/vmm/host.h"

#define ARCHES_MAX 8

/* What the guest's root may be attached as: enum vm_image_bus, from the best
 * down, then the ramdisk. */
static const enum vm_image_bus root_ladder[] = {
	VM_IMAGE_VIRTIO_PMEM, VM_IMAGE_NVDIMM, VM_IMAGE_BLK};
#define RUNGS_ROOT (ARRAY_SIZE(root_ladder) + 1)

struct check {
	const struct arch_desc *arch;
	struct host host;
	struct guest guest;
	bool has_guest;
	struct rung root[RUNGS_ROOT];
	struct err guest_err, host_err; /* empty text: none */
};

static void root_rung(struct rung *r, const char *name, const char *refusal,
		      const char *reason)
{
	*r = (struct rung){.name = name, .usable = !refusal};
	(void)snprintf(r->reason, sizeof(r->reason), "%s",
		       refusal ? refusal : reason);
}

/* The ladder of the guest's root on the default machine. */
static void check_root(struct check *c)
{
	const struct guest *g = &c->guest;
	const struct arch_machine *m = c->arch->machines;
	struct guest_root root;
	struct err err = {0};
	bool found = c->has_guest && g->image.path[0] &&
		     guest_probe_image(g, &root, &err) == 0;
	const char *none = err.text[0] ? err.text : "the guest has no image";

	for (size_t i = 0; i < RUNGS_ROOT - 1; i++) {
		enum vm_image_bus bus = root_ladder[i];
		const char *why = found ? guest_root_refusal(&root, m, bus)
					: none;

		if (!why && g->verity[0] && bus != VM_IMAGE_BLK)
			why = "dm-verity checks the image, on a disk only";
		root_rung(&c->root[i], guest_root_bus_name(bus), why,
			  bus != VM_IMAGE_BLK ? "the guest maps it (DAX)"
			  : g->verity[0]      ? "checked by dm-verity"
					      : "not checked by dm-verity");
	}
	root_rung(&c->root[RUNGS_ROOT - 1], "initrd",
		  c->has_guest && g->initrd.path[0] ? NULL
						    : "the guest has none",
		  "unpacked into the guest's memory");
}

static void check_run(struct check *c, const struct arch_desc *arch)
{
	*c = (struct check){.arch = arch};
	if (guest_find(arch, &c->guest, &c->guest_err) == 0 &&
	    guest_verify(&c->guest, false, &c->guest_err) == 0)
		c->has_guest = true;
	check_root(c);
	(void)host_probe(arch, c->has_guest ? &c->guest : NULL, NULL,
			 HOST_PROBE_AGAIN, &c->host, &c->host_err);
}

static bool check_ok(const struct check *c)
{
	bool root = false;

	for (size_t i = 0; i < RUNGS_ROOT; i++)
		root = root || c->root[i].usable;
	return c->has_guest && root && c->host.accel[RUNG_TCG].usable;
}

/* --- JSON --- */

static void put_str(struct json_object *o, const char *key, const char *value)
{
	(void)json_object_object_add(o, key, json_object_new_string(value));
}

static void put_bool(struct json_object *o, const char *key, bool value)
{
	(void)json_object_object_add(o, key, json_object_new_boolean(value));
}

static struct json_object *ladder_json(const struct rung *rungs, size_t n)
{
	struct json_object *list = json_object_new_array();
	bool used = false;

	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_new_object();

		put_str(o, "name", rungs[i].name);
		put_bool(o, "usable", rungs[i].usable);
		put_bool(o, "used", rungs[i].usable && !used);
		put_str(o, "reason", rungs[i].reason);
		used = used || rungs[i].usable;
		(void)json_object_array_add(list, o);
	}
	return list;
}

static struct json_object *guest_json(const struct check *c)
{
	struct json_object *o = json_object_new_object();

	put_bool(o, "usable", c->has_guest);
	if (!c->has_guest) {
		put_str(o, "error", c->guest_err.text);
		return o;
	}
	put_str(o, "path", c->guest.dir);
	put_bool(o, "described", c->guest.described);
	put_str(o, "version", c->guest.version);
	put_str(o, "kernel", c->guest.kernel_version);
	put_bool(o, "initrd", c->guest.initrd.path[0] != '\0');
	put_bool(o, "image", c->guest.image.path[0] != '\0');
	return o;
}

static struct json_object *check_json(const struct check *c)
{
	struct json_object *o = json_object_new_object();
	struct json_object *qemu = json_object_new_object();

	put_str(o, "arch", c->arch->name);
	put_bool(o, "ok", check_ok(c));
	put_bool(o, "native", c->host.facts.native);
	put_str(qemu, "path", c->host.facts.qemu);
	put_str(qemu, "version", c->host.qemu_version);
	put_bool(qemu, "sandbox", c->host.facts.qemu_sandbox);
	if (c->host_err.text[0])
		put_str(qemu, "error", c->host_err.text);
	(void)json_object_object_add(o, "qemu", qemu);
	(void)json_object_object_add(o, "guest", guest_json(c));
	(void)json_object_object_add(o, "root",
				     ladder_json(c->root, RUNGS_ROOT));
	(void)json_object_object_add(
		o, "accelerator", ladder_json(c->host.accel, RUNGS_ACCEL));
	(void)json_object_object_add(
		o, "channel", ladder_json(c->host.channel, RUNGS_CHANNEL));
	(void)json_object_object_add(
		o, "sharing", ladder_json(c->host.share, RUNGS_SHARE));
	(void)json_object_object_add(
		o, "confinement",
		ladder_json(c->host.confine, RUNGS_CONFINE));
	return o;
}

static void print_json(const struct check *checks, size_t n, bool ok)
{
	struct json_object *o = json_object_new_object();
	struct json_object *list = json_object_new_array();

	put_bool(o, "ok", ok);
	for (size_t i = 0; i < n; i++)
		(void)json_object_array_add(list, check_json(&checks[i]));
	(void)json_object_object_add(o, "architectures", list);
	(void)puts(json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

/* --- Text --- */

static void print_ladder(const char *title, const struct rung *rungs, size_t n)
{
	bool used = false;

	for (size_t i = 0; i < n; i++) {
		bool now = rungs[i].usable && !used;

		printf("  %-13s %c %-14s %s\n", i ? "" : title,
		       now ? '*' : rungs[i].usable ? '+' : '-', rungs[i].name,
		       rungs[i].reason);
		used = used || now;
	}
}

static void print_text(const struct check *c)
{
	const struct host *h = &c->host;
	const struct guest *g = &c->guest;

	printf("%s%s: %s\n", c->arch->name,
	       h->facts.native ? " (this host)" : "",
	       check_ok(c) ? "ok" : "cannot start guests");
	if (c->host_err.text[0])
		printf("  %-13s - %s\n", "qemu", c->host_err.text);
	else
		printf("  %-13s * %s %s%s\n", "qemu", h->facts.qemu,
		       h->qemu_version,
		       h->facts.qemu_sandbox ? ", seccomp"
					     : ", without seccomp");
	if (!c->has_guest)
		printf("  %-13s - %s\n", "guest", c->guest_err.text);
	else
		printf("  %-13s * %s%s%s%s%s%s%s\n", "guest", g->dir,
		       g->version[0] ? ", Kiln " : "", g->version,
		       g->kernel_version[0] ? ", Linux " : "",
		       g->kernel_version, g->initrd.path[0] ? ", initrd" : "",
		       g->described ? "" : ", no image.json: not verified");
	print_ladder("guest root", c->root, RUNGS_ROOT);
	print_ladder("accelerator", h->accel, RUNGS_ACCEL);
	print_ladder("agent channel", h->channel, RUNGS_CHANNEL);
	print_ladder("file sharing", h->share, RUNGS_SHARE);
	print_ladder("confinement", h->confine, RUNGS_CONFINE);
}

/* --- Arguments --- */

struct options {
	bool json;
	const struct arch_desc *arches[ARCHES_MAX];
	size_t n;
};

static int add_arch(struct options *o, const char *name)
{
	const struct arch_desc *a = name ? arch_find(name) : NULL;

	if (!a || o->n == ARCHES_MAX) {
		(void)fprintf(stderr, "kiln check: '%s' is no architecture of "
				      "Kiln; known are", name ? name : "");
		for (size_t i = 0; arch_all[i]; i++)
			(void)fprintf(stderr, " %s", arch_all[i]->name);
		(void)fprintf(stderr, "\n");
		return -EINVAL;
	}
	o->arches[o->n++] = a;
	return 0;
}

static int set_format(struct options *o, const char *name)
{
	if (name && (!strcmp(name, "json") || !strcmp(name, "text"))) {
		o->json = !strcmp(name, "json");
		return 0;
	}
	(void)fprintf(stderr, "kiln check: --format is 'text' or 'json'\n");
	return -EINVAL;
}

static int parse(int argc, char **argv, struct options *o)
{
	int r = 0;

	for (int i = 1; i < argc && r == 0; i++) {
		const char *arg = argv[i];

		if (!strcmp(arg, "--format") || !strcmp(arg, "-f"))
			r = set_format(o, argv[++i]);
		else if (!strncmp(arg, "--format=", 9))
			r = set_format(o, arg + 9);
		else if (!strcmp(arg, "--arch"))
			r = add_arch(o, argv[++i]);
		else if (!strncmp(arg, "--arch=", 7))
			r = add_arch(o, arg + 7);
		else if (arg[0] != '-')
			r = add_arch(o, arg);
		else
			r = -EINVAL;
		if (r < 0 && arg[0] == '-' && strncmp(arg, "--format", 8) &&
		    strncmp(arg, "--arch", 6))
			(void)fprintf(stderr, "kiln check: unknown option "
					      "'%s'; usage: kiln check "
					      "[--format text|json] "
					      "[ARCH]...\n", arg);
	}
	return r;
}

int check_main(int argc, char **argv)
{
	cleanup_free struct check *checks = NULL;
	struct options o = {0};
	bool asked;
	bool ok = true;

	if (parse(argc, argv, &o) < 0)
		return 2;
	asked = o.n > 0;
	for (size_t i = 0; !asked && arch_all[i]; i++)
		o.arches[o.n++] = arch_all[i];
	checks = calloc(o.n, sizeof(*checks));
	if (!checks) {
		(void)fprintf(stderr, "kiln check: out of memory\n");
		return 1;
	}
	for (size_t i = 0; i < o.n; i++) {
		check_run(&checks[i], o.arches[i]);
		if (asked || checks[i].host.facts.native)
			ok = ok && check_ok(&checks[i]);
	}
	if (o.json) {
		print_json(checks, o.n, ok);
		return ok ? 0 : 1;
	}
	for (size_t i = 0; i < o.n; i++)
		print_text(&checks[i]);
	printf("*: in use, +: usable, -: not usable\n");
	return ok ? 0 : 1;
}
