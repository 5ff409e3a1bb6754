/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A bucket of tokens: what may be sent, so that no more goes out in the long run than a rate
 * allows. The caller takes out what it sends, and may begin with anything while there is a token
 * left: a large one leaves the bucket below 0.
 */
#ifndef DUNLIN_BASE_BUCKET_H
#define DUNLIN_BASE_BUCKET_H

#include <stdint.h>

/* A higher rate is no bound, tokens a second. */
#define BUCKET_RATE_MAX (INT64_C(1) << 40)

struct bucket {
    int64_t tokens;
    int64_t filled_us; /* mono */
};

/* What has come since it was filled last, at `rate` tokens a second; it holds no more than a
 * `share`th of a second's worth, and one. */
void bucket_fill(struct bucket *bucket, uint64_t rate, unsigned share, int64_t mono_us);

#endif
