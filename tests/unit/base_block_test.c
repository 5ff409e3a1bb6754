/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "base/block.h"
#include "lib/timeout.h"

TestSuite(block, .timeout = TIMEOUT_S(10));

Test(block, is_there_until_the_last_share_is_given_back)
{
    struct buffer buffer = {0};

    buffer_append_string(&buffer, "large");
    const uint8_t *const bytes = buffer.block;
    struct block *first = block_adopt(&buffer);
    cr_assert_null(buffer.block);
    cr_assert_eq(first->memory, bytes);
    struct block *second = block_share(first);
    block_release(&first);
    cr_assert_null(first);
    cr_assert_eq(atomic_load(&second->shares), 1);
    cr_assert_eq(memcmp(second->memory, "large", 5), 0);
    block_release(&second);
    block_release(&second); /* none any more */
    cr_assert_null(second);
}

Test(block, holds_what_lies_within)
{
    struct buffer buffer = {0};

    buffer_append_string(&buffer, "large");
    struct block *block = block_adopt(&buffer);
    const uint8_t *const end = block->memory + block->capacity;
    cr_assert(block_holds(block, span_of(block->memory, block->capacity)));
    cr_assert(block_holds(block, span_of(end, 0)));
    cr_assert_not(block_holds(block, span_of(end - 1, 2)));
    cr_assert_not(block_holds(block, span_of(block->memory - 1, 1)));
    cr_assert_not(block_holds(block, span_of(end + 1, 0)));
    block_release(&block);
}
