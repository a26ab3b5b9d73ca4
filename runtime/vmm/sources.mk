# SPDX-License-Identifier: Apache-2.0
#
# Virtual machines: specification, QEMU, and what the host offers.

VMM_SRCS := \
	runtime/check.c \
	runtime/guest.c \
	runtime/guest_root.c \
	runtime/vmm/console.c \
	runtime/vmm/host.c \
	runtime/vmm/jail.c \
	runtime/vmm/kvm.c \
	runtime/vmm/qemu.c \
	runtime/vmm/qemu_argv.c \
	runtime/vmm/qemu_nic.c \
	runtime/vmm/qemu_resize.c \
	runtime/vmm/qemu_state.c \
	runtime/vmm/qmp.c \
	runtime/vmm/resize.c \
	runtime/vmm/spawn.c \
	runtime/vmm/spec.c \
	runtime/vmm/virtiofsd.c \
	runtime/vmm/vm.c \
	runtime/vmm/vsock.c
