/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "base/outbox.h"
#include "lib/timeout.h"

TestSuite(outbox, .timeout = TIMEOUT_S(10));

#define ITEM  1000
#define ITEMS 1000

static void append(struct outbox *outbox, uint8_t number)
{
    uint8_t item[ITEM];

    memset(item, number, sizeof item);
    buffer_append(outbox_last(outbox), item, sizeof item);
}

static void take(struct outbox *outbox, uint8_t number)
{
    const struct span content = buffer_content(&outbox->head);

    cr_assert_geq(content.size, ITEM, "an item is in one block");
    for (size_t i = 0; i < ITEM; i++)
        cr_assert_eq(content.data[i], number);
    buffer_consume(&outbox->head, ITEM);
}

Test(outbox, what_is_queued_comes_out_in_order_and_no_block_is_large)
{
    struct outbox outbox;

    outbox_init(&outbox);
    cr_assert_not(outbox_next(&outbox));
    for (unsigned i = 0; i < ITEMS; i++) {
        append(&outbox, (uint8_t)i);
        cr_assert_eq(outbox_size(&outbox), (i + 1) * ITEM);
        cr_assert_leq(outbox_last(&outbox)->capacity, 2 * OUTBOX_BLOCK, "a large block moves");
    }
    cr_assert_geq(outbox_capacity(&outbox), ITEMS * ITEM);
    for (unsigned i = 0; i < ITEMS; i++) {
        if (buffer_size(&outbox.head) == 0)
            cr_assert(outbox_next(&outbox));
        take(&outbox, (uint8_t)i);
        cr_assert_eq(outbox_size(&outbox), (ITEMS - 1 - i) * ITEM);
    }
    cr_assert_not(outbox_next(&outbox));
    outbox_deinit(&outbox);
}

Test(outbox, a_block_that_lacks_bytes_says_so_when_its_turn_comes)
{
    struct outbox outbox;

    outbox_init(&outbox);
    while (outbox_last(&outbox) == &outbox.head)
        append(&outbox, 1);
    outbox_last(&outbox)->failed = true;
    cr_assert_not(outbox.head.failed);
    buffer_consume(&outbox.head, buffer_size(&outbox.head));
    cr_assert(outbox_next(&outbox));
    cr_assert(outbox.head.failed);
    outbox_deinit(&outbox);
    cr_assert_eq(outbox_size(&outbox), 0);
}
