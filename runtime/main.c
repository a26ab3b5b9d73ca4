// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cli/cli.h"
#include "runtime/engine/client.h"

#ifndef KILN_VERSION
#define KILN_VERSION "unknown"
#endif

/* A closed standard descriptor would be given to the next file opened. */
static void hold_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		_exit(1); /* and nowhere to say why */
	(void)close(fd);
}

int main(int argc, char **argv)
{
	hold_standard_fds();
	/* Internal: what the verbs start on their own. */
	if (argc > 1 && !strcmp(argv[1], "supervisor"))
		return supervisor_main(argc - 1, argv + 1);
	return cli_main(argc, argv, KILN_VERSION);
}
