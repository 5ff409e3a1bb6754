/* SPDX-License-Identifier: BSD-3-Clause
 *
 * No batch is half applied at a replica: where one of its versions is, each other key has the
 * batch's version, or a newer one, or lost it since. Batches are heard of as they are handed on.
 * After each acknowledgement and each answer of a node the last few are looked at there, and all
 * that are remembered at the looks of a run.
 *
 * A batch whose coordinator forgot it is left out: what it owed is lost, and a comparison brings
 * back key by key what no replica remembers as a batch. So is one in whose partition something was
 * evicted since: what is gone where it was cannot be handed on with the others; and one that a node
 * may have had no memory to remember (store/mates.h): allocations fail as it is heard of, or have
 * failed since. (What is offered late, as a hint, behind newer ones of its coordinator, is not
 * heard: it may be from before that.) A replica that recovers fetches key by key, at several
 * moments: it is looked at for batches that began when it had done so. What a FLUSHALL deletes is
 * handed on as tombstones of one dot, key by key as they are read: that is no batch.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/memory.h"
#include "sim/check/stores.h"
#include "sim/world/node.h"
#include "value/batch.h"
#include "wire/wire.h"

/* Batches that are remembered; the last of them are looked at with each message. */
#define BATCHES_KEPT 128u
#define BATCHES_LAST 4u
#define KEYS_MAX     8
#define KEY_SIZE_MAX 16
/* FLUSHALLs that are remembered. */
#define FLUSHES_KEPT 64u

/* What a node had evicted of a partition, and how many of its allocations had failed. */
struct life {
    uint64_t evicted;
    uint64_t refused;
};

struct heard {
    struct dot dot; /* none: there is none here */
    uint32_t partition;
    unsigned boots;                          /* of its coordinator */
    struct life lives[WORLD_NODES_MAX + 1];  /* of each node, in its partition */
    uint64_t recovered[WORLD_NODES_MAX + 1]; /* of each node, there: see life_of */
    size_t count;
    struct {
        uint8_t bytes[KEY_SIZE_MAX];
        size_t size;
    } keys[KEYS_MAX];
};

struct batches {
    struct world *world;
    struct verdict *verdict;
    struct heard heard[BATCHES_KEPT];
    uint64_t count;
    struct dot newest[WORLD_NODES_MAX + 1]; /* that was heard, of each coordinator */
    struct dot wrong;                       /* the last that was reported */
    struct dot flushes[FLUSHES_KEPT];
    unsigned flush_count;
};

/* What a node has of a key, by a batch's dot. */
enum has { HAS_IT, HAS_NEWER, HAS_LOST, HAS_NOT };

static enum has look_at(const struct sim_node *node, struct partition *partition,
                        const struct heard *heard, size_t i)
{
    const struct span key = span_of(heard->keys[i].bytes, heard->keys[i].size);
    const uint64_t hash = store_hash(node->store, key);
    struct version version;

    if (partition_get(partition, hash, key, &version) &&
        dot_compare(version.dot, partition->flushed) > 0) {
        const int order = dot_compare(version.dot, heard->dot);
        return order == 0 ? HAS_IT : order > 0 ? HAS_NEWER : HAS_NOT;
    }
    return dot_compare(partition_mark(partition, hash, key), heard->dot) >= 0 ||
                   dot_compare(partition->flushed, heard->dot) >= 0 ||
                   partition->floor >= heard->dot.stamp || partition->settled >= heard->dot.stamp
               ? HAS_LOST
               : HAS_NOT;
}

static struct life life_now(const struct sim_node *node, uint32_t partition)
{
    return (struct life){.refused = node->allocator.refused,
                         .evicted = sim_node_evicted(node, partition)};
}

/* Whether a node has evicted something of the batch's partition since that was heard of, or may not
 * remember it. */
static bool may_be_lost(const struct world *world, const struct heard *heard)
{
    for (unsigned i = 1; i <= world->settings.nodes; i++) {
        const struct life now = life_now(world->nodes[i], heard->partition),
                          *then = &heard->lives[i];
        if (now.refused != then->refused || now.evicted != then->evicted)
            return true;
    }
    return false;
}

/* Changes with each restart of the node, and whenever it has to recover the partition; 0: it is
 * recovering. */
static uint64_t life_of(const struct sim_node *node, uint32_t partition)
{
    const struct partition *there = sim_node_runs(node) ? store_partition(node->store, partition)
                                                        : NULL;

    return there == NULL || there->recovering ? 0 : (uint64_t)node->boots << 32 | there->recovery;
}

static void report(struct batches *batches, const struct sim_node *node, const struct heard *heard,
                   const enum has has[KEYS_MAX])
{
    static const char *const words[] = {"its version", "a newer one", "lost it", "an older one"};
    struct verdict *verdict = batches->verdict;

    batches->wrong = heard->dot;
    verdict_wrong(verdict, "batches: node %u has a part of batch %" PRIx64 "@%u of partition %u:",
                  node->number, heard->dot.stamp, heard->dot.node, heard->partition);
    verdict_about(verdict, node->number, (int)heard->partition, batches->world->now_us);
    for (size_t i = heard->count; i-- > 0;) {
        char number[KEY_SIZE_MAX + 1] = "";
        if (has[i] != HAS_NOT)
            continue;
        memcpy(number, heard->keys[i].bytes, heard->keys[i].size);
        verdict_about_key(verdict, number[0], (uint32_t)strtoul(number + 1, NULL, 10),
                          batches->world->now_us);
    }
    for (size_t i = 0; i < heard->count; i++)
        verdict_add(verdict, "    %.*s: %s", (int)heard->keys[i].size,
                    (const char *)heard->keys[i].bytes, words[has[i]]);
}

static void look_node(struct batches *batches, const struct sim_node *node,
                      const struct heard *heard)
{
    enum has has[KEYS_MAX];
    bool whole = true, any = false;

    if (!dot_exists(heard->dot) || !sim_node_runs(node) ||
        batches->world->nodes[heard->dot.node]->boots != heard->boots ||
        dot_equal(batches->wrong, heard->dot) || heard->recovered[node->number] == 0 ||
        heard->recovered[node->number] != life_of(node, heard->partition))
        return;
    struct partition *partition = store_partition(node->store, heard->partition);
    partition_lock(partition);
    for (size_t i = 0; i < heard->count; i++) {
        has[i] = look_at(node, partition, heard, i);
        any |= has[i] == HAS_IT;
        whole &= has[i] != HAS_NOT;
    }
    any &= !partition->recovering;
    partition_unlock(partition);
    if (!any)
        return;
    batches->verdict->judged++;
    if (!whole && !may_be_lost(batches->world, heard))
        report(batches, node, heard, has);
}

static bool is_flush(const struct batches *batches, struct dot dot)
{
    for (unsigned i = 0; i < FLUSHES_KEPT; i++)
        if (dot_equal(batches->flushes[i], dot))
            return true;
    return false;
}

static void hear(struct batches *batches, uint32_t partition, const struct version *batch)
{
    if (batch->kind != VALUE_BATCH || is_flush(batches, batch->dot))
        return;
    struct span rest = batch->value;
    struct heard heard = {.dot = batch->dot,
                          .partition = partition,
                          .boots = batches->world->nodes[batch->dot.node]->boots};
    struct batch_item item;

    if (dot_compare(batch->dot, batches->newest[batch->dot.node]) <= 0)
        return;
    batches->newest[batch->dot.node] = batch->dot;
    while (batch_next(&rest, &item)) {
        if (!dot_equal(item.version.dot, batch->dot) || item.key.size > KEY_SIZE_MAX)
            continue;
        if (heard.count == KEYS_MAX)
            return;
        memcpy(heard.keys[heard.count].bytes, item.key.data, item.key.size);
        heard.keys[heard.count++].size = item.key.size;
    }
    for (unsigned i = 1; i <= batches->world->settings.nodes; i++) {
        if (batches->world->nodes[i]->allocator.of_1000 > 0)
            return;
        heard.recovered[i] = life_of(batches->world->nodes[i], partition);
        heard.lives[i] = life_now(batches->world->nodes[i], partition);
    }
    if (heard.count > 1)
        batches->heard[batches->count++ % BATCHES_KEPT] = heard;
}

static void on_message(void *context, unsigned from, unsigned to,
                       const struct wire_message *message)
{
    struct batches *batches = context;

    (void)to;
    if (message->type == WIRE_WRITE)
        hear(batches, message->write.partition, &message->write.version);
    else if (message->type == WIRE_HOLD)
        hear(batches, message->hold.partition, &message->hold.version);
    else if (message->type == WIRE_MATES)
        hear(batches, message->mates.partition, &message->mates.version);
    else if (message->type == WIRE_FLUSH && !is_flush(batches, message->flush.dot))
        batches->flushes[batches->flush_count++ % FLUSHES_KEPT] = message->flush.dot;
    if (message->type != WIRE_ACK && message->type != WIRE_ACKS && message->type != WIRE_ANSWER)
        return;
    for (unsigned i = 1; i <= BATCHES_LAST && i <= batches->count; i++)
        look_node(batches, batches->world->nodes[from],
                  &batches->heard[(batches->count - i) % BATCHES_KEPT]);
}

struct batches *batches_create(struct world *world, struct verdict *verdict)
{
    struct batches *batches = memory_alloc(sizeof *batches);

    batches->world = world;
    batches->verdict = verdict;
    world_watch(world, on_message, batches);
    return batches;
}

void batches_destroy(struct batches **batches)
{
    memory_free(*batches);
    *batches = NULL;
}

void batches_look(struct batches *batches)
{
    /* Of one copy nothing is offered, and it is whole by itself. */
    batches->verdict->judged += batches->world->settings.replicas == 1;
    for (unsigned i = 0; i < BATCHES_KEPT; i++)
        for (unsigned node = 1; node <= batches->world->settings.nodes; node++)
            look_node(batches, batches->world->nodes[node], &batches->heard[i]);
}
