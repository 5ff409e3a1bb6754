/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "gossip/session.h"
#include "lib/timeout.h"

TestSuite(gossip_seal, .timeout = TIMEOUT_S(10));
TestSuite(gossip_session, .timeout = TIMEOUT_S(10));

/* -------------------------------------------------------------------------------------- seal */

static void sealed(const struct seal_key *key, struct buffer *buffer)
{
    struct seal_head head = {.kind = SEAL_DATAGRAM,
                             .ring = {{1}},
                             .sender = {{2}},
                             .recipient = {{3}},
                             .boot = 4,
                             .boot_nonce = 5,
                             .sequence = 6,
                             .wall_ms = -7};

    buffer_reset(buffer, 0);
    seal_begin(buffer);
    buffer_append_string(buffer, "body");
    cr_assert(seal_finish(key, &head, buffer));
}

Test(gossip_seal, what_is_sealed_opens)
{
    static const char *const secrets[] = {"", "secret"};

    for (size_t i = 0; i < 2; i++) {
        struct buffer buffer = {0};
        struct seal_head head;
        struct seal_key key;
        struct span body;

        seal_key_init(&key, SPAN("name"), span_of_string(secrets[i]));
        sealed(&key, &buffer);
        cr_assert_eq(buffer_size(&buffer), 4 + seal_overhead(&key));
        cr_assert_eq(seal_open(&key, buffer_content(&buffer), &head, &body), GOSSIP_DROP_NONE);
        cr_assert(span_equal(body, SPAN("body")));
        cr_assert(head.kind == SEAL_DATAGRAM && head.boot == 4 && head.boot_nonce == 5 &&
                  head.sequence == 6 && head.wall_ms == -7);
        cr_assert(head.ring.bytes[0] == 1 && head.sender.bytes[0] == 2 &&
                  head.recipient.bytes[0] == 3);
        buffer_deinit(&buffer);
    }
}

Test(gossip_seal, any_flipped_bit_breaks_it)
{
    struct buffer buffer = {0};
    struct seal_head head;
    struct seal_key key;
    struct span body;

    seal_key_init(&key, SPAN("name"), SPAN("secret"));
    sealed(&key, &buffer);
    for (size_t bit = 0; bit < buffer_size(&buffer) * 8; bit++) {
        buffer.block[buffer.head + bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_neq(seal_open(&key, buffer_content(&buffer), &head, &body), GOSSIP_DROP_NONE);
        buffer.block[buffer.head + bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < buffer_size(&buffer); size++)
        cr_assert_neq(seal_open(&key, span_of(buffer_content(&buffer).data, size), &head, &body),
                      GOSSIP_DROP_NONE);
    buffer_deinit(&buffer);
}

Test(gossip_seal, strangers_are_told_apart)
{
    static const struct {
        const char *name, *secret; /* of the sender; the receiver has "name" and "secret" */
        enum gossip_drop drop;
    } rows[] = {{"name", "secret", GOSSIP_DROP_NONE},
                {"nome", "secret", GOSSIP_DROP_WRONG_CLUSTER},
                {"name", "sicret", GOSSIP_DROP_WRONG_SEAL},
                {"name", "", GOSSIP_DROP_UNSEALED}};
    struct seal_key ours, open;
    struct buffer buffer = {0};
    struct seal_head head;
    struct span body;

    seal_key_init(&ours, SPAN("name"), SPAN("secret"));
    seal_key_init(&open, SPAN("name"), SPAN(""));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct seal_key theirs;

        seal_key_init(&theirs, span_of_string(rows[i].name), span_of_string(rows[i].secret));
        sealed(&theirs, &buffer);
        cr_assert_eq(seal_open(&ours, buffer_content(&buffer), &head, &body), rows[i].drop);
    }
    sealed(&ours, &buffer); /* and one who has no secret cannot check a seal */
    cr_assert_eq(seal_open(&open, buffer_content(&buffer), &head, &body), GOSSIP_DROP_WRONG_SEAL);
    buffer_deinit(&buffer);
}

/* ---------------------------------------------------------------------------------- sessions */

static struct seal_head life(uint8_t sender, uint64_t boot, uint64_t nonce, uint64_t sequence)
{
    return (struct seal_head){
        .sender = {{sender}}, .boot = boot, .boot_nonce = nonce, .sequence = sequence};
}

static enum gossip_drop take(struct sessions *sessions, uint64_t boot, uint64_t nonce,
                             uint64_t sequence)
{
    struct seal_head head = life(1, boot, nonce, sequence);

    return sessions_take(sessions, &head, 0);
}

Test(gossip_session, each_number_is_taken_once)
{
    struct seal_head head = life(1, 10, 1, 100);
    struct sessions sessions;

    sessions_init(&sessions, 10);
    cr_assert_eq(take(&sessions, 10, 1, 99), GOSSIP_DROP_UNPROVEN);
    cr_assert_eq(sessions_open(&sessions, &head, 0), GOSSIP_DROP_NONE);
    cr_assert_eq(take(&sessions, 10, 1, 100), GOSSIP_DROP_REPLAYED);
    cr_assert_eq(take(&sessions, 10, 1, 99), GOSSIP_DROP_REPLAYED); /* of before the proof */
    cr_assert_eq(take(&sessions, 10, 1, 103), GOSSIP_DROP_NONE);
    cr_assert_eq(take(&sessions, 10, 1, 102), GOSSIP_DROP_NONE); /* late is not replayed */
    cr_assert_eq(take(&sessions, 10, 1, 102), GOSSIP_DROP_REPLAYED);
    cr_assert_eq(take(&sessions, 10, 1, 165), GOSSIP_DROP_NONE);
    cr_assert_eq(take(&sessions, 10, 1, 101), GOSSIP_DROP_REPLAYED); /* 64 behind: unknown */
    cr_assert_eq(take(&sessions, 10, 1, 104), GOSSIP_DROP_NONE);
    cr_assert_eq(take(&sessions, 10, 1, UINT64_MAX), GOSSIP_DROP_NONE);
    cr_assert_eq(take(&sessions, 10, 1, 166), GOSSIP_DROP_REPLAYED);
    sessions_deinit(&sessions);
}

Test(gossip_session, an_older_life_is_refused_and_a_newer_one_challenged)
{
    struct seal_head head = life(1, 10, 5, 1), newer = life(1, 11, 1, 1);
    struct sessions sessions;

    sessions_init(&sessions, 10);
    cr_assert_eq(sessions_open(&sessions, &head, 0), GOSSIP_DROP_NONE);
    cr_assert_eq(take(&sessions, 9, 9, 50), GOSSIP_DROP_OLD_BOOT);
    cr_assert_eq(take(&sessions, 10, 4, 50), GOSSIP_DROP_OLD_BOOT);
    cr_assert_eq(take(&sessions, 11, 1, 50), GOSSIP_DROP_UNPROVEN);
    cr_assert_eq(sessions_open(&sessions, &newer, 0), GOSSIP_DROP_NONE);
    cr_assert_eq(take(&sessions, 10, 5, 60), GOSSIP_DROP_OLD_BOOT);
    cr_assert_eq(sessions_open(&sessions, &head, 0), GOSSIP_DROP_OLD_BOOT);
    cr_assert_eq(sessions_open(&sessions, &newer, 0), GOSSIP_DROP_REPLAYED);
    sessions_deinit(&sessions);
}

Test(gossip_session, a_proof_holds_for_this_life_and_for_a_while)
{
    cr_assert(session_proof_holds(7, 7, 1000, 1000));
    cr_assert(session_proof_holds(7, 7, 1000, 1000 + SESSION_PROOF_US - 1));
    cr_assert_not(session_proof_holds(7, 7, 1000, 1000 + SESSION_PROOF_US));
    cr_assert_not(session_proof_holds(7, 7, 1001, 1000));
    cr_assert_not(session_proof_holds(7, 8, 1000, 1000));
}

Test(gossip_session, a_full_table_gives_up_the_idle_only)
{
    struct sessions sessions;

    sessions_init(&sessions, 3);
    for (uint8_t sender = 1; sender <= 3; sender++) {
        struct seal_head head = life(sender, 1, 1, 1);

        cr_assert_eq(sessions_open(&sessions, &head, sender), GOSSIP_DROP_NONE);
    }
    struct seal_head fourth = life(4, 1, 1, 1), first = life(1, 1, 1, 2), second = life(2, 1, 1, 2);

    cr_assert_eq(sessions_open(&sessions, &fourth, SESSION_PROOF_US), GOSSIP_DROP_FULL);
    cr_assert_eq(sessions_open(&sessions, &fourth, SESSION_PROOF_US + 2), GOSSIP_DROP_NONE);
    cr_assert_eq(sessions_take(&sessions, &first, 0), GOSSIP_DROP_UNPROVEN);
    cr_assert_eq(sessions_take(&sessions, &second, 0), GOSSIP_DROP_NONE);
    sessions_deinit(&sessions);
}
