/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How an operation begins, what happens to it, and what it owes at its end. How it reads and writes
 * is in operation_read.c and operation_write.c.
 */
#include "replica/operation_parts.h"

#include "value/merge.h"

void operation_rest(struct operation *operation)
{
    buffer_reset(&operation->written_bytes, BUFFER_KEEP);
    if (operation->kind != OPERATION_WRITE)
        read_tally_end(&operation->reading);
}

void operation_deinit(struct operation *operation)
{
    read_tally_deinit(&operation->reading);
    buffer_deinit(&operation->written_bytes);
}

void operation_fail(struct operation *operation, enum operation_failure failure)
{
    if (operation->wrote && failure != OPERATION_TOO_FEW && failure != OPERATION_CONTENDED) {
        failure = OPERATION_TOO_FEW;
        operation->answered = 0;
    }
    operation->state = OPERATION_FAILED;
    operation->failure = failure;
}

int operation_index(const struct operation *operation, node_number node)
{
    for (int i = 0; i < operation->copies; i++)
        if (operation->nodes[i] == node)
            return i;
    return -1;
}

struct version operation_seen(const struct version *version, int64_t now_ms)
{
    struct sibling sibling;

    if (version->kind < VALUE_SIBLINGS)
        return *version;
    if (version->kind == VALUE_COUNTER)
        return (struct version){.dot = version->dot,
                                .kind = VALUE_STRING,
                                .deadline_ms = version->deadline_ms,
                                .value = counter_text(version->value)};
    if (!siblings_newest(version->value, now_ms, &sibling))
        return (struct version){.dot = version->dot, .deadline_ms = DEADLINE_NEVER};
    return (struct version){.dot = sibling.dot,
                            .kind = VALUE_STRING,
                            .deadline_ms = sibling.deadline_ms,
                            .value = sibling.value};
}

/* ---- events ---- */

void operation_begin(struct coordinator *coordinator, struct operation *operation,
                     struct instant now)
{
    operation->wrote = false;
    operation->repaired = false;
    operation->basis = BASIS_WINNER;
    operation->looks = 0;
    operation->awaits = 0;
    operation->evicted = 0;
    operation->unchanged = false;
    operation->adopted = false;
    operation->ambiguous = false;
    operation->rounds = 0;
    operation->rests = false;
    operation->answered = 0;
    operation->over = DOT_NONE;
    operation->addition.opened = 0;
    if (operation->copies < (operation->kind == OPERATION_WRITE ? 0 : operation->read_needed) ||
        operation->copies < (operation->kind == OPERATION_READ ? 0 : operation->write_needed))
        operation_fail(operation, OPERATION_TOO_FEW);
    else if (operation->batch != NULL)
        operation_batch_begin(coordinator, operation, now);
    else if (operation->kind == OPERATION_WRITE)
        operation_write_begin(coordinator, operation, now);
    else
        operation_read_begin(coordinator, operation, now);
}

static bool known_too_far(const struct replica *replica, struct instant now, struct dot known)
{
    return hlc_too_far(known.stamp, now.wall_ms,
                       atomic_load_explicit(&replica->bounds->ahead_max_ms, memory_order_relaxed));
}

void operation_acknowledged(struct coordinator *coordinator, struct operation *operation,
                            struct instant now, node_number node, const struct offered *offered)
{
    const int index = operation_index(operation, node);
    enum ack_status status = offered->status;
    struct dot known = offered->known;

    /* One that is over goes on counting, for WAIT and for what it owes. */
    if (index < 0 || operation->state == OPERATION_READING ||
        (!operation->wrote && !operation->repaired))
        return;
    if (operation->repaired)
        status = operation_repair_answer(status);
    /* A set is merged, never overtaken; what refuses its dot all the same refuses it. Nor is a
     * version stamped above what a bad clock left: the others would refuse that, and our own clock
     * would follow. */
    if (dot_exists(known) &&
        (operation->siblings || known_too_far(coordinator->replica, now, known)))
        known = DOT_NONE;
    write_tally_add(&operation->writing, (unsigned)index, (uint8_t)status, known,
                    offered->claim_version);
    if (operation->state == OPERATION_REPAIRING)
        operation_repair_follow(coordinator, operation, now);
    else
        operation_write_follow(coordinator, operation, now);
}

void operation_lost(struct coordinator *coordinator, struct operation *operation,
                    struct instant now, node_number node)
{
    const struct looked no_look = {.status = ANSWER_DOWN};
    const struct offered no_offer = {.status = ACK_DOWN};
    const int index = operation_index(operation, node);

    if (index < 0)
        return;
    if (operation->state != OPERATION_READING)
        operation_acknowledged(coordinator, operation, now, node, &no_offer);
    else if (operation->reading.replicas[index].status == TALLY_WAITING ||
             operation->reading.looking == index)
        operation_answered(coordinator, operation, now, node, &no_look);
}

void operation_expire(struct operation *operation)
{
    if (operation->state == OPERATION_UNSTAMPED) {
        operation_fail(operation, OPERATION_NO_STAMP);
        return;
    }
    operation->answered = operation->state == OPERATION_READING ? operation->reading.votes
                                                                : operation->writing.acknowledged;
    operation_fail(operation, OPERATION_TOO_FEW);
}

/* ---- what is owed ---- */

/* Who knows something newer needs it no more, and who has no room for it has forgotten it already:
 * both leave the key's older versions behind. All others may still lack it. */
static bool owed(unsigned status)
{
    return status != ACK_OK && status != ACK_NEWER && status != ACK_FULL && status != TALLY_UNASKED;
}

uint16_t operation_owed_to(const struct operation *operation)
{
    uint16_t to = 0;

    if (operation->writing.acknowledged == operation->copies)
        return 0;
    if (operation->wrote || operation->repaired)
        for (unsigned i = 0; i < operation->copies; i++)
            if (owed(operation->writing.statuses[i]))
                to |= (uint16_t)(1u << i);
    return to;
}

unsigned operation_owes(const struct operation *operation, node_number nodes[COPIES_MAX])
{
    const uint16_t to = operation_owed_to(operation);
    unsigned count = 0;

    for (unsigned i = 0; to != 0 && i < operation->copies; i++)
        if (to >> i & 1)
            nodes[count++] = operation->nodes[i];
    return count;
}
