/* SPDX-License-Identifier: BSD-3-Clause */
#include "node/hints.h"

#include "base/assert.h"
#include "base/memory.h"
#include "node/missed.h"
#include "node/parts.h"

/* How long a hint that was refused waits before it is sent again, doubling. */
#define PAUSE_US_MIN 100000
#define PAUSE_US_MAX HINTS_PAUSE_US_MAX
/* What may be sent at once after a time of silence, of what hint-rate allows in a second. */
#define BURST_SHARE 10
/* No link: who handed it over has gone. */
#define FROM_GONE UINT64_MAX

_Static_assert(HINTS_SLOT_HELD < 1u << HINTS_SLOT_BITS, "an id holds the slot");

struct hint {
    struct heap_node owed; /* in target->owed, by stamp */
    struct heap_node turn; /* in `turns` */
    struct heap *turns;    /* target->waiting, by stamp, or target->paused, by time; NULL: sent */
    uint32_t partition;
    int slot; /* in the window; -1: it is not on its way */
    int64_t kept_us;
    int64_t pause_us;
    uint64_t from_link; /* of the node that this one stands in for, 0: none; or FROM_GONE */
    uint64_t from_id;
    struct block *block; /* a share of the one that a large value lies in; NULL: it is in `bytes` */
    struct version version;
    struct span key;
    uint8_t bytes[]; /* the key's, the value's */
};

/* ---- targets ---- */

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
        target->dropped.partitions = memory_alloc(hints_bitmap_size(engine));
        target->told.partitions = memory_alloc(hints_bitmap_size(engine));
        target->flush.partitions = memory_alloc(hints_bitmap_size(engine));
        target->dropped.lowest = target->told.lowest = UINT64_MAX;
        target->bucket.filled_us = engine->now.mono_us;
        hints->targets[number] = target;
        list_append(&hints->all, &target->link);
    }
    return hints->targets[number];
}

/* ---- hints ---- */

/* What a hint of so many bytes, key and value, takes, as it is counted. */
static uint64_t weight_of(size_t bytes)
{
    return memory_size_class(sizeof(struct hint) + bytes) + 2 * sizeof(struct heap_item);
}

static uint64_t weight(const struct hint *hint)
{
    return weight_of(hint->key.size + hint->version.value.size);
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
    block_release(&hint->block);
    memory_free(hint);
}

/* Tells the node that this one stands in for; false when its link has gone. */
static bool answer(struct engine *engine, const struct hint *hint, enum ack_status status)
{
    const struct wire_ack ack = {.id = hint->from_id, .status = (uint8_t)status};

    if (hint->from_link == 0)
        return true;
    list_for_each(member, &engine->links)
    {
        struct link *link = list_entry(member, struct link, member);
        if (link->id != hint->from_link || link->broken)
            continue;
        wire_put_ack(link_message(link), &ack);
        return true;
    }
    return false;
}

static void drop(struct engine *engine, struct hints_target *target, struct hint *hint,
                 const char *why)
{
    if (hint->from_link != 0)
        (void)answer(engine, hint, ACK_FULL); /* it is that node's to tell */
    else
        missed_drop(engine, target, hint->partition, hint->owed.key, why);
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
    const struct options *options = engine->options;
    uint64_t bytes = options->hint_bytes;

    if (options->maxmemory > 0 && options->maxmemory / HINTS_SHARE < bytes)
        bytes = options->maxmemory / HINTS_SHARE;
    return bytes / engine->own.workers;
}

/* NULL when there is no room. */
static struct hint *add(struct engine *engine, struct hints_target *target, uint32_t partition,
                        struct span key, const struct version *version)
{
    struct block *const lent = engine->hints.lent;
    struct block *const block = lent != NULL && block_holds(lent, version->value) ? lent : NULL;
    const size_t size = sizeof(struct hint) + key.size + (block == NULL ? version->value.size : 0);
    struct hint *hint = hints_may_hold(engine, key.size + version->value.size)
                            ? memory_try_alloc(size)
                            : NULL;

    if (hint == NULL)
        return NULL;
    *hint = (struct hint){.partition = partition,
                          .slot = -1,
                          .kept_us = engine->now.mono_us,
                          .pause_us = PAUSE_US_MIN,
                          .version = *version};
    copy(&hint->key, key, hint->bytes);
    if (block == NULL)
        copy(&hint->version.value, version->value, hint->bytes + key.size);
    else
        hint->block = block_share(block);
    if (!heap_push(&target->owed, &hint->owed, version->dot.stamp) ||
        !take_turn(hint, &target->waiting, version->dot.stamp)) {
        heap_remove(&target->owed, &hint->owed);
        block_release(&hint->block);
        memory_free(hint);
        return NULL;
    }
    const uint64_t bytes = weight(hint);
    target->bytes += bytes;
    store_charge(engine->own.store, (int64_t)bytes);
    metrics_add(engine->metrics, METRIC_HINTS, 1);
    metrics_add(engine->metrics, METRIC_HINT_BYTES, bytes);
    metrics_add(engine->metrics, METRIC_HINTS_KEPT, 1);
    engine->turn_answers++;
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

bool hints_have_room(const struct engine *engine, node_number number, size_t bytes)
{
    const struct hints_target *target = find(engine, number);

    return weight_of(bytes) + (target != NULL ? target->bytes : 0) <= bytes_max(engine);
}

bool hints_may_hold(const struct engine *engine, size_t bytes)
{
    return weight_of(bytes) <= bytes_max(engine);
}

void hints_keep(struct engine *engine, node_number number, uint32_t partition, struct span key,
                const struct version *version)
{
    struct hints_target *target = find_or_create(engine, number);

    /* Rule 24: who is given one version of a batch is given all of it. */
    buffer_reset(&engine->mates, BUFFER_KEEP);
    const struct version whole = replica_with_mates(&engine->replica, partition, key, version,
                                                    &engine->mates);
    version = &whole;
    if (add(engine, target, partition, key, version) == NULL) {
        if (!held_hand_over(engine, number, partition, key, version, 0, 0))
            missed_drop(engine, target, partition, version->dot.stamp, "no memory");
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
    if (!hints_have_room(engine, hold->target, hold->key.size + hold->version.value.size))
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
    missed_drop(engine, find_or_create(engine, target), partition, stamp, "lost");
}

void hints_keep_flush(struct engine *engine, node_number target, struct dot dot, uint64_t lowest,
                      struct span partitions)
{
    missed_keep_flush(engine, find_or_create(engine, target), dot, lowest, partitions);
}

/* ---- sending ---- */

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
    struct buffer *out = hint->block == NULL ? peer_message(engine, target->number, size)
                                             : peer_message_alone(engine, target->number, size);

    if (out == NULL)
        return false;
    const unsigned slot = free_slot(target);
    const struct wire_write write = {
        .id = hints_new_id(target, slot),
        /* The claim by which it goes is the present one: it may have changed meanwhile. */
        .claim_version = ring_claim(engine->view->ring, hint->partition)->version,
        .partition = (uint16_t)hint->partition,
        .over = hint->version.dot, /* that it comes late is no divergence */
        .key = hint->key,
        .version = hint->version,
    };
    if (hint->block == NULL)
        wire_put_write(out, &write);
    else
        peer_put_write(engine, target->number, out, &write, hint->block);
    target->window[slot].id = write.id;
    target->window[slot].hint = hint;
    target->sent++;
    hint->slot = (int)slot;
    target->bucket.tokens -= (int64_t)size;
    return true;
}

/* One that was overwritten here goes as well: the newer version may be lost with this node before
 * the target has it, and what was settled by then would leave the target's older one standing. */
static void send_hints(struct engine *engine, struct hints_target *target)
{
    unsigned looks = HINTS_PER_CALL;

    while (target->sent < HINTS_WINDOW && target->waiting.count > 0 && looks-- > 0 &&
           target->bucket.tokens > 0) {
        struct hint *hint = heap_entry(heap_top(&target->waiting), struct hint, turn);
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

/* ---- events ---- */

void hints_proceed(struct engine *engine, node_number number)
{
    struct hints_target *target = find(engine, number);
    const struct peer *peer = peer_find(engine, number);

    if (target == NULL || !owes(target) || peer == NULL || peer->stage != PEER_OPEN ||
        peer->tripped || engine->view->ring == NULL)
        return;
    engine_note(engine, WORK_HINTS);
    bucket_fill(&target->bucket, engine->options->hint_rate / engine->own.workers, BURST_SHARE,
                engine->now.mono_us);
    end_pauses(engine, target);
    missed_send_flush(engine, target);
    send_hints(engine, target);
    missed_tell(engine, target);
}

static bool ends_debt(uint8_t status)
{
    return status == ACK_OK || status == ACK_NEWER || status == ACK_FULL;
}

/* Its target has it now, and who handed it over has gone: if it restarted, it owes it to nobody any
 * more, and may have compared the replicas before this one had it. So the others are offered it as
 * well, where there is room. */
static void spread(struct engine *engine, const struct hints_target *target,
                   const struct hint *hint)
{
    const struct ring_claim *claim = ring_claim(engine->view->ring, hint->partition);

    engine->hints.lent = hint->block;
    for (unsigned i = 0; i < claim->count; i++) {
        const node_number other = claim->nodes[i];
        if (other == target->number || other == engine->view->self ||
            !hints_have_room(engine, other, hint->key.size + hint->version.value.size))
            continue;
        struct hint *more = add(engine, find_or_create(engine, other), hint->partition, hint->key,
                                &hint->version);
        if (more != NULL)
            more->from_link = FROM_GONE;
    }
    engine->hints.lent = NULL;
}

static void delivered(struct engine *engine, struct hints_target *target, struct hint *hint,
                      uint8_t status)
{
    metrics_add(engine->metrics, METRIC_HINTS_DELIVERED, 1);
    if (!answer(engine, hint, ACK_OK) && status == ACK_OK && hint->from_link != FROM_GONE)
        spread(engine, target, hint);
    end(engine, target, hint);
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
        missed_told(engine, target, ack->status == ACK_OK);
    } else if (slot == HINTS_SLOT_FLUSH && target->flush_id == ack->id) {
        missed_flush_answered(engine, target, ack->status);
    } else if (slot < HINTS_WINDOW && target->window[slot].id == ack->id) {
        struct hint *hint = target->window[slot].hint;
        if (ends_debt(ack->status)) {
            delivered(engine, target, hint, ack->status);
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
        missed_told(engine, target, false);
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
        if (dot_exists(target->flush.dot) && target->flush.lowest < lowest)
            lowest = target->flush.lowest;
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
