/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The post between workers: what is put is opened, in order, or is said to be lost.
 */
#include "command/post.h"

#include <criterion/criterion.h>

#include "lib/timeout.h"

TestSuite(command_post, .timeout = TIMEOUT_S(20));

static struct post *post;
static struct inbox *inboxes[2];
static unsigned woken[2];

static void wake(void *context, uint32_t worker)
{
    (void)context;
    woken[worker]++;
}

static void begin(void)
{
    post = post_create(wake, NULL);
    for (uint32_t worker = 0; worker < 2; worker++) {
        inboxes[worker] = post_open(post, worker);
        woken[worker] = 0;
    }
}

static bool put(uint32_t own, uint32_t worker, struct span first, struct span second)
{
    const struct span pieces[] = {first, second};

    return post_put(post, own, worker, POST_SHOWN, pieces, 2);
}

static void expect_next(struct span *records, struct span bytes)
{
    struct post_record record;

    cr_assert(post_next(records, &record));
    cr_assert_eq(record.kind, POST_SHOWN);
    cr_assert(span_equal(record.bytes, bytes));
}

Test(command_post, what_is_put_is_opened_once_and_in_order)
{
    struct buffer taken = {0};
    struct post_record record;

    begin();
    cr_assert(!post_waits(inboxes[1]));
    cr_assert(put(0, 1, SPAN("one"), SPAN("")));
    cr_assert(put(0, 1, SPAN("t"), SPAN("wo")));
    cr_assert(put(0, 1, SPAN(""), SPAN("")));
    cr_assert(post_waits(inboxes[1]) && !post_waits(inboxes[0]));
    cr_assert_eq(woken[1], 1, "it has been told already");
    cr_assert_eq(post_take(inboxes[1], &taken), 0);
    cr_assert(!post_waits(inboxes[1]));
    struct span records = buffer_content(&taken);
    expect_next(&records, SPAN("one"));
    expect_next(&records, SPAN("two"));
    expect_next(&records, SPAN(""));
    cr_assert(!post_next(&records, &record));
    cr_assert(put(0, 1, SPAN("three"), SPAN("")));
    cr_assert_eq(woken[1], 2);
    buffer_deinit(&taken);
    post_destroy(&post);
}

Test(command_post, a_worker_is_not_woken_for_what_it_puts_itself)
{
    begin();
    cr_assert(put(1, 1, SPAN("own"), SPAN("")));
    cr_assert(post_waits(inboxes[1]));
    cr_assert_eq(woken[1], 0);
    post_destroy(&post);
}

Test(command_post, past_its_bound_what_is_put_is_lost_and_that_is_told)
{
    const size_t size = POST_BYTES_MAX / 2 + 1;
    struct buffer half = {0}, taken = {0};
    struct post_record record;

    begin();
    cr_assert_not_null(buffer_reserve(&half, size));
    memset(half.block, 'x', size);
    buffer_commit(&half, size);
    cr_assert(put(0, 1, buffer_content(&half), SPAN("")));
    cr_assert(!put(0, 1, buffer_content(&half), SPAN("")));
    cr_assert(put(0, 1, SPAN("small"), SPAN("")), "there is room for that");
    cr_assert_eq(post_take(inboxes[1], &taken), 1u << POST_SHOWN);
    struct span records = buffer_content(&taken);
    expect_next(&records, buffer_content(&half));
    expect_next(&records, SPAN("small"));
    cr_assert(!post_next(&records, &record));

    /* It is told once, and there is room again. */
    buffer_deinit(&taken);
    cr_assert(put(0, 1, buffer_content(&half), SPAN("")));
    cr_assert_eq(post_take(inboxes[1], &taken), 0);
    buffer_deinit(&taken);
    buffer_deinit(&half);
    post_destroy(&post);
}

Test(command_post, one_record_is_taken_however_large)
{
    struct buffer large = {0}, taken = {0};

    begin();
    cr_assert_not_null(buffer_reserve(&large, POST_BYTES_MAX));
    memset(large.block, 'x', POST_BYTES_MAX);
    buffer_commit(&large, POST_BYTES_MAX);
    cr_assert(put(0, 1, buffer_content(&large), buffer_content(&large)));
    cr_assert_geq(post_footprint(inboxes[1]), 2 * (size_t)POST_BYTES_MAX);
    cr_assert(!put(0, 1, SPAN("x"), SPAN("")));
    cr_assert_eq(post_take(inboxes[1], &taken), 1u << POST_SHOWN);
    cr_assert_eq(post_footprint(inboxes[1]), 0);
    buffer_deinit(&taken);
    buffer_deinit(&large);
    post_destroy(&post);
}
