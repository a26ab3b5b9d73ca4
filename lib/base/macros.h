// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_MACROS_H
#define BASE_MACROS_H

#include <stddef.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The object of type T whose member M is at PTR. */
#define container_of(ptr, T, m) ((T *)(void *)((char *)(ptr) - offsetof(T, m)))

#define UNUSED __attribute__((unused))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* Next multiple of ALIGN, a power of two. The caller excludes overflow. */
#define ALIGN_UP(v, align) (((v) + ((align) - 1)) & ~((align) - 1))

/* True when the operation would overflow; *RES then is unspecified. */
#define add_overflows(a, b, res) __builtin_add_overflow(a, b, res)
#define mul_overflows(a, b, res) __builtin_mul_overflow(a, b, res)

#endif
