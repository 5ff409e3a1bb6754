/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How stale reads are, after Bailis et al., "Probabilistically Bounded Staleness for Practical
 * Partial Quorums" (VLDB 2012):
 *
 *   t-visibility  the probability that a read which begins t after a write has returned sees it
 *   k-staleness   the probability that a read sees one of the newest k versions; here of a read
 * that begins when the last of VERSIONS writes, one after another, has returned
 *
 * A trial is some writes of a key, one after another, and then a read. The same plan is carried out
 * in three ways, each of which fills in a result:
 *
 *   staleness_measure        with the real code in a world of legs (world/legs.h)
 *   staleness_model(DUNLIN)  by the formula of WARS, with Dunlin's way to ask: the coordinator is a
 *                            replica, whose own copy takes no time, and a read asks R - 1 others,
 *                            the first of the preference list
 *   staleness_model(PBS)     by the formula as it is in the paper (section 4.1): the coordinator is
 *                            none of the N replicas, asks all, and takes the first R answers
 *
 * Dunlin's formula has what a read waits for when it has to repair (replica/operation.h); neither
 * knows the second question, or offer, that goes out when an answer takes unusually long
 * (node/coordinate.c). Times are microseconds.
 */
#ifndef DUNLIN_TESTS_SIM_REPORT_STALENESS_H
#define DUNLIN_TESTS_SIM_REPORT_STALENESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/world/legs.h"

#define STALENESS_TIMES_MAX 24
/* Writes before the read, for k-staleness. */
#define STALENESS_VERSIONS 8

/* Who coordinates an operation. */
enum staleness_coordinator {
    COORDINATOR_ANY,     /* any replica of the key, drawn for each operation */
    COORDINATOR_SAME,    /* the first of the preference list */
    COORDINATOR_OUTSIDE, /* clients are at a node that is no replica and forwards to that one */
};

enum staleness_model { MODEL_DUNLIN, MODEL_PBS };

struct staleness_plan {
    uint64_t seed;
    unsigned copies;                        /* N, up to COPIES_MAX */
    uint8_t read_level, write_level;        /* R and W */
    const struct delay *delays[LEG_COUNT];  /* the caller's */
    int64_t distance_us;                    /* added to every message between two nodes */
    enum staleness_coordinator coordinator; /* in the model of PBS: any */
    uint64_t trials;                        /* of each time, and of k-staleness */
    int64_t times_us[STALENESS_TIMES_MAX];  /* t */
    size_t time_count;
    int64_t interval_us; /* from a write's return to the next write of the trial, 1 ms or more */
};

/* How long operations took. */
struct staleness_latencies {
    int64_t *us; /* sorted at the end */
    size_t count, capacity;
};

struct staleness_result {
    uint64_t trials;                    /* of each time, and of k-staleness */
    uint64_t seen[STALENESS_TIMES_MAX]; /* of them the read saw the write */
    uint64_t
        behind[STALENESS_VERSIONS + 1]; /* reads that saw the version that many before the last */
    struct staleness_latencies writes, reads;

    /* Of what is measured alone. */
    uint64_t asked_more; /* reads that sent a second question */
    uint64_t repaired;   /* reads that wrote back what they had read */
    uint64_t failed;     /* operations; 0, or it is no measurement */
    int64_t lasted_us;   /* virtual */
};

void staleness_measure(const struct staleness_plan *plan, struct staleness_result *result);
void staleness_model(const struct staleness_plan *plan, enum staleness_model model, uint64_t trials,
                     struct staleness_result *result);
void staleness_result_deinit(struct staleness_result *result);

/* For those two. */
void staleness_note(struct staleness_latencies *latencies, int64_t took_us);
void staleness_sort(struct staleness_result *result);

/* Wilson's interval: with 95 % the probability is between these when `hits` of `trials` were. */
void staleness_interval(uint64_t hits, uint64_t trials, double *low, double *high);
/* Of quorums that do not grow, which part of the reads sees one of the newest k versions (PBS,
 * equation 2): the chance that R replicas, drawn anew, meet none of k draws of W is left. */
double staleness_fixed(const struct staleness_plan *plan, unsigned k);
/* What that part of the operations did not exceed, and between which two of those measured that
 * quantile is with 95 %. */
int64_t staleness_quantile(const struct staleness_latencies *latencies, double part, int64_t *low,
                           int64_t *high);

/* The report (report.h). */
int staleness_report(int argc, char **argv);

#endif
