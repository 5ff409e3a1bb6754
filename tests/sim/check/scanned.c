/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A scan is complete: every register that was there from before its first call until its last reply
 * was returned, whatever nodes were asked and whatever happened to them meanwhile. A register was
 * there when a write of it was acknowledged before, and whatever deletes it either was acknowledged
 * before that write was sent, or was sent after the scan.
 */
#include "sim/check/registers.h"

/* The write, acknowledged before the walk began, that was sent last; HISTORY_NONE: there is none.
 */
static size_t last_put(const struct registers *key, const struct walk *walk)
{
    size_t last = HISTORY_NONE;

    for (size_t i = 0; i < key->count; i++) {
        const struct record *r = register_record(key, i);

        if (record_acknowledged(r, EFFECT_BIT(EFFECT_PUT)) && r->replied_us < walk->began_us &&
            (last == HISTORY_NONE || r->sent_us > key->history->records[last].sent_us))
            last = key->all[i];
    }
    return last;
}

static bool may_be_deleted(const struct registers *key, const struct record *put,
                           const struct walk *walk)
{
    for (size_t i = 0; i < key->count; i++) {
        const struct record *r = register_record(key, i);
        const bool deletes = r->effect == EFFECT_DELETE || r->undone == EFFECT_DELETE;
        const bool before = r->outcome == OUTCOME_OK && r->replied_us < put->sent_us;

        if (deletes && !before && r->sent_us <= walk->ended_us)
            return true;
    }
    return false;
}

static void check_walk(const struct registers *key, uint32_t number, const struct walk *walk,
                       struct verdict *verdict)
{
    const size_t index = last_put(key, walk);

    if (index == HISTORY_NONE)
        return;
    const struct record *put = &key->history->records[index];
    if (may_be_deleted(key, put, walk) ||
        history_forgives(key->history, put->sent_us, walk->ended_us))
        return;
    verdict->judged++;
    if (history_walk_saw(walk, number))
        return;
    verdict_wrong(verdict,
                  "scanned: k%u was there, and the scan from %lld to %lld did not return it:",
                  (unsigned)number, (long long)walk->began_us, (long long)walk->ended_us);
    verdict_show(verdict, key->history, index);
}

static void check_key(const struct registers *key, struct verdict *verdict)
{
    uint32_t number = UINT32_MAX;

    for (size_t i = 0; i < key->count && number == UINT32_MAX; i++)
        if (register_record(key, i)->space == 'k')
            number = register_record(key, i)->key;
    for (size_t i = 0; i < key->history->walk_count && number != UINT32_MAX; i++)
        check_walk(key, number, &key->history->walks[i], verdict);
}

void check_scanned(const struct history *history, struct verdict *verdict)
{
    registers_each(history, 'k', verdict, check_key);
}
