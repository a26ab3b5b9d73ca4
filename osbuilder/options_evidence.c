// SPDX-License-Identifier: Apache-2.0
/* Options of the commands that give evidence: measure, sbom, provenance, sign,
 * verify. */
#include <errno.h>

#include "command.h"

const char **evidence_string_of(struct evidence_options *o, int letter)
{
	switch (letter) {
	case 'T':
		return &o->tee;
	case 'w':
		return &o->firmware;
	case 'W':
		return &o->firmware_hash;
	case 'E':
		return &o->kernel;
	case 'I':
		return &o->initrd;
	case 'x':
		return &o->append;
	case 'n':
		return &o->vcpus;
	case 't':
		return &o->vcpu_type;
	case 's':
		return &o->vcpu_sig;
	case 'g':
		return &o->guest_features;
	case 'M':
		return &o->vmm;
	case 'y':
		return &o->key;
	case 'j':
		return &o->image_json;
	case 'Z':
		return &o->sources;
	case 'N':
		return &o->licences;
	case 'b':
		return &o->builder;
	case 'J':
		return &o->files_json;
	default:
		return NULL;
	}
}

int evidence_set(struct evidence_options *o, int letter, const char *value)
{
	switch (letter) {
	case 'z':
		o->ignore_missing = true;
		return 0;
	case 'X':
		return strv_add(&o->files, value);
	case 'O':
		return strv_add(&o->origins, value);
	case 'Q':
		return strv_add(&o->params, value);
	case 'U':
		return strv_add(&o->tools, value);
	case 'u':
		return strv_add(&o->sources_of_ours, value);
	default:
		return -ENOENT;
	}
}

void evidence_release(struct evidence_options *o)
{
	strv_release(&o->files);
	strv_release(&o->origins);
	strv_release(&o->params);
	strv_release(&o->tools);
	strv_release(&o->sources_of_ours);
}
