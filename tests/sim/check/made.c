/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/check/made.h"

#include "sim/run.h"
#include "sim/world/node.h"

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

struct world *made_world(uint64_t seed)
{
    struct run_settings settings;

    run_defaults(&settings);
    settings.world.seed = seed;
    settings.world.nodes = settings.world.replicas = 3;
    settings.world.write_level = LEVEL_ALL;
    settings.world.detector = true;
    return world_create(&settings.world);
}

void made_forget(struct world *world, unsigned node, uint64_t lost)
{
    for (uint32_t p = 0; p < world->settings.partitions; p++) {
        struct partition *partition = store_partition(world->nodes[node]->store, p);
        partition->recovering = true;
        partition->recovery += lost == 0;
        partition->forgotten = lost;
    }
}
