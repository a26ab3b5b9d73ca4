// SPDX-License-Identifier: Apache-2.0
/*
 * In kiln-steps, the program under the chaos tests, and nowhere else: tells
 * when a line of the journal was written that matches $KILN_STEP, by the pid in
 * the file $KILN_STEP_FILE, and stops there unless $KILN_STEP_GO is set. Once.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/engine/journal.h"

void journal_step(const char *line)
{
	const char *pattern = getenv("KILN_STEP");
	const char *file = getenv("KILN_STEP_FILE");
	char copy[256], text[32];
	int fd, n;

	if (!pattern || !file)
		return;
	(void)snprintf(copy, sizeof(copy), "%s", line);
	copy[strcspn(copy, "\n")] = '\0';
	if (fnmatch(pattern, copy, 0) != 0)
		return;
	/* Whole when it is there: written under another name. */
	(void)snprintf(copy, sizeof(copy), "%s.%d", file, (int)getpid());
	fd = open(copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	(void)!write(fd, text, (size_t)n);
	(void)close(fd);
	n = link(copy, file);
	(void)unlink(copy);
	if (n == 0 && !getenv("KILN_STEP_GO"))
		(void)raise(SIGSTOP);
}
