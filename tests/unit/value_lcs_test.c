/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The longest common subsequence in words and steps, against the textbook's table and the way back
 * through it that Redis takes.
 */
#include <criterion/criterion.h>

#include "base/rng.h"
#include "lib/timeout.h"
#include "value/lcs.h"

TestSuite(lcs, .timeout = TIMEOUT_S(60));

#define SIZE_MAX_DRAWN 200

struct table {
    uint32_t length[SIZE_MAX_DRAWN + 1][SIZE_MAX_DRAWN + 1];
};

static struct table table;

static void fill(struct span a, struct span b)
{
    for (size_t i = 0; i <= a.size; i++)
        for (size_t j = 0; j <= b.size; j++) {
            if (i == 0 || j == 0) {
                table.length[i][j] = 0;
                continue;
            }
            const uint32_t up = table.length[i - 1][j], left = table.length[i][j - 1];
            table.length[i][j] = a.data[i - 1] == b.data[j - 1] ? table.length[i - 1][j - 1] + 1
                                 : up > left                    ? up
                                                                : left;
        }
}

/* The next match that the way back meets from (*i, *j). */
static bool next(struct span a, struct span b, size_t *i, size_t *j, struct lcs_match *match)
{
    while (*i > 0 && *j > 0 && a.data[*i - 1] != b.data[*j - 1]) {
        if (table.length[*i - 1][*j] > table.length[*i][*j - 1])
            --*i;
        else
            --*j;
    }
    if (*i == 0 || *j == 0)
        return false;
    for (match->size = 0; *i > 0 && *j > 0 && a.data[*i - 1] == b.data[*j - 1]; match->size++) {
        --*i;
        --*j;
    }
    match->a = *i;
    match->b = *j;
    return true;
}

/* With so much work in each step. */
static void expect_as_the_table(struct span a, struct span b, uint64_t step, uint64_t seed)
{
    struct lcs *lcs = lcs_create(a, b, true);
    struct lcs_match match, wanted;
    size_t i = a.size, j = b.size;
    enum lcs_status status;
    uint64_t work = step;

    fill(a, b);
    cr_assert_not_null(lcs);
    while (lcs_fill(lcs, &work) == LCS_MORE)
        work = step;
    cr_assert_eq(lcs_length(lcs), table.length[a.size][b.size], "seed %zu", (size_t)seed);
    for (;;) {
        work = step;
        while ((status = lcs_next(lcs, &work, &match)) == LCS_MORE)
            work = step;
        const bool more = next(a, b, &i, &j, &wanted);
        cr_assert_eq(status, more ? LCS_OK : LCS_END, "seed %zu", (size_t)seed);
        if (!more)
            break;
        cr_assert(match.a == wanted.a && match.b == wanted.b && match.size == wanted.size,
                  "seed %zu", (size_t)seed);
    }
    lcs_destroy(&lcs);

    lcs = lcs_create(a, b, false);
    work = UINT64_MAX;
    cr_assert_eq(lcs_fill(lcs, &work), LCS_OK);
    cr_assert_eq(lcs_length(lcs), table.length[a.size][b.size]);
    lcs_destroy(&lcs);
}

static struct span draw(struct rng *rng, uint8_t *bytes, unsigned letters)
{
    static const size_t sizes[] = {0, 1, 2, 8, 63, 64, 65, 127, 128, 129};
    const size_t size = rng_chance(rng, 1, 2)
                            ? sizes[rng_below(rng, sizeof sizes / sizeof sizes[0])]
                            : (size_t)rng_below(rng, SIZE_MAX_DRAWN + 1);

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)rng_below(rng, letters);
    return span_of(bytes, size);
}

Test(lcs, words_and_steps_find_what_the_table_has)
{
    static const unsigned letters[] = {1, 2, 4, 26, 256};
    uint8_t a[SIZE_MAX_DRAWN], b[SIZE_MAX_DRAWN];

    for (uint64_t seed = 0; seed < 2000; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        const unsigned of = letters[rng_below(&rng, sizeof letters / sizeof letters[0])];
        const struct span first = draw(&rng, a, of), second = draw(&rng, b, of);
        const uint64_t step = rng_chance(&rng, 1, 4) ? 1 : 1 + rng_below(&rng, 5000);
        expect_as_the_table(first, second, step, seed);
    }
}

Test(lcs, a_step_ends_where_its_work_does)
{
    static uint8_t a[5000], b[5000];
    unsigned steps = 0;
    uint64_t work;

    memset(a, 'a', sizeof a);
    memset(b, 'a', sizeof b);
    struct lcs *lcs = lcs_create(span_of(a, sizeof a), span_of(b, sizeof b), true);
    do {
        work = 1000;
        steps++;
    } while (lcs_fill(lcs, &work) == LCS_MORE);
    /* 5000 rows of 79 words, and two looks at 5000 bytes. */
    cr_assert_gt(steps, 400);
    cr_assert_lt(steps, 600);
    cr_assert_eq(lcs_length(lcs), sizeof a);
    lcs_destroy(&lcs);
}

Test(lcs, its_memory_is_less_than_that_of_the_table)
{
    static const size_t sizes[] = {1, 2, 7, 63, 64, 65, 1000, 11000, 1000000, 60000000};
    const struct span none = span_of(NULL, 0);

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
            struct span a = none, b = none;
            a.size = sizes[i];
            b.size = sizes[j];
            const uint64_t cells = 4 * (uint64_t)(a.size + 1) * (b.size + 1);
            cr_assert_lt(lcs_memory(a, b, true), cells + 2048, "%zu %zu", a.size, b.size);
            cr_assert_leq(lcs_memory(a, b, false), lcs_memory(a, b, true));
            if (a.size > 1000 && b.size > 1000)
                cr_assert_lt(lcs_memory(a, b, true), cells / 10);
        }
}
