/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "causal/context.h"
#include "lib/timeout.h"

TestSuite(context, .timeout = TIMEOUT_S(10));

static struct dot dot(uint64_t stamp, node_number node)
{
    return (struct dot){.stamp = stamp, .node = node};
}

static bool same(const struct context *a, const struct context *b)
{
    bool equal = a->count == b->count;

    for (uint32_t i = 0; equal && i < a->count; i++)
        equal = dot_equal(a->entries[i], b->entries[i]);
    return equal;
}

static struct context some_context(uint32_t count)
{
    struct context context = {0};

    for (uint32_t i = 0; i < count; i++)
        cr_assert(context_add(&context, dot(UINT64_C(0x0102030405060708) * (i + 1), i * 7 + 1)));
    return context;
}

Test(context, covers_each_dot_of_a_node_up_to_its_stamp)
{
    struct context context = {0};

    cr_assert_not(context_covers(&context, dot(1, 1)));
    cr_assert(context_add(&context, dot(5, 3)));
    cr_assert(context_covers(&context, dot(5, 3)));
    cr_assert(context_covers(&context, dot(1, 3)));
    cr_assert_not(context_covers(&context, dot(6, 3)));
    cr_assert_not(context_covers(&context, dot(1, 2)));
    cr_assert_not(context_covers(&context, dot(1, 4)));
}

Test(context, never_goes_back)
{
    struct context context = {0};

    cr_assert(context_add(&context, dot(5, 3)));
    cr_assert(context_add(&context, dot(2, 3)));
    cr_assert(context_covers(&context, dot(5, 3)));
    cr_assert_eq(context.count, 1);
}

Test(context, stands_in_the_order_of_nodes_however_it_was_filled)
{
    struct context context = {0};
    static const node_number nodes[] = {9, 2, 65535, 1, 7};

    for (size_t i = 0; i < 5; i++)
        cr_assert(context_add(&context, dot(10 + i, nodes[i])));
    for (uint32_t i = 1; i < context.count; i++)
        cr_assert_lt(context.entries[i - 1].node, context.entries[i].node);
    cr_assert(dot_equal(context_newest(&context), dot(14, 7)));
}

Test(context, that_is_full_says_so_and_stays_as_it_was)
{
    struct context context = some_context(CONTEXT_MAX);
    const struct context before = context;
    struct context other = {0};

    cr_assert_not(context_add(&context, dot(1, 60000)));
    cr_assert(same(&context, &before));
    cr_assert(context_add(&other, dot(UINT64_MAX, 1)));
    cr_assert(context_add(&other, dot(1, 60000)));
    cr_assert_not(context_merge(&context, &other));
    cr_assert(same(&context, &before));
}

Test(context, merged_covers_what_either_covered)
{
    struct context a = {0}, b = {0};

    context_add(&a, dot(5, 1));
    context_add(&a, dot(3, 2));
    context_add(&b, dot(9, 2));
    context_add(&b, dot(4, 3));
    cr_assert(context_merge(&a, &b));
    cr_assert_eq(a.count, 3);
    cr_assert(context_covers(&a, dot(5, 1)));
    cr_assert(context_covers(&a, dot(9, 2)));
    cr_assert(context_covers(&a, dot(4, 3)));
}

Test(context, survives_its_bytes)
{
    for (uint32_t count = 0; count <= CONTEXT_MAX; count++) {
        const struct context context = some_context(count);
        struct context read = {0};
        uint8_t rows[CONTEXT_MAX * CONTEXT_ROW_SIZE];

        context_encode(&context, rows);
        cr_assert(context_decode(span_of(rows, (size_t)count * CONTEXT_ROW_SIZE), &read));
        cr_assert(same(&context, &read));
    }
}

Test(context, refuses_bytes_that_no_context_encodes_to)
{
    uint8_t rows[(CONTEXT_MAX + 1) * CONTEXT_ROW_SIZE] = {0};
    struct context context = some_context(2);
    struct context read;

    context_encode(&context, rows);
    cr_assert_not(context_decode(span_of(rows, 19), &read), "half a row");
    cr_assert_not(context_decode(span_of(rows, 30), &read), "a node 0");
    cr_assert_not(context_decode(span_of(rows, sizeof rows), &read), "too many");
    rows[10] = rows[0];
    rows[11] = rows[1];
    cr_assert_not(context_decode(span_of(rows, 20), &read), "a node twice");
    memset(rows + 2, 0, 8);
    cr_assert_not(context_decode(span_of(rows, 10), &read), "a stamp 0");
}

Test(context, survives_its_text_which_is_printable)
{
    for (uint32_t count = 0; count <= CONTEXT_MAX; count++) {
        const struct context context = some_context(count);
        struct context read;
        struct buffer text = {0};

        context_to_text(&context, &text);
        const struct span content = buffer_content(&text);
        for (size_t i = 0; i < content.size; i++)
            cr_assert(content.data[i] > ' ' && content.data[i] < 127);
        cr_assert(context_from_text(content, &read));
        cr_assert(same(&context, &read));
        buffer_deinit(&text);
    }
}

Test(context, text_that_was_cut_or_changed_is_refused)
{
    const struct context context = some_context(3);
    struct context read;
    struct buffer text = {0};
    uint8_t changed[256];

    context_to_text(&context, &text);
    const struct span content = buffer_content(&text);
    for (size_t size = 0; size < content.size; size++)
        cr_assert_not(context_from_text(span_of(content.data, size), &read));
    for (size_t i = 0; i < content.size; i++)
        for (int value = 0; value < 256; value++) {
            memcpy(changed, content.data, content.size);
            changed[i] = (uint8_t)value;
            cr_assert_eq(context_from_text(span_of(changed, content.size), &read),
                         content.data[i] == value);
        }
    memset(changed, 'A', sizeof changed);
    cr_assert_not(context_from_text(span_of(changed, sizeof changed), &read));
    buffer_deinit(&text);
}
