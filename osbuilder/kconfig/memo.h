// SPDX-License-Identifier: Apache-2.0
#ifndef KCONFIG_MEMO_H
#define KCONFIG_MEMO_H

#include <stdio.h>

/*
 * Kconfig asks the compiler about a hundred questions by popen(), which is
 * nearly all of the time a resolution takes. preprocess.c is compiled with
 * popen and pclose renamed to these, which answer from a file. The caller
 * names that file after everything an answer depends on: compiler, binutils
 * and source. A missing or damaged file only costs time.
 */
void memo_load(const char *path);
void memo_save(void);

FILE *memo_popen(const char *cmd, const char *mode);
int memo_pclose(FILE *f);

#endif
