/* SPDX-License-Identifier: BSD-3-Clause */
#include "lib/operation_stage.h"

#include <criterion/criterion.h>
#include <stdio.h>

struct stage stage = {.write_value = SPAN("w")};

static bool ask(void *host, struct operation *op, node_number node)
{
    (void)host;
    (void)op;
    if (stage.down >> node & 1)
        return false;
    stage.asked |= 1u << node;
    stage.sent++;
    return true;
}

static bool offer_one(struct operation *op, node_number node)
{
    if (stage.down >> node & 1)
        return false;
    stage.offered |= 1u << node;
    stage.sent++;
    stage.offer_dot = op->written.dot;
    snprintf(stage.offer_value, sizeof stage.offer_value, "%.*s", (int)op->written.value.size,
             (const char *)op->written.value.data);
    return true;
}

static uint16_t offer(void *host, struct operation *op, uint16_t to)
{
    uint16_t sent = 0;

    (void)host;
    for (unsigned i = 0; to >> i != 0; i++)
        if ((to >> i & 1) != 0 && offer_one(op, op->nodes[i]))
            sent |= (uint16_t)(1u << i);
    return sent;
}

static bool promising(void *host, node_number node)
{
    (void)host;
    return !(stage.hopeless >> node & 1);
}

static void renew(void *host, struct operation *op)
{
    (void)host;
    (void)op;
    stage.renewed++;
    stage.asked = stage.offered = 0;
}

static bool rest(void *host, struct operation *op)
{
    (void)host;
    (void)op;
    stage.rested += stage.rests;
    return stage.rests;
}

static void change(void *host, struct operation *op, const struct version *current,
                   struct change *wanted)
{
    int size = 0;

    (void)host;
    stage.changed++;
    cr_assert_eq(current == NULL, op->kind == OPERATION_WRITE);
    wanted->action = stage.deletes ? CHANGE_DELETE : CHANGE_PUT;
    wanted->pieces[0] = stage.write_value;
    wanted->piece_count = 1;
    if (op->kind == OPERATION_WRITE || stage.deletes)
        return;
    if (version_visible(current, stage.now.wall_ms))
        size = snprintf(stage.put_value, sizeof stage.put_value, "%.*s", (int)current->value.size,
                        (const char *)current->value.data);
    snprintf(stage.put_value + size, sizeof stage.put_value - (size_t)size, "%s", stage.appends);
    wanted->pieces[0] = span_of_string(stage.put_value);
    if (stage.appends[0] == '\0')
        wanted->action = CHANGE_NOTHING;
}

static void found(void *host, struct operation *op)
{
    (void)host;
    cr_assert_leq(op->found.value.size, sizeof stage.found_value);
    if (op->found.value.size > 0)
        memcpy(stage.found_value, op->found.value.data, op->found.value.size);
    op->found.value = span_of(stage.found_value, op->found.value.size);
}

static const struct operation_calls calls = {.ask = ask,
                                             .offer = offer,
                                             .promising = promising,
                                             .renew = renew,
                                             .rest = rest,
                                             .change = change,
                                             .found = found};

void stage_begin(enum operation_kind kind, unsigned copies, unsigned r, unsigned w)
{
    const struct store_options options = {.partitions = 4, .seed = 1, .now_ms = NOW_MS};

    stage.store = store_create(&options);
    atomic_init(&stage.bounds.ceiling, UINT64_MAX);
    atomic_init(&stage.bounds.ahead_max_ms, 3500);
    stage.replica = (struct replica){
        .store = stage.store, .bounds = &stage.bounds, .self = STAGE_SELF};
    stage.coordinator = (struct coordinator){.replica = &stage.replica, .calls = &calls};
    stage.partition = store_partition(stage.store, 2);
    stage.partition->claim_version = STAGE_CLAIM;
    stage.partition->eligible = true;
    stage.now = (struct instant){.wall_ms = NOW_MS};
    stage.operation = (struct operation){.kind = kind,
                                         .read_needed = (uint8_t)r,
                                         .write_needed = (uint8_t)w,
                                         .copies = (uint8_t)copies,
                                         .place = {.partition = 2,
                                                   .claim_version = STAGE_CLAIM,
                                                   .hash = store_hash(stage.store, SPAN("k")),
                                                   .key = SPAN("k")},
                                         .deadline_wall_ms = NOW_MS + 500};
    for (unsigned i = 0; i < copies; i++)
        stage.operation.nodes[i] = (node_number)(i + 1);
    stage.asked = stage.offered = stage.sent = stage.renewed = stage.changed = stage.rested =
        stage.down = stage.hopeless = 0;
    stage.deletes = false;
    snprintf(stage.appends, sizeof stage.appends, "+");
}

void stage_start(void)
{
    operation_begin(&stage.coordinator, &stage.operation, stage.now);
}

void stage_end(void)
{
    operation_deinit(&stage.operation);
    store_destroy(&stage.store);
    buffer_deinit(&stage.replica.merged);
    buffer_deinit(&stage.replica.unflushed);
}

struct dot stage_later(uint64_t sequence, node_number node)
{
    return (struct dot){.stamp = hlc_stamp(NOW_MS + 100) + sequence, .node = node};
}

void stage_put(struct dot dot, const char *value)
{
    const struct span bytes = span_of_string(value);
    const struct version version = {
        .dot = dot, .kind = VALUE_STRING, .deadline_ms = DEADLINE_NEVER, .value = bytes};

    partition_lock(stage.partition);
    partition_put(stage.partition, stage.operation.place.hash, stage.operation.place.key, &version,
                  &bytes, 1);
    partition_unlock(stage.partition);
}

void stage_expect_here(const char *value)
{
    struct version version;

    partition_lock(stage.partition);
    cr_assert(partition_get(stage.partition, stage.operation.place.hash, stage.operation.place.key,
                            &version));
    cr_assert(span_equal(version.value, span_of_string(value)), "'%.*s' is here and not '%s'",
              (int)version.value.size, (const char *)version.value.data, value);
    partition_unlock(stage.partition);
}

void stage_acknowledge(node_number node, enum ack_status status, struct dot known)
{
    const struct offered answer = {.status = status, .known = known};

    operation_acknowledged(&stage.coordinator, &stage.operation, stage.now, node, &answer);
}

void stage_answer(node_number node, enum answer_status status, struct dot dot, const char *value)
{
    const struct looked looked = {.status = status,
                                  .version = {.dot = dot,
                                              .kind = VALUE_STRING,
                                              .deadline_ms = DEADLINE_NEVER,
                                              .value = span_of_string(value)}};

    operation_answered(&stage.coordinator, &stage.operation, stage.now, node, &looked);
}

void stage_expect_failed(enum operation_failure failure, bool wrote)
{
    cr_assert_eq(stage.operation.state, OPERATION_FAILED);
    cr_assert_eq(stage.operation.failure, failure, "%d and not %d", stage.operation.failure,
                 failure);
    cr_assert_eq(stage.operation.wrote, wrote);
}

void stage_answer_absent(node_number node, struct dot mark, struct dot floor, struct dot settled)
{
    const struct looked looked = {
        .status = ANSWER_NONE, .mark = mark, .floor = floor.stamp, .settled = settled.stamp};

    operation_answered(&stage.coordinator, &stage.operation, stage.now, node, &looked);
}

void stage_vanish(void)
{
    partition_lock(stage.partition);
    cr_assert(
        partition_vanish(stage.partition, stage.operation.place.hash, stage.operation.place.key));
    partition_unlock(stage.partition);
}

void stage_settle(struct dot dot)
{
    partition_lock(stage.partition);
    partition_settle(stage.partition, dot.stamp, UINT32_MAX);
    partition_unlock(stage.partition);
}

void stage_expect_found(const char *value)
{
    cr_assert_eq(stage.operation.state, OPERATION_DONE);
    cr_assert_eq(version_exists(&stage.operation.found), value != NULL);
    if (value != NULL)
        cr_assert(span_equal(stage.operation.found.value, span_of_string(value)));
}
