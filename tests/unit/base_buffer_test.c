/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "lib/timeout.h"

TestSuite(buffer, .timeout = TIMEOUT_S(10));

Test(buffer, what_is_appended_is_consumed_in_order)
{
    struct buffer buffer;

    buffer_init(&buffer);
    buffer_append_string(&buffer, "abc");
    buffer_append_int64(&buffer, -42);
    buffer_append_format(&buffer, "<%d %s>", 7, "x");
    buffer_append(&buffer, NULL, 0);
    cr_assert(span_equal(buffer_content(&buffer), SPAN("abc-42<7 x>")));
    buffer_consume(&buffer, 3);
    cr_assert(span_equal(buffer_content(&buffer), SPAN("-42<7 x>")));
    buffer_truncate(&buffer, 3);
    cr_assert(span_equal(buffer_content(&buffer), SPAN("-42")));
    buffer_deinit(&buffer);
    cr_assert_eq(buffer_size(&buffer), 0);
}

Test(buffer, a_queue_that_is_drained_does_not_grow)
{
    struct buffer buffer = {0};
    uint8_t next = 0;
    uint8_t expected = 0;

    for (int round = 0; round < 10000; round++) {
        for (int i = 0; i < 100; i++, next++)
            buffer_append(&buffer, &next, 1);
        const struct span content = buffer_content(&buffer);
        for (size_t i = 0; i < content.size; i++)
            cr_assert_eq(content.data[i], (uint8_t)(expected + i));
        /* One byte stays, so that the queue is never empty. */
        expected = (uint8_t)(expected + buffer_size(&buffer) - 1);
        buffer_consume(&buffer, buffer_size(&buffer) - 1);
    }
    cr_assert_leq(buffer.capacity, 512);
    buffer_deinit(&buffer);
}

Test(buffer, what_does_not_fit_is_remembered_until_a_reset)
{
    struct buffer buffer = {0};

    buffer_append_string(&buffer, "kept");
    cr_assert_null(buffer_reserve(&buffer, SIZE_MAX));
    cr_assert(buffer.failed);
    buffer_append_string(&buffer, "dropped");
    cr_assert(span_equal(buffer_content(&buffer), SPAN("kept")));
    buffer_reset(&buffer, SIZE_MAX);
    cr_assert_not(buffer.failed);
    buffer_append_string(&buffer, "again");
    cr_assert(span_equal(buffer_content(&buffer), SPAN("again")));
    buffer_deinit(&buffer);
}

Test(buffer, a_reset_keeps_small_blocks_only)
{
    struct buffer buffer = {0};

    buffer_append_string(&buffer, "small");
    buffer_reset(&buffer, 1024);
    cr_assert_neq(buffer.capacity, 0);
    buffer_commit(&buffer, buffer_reserve(&buffer, 4096) != NULL ? 4096 : 0);
    cr_assert_eq(buffer_size(&buffer), 4096);
    buffer_reset(&buffer, 1024);
    cr_assert_eq(buffer.capacity, 0);
    buffer_deinit(&buffer);
}

Test(buffer, room_for_what_was_announced_takes_no_more_than_that)
{
    struct buffer buffer = {0};

    buffer_append_string(&buffer, "consumed, begun");
    buffer_consume(&buffer, 10);
    cr_assert_not_null(buffer_reserve_exactly(&buffer, 1 << 20));
    cr_assert(span_equal(buffer_content(&buffer), SPAN("begun")));
    cr_assert_eq(buffer.capacity, (1 << 20) + 5);
    const uint8_t *const room = buffer.block + buffer.tail;
    cr_assert_eq(buffer_reserve_exactly(&buffer, 1 << 20), room, "there is room already");
    cr_assert_null(buffer_reserve_exactly(&buffer, SIZE_MAX));
    cr_assert(buffer.failed);
    buffer_deinit(&buffer);
}
