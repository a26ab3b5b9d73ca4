# SPDX-License-Identifier: Apache-2.0
#
# The command line, the configuration it reads, and the program's main().

CLI_SRCS := \
	runtime/cli/cli.c \
	runtime/cli/options.c \
	runtime/cli/signals.c \
	runtime/cli/verb_checkpoint.c \
	runtime/cli/verb_container.c \
	runtime/cli/verb_events.c \
	runtime/cli/verb_exec.c \
	runtime/cli/verb_explain.c \
	runtime/cli/verb_gc.c \
	runtime/cli/verb_info.c \
	runtime/cli/verb_list.c \
	runtime/cli/verb_shell.c \
	runtime/cli/verb_update.c \
	runtime/cli/verbs.c \
	runtime/config.c \
	runtime/config_keys.c \
	runtime/config_write.c \
	runtime/suggest.c \
	runtime/main.c

# Where the installed configuration is looked for.
CFLAGS_runtime/config = -DKILN_PREFIX='"$(or $(PREFIX),/usr/local)"'
