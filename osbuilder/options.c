// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/num.h"
#include "command.h"
#include "edit.h"

#define LETTERS_MAX 24

const struct option_desc option_descs[] = {
	{'m', "manifest", "FILE", "what is in the tree (docs/images.md)"},
	{'o', "output", "FILE", "where to write, - for standard output"},
	{'D', "var", "NAME=VALUE", "a variable of the manifest"},
	{'e', "epoch", "SECONDS", "time of all files ($SOURCE_DATE_EPOCH)"},
	{'f', "format", "FORMAT", "see the command"},
	{'c', "compress", "zstd|none|lz4hc", "how to compress; see the command"},
	{'l', "label", "TEXT", "name of the filesystem (kiln)"},
	{'a', "arch", "ARCH", "architecture"},
	{'p', "profile", "NAME", "profile"},
	{'v', "release", "VERSION", "version of this project"},
	{'P', "agent-protocol", "VERSION", "what the agent speaks"},
	{'C', "cmdline", "FILE", "kernel parameters, one a line"},
	{'k', "kernel-json", "FILE", "what the kernel build says"},
	{'i', "inputs", "FILE", "packages that went in"},
	{'A', "artifact", "NAME=FILE", "a file of the guest"},
	{'F', "feature", "NAME", "a feature of the guest"},
	{'L', "layout", "LAYOUT", "plain, pmem or papr (plain)"},
	{'V', "verity", NULL, "with a tree of hashes"},
	{'d', "diff", "OTHER", "what differs from FILE to OTHER instead"},
	{'K', "kconfig", "FILE", "what Kconfig knows (make kconfig)"},
	{'G', "kernel", "DIR", "what the build of a kernel left"},
	{'S', "source", "DIR", "the source tree of that kernel"},
	{'T', "tee", "sev|sev-es|snp|tdx|se", "kind of confidential guest"},
	{'w', "firmware", "FILE", "OVMF of the guest"},
	{'W', "firmware-hash", "HEX", "snp: digest after the firmware"},
	{'E', "kernel", "FILE", "kernel that is measured"},
	{'I', "initrd", "FILE", "initial ramdisk that is measured"},
	{'x', "append", "TEXT", "the kernel's command line"},
	{'n', "vcpus", "N", "number of CPUs (1)"},
	{'t', "vcpu-type", "MODEL", "CPU model of QEMU's (EPYC-v4)"},
	{'s', "vcpu-sig", "HEX", "CPUID signature instead of a model"},
	{'g', "guest-features", "HEX", "snp: SEV_FEATURES (0x1)"},
	{'M', "vmm", "qemu|ec2|gce", "who starts the guest (qemu)"},
	{'y', "key", "FILE", "Ed25519 key in PEM"},
	{'j', "image-json", "FILE", "image.json of the guest"},
	{'Z', "sources", "FILE", "what the kernel was compiled from"},
	{'N', "licences", "FILE", "licence and use of each package"},
	{'b', "builder", "URI", "who builds"},
	{'X', "file", "NAME=FILE", "a file to describe"},
	{'O', "origin", "PACKAGE=FILE", "files with these bytes are from it"},
	{'Q', "param", "NAME=VALUE", "a parameter of the build"},
	{'U', "tool", "NAME=VERSION", "a program that made something"},
	{'u', "made-of", "FILE", "a file that determines the bytes"},
	{'J', "manifest", "FILE", "files.json: check images by it instead"},
	{'z', "ignore-missing", NULL, "pass over files that are not there"},
	{'B', "packages", "FILE", "what fetch-guest-packages.sh lists"},
	{'R', "tars", "DIR", "contents of the packages: <sha256>.tar"},
	{'Y', "overlay", "DIR", "files to lay over all others"},
	{EDIT_COPY_IN, "copy-in", "HOST:PATH", "copy a file or folder into it"},
	{EDIT_MKDIR, "mkdir", "PATH", "make a folder"},
	{EDIT_DELETE, "delete", "PATH", "take out a file or folder"},
	{EDIT_WRITE, "write", "PATH:CONTENT", "write a file"},
	{EDIT_LINK, "link", "TARGET:PATH", "make a symbolic link"},
	{EDIT_CHMOD, "chmod", "MODE:PATH", "change a mode"},
	{EDIT_CHOWN, "chown", "UID:GID:PATH", "change an owner"},
	{'H', "output", "FILE", "where to write instead of in place"},
	{'h', "help", NULL, "this text"},
	{0},
};

/* Where a plain string goes; NULL for the options that need more. */
static const char **string_of(struct options *o, int letter)
{
	switch (letter) {
	case 'm':
		return &o->manifest;
	case 'o':
	case 'H':
		return &o->output;
	case 'f':
		return &o->format;
	case 'c':
		return &o->compress;
	case 'l':
		return &o->label;
	case 'a':
		return &o->arch;
	case 'p':
		return &o->profile;
	case 'v':
		return &o->version;
	case 'P':
		return &o->agent_protocol;
	case 'k':
		return &o->kernel_json;
	case 'L':
		return &o->layout;
	case 'd':
		return &o->diff;
	case 'K':
		return &o->kconfig;
	case 'G':
		return &o->kernel;
	case 'S':
		return &o->source;
	case 'B':
		return &o->packages;
	case 'R':
		return &o->tars;
	case 'Y':
		return &o->overlay;
	default:
		return evidence_string_of(&o->evidence, letter);
	}
}

/* Times are those every format can hold. */
static int set_epoch(struct options *o, const char *text, struct err *reterr)
{
	if (parse_i64(text, &o->epoch) < 0 || o->epoch < 0 ||
	    o->epoch > UINT32_MAX)
		return err_set(reterr, -EINVAL, "bad time '%s'", text);
	return 0;
}

static int set(struct options *o, int letter, char *value, struct err *reterr)
{
	const char **s = string_of(o, letter);

	if (s) {
		*s = value;
		return 0;
	}
	switch (letter) {
	case 'D':
		return manifest_vars_add(&o->vars, value, reterr);
	case 'e':
		return set_epoch(o, value, reterr);
	case 'C':
		return strv_add(&o->cmdlines, value);
	case 'i':
		return strv_add(&o->inputs, value);
	case 'A':
		return strv_add(&o->artifacts, value);
	case 'F':
		return strv_add(&o->features, value);
	case EDIT_COPY_IN:
	case EDIT_MKDIR:
	case EDIT_DELETE:
	case EDIT_WRITE:
	case EDIT_LINK:
	case EDIT_CHMOD:
	case EDIT_CHOWN:
		return strv_addf(&o->steps, "%c%s", letter, value);
	case 'V':
		o->verity = true;
		return 0;
	case 'h':
		o->help = true;
		return 0;
	default:
		return evidence_set(&o->evidence, letter, value);
	}
}

static void long_options(const struct command *c, struct option *v)
{
	size_t n = 0;

	for (const struct option_desc *d = option_descs; d->letter; d++)
		if (d->letter == 'h' || strchr(c->options, d->letter))
			v[n++] = (struct option){
				d->name,
				d->value ? required_argument : no_argument,
				NULL, d->letter};
	v[n] = (struct option){0};
}

static int check_args(const struct command *c, const struct options *o,
		      struct err *reterr)
{
	if (o->n_args < c->min_args || o->n_args > c->max_args)
		return err_set(reterr, -EINVAL, "usage: kiln-image %s%s%s",
			       c->name, *c->args ? " " : "", c->args);
	if (strchr(c->options, 'm') && !o->manifest)
		return err_set(reterr, -EINVAL, "'--manifest' is missing");
	if (strchr(c->options, 'o') && !o->output)
		return err_set(reterr, -EINVAL, "'--output' is missing");
	return 0;
}

int options_parse(const struct command *c, int argc, char **argv,
		  struct options *ret, struct err *reterr)
{
	struct option longs[LETTERS_MAX + 2];
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	int letter, r = 0;

	*ret = (struct options){.epoch = DEFAULT_EPOCH};
	if (epoch && *epoch)
		r = set_epoch(ret, epoch, reterr);
	long_options(c, longs);
	optind = 1;
	opterr = 0;
	while (r == 0 &&
	       (letter = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		if (letter == ':' || letter == '?')
			return err_set(reterr, -EINVAL,
				       letter == ':' ?
					       "option '%s' needs a value" :
					       "unknown option '%s'",
				       argv[optind - 1]);
		r = set(ret, letter, optarg, reterr);
		if (r == -ENOMEM)
			return err_set(reterr, r, "out of memory");
	}
	if (r < 0)
		return r;
	ret->args = argv + optind;
	ret->n_args = argc - optind;
	return ret->help ? 0 : check_args(c, ret, reterr);
}

void options_release(struct options *o)
{
	strv_release(&o->cmdlines);
	strv_release(&o->inputs);
	strv_release(&o->artifacts);
	strv_release(&o->features);
	strv_release(&o->steps);
	evidence_release(&o->evidence);
}
