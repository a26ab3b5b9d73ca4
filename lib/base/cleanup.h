// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * Scope-bound ownership. A local that owns is declared with one of these and
 * initialised at once; it is handed over with TAKE_PTR or TAKE_FD. The release
 * functions keep errno.
 */
#define cleanup(f) __attribute__((cleanup(f)))
#define cleanup_free cleanup(cleanup_freep)
#define cleanup_close cleanup(cleanup_closep)
#define cleanup_fclose cleanup(cleanup_fclosep)
#define cleanup_closedir cleanup(cleanup_closedirp)

/* Defines cleanup function FUNCp for `T *` locals released by FUNC. */
#define DEFINE_CLEANUP(T, func)                                                \
	static inline void func##p(T **p)                                      \
	{                                                                      \
		int saved_errno = errno;                                       \
		if (*p)                                                        \
			func(*p);                                              \
		errno = saved_errno;                                           \
	}

#define TAKE_PTR(p)                                                            \
	({                                                                     \
		__typeof__(p) *take_p_ = &(p);                                 \
		__typeof__(p) take_v_ = *take_p_;                              \
		*take_p_ = NULL;                                               \
		take_v_;                                                       \
	})

#define TAKE_FD(fd)                                                            \
	({                                                                     \
		int *take_p_ = &(fd);                                          \
		int take_v_ = *take_p_;                                        \
		*take_p_ = -1;                                                 \
		take_v_;                                                       \
	})

static inline void cleanup_freep(void *p)
{
	int saved_errno = errno;

	free(*(void **)p);
	errno = saved_errno;
}

static inline void cleanup_closep(const int *fd)
{
	int saved_errno = errno;

	if (*fd >= 0)
		(void)close(*fd); /* nothing useful can be done on failure */
	errno = saved_errno;
}

/* Closes *FD when open and marks it closed. */
static inline void close_fd(int *fd)
{
	cleanup_closep(fd);
	*fd = -1;
}

static inline void cleanup_fclosep(FILE **f)
{
	int saved_errno = errno;

	if (*f)
		(void)fclose(*f);
	errno = saved_errno;
}

static inline void cleanup_closedirp(DIR **d)
{
	int saved_errno = errno;

	if (*d)
		(void)closedir(*d);
	errno = saved_errno;
}

#endif
