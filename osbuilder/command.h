// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_COMMAND_H
#define OSBUILDER_COMMAND_H

#include "base/err.h"
#include "base/strv.h"
#include "manifest.h"

/* 2024-01-01, for builds that name no time. */
#define DEFAULT_EPOCH INT64_C(1704067200)

/* Options of the commands that give evidence; strings are borrowed. */
struct evidence_options {
	const char *tee;
	const char *firmware;
	const char *firmware_hash;
	const char *kernel;
	const char *initrd;
	const char *append;
	const char *vcpus;
	const char *vcpu_type;
	const char *vcpu_sig;
	const char *guest_features;
	const char *vmm;
	const char *key;
	const char *image_json;
	const char *sources;
	const char *licences;
	const char *builder;
	const char *files_json;
	bool ignore_missing;
	struct strv files;   /* NAME=FILE */
	struct strv origins; /* PACKAGE=FILE */
	struct strv params;  /* NAME=VALUE */
	struct strv tools;   /* NAME=VERSION */
	struct strv sources_of_ours;
};

/* What the options of all commands fill in; strings are borrowed from argv. */
struct options {
	const char *manifest;
	const char *output;
	const char *format;
	const char *compress;
	const char *label;
	const char *arch;
	const char *profile;
	const char *version;
	const char *agent_protocol;
	const char *kernel_json;
	const char *layout;
	const char *diff;
	const char *kconfig;
	const char *kernel;
	const char *source;
	const char *packages;
	const char *tars;
	const char *overlay;
	bool verity;
	int64_t epoch;
	struct manifest_vars vars;
	struct strv cmdlines;
	struct strv inputs;
	struct strv artifacts;
	struct strv features;
	struct strv steps; /* of customize: a letter and its argument */
	struct evidence_options evidence;
	bool help;
	char **args; /* what is no option */
	int n_args;
};

/* One option: letter O of a command's set. */
struct option_desc {
	char letter;
	const char *name;
	const char *value;
	const char *help;
};

struct command {
	const char *name;
	const char *args;
	const char *help;
	const char *options; /* letters */
	int min_args, max_args;
	int (*run)(const struct options *o, struct err *reterr);
};

extern const struct option_desc option_descs[];

/* Parses ARGV (its first word is the command). -EINVAL with a text. */
int options_parse(const struct command *c, int argc, char **argv,
		  struct options *ret, struct err *reterr);
void options_release(struct options *o);

/* Where a plain string of these goes, or NULL; what is no plain string, or
 * -ENOENT; and what they own. */
const char **evidence_string_of(struct evidence_options *o, int letter);
int evidence_set(struct evidence_options *o, int letter, const char *value);
void evidence_release(struct evidence_options *o);

int cmd_tree(const struct options *o, struct err *reterr);
int cmd_initrd(const struct options *o, struct err *reterr);
int cmd_customize(const struct options *o, struct err *reterr);
int cmd_image(const struct options *o, struct err *reterr);
int cmd_manifest(const struct options *o, struct err *reterr);
int cmd_inspect(const struct options *o, struct err *reterr);
int cmd_cat(const struct options *o, struct err *reterr);
int cmd_verity(const struct options *o, struct err *reterr);
int cmd_cve(const struct options *o, struct err *reterr);
int cmd_explain_config(const struct options *o, struct err *reterr);
int cmd_extract(const struct options *o, struct err *reterr);
int cmd_measure(const struct options *o, struct err *reterr);
int cmd_sbom(const struct options *o, struct err *reterr);
int cmd_provenance(const struct options *o, struct err *reterr);
int cmd_sign(const struct options *o, struct err *reterr);
int cmd_verify(const struct options *o, struct err *reterr);

#endif
