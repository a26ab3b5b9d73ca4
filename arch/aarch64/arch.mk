# SPDX-License-Identifier: Apache-2.0
# Values only, suffixed by architecture so that all four load side by side.

TRIPLE_aarch64 := aarch64-linux-gnu
KARCH_aarch64 := arm64
KSRCARCH_aarch64 := arm64
# Image is what the boot protocol loads, uncompressed; Image.gz would be
# unpacked by the VMM each time.
KTARGET_aarch64 := Image
KIMAGE_aarch64 := arch/arm64/boot/Image
KREPACK_aarch64 :=
DEBARCH_aarch64 := arm64
MUSL_TRIPLE_aarch64 := aarch64-linux-musl
CFLAGS_aarch64 :=
LDFLAGS_aarch64 :=
QEMU_aarch64 := qemu-system-aarch64
QEMU_PKG_aarch64 := qemu-system-arm
