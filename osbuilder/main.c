// SPDX-License-Identifier: Apache-2.0
/* kiln-image: builds guest images from manifests, and reads them back. */
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "command.h"

#define EXIT_USAGE 2

static const struct command commands[] = {
	{"tree", "", "Lists what a manifest puts together.\n"
	 "--format is text or json.", "mDefBRY", 0, 0, cmd_tree},
	{"initrd", "", "Builds an initial ramdisk: a cpio archive in zstd.",
	 "moDecBRY", 0, 0, cmd_initrd},
	{"image", "", "Builds a filesystem image.\n--format is erofs, ext4 or "
	 "squashfs. --compress is none, for erofs lz4hc as\nwell, and zstd for "
	 "squashfs.",
	 "moDefclLVBRY", 0, 0, cmd_image},
	{"customize", "IMAGE", "Changes an initrd or image that kiln-image "
	 "wrote.\nIn the order of the options; it is written anew as it was: "
	 "format, layout,\ncompression, verity.", "1234567He", 1, 1, cmd_customize},
	{"inspect", "FILE", "Shows layout, superblock and files of an initrd "
	 "or image.\n--format is text or json. With --diff the exit status is 1 "
	 "when\nsomething differs.", "fd", 1, 1, cmd_inspect},
	{"verity", "FILE", "Checks an image's tree of hashes and prints the "
	 "kernel parameters for it.", "", 1, 1, cmd_verity},
	{"cat", "FILE PATH", "Writes a file of an image to standard output.",
	 "", 2, 2, cmd_cat},
	{"extract", "FILE PATH OUTPUT", "Writes a file of an image to a file.",
	 "", 3, 3, cmd_extract},
	{"explain-config", "SYMBOL", "Tells which fragment or feature gives a "
	 "kernel symbol, and whether the architecture can have it.\n--format "
	 "is text or json.", "afK", 1, 1, cmd_explain_config},
	{"cve", "DIR", "Tells which of the CVE records below DIR concern a "
	 "kernel that was built.\n--format is text or json.", "fGS", 1, 1,
	 cmd_cve},
	{"manifest", "", "Describes a guest: writes its image.json.",
	 "oeapvPCkiAFUu", 0, 0, cmd_manifest},
	{"sbom", "", "Lists what a guest is made of.\n--format is spdx (2.3) or "
	 "cyclonedx (1.5).", "ofejZNXO", 0, 0, cmd_sbom},
	{"provenance", "", "States how a guest was made: in-toto with SLSA.\n"
	 "With --key in a signed envelope.", "ojybXQ", 0, 0, cmd_provenance},
	{"sign", "FILE", "Signs a file by Ed25519: writes FILE.sig.", "y", 1, 1,
	 cmd_sign},
	{"verify", "FILE...", "Checks a signed image.json or provenance."
	 "\nThe signature, then every file it names. With --manifest compares "
	 "images with a list of\ntheir files.", "yzJ", 1, 16, cmd_verify},
	{"measure", "", "Computes what a confidential guest attests to.\n"
	 "--format is text or json.", "TwWEIxntsgMf", 0, 0, cmd_measure},
};

static void print_help(FILE *f)
{
	(void)fprintf(f, "usage: kiln-image COMMAND [OPTION...] [ARGUMENT...]\n"
			 "\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const char *end = strchr(commands[i].help, '\n');
		int len = end ? (int)(end - commands[i].help) :
				(int)strlen(commands[i].help);

		(void)fprintf(f, "  %-14s %.*s\n", commands[i].name, len,
			      commands[i].help);
	}
	(void)fprintf(f, "\nkiln-image COMMAND --help shows its options.\n");
}

static void print_command_help(const struct command *c)
{
	char left[40];

	(void)printf("usage: kiln-image %s [OPTION...]%s%s\n\n%s\n\n", c->name,
		     *c->args ? " " : "", c->args, c->help);
	for (const struct option_desc *d = option_descs; d->letter; d++) {
		if (d->letter != 'h' && !strchr(c->options, d->letter))
			continue;
		(void)snprintf(left, sizeof(left), "--%s%s%s", d->name,
			       d->value ? "=" : "", d->value ? d->value : "");
		(void)printf("  %-26s %s\n", left, d->help);
	}
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const struct command *c = argc > 1 ? find(argv[1]) : NULL;
	struct options o;
	struct err err;
	int r;

	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		print_help(stdout);
		return 0;
	}
	if (!c) {
		if (argc > 1)
			(void)fprintf(stderr, "kiln-image: no command '%s'\n\n",
				      argv[1]);
		print_help(stderr);
		return EXIT_USAGE;
	}
	r = options_parse(c, argc - 1, argv + 1, &o, &err);
	if (r < 0) {
		(void)fprintf(stderr, "kiln-image: %s: %s\n", c->name,
			      err.text);
		options_release(&o);
		return EXIT_USAGE;
	}
	if (o.help)
		print_command_help(c);
	else
		r = c->run(&o, &err);
	options_release(&o);
	if (r < 0)
		(void)fprintf(stderr, "kiln-image: %s: %s\n", c->name,
			      err.text);
	return r < 0;
}
