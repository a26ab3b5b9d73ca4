// SPDX-License-Identifier: Apache-2.0
#ifndef RUNTIME_CHECK_H
#define RUNTIME_CHECK_H

/*
 * `kiln check [ARCH]... [--format text|json] [--arch ARCH]`: probes the host
 * afresh and prints every ladder with the rung in use and the reasons, QEMU
 * and guest of each architecture, and what is missing. ARGV[0] is "check".
 * Exit code: 0 when a guest of the host's architecture (or of every one asked
 * for) can be started, else 1; 2 for a wrong use.
 */
int check_main(int argc, char **argv);

#endif
