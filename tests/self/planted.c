/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Tests that must not pass, and one that does. tests/self/run_test runs each through
 * scripts/run-test and demands that it is seen.
 */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/timeout.h"

static void fail_afterwards(void)
{
    cr_assert(false, "in .fini");
}

TestSuite(planted, .timeout = TIMEOUT_S(10));

Test(planted, nothing_wrong)
{
    cr_assert(true);
}

Test(planted, assertion)
{
    cr_assert(false);
}

Test(planted, assertion_in_fini, .fini = fail_afterwards)
{
    cr_assert(true);
}

Test(planted, crash)
{
    abort();
}

Test(planted, leak)
{
    void *volatile block = malloc(10);

    block = NULL;
    cr_assert_null(block);
}

Test(planted, heap_overflow)
{
    char *volatile block = malloc(10);
    volatile size_t past = 10;

    cr_assert_neq(block[past], 1);
    free(block);
}

Test(planted, integer_overflow)
{
    volatile int number = INT_MAX;

    number = number + 1;
    cr_assert(true);
}

Test(planted, skipped)
{
    cr_skip_test("planted");
}

TestSuite(planted_hang, .timeout = TIMEOUT_S(1));

Test(planted_hang, cut_by_the_suite)
{
    for (;;)
        pause();
}

TestSuite(planted_patience, .timeout = TIMEOUT_S(60));

Test(planted_patience, cut_by_the_runner)
{
    for (;;)
        pause();
}
