/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/check/made.h"

struct record *made_record(struct history *history, uint64_t client, uint32_t place,
                           int64_t sent_us, int64_t replied_us)
{
    struct record *record = history_add(history);

    record->client = client;
    record->place = place;
    record->space = 'k';
    record->outcome = OUTCOME_OK;
    record->alike = true;
    record->sent_us = sent_us;
    record->replied_us = replied_us;
    return record;
}

uint64_t made_put(struct history *history, uint64_t client, uint32_t place, int64_t sent_us,
                  int64_t replied_us)
{
    made_record(history, client, place, sent_us, replied_us)->effect = EFFECT_PUT;
    return history->count - 1;
}

void made_delete(struct history *history, uint64_t client, uint32_t place, int64_t sent_us,
                 int64_t replied_us)
{
    made_record(history, client, place, sent_us, replied_us)->effect = EFFECT_DELETE;
}

void made_see(struct history *history, uint64_t client, uint32_t place, int64_t sent_us,
              int64_t replied_us, enum seen seen, uint64_t value)
{
    struct record *record = made_record(history, client, place, sent_us, replied_us);

    record->seen = seen;
    record->value = value;
}

uint64_t made_wrongs(struct history *history,
                     void (*check)(const struct history *history, struct verdict *verdict))
{
    struct verdict verdict = {0};

    check(history, &verdict);
    history_deinit(history);
    return verdict.wrong;
}
