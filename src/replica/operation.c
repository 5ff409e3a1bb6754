/* SPDX-License-Identifier: BSD-3-Clause */
#include "replica/operation.h"

#include "base/assert.h"
#include "value/siblings.h"

/* Buffers larger than this are given back between two uses, bytes. */
#define BUFFER_KEEP (16 * 1024)

void operation_rest(struct operation *operation)
{
    buffer_reset(&operation->written_bytes, BUFFER_KEEP);
    read_tally_end(&operation->reading);
}

void operation_deinit(struct operation *operation)
{
    read_tally_deinit(&operation->reading);
    buffer_deinit(&operation->written_bytes);
}

/* Whatever goes wrong after others were offered a version: it was not refused, it has too few
 * acknowledgements. */
static void fail(struct operation *operation, enum operation_failure failure)
{
    if (operation->wrote && failure != OPERATION_TOO_FEW && failure != OPERATION_CONTENDED) {
        failure = OPERATION_TOO_FEW;
        operation->answered = 0;
    }
    operation->state = OPERATION_FAILED;
    operation->failure = failure;
}

static int index_of(const struct operation *operation, node_number node)
{
    for (int i = 0; i < operation->copies; i++)
        if (operation->nodes[i] == node)
            return i;
    return -1;
}

/* What clients see of a version: of siblings, the newest that is not expired. */
static struct version seen(const struct version *version, int64_t now_ms)
{
    struct sibling sibling;

    if (version->kind != VALUE_SIBLINGS)
        return *version;
    if (!siblings_newest(version->value, now_ms, &sibling))
        return (struct version){.dot = version->dot, .deadline_ms = DEADLINE_NEVER};
    return (struct version){.dot = sibling.dot,
                            .kind = VALUE_STRING,
                            .deadline_ms = sibling.deadline_ms,
                            .value = sibling.value};
}

/* ---- writing ---- */

/* Whether this node may write here now, with the partition's lock held. */
static bool may_write(struct operation *operation, const struct partition *partition,
                      struct instant now)
{
    if (partition->claim_version != operation->place.claim_version)
        fail(operation, OPERATION_RING_CHANGED);
    else if (!partition_votes(partition))
        fail(operation, OPERATION_NOT_VOTING);
    else if (now.wall_ms >= operation->deadline_wall_ms)
        fail(operation, OPERATION_LATE);
    else
        return true;
    return false;
}

/* A stamp above `floor`, or none: then the operation has failed. */
static struct dot stamp(struct coordinator *coordinator, struct operation *operation,
                        struct partition *partition, struct instant now, uint64_t floor)
{
    const struct dot dot = {.stamp = replica_stamp(coordinator->replica, now, partition, floor),
                            .node = coordinator->replica->self};

    if (!dot_exists(dot))
        fail(operation, OPERATION_NO_STAMP);
    return dot;
}

/* The set that the change makes of the old version, in written_bytes. */
static bool build_set(struct operation *operation, const struct version *old,
                      const struct change *change, struct dot dot, int64_t now_ms)
{
    const struct span set = old->kind == VALUE_STRING ? span_of(NULL, 0) : old->value;
    struct buffer *out = &operation->written_bytes;
    struct buffer value = {0};
    struct context context;
    enum siblings_status status;

    if (!change->blind)
        siblings_context(set, &context);
    else if (!context_from_text(change->context, &context))
        context.count = 0;
    if (change->action == CHANGE_DELETE) {
        status = siblings_erase(set, &context, dot, now_ms, out);
    } else {
        for (size_t i = 0; i < change->piece_count; i++)
            buffer_append_span(&value, change->pieces[i]);
        status = value.failed ? SIBLINGS_NO_MEMORY
                              : siblings_write(set, &context, dot, change->deadline_ms,
                                               buffer_content(&value), now_ms, out);
    }
    buffer_deinit(&value);
    if (status != SIBLINGS_OK)
        fail(operation, status == SIBLINGS_NO_MEMORY ? OPERATION_MEMORY_FULL : OPERATION_TOO_MANY);
    return status == SIBLINGS_OK;
}

/* Makes `written` of the change. A single piece is borrowed from the caller: of a blind write that
 * is the client's argument, which stays. */
static bool build(struct operation *operation, const struct version *old,
                  const struct change *change, struct dot dot, int64_t now_ms)
{
    struct version *written = &operation->written;

    buffer_reset(&operation->written_bytes, BUFFER_KEEP);
    if (operation->siblings) {
        if (!build_set(operation, old, change, dot, now_ms))
            return false;
        *written = siblings_version(buffer_content(&operation->written_bytes));
        return true;
    }
    *written = (struct version){.dot = dot, .kind = VALUE_TOMBSTONE, .deadline_ms = DEADLINE_NEVER};
    if (change->action == CHANGE_DELETE)
        return true;
    written->kind = VALUE_STRING;
    written->deadline_ms = change->deadline_ms;
    if (operation->kind == OPERATION_WRITE && change->piece_count == 1) {
        written->value = change->pieces[0];
        return true;
    }
    for (size_t i = 0; i < change->piece_count; i++)
        buffer_append_span(&operation->written_bytes, change->pieces[i]);
    written->value = buffer_content(&operation->written_bytes);
    return true;
}

/* Keeps `written` here; under the lock. */
static bool keep(struct operation *operation, struct partition *partition)
{
    const struct place *place = &operation->place;
    const struct version *written = &operation->written;

    /* Where nobody else has the key, nobody can bring it back: a delete need not be remembered. */
    if (operation->copies == 1 && written->kind == VALUE_TOMBSTONE) {
        partition_remove(partition, place->hash, place->key);
        return true;
    }
    if (operation->written_bytes.failed || partition_put(partition, place->hash, place->key,
                                                         written, &written->value, 1) != STORE_OK) {
        fail(operation, OPERATION_MEMORY_FULL);
        return false;
    }
    return true;
}

/* The newer of what the quorum answered and what is stored now; of siblings, their merge, which
 * lies in the tally's spare buffer. */
static bool newest(struct operation *operation, const struct version *stored,
                   struct version *current)
{
    const struct version *winner = &operation->reading.winner;
    struct buffer *merged = &operation->reading.spare;

    *current = *stored;
    if (operation->kind == OPERATION_WRITE)
        return true;
    if (operation->siblings && stored->kind != VALUE_STRING && winner->kind != VALUE_STRING) {
        buffer_reset(merged, BUFFER_KEEP);
        if (siblings_merge(stored->value, winner->value, merged) != SIBLINGS_OK) {
            fail(operation, OPERATION_TOO_MANY);
            return false;
        }
        if (buffer_size(merged) > 0)
            *current = siblings_version(buffer_content(merged));
        return true;
    }
    if (dot_compare(winner->dot, stored->dot) > 0)
        *current = *winner;
    return true;
}

/* What a stamp has to be above: all that is known of the key, here, by the quorum, by the client.
 */
static uint64_t floor_of(const struct operation *operation, const struct version *stored,
                         const struct version *current, const struct change *change)
{
    struct dot floor = dot_max(stored->dot, current->dot);
    struct context context;

    if (operation->rounds > 0)
        floor = dot_max(floor, operation->writing.known);
    if (change->context.size > 0 && context_from_text(change->context, &context))
        floor = dot_max(floor, context_newest(&context));
    return floor.stamp;
}

/* Decides the change, stamps it and keeps it, all under one lock. */
static void change_here(struct coordinator *coordinator, struct operation *operation,
                        struct instant now, struct partition *partition,
                        const struct version *stored, const struct version *current)
{
    const struct version visible = seen(current, now.wall_ms);
    struct change change = {.deadline_ms = DEADLINE_NEVER};

    coordinator->calls->change(coordinator->host, operation,
                               operation->kind == OPERATION_WRITE ? NULL : &visible, &change);
    operation->unchanged = change.action == CHANGE_NOTHING;
    if (operation->unchanged)
        return;
    const uint64_t floor = floor_of(operation, stored, current, &change);
    const struct dot dot = stamp(coordinator, operation, partition, now, floor);
    operation->over = current->dot;
    if (dot_exists(dot) && build(operation, current, &change, dot, now.wall_ms))
        keep(operation, partition);
}

/* The version that was kept gets a stamp above what others know, and above what is here by now. */
static void stamp_again(struct coordinator *coordinator, struct operation *operation,
                        struct instant now, struct partition *partition,
                        const struct version *stored)
{
    const uint64_t floor = dot_max(operation->writing.known, stored->dot).stamp;

    operation->written.dot = stamp(coordinator, operation, partition, now, floor);
    if (dot_exists(operation->written.dot))
        keep(operation, partition);
}

/* What took our place is offered for us as it is, with its own stamp: it was made of our version,
 * or came after it, so ours is safe when W replicas have that one. */
static void adopt(struct operation *operation, const struct version *stored)
{
    struct buffer *bytes = &operation->written_bytes;

    operation->adopted = true;
    buffer_reset(bytes, BUFFER_KEEP);
    buffer_append_span(bytes, stored->value);
    operation->written = *stored;
    operation->written.value = buffer_content(bytes);
    if (bytes->failed)
        fail(operation, OPERATION_MEMORY_FULL);
}

static void write_here(struct coordinator *coordinator, struct operation *operation,
                       struct instant now)
{
    struct partition *partition = store_partition(coordinator->replica->store,
                                                  operation->place.partition);
    const bool again = operation->rounds > 0;
    struct version stored, current;

    partition_lock(partition);
    if (may_write(operation, partition, now)) {
        replica_current(partition, &operation->place, &stored);
        if (again && !dot_equal(stored.dot, operation->written.dot))
            adopt(operation, &stored);
        else if (!newest(operation, &stored, &current))
            ; /* it has failed */
        else if (again && dot_equal(current.dot, operation->written.dot))
            stamp_again(coordinator, operation, now, partition, &stored);
        else
            change_here(coordinator, operation, now, partition, &stored, &current);
    }
    partition_unlock(partition);
}

static void follow_writing(struct coordinator *coordinator, struct operation *operation,
                           struct instant now);

/* Sends `written` to all other replicas and counts this one. */
static void offer_to_all(struct coordinator *coordinator, struct operation *operation)
{
    const node_number self = coordinator->replica->self;

    operation->wrote = true;
    for (unsigned i = 0; i < operation->copies; i++)
        if (operation->nodes[i] == self)
            write_tally_add(&operation->writing, i, ACK_OK, DOT_NONE, 0);
    for (unsigned i = 0; i < operation->copies; i++)
        if (operation->nodes[i] != self &&
            !coordinator->calls->offer(coordinator->host, operation, operation->nodes[i]))
            write_tally_add(&operation->writing, i, ACK_DOWN, DOT_NONE, 0);
}

static void begin_writing(struct coordinator *coordinator, struct operation *operation,
                          struct instant now)
{
    operation->state = OPERATION_WRITING;
    write_here(coordinator, operation, now);
    if (operation->state == OPERATION_FAILED)
        return;
    if (operation->unchanged) {
        operation->state = OPERATION_DONE;
        return;
    }
    write_tally_begin(&operation->writing, operation->copies, operation->write_needed,
                      OPERATION_ROUNDS_MAX - operation->rounds, operation->written.dot);
    offer_to_all(coordinator, operation);
    follow_writing(coordinator, operation, now);
}

static void begin_reading(struct coordinator *coordinator, struct operation *operation,
                          struct instant now);

/* Somebody knows a newer dot than ours.
 *
 * A write gets a stamp above it and above what is here by now. That may be a version that took our
 * place meanwhile: it came while this operation ran, so either order is right, and ours is the one
 * that has to be above all that was acknowledged before. What is not ours is never stamped again:
 * it may have been acknowledged, and overwritten since.
 *
 * An update was made of an older version than the one that somebody knows, so it reads again, and
 * is made again of what it finds then; unless another update took its place here meanwhile, which
 * was made of it: then that one is offered for both. */
static void overtaken(struct coordinator *coordinator, struct operation *operation,
                      struct instant now)
{
    struct partition *partition = store_partition(coordinator->replica->store,
                                                  operation->place.partition);
    const bool update = operation->kind == OPERATION_UPDATE;
    struct version stored;
    bool ours;

    /* Nor is it an acknowledgement where no stamp may be above it: the ceiling of one that has just
     * restarted may be ahead of ours, until the clocks have passed it. */
    if (operation->writing.known.stamp >=
        atomic_load_explicit(&coordinator->replica->bounds->ceiling, memory_order_acquire)) {
        operation->answered = operation->writing.acknowledged;
        fail(operation, OPERATION_TOO_FEW);
        return;
    }
    operation->rounds++;
    hlc_observe(&coordinator->replica->hlc, operation->writing.known.stamp);
    coordinator->calls->renew(coordinator->host, operation);
    partition_lock(partition);
    replica_current(partition, &operation->place, &stored);
    ours = !operation->adopted && dot_equal(stored.dot, operation->written.dot);
    if (may_write(operation, partition, now)) {
        if (!update)
            stamp_again(coordinator, operation, now, partition, &stored);
        else if (!ours)
            adopt(operation, &stored);
    }
    partition_unlock(partition);
    if (operation->state == OPERATION_FAILED)
        return;
    if (update && ours) {
        begin_reading(coordinator, operation, now);
        return;
    }
    write_tally_restamp(&operation->writing, operation->written.dot);
    offer_to_all(coordinator, operation);
}

static void follow_writing(struct coordinator *coordinator, struct operation *operation,
                           struct instant now)
{
    while (operation->state == OPERATION_WRITING) {
        switch (operation->writing.state) {
        case TALLY_PENDING:
            return;
        case TALLY_RESTAMP:
            overtaken(coordinator, operation, now);
            break;
        case TALLY_DONE:
            operation->state = OPERATION_DONE;
            return;
        case TALLY_ASK:
        case TALLY_FAILED:
            operation->answered = operation->writing.acknowledged;
            fail(operation,
                 dot_exists(operation->writing.known) ? OPERATION_CONTENDED : OPERATION_TOO_FEW);
            return;
        }
    }
}

/* ---- reading ---- */

static void follow_reading(struct coordinator *coordinator, struct operation *operation,
                           struct instant now);

/* Asks the next replica that has a chance; false when there is none left. */
static bool ask_another(struct coordinator *coordinator, struct operation *operation)
{
    struct read_tally *tally = &operation->reading;
    int next;

    while ((next = read_tally_ask(tally)) >= 0) {
        const node_number node = operation->nodes[next];
        if (node == coordinator->replica->self)
            continue; /* it has voted already */
        if (coordinator->calls->promising(coordinator->host, node) &&
            coordinator->calls->ask(coordinator->host, operation, node))
            return true;
        read_tally_add(tally, (unsigned)next, ANSWER_DOWN, NULL, 0);
    }
    return false;
}

/* This replica's own vote. */
static bool look_here(struct coordinator *coordinator, struct operation *operation)
{
    struct read_tally *tally = &operation->reading;
    struct partition *partition = store_partition(coordinator->replica->store,
                                                  operation->place.partition);
    struct version stored;
    bool begun = false;

    partition_lock(partition);
    if (partition->claim_version != operation->place.claim_version) {
        fail(operation, OPERATION_RING_CHANGED);
    } else if (!partition_votes(partition)) {
        fail(operation, OPERATION_NOT_VOTING);
    } else {
        replica_current(partition, &operation->place, &stored);
        begun = read_tally_begin(tally, operation->siblings, operation->copies,
                                 operation->read_needed, &stored);
        if (!begun)
            fail(operation, OPERATION_MEMORY_FULL);
    }
    partition_unlock(partition);
    return begun;
}

static void begin_reading(struct coordinator *coordinator, struct operation *operation,
                          struct instant now)
{
    const int self = index_of(operation, coordinator->replica->self);

    operation->state = OPERATION_READING;
    if (!look_here(coordinator, operation))
        return;
    ensure(self >= 0);
    read_tally_add(&operation->reading, (unsigned)self, ANSWER_SAME, NULL, 0);
    follow_reading(coordinator, operation, now);
}

static void follow_reading(struct coordinator *coordinator, struct operation *operation,
                           struct instant now)
{
    while (operation->state == OPERATION_READING) {
        switch (operation->reading.state) {
        case TALLY_PENDING:
            return;
        case TALLY_ASK:
            if (!ask_another(coordinator, operation) && operation->reading.state == TALLY_ASK)
                operation->reading.state = TALLY_FAILED;
            break;
        case TALLY_DONE:
            if (operation->kind == OPERATION_UPDATE) {
                begin_writing(coordinator, operation, now);
                return;
            }
            operation->found = operation->whole_version
                                   ? operation->reading.winner
                                   : seen(&operation->reading.winner, now.wall_ms);
            operation->state = OPERATION_DONE;
            return;
        case TALLY_RESTAMP:
        case TALLY_FAILED:
            operation->answered = operation->reading.votes;
            fail(operation, OPERATION_TOO_FEW);
            return;
        }
    }
}

/* ---- events ---- */

void operation_begin(struct coordinator *coordinator, struct operation *operation,
                     struct instant now)
{
    operation->wrote = false;
    operation->repaired = false;
    operation->unchanged = false;
    operation->adopted = false;
    operation->rounds = 0;
    operation->answered = 0;
    operation->over = DOT_NONE;
    if (operation->copies < (operation->kind == OPERATION_WRITE ? 0 : operation->read_needed) ||
        operation->copies < (operation->kind == OPERATION_READ ? 0 : operation->write_needed))
        fail(operation, OPERATION_TOO_FEW);
    else if (operation->kind == OPERATION_WRITE)
        begin_writing(coordinator, operation, now);
    else
        begin_reading(coordinator, operation, now);
}

void operation_answered(struct coordinator *coordinator, struct operation *operation,
                        struct instant now, node_number node, const struct looked *looked)
{
    const int index = index_of(operation, node);

    if (operation->state != OPERATION_READING || index < 0)
        return;
    read_tally_add(&operation->reading, (unsigned)index, (uint8_t)looked->status, &looked->version,
                   looked->claim_version);
    follow_reading(coordinator, operation, now);
}

static bool known_too_far(const struct replica *replica, struct instant now, struct dot known)
{
    return hlc_too_far(known.stamp, now.wall_ms,
                       atomic_load_explicit(&replica->bounds->ahead_max_ms, memory_order_relaxed));
}

void operation_acknowledged(struct coordinator *coordinator, struct operation *operation,
                            struct instant now, node_number node, const struct offered *offered)
{
    const int index = index_of(operation, node);
    struct dot known = offered->known;

    /* One that is done goes on counting, for WAIT. */
    const bool done = operation->state == OPERATION_DONE && operation->kind != OPERATION_READ;
    if ((operation->state != OPERATION_WRITING && !done) || index < 0)
        return;
    /* A set is merged, never overtaken; what refuses its dot all the same refuses it. Nor is a
     * version stamped above what a bad clock left: the others would refuse that, and our own clock
     * would follow. */
    if (operation->siblings || known_too_far(coordinator->replica, now, known))
        known = DOT_NONE;
    write_tally_add(&operation->writing, (unsigned)index, (uint8_t)offered->status, known,
                    offered->claim_version);
    follow_writing(coordinator, operation, now);
}

void operation_lost(struct coordinator *coordinator, struct operation *operation,
                    struct instant now, node_number node)
{
    const struct looked no_look = {.status = ANSWER_DOWN};
    const struct offered no_offer = {.status = ACK_DOWN};
    const int index = index_of(operation, node);

    if (index < 0)
        return;
    if (operation->state == OPERATION_READING &&
        operation->reading.replicas[index].status == TALLY_WAITING)
        operation_answered(coordinator, operation, now, node, &no_look);
    else if (operation->state == OPERATION_WRITING || operation->state == OPERATION_DONE)
        operation_acknowledged(coordinator, operation, now, node, &no_offer);
}

void operation_hedge(struct coordinator *coordinator, struct operation *operation,
                     struct instant now)
{
    if (operation->state == OPERATION_READING && operation->reading.state == TALLY_PENDING) {
        ask_another(coordinator, operation);
        follow_reading(coordinator, operation, now);
    }
}

void operation_expire(struct operation *operation)
{
    operation->answered = operation->state == OPERATION_READING ? operation->reading.votes
                                                                : operation->writing.acknowledged;
    fail(operation, OPERATION_TOO_FEW);
}

/* ---- what is owed ---- */

/* Who knows something newer needs it no more, and who has no room for it has forgotten it already:
 * both leave the key's older versions behind. All others may still lack it. */
static bool owed(unsigned status)
{
    return status != ACK_OK && status != ACK_NEWER && status != ACK_FULL && status != TALLY_UNASKED;
}

unsigned operation_owes(const struct operation *operation, node_number nodes[COPIES_MAX])
{
    unsigned count = 0;

    if (!operation->wrote && !operation->repaired)
        return 0;
    for (unsigned i = 0; i < operation->copies; i++)
        if (owed(operation->writing.statuses[i]))
            nodes[count++] = operation->nodes[i];
    return count;
}
