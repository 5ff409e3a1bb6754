/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A histogram of durations in fixed buckets, log-linear as in Gil Tene's HdrHistogram: below 32 a
 * bucket for each value, above it 32 to each doubling, so that a value is known to 3.2%.
 *
 *     value    0 .. 31 | 32 .. 63 | 64 .. 127 | 128 .. 255 |  ...   | 2^31 .. 2^32-1
 *     width          1 |        1 |         2 |          4 |  ...   | 2^26
 *     bucket   0 .. 31 | 32 .. 63 | 64 ..  95 |  96 .. 127 |  ...   | 864 .. 895
 *
 * Values of 2^32 and more (71 minutes, in microseconds) count in the last bucket. Pure.
 */
#ifndef DUNLIN_BASE_HISTOGRAM_H
#define DUNLIN_BASE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS 896

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
};

/* The bucket that `value` counts in, 0..HISTOGRAM_BUCKETS - 1. */
uint32_t histogram_bucket(uint64_t value);
/* The highest value that counts in `bucket`. */
uint64_t histogram_bucket_max(uint32_t bucket);

uint64_t histogram_count(const struct histogram *histogram);

/* The value that `per_mille` of 1000 values are at or below, rounded up to its bucket's highest; 0
 * when there are none. 500: the median; 1000: the greatest. */
uint64_t histogram_percentile(const struct histogram *histogram, unsigned per_mille);

#endif
