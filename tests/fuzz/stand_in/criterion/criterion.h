/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the fixtures of tests/lib/ use of Criterion, for programs that Criterion does not run: an
 * assertion that does not hold says so and aborts, where Criterion's own would abort in silence.
 */
#ifndef DUNLIN_TESTS_FUZZ_STAND_IN_CRITERION_H
#define DUNLIN_TESTS_FUZZ_STAND_IN_CRITERION_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CR_FAIL(what, ...)                                                   \
    (fprintf(stderr, "%s:%d: %s does not hold: ", __FILE__, __LINE__, what), \
     fprintf(stderr, "" __VA_ARGS__), fputc('\n', stderr), fflush(stderr), abort())

#define cr_assert(condition, ...)  ((condition) ? (void)0 : CR_FAIL(#condition, __VA_ARGS__))
#define cr_assert_eq(a, b, ...)    ((a) == (b) ? (void)0 : CR_FAIL(#a " == " #b, __VA_ARGS__))
#define cr_assert_lt(a, b, ...)    ((a) < (b) ? (void)0 : CR_FAIL(#a " < " #b, __VA_ARGS__))
#define cr_assert_leq(a, b, ...)   ((a) <= (b) ? (void)0 : CR_FAIL(#a " <= " #b, __VA_ARGS__))
#define cr_assert_gt(a, b, ...)    ((a) > (b) ? (void)0 : CR_FAIL(#a " > " #b, __VA_ARGS__))
#define cr_assert_null(a, ...)     ((a) == NULL ? (void)0 : CR_FAIL(#a " is NULL", __VA_ARGS__))
#define cr_assert_not_null(a, ...) ((a) != NULL ? (void)0 : CR_FAIL(#a " is not NULL", __VA_ARGS__))

#endif
