/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <string.h>

#include "command/cluster.h"
#include "lib/timeout.h"
#include "resp/reply.h"
#include "ring/slot.h"
#include "sim/check/claims.h"

TestSuite(sim_claims, .timeout = TIMEOUT_S(60));

#define MEMBERS    3
#define PARTITIONS 2

/* Three members in two zones, two copies: of partition 0 on 1 and 2, of partition 1 on 2 and 3. */
struct sketch {
    struct ring_member members[MEMBERS];
    struct ring_claim claims[PARTITIONS];
};

static void sketch_init(struct sketch *sketch)
{
    *sketch = (struct sketch){.claims = {{.version = 1, .nodes = {1, 2}, .count = 2},
                                         {.version = 1, .nodes = {2, 3}, .count = 2}}};
    for (unsigned i = 0; i < MEMBERS; i++) {
        struct ring_member *member = &sketch->members[i];
        *member = (struct ring_member){
            .number = (node_number)(i + 1), .client_port = 1, .bus_port = 2, .weight = 100};
        memset(member->identity.bytes, (int)i + 1, IDENTITY_SIZE);
        memcpy(member->host, "a", 2);
        memcpy(member->zone, i % 2 == 0 ? "x" : "y", 2);
    }
}

static struct ring *draw_ring(const struct sketch *sketch)
{
    char error[RING_ERROR_MAX];
    struct ring_draft draft = {.version = ring_version(1, 0),
                               .partition_count = PARTITIONS,
                               .last_number = MEMBERS,
                               .base = {.replicas = 2},
                               .members = sketch->members,
                               .member_count = MEMBERS,
                               .claims = sketch->claims};
    memset(draft.identity.bytes, 7, IDENTITY_SIZE);
    struct ring *ring = ring_create(&draft, error);

    cr_assert_not_null(ring, "%s", error);
    return ring;
}

static uint64_t wrong_claims(const struct sketch *sketch, unsigned replicas)
{
    struct verdict verdict = {0};
    struct ring *ring = draw_ring(sketch);

    check_claims_of(ring, replicas, &verdict);
    ring_release(&ring);
    cr_expect_eq(verdict.judged, PARTITIONS);
    return verdict.wrong;
}

Test(sim_claims, replicas_are_as_many_as_asked_for_and_in_distinct_zones)
{
    struct sketch good, few, close;

    sketch_init(&good);
    cr_expect_eq(wrong_claims(&good, 2), 0);
    cr_expect_eq(wrong_claims(&good, 3), 2);
    sketch_init(&few);
    few.claims[1].count = 1;
    few.claims[1].nodes[1] = 0;
    cr_expect_eq(wrong_claims(&few, 2), 1);
    sketch_init(&close);
    close.claims[1].nodes[0] = 1; /* with 3, in zone x */
    cr_expect_eq(wrong_claims(&close, 2), 1);
}

Test(sim_claims, all_nodes_go_by_the_same_claims_in_the_same_order)
{
    struct sketch one, turned, newer;
    struct verdict verdict = {0};

    sketch_init(&one);
    turned = newer = one;
    turned.claims[0].nodes[0] = 2;
    turned.claims[0].nodes[1] = 1;
    newer.claims[1].version = 2;
    struct ring *rings[] = {draw_ring(&one), draw_ring(&one), draw_ring(&turned),
                            draw_ring(&newer)};
    check_claims_same(rings[0], rings[1], 1, &verdict);
    cr_expect_eq(verdict.wrong, 0);
    check_claims_same(rings[0], rings[2], 2, &verdict);
    cr_expect_eq(verdict.wrong, 1);
    check_claims_same(rings[0], rings[3], 3, &verdict);
    cr_expect_eq(verdict.wrong, 2);
    for (int i = 0; i < 4; i++)
        ring_release(&rings[i]);
}

/* As CLUSTER SLOTS has it, of the claims of `sketch`; of the first `alone` the first node only. */
static void tell(struct buffer *reply, const struct sketch *sketch, uint32_t partitions,
                 uint32_t alone)
{
    char id[CLUSTER_NODE_ID_SIZE];

    reply_array(reply, partitions);
    for (uint32_t p = 0; p < partitions; p++) {
        const unsigned count = p < alone ? 1 : sketch->claims[p].count;
        reply_array(reply, 2u + count);
        reply_integer(reply, ring_partition_slot(p, PARTITIONS));
        reply_integer(reply, ring_partition_slot(p, PARTITIONS) + RING_SLOTS / PARTITIONS - 1);
        for (unsigned i = 0; i < count; i++) {
            const struct ring_member *member = &sketch->members[sketch->claims[p].nodes[i] - 1];
            cluster_node_id(&member->identity, id);
            reply_array(reply, 4);
            reply_bulk_string(reply, member->host);
            reply_integer(reply, member->client_port);
            reply_bulk_string(reply, id);
            reply_array(reply, 0);
        }
    }
}

Test(sim_claims, clients_are_told_the_claim_of_every_slot)
{
    struct sketch true_one, turned;
    struct buffer replies[5] = {0};

    sketch_init(&true_one);
    turned = true_one;
    turned.claims[1].nodes[0] = 3;
    turned.claims[1].nodes[1] = 2;
    struct ring *ring = draw_ring(&true_one);
    tell(&replies[0], &true_one, PARTITIONS, 0);
    tell(&replies[1], &true_one, PARTITIONS, 1);
    tell(&replies[2], &turned, PARTITIONS, 0);
    tell(&replies[3], &true_one, PARTITIONS - 1, 0); /* slots that nobody has */
    reply_error(&replies[4], "ERR no");
    for (int i = 0; i < 5; i++) {
        cr_expect_eq(claims_are_told(buffer_content(&replies[i]), ring), i <= 1, "reply %d", i);
        buffer_deinit(&replies[i]);
    }
    ring_release(&ring);
}

Test(sim_claims, a_node_is_told_of_alone_but_once)
{
    struct sketch sketch;
    struct buffer replies[2] = {0};

    sketch_init(&sketch);
    sketch.claims[1].nodes[0] = 1;
    struct ring *ring = draw_ring(&sketch);
    for (uint32_t i = 0; i < 2; i++) {
        tell(&replies[i], &sketch, PARTITIONS, 1 + i);
        cr_expect_eq(claims_are_told(buffer_content(&replies[i]), ring), i == 0);
        buffer_deinit(&replies[i]);
    }
    ring_release(&ring);
}
