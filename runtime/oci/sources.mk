# SPDX-License-Identifier: Apache-2.0
#
# The OCI runtime specification: decoding, defaults, the image's architecture.

OCI_SRCS := \
	runtime/oci/arena.c \
	runtime/oci/capability.c \
	runtime/oci/decode.c \
	runtime/oci/effective.c \
	runtime/oci/entrypoint.c \
	runtime/oci/entrypoint_open.c \
	runtime/oci/spec.c \
	runtime/oci/spec_default.c \
	runtime/oci/spec_linux.c \
	runtime/oci/spec_process.c \
	runtime/oci/spec_resources.c \
	runtime/oci/spec_seccomp.c
