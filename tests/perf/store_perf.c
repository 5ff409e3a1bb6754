/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Measures the store by itself, on one thread: nanoseconds an operation, the slowest insert, bytes
 * a key. Not run by make check. Usage: perf_store [keys [partitions [time to live in ms]]]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/rng.h"
#include "store/store.h"

#define KEY_SIZE   16
#define VALUE_SIZE 64
#define OPERATIONS 2000000u
#define BATCH      64u
#define NOW_MS     INT64_C(1700000000000)

struct bench {
    struct store *store;
    uint64_t keys;
    uint32_t partitions;
    int64_t ttl_ms; /* 0: none */
};

static uint64_t now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    uint64_t total = 0, resident = 0;

    ensure(file != NULL && fscanf(file, "%" SCNu64 " %" SCNu64, &total, &resident) == 2);
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static struct span make_key(uint64_t number, char text[KEY_SIZE + 1])
{
    snprintf(text, KEY_SIZE + 1, "key:%012" PRIu64, number % UINT64_C(1000000000000));
    return span_of(text, KEY_SIZE);
}

/* Partitions are runs of CRC16 slots; here any other bits of the hash do. */
static struct partition *partition_of(struct bench *bench, uint64_t hash)
{
    return store_partition(bench->store, (uint32_t)(hash >> 32) & (bench->partitions - 1));
}

static void put(struct bench *bench, struct span key, uint64_t stamp)
{
    static const uint8_t bytes[VALUE_SIZE];
    const struct span value = span_of(bytes, sizeof bytes);
    const uint64_t hash = store_hash(bench->store, key);
    struct partition *partition = partition_of(bench, hash);
    struct version version = {
        .dot = {.stamp = stamp, .node = 1},
        .kind = VALUE_STRING,
        .deadline_ms = DEADLINE_NEVER,
    };

    if (bench->ttl_ms > 0)
        version.deadline_ms = NOW_MS + 1 + (int64_t)((stamp * 7919) % (uint64_t)bench->ttl_ms);
    partition_lock(partition);
    (void)partition_put(partition, hash, key, &version, &value, 1);
    partition_unlock(partition);
}

static void fill(struct bench *bench)
{
    const uint64_t resident = resident_bytes();
    uint64_t worst = 0;
    uint64_t slow = 0;
    char text[KEY_SIZE + 1];
    const uint64_t begin = now_ns();

    for (uint64_t number = 0; number < bench->keys; number++) {
        const struct span key = make_key(number, text);
        const uint64_t before = now_ns();

        put(bench, key, number + 1);
        const uint64_t took = now_ns() - before;
        worst = took > worst ? took : worst;
        slow += took > 100000;
    }
    printf("insert            %8.1f ns (with clock reads), worst %" PRIu64
           " us, over 100 us: %" PRIu64 "\n",
           (double)(now_ns() - begin) / (double)bench->keys, worst / 1000, slow);
    printf("bytes a key       %8.1f resident, %.1f accounted\n",
           (double)(resident_bytes() - resident) / (double)bench->keys,
           (double)store_memory_used(bench->store) / (double)bench->keys);
}

static void get(struct bench *bench, struct span key, uint64_t hash)
{
    struct partition *partition = partition_of(bench, hash);
    struct version version;

    partition_lock(partition);
    ensure(partition_get(partition, hash, key, &version));
    ensure(version.value.data[0] == 0);
    partition_unlock(partition);
}

enum operation { GET, GET_PREFETCHED, PUT };

/* Nanoseconds an operation on random keys. The clock is read once a batch. */
static double measure(struct bench *bench, enum operation operation)
{
    static char texts[BATCH][KEY_SIZE + 1];
    struct store_visit visits[BATCH];
    uint64_t hashes[BATCH];
    struct rng rng;
    uint64_t spent = 0;

    rng_init(&rng, 1);
    for (uint32_t done = 0; done < OPERATIONS; done += BATCH) {
        for (uint32_t i = 0; i < BATCH; i++)
            make_key(rng_below(&rng, bench->keys), texts[i]);
        const uint64_t begin = now_ns();
        for (uint32_t i = 0; i < BATCH && operation != PUT; i++) {
            hashes[i] = store_hash(bench->store, span_of(texts[i], KEY_SIZE));
            visits[i] = (struct store_visit){.partition = partition_of(bench, hashes[i]),
                                             .hash = hashes[i]};
        }
        for (uint32_t i = 0; i < BATCH && operation == GET_PREFETCHED; i += STORE_PREFETCH_MAX)
            store_prefetch(visits + i, STORE_PREFETCH_MAX);
        for (uint32_t i = 0; i < BATCH; i++) {
            const struct span key = span_of(texts[i], KEY_SIZE);

            if (operation == PUT)
                put(bench, key, bench->keys + done + i);
            else
                get(bench, key, hashes[i]);
        }
        spent += now_ns() - begin;
    }
    return (double)spent / OPERATIONS;
}

static void expire(struct bench *bench)
{
    const uint64_t begin = now_ns();
    uint64_t steps = 0;
    uint64_t expired = 0;

    for (int64_t now_ms = NOW_MS; now_ms <= NOW_MS + bench->ttl_ms; now_ms += 1000)
        for (uint32_t index = 0; index < bench->partitions; index++) {
            struct partition *partition = store_partition(bench->store, index);
            uint32_t took;

            partition_lock(partition);
            while ((took = partition_expire(partition, now_ms, 64)) == 64)
                steps += took;
            steps += took;
            partition_unlock(partition);
        }
    for (uint32_t index = 0; index < bench->partitions; index++) {
        struct partition_counts counts;

        partition_count(store_partition(bench->store, index), &counts);
        expired += counts.expired;
    }
    printf("expire            %8.1f ns a key, %.2f steps a key, %" PRIu64 " expired\n",
           (double)(now_ns() - begin) / (double)expired, (double)steps / (double)expired, expired);
}

/* Puts new keys into a store that is full, so that each makes others go. */
static void evict(struct bench *bench)
{
    uint64_t spent = 0;
    uint64_t worst = 0;
    uint64_t evicted = 0;
    uint64_t refused = 0;
    char text[KEY_SIZE + 1];

    store_set_policy(bench->store, STORE_ALLKEYS_CLOCK);
    store_set_memory_max(bench->store, store_memory_used(bench->store));
    for (uint32_t done = 0; done < OPERATIONS / 4; done++) {
        const struct span key = make_key(bench->keys + done, text);
        const uint64_t before = now_ns();

        refused += !store_make_room(bench->store, 2 * (KEY_SIZE + VALUE_SIZE), &evicted);
        const uint64_t took = now_ns() - before;
        worst = took > worst ? took : worst;
        spent += took;
        put(bench, key, bench->keys + OPERATIONS + done);
    }
    store_set_memory_max(bench->store, 0);
    printf("make room         %8.1f ns a key (with clock reads), worst %" PRIu64
           " us, %.2f evicted a key, refused %" PRIu64 "\n",
           (double)spent / (OPERATIONS / 4), worst / 1000, (double)evicted / (OPERATIONS / 4),
           refused);
}

/* What 20 ticks a second cost where there is nothing to settle. */
static void settle(struct bench *bench)
{
    const uint64_t begin = now_ns();

    for (uint32_t round = 1; round <= 20; round++)
        for (uint32_t index = 0; index < bench->partitions; index++) {
            struct partition *partition = store_partition(bench->store, index);

            partition_lock(partition);
            (void)partition_settle(partition, round, 64);
            partition_unlock(partition);
        }
    printf("settle nothing    %8.1f ns a partition\n",
           (double)(now_ns() - begin) / (20.0 * bench->partitions));
}

static void drop(struct bench *bench)
{
    uint64_t begin = now_ns();

    for (uint32_t index = 0; index < bench->partitions; index++) {
        struct partition *partition = store_partition(bench->store, index);

        partition_lock(partition);
        partition_clear(partition);
        partition_unlock(partition);
    }
    printf("clear             %8.1f us, all partitions\n", (double)(now_ns() - begin) / 1000);
    begin = now_ns();
    uint64_t worst = 0;
    for (bool more = true; more;) {
        const uint64_t before = now_ns();

        more = store_reclaim(bench->store, 64);
        const uint64_t took = now_ns() - before;
        worst = took > worst ? took : worst;
    }
    printf("reclaim           %8.1f ns a key, worst call of 64 entries %" PRIu64 " us\n",
           (double)(now_ns() - begin) / (double)bench->keys, worst / 1000);
}

int main(int argc, char **argv)
{
    struct bench bench = {
        .keys = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000,
        .partitions = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1024,
        .ttl_ms = argc > 3 ? strtoll(argv[3], NULL, 10) : 0,
    };
    const uint64_t resident = resident_bytes();

    bench.store = store_create(
        &(struct store_options){.partitions = bench.partitions, .seed = 7, .now_ms = NOW_MS});
    printf("%" PRIu64 " keys of %d + %d bytes, %u partitions (%" PRIu64 " KiB empty)\n", bench.keys,
           KEY_SIZE, VALUE_SIZE, bench.partitions, (resident_bytes() - resident) / 1024);
    fill(&bench);
    printf("get               %8.1f ns\n", measure(&bench, GET));
    printf("get, prefetched   %8.1f ns\n", measure(&bench, GET_PREFETCHED));
    printf("put over          %8.1f ns\n", measure(&bench, PUT));
    settle(&bench);
    evict(&bench);
    if (bench.ttl_ms > 0)
        expire(&bench);
    else
        drop(&bench);
    for (uint32_t index = 0; index < bench.partitions; index++)
        (void)partition_settle(store_partition(bench.store, index), UINT64_MAX, 1);
    printf("left              %8" PRIu64 " bytes accounted\n", store_memory_used(bench.store));
    store_destroy(&bench.store);
    return 0;
}
