# SPDX-License-Identifier: Apache-2.0
# The shared layers, lowest first.
LIB_SRCS := \
	lib/base/buf.c \
	lib/base/err.c \
	lib/base/log.c \
	lib/base/num.c \
	lib/base/path.c \
	lib/base/strv.c \
	lib/os/event.c \
	lib/os/io.c \
	lib/os/safe_path.c \
	lib/codec/proto.c \
	lib/codec/ttrpc.c

# What only host programs need; it brings json-c along.
HOST_LIB_SRCS := lib/codec/json.c lib/codec/json_keys.c lib/codec/toml.c \
	lib/os/userns.c

PROTOS := agent csi health oci task ttrpc types
