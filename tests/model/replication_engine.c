/* SPDX-License-Identifier: BSD-3-Clause */
#include "model/replication_engine.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/memory.h"
#include "base/rule.h"
#include "model/replication_network.h"
#include "node/parts.h"
#include "node/recover.h"
#include "sync/vanished.h"

/* Longer than any clock of a run goes. */
#define LONG_S INT64_C(1000000)

struct engine_fixture {
    struct options *options;
    struct metrics *metrics;
    struct log log;
};

/* What an engine's host is: the node whose it is. */
struct host {
    struct world *world;
    unsigned node;
    bool full[NODES_MAX]; /* what was for this node found no room in the network */
};

/* ---- what all share ---- */

static void narrate(void *context, enum log_level level, struct span line)
{
    (void)level;
    world_say(context, "    log: %.*s", (int)line.size, (const char *)line.data);
}

struct engine_fixture *engine_fixture_create(struct world *world)
{
    struct engine_fixture *fixture = memory_alloc(sizeof *fixture);

    fixture->options = options_create();
    fixture->options->recovery_wait = OPTION_NEVER;
    fixture->options->repair_interval = 0;
    fixture->metrics = metrics_create(1, 1);
    log_init(&fixture->log, LOG_NOTICE, narrate, world);
    return fixture;
}

void world_engine_bound_hints(struct world *world, uint64_t bytes, int64_t window_s)
{
    struct options *options = world->fixture->options;

    options->hint_bytes = bytes;
    options->hint_window = window_s < LONG_S ? window_s : LONG_S;
}

void engine_fixture_destroy(struct engine_fixture **fixture)
{
    const struct options *options = (*fixture)->options;

    options_release(&options);
    metrics_destroy(&(*fixture)->metrics);
    memory_free(*fixture);
    *fixture = NULL;
}

/* ---- what the engine sends ---- */

/* Hints and their answers go with the versions. */
static struct queue *queue_of(struct world *world, uint64_t id)
{
    return (id & ID_HINT) != 0 ? &world->versions : &world->questions;
}

/* Puts the messages of the frames in `out` into the network one by one. */
static void peer_output(void *context, node_number number)
{
    struct host *host = context;
    struct world *world = host->world;
    struct node *node = &world->nodes[host->node];
    struct outbox *outbox = &node->engine->peers[number]->out;
    struct buffer *out = &outbox->head;
    struct wire_frame frame;
    struct wire_message read;
    const char *error;

    while (wire_next_frame(buffer_content(out), SIZE_MAX, &frame) == WIRE_OK) {
        const uint8_t *at = frame.messages.at;
        while (wire_next_message(&frame.messages, &read, &error) == WIRE_OK) {
            /* All questions begin with their id. */
            struct message *message = network_push(world, queue_of(world, read.read.id),
                                                   MESSAGE_QUESTION, host->node, number - 1u);
            if (message != NULL) {
                message->requester_life = message->sender_life;
                buffer_append(&message->bytes, at, (size_t)(frame.messages.at - at));
            } else {
                host->full[number - 1u] = true;
            }
            at = frame.messages.at;
        }
        buffer_consume(out, frame.size);
    }
    ensure(list_empty(&outbox->behind)); /* a turn of one key is not long */
}

static const struct engine_calls calls = {.peer_output = peer_output};

/* Tells the engine the time, and whom it can reach. */
static struct engine *enter(struct world *world, unsigned index)
{
    struct engine *engine = world->nodes[index].engine;

    engine->now = world_now(world, index);
    for (unsigned other = 0; other < world->configuration.copies; other++) {
        struct peer *peer = engine->peers[world_number(other)];
        peer->stage = !world->links_are_known || world_reaches(world, index, other) ? PEER_OPEN
                                                                                    : PEER_CLOSED;
    }
    return engine;
}

static void leave(struct world *world, unsigned index)
{
    struct engine *engine = world->nodes[index].engine;
    struct host *host = engine->host;

    peers_turn_end(engine);
    for (unsigned other = 0; other < NODES_MAX; other++)
        if (host->full[other]) {
            host->full[other] = false;
            hints_lost(engine, world_number(other));
            sync_lost(engine->sync, world_number(other));
        }
    peers_turn_end(engine);
    world_end_turn(world, index);
}

/* ---- the life of an engine ---- */

void world_engine_start(struct world *world, unsigned index)
{
    struct node *node = &world->nodes[index];
    struct engine *engine = memory_alloc(sizeof *engine);
    struct host *host = memory_alloc(sizeof *host);

    *host = (struct host){.world = world, .node = index};
    node->engine = engine;
    engine->own = (struct engine_options){.workers = 1,
                                          .log = &world->fixture->log,
                                          .store = node->store,
                                          .bounds = node->bounds,
                                          .metrics = metrics_block(world->fixture->metrics, 0),
                                          .options = world->fixture->options};
    engine->calls = &calls;
    engine->host = host;
    engine->now = world_now(world, index);
    engine->options = world->fixture->options;
    engine->metrics = engine->own.metrics;
    engine->view = view_create(ring_retain(world->ring), world_number(index));
    engine->replica = (struct replica){
        .store = node->store, .bounds = node->bounds, .self = world_number(index)};
    list_init(&engine->dirty_peers);
    list_init(&engine->owed);
    engine->peer_limit = NODES_MAX + 1;
    engine->peers = memory_alloc_array(engine->peer_limit, sizeof engine->peers[0]);
    for (unsigned other = 0; other < world->configuration.copies; other++) {
        struct peer *peer = memory_alloc(sizeof *peer);
        peer->engine = engine;
        peer->number = world_number(other);
        list_init(&peer->dirty);
        outbox_init(&peer->out);
        engine->peers[peer->number] = peer;
    }
    hints_init(engine);
    engine->sync = sync_create(engine);
    if (!world->compares)
        engine->sync->partitions[0].compare_us = INT64_MAX;
}

void world_engine_stop(struct node *node)
{
    struct engine *engine = node->engine;

    if (engine == NULL)
        return;
    sync_destroy(&engine->sync);
    hints_deinit(engine);
    view_release(&engine->view);
    buffer_deinit(&engine->replica.merged);
    buffer_deinit(&engine->replica.unflushed);
    for (size_t number = 0; number < engine->peer_limit; number++) {
        if (engine->peers[number] != NULL)
            outbox_deinit(&engine->peers[number]->out);
        memory_free(engine->peers[number]);
    }
    memory_free(engine->peers);
    memory_free(engine->host);
    memory_free(engine);
    node->engine = NULL;
}

struct replica *world_engine_replica(struct node *node)
{
    return &node->engine->replica;
}

void world_engine_hint(struct world *world, unsigned index, unsigned target,
                       const struct copy *copy, uint64_t stamp)
{
    const struct place *place = &world->nodes[index].place;
    struct engine *engine = enter(world, index);

    if (copy == NULL) {
        hints_forget(engine, world_number(target), place->partition, stamp);
        return;
    }
    const struct version version = copy_version(copy);
    hints_keep(engine, world_number(target), place->partition, place->key, &version);
}

uint64_t world_engine_owes(const struct node *node)
{
    return hints_lowest(node->engine);
}

void world_engine_send_hints(struct world *world, unsigned index)
{
    world->nodes[index].mono_us += 100000;
    hints_tick(enter(world, index));
    leave(world, index);
}

void world_engine_sync(struct world *world, unsigned index, int64_t passed_us)
{
    world->nodes[index].mono_us += passed_us;
    sync_wake(enter(world, index)->sync);
    leave(world, index);
}

void world_engine_lose(struct world *world, unsigned index, unsigned other)
{
    struct engine *engine = enter(world, index);

    hints_lost(engine, world_number(other));
    sync_lost(engine->sync, world_number(other));
    leave(world, index);
}

/* ---- answering, as link.c does ---- */

static enum answer_status status_of(const struct partition *partition, uint64_t claim_version)
{
    if (partition->claim_version != claim_version)
        return ANSWER_STALE_CLAIM;
    return partition_votes(partition) ? ANSWER_VERSION : ANSWER_NOT_VOTING;
}

static void serve_pull(struct node *node, const struct wire_pull *pull, struct buffer *out)
{
    struct partition *partition = node->partition;
    struct wire_chunk chunk = {.id = pull->id};
    struct buffer entries = {0};

    partition_lock(partition);
    chunk.status = (uint8_t)status_of(partition, pull->claim_version);
    chunk.claim_version = partition->claim_version;
    chunk.cursor = stream_read(partition, pull->leaves, pull->cursor, pull->bytes, &entries);
    chunk.floor = partition->floor;
    chunk.settled = partition->settled;
    chunk.flushed = partition->flushed;
    partition_unlock(partition);
    chunk.entries = buffer_content(&entries);
    wire_put_chunk(out, &chunk);
    buffer_deinit(&entries);
}

static void serve_compare(struct node *node, const struct wire_compare *compare, struct buffer *out)
{
    struct partition *partition = node->partition;
    uint8_t leaves[PARTITION_LEAVES * 8];

    partition_lock(partition);
    const struct wire_compared compared = {
        .id = compare->id,
        .status = (uint8_t)status_of(partition, compare->claim_version),
        .claim_version = partition->claim_version,
        .evicted = partition->evicted_total,
        .floor = partition->floor,
        .settled = partition->settled,
        .leaves = span_of(leaves, sizeof leaves)};
    for (size_t i = 0; i < PARTITION_LEAVES; i++)
        bytes_put_u64(leaves + 8 * i, partition->leaves[i]);
    partition_unlock(partition);
    wire_put_compared(out, &compared);
}

static void serve_read(struct node *node, const struct wire_read *read, struct buffer *out)
{
    struct buffer bytes = {0};
    const struct looked looked = replica_look(node->replica, &node->place, read->have,
                                              read->have_digest, &bytes);

    if ((looked.status == ANSWER_SAME || looked.status == ANSWER_NONE) &&
        !version_exists(&looked.version)) {
        const struct wire_absent absent = {
            .id = read->id, .mark = looked.mark, .floor = looked.floor, .settled = looked.settled};
        wire_put_absent(out, &absent);
    } else {
        struct wire_answer answer = {.id = read->id,
                                     .status = (uint8_t)looked.status,
                                     .claim_version = looked.claim_version};
        if (looked.status == ANSWER_VERSION)
            answer.version = looked.version;
        wire_put_answer(out, &answer);
    }
    buffer_deinit(&bytes);
}

static void serve_write(struct world *world, const struct message *question,
                        const struct wire_write *write, struct buffer *out)
{
    const struct offered offered = world_offer(world, question->to, question->from, write->over,
                                               &write->version, "hint");
    const struct wire_ack ack = {.id = write->id,
                                 .status = (uint8_t)offered.status,
                                 .known = offered.known,
                                 .claim_version = offered.claim_version};

    wire_put_ack(out, &ack);
}

static void serve_forgot(struct world *world, const struct message *question,
                         const struct wire_forgot *forgot, struct buffer *out)
{
    struct partition *partition = world->nodes[question->to].partition;
    const struct wire_ack ack = {.id = forgot->id, .status = ACK_OK};

    world_say(world, "node %u is told that it forgot", world_number(question->to));
    replica_recover_anew(partition);
    wire_put_ack(out, &ack);
}

static void serve_marks(struct world *world, const struct message *question,
                        const struct wire_marks *marks, struct buffer *out)
{
    struct node *node = &world->nodes[question->to];
    const struct wire_ack ack = {
        .id = marks->id,
        .status = (uint8_t)vanished_take(node->replica, world_now(world, question->to),
                                         marks->partition, marks->claim_version, marks->entries)};

    wire_put_ack(out, &ack);
}

static void serve(struct world *world, const struct message *question,
                  const struct wire_message *message)
{
    struct node *node = &world->nodes[question->to];
    struct queue *queue = queue_of(world, message->read.id);
    struct message *reply = network_push(world, queue, MESSAGE_REPLY, question->to, question->from);
    struct buffer out = {0};

    switch ((unsigned)message->type) {
    case WIRE_PULL:
        serve_pull(node, &message->pull, &out);
        break;
    case WIRE_COMPARE:
        serve_compare(node, &message->compare, &out);
        break;
    case WIRE_READ:
        serve_read(node, &message->read, &out);
        break;
    case WIRE_WRITE:
        serve_write(world, question, &message->write, &out);
        break;
    case WIRE_FORGOT:
        serve_forgot(world, question, &message->forgot, &out);
        break;
    case WIRE_MARKS:
        serve_marks(world, question, &message->marks, &out);
        break;
    default:
        ensure(false);
    }
    world_end_turn(world, question->to);
    if (reply == NULL) {
        buffer_deinit(&out);
        return;
    }
    reply->requester_life = question->requester_life;
    reply->bytes = out;
}

/* ---- answers, as answers.c takes them ---- */

static void take(struct engine *engine, node_number from, const struct wire_message *message)
{
    struct looked looked = {.status = ANSWER_NONE};

    switch ((unsigned)message->type) {
    case WIRE_CHUNK:
        sync_chunk(engine->sync, from, &message->chunk);
        return;
    case WIRE_COMPARED:
        sync_compared(engine->sync, from, &message->compared);
        return;
    case WIRE_ACK:
        if ((message->ack.id & ID_HINT) != 0)
            hints_acknowledged(engine, from, &message->ack);
        else if ((message->ack.id & ID_SYNC) != 0)
            sync_acknowledged(engine->sync, from, &message->ack);
        return;
    case WIRE_ANSWER:
        looked.status = (enum answer_status)message->answer.status;
        looked.version = message->answer.version;
        looked.claim_version = message->answer.claim_version;
        sync_looked(engine->sync, from, message->answer.id, &looked);
        return;
    case WIRE_ABSENT:
        looked.mark = message->absent.mark;
        looked.floor = message->absent.floor;
        looked.settled = message->absent.settled;
        sync_looked(engine->sync, from, message->absent.id, &looked);
        return;
    default:
        ensure(false);
    }
}

void world_engine_receive(struct world *world, const struct message *message)
{
    const struct span bytes = buffer_content(&message->bytes);
    struct wire_cursor cursor = {.at = bytes.data, .end = bytes.data + bytes.size};
    struct wire_message read;
    const char *error;

    ensure(wire_next_message(&cursor, &read, &error) == WIRE_OK);
    if (message->kind == MESSAGE_QUESTION) {
        serve(world, message, &read);
        return;
    }
    world_raise_ceiling(world, message->to, 0);
    take(enter(world, message->to), world_number(message->from), &read);
    leave(world, message->to);
}
