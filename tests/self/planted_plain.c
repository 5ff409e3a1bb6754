/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What planted.c is for Criterion, for plain programs: cases of tests/lib/check.h that must be seen
 * to fail, run one by one by tests/self/run_test.
 */
#include "config.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/check.h"

static void nothing_wrong(void)
{
    check_that(1 + 1 == 2, "arithmetic");
}

static void assertion(void)
{
    check_that(1 + 1 == 3, "planted, %d", 3);
}

static void crash(void)
{
    abort();
}

static void exit_in_between(void)
{
    exit(0);
}

static void hang(void)
{
    for (;;)
        pause();
}

static void left_process(void)
{
    if (fork() == 0)
        for (;;)
            pause();
}

static void skipped(void)
{
    check_skip("planted");
}

static int shared;

static void *count(void *unused)
{
    for (int i = 0; i < 1000; i++)
        shared++;
    return unused;
}

static void data_race(void)
{
    pthread_t thread;

    check_that(pthread_create(&thread, NULL, count, NULL) == 0, "a thread starts");
    count(NULL);
    pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"nothing_wrong", 10, nothing_wrong},
        {"assertion", 10, assertion},
        {"crash", 10, crash},
        {"exit_in_between", 10, exit_in_between},
        {"hang", 1, hang},
        {"left_process", 10, left_process},
        {"skipped", 10, skipped},
        {"data_race", 10, data_race},
    };

    return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
