/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/histogram.h"

#include "base/assert.h"

/* A doubling holds 2^LINEAR_BITS buckets. */
#define LINEAR_BITS 5
#define VALUE_BITS  32

uint32_t histogram_bucket(uint64_t value)
{
    if (value >> VALUE_BITS != 0)
        return HISTOGRAM_BUCKETS - 1;
    if (value >> LINEAR_BITS == 0)
        return (uint32_t)value;
    const uint32_t top = 63 - (uint32_t)__builtin_clzll(value);
    const uint32_t shift = top - LINEAR_BITS;

    /* value >> shift is 32..63: the bucket within the doubling, and 32 more. */
    return (shift << LINEAR_BITS) + (uint32_t)(value >> shift);
}

uint64_t histogram_bucket_max(uint32_t bucket)
{
    ensure(bucket < HISTOGRAM_BUCKETS);
    if (bucket >> LINEAR_BITS == 0)
        return bucket;
    const uint32_t shift = (bucket >> LINEAR_BITS) - 1;
    const uint64_t first = bucket - ((uint64_t)shift << LINEAR_BITS);

    return ((first + 1) << shift) - 1;
}

uint64_t histogram_count(const struct histogram *histogram)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        count += histogram->counts[i];
    return count;
}

uint64_t histogram_percentile(const struct histogram *histogram, unsigned per_mille)
{
    const uint64_t count = histogram_count(histogram);
    uint64_t below = 0;
    uint32_t bucket = 0;

    ensure(per_mille <= 1000);
    if (count == 0)
        return 0;
    /* At least one value, so that 0 gives the least. */
    uint64_t wanted = count / 1000 * per_mille + (count % 1000 * per_mille + 999) / 1000;
    if (wanted == 0)
        wanted = 1;
    while (below + histogram->counts[bucket] < wanted)
        below += histogram->counts[bucket++];
    return histogram_bucket_max(bucket);
}
