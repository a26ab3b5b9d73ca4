// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/signals.h"

#include <errno.h>
#include <stdint.h>
#include <strings.h>

#include "base/macros.h"
#include "base/num.h"

/* The kernel's numbers, which all architectures of ours share; the C library
 * keeps the first real-time ones to itself, the guest's may not. */
#define SIGNAL_RTMIN 34
#define SIGNAL_RTMAX 64

static const struct {
	const char *name;
	int number;
} signals[] = {
	{"HUP", 1},	{"INT", 2},    {"QUIT", 3},  {"ILL", 4},
	{"TRAP", 5},	{"ABRT", 6},   {"IOT", 6},   {"BUS", 7},
	{"FPE", 8},	{"KILL", 9},   {"USR1", 10}, {"SEGV", 11},
	{"USR2", 12},	{"PIPE", 13},  {"ALRM", 14}, {"TERM", 15},
	{"STKFLT", 16}, {"CHLD", 17},  {"CLD", 17},  {"CONT", 18},
	{"STOP", 19},	{"TSTP", 20},  {"TTIN", 21}, {"TTOU", 22},
	{"URG", 23},	{"XCPU", 24},  {"XFSZ", 25}, {"VTALRM", 26},
	{"PROF", 27},	{"WINCH", 28}, {"IO", 29},   {"POLL", 29},
	{"PWR", 30},	{"SYS", 31},   {"RTMIN", SIGNAL_RTMIN},
	{"RTMAX", SIGNAL_RTMAX},
};

static int real_time(const char *name)
{
	uint32_t n;

	if (!strncasecmp(name, "RTMIN+", 6) && parse_u32(name + 6, 10, &n) == 0)
		return n <= SIGNAL_RTMAX - SIGNAL_RTMIN ? SIGNAL_RTMIN + (int)n
							: -EINVAL;
	if (!strncasecmp(name, "RTMAX-", 6) && parse_u32(name + 6, 10, &n) == 0)
		return n <= SIGNAL_RTMAX - SIGNAL_RTMIN ? SIGNAL_RTMAX - (int)n
							: -EINVAL;
	return -EINVAL;
}

int signal_parse(const char *text)
{
	uint32_t n;
	size_t i;

	if (parse_u32(text, 10, &n) == 0)
		return n <= SIGNAL_RTMAX ? (int)n : -EINVAL;
	if (!strncasecmp(text, "SIG", 3))
		text += 3;
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		if (!strcasecmp(signals[i].name, text))
			return signals[i].number;
	return real_time(text);
}
