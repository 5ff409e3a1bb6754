/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where a request runs. A command of one key runs at a replica that votes: here, when this node is
 * one, or else at the first healthy one of the preference list, to which it is forwarded once. A
 * read-modify-write runs at the first healthy one wherever it arrived, so that as few coordinators
 * as possible serve one key. One that could not be reached, or that refused before anything ran,
 * is left out, and the next is chosen.
 */
#include "node/parts.h"
#include "node/script.h"

#include "base/level.h"

/* ---- levels ---- */

static inline const struct option_rule *level_rule(const struct options *options, struct span key)
{
    for (size_t i = 0; i < options->keyspace.count; i++) {
        const struct option_rule *rule = &options->keyspace.items[i];
        const size_t size = strlen(rule->prefix);
        if (key.size >= size && memcmp(key.data, rule->prefix, size) == 0)
            return rule;
    }
    return NULL;
}

void route_class_of(const struct engine *engine, struct span key, struct route_class *class)
{
    const struct ring *ring = engine->view->ring;

    class->partition = ring_key_partition(ring, key);
    class->rule = ring_key_rule(ring, key);
    class->levels = level_rule(engine->options, key);
}

/* The request's own level, then the keyspace rule's, then the server's. (The connection's was put
 * in the place of the request's when that named none.) */
static inline uint8_t resolve(uint8_t asked, uint8_t next)
{
    return asked != LEVEL_DEFAULT ? asked : next;
}

static inline void set_levels(struct request *request, struct span key)
{
    const struct options *options = request->engine->options;
    const struct option_rule *rule = level_rule(options, key);
    struct operation *operation = &request->operation;

    if (rule != NULL) {
        request->read_level = resolve(request->read_level, rule->read_level);
        request->write_level = resolve(request->write_level, rule->write_level);
    }
    request->read_level = resolve(request->read_level, options->read_level);
    request->write_level = resolve(request->write_level, options->write_level);
    operation->read_needed = (uint8_t)level_needed(request->read_level, operation->copies);
    operation->write_needed = (uint8_t)level_needed(request->write_level, operation->copies);
}

/* ---- where ---- */

/* Fills in what depends on the key: its place, its replicas, its levels. */
static inline void locate(struct request *request, struct span key)
{
    struct engine *engine = request->engine;
    const struct ring *ring = engine->view->ring;
    const struct ring_rule *rule = ring_key_rule(ring, key);
    struct operation *operation = &request->operation;
    const struct command_input *input = request->input;
    const bool known = input != NULL && input->hashed && input->argv[1].data == key.data;
    const uint32_t partition = known ? input->partition : ring_key_partition(ring, key);
    const struct ring_claim *claim = ring_claim(ring, partition);

    operation->copies = (uint8_t)(rule->replicas < claim->count ? rule->replicas : claim->count);
    /* All of them: so many bytes, whatever they are, are two words. */
    _Static_assert(sizeof operation->nodes == sizeof claim->nodes, "of a claim");
    memcpy(operation->nodes, claim->nodes, sizeof operation->nodes);
    operation->siblings = rule->conflict == RING_CONFLICT_SIBLINGS;
    operation->place = (struct place){.partition = partition,
                                      .claim_version = claim->version,
                                      .hash = known ? input->hash
                                                    : store_hash(engine->own.store, key),
                                      .key = key};
    operation->deadline_wall_ms = request->deadline_wall_ms;
    /* Hash 0 stands for "of many keys". */
    request->hash = operation->place.hash != 0 ? operation->place.hash : 1;
    set_levels(request, key);
}

/* The node that is to coordinate: 0 when none can be reached. */
static node_number choose(const struct request *request)
{
    struct engine *engine = request->engine;
    const struct operation *operation = &request->operation;
    const bool self_can = engine->coordinates;
    node_number first = 0;

    for (unsigned i = 0; i < operation->copies; i++) {
        const node_number node = operation->nodes[i];
        if (node == engine->view->self) {
            if (self_can && !(request->tried & 1u << i) &&
                (first == 0 || request->kind != COMMAND_UPDATE || request->placed))
                return node;
        } else if (first == 0 && !request->placed && !(request->tried & 1u << i) &&
                   peer_promising(engine, node)) {
            first = node;
        }
    }
    return first;
}

static void forward(struct request *request)
{
    struct engine *engine = request->engine;
    const struct operation *operation = &request->operation;
    const struct call *call = &request->call;
    /* A script has its own time beside that of a request. */
    const int64_t more_us = request->group == NULL && script_is(call->command)
                                ? script_time_us(engine)
                                : 0;
    const int64_t left_us = request->deadline_us + more_us - engine->now.mono_us;
    size_t size = 256;

    for (size_t i = 0; i < call->argc; i++)
        size += call->argv[i].size + 4;
    struct buffer *out = peer_message(engine, request->route, size);
    if (out == NULL || left_us <= 0) {
        request_fail(request, "NOQUORUM the key's coordinator cannot be reached");
        return;
    }
    const struct wire_forward message = {
        .id = request->id,
        .deadline_ms = (uint64_t)(engine_date_ms(engine) + left_us / 1000),
        .claim_version = operation->place.claim_version,
        .partition = (uint16_t)operation->place.partition,
        .flags = (uint8_t)((call->protocol == 3 ? WIRE_FORWARD_RESP3 : 0) |
                           (request->group != NULL ? WIRE_FORWARD_BATCH : 0)),
        .read_level = request->read_level,
        .write_level = request->write_level,
        .args = {.count = (uint32_t)call->argc, .items = call->argv},
    };
    wire_put_forward(out, &message);
    metrics_add(engine->metrics, METRIC_REQUESTS_FORWARDED, 1);
    request_wait(request, STAGE_FORWARDED);
}

void route_find(struct request *request, struct span key)
{
    const struct engine *engine = request->engine;

    locate(request, key);
    if (engine->coordinates && request->tried == 0 &&
        request->operation.nodes[0] == engine->view->self)
        request->route = engine->view->self; /* as nearly always */
    else
        request->route = choose(request);
}

void route_take(struct request *request)
{
    struct engine *engine = request->engine;

    if (request->route == engine->view->self) {
        coordinate_begin(request);
        return;
    }
    if (request->route == 0) {
        const struct operation *operation = &request->operation;
        const bool reads = request->kind == COMMAND_READ;
        metrics_add(engine->metrics, METRIC_QUORUM_FAILURES, 1);
        request_fail(request,
                     "NOQUORUM needed %u of %u, got 0: no replica of the key can be reached",
                     reads ? operation->read_needed : operation->write_needed, operation->copies);
        return;
    }
    forward(request);
}

void route_refuse(struct link *link, uint64_t id, enum reply_status status)
{
    const struct wire_reply reply = {.id = id, .status = (uint8_t)status};

    wire_put_reply(link_message(link), &reply);
}

static void choose_again(struct request *request, node_number failed)
{
    for (unsigned i = 0; i < request->operation.copies; i++)
        if (request->operation.nodes[i] == failed)
            request->tried |= (uint16_t)(1u << i);
    request->route = choose(request);
}

void route_again(struct request *request, node_number failed)
{
    choose_again(request, failed);
    route_take(request);
}

bool route_elsewhere(struct request *request)
{
    if (request->owner == OWNER_LINK) {
        route_refuse(request->from, request->from_id, REPLY_NOT_VOTING);
        request_abandon(request);
        return true;
    }
    choose_again(request, request->engine->view->self);
    if (request->route == 0)
        return false;
    request->coordinated = false;
    route_take(request);
    return true;
}
