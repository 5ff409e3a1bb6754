/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A real redis-server, to compare with and to import from.
 */
#ifndef DUNLIN_TESTS_LIB_REDIS_H
#define DUNLIN_TESTS_LIB_REDIS_H

#include <limits.h>

/* Where the program is. Fails the case when there is none. */
void redis_program(char path[PATH_MAX]);

#endif
