/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <xxhash.h>

#include "base/bytes.h"
#include "lib/timeout.h"
#include "node/state.h"

TestSuite(state, .timeout = TIMEOUT_S(10));

static const struct saved_node node = {
    .identity = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
    .ring = {(const uint8_t *)"a ring's \0 bytes", 16},
};
static const struct saved_ceiling ceiling = {
    .identity = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
    .ceiling = UINT64_C(0x0123456789abcdef),
    .boots = 7,
};

static enum state_status try_node(struct span file)
{
    struct saved_node state;

    return node_state_decode(&state, file);
}

static enum state_status try_ceiling(struct span file)
{
    struct saved_ceiling state;

    return ceiling_state_decode(&state, file);
}

Test(state, what_is_written_is_read_back)
{
    struct buffer file = {0};
    struct saved_node node_read;
    struct saved_ceiling ceiling_read;

    node_state_encode(&node, &file);
    cr_assert_eq(node_state_decode(&node_read, buffer_content(&file)), STATE_OK);
    cr_assert_arr_eq(node_read.identity, node.identity, STATE_IDENTITY_SIZE);
    cr_assert(span_equal(node_read.ring, node.ring));
    buffer_reset(&file, SIZE_MAX);
    ceiling_state_encode(&ceiling, &file);
    cr_assert_eq(ceiling_state_decode(&ceiling_read, buffer_content(&file)), STATE_OK);
    cr_assert_arr_eq(ceiling_read.identity, ceiling.identity, STATE_IDENTITY_SIZE);
    cr_assert_eq(ceiling_read.ceiling, ceiling.ceiling);
    cr_assert_eq(ceiling_read.boots, 7);
    buffer_deinit(&file);
}

Test(state, a_node_without_a_ring_has_a_file_as_well)
{
    struct buffer file = {0};
    struct saved_node before = node;
    struct saved_node state;

    before.ring = span_of(NULL, 0);
    node_state_encode(&before, &file);
    cr_assert_eq(node_state_decode(&state, buffer_content(&file)), STATE_OK);
    cr_assert_eq(state.ring.size, 0);
    buffer_deinit(&file);
}

static void assert_damage_is_seen(struct span file, enum state_status (*try)(struct span))
{
    uint8_t copy[256];

    cr_assert_leq(file.size, sizeof copy - 1);
    memcpy(copy, file.data, file.size);
    for (size_t size = 0; size < file.size; size++)
        cr_assert_eq(try(span_of(copy, size)), STATE_TORN, "cut at %zu", size);
    copy[file.size] = 0;
    cr_assert_eq(try(span_of(copy, file.size + 1)), STATE_TORN, "a byte too many");
    for (size_t bit = 0; bit < 8 * file.size; bit++) {
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_eq(try(span_of(copy, file.size)), bit < 64 ? STATE_FOREIGN : STATE_TORN,
                     "bit %zu", bit);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    cr_assert_eq(try(span_of(copy, file.size)), STATE_OK);
}

Test(state, a_file_that_is_torn_anywhere_or_has_any_bit_flipped_is_refused)
{
    struct buffer file = {0};

    node_state_encode(&node, &file);
    assert_damage_is_seen(buffer_content(&file), try_node);
    buffer_reset(&file, SIZE_MAX);
    ceiling_state_encode(&ceiling, &file);
    assert_damage_is_seen(buffer_content(&file), try_ceiling);
    buffer_deinit(&file);
}

Test(state, a_file_of_zeros_or_of_something_else_is_foreign)
{
    struct buffer file = {0};
    static const uint8_t zeros[64];

    cr_assert_eq(try_node(span_of(zeros, sizeof zeros)), STATE_FOREIGN);
    cr_assert_eq(try_node(SPAN("# a configuration, mistaken for a state file\n")), STATE_FOREIGN);
    node_state_encode(&node, &file);
    cr_assert_eq(try_ceiling(buffer_content(&file)), STATE_FOREIGN, "the other kind of file");
    cr_assert_eq(try_node(span_of(NULL, 0)), STATE_TORN, "an empty file is one cut short");
    buffer_deinit(&file);
}

Test(state, a_newer_format_is_told_from_damage)
{
    uint8_t copy[256];
    struct buffer file = {0};

    node_state_encode(&node, &file);
    const size_t size = buffer_size(&file);
    memcpy(copy, buffer_content(&file).data, size);
    bytes_put_u32(copy + 8, 2);
    bytes_put_u64(copy + size - 8, XXH3_64bits(copy, size - 8));
    cr_assert_eq(try_node(span_of(copy, size)), STATE_NEWER);
    cr_assert_str_eq(state_status_text(STATE_NEWER), "a newer version of Dunlin wrote it");
    buffer_deinit(&file);
}
