/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OSBUILDER_UUID_H
#define OSBUILDER_UUID_H

#include <stdint.h>

/* 36 characters and the NUL. */
#define UUID_TEXT_SIZE 37
void uuid_format(const uint8_t uuid[16], char ret[UUID_TEXT_SIZE]);

#endif
