/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Assertions that stay on in production: a broken invariant ends the process before it can spread.
 * They are for our own mistakes only. What clients, peers, disks or operators do is a status.
 */
#ifndef DUNLIN_BASE_ASSERT_H
#define DUNLIN_BASE_ASSERT_H

#define ensure(condition) \
    (__builtin_expect(!!(condition), 1) ? (void)0 : ensure_failed(#condition, __FILE__, __LINE__))

/* Says on stderr what did not hold and where, and aborts. */
_Noreturn void ensure_failed(const char *condition, const char *file, int line);

#endif
