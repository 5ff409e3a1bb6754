/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a ring accepts, and what it answers.
 */
#include "ring_test.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "lib/timeout.h"

void fixture_init(struct fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    for (unsigned i = 0; i < FIXTURE_MEMBERS; i++) {
        struct ring_member *member = &fixture->members[i];

        /* Not in the order of their numbers. */
        member->number = (node_number)(2 * (FIXTURE_MEMBERS - i));
        member->identity.bytes[15] = (uint8_t)member->number;
        member->weight = 10 + i;
        member->client_port = (uint16_t)(7000 + i);
        member->bus_port = (uint16_t)(17000 + i);
        snprintf(member->zone, sizeof member->zone, "rack-%u", i % 3);
        snprintf(member->host, sizeof member->host, "10.0.0.%u", i);
    }
    for (unsigned i = 0; i < FIXTURE_PARTITIONS; i++) {
        fixture->claims[i].version = ring_version(1, 0);
        fixture->claims[i].count = 3;
        for (unsigned k = 0; k < 3; k++)
            fixture->claims[i].nodes[k] = (node_number)(2 + 2 * ((i + k) % FIXTURE_MEMBERS));
    }
    fixture->rules[0] = (struct ring_rule){SPAN("session:"), 2, RING_CONFLICT_LWW};
    fixture->rules[1] = (struct ring_rule){SPAN("s"), 1, RING_CONFLICT_SIBLINGS};
    fixture->draft = (struct ring_draft){
        .identity = {{1, 2, 3}},
        .version = ring_version(1, 0),
        .partition_count = FIXTURE_PARTITIONS,
        .last_number = 12,
        .base = {.replicas = 3},
        .rules = fixture->rules,
        .rule_count = 2,
        .members = fixture->members,
        .member_count = FIXTURE_MEMBERS,
        .claims = fixture->claims,
    };
}

static struct ring *create(struct fixture *fixture)
{
    char error[RING_ERROR_MAX] = "";
    struct ring *ring;

    fixture_init(fixture);
    ring = ring_create(&fixture->draft, error);
    cr_assert_not_null(ring, "%s", error);
    return ring;
}

/* The ring is refused, and with this text. */
static void refused(const struct fixture *fixture, const char *text)
{
    char error[RING_ERROR_MAX] = "";

    cr_expect_null(ring_create(&fixture->draft, error), "accepted: %s", text);
    cr_expect_str_eq(error, text);
}

TestSuite(ring, .timeout = TIMEOUT_S(20));

Test(ring, keeps_nothing_of_the_draft)
{
    struct fixture fixture;
    struct ring *ring = create(&fixture);

    memset(&fixture, 0xff, sizeof fixture);
    cr_expect_eq(ring_claim(ring, 3)->nodes[0], 8);
    cr_expect_str_eq(ring_member_by_number(ring, 10)->zone, "rack-0");
    ring_release(&ring);
    cr_expect_null(ring);
    ring_release(&ring);
}

Test(ring, lives_until_the_last_reference_is_given_back)
{
    struct fixture fixture;
    struct ring *ring = create(&fixture), *other = ring_retain(ring);

    ring_release(&ring);
    cr_expect_eq(ring_partition_count(other), FIXTURE_PARTITIONS);
    ring_release(&other);
}

Test(ring, version_orders_epochs_before_steps)
{
    cr_expect_lt(ring_version(1, 2), ring_version(1, 3));
    cr_expect_lt(ring_version(1, UINT32_MAX), ring_version(2, 0));
    cr_expect_eq(ring_version_epoch(ring_version(7, 9)), 7);
    cr_expect_eq(ring_version_step(ring_version(7, 9)), 9);
}

Test(ring, finds_members_by_number_and_by_identity)
{
    struct fixture fixture;
    struct ring *ring = create(&fixture);
    const struct identity nobody = {{9}};

    for (unsigned i = 0; i < FIXTURE_MEMBERS; i++) {
        const struct ring_member *member = &fixture.members[i];

        cr_expect_eq(ring_member_by_number(ring, member->number)->client_port, member->client_port);
        cr_expect_eq(ring_member_by_identity(ring, &member->identity)->number, member->number);
    }
    cr_expect_null(ring_member_by_number(ring, 3));
    cr_expect_null(ring_member_by_number(ring, 12));
    cr_expect_null(ring_member_by_identity(ring, &nobody));
    ring_release(&ring);
}

Test(ring, knows_where_a_node_stands_in_a_claim)
{
    struct fixture fixture;
    struct ring *ring = create(&fixture);

    cr_expect_eq(ring_claim_index(ring_claim(ring, 0), 2), 0);
    cr_expect_eq(ring_claim_index(ring_claim(ring, 0), 6), 2);
    cr_expect_eq(ring_claim_index(ring_claim(ring, 0), 8), -1);
    cr_expect_eq(ring_claim_index(ring_claim(ring, 0), 0), -1);
    ring_release(&ring);
}

Test(ring, walks_on_for_stand_ins_and_names_each_member_once)
{
    struct fixture fixture;
    struct ring *ring = create(&fixture);
    const node_number from_15[] = {2, 4, 6, 8, 10}; /* partition 0 adds none, 1 adds 8, 2 adds 10 */
    node_number list[16];

    cr_expect_eq(ring_preference_list(ring, 15, list, 16), 5);
    cr_expect_arr_eq(list, from_15, sizeof from_15);
    cr_expect_eq(ring_preference_list(ring, 15, list, 2), 2);
    cr_expect_arr_eq(list, from_15, 2 * sizeof list[0]);
    cr_expect_eq(ring_preference_list(ring, 0, list, 0), 0);
    ring_release(&ring);
}

Test(ring, goes_by_the_first_rule_whose_prefix_matches)
{
    struct fixture fixture;
    struct ring *ring = create(&fixture);

    cr_expect_eq(ring_key_rule(ring, SPAN("session:1"))->replicas, 2);
    cr_expect_eq(ring_key_rule(ring, SPAN("session"))->replicas, 1);
    cr_expect_eq(ring_key_rule(ring, SPAN("session"))->conflict, RING_CONFLICT_SIBLINGS);
    cr_expect_eq(ring_key_rule(ring, SPAN("Session:"))->replicas, 3);
    cr_expect_eq(ring_key_rule(ring, span_of(NULL, 0))->replicas, 3);
    cr_expect_eq(ring_key_partition(ring, SPAN("foo")), 12182 / 1024);
    ring_release(&ring);
}

Test(ring, asks_for_as_many_copies_as_its_highest_rule_and_its_members_allow)
{
    struct fixture fixture;

    fixture_init(&fixture);
    cr_expect_eq(ring_draft_copies(&fixture.draft), 3);
    fixture.rules[1].replicas = 4;
    cr_expect_eq(ring_draft_copies(&fixture.draft), 4);
    fixture.rules[1].replicas = 7;
    cr_expect_eq(ring_draft_copies(&fixture.draft), 5);
}

Test(ring, is_changed_by_way_of_its_draft)
{
    struct fixture fixture;
    struct ring *ring = create(&fixture);
    struct ring_draft draft = ring_draft_of(ring);
    char error[RING_ERROR_MAX];
    struct ring *next;

    draft.version = ring_version(2, 0);
    next = ring_create(&draft, error);
    ring_release(&ring);
    cr_expect_eq(next->content.version, ring_version(2, 0));
    cr_expect_eq(ring_claim(next, 15)->nodes[2], 6);
    ring_release(&next);
}

/* A change to a good draft, and what is said of it. */
#define refuses(change, text)    \
    do {                         \
        struct fixture fixture;  \
                                 \
        fixture_init(&fixture);  \
        fixture.change;          \
        refused(&fixture, text); \
    } while (0)

Test(ring, refuses_bad_headers)
{
    refuses(draft.identity = (struct identity){{0}}, "the ring has no identity");
    refuses(draft.version = 0, "the ring has no version");
    refuses(draft.partition_count = 15,
            "15 partitions: a power of two from 1 to 16384 is accepted");
    refuses(draft.member_count = 0, "0 members: 1 to 1024 are accepted");
    refuses(draft.member_count = 1025, "1025 members: 1 to 1024 are accepted");
    refuses(draft.rule_count = 257, "257 rules: at most 256 are accepted");
    refuses(draft.base.prefix = SPAN("a"), "the base rule has a prefix");
    refuses(draft.base.replicas = 0, "a rule asks for 0 replicas, 1 to 7 are accepted");
    refuses(rules[1].replicas = 8, "a rule asks for 8 replicas, 1 to 7 are accepted");
    refuses(rules[0].prefix.size = 256, "a rule's prefix has 256 bytes, at most 255 are accepted");
    refuses(rules[0].conflict = (enum ring_conflict)2,
            "a rule's conflict is 2, neither lww nor siblings");
}

Test(ring, refuses_bad_members)
{
    refuses(members[1].number = 0, "member 0: numbers from 1 to 12 were given out");
    refuses(members[1].number = 13, "member 13: numbers from 1 to 12 were given out");
    refuses(members[1].number = 10, "two members have the number 10");
    refuses(members[1].identity = (struct identity){{0}}, "member 8 has no identity");
    refuses(members[1].identity = fixture.members[2].identity,
            "two members have the same identity");
    refuses(members[4].weight = 0, "member 2 has the weight 0");
    refuses(members[4].zone[0] = (memset(fixture.members[4].zone, 'z', RING_ZONE_MAX + 1), 'z'),
            "member 2: its zone or its host does not end");
}

Test(ring, refuses_bad_claims)
{
    refuses(claims[7].version = 0, "partition 7: its claim has no version");
    refuses(claims[7].count = 0, "partition 7: 0 replicas, 1 to 7 are accepted");
    refuses(claims[7].count = 8, "partition 7: 8 replicas, 1 to 7 are accepted");
    refuses(claims[7].nodes[1] = 3, "partition 7: node 3 is not a member");
    refuses(claims[7].nodes[1] = 0, "partition 7: node 0 is not a member");
    refuses(claims[7].nodes[1] = fixture.claims[7].nodes[2],
            "partition 7: node 10 stands twice in the claim");
    refuses(claims[7].nodes[5] = 2, "partition 7: node 2 stands past the end of the claim");
}
