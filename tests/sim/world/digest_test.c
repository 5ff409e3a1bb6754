/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The digest of a trace tells lines apart wherever their texts differ.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>

#include "lib/timeout.h"
#include "sim/world/digest.h"

TestSuite(digest, .timeout = TIMEOUT_S(60));

__attribute__((format(printf, 3, 4))) static uint64_t after(uint64_t digest, int64_t now_us,
                                                            const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    digest = digest_line(digest, now_us, format, arguments);
    va_end(arguments);
    return digest;
}

#define line(...) after(DIGEST_EMPTY, __VA_ARGS__)

/* What all arguments of the simulator's lines look like. */
static uint64_t said(unsigned node, uint64_t id, const char *what, size_t size, int64_t off)
{
    return line(1000, "%u>%u #%" PRIu64 " %s %zu %016" PRIx64 " %d%% %c off %" PRId64, node, 7u, id,
                what, size, id, -3, 'c', off);
}

Test(digest, the_same_line_has_one_digest)
{
    char copy[] = "bytes";

    cr_assert_eq(said(1, 2, "bytes", 3, -4), said(1, 2, copy, 3, -4));
}

Test(digest, each_argument_counts)
{
    const uint64_t digests[] = {
        said(1, 2, "bytes", 3, -4),
        said(2, 2, "bytes", 3, -4),
        said(1, UINT64_C(1) << 40, "bytes", 3, -4),
        said(1, 2, "byte", 3, -4),
        said(1, 2, "bytes", 4, -4),
        said(1, 2, "bytes", 3, 4),
    };

    for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++)
        for (size_t j = 0; j < i; j++)
            cr_assert_neq(digests[i], digests[j], "%zu and %zu", i, j);
}

Test(digest, the_time_and_the_words_count)
{
    cr_assert_neq(line(1, "%u killed", 1u), line(2, "%u killed", 1u));
    cr_assert_neq(line(1, "%u killed", 1u), line(1, "%u starts", 1u));
    cr_assert_neq(line(1, "a%s", "bc"), line(1, "ab%s", "c"));
}

Test(digest, a_string_counts_as_far_as_it_is_printed)
{
    cr_assert_eq(line(1, "logs: %.*s", 2, "abc"), line(1, "logs: %.*s", 2, "abd"));
    cr_assert_neq(line(1, "logs: %.*s", 3, "abc"), line(1, "logs: %.*s", 3, "abd"));
}

Test(digest, the_order_of_lines_counts)
{
    cr_assert_neq(after(line(1, "one"), 1, "two"), after(line(1, "two"), 1, "one"));
    cr_assert_eq(after(line(1, "one"), 1, "two"), after(line(1, "one"), 1, "two"));
}
