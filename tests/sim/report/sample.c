/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/report/sample.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "lib/array.h"

void sample_deinit(struct sample *sample)
{
    memory_free(sample->values);
    *sample = (struct sample){0};
}

void sample_add(struct sample *sample, double value)
{
    sample->values = array_room(sample->values, sample->count, &sample->capacity,
                                sizeof sample->values[0]);
    sample->values[sample->count++] = value;
    sample->sorted = false;
}

double sample_mean(const struct sample *sample)
{
    double sum = 0;

    for (size_t i = 0; i < sample->count; i++)
        sum += sample->values[i];
    return sample->count > 0 ? sum / (double)sample->count : NAN;
}

static int compare(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

double sample_quantile(struct sample *sample, double part)
{
    size_t rank;

    if (sample->count == 0)
        return NAN;
    if (!sample->sorted)
        qsort(sample->values, sample->count, sizeof *sample->values, compare);
    sample->sorted = true;
    rank = (size_t)ceil(part * (double)sample->count);
    return sample->values[rank > 0 ? rank - 1 : 0];
}
