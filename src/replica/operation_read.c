/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An operation reads: this replica votes, others are asked, one that has the result is asked again
 * where another has nothing (rule 11), and what was read is offered to those that lack it.
 */
#include "replica/operation_parts.h"

#include "base/assert.h"

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

/* A read's result is `version`. */
static void show(struct coordinator *coordinator, struct operation *operation, struct instant now,
                 const struct version *version)
{
    operation->found = operation->whole_version ? *version : operation_seen(version, now.wall_ms);
    operation->state = OPERATION_DONE;
    coordinator->calls->found(coordinator->host, operation);
}

/* Whether this replica's vote alone is the result as it is: then there is nothing to count, and the
 * value need not be kept for longer than the lock is. */
static bool one_is_enough(const struct operation *operation)
{
    return operation->kind == OPERATION_READ && operation->read_needed == 1 &&
           !operation->siblings && !operation->slow;
}

/* This replica's own vote. */
static void look_here(struct coordinator *coordinator, struct operation *operation,
                      struct instant now, unsigned self)
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
        operation_fail(operation, OPERATION_RING_CHANGED);
    } else if (!replica_votes(partition)) {
        operation_fail(operation, OPERATION_NOT_VOTING);
    } else {
        here = replica_see(partition, &operation->place, &stored, &looked);
        if (here && __builtin_expect(stored.value.size >= BLOCK_SHARED_MIN, 0))
            read_tally_lend(tally, partition_share_value(partition, operation->place.hash,
                                                         operation->place.key));
        if (one_is_enough(operation))
            show(coordinator, operation, now, &stored);
        else if (!read_tally_begin(tally, operation->siblings, operation->copies,
                                   operation->read_needed, &stored))
            operation_fail(operation, OPERATION_MEMORY_FULL);
    }
    partition_unlock(partition);
    if (operation->state != OPERATION_READING)
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
    const unsigned self = (unsigned)operation_index(operation, coordinator->replica->self);
    const unsigned whom = read_tally_look(tally, self);

    operation->looks++;
    if (whom == self)
        look_here_again(coordinator, operation, self);
    else if (!send_question(coordinator, operation, operation->nodes[whom]))
        read_tally_add(tally, whom, ANSWER_DOWN, NULL, NULL, 0);
}

static void finish(struct coordinator *coordinator, struct operation *operation, struct instant now)
{
    if (operation->kind == OPERATION_READ)
        show(coordinator, operation, now, &operation->reading.winner);
    else
        operation->state = OPERATION_DONE;
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
                operation_write_begin(coordinator, operation, now);
            else if (operation->reading.differing)
                operation_repair(coordinator, operation, now);
            else
                finish(coordinator, operation, now);
            return;
        case TALLY_RESTAMP:
        case TALLY_FAILED:
            operation->answered = operation->reading.votes;
            operation_fail(operation, OPERATION_TOO_FEW);
            return;
        }
    }
}

void operation_read_begin(struct coordinator *coordinator, struct operation *operation,
                          struct instant now)
{
    const int self = operation_index(operation, coordinator->replica->self);

    operation->state = OPERATION_READING;
    ensure(self >= 0);
    look_here(coordinator, operation, now, (unsigned)self);
    follow_reading(coordinator, operation, now);
}

/* A version that this node would refuse of others is merged with nothing: it is above the ceiling,
 * or a bad clock left it. It could be offered to others and not be kept here, and nobody would owe
 * it to this node. Who answers it does not vote. */
static enum answer_status status_of(struct replica *replica, struct instant now,
                                    const struct looked *looked)
{
    if (looked->status == ANSWER_VERSION &&
        (!replica_may_enter(replica, now, looked->version.dot.stamp) ||
         looked->version.kind == VALUE_BATCH))
        return ANSWER_FULL;
    return looked->status;
}

void operation_answered(struct coordinator *coordinator, struct operation *operation,
                        struct instant now, node_number node, const struct looked *looked)
{
    const enum answer_status status = status_of(coordinator->replica, now, looked);
    const int index = operation_index(operation, node);
    struct absence absence;

    if (operation->state != OPERATION_READING || index < 0)
        return;
    if (looked->status == ANSWER_NONE)
        absence = absence_of(looked);
    read_tally_add(&operation->reading, (unsigned)index, (uint8_t)status, &looked->version,
                   looked->status == ANSWER_NONE ? &absence : NULL, looked->claim_version);
    follow_reading(coordinator, operation, now);
}

/* ---- repairing ---- */

/* Who knows something newer does not lack it; and who has no room for it had it and lost it. */
enum ack_status operation_repair_answer(enum ack_status status)
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
    } else if (coordinator->calls->offer(coordinator->host, operation, (uint16_t)(1u << replica)) !=
               0) {
        return;
    }
    write_tally_add(&operation->writing, replica, (uint8_t)operation_repair_answer(offered.status),
                    DOT_NONE, offered.claim_version);
}

void operation_repair_follow(struct coordinator *coordinator, struct operation *operation,
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
            finish(coordinator, operation, now);
            return;
        case TALLY_LOOK:
        case TALLY_RESTAMP:
        case TALLY_FAILED:
            operation->answered = operation->writing.acknowledged;
            operation_fail(operation, OPERATION_TOO_FEW);
            return;
        }
    }
}

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
        holders = (uint16_t)(1u << operation_index(operation, coordinator->replica->self));
        *stale = (uint16_t)((1u << operation->copies) - 1) & (uint16_t)~holders;
    } else {
        *stale = read_tally_stale(reading);
    }
    if (*stale == 0 || operation->read_needed == 1)
        return false;
    if (holders == 0) {
        holders = read_tally_voters(reading) & (uint16_t) ~*stale;
        *stale |= operation_owed_to(operation) &
                  (uint16_t)~holders; /* it was made of what they are owed */
        operation->written = reading->winner;
    }
    operation->repaired = true;
    operation->over = operation->written.dot;
    write_tally_begin_repair(&operation->writing, operation->copies,
                             operation_repair_needed(operation), operation->written.dot, holders,
                             *stale);
    return true;
}

void operation_repair(struct coordinator *coordinator, struct operation *operation,
                      struct instant now)
{
    uint16_t stale;

    if (!begin_repair(coordinator, operation, &stale)) {
        finish(coordinator, operation, now);
        return;
    }
    operation->state = OPERATION_REPAIRING;
    for (unsigned i = 0; i < operation->copies; i++)
        if (stale >> i & 1)
            offer_repair(coordinator, operation, now, i);
    operation_repair_follow(coordinator, operation, now);
}

/* ---- answers that take long ---- */

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
        operation_repair_follow(coordinator, operation, now);
    }
}
