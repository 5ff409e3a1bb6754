/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An operation writes a batch (replica/batch.h): its steps are run, stamped and kept here under one
 * lock, and offered to the other replicas as one version.
 */
#include "base/assert.h"
#include "replica/operation_parts.h"
#include "store/mates.h"
#include "store/taken.h"
#include "value/batch.h"
#include "value/merge.h"

/* How often the steps are run before there is no room for what they leave. */
#define ROOM_TRIES 3

void batch_deinit(struct batch_run *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct batch_key *key = &batch->keys[i];
        buffer_deinit(&key->winner_bytes);
        buffer_deinit(&key->base_bytes);
        buffer_deinit(&key->bytes);
        buffer_deinit(&key->spare);
        buffer_deinit(&key->set);
    }
    buffer_deinit(&batch->items);
}

/* ---- steps ---- */

/* Additions alone are one addition. */
static void note_addition(struct batch_key *key, const struct change *change)
{
    if (!key->changed)
        key->sum = 0;
    key->adds = change->action == CHANGE_ADD && (!key->changed || key->adds) &&
                !__builtin_add_overflow(key->sum, change->amount, &key->sum);
}

bool batch_change(struct batch_run *batch, size_t index, const struct change *change, bool copied)
{
    struct batch_key *key = &batch->keys[index];

    if (change->action == CHANGE_NOTHING)
        return true;
    note_addition(key, change);
    key->changed = true;
    /* Any dot: it is there, and gets its own when all is done. */
    key->seen = (struct version){.dot = {1, 1}, .deadline_ms = DEADLINE_NEVER};
    if (change->action == CHANGE_DELETE)
        return true;
    key->seen.kind = VALUE_STRING;
    key->seen.deadline_ms = change->deadline_ms;
    if (change->piece_count == 1 && !copied) {
        key->seen.value = change->pieces[0];
        return true;
    }
    /* Pieces may lie in `bytes`. */
    buffer_reset(&key->spare, BUFFER_KEEP);
    change_value(change, &key->spare);
    const struct buffer bytes = key->bytes;
    key->bytes = key->spare;
    key->spare = bytes;
    key->seen.value = buffer_content(&key->bytes);
    return !key->bytes.failed;
}

/* ---- before and after them, under the lock ---- */

static bool batch_fail(struct operation *operation, enum operation_failure failure)
{
    operation_fail(operation, failure);
    return false;
}

/* Whether what is here is what an earlier run of this batch left. */
static bool is_ours(const struct operation *operation, const struct batch_key *key, struct dot dot)
{
    return key->wrote && dot_equal(dot, operation->written.dot);
}

/* What an earlier run added is taken out again. */
static bool take_back(struct operation *operation, struct batch_key *key)
{
    struct version without;

    buffer_reset(&key->base_bytes, BUFFER_KEEP);
    const enum counter_status status = counter_take_back(&key->old, &key->counting, &key->addition,
                                                         &key->base_bytes, &without);
    if (!operation_counted(operation, status))
        return false;
    if (status == COUNTER_OK) {
        operation_note_taken_back(operation, &key->old, &key->written);
        key->old = without;
    }
    key->base = key->old;
    return true;
}

/* What the key has, for the steps to begin with. */
static bool look(struct operation *operation, node_number self, struct partition *partition,
                 struct batch_key *key, int64_t now_ms)
{
    const struct operation_sight sight = {.siblings = operation->siblings,
                                          .winner = key->read ? &key->winner : NULL,
                                          .gone = key->read ? key->gone : DOT_NONE,
                                          .settled = key->read ? key->settled : 0,
                                          .merged = &key->set};
    struct operation_found found;

    operation_find(partition, &key->place, &found);
    if (!operation_newest(operation, &sight, &found, &key->old))
        return false;
    if (!operation->siblings && !version_is_counter(&key->old) &&
        dot_compare(key->old.dot, found.stored.dot) > 0)
        partition_note_taken(partition, key->place.hash, key->old.dot);
    key->over = dot_max(dot_max(key->old.dot, found.stored.dot), dot_max(found.mark, sight.gone));
    key->stored = found.entry != NULL ? found.stored.value.size + 1 : 0;
    key->counting = operation_counter_place(operation, self, partition, &found, &sight, now_ms);
    if (key->addition.opened != 0) {
        if (!take_back(operation, key))
            return false;
    } else if (is_ours(operation, key, counter_base(&key->old))) {
        key->old = key->base;
    }
    key->seen = operation_seen(&key->old, now_ms);
    key->changed = false;
    return true;
}

/* Whether what the steps saw of the key is more than the quorum answered. */
static bool is_news(const struct operation *operation, const struct batch_key *key)
{
    if (!key->read || operation->read_needed == 1 || !version_exists(&key->old))
        return false;
    return !dot_equal(key->old.dot, key->winner.dot) ||
           version_digest(&key->old) != version_digest(&key->winner);
}

static bool is_written(const struct batch_key *key)
{
    return key->changed || key->wrote;
}

static bool count(struct operation *operation, struct batch_key *key, struct dot dot)
{
    key->counting.dot = dot;
    key->addition = (struct counter_addition){.amount = key->sum};
    buffer_reset(&key->spare, BUFFER_KEEP);
    return operation_counted(operation, counter_add(&key->old, &key->counting, &key->addition,
                                                    &key->spare, &key->written));
}

/* What the steps left of the key, as a version. */
static bool make_version(struct operation *operation, struct batch_key *key, struct dot dot,
                         int64_t now_ms)
{
    const struct version *left = key->changed ? &key->seen : &key->base;
    struct version *written = &key->written;

    if (operation->siblings) {
        struct change change = {.action = CHANGE_DELETE, .deadline_ms = left->deadline_ms};
        if (left->kind == VALUE_STRING) {
            change.action = CHANGE_PUT;
            change.pieces[0] = left->value;
            change.piece_count = 1;
        }
        buffer_reset(&key->spare, BUFFER_KEEP);
        if (!operation_build_set(operation, &key->old, &change, dot, now_ms, &key->spare))
            return false;
        *written = siblings_version(buffer_content(&key->spare));
        return true;
    }
    if (key->changed && key->adds && operation->copies > 1)
        return count(operation, key, dot);
    *written = *left;
    written->dot = dot;
    if (left->kind != VALUE_STRING && !version_is_counter(left))
        *written = (struct version){.dot = dot, .deadline_ms = DEADLINE_NEVER};
    return true;
}

/* What another operation wrote goes along as it is, with all that belongs to it (rule 24). */
static void append_other(struct replica *replica, struct partition *partition,
                         const struct batch_item *item, struct buffer *items)
{
    if (!replica_append_mates(replica, partition, item->version.dot, items))
        batch_append(items, item);
}

static void append(struct replica *replica, struct partition *partition,
                   const struct batch_key *key, struct buffer *items)
{
    struct batch_item item = {.over = key->over, .key = key->place.key, .version = key->written};

    if (is_written(key)) {
        batch_append(items, &item);
        return;
    }
    item.version = key->old;
    append_other(replica, partition, &item, items);
}

/* The versions that the steps left, stamped, and what goes along with them. */
static bool make_items(struct coordinator *coordinator, struct operation *operation,
                       struct partition *partition, struct instant now)
{
    struct batch_run *batch = operation->batch;
    uint64_t floor = operation->rounds > 0 ? operation->writing.known.stamp : 0;
    struct dot dot = DOT_NONE, news = DOT_NONE;
    bool writes = false;

    for (size_t i = 0; i < batch->count; i++) {
        struct batch_key *key = &batch->keys[i];
        writes |= is_written(key);
        if (key->over.stamp > floor)
            floor = key->over.stamp;
        if (key->adds && key->counting.gone.stamp > floor)
            floor = key->counting.gone.stamp;
        if (!is_written(key) && is_news(operation, key))
            news = dot_max(news, key->old.dot);
    }
    operation->unchanged = !writes && !dot_exists(news);
    operation->repaired = !writes && dot_exists(news);
    if (writes) {
        dot = operation_stamp(coordinator, operation, partition, now, floor);
        if (!dot_exists(dot))
            return false;
    }
    buffer_reset(&batch->items, BUFFER_KEEP);
    for (size_t i = 0; i < batch->count; i++) {
        struct batch_key *key = &batch->keys[i];
        if (is_written(key) && !make_version(operation, key, dot, now.wall_ms))
            return false;
        if (operation->copies == 1)
            continue;
        if (is_written(key) || is_news(operation, key))
            append(coordinator->replica, partition, key, &batch->items);
    }
    if (batch->items.failed)
        return batch_fail(operation, OPERATION_MEMORY_FULL);
    operation->written = batch_version(span_of(NULL, 0), writes ? dot : news);
    return true;
}

/* Bytes that the steps add here, about: what a key had may be on other replicas alone. */
static size_t growth(const struct batch_run *batch)
{
    size_t more = 0;

    for (size_t i = 0; i < batch->count; i++) {
        const struct batch_key *key = &batch->keys[i];
        const size_t after = key->seen.kind == VALUE_STRING ? key->seen.value.size + 1 : 0;
        if (key->changed && after > key->stored)
            more += store_room_for(key->stored > 0 ? 0 : key->place.key.size, after - key->stored);
    }
    return more;
}

/* What the key had is kept where the batch may have to be run again. */
static void keep_base(const struct operation *operation, struct batch_key *key)
{
    if (key->wrote && key->old.value.data == key->base.value.data)
        return; /* it began with that */
    key->wrote = true;
    if (key->addition.opened != 0)
        return; /* it is taken back */
    key->base = operation->siblings ? operation_seen(&key->old, INT64_MIN) : key->old;
    if (operation->batch->blind || operation->copies == 1)
        return;
    buffer_reset(&key->base_bytes, BUFFER_KEEP);
    buffer_append_span(&key->base_bytes, key->base.value);
    key->base.value = buffer_content(&key->base_bytes);
}

/* What one of them finds no room for is as if it had been evicted at once: room was made. */
static bool put(struct partition *partition, const struct place *place,
                const struct version *version)
{
    if (partition_put(partition, place->hash, place->key, version, &version->value, 1) == STORE_OK)
        return true;
    partition_leave_out(partition, place->hash, place->key, version->dot);
    return false;
}

/* Keeps all of them; nothing is to be done after this that could fail. */
static void keep_items(struct operation *operation, struct partition *partition)
{
    struct batch_run *batch = operation->batch;

    for (size_t i = 0; i < batch->count; i++) {
        struct batch_key *key = &batch->keys[i];
        if (!is_written(key))
            continue;
        keep_base(operation, key);
        if (operation->copies == 1 && key->written.kind == VALUE_TOMBSTONE &&
            key->written.value.size == 0)
            partition_delete(partition, key->place.hash, key->place.key, key->written.dot);
        else
            operation->full |= !put(partition, &key->place, &key->written);
    }
    operation->written.value = buffer_content(&batch->items);
    if (operation->copies > 1)
        partition_note_batch(partition, &operation->written);
}

/* ---- being overtaken ---- */

/* Whether another version has taken the place of one that the batch wrote. */
static bool any_taken(const struct operation *operation, struct partition *partition)
{
    const struct batch_run *batch = operation->batch;
    struct operation_found found;

    for (size_t i = 0; i < batch->count; i++) {
        if (!batch->keys[i].wrote)
            continue;
        operation_find(partition, &batch->keys[i].place, &found);
        if (dot_compare(found.stored.dot, operation->written.dot) > 0)
            return true;
    }
    return false;
}

/* All that was offered is offered again: what is in place with a stamp above what is known, what
 * has taken a place as it is. */
static void restamp_items(struct coordinator *coordinator, struct operation *operation,
                          struct partition *partition, struct instant now)
{
    struct buffer items = {0};
    struct span rest = operation->written.value;
    struct batch_item item;
    const struct dot dot = operation_stamp(coordinator, operation, partition, now,
                                           operation->writing.known.stamp);

    if (!dot_exists(dot))
        return;
    while (batch_next(&rest, &item)) {
        const struct place place = {.hash = store_hash(coordinator->replica->store, item.key),
                                    .key = item.key};
        struct operation_found found;
        operation_find(partition, &place, &found);
        if (dot_compare(found.stored.dot, item.version.dot) > 0) {
            item.version = found.stored;
            append_other(coordinator->replica, partition, &item, &items);
            continue;
        }
        /* Others' shares may have come to a counter meanwhile. */
        if (version_is_counter(&found.stored) && dot_equal(found.stored.dot, item.version.dot))
            item.version = found.stored;
        if (dot_equal(item.version.dot, operation->written.dot))
            item.version.dot = dot;
        batch_append(&items, &item);
    }
    if (items.failed) {
        buffer_deinit(&items);
        operation_fail(operation, OPERATION_MEMORY_FULL);
        return;
    }
    buffer_deinit(&operation->batch->items);
    operation->batch->items = items;
    operation->written = batch_version(buffer_content(&operation->batch->items), dot);
    for (rest = operation->written.value; batch_next(&rest, &item);)
        if (dot_equal(item.version.dot, dot)) {
            const struct place place = {.hash = store_hash(coordinator->replica->store, item.key),
                                        .key = item.key};
            operation->full |= !put(partition, &place, &item.version);
        }
    partition_note_batch(partition, &operation->written);
}

bool operation_batch_overtaken(struct coordinator *coordinator, struct operation *operation,
                               struct instant now)
{
    struct partition *partition = store_partition(coordinator->replica->store,
                                                  operation->place.partition);
    bool again = false;

    operation->full = false;
    partition_lock(partition);
    if (operation_may_write(operation, partition, now)) {
        again = !operation->batch->blind && !any_taken(operation, partition);
        if (!again)
            restamp_items(coordinator, operation, partition, now);
    }
    partition_unlock(partition);
    if (!again || operation->state == OPERATION_FAILED)
        return true;
    operation->state = OPERATION_GATHERING;
    return false;
}

/* ---- writing ---- */

/* Runs the steps and keeps what they leave, all under the lock. How many bytes more that takes than
 * was made room for; 0: it is done, or has failed. */
static size_t run_locked(struct coordinator *coordinator, struct operation *operation,
                         struct partition *partition, struct instant now, size_t room)
{
    struct batch_run *batch = operation->batch;

    if (!operation_may_write(operation, partition, now))
        return 0;
    if (operation->rounds > 0 && any_taken(operation, partition)) {
        restamp_items(coordinator, operation, partition, now);
        return 0;
    }
    for (size_t i = 0; i < batch->count; i++)
        if (!look(operation, coordinator->replica->self, partition, &batch->keys[i], now.wall_ms))
            return 0;
    if (!coordinator->calls->run(coordinator->host, operation)) {
        for (size_t i = 0; i < batch->count; i++)
            batch->keys[i].changed = false;
        operation->unchanged = true;
        return 0;
    }
    const size_t more = growth(batch);
    if (more > room)
        return more;
    if (make_items(coordinator, operation, partition, now) && !operation->unchanged)
        keep_items(operation, partition);
    return 0;
}

static void run_here(struct coordinator *coordinator, struct operation *operation,
                     struct instant now)
{
    struct store *store = coordinator->replica->store;
    struct partition *partition = store_partition(store, operation->place.partition);
    size_t wanted = operation->batch->room;

    operation->full = false;
    for (unsigned tries = ROOM_TRIES; tries > 0; tries--) {
        const bool fits = store_make_room(store, wanted, &operation->evicted);
        const size_t room = fits ? wanted : 0;
        partition_lock(partition);
        const size_t more = run_locked(coordinator, operation, partition, now, room);
        partition_unlock(partition);
        if (more == 0)
            return;
        if (!fits && more >= wanted)
            break;
        wanted = more;
    }
    operation_fail(operation, OPERATION_MEMORY_FULL);
}

void operation_batch_begin(struct coordinator *coordinator, struct operation *operation,
                           struct instant now)
{
    unsigned needed = operation->write_needed;

    operation->state = OPERATION_WRITING;
    run_here(coordinator, operation, now);
    if (operation->state == OPERATION_FAILED) {
        operation_await_ceiling(coordinator, operation);
        return;
    }
    if (operation->unchanged) {
        operation->state = OPERATION_DONE;
        return;
    }
    if (operation->repaired)
        needed = operation_repair_needed(operation);
    write_tally_begin(&operation->writing, operation->copies, needed,
                      OPERATION_ROUNDS_MAX - operation->rounds, operation->written.dot);
    operation_offer_to_all(coordinator, operation);
    operation_write_follow(coordinator, operation, now);
}

void operation_batch_again(struct coordinator *coordinator, struct operation *operation,
                           struct instant now)
{
    if (operation->batch->blind)
        operation_batch_begin(coordinator, operation, now);
    else
        operation->state = OPERATION_GATHERING;
}

void operation_gathered(struct coordinator *coordinator, struct operation *operation,
                        struct instant now)
{
    if (operation->state != OPERATION_GATHERING)
        return;
    operation_batch_begin(coordinator, operation, now);
}
