/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Counters count. Whichever nodes coordinate, each result lies between the sum of what was
 * acknowledged before it was asked for, and the sum of all that was asked for before it came. Where
 * one node coordinated all the time, no two acknowledged additions have the same result.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "sim/check/registers.h"

struct addition {
    int64_t at_us; /* when it was acknowledged, or sent */
    int64_t sum;   /* of all up to then */
};

static int by_time(const void *a, const void *b)
{
    const struct addition *x = a;
    const struct addition *y = b;

    return (x->at_us > y->at_us) - (x->at_us < y->at_us);
}

static void add_up(struct addition *additions, size_t count)
{
    int64_t sum = 0;

    qsort(additions, count, sizeof additions[0], by_time);
    for (size_t i = 0; i < count; i++)
        additions[i].sum = sum += additions[i].sum;
}

/* The sum of what came before that time. */
static int64_t sum_before(const struct addition *additions, size_t count, int64_t at_us)
{
    size_t low = 0;
    size_t high = count;

    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (additions[middle].at_us < at_us)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? additions[low - 1].sum : 0;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void check_unique(const struct record *first, uint64_t *results, size_t count,
                         struct verdict *verdict)
{
    qsort(results, count, sizeof results[0], by_value);
    for (size_t i = 1; i < count; i++)
        if (results[i] == results[i - 1]) {
            verdict_wrong(verdict, "counters: two additions to %c%u had the result %llu",
                          first->space, first->key, (unsigned long long)results[i]);
            verdict_about_key(verdict, first->space, first->key, HISTORY_NEVER_US);
        }
}

static void check_key(const struct registers *key, bool unique, struct verdict *verdict)
{
    const struct history *history = key->history;
    struct addition *done = memory_alloc_array(key->count + 1, sizeof done[0]);
    struct addition *asked = memory_alloc_array(key->count + 1, sizeof asked[0]);
    uint64_t *results = memory_alloc_array(key->count + 1, sizeof results[0]);
    size_t done_count = 0, asked_count = 0, result_count = 0;

    for (size_t i = 0; i < key->count; i++) {
        const struct record *r = register_record(key, i);
        if (r->effect != EFFECT_ADD)
            continue;
        asked[asked_count++] = (struct addition){r->sent_us, r->amount};
        if (r->outcome != OUTCOME_OK)
            continue;
        done[done_count++] = (struct addition){r->replied_us, r->amount};
        results[result_count++] = r->value;
    }
    add_up(done, done_count);
    add_up(asked, asked_count);
    if (unique && result_count > 0)
        check_unique(&history->records[key->all[0]], results, result_count, verdict);
    for (size_t i = 0; i < key->count; i++) {
        const struct record *r = register_record(key, i);
        if (r->outcome != OUTCOME_OK || r->seen != SEEN_VALUE)
            continue;
        const int64_t own = r->effect == EFFECT_ADD ? r->amount : 0;
        const int64_t least = sum_before(done, done_count, r->sent_us) + own;
        const int64_t most = sum_before(asked, asked_count, r->replied_us + 1);
        verdict->judged++;
        if ((int64_t)r->value >= least && (int64_t)r->value <= most)
            continue;
        verdict_wrong(verdict, "counters: between %lld and %lld expected:", (long long)least,
                      (long long)most);
        verdict_show(verdict, history, key->all[i]);
    }
    memory_free(done);
    memory_free(asked);
    memory_free(results);
}

static void check_key_at_all_times(const struct registers *key, struct verdict *verdict)
{
    const uint64_t nodes = key->count > 0 ? key->history->coordinators[register_record(key, 0)->key]
                                          : 0;

    check_key(key, nodes != 0 && (nodes & (nodes - 1)) == 0, verdict);
}

static void check_key_while_calm(const struct registers *key, struct verdict *verdict)
{
    check_key(key, true, verdict);
}

void check_counters(const struct history *history, struct verdict *verdict)
{
    registers_each(history, 'c', verdict, check_key_at_all_times);
    registers_each(history, 'q', verdict, check_key_while_calm);
}
