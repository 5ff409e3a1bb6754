/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "lib/array.h"
#include "sim/report/staleness.h"

/* Of a normal distribution, 95 % are within so many deviations. */
#define DEVIATIONS 1.959964

static int compare(const void *left, const void *right)
{
    const int64_t a = *(const int64_t *)left;
    const int64_t b = *(const int64_t *)right;

    return (a > b) - (a < b);
}

void staleness_note(struct staleness_latencies *latencies, int64_t took_us)
{
    latencies->us = array_room(latencies->us, latencies->count, &latencies->capacity,
                               sizeof latencies->us[0]);
    latencies->us[latencies->count++] = took_us;
}

static void sort(struct staleness_latencies *latencies)
{
    if (latencies->count > 0)
        qsort(latencies->us, latencies->count, sizeof latencies->us[0], compare);
}

void staleness_sort(struct staleness_result *result)
{
    sort(&result->writes);
    sort(&result->reads);
}

void staleness_result_deinit(struct staleness_result *result)
{
    memory_free(result->writes.us);
    memory_free(result->reads.us);
}

void staleness_interval(uint64_t hits, uint64_t trials, double *low, double *high)
{
    const double n = (double)trials;
    const double part = (double)hits / n;
    const double square = DEVIATIONS * DEVIATIONS;
    const double middle = (part + square / (2 * n)) / (1 + square / n);
    const double half = DEVIATIONS * sqrt(part * (1 - part) / n + square / (4 * n * n)) /
                        (1 + square / n);

    *low = hits == 0 ? 0 : middle - half;
    *high = hits == trials ? 1 : middle + half;
}

double staleness_fixed(const struct staleness_plan *plan, unsigned k)
{
    const unsigned reads = level_needed(plan->read_level, plan->copies);
    const unsigned without = plan->copies - level_needed(plan->write_level, plan->copies);
    double missed = 1; /* C(N - W, R) / C(N, R) */

    for (unsigned i = 0; i < reads; i++)
        missed *= without > i ? (double)(without - i) / (double)(plan->copies - i) : 0;
    return 1 - pow(missed, k);
}

static int64_t at(const struct staleness_latencies *latencies, double place)
{
    const double last = (double)(latencies->count - 1);

    return latencies->us[(size_t)(place < 0 ? 0 : place > last ? last : place)];
}

int64_t staleness_quantile(const struct staleness_latencies *latencies, double part, int64_t *low,
                           int64_t *high)
{
    const double n = (double)latencies->count;
    const double half = DEVIATIONS * sqrt(n * part * (1 - part));

    ensure(latencies->count > 0);
    *low = at(latencies, floor(n * part - half));
    *high = at(latencies, ceil(n * part + half));
    return at(latencies, floor(n * part));
}
