/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/bucket.h"

#define SECOND_US 1000000

void bucket_fill(struct bucket *bucket, uint64_t rate, unsigned share, int64_t mono_us)
{
    const int64_t bounded = rate < BUCKET_RATE_MAX ? (int64_t)rate : BUCKET_RATE_MAX;
    const int64_t most = bounded / share + 1;
    const int64_t gone_us = mono_us - bucket->filled_us;
    /* More than a second's worth fits in no bucket, and nothing overflows. */
    const int64_t more = bounded * (gone_us < SECOND_US ? gone_us : SECOND_US) / SECOND_US;

    if (more == 0)
        return; /* the time that has gone counts the next time */
    bucket->tokens = bucket->tokens + more < most ? bucket->tokens + more : most;
    bucket->filled_us = mono_us;
}
