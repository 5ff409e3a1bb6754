/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "base/outbox.h"
#include "lib/timeout.h"

TestSuite(outbox, .timeout = TIMEOUT_S(10));

#define ITEM  1000
#define ITEMS 1000
#define LARGE (200u * 1024)

static void append(struct outbox *outbox, uint8_t number)
{
    uint8_t item[ITEM];

    memset(item, number, sizeof item);
    buffer_append(outbox_last(outbox), item, sizeof item);
}

/* The next item, from where it lies: in one piece. */
static void take(struct outbox *outbox, uint8_t number)
{
    struct span next;

    cr_assert_eq(outbox_gather(outbox, &next, 1, SIZE_MAX), 1);
    cr_assert_geq(next.size, ITEM, "an item is in one piece");
    for (size_t i = 0; i < ITEM; i++)
        cr_assert_eq(next.data[i], number);
    outbox_consume(outbox, ITEM);
}

Test(outbox, what_is_queued_comes_out_in_order_and_no_piece_is_large)
{
    struct outbox outbox;

    outbox_init(&outbox);
    for (unsigned i = 0; i < ITEMS; i++) {
        append(&outbox, (uint8_t)i);
        cr_assert_eq(outbox_size(&outbox), (i + 1) * ITEM);
        cr_assert_leq(outbox_last(&outbox)->capacity, 2 * OUTBOX_PIECE, "a large piece moves");
    }
    cr_assert_geq(outbox_capacity(&outbox), ITEMS * ITEM);
    for (unsigned i = 0; i < ITEMS; i++) {
        take(&outbox, (uint8_t)i);
        cr_assert_eq(outbox_size(&outbox), (ITEMS - 1 - i) * ITEM);
    }
    outbox_deinit(&outbox);
}

Test(outbox, a_piece_that_lacks_bytes_says_so_when_its_turn_comes)
{
    struct outbox outbox;
    struct span spans[4];

    outbox_init(&outbox);
    while (outbox_last(&outbox) == &outbox.head)
        append(&outbox, 1);
    outbox_last(&outbox)->failed = true;
    cr_assert_not(outbox_failed(&outbox));
    cr_assert_eq(outbox_gather(&outbox, spans, 4, SIZE_MAX), 1, "not what follows it, either");
    outbox_consume(&outbox, spans[0].size);
    cr_assert(outbox_failed(&outbox));
    outbox_deinit(&outbox);
    cr_assert_eq(outbox_size(&outbox), 0);
}

/* A block of a large value, as it arrived; the caller has its share. */
static struct block *large(uint8_t number, struct span *value)
{
    struct buffer bytes = {0};

    memset(buffer_reserve(&bytes, LARGE), number, LARGE);
    buffer_commit(&bytes, LARGE);
    *value = buffer_content(&bytes);
    return block_adopt(&bytes);
}

Test(outbox, a_large_value_is_referred_to_where_it_lies_and_given_back_when_written)
{
    struct span spans[8], value;
    struct block *block = large(7, &value);
    struct outbox outbox;

    outbox_init(&outbox);
    append(&outbox, 1);
    outbox_refer(&outbox, block, value);
    append(&outbox, 2);
    outbox_refer(&outbox, block, value);
    cr_assert_eq(atomic_load(&block->shares), 3);
    cr_assert_eq(outbox_size(&outbox), 2 * (ITEM + LARGE));
    cr_assert_eq(outbox_gather(&outbox, spans, 8, SIZE_MAX), 4);
    cr_assert_eq(spans[1].data, value.data, "it is not copied");
    cr_assert_eq(spans[3].data, value.data);
    cr_assert_eq(outbox_gather(&outbox, spans, 8, ITEM + 1), 2, "enough is enough");

    outbox_consume(&outbox, ITEM + 10); /* in the middle of it */
    cr_assert_eq(outbox_gather(&outbox, spans, 8, 1), 1);
    cr_assert_eq(spans[0].data, value.data + 10);
    cr_assert_eq(outbox_size(&outbox), LARGE - 10 + ITEM + LARGE);
    outbox_consume(&outbox, LARGE - 10);
    cr_assert_eq(atomic_load(&block->shares), 2, "its share is given back");
    take(&outbox, 2);
    cr_assert_eq(outbox_size(&outbox), LARGE);
    outbox_deinit(&outbox);
    cr_assert_eq(atomic_load(&block->shares), 1);
    block_release(&block);
}

Test(outbox, a_large_buffer_is_taken_over_and_a_small_one_copied)
{
    struct outbox outbox;
    struct buffer small = {0}, first = {0}, second = {0};

    outbox_init(&outbox);
    memset(buffer_reserve(&first, LARGE), 1, LARGE);
    buffer_commit(&first, LARGE);
    memset(buffer_reserve(&second, LARGE), 2, LARGE);
    buffer_commit(&second, LARGE);
    buffer_append_string(&small, "small");
    const uint8_t *blocks[] = {first.block, second.block};
    outbox_append_buffer(&outbox, &first);
    outbox_append_buffer(&outbox, &second);
    outbox_append_buffer(&outbox, &small);
    struct span spans[4];
    cr_assert_eq(outbox_size(&outbox), 2 * LARGE + 5);
    cr_assert_eq(outbox_gather(&outbox, spans, 4, SIZE_MAX), 3);
    cr_assert_eq(spans[0].data, blocks[0]);
    cr_assert_eq(spans[1].data, blocks[1]);
    cr_assert(span_is(spans[2], "small"));
    buffer_deinit(&small);
    buffer_deinit(&first);
    buffer_deinit(&second);
    outbox_deinit(&outbox);
}

/* A reply, with a large value in its middle, is moved as a whole. */
Test(outbox, pieces_behind_a_buffer_keep_their_order)
{
    struct span spans[4], value;
    struct block *block = large(7, &value);
    struct buffer first = {0};
    struct outbox outbox;
    struct list pieces;

    outbox_init(&outbox);
    list_init(&pieces);
    buffer_append_string(outbox_pieces_last(&first, &pieces), "head");
    outbox_pieces_refer(&pieces, block, value);
    block_release(&block);
    buffer_append_string(outbox_pieces_last(&first, &pieces), "tail");
    buffer_append_string(outbox_pieces_last(&first, &pieces), "end");
    cr_assert_eq(outbox_pieces_size(&pieces), LARGE + 7);
    outbox_append_buffer(&outbox, &first);
    outbox_append_pieces(&outbox, &pieces);
    cr_assert(list_empty(&pieces));
    cr_assert_eq(outbox_size(&outbox), LARGE + 11);
    cr_assert_eq(outbox_gather(&outbox, spans, 4, SIZE_MAX), 3);
    cr_assert(span_is(spans[0], "head"));
    cr_assert_eq(spans[1].size, LARGE);
    cr_assert(span_is(spans[2], "tailend"));
    outbox_consume(&outbox, LARGE + 11);
    cr_assert_eq(outbox_size(&outbox), 0);
    buffer_deinit(&first);
    outbox_deinit(&outbox);
}
