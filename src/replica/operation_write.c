/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An operation writes: the change is decided, stamped and kept here under one lock, and offered to
 * the other replicas. Whoever knows something newer refuses; then the version is stamped again, or
 * made anew (rule 1).
 */
#include "replica/operation_parts.h"

#include "base/assert.h"
#include "base/rule.h"
#include "store/taken.h"
#include "value/merge.h"

/* How often a change is made before there is no room for it: others may take what was made. */
#define ROOM_TRIES 2

bool operation_may_write(struct operation *operation, const struct partition *partition,
                         struct instant now)
{
    if (partition->claim_version != operation->place.claim_version)
        operation_fail(operation, OPERATION_RING_CHANGED);
    else if (!replica_votes(partition))
        operation_fail(operation, OPERATION_NOT_VOTING);
    else if (now.wall_ms >= operation->deadline_wall_ms)
        operation_fail(operation, OPERATION_LATE);
    else
        return true;
    return false;
}

struct dot operation_stamp(struct coordinator *coordinator, struct operation *operation,
                           struct partition *partition, struct instant now, uint64_t floor)
{
    const struct dot dot = {.stamp = replica_stamp(coordinator->replica, now, partition, floor),
                            .node = coordinator->replica->self};

    if (!dot_exists(dot))
        operation_fail(operation, OPERATION_NO_STAMP);
    return dot;
}

void operation_await_ceiling(struct coordinator *coordinator, struct operation *operation)
{
    const struct replica_bounds *bounds = coordinator->replica->bounds;

    if (operation->failure != OPERATION_NO_STAMP || operation->wrote ||
        atomic_load_explicit(&bounds->ceiling_failed, memory_order_relaxed))
        return;
    operation->state = OPERATION_UNSTAMPED;
    operation->writing.acknowledged = 0;
    operation->rests = coordinator->calls->rest(coordinator->host, operation);
    operation->awaits = operation->rests;
    if (!operation->rests)
        operation->state = OPERATION_FAILED;
}

bool operation_build_set(struct operation *operation, const struct version *old,
                         const struct change *change, struct dot dot, int64_t now_ms,
                         struct buffer *out)
{
    const struct span set = old->kind == VALUE_STRING ? span_of(NULL, 0) : old->value;
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
        change_value(change, &value);
        status = value.failed ? SIBLINGS_NO_MEMORY
                              : siblings_write(set, &context, dot, change->deadline_ms,
                                               buffer_content(&value), now_ms, out);
    }
    buffer_deinit(&value);
    if (status != SIBLINGS_OK)
        operation_fail(operation,
                       status == SIBLINGS_NO_MEMORY ? OPERATION_MEMORY_FULL : OPERATION_TOO_MANY);
    return status == SIBLINGS_OK;
}

static uint64_t higher(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The highest dot with a stamp. */
static struct dot last_of(uint64_t stamp)
{
    return stamp == 0 ? DOT_NONE : (struct dot){.stamp = stamp, .node = UINT16_MAX};
}

/* What is not there may have been, and come back late in a second copy, which an empty place would
 * bar (rules 8, 9): a counter that begins there bars it by its base. */
struct counter_place operation_counter_place(const struct operation *operation, node_number self,
                                             const struct partition *partition,
                                             const struct operation_found *found,
                                             const struct operation_sight *sight, int64_t now_ms)
{
    const uint64_t bar = higher(higher(partition->floor, partition->settled), sight->settled);

    return (struct counter_place){
        .self = self,
        .held = counter_held(&found->stored),
        .gone = dot_max(dot_max(found->mark, sight->gone), last_of(bar)),
        .above = operation->rounds > 0 ? operation->writing.known.stamp : 0,
        .settled = partition->settled,
        .now_ms = now_ms,
    };
}

void operation_note_taken_back(struct operation *operation, const struct version *has,
                               const struct version *left)
{
    operation->ambiguous |= !version_is_counter(left) ||
                            !span_equal(counter_text(has->value), counter_text(left->value));
}

bool operation_counted(struct operation *operation, enum counter_status status)
{
    if (status == COUNTER_TOO_MANY)
        operation_fail(operation, OPERATION_TOO_MANY);
    else if (status == COUNTER_NO_MEMORY)
        operation_fail(operation, OPERATION_MEMORY_FULL);
    else if (status == COUNTER_NOT_HELD)
        operation_fail(operation, OPERATION_CONTENDED);
    return status == COUNTER_OK || status == COUNTER_ABSENT;
}

/* Whether a piece of a change stays where it is until the operation is over: of a blind write it is
 * the client's argument, and a large argument lies in a block. */
static bool stays(const struct operation *operation, struct span piece)
{
    return operation->kind == OPERATION_WRITE ||
           (__builtin_expect(operation->block != NULL, 0) && block_holds(operation->block, piece));
}

/* Where nobody else has the key, nobody else adds to it. */
static bool is_shared(const struct operation *operation, const struct change *change)
{
    return change->action == CHANGE_ADD && !operation->siblings && operation->copies > 1;
}

/* What the reading counts as gone, if there was one. */
static struct dot gone(const struct operation *operation)
{
    return operation->kind == OPERATION_WRITE ? DOT_NONE : operation->reading.gone;
}

/* What an addition to the key has to know; its dot comes after. */
static struct counter_place place_of_addition(const struct operation *operation, node_number self,
                                              const struct partition *partition,
                                              const struct operation_found *found, int64_t now_ms)
{
    const struct operation_sight sight = {.gone = operation->reading.gone,
                                          .settled = read_tally_settled(&operation->reading)};

    return operation_counter_place(operation, self, partition, found, &sight, now_ms);
}

/* Makes `written` of the change. A single piece that stays is not copied. */
static bool build(struct operation *operation, const struct version *old,
                  const struct change *change, struct dot dot, int64_t now_ms)
{
    struct version *written = &operation->written;

    buffer_reset(&operation->written_bytes, BUFFER_KEEP);
    if (operation->siblings) {
        if (!operation_build_set(operation, old, change, dot, now_ms, &operation->written_bytes))
            return false;
        *written = siblings_version(buffer_content(&operation->written_bytes));
        return true;
    }
    *written = (struct version){.dot = dot, .kind = VALUE_TOMBSTONE, .deadline_ms = DEADLINE_NEVER};
    if (change->action == CHANGE_DELETE)
        return true;
    written->kind = VALUE_STRING;
    written->deadline_ms = change->deadline_ms;
    if (change->piece_count == 1 && stays(operation, change->pieces[0])) {
        written->value = change->pieces[0];
        return true;
    }
    change_value(change, &operation->written_bytes);
    written->value = buffer_content(&operation->written_bytes);
    return true;
}

/* Keeps `written` here; under the same lock. */
static bool keep(struct operation *operation, struct partition *partition,
                 const struct operation_found *found)
{
    const struct place *place = &operation->place;
    const struct version *written = &operation->written;

    /* Where nobody else has the key, nobody can bring it back: a delete need not be remembered. */
    if (operation->copies == 1 && written->kind == VALUE_TOMBSTONE) {
        partition_delete(partition, place->hash, place->key, written->dot);
        return true;
    }
    enum store_status status;

    if (operation->written_bytes.failed)
        status = STORE_NO_MEMORY;
    else if (__builtin_expect(operation->block != NULL, 0) &&
             block_holds(operation->block, written->value))
        status = partition_put_block(partition, place->hash, place->key, found->entry, written,
                                     operation->block);
    else
        status = partition_put_over(partition, place->hash, place->key, found->entry, written,
                                    &written->value, 1);
    operation->full = status == STORE_FULL;
    if (status != STORE_OK)
        operation_fail(operation, OPERATION_MEMORY_FULL);
    return status == STORE_OK;
}

void operation_find(struct partition *partition, const struct place *place,
                    struct operation_found *found)
{
    found->entry = replica_current(partition, place, &found->stored);
    found->mark = replica_mark(partition, place, &found->stored);
}

bool operation_newest(struct operation *operation, const struct operation_sight *sight,
                      const struct operation_found *found, struct version *current)
{
    static const struct version nothing = {.deadline_ms = DEADLINE_NEVER};
    const struct version *winner = sight->winner;

    *current = found->stored;
    if (winner == NULL)
        return true;
    if (dot_compare(current->dot, sight->gone) <= 0)
        *current = nothing;
    if (dot_compare(winner->dot, found->mark) < 0)
        return true;
    if (versions_count(current, winner)) {
        buffer_reset(sight->merged, BUFFER_KEEP);
        const struct version kept = *current;
        return operation_counted(operation,
                                 counter_merge(&kept, winner, 0, sight->merged, current));
    }
    if (sight->siblings && current->kind != VALUE_STRING && winner->kind != VALUE_STRING) {
        buffer_reset(sight->merged, BUFFER_KEEP);
        if (siblings_merge(current->value, winner->value, sight->merged) != SIBLINGS_OK) {
            operation_fail(operation, OPERATION_TOO_MANY);
            return false;
        }
        if (buffer_size(sight->merged) > 0)
            *current = siblings_version(buffer_content(sight->merged));
        return true;
    }
    if (dot_compare(winner->dot, current->dot) > 0)
        *current = *winner;
    return true;
}

/* The same of an operation of one key; the merge lies in the tally's spare buffer. */
static bool newest(struct operation *operation, const struct operation_found *found,
                   struct version *current)
{
    if (operation->kind == OPERATION_WRITE) {
        *current = found->stored;
        return true;
    }
    const struct operation_sight sight = {.siblings = operation->siblings,
                                          .winner = &operation->reading.winner,
                                          .gone = operation->reading.gone,
                                          .merged = &operation->reading.spare};
    return operation_newest(operation, &sight, found, current);
}

/* What a stamp has to be above: all that is known of the key, here, by the quorum, by the client.
 */
static uint64_t floor_of(const struct operation *operation, const struct operation_found *found,
                         const struct version *current, const struct change *change)
{
    uint64_t floor = higher(found->stored.dot.stamp, current->dot.stamp);
    struct context context;

    floor = higher(floor, found->mark.stamp);
    floor = higher(floor, gone(operation).stamp);
    if (operation->rounds > 0)
        floor = higher(floor, operation->writing.known.stamp);
    if (change->context.size > 0 && context_from_text(change->context, &context))
        floor = higher(floor, context_newest(&context).stamp);
    return floor;
}

/* What an update that leaves all as it is was decided on. Where that is more than the quorum
 * answered, it may be here and nowhere else, and is kept for those that lack it. */
static void note_basis(struct operation *operation, const struct version *current)
{
    const struct read_tally *reading = &operation->reading;
    struct buffer *bytes = &operation->written_bytes;

    operation->basis = BASIS_WINNER;
    if (dot_equal(current->dot, reading->winner.dot) &&
        version_digest(current) == reading->winner_digest)
        return;
    operation->basis = version_exists(current) ? BASIS_STORED : BASIS_NOTHING;
    if (operation->basis == BASIS_NOTHING)
        return;
    buffer_reset(bytes, BUFFER_KEEP);
    buffer_append_span(bytes, current->value);
    operation->written = *current;
    operation->written.value = buffer_content(bytes);
    if (bytes->failed)
        operation_fail(operation, OPERATION_MEMORY_FULL);
}

static struct dot over(const struct operation *operation, const struct operation_found *found,
                       const struct version *current)
{
    return dot_max(dot_max(current->dot, found->mark), gone(operation));
}

/* What was read, and is written over, was here (rule 25). */
static void note_taken(const struct operation *operation, struct partition *partition,
                       const struct operation_found *found, const struct version *current)
{
    if (operation->kind == OPERATION_UPDATE && !operation->siblings &&
        dot_compare(current->dot, found->stored.dot) > 0 && !version_is_counter(current))
        partition_note_taken(partition, operation->place.hash, current->dot);
}

/* An addition, to a share of this node. */
static __attribute__((noinline)) void
add_here(struct coordinator *coordinator, struct operation *operation, struct instant now,
         struct partition *partition, const struct operation_found *found,
         const struct version *current, const struct change *change)
{
    struct counter_place place = place_of_addition(operation, coordinator->replica->self, partition,
                                                   found, now.wall_ms);
    const uint64_t floor = higher(floor_of(operation, found, current, change), place.gone.stamp);

    place.dot = operation_stamp(coordinator, operation, partition, now, floor);
    operation->over = over(operation, found, current);
    operation->addition = (struct counter_addition){.amount = change->amount};
    if (!dot_exists(place.dot))
        return;
    note_taken(operation, partition, found, current);
    buffer_reset(&operation->written_bytes, BUFFER_KEEP);
    if (operation_counted(operation, counter_add(current, &place, &operation->addition,
                                                 &operation->written_bytes, &operation->written)))
        keep(operation, partition, found);
}

/* Decides the change, stamps it and keeps it, all under one lock. */
static void change_here(struct coordinator *coordinator, struct operation *operation,
                        struct instant now, struct partition *partition,
                        const struct operation_found *found, const struct version *current)
{
    const struct version visible = operation_seen(current, now.wall_ms);
    struct change change = {.deadline_ms = DEADLINE_NEVER};

    coordinator->calls->change(coordinator->host, operation,
                               operation->kind == OPERATION_WRITE ? NULL : &visible, &change);
    operation->unchanged = change.action == CHANGE_NOTHING;
    if (operation->unchanged) {
        note_basis(operation, current);
        return;
    }
    if (is_shared(operation, &change)) {
        add_here(coordinator, operation, now, partition, found, current, &change);
        return;
    }
    const uint64_t floor = floor_of(operation, found, current, &change);
    const struct dot dot = operation_stamp(coordinator, operation, partition, now, floor);
    operation->over = over(operation, found, current);
    if (!dot_exists(dot))
        return;
    note_taken(operation, partition, found, current);
    if (build(operation, current, &change, dot, now.wall_ms))
        keep(operation, partition, found);
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
        operation_fail(operation,
                       status == SIBLINGS_NO_MEMORY ? OPERATION_MEMORY_FULL : OPERATION_TOO_MANY);
    return status == SIBLINGS_OK;
}

/* The version that was kept gets a stamp above what others know, and above what is `here` by now:
 * of a set, the write gets it, beside what has joined it. */
static void stamp_again(struct coordinator *coordinator, struct operation *operation,
                        struct instant now, struct partition *partition,
                        const struct operation_found *found, const struct version *here)
{
    const struct dot newest = dot_max(dot_max(found->stored.dot, found->mark), here->dot);
    const uint64_t floor = dot_max(operation->writing.known, newest).stamp;
    const struct dot dot = operation_stamp(coordinator, operation, partition, now, floor);

    if (dot_exists(dot) && version_is_set(&operation->written)) {
        if (restamp_set(operation, here, dot))
            keep(operation, partition, found);
        return;
    }
    operation->written.dot = dot;
    if (dot_exists(dot))
        keep(operation, partition, found);
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
        operation_fail(operation, OPERATION_MEMORY_FULL);
}

/* Whether another version has taken the place of ours; that ours has vanished is no such thing. */
static bool taken(const struct operation *operation, const struct operation_found *found)
{
    return dot_compare(found->stored.dot, operation->written.dot) > 0;
}

static bool added(const struct operation *operation)
{
    return operation->addition.opened != 0;
}

/* An addition that does not count where it was offered, since its share is older than the base
 * there: it is taken out of its share, if it is in it here, and made again, in one that is not. */
static __attribute__((noinline)) void add_again(struct coordinator *coordinator,
                                                struct operation *operation, struct instant now,
                                                struct partition *partition,
                                                const struct operation_found *found)
{
    const struct operation_sight sight = {.settled = 0};
    const struct counter_place place = operation_counter_place(
        operation, operation->written.dot.node, partition, found, &sight, now.wall_ms);
    struct buffer bytes = {0};
    struct version current, without;

    if (!newest(operation, found, &current))
        return;
    const enum counter_status status = counter_take_back(&current, &place, &operation->addition,
                                                         &bytes, &without);
    if (status == COUNTER_OK)
        operation_note_taken_back(operation, &current, &operation->written);
    if (operation_counted(operation, status)) {
        change_here(coordinator, operation, now, partition, found,
                    status == COUNTER_OK ? &without : &current);
        /* It may be refused now, and stands nevertheless where others have it. */
        if (operation->unchanged && operation->state != OPERATION_FAILED)
            operation_fail(operation, OPERATION_CONTENDED);
    }
    buffer_deinit(&bytes);
}

static void write_locked(struct coordinator *coordinator, struct operation *operation,
                         struct instant now, struct partition *partition)
{
    const bool again = operation->rounds > 0;
    struct version current;
    struct operation_found found;

    if (!operation_may_write(operation, partition, now))
        return;
    operation_find(partition, &operation->place, &found);
    if (again && added(operation))
        add_again(coordinator, operation, now, partition, &found);
    else if (again && taken(operation, &found))
        adopt(operation, &found.stored);
    else if (!newest(operation, &found, &current))
        return; /* it has failed */
    else if (again && dot_equal(counter_base(&current), operation->written.dot))
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

void operation_offer_to_all(struct coordinator *coordinator, struct operation *operation)
{
    const int own = operation_index(operation, coordinator->replica->self);

    ensure(own >= 0);
    const uint16_t others = (uint16_t)(((1u << operation->copies) - 1) & ~(1u << own));
    operation->wrote = !operation->repaired;
    write_tally_add(&operation->writing, (unsigned)own, operation->full ? ACK_FULL : ACK_OK,
                    DOT_NONE, 0);
    if (others == 0)
        return;
    const uint16_t sent = coordinator->calls->offer(coordinator->host, operation, others);
    for (unsigned i = 0; sent != others && i < operation->copies; i++)
        if ((others & ~sent) >> i & 1)
            write_tally_add(&operation->writing, i, ACK_DOWN, DOT_NONE, 0);
}

void operation_write_begin(struct coordinator *coordinator, struct operation *operation,
                           struct instant now)
{
    operation->state = OPERATION_WRITING;
    write_here(coordinator, operation, now);
    if (operation->state == OPERATION_FAILED) {
        operation_await_ceiling(coordinator, operation);
        return;
    }
    if (operation->unchanged) {
        operation_repair(coordinator, operation, now);
        return;
    }
    write_tally_begin(&operation->writing, operation->copies, operation->write_needed,
                      OPERATION_ROUNDS_MAX - operation->rounds, operation->written.dot);
    operation_offer_to_all(coordinator, operation);
    operation_write_follow(coordinator, operation, now);
}

static void offer_again(struct coordinator *coordinator, struct operation *operation)
{
    write_tally_restamp(&operation->writing, operation->written.dot);
    operation_offer_to_all(coordinator, operation);
}

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
    const bool update = operation->kind == OPERATION_UPDATE, adds = added(operation);
    struct operation_found found;
    bool ours;

    /* Nor is it an acknowledgement where no stamp may be above it: the ceiling of one that has just
     * restarted may be ahead of ours, until ours has risen or the clocks have passed it. */
    if (operation->writing.known.stamp >=
        atomic_load_explicit(&coordinator->replica->bounds->ceiling, memory_order_acquire)) {
        replica_want_ceiling(coordinator->replica->bounds, operation->writing.known.stamp);
        operation->answered = operation->writing.acknowledged;
        operation_fail(operation, OPERATION_TOO_FEW);
        return;
    }
    operation->rounds++;
    hlc_observe(&coordinator->replica->hlc, operation->writing.known.stamp);
    coordinator->calls->renew(coordinator->host, operation);
    if (operation->batch != NULL) {
        if (operation_batch_overtaken(coordinator, operation, now) &&
            operation->state != OPERATION_FAILED)
            offer_again(coordinator, operation);
        return;
    }
    replica_make_room(coordinator->replica, &operation->place, operation->written.value.size,
                      &operation->evicted);
    partition_lock(partition);
    operation_find(partition, &operation->place, &found);
    ours = adds || (!operation->adopted && !taken(operation, &found));
    if (operation_may_write(operation, partition, now)) {
        if (!update)
            stamp_again(coordinator, operation, now, partition, &found, &found.stored);
        else if (!adds && taken(operation, &found))
            adopt(operation, &found.stored);
    }
    partition_unlock(partition);
    if (operation->state == OPERATION_FAILED)
        return;
    if (update && ours) {
        operation_read_begin(coordinator, operation, now);
        return;
    }
    offer_again(coordinator, operation);
}

/* As long as those that have not answered may make it W, nothing is stamped anew: it may have been
 * read, and written over, and would be back (rule 25). */
static bool rests(struct coordinator *coordinator, struct operation *operation)
{
    const bool may_do = RULE(25) && write_tally_may_do(&operation->writing);

    if (operation->rounds >= OPERATION_ROUNDS_RUSH || may_do) {
        if (!operation->rests)
            operation->rests = coordinator->calls->rest(coordinator->host, operation);
    } else {
        operation->rests = false;
    }
    return operation->rests;
}

void operation_write_follow(struct coordinator *coordinator, struct operation *operation,
                            struct instant now)
{
    while (operation->state == OPERATION_WRITING) {
        switch (operation->writing.state) {
        case TALLY_PENDING:
            return;
        case TALLY_RESTAMP:
            if (rests(coordinator, operation))
                return;
            overtaken(coordinator, operation, now);
            break;
        case TALLY_DONE:
            operation->state = OPERATION_DONE;
            if (__builtin_expect(operation->ambiguous, 0))
                operation_fail(operation, OPERATION_CONTENDED);
            return;
        case TALLY_ASK:
        case TALLY_LOOK:
        case TALLY_FAILED:
            operation->answered = operation->writing.acknowledged;
            operation_fail(operation, dot_exists(operation->writing.known) ? OPERATION_CONTENDED
                                                                           : OPERATION_TOO_FEW);
            return;
        }
    }
}

/* What was read is old by now. */
static void begin_again(struct coordinator *coordinator, struct operation *operation,
                        struct instant now)
{
    if (!replica_may_stamp(coordinator->replica, now)) {
        operation_fail(operation, OPERATION_NO_STAMP);
        operation_await_ceiling(coordinator, operation);
        return;
    }
    coordinator->calls->renew(coordinator->host, operation);
    if (operation->batch != NULL)
        operation_batch_again(coordinator, operation, now);
    else if (operation->kind == OPERATION_UPDATE)
        operation_read_begin(coordinator, operation, now);
    else
        operation_write_begin(coordinator, operation, now);
}

void operation_resume(struct coordinator *coordinator, struct operation *operation,
                      struct instant now)
{
    if (!operation->rests)
        return;
    operation->rests = false;
    if (operation->state == OPERATION_UNSTAMPED) {
        begin_again(coordinator, operation, now);
        return;
    }
    if (operation->state != OPERATION_WRITING || operation->writing.state != TALLY_RESTAMP)
        return;
    overtaken(coordinator, operation, now);
    operation_write_follow(coordinator, operation, now);
}
