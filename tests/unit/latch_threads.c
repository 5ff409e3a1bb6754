/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Threads that count what a latch guards, more of them than there are processors for: for
 * ThreadSanitizer, and for the sum at the end. A holder that gives its processor away stands for
 * one that is preempted.
 */
#include <pthread.h>
#include <sched.h>

#include "base/latch.h"
#include "lib/check.h"

#define THREADS 8
#define ROUNDS  20000

struct counter {
    struct latch latch;
    unsigned long count; /* under the latch */
};

struct worker {
    pthread_t thread;
    struct counter *counter;
    unsigned long taken; /* of tries */
};

static void add(struct counter *counter, bool preempted)
{
    const unsigned long before = counter->count;

    if (preempted)
        sched_yield();
    counter->count = before + 1;
    latch_release(&counter->latch);
}

static void *count(void *context)
{
    struct worker *worker = context;
    struct counter *counter = worker->counter;

    for (int round = 0; round < ROUNDS; round++) {
        latch_take(&counter->latch);
        add(counter, round % 64 == 0);
        if (latch_try(&counter->latch)) {
            add(counter, false);
            worker->taken++;
        }
    }
    return NULL;
}

static void one_at_a_time(void)
{
    struct counter counter = {.count = 0};
    struct worker workers[THREADS];
    unsigned long expected = 0;

    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.counter = &counter};
        check_that(pthread_create(&workers[i].thread, NULL, count, &workers[i]) == 0, "a thread");
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        expected += ROUNDS + workers[i].taken;
    }
    check_that(counter.count == expected, "%lu counted, %lu expected", counter.count, expected);
    check_that(latch_try(&counter.latch) && !latch_try(&counter.latch), "it is free, then taken");
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"a latch lets one in at a time", 30, one_at_a_time},
    };

    return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
