/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "value/change.h"

TestSuite(change, .timeout = TIMEOUT_S(10));

Test(change, its_value_is_its_pieces_and_a_piece_without_data_is_zeros)
{
    const struct change change = {
        .action = CHANGE_PUT,
        .pieces = {SPAN("ab"), {.data = NULL, .size = 3}, SPAN("c")},
        .piece_count = 3,
    };
    struct buffer value = {0};

    buffer_append_string(&value, "xxxxxxxxxxxxxxxx"); /* so that the room was used before */
    buffer_reset(&value, SIZE_MAX);
    change_value(&change, &value);
    cr_assert(span_equal(buffer_content(&value), SPAN("ab\0\0\0c")));
    buffer_deinit(&value);
}

Test(change, an_empty_piece_adds_nothing)
{
    const struct change change = {.action = CHANGE_PUT, .pieces = {{0}}, .piece_count = 1};
    struct buffer value = {0};

    change_value(&change, &value);
    cr_assert_eq(buffer_size(&value), 0);
    buffer_deinit(&value);
}
