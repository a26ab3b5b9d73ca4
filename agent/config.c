// SPDX-License-Identifier: Apache-2.0
#include "config.h"

#include <string.h>

#include "base/num.h"

#define PREFIX "agent."
#define WORD_MAX 1024
#define HOTPLUG_TIMEOUT_MAX_S 3600
#define VSOCK_PORT_DEFAULT 1024
#define PORT_NAME_DEFAULT "kiln.agent.0"

void config_init(struct config *config)
{
	*config = (struct config){
		.log_level = LOG_LEVEL_INFO,
		.hotplug_timeout_ms = 3000,
		.vsock_port = VSOCK_PORT_DEFAULT,
		.port_name = PORT_NAME_DEFAULT,
	};
}

static bool parse_flag(const char *value, bool *ret)
{
	if (!*value || !strcmp(value, "1") || !strcmp(value, "true"))
		*ret = true;
	else if (!strcmp(value, "0") || !strcmp(value, "false"))
		*ret = false;
	else
		return false;
	return true;
}

static bool set_log(struct config *c, const char *value)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = {
		{"trace", LOG_LEVEL_DEBUG},    {"debug", LOG_LEVEL_DEBUG},
		{"info", LOG_LEVEL_INFO},      {"warn", LOG_LEVEL_WARN},
		{"error", LOG_LEVEL_ERROR},    {"critical", LOG_LEVEL_ERROR},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(levels); i++) {
		if (strcmp(levels[i].name, value))
			continue;
		c->log_level = levels[i].level;
		return true;
	}
	return false;
}

static bool set_debug_console(struct config *c, const char *value)
{
	return parse_flag(value, &c->debug_console);
}

static bool set_dev_mode(struct config *c, const char *value)
{
	return parse_flag(value, &c->dev_mode);
}

static bool set_hotplug_timeout(struct config *c, const char *value)
{
	uint32_t s;

	if (parse_u32(value, 10, &s) < 0 || !s || s > HOTPLUG_TIMEOUT_MAX_S)
		return false;
	c->hotplug_timeout_ms = s * 1000;
	return true;
}

static bool set_console_port(struct config *c, const char *value)
{
	return parse_u32(value, 10, &c->console_port) == 0;
}

static bool set_log_port(struct config *c, const char *value)
{
	return parse_u32(value, 10, &c->log_port) == 0;
}

static bool set_server_addr(struct config *c, const char *value)
{
	const char *colon;
	uint32_t port;
	size_t n;

	if (!strncmp(value, "virtio://", 9)) {
		n = strlen(value + 9);
		if (!n || n >= sizeof(c->port_name))
			return false;
		memcpy(c->port_name, value + 9, n + 1);
		return true;
	}
	if (strncmp(value, "vsock://", 8))
		return false;
	colon = strchr(value + 8, ':');
	if (!colon || parse_u32(colon + 1, 10, &port) < 0 || !port)
		return false;
	c->vsock_port = port;
	return true;
}

static const struct {
	const char *name;
	bool (*set)(struct config *c, const char *value);
} parameters[] = {
	{"log", set_log},
	{"debug_console", set_debug_console},
	{"debug_console_vport", set_console_port},
	{"log_vport", set_log_port},
	{"devmode", set_dev_mode},
	{"hotplug_timeout", set_hotplug_timeout},
	{"server_addr", set_server_addr},
};

static void apply(struct config *config, char *word)
{
	char *value = strchr(word, '=');
	size_t i;

	if (value)
		*value++ = '\0';
	for (i = 0; i < ARRAY_SIZE(parameters); i++) {
		if (strcmp(parameters[i].name, word))
			continue;
		if (!parameters[i].set(config, value ? value : ""))
			config->ignored++;
		return;
	}
	config->ignored++;
}

/* Copies the next word without its quotes; false at the end. An overlong one
 * comes out empty. */
static bool next_word(const char **pos, char *word, size_t size)
{
	const char *p = *pos + strspn(*pos, " \t\n");
	bool quoted = false;
	size_t n = 0;

	if (!*p)
		return false;
	for (; *p && (quoted || !strchr(" \t\n", *p)); p++) {
		if (*p == '"')
			quoted = !quoted;
		else if (n < size)
			word[n++] = *p;
	}
	word[n < size ? n : 0] = '\0';
	*pos = p;
	return true;
}

void config_parse_cmdline(struct config *config, const char *cmdline)
{
	char word[WORD_MAX];

	while (next_word(&cmdline, word, sizeof(word))) {
		if (!strcmp(word, "--"))
			return; /* the rest is init's argv, not parameters */
		if (!strncmp(word, PREFIX, strlen(PREFIX)))
			apply(config, word + strlen(PREFIX));
		else if (!strncmp(word, "reboot=t", 8))
			config->restart_ends = true;
	}
}
