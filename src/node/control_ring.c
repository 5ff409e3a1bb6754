/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The ring that this node goes by: none, the implicit one, or a real one, which is on disk.
 *
 *      none --------+
 *                   +--> real, version v --> real, version w > v, of the same identity
 *      implicit ----+
 *
 * A real ring is taken from RING INIT's proposer or, after gossip told of it, fetched from a node
 * that has it. Rings of different identity never take each other's place.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"
#include "node/control_parts.h"
#include "ring/ring_codec.h"

/* ---- the rules of a new ring ---- */

void ring_set_rules(struct ring_draft *draft, struct ring_rule rules[RING_RULES_MAX],
                    const struct options *options)
{
    ensure(options->keyspace.count <= RING_RULES_MAX);
    draft->base = (struct ring_rule){.replicas = (uint32_t)options->replicas,
                                     .conflict = (enum ring_conflict)options->conflict};
    for (size_t i = 0; i < options->keyspace.count; i++) {
        const struct option_rule *given = &options->keyspace.items[i];
        rules[i] = draft->base;
        rules[i].prefix = span_of_string(given->prefix);
        if (given->replicas != 0)
            rules[i].replicas = given->replicas;
        if (given->conflict != OPTION_CONFLICT_DEFAULT)
            rules[i].conflict = (enum ring_conflict)given->conflict;
    }
    draft->rules = rules;
    draft->rule_count = options->keyspace.count;
}

bool ring_plan(struct ring_draft *draft, struct planner_plan *plan, char reason[REASON_MAX])
{
    struct planner_node *nodes = memory_alloc_array(draft->member_count, sizeof *nodes);
    const struct planner_input input = {.partition_count = draft->partition_count,
                                        .replicas = ring_draft_copies(draft),
                                        .nodes = nodes,
                                        .node_count = draft->member_count};

    for (size_t i = 0; i < draft->member_count; i++)
        nodes[i] = (struct planner_node){.number = draft->members[i].number,
                                         .weight = draft->members[i].weight,
                                         .zone = draft->members[i].zone};
    const bool planned = planner_plan(&input, plan, reason);
    memory_free(nodes);
    if (!planned)
        return false;
    for (uint32_t p = 0; p < draft->partition_count; p++)
        plan->claims[p].version = draft->version;
    draft->claims = plan->claims;
    return true;
}

/* ---- the implicit ring ---- */

void ring_begin_implicit(struct control *control)
{
    struct ring_member member = {.identity = control->identity,
                                 .number = 1,
                                 .client_port = control->client_port,
                                 .weight = 1};
    struct ring_draft draft = {.identity = control_draw(control),
                               .version = ring_version(0, 1),
                               .partition_count = store_partitions(control->store),
                               .last_number = 1,
                               .members = &member,
                               .member_count = 1};
    struct ring_rule rules[RING_RULES_MAX];
    struct planner_plan plan;
    char error[REASON_MAX];

    member.bus_port = (uint16_t)(control->client_port + GOSSIP_BUS_OFFSET);
    memcpy(member.host, control->host_name, strlen(control->host_name) + 1);
    memcpy(member.zone, control->zone, strlen(control->zone) + 1);
    ring_set_rules(&draft, rules, control->options);
    ensure(ring_plan(&draft, &plan, error));
    control->ring = ring_create(&draft, error);
    ensure(control->ring != NULL);
    control->implicit = true;
    store_set_seed(control->store, ring_hash_seed(control->ring));
    planner_plan_deinit(&plan);
}

/* ---- adoption ---- */

bool ring_store_holds_keys(struct control *control)
{
    struct partition_counts counts;
    bool holds = false;

    /* Closed first, so that no write comes in behind the look. */
    view_write_headers(control, true);
    for (uint32_t p = 0; p < store_partitions(control->store) && !holds; p++) {
        struct partition *partition = store_partition(control->store, p);
        partition_lock(partition);
        partition_count(partition, &counts);
        partition_unlock(partition);
        holds = counts.keys > 0;
    }
    return holds;
}

/* What the implicit ring left: tombstones and marks. They mean nothing in the ring that comes. */
static void clear_store(struct control *control)
{
    for (uint32_t p = 0; p < store_partitions(control->store); p++) {
        struct partition *partition = store_partition(control->store, p);
        partition_lock(partition);
        partition->flushed = (struct dot){.stamp = UINT64_MAX, .node = UINT16_MAX};
        partition_clear(partition);
        partition->flushed = DOT_NONE;
        partition_unlock(partition);
    }
}

/* Whether the ring may take the place of what this node has. */
static bool fits(const struct control *control, const struct ring *ring, char reason[REASON_MAX])
{
    const struct ring *current = control_real_ring(control);

    if (current != NULL && !identity_equal(&current->content.identity, &ring->content.identity)) {
        snprintf(reason, REASON_MAX,
                 "it is in ring %016" PRIx64 ", and ring %016" PRIx64 " is another",
                 ring_label(&current->content.identity), ring_label(&ring->content.identity));
        return false;
    }
    if (current != NULL && ring->content.version < current->content.version) {
        snprintf(reason, REASON_MAX, "it has a later version of the ring");
        return false;
    }
    if (ring_partition_count(ring) != store_partitions(control->store)) {
        snprintf(reason, REASON_MAX, "its directive partitions is %u, the ring has %u",
                 store_partitions(control->store), ring_partition_count(ring));
        return false;
    }
    if (current == NULL && ring_member_by_identity(ring, &control->identity) == NULL) {
        snprintf(reason, REASON_MAX, "ring %016" PRIx64 " does not name this node",
                 ring_label(&ring->content.identity));
        return false;
    }
    return true;
}

static bool persist(struct control *control, const struct ring *ring, char reason[REASON_MAX])
{
    struct buffer bytes = {0};

    ring_encode(ring, &bytes);
    const bool done = !bytes.failed &&
                      control->calls->persist_ring(control->host, buffer_content(&bytes));
    buffer_deinit(&bytes);
    control->persistence[0] = '\0';
    if (!done) {
        snprintf(reason, REASON_MAX, "the ring could not be kept on disk; its log says why");
        snprintf(control->persistence, sizeof control->persistence,
                 "a ring could not be kept on disk");
    }
    return done;
}

static bool replace(struct control *control, struct ring *ring, char reason[REASON_MAX])
{
    const bool first = control_real_ring(control) == NULL;

    if (first && ring_store_holds_keys(control)) {
        snprintf(reason, REASON_MAX, "it has data");
        return false;
    }
    if (!persist(control, ring, reason))
        return false;
    if (first) {
        clear_store(control);
        store_set_seed(control->store, ring_hash_seed(ring));
    }
    ring_release(&control->ring);
    control->ring = ring_retain(ring);
    control->implicit = false;
    control->promise.given = false;
    control->refusal[0] = '\0';
    control->conflict_logged = false;
    return true;
}

bool ring_adopt(struct control *control, struct ring *ring, char reason[REASON_MAX])
{
    const struct ring *current = control_real_ring(control);
    bool adopted = false;

    if (fits(control, ring, reason)) {
        if (current != NULL && ring->content.version == current->content.version)
            adopted = true; /* it has it */
        else if ((adopted = replace(control, ring, reason)))
            log_write(control->log, LOG_NOTICE,
                      "ring %016" PRIx64 ", version %u.%u: %zu nodes, %u partitions",
                      ring_label(&ring->content.identity),
                      ring_version_epoch(ring->content.version),
                      ring_version_step(ring->content.version), ring->content.member_count,
                      ring_partition_count(ring));
        view_write_headers(control, control->promise.given);
        ring_tell_gossip(control);
        control->view_due = true;
        control->tick_us = control->now.mono_us; /* introduces this node to the members */
    }
    return adopted;
}

void ring_tell_gossip(struct control *control)
{
    const struct node_record *record = gossip_self(control->gossip);
    const struct ring *ring = control_real_ring(control);
    uint32_t flags = 0;

    if (recovery_silences(control))
        flags |= NODE_FORGETFUL;
    if (control->out_of_line)
        flags |= NODE_CLOCK_OUT_OF_LINE;
    if (ring != NULL && (!identity_equal(&record->ring, &ring->content.identity) ||
                         record->ring_version != ring->content.version)) {
        gossip_set_ring(control->gossip, control->now, ring->content.identity,
                        ring->content.version, ring_digest(ring));
    }
    gossip_set_flags(control->gossip, control->now, flags);
}

/* ---- rings of others ---- */

static void refuse(struct control *control, const struct ring *ring,
                   const struct node_address *from, const char *reason)
{
    char text[REASON_MAX];

    control->refused_ring = ring->content.identity;
    control->refused_version = ring->content.version;
    control->refused_until_us = control->now.mono_us + FETCH_AGAIN_US;
    snprintf(text, sizeof text, "the ring of %.100s:%u was not taken: %.120s", from->host,
             from->port - GOSSIP_BUS_OFFSET, reason);
    if (strcmp(text, control->refusal) != 0)
        log_write(control->log, LOG_WARNING, "%s", text);
    memcpy(control->refusal, text, sizeof control->refusal);
}

static void fetched(struct control *control, const struct question *question,
                    const struct wire_message *message, const char *error)
{
    char reason[REASON_MAX] = "";

    control->fetching = false;
    if (message == NULL || message->type != WIRE_RING) {
        log_write(control->log, LOG_VERBOSE, "no ring from %s:%u: %s", question->to.host,
                  question->to.port, error != NULL ? error : "it answers something else");
        return;
    }
    if (message->ring.ring.size == 0)
        return;
    struct ring *ring = ring_decode(message->ring.ring, reason);
    if (ring == NULL) {
        log_write(control->log, LOG_WARNING, "the ring that %s:%u sent is damaged: %s",
                  question->to.host, question->to.port, reason);
        return;
    }
    /* While a promise to another stands the ring can wait: gossip tells of it again. */
    const bool promised = control->promise.given &&
                          !identity_equal(&control->promise.ring, &ring->content.identity);
    if (!promised && !ring_adopt(control, ring, reason))
        refuse(control, ring, &question->to, reason);
    ring_release(&ring);
}

void ring_fetch(struct control *control)
{
    const struct wire_fetch message = {.id = 0};

    control->fetch_wanted = false;
    control->fetching = true;
    wire_put_fetch(&control->out, &message);
    control_ask(control, &control->fetch_from, fetched);
}

void ring_introduce(struct control *control)
{
    const struct ring *ring = control_real_ring(control);
    size_t asked = 0;

    if (ring == NULL || gossip_phase(control->gossip) != GOSSIP_ACTIVE)
        return;
    for (size_t i = 0; i < ring->content.member_count && asked < INTRODUCTIONS_PER_TICK; i++) {
        const size_t at = (control->introduced + i) % ring->content.member_count;
        const struct ring_member *member = &ring->content.members[at];

        if (identity_equal(&member->identity, &control->identity) ||
            gossip_find(control->gossip, member->identity) != NULL ||
            control->exchange_count == EXCHANGES_WAITING_MAX)
            continue;
        struct node_address *address = &control->exchanges[control->exchange_count++];
        memcpy(address->host, member->host, sizeof address->host);
        address->port = member->bus_port;
        control->introduced = at + 1;
        asked++;
    }
}
