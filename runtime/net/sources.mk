# SPDX-License-Identifier: Apache-2.0
#
# The host's side of a sandbox' network.

NET_SRCS := \
	runtime/net/helper.c \
	runtime/net/macvtap.c \
	runtime/net/message.c \
	runtime/net/reach.c \
	runtime/net/relay.c \
	runtime/net/scan.c \
	runtime/net/tap.c

NET_LIBS := -lnl-route-3 -lnl-3

# The same folder on every distribution; NL_CFLAGS is for others.
NL_CFLAGS ?= -isystem /usr/include/libnl3

CFLAGS_runtime/net/macvtap := $(NL_CFLAGS)
CFLAGS_runtime/net/reach := $(NL_CFLAGS)
CFLAGS_runtime/net/scan := $(NL_CFLAGS)
CFLAGS_runtime/net/tap := $(NL_CFLAGS)
