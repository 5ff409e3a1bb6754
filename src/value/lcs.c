/* SPDX-License-Identifier: BSD-3-Clause */
#include "value/lcs.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/memory.h"

#define BYTES      256
#define WORD_BITS  64
#define WORD_BYTES sizeof(uint64_t)
/* What a row costs besides its words, and a step of the way back: it may have to wait for memory.
 */
#define ROW_WORK  8
#define BACK_WORK 8

enum stage {
    STAGE_BYTES, /* which bytes `a` has; `at` counts its bytes */
    STAGE_CLEAR, /* masks become zero; `at` counts their words */
    STAGE_MASKS, /* each byte of `b` sets its bit; `at` counts those */
    STAGE_ROWS,  /* `at` counts bytes of `a` */
    STAGE_DONE,
};

struct lcs {
    struct span a, b;
    bool trace;
    enum stage stage;
    size_t at;
    size_t words;             /* of a row */
    size_t stride;            /* bytes of a row that is kept */
    uint16_t masks_of[BYTES]; /* a byte's place in `masks`, from 1 on; 0: `a` has none such */
    uint16_t mask_count;
    uint64_t *masks; /* mask_count rows */
    uint64_t *row;   /* the last that was made */
    uint8_t *rows;   /* all of them, `stride` bytes each; NULL without a trace */
    size_t length;
    size_t i, j; /* the way back: in the table's corner at first */
};

static size_t divide_up(size_t size, size_t by)
{
    return size / by + (size % by != 0);
}

uint64_t lcs_memory(struct span a, struct span b, bool trace)
{
    const uint64_t row = divide_up(b.size, WORD_BITS) * WORD_BYTES;
    const uint64_t masks = a.size < BYTES ? a.size : BYTES;
    uint64_t rows = 0, all;

    if (trace && __builtin_mul_overflow((uint64_t)a.size, divide_up(b.size, 8), &rows))
        return UINT64_MAX;
    all = sizeof(struct lcs) + row * (masks + 1);
    return __builtin_add_overflow(all, rows, &all) ? UINT64_MAX : all;
}

struct lcs *lcs_create(struct span a, struct span b, bool trace)
{
    struct lcs *lcs = memory_alloc(sizeof *lcs);

    *lcs = (struct lcs){.a = a, .b = b, .trace = trace, .i = a.size, .j = b.size};
    lcs->words = divide_up(b.size, WORD_BITS);
    lcs->stride = divide_up(b.size, 8);
    if (a.size == 0 || b.size == 0) {
        lcs->stage = STAGE_DONE;
        return lcs;
    }
    lcs->row = memory_try_alloc(lcs->words * WORD_BYTES);
    if (trace)
        lcs->rows = memory_try_alloc(a.size * lcs->stride);
    if (lcs->row == NULL || (trace && lcs->rows == NULL))
        lcs_destroy(&lcs);
    return lcs;
}

void lcs_destroy(struct lcs **lcs)
{
    if (*lcs == NULL)
        return;
    memory_free((*lcs)->masks);
    memory_free((*lcs)->row);
    memory_free((*lcs)->rows);
    memory_free(*lcs);
    *lcs = NULL;
}

/* ---- the table ---- */

static void enter(struct lcs *lcs, enum stage stage)
{
    lcs->stage = stage;
    lcs->at = 0;
}

/* How far `at` may go of `end` steps, each of which costs `cost`; at least one step. */
static size_t reach(const struct lcs *lcs, size_t end, uint64_t cost, uint64_t *work)
{
    uint64_t steps = *work / cost;

    if (steps == 0)
        steps = 1;
    if (steps > end - lcs->at)
        steps = end - lcs->at;
    *work -= steps * cost < *work ? steps * cost : *work;
    return lcs->at + (size_t)steps;
}

static enum lcs_status look_at_bytes(struct lcs *lcs, uint64_t *work)
{
    const size_t end = reach(lcs, lcs->a.size, 1, work);

    for (; lcs->at < end; lcs->at++) {
        const uint8_t byte = lcs->a.data[lcs->at];
        if (lcs->masks_of[byte] == 0)
            lcs->masks_of[byte] = ++lcs->mask_count;
    }
    if (lcs->at < lcs->a.size)
        return LCS_OK;
    lcs->masks = memory_try_alloc(lcs->mask_count * lcs->words * WORD_BYTES);
    if (lcs->masks == NULL)
        return LCS_NO_MEMORY;
    enter(lcs, STAGE_CLEAR);
    return LCS_OK;
}

static void clear_masks(struct lcs *lcs, uint64_t *work)
{
    const size_t all = lcs->mask_count * lcs->words;
    const size_t end = reach(lcs, all, 1, work);

    memset(lcs->masks + lcs->at, 0, (end - lcs->at) * WORD_BYTES);
    lcs->at = end;
    if (end == all)
        enter(lcs, STAGE_MASKS);
}

static void set_masks(struct lcs *lcs, uint64_t *work)
{
    const size_t end = reach(lcs, lcs->b.size, 1, work);

    for (; lcs->at < end; lcs->at++) {
        const uint16_t mask = lcs->masks_of[lcs->b.data[lcs->at]];
        if (mask > 0)
            lcs->masks[(mask - 1u) * lcs->words + lcs->at / WORD_BITS] |= UINT64_C(1)
                                                                          << lcs->at % WORD_BITS;
    }
    if (lcs->at < lcs->b.size)
        return;
    enter(lcs, STAGE_ROWS);
    memset(lcs->row, 0xff, lcs->words * WORD_BYTES);
}

/* The row of the next byte of `a`, in the place of the one before. A sum's carry goes on into the
 * next word; a difference has none, since U is part of V. */
static void make_row(struct lcs *lcs, const uint64_t *mask)
{
    uint64_t carry = 0;

    for (size_t word = 0; word < lcs->words; word++) {
        const uint64_t v = lcs->row[word], u = v & mask[word];
        uint64_t sum;
        const bool first = __builtin_add_overflow(v, u, &sum);
        const bool second = __builtin_add_overflow(sum, carry, &sum);

        carry = first || second;
        lcs->row[word] = sum | (v - u);
    }
}

/* Zeros among the columns that there are. */
static size_t count_growth(const struct lcs *lcs)
{
    size_t count = 0;

    for (size_t word = 0; word < lcs->words; word++) {
        uint64_t growth = ~lcs->row[word];
        if (word + 1 == lcs->words && lcs->b.size % WORD_BITS != 0)
            growth &= (UINT64_C(1) << lcs->b.size % WORD_BITS) - 1;
        count += (size_t)__builtin_popcountll(growth);
    }
    return count;
}

static void make_rows(struct lcs *lcs, uint64_t *work)
{
    const size_t end = reach(lcs, lcs->a.size, lcs->words + ROW_WORK, work);

    for (; lcs->at < end; lcs->at++) {
        const size_t mask = lcs->masks_of[lcs->a.data[lcs->at]] - 1u;
        make_row(lcs, lcs->masks + mask * lcs->words);
        if (lcs->trace)
            memcpy(lcs->rows + lcs->at * lcs->stride, lcs->row, lcs->stride);
    }
    if (lcs->at < lcs->a.size)
        return;
    lcs->length = count_growth(lcs);
    enter(lcs, STAGE_DONE);
}

enum lcs_status lcs_fill(struct lcs *lcs, uint64_t *work)
{
    while (lcs->stage != STAGE_DONE) {
        if (*work == 0)
            return LCS_MORE;
        switch (lcs->stage) {
        case STAGE_BYTES:
            if (look_at_bytes(lcs, work) != LCS_OK)
                return LCS_NO_MEMORY;
            break;
        case STAGE_CLEAR:
            clear_masks(lcs, work);
            break;
        case STAGE_MASKS:
            set_masks(lcs, work);
            break;
        case STAGE_ROWS:
            make_rows(lcs, work);
            break;
        case STAGE_DONE:
            break;
        }
    }
    return LCS_OK;
}

size_t lcs_length(const struct lcs *lcs)
{
    ensure(lcs->stage == STAGE_DONE);
    return lcs->length;
}

/* ---- the way back ---- */

static bool same(const struct lcs *lcs)
{
    return lcs->a.data[lcs->i - 1] == lcs->b.data[lcs->j - 1];
}

/* Whether L(i, j) is above L(i, j - 1). */
static bool grows(const struct lcs *lcs)
{
    const size_t column = lcs->j - 1;

    return (lcs->rows[(lcs->i - 1) * lcs->stride + column / 8] >> column % 8 & 1) == 0;
}

enum lcs_status lcs_next(struct lcs *lcs, uint64_t *work, struct lcs_match *match)
{
    ensure(lcs->stage == STAGE_DONE && lcs->trace);
    while (lcs->i > 0 && lcs->j > 0 && !same(lcs)) {
        if (*work == 0)
            return LCS_MORE;
        *work -= *work < BACK_WORK ? *work : BACK_WORK;
        if (grows(lcs))
            lcs->i--;
        else
            lcs->j--;
    }
    if (lcs->i == 0 || lcs->j == 0)
        return LCS_END;
    match->size = 0;
    for (; lcs->i > 0 && lcs->j > 0 && same(lcs); match->size++) {
        lcs->i--;
        lcs->j--;
    }
    *work -= *work < match->size ? *work : match->size;
    match->a = lcs->i;
    match->b = lcs->j;
    return LCS_OK;
}
