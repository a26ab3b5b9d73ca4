// SPDX-License-Identifier: Apache-2.0
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE_MAX 4096

static struct {
	int fd;
	enum log_format format;
	enum log_level level;
	const char *tag;
} log_state = {STDERR_FILENO, LOG_FORMAT_TEXT, LOG_LEVEL_WARN, "kiln"};

static const char *const level_names[] = {"error", "warning", "info", "debug"};

void log_setup(int fd, enum log_format format, enum log_level level,
	       const char *tag)
{
	log_state.fd = fd;
	log_state.format = format;
	log_state.level = level;
	log_state.tag = tag;
}

bool log_enabled(enum log_level level)
{
	return level <= log_state.level;
}

char *log_escape(char *out, size_t size, const char *text, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	size_t i, used = 0;

	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		bool plain = c == '\t' || (c >= 0x20 && c < 0x7f);

		if (used + (plain ? 1 : 4) >= size)
			break;
		if (c == '\t') {
			out[used++] = ' ';
		} else if (plain) {
			out[used++] = (char)c;
		} else {
			out[used++] = '\\';
			out[used++] = 'x';
			out[used++] = hex[c >> 4];
			out[used++] = hex[c & 15];
		}
	}
	out[used] = '\0';
	return out;
}

/* Doubles what JSON wants escaped; control characters are gone already. */
static void json_escape(char *out, size_t size, const char *text)
{
	size_t used = 0;

	for (; *text && used + 3 < size; text++) {
		if (*text == '"' || *text == '\\')
			out[used++] = '\\';
		out[used++] = *text;
	}
	out[used] = '\0';
}

static int format_json(char *line, size_t size, enum log_level level,
		       const char *text)
{
	char stamp[40], quoted[LOG_LINE_MAX];
	struct timespec now;
	struct tm tm;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &tm);
	(void)strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_escape(quoted, sizeof(quoted), text);
	return snprintf(line, size,
			"{\"level\":\"%s\",\"msg\":\"%s\",\"time\":\"%s\"}\n",
			level_names[level], quoted, stamp);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char raw[LOG_LINE_MAX], text[LOG_LINE_MAX], line[2 * LOG_LINE_MAX];
	int saved_errno = errno;
	va_list ap;
	int n;

	if (!log_enabled(level))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	(void)log_escape(text, sizeof(text), raw, strlen(raw));
	if (log_state.format == LOG_FORMAT_JSON)
		n = format_json(line, sizeof(line), level, text);
	else
		n = snprintf(line, sizeof(line), "%s: %s: %s\n", log_state.tag,
			     level_names[level], text);
	/* One write a line, so that lines of several processes do not mix. */
	if (n > 0 && write(log_state.fd, line, MIN((size_t)n, sizeof(line) - 1)) < 0)
		n = 0; /* the log is the last resort: nowhere left to say so */
	errno = saved_errno;
}
