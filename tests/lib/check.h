/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A frame for tests that are plain programs: those that drive real processes, and those that run
 * under ThreadSanitizer, where Criterion does not start.
 *
 * Each case runs in a process of its own, with a time limit and a scratch folder. A case passes
 * when its function returns. It fails when a check fails, when its process ends in any other way,
 * when it passes its limit, or when it leaves a process behind (which is then killed). Of a case
 * that failed, the ends of all *.log files in its scratch folder are printed. The last line is
 *
 *   N passed, N failed, N skipped
 */
#ifndef DUNLIN_TESTS_LIB_CHECK_H
#define DUNLIN_TESTS_LIB_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct check_case {
    const char *name;
    unsigned limit_s; /* times DUNLIN_TIMEOUT_FACTOR */
    void (*run)(void);
};

/* Runs the cases named in argv, or all; what main() returns. With DUNLIN_KEEP in the environment,
 * scratch folders stay, and are named. */
int check_main(int argc, char **argv, const struct check_case *cases, size_t count);

/* Ends the case as failed unless `condition` holds; the rest is a printf format that says what was
 * expected and what came. */
#define check_that(condition, ...) \
    ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition, __VA_ARGS__))

_Noreturn void check_failed(const char *file, int line, const char *condition, const char *format,
                            ...) __attribute__((format(printf, 4, 5)));

/* Ends the case as skipped. */
_Noreturn void check_skip(const char *why);

/* The scratch folder of the running case: an absolute path, empty when the case begins. */
const char *check_scratch(void);

/* Calls `holds` every few milliseconds until it returns true; false when it did not within
 * `timeout_ms` (stretched as all time-outs are). */
bool check_until(int64_t timeout_ms, bool (*holds)(void *context), void *context);

#endif
