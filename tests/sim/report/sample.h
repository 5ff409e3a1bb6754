/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Measurements of one thing, for their mean and quantiles. A zeroed sample is an empty one; of an
 * empty one every number is NAN.
 */
#ifndef DUNLIN_TESTS_SIM_REPORT_SAMPLE_H
#define DUNLIN_TESTS_SIM_REPORT_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>

struct sample {
    double *values;
    size_t count;
    size_t capacity;
    bool sorted;
};

void sample_deinit(struct sample *sample);
void sample_add(struct sample *sample, double value);
double sample_mean(const struct sample *sample);
/* The least value that `part` of all (0 to 1) are not above; 0.5 is the median. Sorts. */
double sample_quantile(struct sample *sample, double part);

#endif
