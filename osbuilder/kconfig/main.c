// SPDX-License-Identifier: GPL-2.0-only
/*
 * Resolves the fragments to a kernel configuration and proves that it is what
 * they ask for, in one process and with one parse of the tree's Kconfig.
 *
 * scripts/kconfig/conf.c of the tree is linked in, its main renamed to
 * conf_main and its call of conf_parse to kiln_conf_parse, so that the
 * authority on allnoconfig stays the tree itself. Run in the source tree with
 * the environment that Kbuild gives conf (osbuilder/kernel-config.sh).
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkc.h"

#include "memo.h"
#include "prove.h"

int conf_main(int argc, char **argv);
void kiln_conf_parse(const char *name);

static struct wants wants;
static bool modules;
static const char *seed_file;

/*
 * Takes the place of conf_parse within conf.c: a misspelt symbol must be
 * named by fragment and line, before the seed is read. What can be a module is
 * known here at the earliest, and the seed is written.
 */
void kiln_conf_parse(const char *name)
{
	int r;

	conf_parse(name);
	memo_save();
	if (prove_known(&wants))
		exit(1);
	if (modules)
		prove_modules(&wants);
	r = wants_write_seed(&wants, seed_file);
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", seed_file, strerror(-r));
		exit(1);
	}
}

static void usage(FILE *out)
{
	fputs("usage: prove -a ARCH -o CONFIG [-m MEMO] [-M] [-e SYMBOL | -d | -x | "
	      "-y | -s EDITED] [+]FRAGMENT...\n"
	      "  +FRAGMENT  is a feature's: replaces what the base says\n"
	      "  -M         what only features ask for is a module if it can be\n"
	      "  -o CONFIG  write the configuration here\n"
	      "  -m MEMO    answers of the compiler, kept between runs\n"
	      "  -e SYMBOL  explain a symbol instead of proving\n"
	      "  -d         list defaults (y) that nobody decided on\n"
	      "  -x         write down all symbols (extract.c)\n"
	      "  -y         list what is y, and which fragment brought it\n"
	      "  -s EDITED  print the fragment that leads to EDITED\n", out);
}

static int resolve(const char *out)
{
	char *args[] = { "conf", "-s", "--allnoconfig", "Kconfig", NULL };
	char seed[4096];
	int r;

	if (snprintf(seed, sizeof(seed), "%s.seed", out) >= (int)sizeof(seed))
		return -ENAMETOOLONG;
	seed_file = seed;
	setenv("KCONFIG_CONFIG", out, 1);
	setenv("KCONFIG_ALLCONFIG", seed, 1);
	setenv("KCONFIG_WARN_UNKNOWN_SYMBOLS", "1", 1);
	setenv("KCONFIG_WERROR", "1", 1);
	/* Something that exists, or conf would write an auto.conf as well. */
	setenv("KCONFIG_AUTOCONFIG", "/dev/null", 1);
	optind = 1;
	r = conf_main(4, args);
	unlink(seed);
	return r ? -EINVAL : 0;
}

int main(int argc, char **argv)
{
	const char *arch = NULL, *out = NULL, *symbol = NULL, *edited = NULL;
	bool declined = false, extract = false, account = false;
	int opt, i, bad;

	while ((opt = getopt(argc, argv, "a:o:m:Me:dxys:h")) != -1) {
		switch (opt) {
		case 'a': arch = optarg; break;
		case 'o': out = optarg; break;
		case 'm': memo_load(optarg); break;
		case 'M': modules = true; break;
		case 'e': symbol = optarg; break;
		case 'd': declined = true; break;
		case 'x': extract = true; break;
		case 'y': account = true; break;
		case 's': edited = optarg; break;
		case 'h': usage(stdout); return 0;
		default: usage(stderr); return 2;
		}
	}
	if (!arch || !out || optind == argc) {
		usage(stderr);
		return 2;
	}
	wants.version = getenv("KERNELVERSION");
	for (i = optind; i < argc; i++) {
		bool feature = *argv[i] == '+';

		if (wants_read(&wants, argv[i] + feature, arch, feature) < 0)
			return 1;
	}
	wants_sort(&wants);
	if (wants.errors)
		return 1;
	if (resolve(out) < 0)
		return 1;
	if (symbol)
		return prove_explain(&wants, symbol) ? 1 : 0;
	if (declined) {
		prove_declined(&wants);
		return 0;
	}
	if (extract) {
		prove_extract(&wants);
		return 0;
	}
	if (account) {
		prove_account(&wants);
		return 0;
	}
	if (edited)
		return prove_save(&wants, edited) < 0 ? 1 : 0;
	bad = prove_final(&wants);
	if (bad) {
		fprintf(stderr, "%s: %d finding%s, no configuration\n", arch,
			bad, bad == 1 ? "" : "s");
		unlink(out);
		return 1;
	}
	printf("%s: %zu requests proved, %d symbols =y\n", arch, wants.n,
	       prove_count_y());
	wants_release(&wants);
	return 0;
}
