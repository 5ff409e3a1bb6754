/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rings as bytes: there and back, and whatever else may arrive.
 */
#include "ring/ring_codec.h"

#include <criterion/criterion.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/rng.h"
#include "lib/timeout.h"
#include "ring/planner.h"
#include "ring_test.h"

TestSuite(ring_codec, .timeout = TIMEOUT_S(30));

static struct buffer encode(const struct ring_draft *draft)
{
    char error[RING_ERROR_MAX] = "";
    struct ring *ring = ring_create(draft, error);
    struct buffer bytes;

    cr_assert_not_null(ring, "%s", error);
    buffer_init(&bytes);
    ring_encode(ring, &bytes);
    cr_assert_not(bytes.failed);
    ring_release(&ring);
    return bytes;
}

static struct buffer encode_fixture(void)
{
    struct fixture fixture;

    fixture_init(&fixture);
    return encode(&fixture.draft);
}

static void check_round_trip(const struct buffer *bytes)
{
    char error[RING_ERROR_MAX] = "";
    struct ring *ring = ring_decode(buffer_content(bytes), error);
    struct buffer again;

    cr_assert_not_null(ring, "%s", error);
    buffer_init(&again);
    ring_encode(ring, &again);
    cr_expect(span_equal(buffer_content(bytes), buffer_content(&again)));
    buffer_deinit(&again);
    ring_release(&ring);
}

Test(ring_codec, gives_the_same_bytes_back)
{
    struct buffer bytes = encode_fixture();

    check_round_trip(&bytes);
    buffer_deinit(&bytes);
}

Test(ring_codec, carries_every_field)
{
    struct buffer bytes = encode_fixture();
    char error[RING_ERROR_MAX] = "";
    struct ring *ring = ring_decode(buffer_content(&bytes), error);
    struct fixture fixture;

    fixture_init(&fixture);
    cr_assert_not_null(ring, "%s", error);

    const struct ring_draft got = ring_draft_of(ring);

    cr_expect(identity_equal(&got.identity, &fixture.draft.identity));
    cr_expect_eq(got.version, fixture.draft.version);
    cr_expect_eq(got.last_number, fixture.draft.last_number);
    cr_expect_eq(got.base.replicas, 3);
    cr_expect_eq(got.rule_count, 2);
    cr_expect(span_equal(got.rules[0].prefix, SPAN("session:")));
    cr_expect_eq(got.rules[1].conflict, RING_CONFLICT_SIBLINGS);
    cr_expect_eq(got.rules[1].replicas, 1);
    for (unsigned i = 0; i < FIXTURE_MEMBERS; i++) /* sorted by number, the fixture is not */
        cr_expect_arr_eq(&got.members[i], &fixture.members[FIXTURE_MEMBERS - 1 - i],
                         sizeof got.members[i]);
    cr_expect_arr_eq(got.claims, fixture.claims, sizeof fixture.claims);
    ring_release(&ring);
    buffer_deinit(&bytes);
}

/* The largest ring: all members, all partitions, all copies, all rules, the longest texts. */
Test(ring_codec, holds_the_largest_ring)
{
    struct ring_member *members = memory_alloc_array(RING_MEMBERS_MAX, sizeof *members);
    struct planner_node *nodes = memory_alloc_array(RING_MEMBERS_MAX, sizeof *nodes);
    struct ring_rule *rules = memory_alloc_array(RING_RULES_MAX, sizeof *rules);
    uint8_t prefix[RING_PREFIX_MAX] = {0};
    struct planner_input input = {16384, RING_REPLICAS_MAX, nodes, RING_MEMBERS_MAX, NULL};
    struct planner_plan plan;
    char error[RING_ERROR_MAX];

    for (unsigned i = 0; i < RING_MEMBERS_MAX; i++) {
        members[i].number = (node_number)(UINT16_MAX - i);
        memcpy(members[i].identity.bytes, &members[i].number, sizeof members[i].number);
        members[i].weight = UINT32_MAX;
        memset(members[i].zone, 'z', RING_ZONE_MAX);
        memset(members[i].host, 'h', RING_HOST_MAX);
        nodes[i] = (struct planner_node){members[i].number, members[i].weight, members[i].zone};
    }
    for (unsigned i = 0; i < RING_RULES_MAX; i++)
        rules[i] = (struct ring_rule){span_of(prefix, sizeof prefix), 7, RING_CONFLICT_SIBLINGS};
    cr_assert(planner_plan(&input, &plan, error), "%s", error);
    for (unsigned i = 0; i < 16384; i++)
        plan.claims[i].version = UINT64_MAX;

    const struct ring_draft draft = {
        .identity = {{1}},
        .version = UINT64_MAX,
        .partition_count = 16384,
        .last_number = UINT16_MAX,
        .base = {.replicas = 7},
        .rules = rules,
        .rule_count = RING_RULES_MAX,
        .members = members,
        .member_count = RING_MEMBERS_MAX,
        .claims = plan.claims,
    };
    struct buffer bytes = encode(&draft);

    check_round_trip(&bytes);
    cr_expect_lt(buffer_size(&bytes), RING_ENCODED_MAX / 2);
    buffer_deinit(&bytes);
    planner_plan_deinit(&plan);
    memory_free(members);
    memory_free(nodes);
    memory_free(rules);
}

Test(ring_codec, digests_differ_where_rings_do)
{
    struct fixture fixture;
    char error[RING_ERROR_MAX];
    uint64_t digests[4];

    for (int i = 0; i < 4; i++) {
        struct ring *ring;

        fixture_init(&fixture);
        if (i == 1)
            fixture.claims[3].version++;
        if (i == 2)
            fixture.members[0].client_port++;
        ring = ring_create(&fixture.draft, error);
        digests[i] = ring_digest(ring);
        ring_release(&ring);
    }
    cr_expect_neq(digests[0], digests[1]);
    cr_expect_neq(digests[0], digests[2]);
    cr_expect_eq(digests[0], digests[3]);
}

Test(ring_codec, skips_keys_that_it_does_not_know)
{
    struct buffer bytes = encode_fixture();
    const struct span content = buffer_content(&bytes);
    struct buffer longer;
    char error[RING_ERROR_MAX] = "";
    struct ring *ring;

    buffer_init(&longer);
    buffer_append(&longer,
                  "\x8b\xa5"
                  "later\x92\x01\x81\x02\x03\x07\xc0",
                  14);
    buffer_append(&longer, content.data + 1, content.size - 1);
    cr_assert_eq(content.data[0], 0x89);
    ring = ring_decode(buffer_content(&longer), error);
    cr_expect_not_null(ring, "%s", error);
    ring_release(&ring);
    buffer_deinit(&longer);
    buffer_deinit(&bytes);
}

/* Every cut is refused, with a text. */
Test(ring_codec, refuses_every_cut)
{
    struct buffer bytes = encode_fixture();
    const struct span content = buffer_content(&bytes);

    for (size_t size = 0; size < content.size; size++) {
        char error[RING_ERROR_MAX] = "";

        cr_assert_null(ring_decode(span_of(content.data, size), error));
        cr_assert_gt(strlen(error), 0);
    }
    buffer_deinit(&bytes);
}

/* Flipped bits give an error with a text, or another ring that makes the round trip. */
Test(ring_codec, survives_flipped_bits)
{
    struct buffer bytes = encode_fixture();
    const char *text = getenv("DUNLIN_SEED");
    const uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : 1;
    struct rng rng;

    rng_init(&rng, seed);
    for (int i = 0; i < 20000; i++) {
        struct buffer flipped;
        char error[RING_ERROR_MAX] = "";
        struct ring *ring;

        buffer_init(&flipped);
        buffer_append_span(&flipped, buffer_content(&bytes));
        for (uint64_t flips = 1 + rng_below(&rng, 3); flips > 0; flips--)
            flipped.block[flipped.head + rng_below(&rng, buffer_size(&flipped))] ^=
                (uint8_t)(1u << rng_below(&rng, 8));
        ring = ring_decode(buffer_content(&flipped), error);
        if (ring == NULL) {
            cr_assert_gt(strlen(error), 0, "round %d; replay: DUNLIN_SEED=%llu ./unit_ring", i,
                         (unsigned long long)seed);
        } else {
            struct buffer again;

            buffer_init(&again);
            ring_encode(ring, &again);
            check_round_trip(&again);
            buffer_deinit(&again);
            ring_release(&ring);
        }
        buffer_deinit(&flipped);
    }
    buffer_deinit(&bytes);
}

/* ----------------------------------------------------------------------------- what errors say */

static int append(void *buffer, const char *data, size_t size)
{
    buffer_append(buffer, data, size);
    return 0;
}

/* Decodes the fixture with the value of the top-level key put in the place of `value`, as msgpack;
 * NULL leaves the key out. */
static void refused(const char *key, const struct span *value, const char *wanted)
{
    struct buffer bytes = encode_fixture(), changed;
    const struct span content = buffer_content(&bytes);
    msgpack_unpacked unpacked;
    msgpack_packer packer;
    char error[RING_ERROR_MAX] = "";
    struct ring *ring;
    size_t offset = 0;

    msgpack_unpacked_init(&unpacked);
    msgpack_unpack_next(&unpacked, (const char *)content.data, content.size, &offset);
    buffer_init(&changed);
    msgpack_packer_init(&packer, &changed, append);

    const msgpack_object_map *map = &unpacked.data.via.map;

    msgpack_pack_map(&packer, map->size - (value == NULL ? 1 : 0));
    for (uint32_t i = 0; i < map->size; i++) {
        const msgpack_object *name = &map->ptr[i].key;
        const bool hit = span_equal(span_of(name->via.str.ptr, name->via.str.size),
                                    span_of_string(key));

        if (hit && value == NULL)
            continue;
        msgpack_pack_object(&packer, *name);
        if (hit)
            buffer_append_span(&changed, *value);
        else
            msgpack_pack_object(&packer, map->ptr[i].val);
    }
    ring = ring_decode(buffer_content(&changed), error);
    cr_expect_null(ring, "accepted: %s", wanted);
    cr_expect_str_eq(error, wanted);
    ring_release(&ring);
    msgpack_unpacked_destroy(&unpacked);
    buffer_deinit(&changed);
    buffer_deinit(&bytes);
}

Test(ring_codec, names_the_field_that_is_wrong)
{
    static const char *const keys[] = {"id",    "version", "last", "n",     "conflict",
                                       "rules", "members", "q",    "claims"};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char wanted[RING_ERROR_MAX];

        snprintf(wanted, sizeof wanted, "the ring: \"%s\" is missing", keys[i]);
        refused(keys[i], NULL, wanted);
    }
    refused("id", &SPAN("\xc4\x02xx"), "the ring: \"id\" is not of 16 bytes");
    refused("version", &SPAN("\xff"), "the ring: \"version\" is not a number from 0 up");
    refused("last", &SPAN("\xce\x00\x01\x00\x00"), "the ring: \"last\" is too large");
    refused("n", &SPAN("\x08"), "the ring: \"n\" is too large");
    refused("conflict", &SPAN("\x02"), "the ring: \"conflict\" is too large");
    refused("rules", &SPAN("\xc0"), "the ring: \"rules\" is not an array");
    refused("rules", &SPAN("\x91\x01"), "the ring: \"rules\" has an item that is not a map");
    refused("rules", &SPAN("\x91\x80"), "a rule: \"prefix\" is missing");
    refused("members", &SPAN("\x91\x80"), "a member: \"number\" is missing");
    refused("members", &SPAN("\x90"), "0 members: 1 to 1024 are accepted");
    refused("q", &SPAN("\xcd\x80\x00"), "the ring: \"q\" is too large");
    refused("q", &SPAN("\x08"), "the ring: \"claims\" has bytes after its last row");
    refused("q", &SPAN("\xcd\x40\x00"),
            "the ring: \"claims\" has fewer rows than the ring has partitions");
    refused("claims", &SPAN("\xa1x"), "the ring: \"claims\" is not a string of bytes");
}

Test(ring_codec, refuses_what_is_no_ring)
{
    char error[RING_ERROR_MAX];
    const struct span twice = SPAN("\x82\xa2id\xc4\x00\xa2id\xc4\x00");

    cr_expect_null(ring_decode(SPAN("\xdd\x10\x00\x00\x00\x01"), error));
    cr_expect_str_eq(error, "6 bytes that are cut short, damaged or too many: not a ring");
    cr_expect_null(ring_decode(SPAN("\x01"), error));
    cr_expect_str_eq(error, "not a map: not a ring");
    cr_expect_null(ring_decode(twice, error));
    cr_expect_str_eq(error, "the ring: \"id\" is there twice");
}
