# SPDX-License-Identifier: Apache-2.0
# Values only, suffixed by architecture so that all four load side by side.

TRIPLE_ppc64le := powerpc64le-linux-gnu
KARCH_ppc64le := powerpc
KSRCARCH_ppc64le := powerpc
# Both firmwares (SLOF, and the stub of x-vof=on) load the plain ELF.
KTARGET_ppc64le := vmlinux
KIMAGE_ppc64le := vmlinux
# Written out anew: 7 MB of it are the gap before the next 16 MiB.
KREPACK_ppc64le := osbuilder/kernel-repack.c
DEBARCH_ppc64le := ppc64el
MUSL_TRIPLE_ppc64le := powerpc64le-linux-musl
# musl's long double is the 64-bit one here, gcc's default is IBM's pair.
CFLAGS_ppc64le := -mlong-double-64
# Our guests have 4 KiB pages: without this ld aligns segments to 64 KiB.
LDFLAGS_ppc64le := -Wl,-z,max-page-size=4096
QEMU_ppc64le := qemu-system-ppc64
QEMU_PKG_ppc64le := qemu-system-ppc
