/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/taken.h"

#include "base/memory.h"
#include "base/rule.h"

struct taken {
    uint64_t newest; /* the highest stamp */
    uint32_t count, next;
    struct {
        uint64_t hash;
        struct dot dot;
    } all[TAKEN_MAX];
};

static int64_t memory_of_taken(void)
{
    return (int64_t)memory_size_class(sizeof(struct taken));
}

void partition_note_taken(struct partition *partition, uint64_t hash, struct dot dot)
{
    struct taken *taken = partition->taken;

    if (!RULE(25) || dot.stamp <= partition->settled || dot.stamp <= partition->floor)
        return;
    if (taken == NULL) {
        taken = memory_try_alloc(sizeof *taken);
        if (taken == NULL)
            return;
        taken->newest = 0;
        taken->count = taken->next = 0;
        partition->taken = taken;
        store_charge(partition->store, memory_of_taken());
    }
    if (dot.stamp > taken->newest)
        taken->newest = dot.stamp;
    taken->all[taken->next].hash = hash;
    taken->all[taken->next].dot = dot;
    taken->next = (taken->next + 1) % TAKEN_MAX;
    if (taken->count < TAKEN_MAX)
        taken->count++;
}

bool partition_has_taken(const struct partition *partition, uint64_t hash, struct dot dot)
{
    const struct taken *taken = partition->taken;

    for (uint32_t i = 0; taken != NULL && i < taken->count; i++)
        if (taken->all[i].hash == hash && dot_equal(taken->all[i].dot, dot))
            return true;
    return false;
}

void partition_drop_taken(struct partition *partition, uint64_t stamp)
{
    struct taken *taken = partition->taken;

    if (taken == NULL || taken->newest > stamp)
        return;
    partition->taken = NULL;
    store_charge(partition->store, -memory_of_taken());
    memory_free(taken);
}
