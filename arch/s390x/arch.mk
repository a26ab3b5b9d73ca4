# SPDX-License-Identifier: Apache-2.0
# Values only, suffixed by architecture so that all four load side by side.

TRIPLE_s390x := s390x-linux-gnu
KARCH_s390x := s390
KSRCARCH_s390x := s390
# CONFIG_KERNEL_UNCOMPRESSED: the same wrapper without the decompression,
# which would be most of a boot.
KTARGET_s390x := bzImage
KIMAGE_s390x := arch/s390/boot/bzImage
KREPACK_s390x :=
DEBARCH_s390x := s390x
MUSL_TRIPLE_s390x := s390x-linux-musl
# musl's long double has 128 bits here, as gcc's default.
CFLAGS_s390x :=
LDFLAGS_s390x :=
# Debian packs it in qemu-system-misc.
QEMU_s390x := qemu-system-s390x
QEMU_PKG_s390x := qemu-system-misc
