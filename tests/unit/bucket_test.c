/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Buckets: what a rate allows, and what it does not.
 */
#include <criterion/criterion.h>

#include "base/bucket.h"
#include "lib/timeout.h"

TestSuite(bucket, .timeout = TIMEOUT_S(10));

Test(bucket, fills_at_its_rate_and_no_further_than_its_share)
{
    struct bucket bucket = {.filled_us = 7};

    bucket_fill(&bucket, 1000, 10, 7);
    cr_assert_eq(bucket.tokens, 0);
    bucket_fill(&bucket, 1000, 10, 50007);
    cr_assert_eq(bucket.tokens, 50);
    bucket_fill(&bucket, 1000, 10, 50000007);
    cr_assert_eq(bucket.tokens, 101);
}

Test(bucket, fills_slowly_however_often_it_is_asked)
{
    struct bucket bucket = {0};

    for (int64_t now_us = 1; now_us <= 100000; now_us++)
        bucket_fill(&bucket, 100, 2, now_us);
    cr_assert_eq(bucket.tokens, 10);
}

Test(bucket, pays_back_what_was_too_large)
{
    struct bucket bucket = {.tokens = -500};

    bucket_fill(&bucket, 1000, 10, 400000);
    cr_assert_eq(bucket.tokens, -100);
    bucket_fill(&bucket, 1000, 10, 600000);
    cr_assert_eq(bucket.tokens, 100);
}

Test(bucket, takes_any_rate_and_any_time)
{
    struct bucket bucket = {.tokens = INT64_MIN / 2};

    bucket_fill(&bucket, UINT64_MAX, 1, INT64_MAX);
    cr_assert_eq(bucket.tokens, INT64_MIN / 2 + BUCKET_RATE_MAX);
    bucket = (struct bucket){0};
    bucket_fill(&bucket, UINT64_MAX, 1, INT64_MAX);
    cr_assert_eq(bucket.tokens, BUCKET_RATE_MAX);
}
