/* SPDX-License-Identifier: BSD-3-Clause */
#include "node/hints.h"

#include "base/assert.h"
#include "base/memory.h"
#include "node/parts.h"

/* How long a hint that was refused waits before it is sent again, doubling. */
#define PAUSE_US_MIN 100000
#define PAUSE_US_MAX 1000000
/* What may be sent at once after a time of silence, of what hint-rate allows in a second. */
#define BURST_SHARE 10
/* A higher rate is no bound, bytes a second. */
#define RATE_MAX (INT64_C(1) << 40)

_Static_assert(HINTS_SLOT_HELD < 1u << HINTS_SLOT_BITS, "an id holds the slot");

struct hint {
    struct heap_node owed; /* in target->owed, by stamp */
    struct heap_node turn; /* in `turns` */
    struct heap *turns;    /* target->waiting, by stamp, or target->paused, by time; NULL: sent */
    uint32_t partition;
    int slot; /* in the window; -1: it is not on its way */
    int64_t kept_us;
    int64_t pause_us;
    uint64_t from_link; /* of the node that this one stands in for, 0: none */
    uint64_t from_id;
    struct version version;
    struct span key;
    uint8_t bytes[]; /* the key's, the value's */
};

/* Partitions of which hints were given up. */
struct dropped {
    uint8_t *partitions; /* a bitmap */
    uint64_t lowest;     /* stamp; UINT64_MAX: there are none */
};

/* One FLUSH. */
struct missed_flush {
    struct dot dot; /* none: no flush is owed */
    uint8_t *partitions;
};

struct hints_target {
    struct list link; /* in hints->all */
    node_number number;
    struct heap owed, waiting, paused;
    uint64_t bytes; /* of hints */
    struct {
        uint64_t id;
        struct hint *hint;
    } window[HINTS_WINDOW];
    unsigned sent;
    uint64_t next_number;

    struct dropped dropped; /* to be told */
    struct dropped told;    /* told, and not answered yet */
    bool logged;            /* in this episode */
    uint64_t forgot_id;     /* 0: not on its way */
    int64_t forgot_us;      /* not told again before */

    struct missed_flush flush;
    uint64_t flush_id; /* 0: not on its way */
    int64_t flush_us;

    /* A bucket: bytes that may be sent now; below 0 after a large one. */
    int64_t tokens;
    int64_t filled_us;
};

/* ---- targets ---- */

static size_t bitmap_size(const struct engine *engine)
{
    return (store_partitions(engine->own.store) + 7) / 8;
}

static bool owes(const struct hints_target *target)
{
    return target->owed.count > 0 || target->dropped.lowest != UINT64_MAX ||
           target->told.lowest != UINT64_MAX || dot_exists(target->flush.dot);
}

static struct hints_target *find(const struct engine *engine, node_number number)
{
    return number < engine->hints.limit ? engine->hints.targets[number] : NULL;
}

static struct hints_target *find_or_create(struct engine *engine, node_number number)
{
    struct hints *hints = &engine->hints;

    if (number >= hints->limit) {
        struct hints_target **targets = memory_alloc_array(number + 1u, sizeof targets[0]);
        if (hints->limit > 0)
            memcpy(targets, hints->targets, hints->limit * sizeof targets[0]);
        memory_free(hints->targets);
        hints->targets = targets;
        hints->limit = number + 1u;
    }
    if (hints->targets[number] == NULL) {
        struct hints_target *target = memory_alloc(sizeof *target);
        target->number = number;
        target->dropped.partitions = memory_alloc(bitmap_size(engine));
        target->told.partitions = memory_alloc(bitmap_size(engine));
        target->flush.partitions = memory_alloc(bitmap_size(engine));
        target->dropped.lowest = target->told.lowest = UINT64_MAX;
        target->filled_us = engine->now.mono_us;
        hints->targets[number] = target;
        list_append(&hints->all, &target->link);
    }
    return hints->targets[number];
}

static uint64_t new_id(struct hints_target *target, unsigned slot)
{
    return ID_HINT | ++target->next_number << HINTS_SLOT_BITS | slot;
}

/* ---- hints ---- */

/* What a hint takes, as it is counted. */
static uint64_t weight(const struct hint *hint)
{
    return memory_size_class(sizeof *hint + hint->key.size + hint->version.value.size) +
           2 * sizeof(struct heap_node *);
}

static void leave_window(struct hints_target *target, struct hint *hint)
{
    if (hint->slot < 0)
        return;
    target->window[hint->slot].hint = NULL;
    target->window[hint->slot].id = 0;
    target->sent--;
    hint->slot = -1;
}

static void leave_turns(struct hint *hint)
{
    if (hint->turns != NULL)
        heap_remove(hint->turns, &hint->turn);
    hint->turns = NULL;
}

static bool take_turn(struct hint *hint, struct heap *turns, uint64_t key)
{
    leave_turns(hint);
    if (!heap_push(turns, &hint->turn, key))
        return false;
    hint->turns = turns;
    return true;
}

static void end(struct engine *engine, struct hints_target *target, struct hint *hint)
{
    const uint64_t bytes = weight(hint);

    leave_window(target, hint);
    heap_remove(&target->owed, &hint->owed);
    leave_turns(hint);
    target->bytes -= bytes;
    store_charge(engine->own.store, -(int64_t)bytes);
    metrics_subtract(engine->metrics, METRIC_HINTS, 1);
    metrics_subtract(engine->metrics, METRIC_HINT_BYTES, bytes);
    memory_free(hint);
}

static void note_dropped(struct engine *engine, struct hints_target *target, uint32_t partition,
                         uint64_t stamp, const char *why)
{
    if (!target->logged)
        log_write(engine->own.log, LOG_WARNING,
                  "writes kept for node %u are dropped (%s): it will fetch those partitions anew",
                  target->number, why);
    target->logged = true;
    target->dropped.partitions[partition / 8] |= (uint8_t)(1u << partition % 8);
    if (stamp < target->dropped.lowest)
        target->dropped.lowest = stamp;
    metrics_add(engine->metrics, METRIC_HINTS_DROPPED, 1);
}

/* Tells the node that this one stands in for. */
static void answer(struct engine *engine, const struct hint *hint, enum ack_status status)
{
    const struct wire_ack ack = {.id = hint->from_id, .status = (uint8_t)status};

    if (hint->from_link == 0)
        return;
    list_for_each(member, &engine->links)
    {
        struct link *link = list_entry(member, struct link, member);
        if (link->id == hint->from_link && !link->broken)
            wire_put_ack(link_message(link), &ack);
    }
}

static void drop(struct engine *engine, struct hints_target *target, struct hint *hint,
                 const char *why)
{
    if (hint->from_link != 0)
        answer(engine, hint, ACK_FULL); /* it is that node's to tell */
    else
        note_dropped(engine, target, hint->partition, hint->owed.key, why);
    end(engine, target, hint);
}

static struct hint *oldest(const struct hints_target *target)
{
    return target->owed.count > 0 ? heap_entry(heap_top(&target->owed), struct hint, owed) : NULL;
}

static void copy(struct span *span, struct span from, uint8_t *to)
{
    if (from.size > 0)
        memcpy(to, from.data, from.size);
    *span = span_of(to, from.size);
}

void hints_init(struct engine *engine)
{
    list_init(&engine->hints.all);
}

static uint64_t bytes_max(const struct engine *engine)
{
    return engine->options->hint_bytes / engine->own.workers;
}

/* NULL when there is no room. */
static struct hint *add(struct engine *engine, struct hints_target *target, uint32_t partition,
                        struct span key, const struct version *version)
{
    const size_t size = sizeof(struct hint) + key.size + version->value.size;
    struct hint *hint = size <= bytes_max(engine) ? memory_try_alloc(size) : NULL;

    if (hint == NULL)
        return NULL;
    *hint = (struct hint){.partition = partition,
                          .slot = -1,
                          .kept_us = engine->now.mono_us,
                          .pause_us = PAUSE_US_MIN,
                          .version = *version};
    copy(&hint->key, key, hint->bytes);
    copy(&hint->version.value, version->value, hint->bytes + key.size);
    if (!heap_push(&target->owed, &hint->owed, version->dot.stamp) ||
        !take_turn(hint, &target->waiting, version->dot.stamp)) {
        heap_remove(&target->owed, &hint->owed);
        memory_free(hint);
        return NULL;
    }
    const uint64_t bytes = weight(hint);
    target->bytes += bytes;
    store_charge(engine->own.store, (int64_t)bytes);
    metrics_add(engine->metrics, METRIC_HINTS, 1);
    metrics_add(engine->metrics, METRIC_HINT_BYTES, bytes);
    metrics_add(engine->metrics, METRIC_HINTS_KEPT, 1);
    return hint;
}

/* There is no room for it here. One of another node's is not handed on. */
static void make_room(struct engine *engine, struct hints_target *target, struct hint *hint)
{
    if (hint->from_link == 0 && hint->slot < 0 &&
        held_hand_over(engine, target->number, hint->partition, hint->key, &hint->version, 0, 0))
        end(engine, target, hint);
    else
        drop(engine, target, hint, "hint-bytes");
}

void hints_keep(struct engine *engine, node_number number, uint32_t partition, struct span key,
                const struct version *version)
{
    struct hints_target *target = find_or_create(engine, number);

    if (add(engine, target, partition, key, version) == NULL) {
        if (!held_hand_over(engine, number, partition, key, version, 0, 0))
            note_dropped(engine, target, partition, version->dot.stamp, "no memory");
        return;
    }
    while (target->bytes > bytes_max(engine))
        make_room(engine, target, oldest(target));
}

enum ack_status hints_hold(struct engine *engine, const struct wire_hold *hold, uint64_t link)
{
    const struct ring *ring = engine->view->ring;

    if (ring == NULL || hold->partition >= ring_partition_count(ring) ||
        ring_claim(ring, hold->partition)->version != hold->claim_version ||
        ring_claim_index(ring_claim(ring, hold->partition), hold->target) < 0 ||
        hold->target == engine->view->self)
        return ACK_STALE_CLAIM;
    if (!version_exists(&hold->version))
        return ACK_FULL;
    struct hints_target *target = find_or_create(engine, hold->target);
    /* It drops nothing of its own for another's. */
    if (target->bytes + sizeof(struct hint) + hold->key.size + hold->version.value.size >
        bytes_max(engine))
        return ACK_FULL;
    struct hint *hint = add(engine, target, hold->partition, hold->key, &hold->version);
    if (hint == NULL)
        return ACK_FULL;
    hint->from_link = link;
    hint->from_id = hold->id;
    return ACK_HELD;
}

void hints_forget(struct engine *engine, node_number target, uint32_t partition, uint64_t stamp)
{
    note_dropped(engine, find_or_create(engine, target), partition, stamp, "lost");
}

void hints_keep_flush(struct engine *engine, node_number number, struct dot dot,
                      struct span partitions)
{
    struct hints_target *target = find_or_create(engine, number);
    struct missed_flush *flush = &target->flush;

    /* A newer flush is of all that an older one was of. */
    if (partitions.size != bitmap_size(engine) || dot_compare(dot, flush->dot) <= 0)
        return;
    memcpy(flush->partitions, partitions.data, partitions.size);
    flush->dot = dot;
    target->flush_id = 0;
    target->flush_us = 0;
}

/* ---- sending ---- */

static void fill_bucket(struct engine *engine, struct hints_target *target)
{
    const uint64_t share = engine->options->hint_rate / engine->own.workers;
    const int64_t rate = share < RATE_MAX ? (int64_t)share : RATE_MAX;
    const int64_t most = rate / BURST_SHARE + 1;
    int64_t gone_us = engine->now.mono_us - target->filled_us;

    if (gone_us > 1000000) /* that fills any bucket, and nothing overflows */
        gone_us = 1000000;
    const int64_t more = rate / 1000 * gone_us / 1000;
    if (more == 0)
        return;
    target->tokens = target->tokens + more < most ? target->tokens + more : most;
    target->filled_us = engine->now.mono_us;
}

/* Whether a version that is newer has taken the hint's place here: whoever wrote that owes it to
 * the target, so the older one need not go. Sets of siblings are merged, and each counts. */
static bool superseded(struct engine *engine, const struct hint *hint)
{
    struct partition *partition = store_partition(engine->own.store, hint->partition);
    struct version current;
    bool newer;

    if (hint->version.kind == VALUE_SIBLINGS ||
        (hint->version.kind == VALUE_TOMBSTONE && hint->version.value.size > 0))
        return false;
    partition_lock(partition);
    newer = partition_get(partition, store_hash(engine->own.store, hint->key), hint->key,
                          &current) &&
            current.kind != VALUE_SIBLINGS &&
            !(current.kind == VALUE_TOMBSTONE && current.value.size > 0) &&
            dot_compare(current.dot, hint->version.dot) > 0;
    partition_unlock(partition);
    return newer;
}

static unsigned free_slot(const struct hints_target *target)
{
    unsigned slot = 0;

    while (target->window[slot].hint != NULL)
        slot++;
    return slot;
}

/* False when the link does not take it. */
static bool send_hint(struct engine *engine, struct hints_target *target, struct hint *hint)
{
    const size_t size = hint->key.size + hint->version.value.size + 128;
    struct buffer *out = peer_message(engine, target->number, size);

    if (out == NULL)
        return false;
    const unsigned slot = free_slot(target);
    const struct wire_write write = {
        .id = new_id(target, slot),
        /* The claim by which it goes is the present one: it may have changed meanwhile. */
        .claim_version = ring_claim(engine->view->ring, hint->partition)->version,
        .partition = (uint16_t)hint->partition,
        .over = hint->version.dot, /* that it comes late is no divergence */
        .key = hint->key,
        .version = hint->version,
    };
    wire_put_write(out, &write);
    target->window[slot].id = write.id;
    target->window[slot].hint = hint;
    target->sent++;
    hint->slot = (int)slot;
    target->tokens -= (int64_t)size;
    return true;
}

static void send_hints(struct engine *engine, struct hints_target *target)
{
    unsigned looks = HINTS_PER_CALL;

    while (target->sent < HINTS_WINDOW && target->waiting.count > 0 && looks-- > 0 &&
           target->tokens > 0) {
        struct hint *hint = heap_entry(heap_top(&target->waiting), struct hint, turn);
        if (superseded(engine, hint)) {
            answer(engine, hint, ACK_OK);
            end(engine, target, hint);
            continue;
        }
        if (!send_hint(engine, target, hint))
            return;
        leave_turns(hint);
    }
}

/* To the waiting ones, or away for a while. */
static void put_back(struct engine *engine, struct hints_target *target, struct hint *hint,
                     bool pause)
{
    leave_window(target, hint);
    const bool put = pause ? take_turn(hint, &target->paused,
                                       (uint64_t)(engine->now.mono_us + hint->pause_us))
                           : take_turn(hint, &target->waiting, hint->owed.key);
    if (!put)
        drop(engine, target, hint, "no memory");
    else if (pause && hint->pause_us < PAUSE_US_MAX)
        hint->pause_us = hint->pause_us * 2 < PAUSE_US_MAX ? hint->pause_us * 2 : PAUSE_US_MAX;
}

static void end_pauses(struct engine *engine, struct hints_target *target)
{
    for (unsigned i = 0; i < HINTS_PER_CALL && target->paused.count > 0; i++) {
        struct heap_node *top = heap_top(&target->paused);
        if (top->key > (uint64_t)engine->now.mono_us)
            return;
        put_back(engine, target, heap_entry(top, struct hint, turn), false);
    }
}

/* ---- FORGOT and FLUSH ---- */

static void merge_dropped(struct engine *engine, struct dropped *into, struct dropped *from)
{
    const size_t size = bitmap_size(engine);

    for (size_t i = 0; i < size; i++)
        into->partitions[i] |= from->partitions[i];
    if (from->lowest < into->lowest)
        into->lowest = from->lowest;
    memset(from->partitions, 0, size);
    from->lowest = UINT64_MAX;
}

static void tell_dropped(struct engine *engine, struct hints_target *target)
{
    const size_t size = bitmap_size(engine);
    struct buffer *out;

    if (target->dropped.lowest == UINT64_MAX || target->forgot_id != 0 ||
        engine->now.mono_us < target->forgot_us ||
        (out = peer_message(engine, target->number, size + 64)) == NULL)
        return;
    merge_dropped(engine, &target->told, &target->dropped);
    target->forgot_id = new_id(target, HINTS_SLOT_FORGOT);
    const struct wire_forgot forgot = {.id = target->forgot_id,
                                       .ring_version = ring_draft_of(engine->view->ring).version,
                                       .partitions = span_of(target->told.partitions, size)};
    wire_put_forgot(out, &forgot);
}

static void dropped_answered(struct engine *engine, struct hints_target *target, bool done)
{
    target->forgot_id = 0;
    if (!done) {
        merge_dropped(engine, &target->dropped, &target->told);
        target->forgot_us = engine->now.mono_us + PAUSE_US_MAX;
        return;
    }
    memset(target->told.partitions, 0, bitmap_size(engine));
    target->told.lowest = UINT64_MAX;
    target->logged = target->dropped.lowest != UINT64_MAX;
}

static void send_flush(struct engine *engine, struct hints_target *target)
{
    const size_t size = bitmap_size(engine);
    struct buffer *out;

    if (!dot_exists(target->flush.dot) || target->flush_id != 0 ||
        engine->now.mono_us < target->flush_us ||
        (out = peer_message(engine, target->number, size + 64)) == NULL)
        return;
    target->flush_id = new_id(target, HINTS_SLOT_FLUSH);
    const struct wire_flush flush = {.id = target->flush_id,
                                     .ring_version = ring_draft_of(engine->view->ring).version,
                                     .dot = target->flush.dot,
                                     .partitions = span_of(target->flush.partitions, size)};
    wire_put_flush(out, &flush);
}

static void flush_answered(struct engine *engine, struct hints_target *target, uint8_t status)
{
    target->flush_id = 0;
    switch (status) {
    case ACK_NEWER:
    case ACK_FORGETFUL:
        /* Newer writes came before it: only a recovery tells what is dead from what is not. */
        for (uint32_t p = 0; p < store_partitions(engine->own.store); p++)
            if ((target->flush.partitions[p / 8] & 1u << p % 8) != 0)
                note_dropped(engine, target, p, target->flush.dot.stamp, "FLUSHALL");
        target->flush.dot = DOT_NONE;
        return;
    case ACK_OK:
        target->flush.dot = DOT_NONE;
        return;
    default:
        target->flush_us = engine->now.mono_us + PAUSE_US_MAX;
        return;
    }
}

/* ---- events ---- */

void hints_proceed(struct engine *engine, node_number number)
{
    struct hints_target *target = find(engine, number);
    const struct peer *peer = peer_find(engine, number);

    if (target == NULL || !owes(target) || peer == NULL || peer->stage != PEER_OPEN ||
        peer->tripped || engine->view->ring == NULL)
        return;
    fill_bucket(engine, target);
    end_pauses(engine, target);
    send_flush(engine, target);
    send_hints(engine, target);
    tell_dropped(engine, target);
}

static bool ends_debt(uint8_t status)
{
    return status == ACK_OK || status == ACK_NEWER || status == ACK_FULL;
}

void hints_acknowledged(struct engine *engine, node_number number, const struct wire_ack *ack)
{
    struct hints_target *target = find(engine, number);
    const unsigned slot = (unsigned)(ack->id & ((1u << HINTS_SLOT_BITS) - 1));

    if (slot == HINTS_SLOT_HELD) {
        held_acknowledged(engine, number, ack);
        return;
    }
    if (target == NULL)
        return;
    if (slot == HINTS_SLOT_FORGOT && target->forgot_id == ack->id) {
        dropped_answered(engine, target, ack->status == ACK_OK);
    } else if (slot == HINTS_SLOT_FLUSH && target->flush_id == ack->id) {
        flush_answered(engine, target, ack->status);
    } else if (slot < HINTS_WINDOW && target->window[slot].id == ack->id) {
        struct hint *hint = target->window[slot].hint;
        if (ends_debt(ack->status)) {
            metrics_add(engine->metrics, METRIC_HINTS_DELIVERED, 1);
            answer(engine, hint, ACK_OK);
            end(engine, target, hint);
        } else {
            put_back(engine, target, hint, true);
        }
    }
    hints_proceed(engine, number);
}

void hints_lost(struct engine *engine, node_number number)
{
    struct hints_target *target = find(engine, number);

    held_lost(engine, number);
    if (target == NULL)
        return;
    for (unsigned slot = 0; slot < HINTS_WINDOW; slot++)
        if (target->window[slot].hint != NULL)
            put_back(engine, target, target->window[slot].hint, false);
    if (target->forgot_id != 0)
        dropped_answered(engine, target, false);
    target->forgot_us = target->flush_us = 0;
    target->flush_id = 0;
}

void hints_tick(struct engine *engine)
{
    const int64_t kept_since_us = engine->now.mono_us - engine->options->hint_window * 1000000;

    list_for_each(link, &engine->hints.all)
    {
        struct hints_target *target = list_entry(link, struct hints_target, link);
        for (unsigned i = 0; i < HINTS_PER_CALL && target->owed.count > 0; i++) {
            struct hint *hint = oldest(target);
            if (hint->kept_us > kept_since_us)
                break;
            drop(engine, target, hint, "hint-window");
        }
        hints_proceed(engine, target->number);
    }
}

uint64_t hints_lowest(const struct engine *engine)
{
    uint64_t lowest = held_lowest(engine);

    list_for_each(link, &engine->hints.all)
    {
        const struct hints_target *target = list_entry(link, struct hints_target, link);
        if (target->owed.count > 0 && heap_top(&target->owed)->key < lowest)
            lowest = heap_top(&target->owed)->key;
        if (target->dropped.lowest < lowest)
            lowest = target->dropped.lowest;
        if (target->told.lowest < lowest)
            lowest = target->told.lowest;
        if (dot_exists(target->flush.dot) && target->flush.dot.stamp < lowest)
            lowest = target->flush.dot.stamp;
    }
    return lowest;
}

void hints_deinit(struct engine *engine)
{
    list_for_each_removable(link, &engine->hints.all)
    {
        struct hints_target *target = list_entry(link, struct hints_target, link);
        while (target->owed.count > 0)
            end(engine, target, oldest(target));
        heap_deinit(&target->owed);
        heap_deinit(&target->waiting);
        heap_deinit(&target->paused);
        memory_free(target->dropped.partitions);
        memory_free(target->told.partitions);
        memory_free(target->flush.partitions);
        memory_free(target);
    }
    memory_free(engine->hints.targets);
    held_deinit(engine);
}
