/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Acknowledged is kept, and what was deleted stays deleted: no reader sees a register's version
 * that is gone for it. Both are one question; they differ in what the last certain write did.
 */
#include "sim/check/registers.h"

static bool judge_kept(const struct registers *key, const struct record *reader, int64_t gone_us)
{
    const struct history *history = key->history;

    switch (reader->seen) {
    case SEEN_ABSENT:
        return history->vanishes || gone_us == INT64_MIN ||
               registers_any(key, EFFECT_BIT(EFFECT_DELETE), reader, gone_us);
    case SEEN_PRESENT:
        return registers_any(key, EFFECT_BIT(EFFECT_PUT), reader, gone_us);
    case SEEN_VALUE:
        if (reader->value >= history->count)
            return false;
        const struct record *writer = &history->records[reader->value];
        return writer->space == reader->space && writer->key == reader->key &&
               writer->effect == EFFECT_PUT && writer != reader &&
               record_may_see(writer, reader, gone_us);
    case SEEN_NOTHING:
    case SEEN_SIBLINGS:
        break;
    }
    return true;
}

/* Whether the last write that is certain for the reader left nothing. */
static bool last_deletes(const struct registers *key, int64_t gone_us)
{
    if (gone_us == INT64_MIN)
        return false;
    for (size_t i = 0; i < key->count; i++) {
        const struct record *r = register_record(key, i);
        if (record_acknowledged(r, EFFECTS_WRITE) && r->sent_us == gone_us)
            return r->effect == EFFECT_DELETE;
    }
    return false;
}

static void check_key(const struct registers *key, bool deleted, struct verdict *verdict)
{
    struct gone gone;

    gone_init(&gone, key, EFFECTS_WRITE);
    for (size_t i = 0; i < key->count; i++) {
        const struct record *reader = register_record(key, i);
        if (!record_sees(reader))
            continue;
        const int64_t gone_us = gone_for(&gone, reader);
        if (last_deletes(key, gone_us) != deleted)
            continue;
        verdict->judged += gone_us != INT64_MIN;
        if (judge_kept(key, reader, gone_us))
            continue;
        verdict_wrong(verdict, "%s: what this command saw was gone, or was never there:",
                      deleted ? "deleted" : "kept");
        registers_show(key, key->all[i], gone_us, verdict);
    }
    gone_deinit(&gone);
}

static void check_key_kept(const struct registers *key, struct verdict *verdict)
{
    check_key(key, false, verdict);
}

static void check_key_deleted(const struct registers *key, struct verdict *verdict)
{
    check_key(key, true, verdict);
}

void check_kept(const struct history *history, struct verdict *verdict)
{
    registers_each(history, 'k', verdict, check_key_kept);
}

void check_deleted(const struct history *history, struct verdict *verdict)
{
    registers_each(history, 'k', verdict, check_key_deleted);
}
