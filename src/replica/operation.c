/* SPDX-License-Identifier: BSD-3-Clause */
#include "replica/operation.h"

#include "base/assert.h"
#include "value/siblings.h"

/* Buffers larger than this are given back between two uses, bytes. */
#define BUFFER_KEEP (16 * 1024)
/* How often a change is made before there is no room for it: others may take what was made. */
#define ROOM_TRIES 2

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
    else if (!replica_votes(partition))
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
    const enum store_status status = operation->written_bytes.failed
                                         ? STORE_NO_MEMORY
                                         : partition_put(partition, place->hash, place->key,
                                                         written, &written->value, 1);
    operation->full = status == STORE_FULL;
    if (status != STORE_OK)
        fail(operation, OPERATION_MEMORY_FULL);
    return status == STORE_OK;
}

/* What was found under the lock when a version is to be written. */
struct found {
    struct version stored;
    struct dot mark; /* of what vanished here */
};

static void find(const struct operation *operation, struct partition *partition,
                 struct found *found)
{
    replica_current(partition, &operation->place, &found->stored);
    found->mark = replica_mark(partition, &operation->place, &found->stored);
}

/* What the reading counts as gone, if there was one. */
static struct dot gone(const struct operation *operation)
{
    return operation->kind == OPERATION_WRITE ? DOT_NONE : operation->reading.gone;
}

/* The newer of what the quorum answered and what is stored now; of siblings, their merge, which
 * lies in the tally's spare buffer. Neither counts where something newer has vanished. */
static bool newest(struct operation *operation, const struct found *found, struct version *current)
{
    static const struct version nothing = {.deadline_ms = DEADLINE_NEVER};
    const struct version *winner = &operation->reading.winner;
    struct buffer *merged = &operation->reading.spare;

    *current = found->stored;
    if (operation->kind == OPERATION_WRITE)
        return true;
    if (dot_compare(current->dot, operation->reading.gone) <= 0)
        *current = nothing;
    if (dot_compare(winner->dot, found->mark) < 0)
        return true;
    if (operation->siblings && current->kind != VALUE_STRING && winner->kind != VALUE_STRING) {
        buffer_reset(merged, BUFFER_KEEP);
        if (siblings_merge(current->value, winner->value, merged) != SIBLINGS_OK) {
            fail(operation, OPERATION_TOO_MANY);
            return false;
        }
        if (buffer_size(merged) > 0)
            *current = siblings_version(buffer_content(merged));
        return true;
    }
    if (dot_compare(winner->dot, current->dot) > 0)
        *current = *winner;
    return true;
}

/* What a stamp has to be above: all that is known of the key, here, by the quorum, by the client.
 */
static uint64_t floor_of(const struct operation *operation, const struct found *found,
                         const struct version *current, const struct change *change)
{
    struct dot floor = dot_max(found->stored.dot, current->dot);
    struct context context;

    floor = dot_max(floor, found->mark);
    floor = dot_max(floor, gone(operation));
    if (operation->rounds > 0)
        floor = dot_max(floor, operation->writing.known);
    if (change->context.size > 0 && context_from_text(change->context, &context))
        floor = dot_max(floor, context_newest(&context));
    return floor.stamp;
}

/* What an update that leaves all as it is was decided on. Where that is more than the quorum
 * answered, it may be here and nowhere else, and is kept for those that lack it. */
static void note_basis(struct operation *operation, const struct version *current)
{
    const struct read_tally *reading = &operation->reading;
    struct buffer *bytes = &operation->written_bytes;

    operation->basis = BASIS_WINNER;
    if (dot_equal(current->dot, reading->winner.dot) &&
        (current->kind != VALUE_SIBLINGS ||
         siblings_digest(current->value) == reading->winner_digest))
        return;
    operation->basis = version_exists(current) ? BASIS_STORED : BASIS_NOTHING;
    if (operation->basis == BASIS_NOTHING)
        return;
    buffer_reset(bytes, BUFFER_KEEP);
    buffer_append_span(bytes, current->value);
    operation->written = *current;
    operation->written.value = buffer_content(bytes);
    if (bytes->failed)
        fail(operation, OPERATION_MEMORY_FULL);
}

/* Decides the change, stamps it and keeps it, all under one lock. */
static void change_here(struct coordinator *coordinator, struct operation *operation,
                        struct instant now, struct partition *partition, const struct found *found,
                        const struct version *current)
{
    const struct version visible = seen(current, now.wall_ms);
    struct change change = {.deadline_ms = DEADLINE_NEVER};

    coordinator->calls->change(coordinator->host, operation,
                               operation->kind == OPERATION_WRITE ? NULL : &visible, &change);
    operation->unchanged = change.action == CHANGE_NOTHING;
    if (operation->unchanged) {
        note_basis(operation, current);
        return;
    }
    const uint64_t floor = floor_of(operation, found, current, &change);
    const struct dot dot = stamp(coordinator, operation, partition, now, floor);
    operation->over = dot_max(dot_max(current->dot, found->mark), gone(operation));
    if (dot_exists(dot) && build(operation, current, &change, dot, now.wall_ms))
        keep(operation, partition);
}

/* The set that was written, with all that `here` has, and with `dot` for the write. */
static bool restamp_set(struct operation *operation, const struct version *here, struct dot dot)
{
    struct version *written = &operation->written;
    struct buffer merged = {0};
    const struct span none = span_of(NULL, 0);
    enum siblings_status status = siblings_merge(version_is_set(here) ? here->value : none,
                                                 written->value, &merged);

    if (status == SIBLINGS_OK) {
        buffer_reset(&operation->written_bytes, BUFFER_KEEP);
        status = siblings_restamp(buffer_content(&merged), written->dot, dot,
                                  &operation->written_bytes);
    }
    buffer_deinit(&merged);
    if (status == SIBLINGS_OK)
        *written = siblings_version(buffer_content(&operation->written_bytes));
    else
        fail(operation, status == SIBLINGS_NO_MEMORY ? OPERATION_MEMORY_FULL : OPERATION_TOO_MANY);
    return status == SIBLINGS_OK;
}

/* The version that was kept gets a stamp above what others know, and above what is `here` by now:
 * of a set, the write gets it, beside what has joined it. */
static void stamp_again(struct coordinator *coordinator, struct operation *operation,
                        struct instant now, struct partition *partition, const struct found *found,
                        const struct version *here)
{
    const struct dot newest = dot_max(dot_max(found->stored.dot, found->mark), here->dot);
    const uint64_t floor = dot_max(operation->writing.known, newest).stamp;
    const struct dot dot = stamp(coordinator, operation, partition, now, floor);

    if (dot_exists(dot) && version_is_set(&operation->written)) {
        if (restamp_set(operation, here, dot))
            keep(operation, partition);
        return;
    }
    operation->written.dot = dot;
    if (dot_exists(dot))
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

/* Whether another version has taken the place of ours; that ours has vanished is no such thing. */
static bool taken(const struct operation *operation, const struct found *found)
{
    return dot_compare(found->stored.dot, operation->written.dot) > 0;
}

static void write_locked(struct coordinator *coordinator, struct operation *operation,
                         struct instant now, struct partition *partition)
{
    const bool again = operation->rounds > 0;
    struct version current;
    struct found found;

    if (!may_write(operation, partition, now))
        return;
    find(operation, partition, &found);
    if (again && taken(operation, &found))
        adopt(operation, &found.stored);
    else if (!newest(operation, &found, &current))
        return; /* it has failed */
    else if (again && dot_equal(current.dot, operation->written.dot))
        stamp_again(coordinator, operation, now, partition, &found, &current);
    else
        change_here(coordinator, operation, now, partition, &found, &current);
}

static void write_here(struct coordinator *coordinator, struct operation *operation,
                       struct instant now)
{
    struct replica *replica = coordinator->replica;
    struct partition *partition = store_partition(replica->store, operation->place.partition);
    unsigned tries = ROOM_TRIES;

    replica_make_room(replica, &operation->place, 0, &operation->evicted);
    do {
        operation->full = false;
        partition_lock(partition);
        write_locked(coordinator, operation, now, partition);
        partition_unlock(partition);
        /* How much room it needs is known now. */
        if (!operation->full || --tries == 0 ||
            !replica_make_room(replica, &operation->place, operation->written.value.size,
                               &operation->evicted))
            return;
        operation->state = OPERATION_WRITING;
    } while (true);
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

static void repair(struct coordinator *coordinator, struct operation *operation,
                   struct instant now);

static void begin_writing(struct coordinator *coordinator, struct operation *operation,
                          struct instant now)
{
    operation->state = OPERATION_WRITING;
    write_here(coordinator, operation, now);
    if (operation->state == OPERATION_FAILED)
        return;
    if (operation->unchanged) {
        repair(coordinator, operation, now);
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
    struct found found;
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
    replica_make_room(coordinator->replica, &operation->place, operation->written.value.size,
                      &operation->evicted);
    partition_lock(partition);
    find(operation, partition, &found);
    ours = !operation->adopted && !taken(operation, &found);
    if (may_write(operation, partition, now)) {
        if (!update)
            stamp_again(coordinator, operation, now, partition, &found, &found.stored);
        else if (taken(operation, &found))
            adopt(operation, &found.stored);
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
        case TALLY_LOOK:
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

static bool send_question(struct coordinator *coordinator, struct operation *operation,
                          node_number node)
{
    return coordinator->calls->promising(coordinator->host, node) &&
           coordinator->calls->ask(coordinator->host, operation, node);
}

/* Asks the next replica that has a chance; false when there is none left. */
static bool ask_another(struct coordinator *coordinator, struct operation *operation)
{
    struct read_tally *tally = &operation->reading;
    int next;

    while ((next = read_tally_ask(tally)) >= 0) {
        const node_number node = operation->nodes[next];
        if (node == coordinator->replica->self)
            continue; /* it has voted already */
        if (send_question(coordinator, operation, node))
            return true;
        read_tally_add(tally, (unsigned)next, ANSWER_DOWN, NULL, NULL, 0);
    }
    return false;
}

static struct absence absence_of(const struct looked *looked)
{
    return (struct absence){
        .mark = looked->mark, .floor = looked->floor, .settled = looked->settled};
}

/* This replica's own vote. */
static void look_here(struct coordinator *coordinator, struct operation *operation, unsigned self)
{
    struct read_tally *tally = &operation->reading;
    struct partition *partition = store_partition(coordinator->replica->store,
                                                  operation->place.partition);
    struct absence absence;
    struct looked looked;
    struct version stored;
    bool here = false;

    partition_lock(partition);
    if (partition->claim_version != operation->place.claim_version) {
        fail(operation, OPERATION_RING_CHANGED);
    } else if (!replica_votes(partition)) {
        fail(operation, OPERATION_NOT_VOTING);
    } else {
        here = replica_see(partition, &operation->place, &stored, &looked);
        if (!read_tally_begin(tally, operation->siblings, operation->copies, operation->read_needed,
                              &stored))
            fail(operation, OPERATION_MEMORY_FULL);
    }
    partition_unlock(partition);
    if (operation->state == OPERATION_FAILED)
        return;
    if (!here)
        absence = absence_of(&looked);
    read_tally_add(tally, self, ANSWER_SAME, NULL, here ? NULL : &absence, 0);
}

/* The same again, which needs no message. */
static void look_here_again(struct coordinator *coordinator, struct operation *operation,
                            unsigned self)
{
    struct read_tally *tally = &operation->reading;
    struct partition *partition = store_partition(coordinator->replica->store,
                                                  operation->place.partition);
    enum answer_status status = ANSWER_NOT_VOTING;
    struct looked looked = {0};
    struct version stored;

    partition_lock(partition);
    if (partition->claim_version == operation->place.claim_version && replica_votes(partition)) {
        if (!replica_see(partition, &operation->place, &stored, &looked))
            status = ANSWER_NONE;
        else if (!operation->siblings && dot_equal(stored.dot, tally->asking))
            status = ANSWER_SAME;
        else
            status = ANSWER_VERSION;
    }
    const struct absence absence = absence_of(&looked);
    read_tally_add(tally, self, (uint8_t)status, &stored, &absence, 0);
    partition_unlock(partition);
}

/* Rule 11: one that has the winner is asked again, because another has nothing any more. */
static void look_again(struct coordinator *coordinator, struct operation *operation)
{
    struct read_tally *tally = &operation->reading;
    const unsigned self = (unsigned)index_of(operation, coordinator->replica->self);
    const unsigned whom = read_tally_look(tally, self);

    operation->looks++;
    if (whom == self)
        look_here_again(coordinator, operation, self);
    else if (!send_question(coordinator, operation, operation->nodes[whom]))
        read_tally_add(tally, whom, ANSWER_DOWN, NULL, NULL, 0);
}

static void finish(struct operation *operation, struct instant now)
{
    if (operation->kind == OPERATION_READ)
        operation->found = operation->whole_version ? operation->reading.winner
                                                    : seen(&operation->reading.winner, now.wall_ms);
    operation->state = OPERATION_DONE;
}

static void begin_reading(struct coordinator *coordinator, struct operation *operation,
                          struct instant now)
{
    const int self = index_of(operation, coordinator->replica->self);

    operation->state = OPERATION_READING;
    ensure(self >= 0);
    look_here(coordinator, operation, (unsigned)self);
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
        case TALLY_LOOK:
            look_again(coordinator, operation);
            break;
        case TALLY_DONE:
            if (operation->kind == OPERATION_UPDATE)
                begin_writing(coordinator, operation, now);
            else if (operation->reading.differing)
                repair(coordinator, operation, now);
            else
                finish(operation, now);
            return;
        case TALLY_RESTAMP:
        case TALLY_FAILED:
            operation->answered = operation->reading.votes;
            fail(operation, OPERATION_TOO_FEW);
            return;
        }
    }
}

/* ---- repairing ---- */

/* Who knows something newer does not lack it; and who has no room for it had it and lost it. */
static enum ack_status answer_to_repair(enum ack_status status)
{
    return status == ACK_NEWER || status == ACK_FULL ? ACK_OK : status;
}

static void offer_repair(struct coordinator *coordinator, struct operation *operation,
                         struct instant now, unsigned replica)
{
    const node_number node = operation->nodes[replica];
    struct offered offered = {.status = ACK_DOWN};

    if (node == coordinator->replica->self) {
        offered = replica_offer(coordinator->replica, now, &operation->place, operation->over,
                                &operation->written);
        operation->evicted += offered.evicted;
    } else if (coordinator->calls->offer(coordinator->host, operation, node)) {
        return;
    }
    write_tally_add(&operation->writing, replica, (uint8_t)answer_to_repair(offered.status),
                    DOT_NONE, offered.claim_version);
}

static void follow_repairing(struct coordinator *coordinator, struct operation *operation,
                             struct instant now)
{
    int next;

    while (operation->state == OPERATION_REPAIRING) {
        switch (operation->writing.state) {
        case TALLY_PENDING:
            return;
        case TALLY_ASK:
            next = write_tally_ask(&operation->writing);
            ensure(next >= 0);
            offer_repair(coordinator, operation, now, (unsigned)next);
            break;
        case TALLY_DONE:
            finish(operation, now);
            return;
        case TALLY_LOOK:
        case TALLY_RESTAMP:
        case TALLY_FAILED:
            operation->answered = operation->writing.acknowledged;
            fail(operation, OPERATION_TOO_FEW);
            return;
        }
    }
}

static uint16_t owed_to(const struct operation *operation);

unsigned operation_repair_needed(const struct operation *operation)
{
    const unsigned quorum = operation->copies / 2u + 1;

    return operation->copies + 1u -
           (operation->read_needed < quorum ? operation->read_needed : quorum);
}

/* Begins the repair of what was read; false when nobody is known to lack it. One of a single answer
 * (R = 1) promises nothing to later ones. */
static bool begin_repair(struct coordinator *coordinator, struct operation *operation,
                         uint16_t *stale)
{
    const struct read_tally *reading = &operation->reading;
    uint16_t holders = 0;

    if (operation->kind == OPERATION_UPDATE && operation->basis == BASIS_NOTHING)
        return false;
    if (operation->kind == OPERATION_UPDATE && operation->basis == BASIS_STORED) {
        holders = (uint16_t)(1u << index_of(operation, coordinator->replica->self));
        *stale = (uint16_t)((1u << operation->copies) - 1) & (uint16_t)~holders;
    } else {
        *stale = read_tally_stale(reading);
    }
    if (*stale == 0 || operation->read_needed == 1)
        return false;
    if (holders == 0) {
        holders = read_tally_voters(reading) & (uint16_t) ~*stale;
        *stale |= owed_to(operation) & (uint16_t)~holders; /* it was made of what they are owed */
        operation->written = reading->winner;
    }
    operation->repaired = true;
    operation->over = operation->written.dot;
    write_tally_begin_repair(&operation->writing, operation->copies,
                             operation_repair_needed(operation), operation->written.dot, holders,
                             *stale);
    return true;
}

/* What was read is known: sees to it that no later read finds less. */
static void repair(struct coordinator *coordinator, struct operation *operation, struct instant now)
{
    uint16_t stale;

    if (!begin_repair(coordinator, operation, &stale)) {
        finish(operation, now);
        return;
    }
    operation->state = OPERATION_REPAIRING;
    for (unsigned i = 0; i < operation->copies; i++)
        if (stale >> i & 1)
            offer_repair(coordinator, operation, now, i);
    follow_repairing(coordinator, operation, now);
}

/* ---- events ---- */

void operation_begin(struct coordinator *coordinator, struct operation *operation,
                     struct instant now)
{
    operation->wrote = false;
    operation->repaired = false;
    operation->basis = BASIS_WINNER;
    operation->looks = 0;
    operation->evicted = 0;
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
    struct absence absence;

    if (operation->state != OPERATION_READING || index < 0)
        return;
    if (looked->status == ANSWER_NONE)
        absence = absence_of(looked);
    read_tally_add(&operation->reading, (unsigned)index, (uint8_t)looked->status, &looked->version,
                   looked->status == ANSWER_NONE ? &absence : NULL, looked->claim_version);
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
    enum ack_status status = offered->status;
    struct dot known = offered->known;

    /* One that is over goes on counting, for WAIT and for what it owes. */
    if (index < 0 || operation->state == OPERATION_READING ||
        (!operation->wrote && !operation->repaired))
        return;
    if (operation->repaired)
        status = answer_to_repair(status);
    /* A set is merged, never overtaken; what refuses its dot all the same refuses it. Nor is a
     * version stamped above what a bad clock left: the others would refuse that, and our own clock
     * would follow. */
    if (dot_exists(known) &&
        (operation->siblings || known_too_far(coordinator->replica, now, known)))
        known = DOT_NONE;
    write_tally_add(&operation->writing, (unsigned)index, (uint8_t)status, known,
                    offered->claim_version);
    if (operation->state == OPERATION_REPAIRING)
        follow_repairing(coordinator, operation, now);
    else
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
    if (operation->state != OPERATION_READING)
        operation_acknowledged(coordinator, operation, now, node, &no_offer);
    else if (operation->reading.replicas[index].status == TALLY_WAITING ||
             operation->reading.looking == index)
        operation_answered(coordinator, operation, now, node, &no_look);
}

void operation_hedge(struct coordinator *coordinator, struct operation *operation,
                     struct instant now)
{
    if (operation->state == OPERATION_READING && operation->reading.state == TALLY_PENDING) {
        ask_another(coordinator, operation);
        follow_reading(coordinator, operation, now);
    } else if (operation->state == OPERATION_REPAIRING) {
        const int next = write_tally_ask(&operation->writing);
        if (next >= 0)
            offer_repair(coordinator, operation, now, (unsigned)next);
        follow_repairing(coordinator, operation, now);
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

/* As bits 1 << replica. */
static uint16_t owed_to(const struct operation *operation)
{
    uint16_t to = 0;

    if (operation->wrote || operation->repaired)
        for (unsigned i = 0; i < operation->copies; i++)
            if (owed(operation->writing.statuses[i]))
                to |= (uint16_t)(1u << i);
    return to;
}

unsigned operation_owes(const struct operation *operation, node_number nodes[COPIES_MAX])
{
    const uint16_t to = owed_to(operation);
    unsigned count = 0;

    for (unsigned i = 0; i < operation->copies; i++)
        if (to >> i & 1)
            nodes[count++] = operation->nodes[i];
    return count;
}
