/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "base/rng.h"
#include "gossip/awareness.h"
#include "gossip/members.h"
#include "gossip/pack.h"
#include "lib/timeout.h"

TestSuite(gossip_suspicion, .timeout = TIMEOUT_S(10));
TestSuite(gossip_record, .timeout = TIMEOUT_S(10));
TestSuite(gossip_message, .timeout = TIMEOUT_S(10));
TestSuite(gossip_members, .timeout = TIMEOUT_S(10));

/* ------------------------------------------------------------------- awareness and suspicion */

Test(gossip_suspicion, the_health_score_saturates_at_both_ends)
{
    static const struct {
        int delta, score;
    } rows[] = {{-1, 0},
                {1, 1},
                {3, 4},
                {-1, 3},
                {100, AWARENESS_MAX},
                {1, AWARENESS_MAX},
                {-2, AWARENESS_MAX - 2},
                {-100, 0}};
    struct awareness awareness = {.max = AWARENESS_MAX};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        awareness_add(&awareness, rows[i].delta);
        cr_assert_eq(awareness.score, rows[i].score);
        cr_assert_eq(awareness_scale(&awareness, 1000), 1000 * (rows[i].score + 1));
    }
}

Test(gossip_suspicion, the_logarithm_is_right_to_four_digits)
{
    static const struct {
        uint64_t x;
        double log2;
    } rows[] = {{1, 0},          {2, 1},           {3, 1.5849625},    {4, 2},
                {10, 3.3219281}, {100, 6.6438562}, {1000, 9.9657843}, {UINT64_MAX, 64},
                {7, 2.8073549}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double got = (double)log2_fixed(rows[i].x) / 65536;

        cr_assert(got > rows[i].log2 - 0.0001 && got <= rows[i].log2 + 0.0001, "log2(%llu) = %f",
                  (unsigned long long)rows[i].x, got);
    }
}

Test(gossip_suspicion, the_minimum_grows_with_the_logarithm_of_the_cluster)
{
    static const struct {
        size_t nodes;
        int64_t min_ms;
    } rows[] = {{1, 1000}, {3, 1000}, {10, 1000}, {32, 1505}, {100, 2000}, {1000, 3000}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t got_ms = suspicion_min_us(100, rows[i].nodes, 1000000) / 1000;

        cr_assert(got_ms >= rows[i].min_ms - 1 && got_ms <= rows[i].min_ms + 1, "%zu nodes: %lld",
                  rows[i].nodes, (long long)got_ms);
    }
    cr_assert_eq(suspicion_min_us(400, 3, 500000), 2000000);
}

Test(gossip_suspicion, confirmations_shorten_the_time_out)
{
    /* max - (max - min) * log(c + 1) / log(wanted + 1), min 2 s, max 30 s, as memberlist has it */
    static const struct {
        unsigned confirmations, wanted;
        int64_t timeout_ms;
    } rows[] = {{0, 3, 30000}, {1, 3, 16000}, {2, 3, 7810}, {3, 3, 2000},
                {4, 3, 2000},  {0, 1, 30000}, {1, 1, 2000}, {0, 0, 2000}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t got_ms =
            suspicion_timeout_us(2000000, 30000000, rows[i].confirmations, rows[i].wanted) / 1000;

        cr_assert(got_ms >= rows[i].timeout_ms - 2 && got_ms <= rows[i].timeout_ms + 2,
                  "row %zu: %lld", i, (long long)got_ms);
    }
}

Test(gossip_suspicion, no_more_confirmations_are_wanted_than_there_are_nodes_to_confirm)
{
    static const unsigned wanted[] = {0, 0, 0, 1, 2, 3, 3, 3};

    for (size_t nodes = 1; nodes < 8; nodes++)
        cr_assert_eq(suspicion_wanted(nodes), wanted[nodes]);
}

Test(gossip_suspicion, an_accuser_counts_once)
{
    struct suspicion suspicion = {.min_us = 1, .max_us = 100, .wanted = 3};
    struct accusers one = {.count = 1, .list = {{{1}}}};
    struct accusers more = {.count = 4, .list = {{{2}}, {{1}}, {{3}}, {{4}}}};
    struct accusers late = {.count = 1, .list = {{{5}}}};

    cr_assert(suspicion_confirm(&suspicion, &one));
    cr_assert_not(suspicion_confirm(&suspicion, &one));
    cr_assert_eq(suspicion_deadline_us(&suspicion), 100);
    cr_assert(suspicion_confirm(&suspicion, &more));
    cr_assert_eq(suspicion.accusers.count, 4);
    cr_assert_eq(suspicion_deadline_us(&suspicion), 1);
    cr_assert_not(suspicion_confirm(&suspicion, &late));
}

Test(gossip_suspicion, news_is_sent_a_logarithmic_number_of_times)
{
    static const struct {
        size_t nodes;
        unsigned limit;
    } rows[] = {{1, 3}, {3, 6}, {7, 9}, {8, 12}, {100, 21}, {1000, 30}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_assert_eq(transmit_limit(3, rows[i].nodes), rows[i].limit);
}

/* ----------------------------------------------------------------------------------- records */

static struct node_record sample(uint8_t id)
{
    struct node_record record = {.identity = {{id, 0xff}},
                                 .host = "fe80::1%eth0",
                                 .client_port = 6379,
                                 .bus_port = 16379,
                                 .zone = "rack-7",
                                 .weight = 3,
                                 .state = NODE_SUSPECT,
                                 .incarnation = 1700000000001,
                                 .boot = 1700000000000,
                                 .boot_nonce = UINT64_MAX,
                                 .ring = {{9}},
                                 .ring_version = 12,
                                 .ring_digest = 0x1234567890abcdef,
                                 .flags = NODE_FORGETFUL,
                                 .protocol_min = 1,
                                 .protocol_max = 2};

    return record;
}

/* A body of one message. */
static void body_of(struct buffer *buffer, const struct message *message)
{
    struct message_writer writer;

    message_writer_init(&writer, buffer, 100000);
    cr_assert(message_write(&writer, message));
    message_writer_finish(&writer);
}

static enum message_status read_one(struct span body, struct message *message)
{
    struct message_reader reader;
    enum message_status status;

    if (!message_reader_init(&reader, body, 2048))
        return MESSAGE_BAD;
    status = message_read(&reader, message);
    message_reader_deinit(&reader);
    return status;
}

Test(gossip_record, a_record_comes_through_whole)
{
    struct message message = {.kind = MESSAGE_RECORD, .record = sample(1)}, got;
    struct buffer buffer = {0};

    message.accusers = (struct accusers){.count = 2, .list = {{{4}}, {{5}}}};
    body_of(&buffer, &message);
    cr_assert_eq(read_one(buffer_content(&buffer), &got), MESSAGE_READ);
    cr_assert(node_record_same_content(&message.record, &got.record));
    cr_assert_eq(node_record_compare(&message.record, &got.record), 0);
    cr_assert_eq(got.accusers.count, 2);
    cr_assert_eq(got.accusers.list[1].bytes[0], 5);
    buffer_deinit(&buffer);
}

Test(gossip_record, later_incarnations_win_and_then_worse_states)
{
    struct node_record a = sample(1), b = sample(1);

    for (enum node_state left = NODE_ALIVE; left <= NODE_LEFT; left++) {
        for (enum node_state right = NODE_ALIVE; right <= NODE_LEFT; right++) {
            a.state = left;
            b.state = right;
            a.incarnation = b.incarnation = 7;
            cr_assert_eq(node_record_compare(&a, &b), (left > right) - (left < right));
            b.incarnation = 8;
            cr_assert_lt(node_record_compare(&a, &b), 0);
            cr_assert_gt(node_record_compare(&b, &a), 0);
        }
    }
}

Test(gossip_record, a_body_cut_anywhere_is_refused)
{
    struct message message = {.kind = MESSAGE_RECORD, .record = sample(1)}, got;
    struct buffer buffer = {0};

    body_of(&buffer, &message);
    for (size_t size = 0; size < buffer_size(&buffer); size++)
        cr_assert_eq(read_one(span_of(buffer_content(&buffer).data, size), &got), MESSAGE_BAD);
    buffer_deinit(&buffer);
}

Test(gossip_record, flipped_bits_give_a_valid_record_or_none)
{
    struct message message = {.kind = MESSAGE_RECORD, .record = sample(1)}, got;
    struct buffer buffer = {0};
    uint8_t bytes[512];
    size_t size;

    body_of(&buffer, &message);
    size = buffer_size(&buffer);
    memcpy(bytes, buffer_content(&buffer).data, size);
    for (size_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (read_one(span_of(bytes, size), &got) == MESSAGE_READ && got.kind == MESSAGE_RECORD) {
            cr_assert(got.record.state <= NODE_LEFT);
            cr_assert(identity_exists(&got.record.identity));
            cr_assert(got.record.host[0] != '\0' && strlen(got.record.host) <= NODE_HOST_MAX);
            cr_assert(got.record.incarnation >= got.record.boot);
        }
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    buffer_deinit(&buffer);
}

Test(gossip_record, unknown_keys_and_kinds_are_skipped)
{
    struct node_record record = sample(1);
    struct buffer buffer = {0};
    struct message_reader reader;
    msgpack_packer packer;
    struct message got;

    msgpack_packer_init(&packer, &buffer, pack_to_buffer);
    msgpack_pack_array(&packer, 2);
    msgpack_pack_map(&packer, 2); /* a kind of a later version */
    msgpack_pack_int(&packer, 0);
    msgpack_pack_int(&packer, 200);
    msgpack_pack_int(&packer, 1);
    msgpack_pack_str(&packer, 1);
    msgpack_pack_str_body(&packer, "x", 1);
    msgpack_pack_map(&packer, 4);
    msgpack_pack_int(&packer, 77); /* a key of a later version */
    msgpack_pack_array(&packer, 1);
    msgpack_pack_map(&packer, 0);
    msgpack_pack_str(&packer, 1); /* a key that is no number */
    msgpack_pack_str_body(&packer, "k", 1);
    msgpack_pack_nil(&packer);
    msgpack_pack_int(&packer, 0);
    msgpack_pack_int(&packer, MESSAGE_RECORD);
    msgpack_pack_int(&packer, 5);
    node_record_pack(&packer, &record);
    cr_assert(message_reader_init(&reader, buffer_content(&buffer), 2048));
    cr_assert_eq(message_read(&reader, &got), MESSAGE_READ);
    cr_assert(node_record_same_content(&record, &got.record));
    cr_assert_eq(message_read(&reader, &got), MESSAGE_END);
    message_reader_deinit(&reader);
    buffer_deinit(&buffer);
}

static bool survives(const struct node_record *record)
{
    struct message message = {.kind = MESSAGE_RECORD, .record = *record}, got;
    struct buffer buffer = {0};
    bool read;

    body_of(&buffer, &message);
    read = read_one(buffer_content(&buffer), &got) == MESSAGE_READ;
    buffer_deinit(&buffer);
    return read;
}

Test(gossip_record, a_record_that_cannot_be_is_refused)
{
    struct node_record good = sample(1), bad;

    cr_assert(survives(&good));
#define REFUSED(change) \
    bad = good;         \
    change;             \
    cr_assert_not(survives(&bad), #change)
    REFUSED(bad.identity = IDENTITY_NONE);
    REFUSED(bad.host[0] = '\0');
    REFUSED(bad.host[1] = ' ');
    REFUSED(bad.host[1] = '\n');
    REFUSED(bad.zone[1] = '\x7f');
    REFUSED(bad.client_port = 0);
    REFUSED(bad.bus_port = 0);
    REFUSED(bad.state = (enum node_state)4);
    REFUSED(bad.incarnation = bad.boot - 1);
    REFUSED(bad.incarnation = UINT64_MAX);
    REFUSED(bad.protocol_min = 3);
#undef REFUSED
}

/* ---------------------------------------------------------------------------------- messages */

Test(gossip_message, each_kind_comes_through)
{
    static const enum message_kind kinds[] = {
        MESSAGE_PING,   MESSAGE_ACK,       MESSAGE_NACK,  MESSAGE_RELAY,
        MESSAGE_RECORD, MESSAGE_CHALLENGE, MESSAGE_PROOF, MESSAGE_EXCHANGE,
    };
    struct message got, message = {.number = UINT64_MAX,
                                   .target = {{3}},
                                   .address = {.host = "h", .port = 65535},
                                   .joining = true,
                                   .record = sample(2),
                                   .nonce = 5,
                                   .stamp = 6};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct buffer buffer = {0};

        message.kind = kinds[i];
        body_of(&buffer, &message);
        cr_assert_eq(read_one(buffer_content(&buffer), &got), MESSAGE_READ);
        cr_assert_eq(got.kind, kinds[i]);
        if (kinds[i] == MESSAGE_RELAY) {
            cr_assert(node_address_equal(&got.address, &message.address));
            cr_assert(identity_equal(&got.target, &message.target));
        }
        if (kinds[i] == MESSAGE_EXCHANGE)
            cr_assert(got.joining && got.number == UINT64_MAX);
        if (kinds[i] == MESSAGE_PROOF)
            cr_assert(got.nonce == 5 && got.stamp == 6);
        buffer_deinit(&buffer);
    }
}

Test(gossip_message, a_message_that_lacks_a_field_is_refused)
{
    static const uint8_t ping_without_number[] = {0x91, 0x81, 0x00, MESSAGE_PING};
    static const uint8_t without_kind[] = {0x91, 0x81, 0x01, 0x05};
    static const uint8_t no_map[] = {0x91, 0x05};
    static const uint8_t no_array[] = {0x05};
    struct message got;

    cr_assert_eq(read_one(span_of(ping_without_number, 4), &got), MESSAGE_BAD);
    cr_assert_eq(read_one(span_of(without_kind, 4), &got), MESSAGE_BAD);
    cr_assert_eq(read_one(span_of(no_map, 2), &got), MESSAGE_BAD);
    cr_assert_eq(read_one(span_of(no_array, 1), &got), MESSAGE_BAD);
}

Test(gossip_message, a_claim_of_many_elements_takes_no_memory)
{
    static const uint8_t huge[] = {0xdd, 0x10, 0x00, 0x00, 0x00, 0x01};
    struct message got;

    cr_assert_eq(read_one(span_of(huge, sizeof huge), &got), MESSAGE_BAD);
}

Test(gossip_message, what_does_not_fit_is_left_out_whole)
{
    struct message message = {.kind = MESSAGE_RECORD, .record = sample(1)};
    struct buffer buffer = {0};
    struct message_writer writer;
    struct message_reader reader;
    size_t written = 0, read = 0;

    message_writer_init(&writer, &buffer, 1000);
    while (message_write(&writer, &message))
        written++;
    message_writer_finish(&writer);
    cr_assert_leq(buffer_size(&buffer), 1000);
    cr_assert_gt(written, 4);
    cr_assert(message_reader_init(&reader, buffer_content(&buffer), 2048));
    while (message_read(&reader, &message) == MESSAGE_READ)
        read++;
    cr_assert_eq(read, written);
    message_reader_deinit(&reader);
    buffer_deinit(&buffer);
}

/* ----------------------------------------------------------------------------------- members */

static bool any(const struct member *member, struct identity except)
{
    return member_lives(member) && !identity_equal(&member->record.identity, &except);
}

Test(gossip_members, a_round_names_each_living_member_once)
{
    struct members members;
    struct rng rng;
    unsigned named[20] = {0};

    members_init(&members);
    rng_init(&rng, 1);
    for (uint8_t i = 1; i < 20; i++) {
        struct node_record record = sample(i);

        record.state = i == 7 ? NODE_DEAD : NODE_ALIVE;
        members_add(&members, &record, &rng);
    }
    do
        members_next(&members, &rng);
    while (members.next < members.count); /* the first round begins somewhere */
    for (int i = 0; i < 18 * 5; i++) {
        named[members_next(&members, &rng)->record.identity.bytes[0]]++;
        if (i % 18 == 17) {
            for (uint8_t j = 1; j < 20; j++)
                cr_assert_eq(named[j], j == 7 ? 0u : (unsigned)(i / 18 + 1));
        }
    }
    members_deinit(&members);
}

Test(gossip_members, picks_are_different_fitting_and_fair)
{
    struct members members;
    struct rng rng;
    unsigned picked_count[10] = {0};

    members_init(&members);
    rng_init(&rng, 2);
    for (uint8_t i = 1; i < 10; i++) {
        struct node_record record = sample(i);

        record.state = i == 5 ? NODE_LEFT : NODE_SUSPECT;
        members_add(&members, &record, &rng);
    }
    for (int i = 0; i < 7000; i++) {
        struct member *picked[3];

        cr_assert_eq(members_pick(&members, &rng, any, sample(9).identity, picked, 3), 3);
        cr_assert(picked[0] != picked[1] && picked[0] != picked[2] && picked[1] != picked[2]);
        for (int j = 0; j < 3; j++)
            picked_count[picked[j]->record.identity.bytes[0]]++;
    }
    for (uint8_t i = 1; i < 9; i++) {
        if (i != 5)
            cr_assert(picked_count[i] > 2800 && picked_count[i] < 3200);
    }
    cr_assert_eq(picked_count[5] + picked_count[9], 0);
    members_deinit(&members);
}

/* Of many members some are drawn blindly first, which must not show. */
Test(gossip_members, picks_of_many_are_different_fitting_and_fair_however_few_fit)
{
    static const unsigned fitting[] = {200, 100, 5, 2, 0};

    for (size_t k = 0; k < sizeof fitting / sizeof fitting[0]; k++) {
        struct members members;
        struct rng rng;
        unsigned picked_count[201] = {0}, wanted = fitting[k] < 3 ? fitting[k] : 3;

        members_init(&members);
        rng_init(&rng, 4);
        for (uint8_t i = 1; i <= 200; i++) {
            struct node_record record = sample(i);

            record.state = i <= fitting[k] ? NODE_ALIVE : NODE_LEFT;
            members_add(&members, &record, &rng);
        }
        for (int i = 0; i < 20000; i++) {
            struct member *picked[3];

            cr_assert_eq(members_pick(&members, &rng, any, IDENTITY_NONE, picked, 3), wanted);
            for (unsigned j = 0; j < wanted; j++) {
                picked_count[picked[j]->record.identity.bytes[0]]++;
                cr_assert(j == 0 || picked[j] != picked[j - 1]);
            }
            cr_assert(wanted < 3 || picked[0] != picked[2]);
        }
        for (unsigned i = 1; i <= 200; i++) {
            const double mean = i <= fitting[k] ? 20000.0 * wanted / fitting[k] : 0;

            cr_assert(picked_count[i] >= 0.75 * mean && picked_count[i] <= 1.25 * mean,
                      "%u of %u: %u times", i, fitting[k], picked_count[i]);
        }
        members_deinit(&members);
    }
}

Test(gossip_members, what_was_added_is_found_until_it_is_removed)
{
    struct members members;
    struct rng rng;

    members_init(&members);
    rng_init(&rng, 3);
    for (uint8_t i = 200; i > 0; i--) {
        struct node_record record = sample(i);

        members_add(&members, &record, &rng);
    }
    cr_assert_eq(members_living(&members), 200);
    for (uint8_t i = 1; i <= 200; i++) {
        struct member *member = members_find(&members, sample(i).identity);

        cr_assert_not_null(member);
        if (i % 3 == 0)
            members_set_state(&members, member, NODE_DEAD);
        members_next(&members, &rng);
        members_remove(&members, &member);
        cr_assert_null(members_find(&members, sample(i).identity));
    }
    cr_assert_eq(members.count, 0);
    for (int i = 0; i <= NODE_LEFT; i++)
        cr_assert_eq(members.by_state[i], 0);
    cr_assert_null(members_next(&members, &rng));
    members_deinit(&members);
}
