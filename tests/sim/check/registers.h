/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the checkers of registers share: the records of one key, and what is gone for whom.
 *
 * A write is older than another for certain when both were acknowledged and the first had its reply
 * before the second was sent: with 2W > N its version is then the lower one (design: NEWER). Of a
 * write that failed nothing is certain. A write is gone for a reader when one that is newer for
 * certain had its reply before the reader asked. After an amnesty (history.h) nothing is certain of
 * the writes before.
 */
#ifndef DUNLIN_TESTS_SIM_REGISTERS_H
#define DUNLIN_TESTS_SIM_REGISTERS_H

#include "sim/check/checks.h"

/* The records of one key, by index, with those of all keys, in the order in which they were sent.
 */
struct registers {
    const struct history *history;
    size_t *all;
    size_t count;
};

/* Calls `check` for each key of the space that there are records of. */
void registers_each(const struct history *history, char space, struct verdict *verdict,
                    void (*check)(const struct registers *key, struct verdict *verdict));
static inline const struct record *register_record(const struct registers *key, size_t i)
{
    return &key->history->records[key->all[i]];
}

/* Whether it was acknowledged, with an effect of these: a bit for each enum effect. */
#define EFFECT_BIT(effect) (1u << (effect))
#define EFFECTS_WRITE      (EFFECT_BIT(EFFECT_PUT) | EFFECT_BIT(EFFECT_DELETE))
#define EFFECTS_ANY        (EFFECTS_WRITE | EFFECT_BIT(EFFECT_TOUCH))
static inline bool record_acknowledged(const struct record *record, unsigned effects)
{
    return (EFFECT_BIT(record->effect) & effects) != 0 && record->outcome == OUTCOME_OK;
}
/* Whether it tells what it saw, and can be held to it. */
bool record_sees(const struct record *record);

/* When the effect of a command is over, unless it failed and stays unknown: one whose client is
 * gone may go on for a while. HISTORY_NEVER_US: it was not answered. */
int64_t record_end_us(const struct record *record);
/* What was acknowledged before this time the reader is to see: a weak one may miss what has not
 * spread yet. */
int64_t record_asked_us(const struct record *reader);

/* For each time of a reply to an acknowledged write, the latest sending up to then, and whether
 * that one deleted. */
struct gone_step {
    int64_t replied_us;
    int64_t sent_us;
    bool deletes;
};

struct gone {
    const struct history *history;
    struct gone_step *steps[AMNESTIES_MAX + 1]; /* by amnesties that have begun */
    size_t counts[AMNESTIES_MAX + 1];
};

void gone_init(struct gone *gone, const struct registers *key, unsigned effects);
void gone_deinit(struct gone *gone);
/* An acknowledged write whose reply came before this time is gone for the reader; INT64_MIN: none
 * is, nor is the absence at the beginning. */
int64_t gone_for(const struct gone *gone, const struct record *reader);
/* Whether the last write that is certain for the reader left nothing. */
bool gone_deleted(const struct gone *gone, const struct record *reader);

/* Whether the reader may see such an effect of the writer's, if times allow it: also one that was
 * undone, as long as that had no reply. */
bool record_shows(const struct record *writer, enum effect effect, const struct record *reader);
/* Whether the reader may see what `writer` wrote, as far as times tell. */
bool record_may_see(const struct record *writer, const struct record *reader, int64_t gone_us);
/* The writes of some effects, to find whether there is any that a reader may see. */
struct writes_step {
    int64_t sent_us;
    int64_t
        ends_us[2]; /* the last two ends of those up to here: when they are gone at the latest */
    size_t last;    /* whose the first of these is */
};

struct writes {
    struct writes_step *steps; /* in the order in which they were sent */
    size_t count;
};

void writes_init(struct writes *writes, const struct registers *key, unsigned effects);
void writes_deinit(struct writes *writes);
/* Whether the reader, whose index is given, may see any but its own. */
bool writes_any(const struct writes *writes, const struct record *reader, size_t index,
                int64_t gone_us);

/* Reports the reader, what it saw, and what made that gone. */
void registers_show(const struct registers *key, size_t index, int64_t gone_us,
                    struct verdict *verdict);

#endif
