// SPDX-License-Identifier: Apache-2.0
/* The stand-in for QEMU of the engine's tests, as a program. */
#include "engine/fake_qemu.h"

int main(int argc, char **argv)
{
	return fake_qemu_main(argc, argv);
}
