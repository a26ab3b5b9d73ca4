# SPDX-License-Identifier: Apache-2.0
# Values only, suffixed by architecture so that all four load side by side.

# The prefix of Debian's (cross) toolchain: $(TRIPLE)-gcc. CROSS_COMPILE is
# $(TRIPLE)- everywhere; on an x86_64 host the prefixed names exist as well.
TRIPLE_x86_64 := x86_64-linux-gnu
# Kbuild's ARCH. Not x86: that would make 64BIT a question.
KARCH_x86_64 := x86_64
KSRCARCH_x86_64 := x86
# QEMU enters the ELF by its PVH note: no decompressor, no real mode, no
# firmware tables. A bzImage costs 0.1 s more.
KTARGET_x86_64 := vmlinux
KIMAGE_x86_64 := vmlinux
# Written out anew: half of the ELF are symbols, gaps and padding to 2 MiB.
KREPACK_x86_64 := osbuilder/kernel-repack.c
# -Os would expand memset and memcpy to "rep stosb" and "rep movsb", slow on
# CPUs without FSRM and slower under TCG; the kernel's own are patched to fit.
KCFLAGS_x86_64 := -mstringop-strategy=libcall
DEBARCH_x86_64 := amd64
MUSL_TRIPLE_x86_64 := x86_64-linux-musl
CFLAGS_x86_64 :=
LDFLAGS_x86_64 :=
QEMU_x86_64 := qemu-system-x86_64
QEMU_PKG_x86_64 := qemu-system-x86
