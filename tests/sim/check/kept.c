/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Acknowledged is kept, and what was deleted stays deleted: no reader sees a register's version
 * that is gone for it. Both are one question; they differ in what the last certain write did.
 */
#include "sim/check/registers.h"

/* What the judgement of a key needs. */
struct kept {
    const struct registers *key;
    struct gone gone;
    struct writes puts, deletes;
};

/* Whether something that a command undid may have shown to the reader: that is hardly ever. */
static bool any_undone(const struct kept *kept, const struct record *reader, enum effect effect,
                       int64_t gone_us)
{
    for (size_t i = 0; i < kept->key->count; i++) {
        const struct record *writer = register_record(kept->key, i);
        if (writer != reader && writer->undone == effect && record_shows(writer, effect, reader) &&
            record_may_see(writer, reader, gone_us))
            return true;
    }
    return false;
}

static bool judge_kept(const struct kept *kept, size_t index, int64_t gone_us)
{
    const struct history *history = kept->key->history;
    const struct record *reader = &history->records[index];

    switch (reader->seen) {
    case SEEN_ABSENT:
        return history->vanishes || gone_us == INT64_MIN ||
               writes_any(&kept->deletes, reader, index, gone_us) ||
               any_undone(kept, reader, EFFECT_DELETE, gone_us);
    case SEEN_PRESENT:
        return writes_any(&kept->puts, reader, index, gone_us) ||
               any_undone(kept, reader, EFFECT_PUT, gone_us);
    case SEEN_VALUE:
        if (reader->value >= history->count)
            return false;
        const struct record *writer = &history->records[reader->value];
        return writer->space == reader->space && writer->key == reader->key &&
               record_shows(writer, EFFECT_PUT, reader) && writer != reader &&
               record_may_see(writer, reader, gone_us);
    case SEEN_NOTHING:
    case SEEN_SIBLINGS:
        break;
    }
    return true;
}

static void check_key(const struct registers *key, bool deleted, struct verdict *verdict)
{
    struct kept kept = {.key = key};

    gone_init(&kept.gone, key, EFFECTS_WRITE);
    writes_init(&kept.puts, key, EFFECT_BIT(EFFECT_PUT));
    writes_init(&kept.deletes, key, EFFECT_BIT(EFFECT_DELETE));
    for (size_t i = 0; i < key->count; i++) {
        const struct record *reader = register_record(key, i);
        if (!record_sees(reader) || gone_deleted(&kept.gone, reader) != deleted)
            continue;
        const int64_t gone_us = gone_for(&kept.gone, reader);
        verdict->judged += gone_us != INT64_MIN;
        if (judge_kept(&kept, key->all[i], gone_us))
            continue;
        verdict_wrong(verdict, "%s: what this command saw was gone, or was never there:",
                      deleted ? "deleted" : "kept");
        registers_show(key, key->all[i], gone_us, verdict);
    }
    gone_deinit(&kept.gone);
    writes_deinit(&kept.puts);
    writes_deinit(&kept.deletes);
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
