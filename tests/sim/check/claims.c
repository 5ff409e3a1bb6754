/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The checker of preference lists. Every node goes by the same ordered claim of every partition;
 * it lists min(N, nodes) distinct members, in min(N, zones) zones; and clients that ask any node
 * (CLUSTER SLOTS) are told just that of every slot, once all nodes are up.
 */
#include <string.h>

#include "base/memory.h"
#include "command/cluster.h"
#include "ring/slot.h"
#include "sim/check/claims.h"
#include "sim/world/client.h"
#include "sim/world/node.h"

/* Clients of the load count from 1. */
#define CLIENT_ID     2000000
#define ANSWER_US_MAX 1000000
#define STEP_US       10000

/* ---- what a claim must be ---- */

static unsigned least_of(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Zones of the members of the ring, or of the first `count` of `nodes` when they are not NULL. */
static unsigned count_zones(const struct ring *ring, const node_number *nodes, size_t count)
{
    unsigned zones = 0;

    for (size_t i = 0; i < count; i++) {
        const struct ring_member *member = nodes != NULL ? ring_member_by_number(ring, nodes[i])
                                                         : &ring->content.members[i];
        bool seen = false;
        for (size_t j = 0; j < i && !seen; j++) {
            const struct ring_member *before = nodes != NULL ? ring_member_by_number(ring, nodes[j])
                                                             : &ring->content.members[j];
            seen = strcmp(member->zone, before->zone) == 0;
        }
        zones += !seen;
    }
    return zones;
}

void check_claims_of(const struct ring *ring, unsigned replicas, struct verdict *verdict)
{
    const unsigned copies = least_of(replicas, (unsigned)ring->content.member_count);
    const unsigned zones = least_of(copies, count_zones(ring, NULL, ring->content.member_count));

    for (uint32_t p = 0; p < ring_partition_count(ring); p++) {
        const struct ring_claim *claim = ring_claim(ring, p);
        bool good = claim->count == copies;
        for (unsigned i = 0; i < claim->count; i++) {
            good &= ring_member_by_number(ring, claim->nodes[i]) != NULL;
            for (unsigned j = 0; j < i; j++)
                good &= claim->nodes[i] != claim->nodes[j];
        }
        verdict->judged++;
        if (!good)
            verdict_wrong(verdict, "claims: partition %u has not %u replicas", p, copies);
        else if (count_zones(ring, claim->nodes, claim->count) != zones)
            verdict_wrong(verdict, "claims: the replicas of partition %u are not in %u zones", p,
                          zones);
    }
}

static bool same_claim(const struct ring_claim *a, const struct ring_claim *b)
{
    return a->version == b->version && a->count == b->count &&
           memcmp(a->nodes, b->nodes, a->count * sizeof a->nodes[0]) == 0;
}

void check_claims_same(const struct ring *ring, const struct ring *other, unsigned node,
                       struct verdict *verdict)
{
    verdict->judged++;
    if (ring_partition_count(ring) != ring_partition_count(other)) {
        verdict_wrong(verdict, "claims: node %u has another number of partitions", node);
        return;
    }
    for (uint32_t p = 0; p < ring_partition_count(ring); p++) {
        verdict->judged++;
        if (!same_claim(ring_claim(ring, p), ring_claim(other, p)))
            verdict_wrong(verdict, "claims: node %u has another claim of partition %u", node, p);
    }
}

/* ---- what clients are told ---- */

/* A header of the reply, and the bytes of a bulk string. */
struct token {
    char type;
    int64_t number;
    struct span text;
};

static bool next_token(struct span *at, struct token *token)
{
    const uint8_t *end = at->size > 0 ? memchr(at->data, '\n', at->size) : NULL;
    const size_t line = end != NULL ? (size_t)(end - at->data) + 1 : 0;

    if (line < 4 || !span_to_int64(span_of(at->data + 1, line - 3), &token->number) ||
        token->number < 0)
        return false;
    token->type = (char)at->data[0];
    *at = span_of(at->data + line, at->size - line);
    if (token->type != '$')
        return true;
    if ((uint64_t)token->number + 2 > at->size)
        return false;
    token->text = span_of(at->data, (size_t)token->number);
    *at = span_of(at->data + token->number + 2, at->size - (size_t)token->number - 2);
    return true;
}

static bool expect(struct span *at, char type, struct token *token)
{
    return next_token(at, token) && token->type == type;
}

/* A node of a run: [host, port, identity, []]; whether it is this member. */
static bool is_node(struct span *at, const struct ring_member *member)
{
    char id[CLUSTER_NODE_ID_SIZE];
    struct token token, identity;

    if (!expect(at, '*', &token) || !expect(at, '$', &token) || !expect(at, ':', &token) ||
        !expect(at, '$', &identity) || !expect(at, '*', &token))
        return false;
    cluster_node_id(&member->identity, id);
    return span_equal(identity.text, span_of_string(id));
}

/* What a reply has told so far. */
struct told {
    bool slots[RING_SLOTS];
    bool introduced[UINT16_MAX + 1]; /* first nodes that an entry has named alone */
    int64_t count;                   /* of the slots */
};

/* A run of slots that no other has told of: the members of its claims, in order; or the first of
 * them alone, once a member: clients take a node's first mention as its role. */
static bool is_run(struct span *at, const struct ring *ring, struct told *told)
{
    const uint32_t count = ring_partition_count(ring);
    struct token nodes, first, last;

    if (!expect(at, '*', &nodes) || !expect(at, ':', &first) || !expect(at, ':', &last) ||
        first.number > last.number || last.number >= RING_SLOTS)
        return false;
    const struct ring_claim *claim = ring_claim(ring,
                                                ring_slot_partition((uint32_t)first.number, count));
    bool *introduced = &told->introduced[claim->nodes[0]];
    const bool alone = nodes.number == 3 && claim->count > 1 && !*introduced;

    if (alone)
        *introduced = true;
    else if (nodes.number != 2 + claim->count)
        return false;
    for (unsigned i = 0; i < (alone ? 1 : claim->count); i++)
        if (!is_node(at, ring_member_by_number(ring, claim->nodes[i])))
            return false;
    for (int64_t slot = first.number; slot <= last.number; slot++) {
        const struct ring_claim *other = ring_claim(ring,
                                                    ring_slot_partition((uint32_t)slot, count));
        if (told->slots[slot] || other->count != claim->count ||
            memcmp(other->nodes, claim->nodes, claim->count * sizeof claim->nodes[0]) != 0)
            return false;
        told->slots[slot] = true;
        told->count++;
    }
    return true;
}

bool claims_are_told(struct span reply, const struct ring *ring)
{
    struct told told = {0};
    struct token runs;

    if (!expect(&reply, '*', &runs))
        return false;
    for (int64_t i = 0; i < runs.number; i++)
        if (!is_run(&reply, ring, &told))
            return false;
    return told.count == RING_SLOTS && reply.size == 0;
}

/* ---- asking ---- */

struct asker {
    struct sim_client *client;
    struct buffer reply;
    bool answered, closed;
};

static void on_reply(void *context, struct span reply)
{
    struct asker *asker = context;

    if (!asker->answered)
        buffer_append_span(&asker->reply, reply);
    asker->answered = true;
}

static void on_closed(void *context)
{
    struct asker *asker = context;

    asker->closed = true;
}

static void check_told(struct world *world, unsigned number, const struct ring *ring,
                       struct verdict *verdict)
{
    struct asker asker = {.client = sim_client_open(world->nodes[number], CLIENT_ID + number)};
    const int64_t end_us = world->now_us + ANSWER_US_MAX;

    asker.client->context = &asker;
    asker.client->on_reply = on_reply;
    asker.client->on_closed = on_closed;
    sim_client_say(asker.client, "cluster slots");
    sim_client_say(asker.client, "quit");
    while (!asker.closed && world->now_us < end_us)
        world_run_until(world, world->now_us + STEP_US);
    world_run_until(world, world->now_us + STEP_US); /* nothing of it is on its way any more */
    verdict->judged++;
    if (!asker.closed || !claims_are_told(buffer_content(&asker.reply), ring))
        verdict_wrong(verdict, "claims: node %u does not tell clients the ring", number);
    if (asker.closed)
        sim_client_destroy(&asker.client);
    buffer_deinit(&asker.reply);
}

/* Its members are in the zones that the nodes were told to be in. */
static void check_zones(const struct world *world, const struct ring *ring, struct verdict *verdict)
{
    const struct world_settings *settings = &world->settings;
    const unsigned zones = settings->zones > 0 ? least_of(settings->zones, settings->nodes) : 1;

    verdict->judged++;
    if (count_zones(ring, NULL, ring->content.member_count) != zones)
        verdict_wrong(verdict, "claims: the ring's nodes are not in %u zones", zones);
}

void check_claims(struct world *world, struct verdict *verdict)
{
    char error[RING_ERROR_MAX];

    if (sim_node_ring(world->nodes[1]) == NULL)
        return; /* check_ring's */
    const struct ring_draft draft = ring_draft_of(sim_node_ring(world->nodes[1]));
    struct ring *ring = ring_create(&draft, error);
    check_zones(world, ring, verdict);
    for (unsigned i = 1; i <= world->settings.nodes; i++) {
        const struct ring *other = sim_node_ring(world->nodes[i]);
        const uint64_t wrong = verdict->wrong;
        if (other == NULL)
            continue;
        check_claims_of(other, world->settings.replicas, verdict);
        check_claims_same(ring, other, i, verdict);
        if (!world->settings.detector)
            check_told(world, i, ring, verdict);
        if (verdict->wrong > wrong)
            verdict_about(verdict, i, -1, world->now_us);
    }
    ring_release(&ring);
}
