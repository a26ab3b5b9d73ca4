# SPDX-License-Identifier: Apache-2.0
#
# The engine: supervisor, stubs, and the client's side.

ENGINE_SRCS := \
	runtime/engine/agent.c \
	runtime/engine/checkpoint.c \
	runtime/engine/checkpoint_file.c \
	runtime/engine/client.c \
	runtime/engine/client_checkpoint.c \
	runtime/engine/client_gc.c \
	runtime/engine/client_run.c \
	runtime/engine/container.c \
	runtime/engine/container_create.c \
	runtime/engine/dir.c \
	runtime/engine/hooks.c \
	runtime/engine/host_check.c \
	runtime/engine/init.c \
	runtime/engine/journal.c \
	runtime/engine/modules.c \
	runtime/engine/network.c \
	runtime/engine/network_follow.c \
	runtime/engine/network_guest.c \
	runtime/engine/pod.c \
	runtime/engine/proc.c \
	runtime/engine/process.c \
	runtime/engine/pump.c \
	runtime/engine/record.c \
	runtime/engine/resize.c \
	runtime/engine/resolver.c \
	runtime/engine/restore.c \
	runtime/engine/ring.c \
	runtime/engine/rootimage.c \
	runtime/engine/rpc.c \
	runtime/engine/sandbox.c \
	runtime/engine/sandbox_fs.c \
	runtime/engine/share.c \
	runtime/engine/snapshot.c \
	runtime/engine/sock.c \
	runtime/engine/spawn.c \
	runtime/engine/state.c \
	runtime/engine/stats.c \
	runtime/engine/stream.c \
	runtime/engine/stub.c \
	runtime/engine/stubs.c \
	runtime/engine/supervisor.c \
	runtime/engine/task.c \
	runtime/engine/transition.c \
	runtime/engine/translate.c \
	runtime/engine/tty.c \
	runtime/engine/update.c \
	runtime/engine/view.c \
	runtime/engine/vmspec.c
