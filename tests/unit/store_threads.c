/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Workers that put into a store that is full, and evict for it, all over the same few partitions,
 * while others read, settle, clear and move the bound: for ThreadSanitizer, and for the sums at the
 * end.
 */
#include <pthread.h>
#include <stdio.h>

#include "base/rng.h"
#include "lib/check.h"
#include "store/store.h"

#define WORKERS    4
#define PARTITIONS 8
#define ROUNDS     20000
#define KEYS       4000
#define MEMORY_MAX 200000

static void put(struct store *store, struct rng *rng, struct span key, uint64_t *evicted)
{
    static const uint8_t bytes[64];
    const uint64_t hash = store_hash(store, key);
    struct partition *partition = store_partition(store, (uint32_t)(hash >> 32) % PARTITIONS);
    const struct span value = span_of(bytes, sizeof bytes);
    struct version version = {.dot = {.node = 1},
                              .kind = rng_chance(rng, 1, 8) ? VALUE_TOMBSTONE : VALUE_STRING,
                              .deadline_ms = DEADLINE_NEVER};

    (void)store_make_room(store, 200, evicted);
    partition_lock(partition);
    version.dot.stamp = ++partition->last_stamp;
    (void)partition_put(partition, hash, key, &version, &value, 1);
    (void)partition_get(partition, hash, key, &version);
    partition_unlock(partition);
}

static void keep_up(struct store *store, struct rng *rng)
{
    struct partition *partition = store_partition(store, (uint32_t)rng_below(rng, PARTITIONS));

    partition_lock(partition);
    if (partition->last_stamp > 100)
        (void)partition_settle(partition, partition->last_stamp - 100, 50);
    if (rng_chance(rng, 1, 200))
        partition_clear(partition);
    partition_unlock(partition);
    (void)store_reclaim(store, 10);
    store_set_memory_max(store, MEMORY_MAX - rng_below(rng, MEMORY_MAX / 4));
    store_charge(store, 1000);
    store_charge(store, -1000);
}

struct worker {
    pthread_t thread;
    struct store *store;
    uint64_t evicted;
    uint32_t index;
};

static void *run_worker(void *context)
{
    struct worker *worker = context;
    char text[16];
    struct rng rng;

    rng_init(&rng, worker->index);
    for (int round = 0; round < ROUNDS; round++) {
        const int size = snprintf(text, sizeof text, "key:%u", (unsigned)rng_below(&rng, KEYS));

        put(worker->store, &rng, span_of(text, (size_t)size), &worker->evicted);
        if (round % 16 == 0)
            keep_up(worker->store, &rng);
    }
    return NULL;
}

static void workers_evict_for_each_other(void)
{
    struct worker workers[WORKERS];
    uint64_t evicted = 0, counted = 0;
    struct store *store = store_create(
        &(struct store_options){.partitions = PARTITIONS, .seed = 1, .now_ms = 1});

    store_set_policy(store, STORE_ALLKEYS_CLOCK);
    store_set_memory_max(store, MEMORY_MAX);
    for (uint32_t i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.store = store, .index = i};
        check_that(pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]) == 0,
                   "a thread");
    }
    for (uint32_t i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        evicted += workers[i].evicted;
    }
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        struct partition *partition = store_partition(store, i);
        struct partition_counts counts;

        partition_count(partition, &counts);
        counted += counts.evicted;
        partition_clear(partition);
        (void)partition_settle(partition, UINT64_MAX, 1);
    }
    check_that(evicted > 0 && evicted == counted, "%lu evicted, %lu counted",
               (unsigned long)evicted, (unsigned long)counted);
    while (store_reclaim(store, 100))
        continue;
    check_that(store_memory_used(store) == 0, "%lu bytes are left",
               (unsigned long)store_memory_used(store));
    store_destroy(&store);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"workers evict for each other", 30, workers_evict_for_each_other},
    };

    return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
