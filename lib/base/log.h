// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "macros.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

enum log_format {
	LOG_FORMAT_TEXT, /* "kiln: level: message" */
	LOG_FORMAT_JSON, /* runc's: {"level":…,"msg":…,"time":…} a line */
};

/*
 * Where log lines go: FD (not owned), in FORMAT, up to LEVEL. TAG is the
 * program's name in text lines (not copied). Before the first call: stderr,
 * text, warnings.
 */
void log_setup(int fd, enum log_format format, enum log_level level,
	       const char *tag);

bool log_enabled(enum log_level level);

/* Logs one line. Control characters are escaped: what a guest or an image
 * says cannot forge lines or drive a terminal. */
void log_line(enum log_level level, const char *fmt, ...) PRINTF(2, 3);

#define log_err(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                                         \
	do {                                                                   \
		if (log_enabled(LOG_LEVEL_DEBUG))                              \
			log_line(LOG_LEVEL_DEBUG, __VA_ARGS__);                \
	} while (0)

/*
 * Copies N bytes of text to OUT (SIZE bytes, always terminated) with bytes
 * outside printable ASCII written as \xNN (tabs as spaces). Returns OUT.
 */
char *log_escape(char *out, size_t size, const char *text, size_t n);

#endif
