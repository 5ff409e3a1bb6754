/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The handshake of two nodes, whose bytes the test carries, keeps, replays and changes.
 */
#include "config.h" /* memmem */

#include <criterion/criterion.h>
#include <stdio.h>

#include "lib/timeout.h"
#include "node/handshake.h"

TestSuite(handshake, .timeout = TIMEOUT_S(10));

struct side {
    struct handshake handshake;
    struct handshake_self self;
    struct rng rng;
    struct buffer in;
};

static struct side opener, acceptor;

static struct handshake_self self_of(uint8_t node, const char *secret)
{
    return (struct handshake_self){.cluster = "dunlin",
                                   .secret = secret,
                                   .ring = {{7}},
                                   .node = {{node}},
                                   .number = node,
                                   .boot = 1};
}

static void begin(const char *openers, const char *acceptors)
{
    opener.self = self_of(1, openers);
    acceptor.self = self_of(2, acceptors);
    rng_init(&opener.rng, 1);
    rng_init(&acceptor.rng, 2);
}

static void end(void)
{
    buffer_deinit(&opener.in);
    buffer_deinit(&acceptor.in);
}

static void begin_link(enum wire_role role)
{
    buffer_reset(&opener.in, SIZE_MAX);
    buffer_reset(&acceptor.in, SIZE_MAX);
    handshake_open(&opener.handshake, &opener.self, role, &acceptor.self.node, &opener.rng,
                   &acceptor.in);
    handshake_accept(&acceptor.handshake, &acceptor.rng);
}

/* Hands one message of what came to `side` in; what it answers goes to `other`. */
static bool step(struct side *side, struct side *other)
{
    struct wire_message message;
    struct wire_frame frame;
    const char *error = "";

    if (side->handshake.state != HANDSHAKE_WAITING ||
        wire_next_frame(buffer_content(&side->in), 4096, &frame) != WIRE_OK)
        return false;
    if (wire_next_message(&frame.messages, &message, &error) != WIRE_OK) {
        side->handshake.state = HANDSHAKE_FAILED; /* as the link does: it is closed */
        snprintf(side->handshake.error, sizeof side->handshake.error, "%s", error);
        return true;
    }
    handshake_message(&side->handshake, &side->self, &message, &other->in);
    buffer_consume(&side->in, frame.size);
    return true;
}

static void run(void)
{
    while (step(&acceptor, &opener) || step(&opener, &acceptor))
        continue;
}

static void expect_done(void)
{
    cr_assert_eq(opener.handshake.state, HANDSHAKE_DONE, "%s", opener.handshake.error);
    cr_assert_eq(acceptor.handshake.state, HANDSHAKE_DONE, "%s", acceptor.handshake.error);
    cr_assert(identity_equal(&opener.handshake.other, &acceptor.self.node));
    cr_assert(identity_equal(&acceptor.handshake.other, &opener.self.node));
    cr_assert_eq(opener.handshake.other_number, 2);
    cr_assert_eq(acceptor.handshake.other_number, 1);
}

static void expect_refusal(const char *why)
{
    char text[HANDSHAKE_ERROR_MAX];

    cr_assert_eq(acceptor.handshake.state, HANDSHAKE_FAILED);
    cr_assert_eq(opener.handshake.state, HANDSHAKE_FAILED);
    snprintf(text, sizeof text, "refused: %s", why);
    cr_assert_str_eq(acceptor.handshake.error, text);
    snprintf(text, sizeof text, "it refused: %s", why);
    cr_assert_str_eq(opener.handshake.error, text);
}

/* ---- who fits ---- */

Test(handshake, two_nodes_of_one_cluster_meet)
{
    begin("", "");
    begin_link(WIRE_ROLE_CONTROL);
    run();
    expect_done();
    cr_assert_eq(acceptor.handshake.role, WIRE_ROLE_CONTROL);
    end();
}

Test(handshake, with_a_secret_both_prove_that_they_know_it)
{
    begin("secret", "secret");
    begin_link(WIRE_ROLE_WORKER);
    cr_assert(step(&acceptor, &opener));
    cr_assert_eq(acceptor.handshake.state, HANDSHAKE_WAITING);
    run();
    expect_done();
    cr_assert_eq(acceptor.handshake.role, WIRE_ROLE_WORKER);
    end();
}

Test(handshake, the_secret_is_in_no_byte_that_is_sent)
{
    begin("secret", "secret");
    begin_link(WIRE_ROLE_WORKER);
    cr_assert_null(
        memmem(buffer_content(&acceptor.in).data, buffer_size(&acceptor.in), "secret", 6));
    step(&acceptor, &opener);
    cr_assert_null(memmem(buffer_content(&opener.in).data, buffer_size(&opener.in), "secret", 6));
    end();
}

/* ---- who does not ---- */

Test(handshake, another_secret_is_noticed_by_the_opener)
{
    begin("secret", "Secret");
    begin_link(WIRE_ROLE_WORKER);
    run();
    cr_assert_eq(opener.handshake.state, HANDSHAKE_FAILED);
    cr_assert_str_eq(opener.handshake.error, "it does not know the cluster-secret");
    cr_assert_neq(acceptor.handshake.state, HANDSHAKE_DONE);
    cr_assert_eq(buffer_size(&acceptor.in), 0, "and nothing is proven to it");
    end();
}

/* An opener that does not care to look. */
Test(handshake, another_secret_is_noticed_by_the_acceptor)
{
    const struct wire_proof proof = {.proof = SPAN("0123456789abcdef0123456789abcdef")};
    size_t frame;

    begin("secret", "secret");
    begin_link(WIRE_ROLE_WORKER);
    step(&acceptor, &opener);
    frame = wire_frame_begin(&acceptor.in, 0, 0);
    wire_put_proof(&acceptor.in, &proof);
    wire_frame_end(&acceptor.in, frame);
    step(&acceptor, &opener);
    cr_assert_eq(acceptor.handshake.state, HANDSHAKE_FAILED);
    cr_assert_str_eq(acceptor.handshake.error, "it does not know the cluster-secret");
    end();
}

Test(handshake, a_secret_on_the_openers_side_only_is_noticed)
{
    begin("secret", "");
    begin_link(WIRE_ROLE_WORKER);
    run();
    cr_assert_eq(opener.handshake.state, HANDSHAKE_FAILED);
    cr_assert_str_eq(opener.handshake.error, "it does not know the cluster-secret");
    end();
}

Test(handshake, a_secret_on_the_acceptors_side_only_is_noticed)
{
    begin("", "secret");
    begin_link(WIRE_ROLE_WORKER);
    run();
    cr_assert_eq(opener.handshake.state, HANDSHAKE_FAILED);
    cr_assert_str_eq(opener.handshake.error, "it has a cluster-secret, this node has none");
    cr_assert_eq(acceptor.handshake.state, HANDSHAKE_WAITING);
    end();
}

Test(handshake, another_cluster_is_refused)
{
    begin("", "");
    opener.self.cluster = "dunlins";
    begin_link(WIRE_ROLE_WORKER);
    run();
    expect_refusal("it belongs to a cluster of another name");
    end();
}

Test(handshake, a_copied_identity_is_refused)
{
    begin("", "");
    acceptor.self.node = opener.self.node;
    begin_link(WIRE_ROLE_CONTROL);
    run();
    expect_refusal("it has this node's own identity: was the dir copied?");
    end();
}

Test(handshake, another_ring_is_refused)
{
    begin("", "");
    opener.self.ring.bytes[3] = 1;
    begin_link(WIRE_ROLE_CONTROL);
    run();
    expect_refusal("it belongs to another ring");
    end();
}

Test(handshake, workers_talk_within_a_ring_only)
{
    begin("", "");
    acceptor.self.ring = (struct identity){{0}};
    begin_link(WIRE_ROLE_WORKER);
    run();
    expect_refusal("this node is in no ring yet");
    begin_link(WIRE_ROLE_CONTROL);
    run();
    expect_done();
    acceptor.self.ring = opener.self.ring;
    opener.self.ring = (struct identity){{0}};
    begin_link(WIRE_ROLE_WORKER);
    run();
    expect_refusal("it is in no ring yet");
    begin_link(WIRE_ROLE_CONTROL);
    run();
    expect_done();
    end();
}

Test(handshake, a_role_that_is_not_known_is_refused)
{
    begin("", "");
    begin_link((enum wire_role)7);
    run();
    expect_refusal("it wants what this node does not know (7)");
    end();
}

Test(handshake, a_node_that_is_not_the_expected_one_is_left)
{
    const struct identity expected = {{9}};

    begin("", "");
    handshake_open(&opener.handshake, &opener.self, WIRE_ROLE_WORKER, &expected, &opener.rng,
                   &acceptor.in);
    handshake_accept(&acceptor.handshake, &acceptor.rng);
    run();
    cr_assert_eq(opener.handshake.state, HANDSHAKE_FAILED);
    cr_assert_str_eq(opener.handshake.error, "another node answers at its address");
    end();
}

Test(handshake, without_a_common_version_there_is_no_link)
{
    struct wire_hello hello = {.version_min = WIRE_PROTOCOL_MAX + 1,
                               .version_max = WIRE_PROTOCOL_MAX + 2,
                               .cluster = SPAN("dunlin"),
                               .ring = {7},
                               .node = {1},
                               .challenge = {1}};
    size_t frame;

    begin("", "");
    handshake_accept(&acceptor.handshake, &acceptor.rng);
    frame = wire_frame_begin(&acceptor.in, 0, 0);
    wire_put_hello(&acceptor.in, &hello);
    wire_frame_end(&acceptor.in, frame);
    step(&acceptor, &opener);
    cr_assert_eq(acceptor.handshake.state, HANDSHAKE_FAILED);
    cr_assert_str_eq(acceptor.handshake.error,
                     "refused: it speaks protocol versions 3 to 4, this node 2 to 2");
    buffer_reset(&acceptor.in, SIZE_MAX);
    hello.version_min = 0;
    handshake_accept(&acceptor.handshake, &acceptor.rng);
    frame = wire_frame_begin(&acceptor.in, 0, 0);
    wire_put_hello(&acceptor.in, &hello);
    wire_frame_end(&acceptor.in, frame);
    step(&acceptor, &opener);
    cr_assert_eq(acceptor.handshake.state, HANDSHAKE_DONE);
    end();
}

Test(handshake, what_does_not_belong_there_ends_it)
{
    const struct wire_message ping = {.type = WIRE_PING};
    const struct wire_message proof = {.type = WIRE_PROOF};
    const struct wire_message hello = {.type = WIRE_HELLO};

    begin("s", "s");
    begin_link(WIRE_ROLE_WORKER);
    cr_assert_eq(handshake_message(&acceptor.handshake, &acceptor.self, &ping, &opener.in),
                 HANDSHAKE_FAILED);
    begin_link(WIRE_ROLE_WORKER);
    cr_assert_eq(handshake_message(&acceptor.handshake, &acceptor.self, &proof, &opener.in),
                 HANDSHAKE_FAILED);
    begin_link(WIRE_ROLE_WORKER);
    cr_assert_eq(handshake_message(&opener.handshake, &opener.self, &hello, &acceptor.in),
                 HANDSHAKE_FAILED);
    cr_assert_str_eq(opener.handshake.error, "message 1 does not belong in a handshake");
    begin_link(WIRE_ROLE_WORKER);
    step(&acceptor, &opener);
    cr_assert_eq(handshake_message(&acceptor.handshake, &acceptor.self, &hello, &opener.in),
                 HANDSHAKE_FAILED, "no second HELLO");
    end();
}

/* ---- attacks ---- */

Test(handshake, nothing_recorded_opens_another_link)
{
    struct buffer recorded = {0};

    begin("secret", "secret");
    begin_link(WIRE_ROLE_WORKER);
    buffer_append_span(&recorded, buffer_content(&acceptor.in));
    step(&acceptor, &opener);
    step(&opener, &acceptor);
    buffer_append_span(&recorded, buffer_content(&acceptor.in));
    run();
    expect_done();
    /* HELLO and PROOF of before, to the same node. */
    handshake_accept(&acceptor.handshake, &acceptor.rng);
    buffer_append_span(&acceptor.in, buffer_content(&recorded));
    while (step(&acceptor, &opener))
        continue;
    cr_assert_eq(acceptor.handshake.state, HANDSHAKE_FAILED);
    buffer_deinit(&recorded);
    end();
}

Test(handshake, a_recorded_acceptor_convinces_no_opener)
{
    struct buffer recorded = {0};

    begin("secret", "secret");
    begin_link(WIRE_ROLE_WORKER);
    step(&acceptor, &opener);
    buffer_append_span(&recorded, buffer_content(&opener.in));
    begin_link(WIRE_ROLE_WORKER);
    buffer_append_span(&opener.in, buffer_content(&recorded));
    step(&opener, &acceptor);
    cr_assert_eq(opener.handshake.state, HANDSHAKE_FAILED);
    buffer_deinit(&recorded);
    end();
}

/* Who does not know the secret sends a node's own bytes back to it. */
Test(handshake, a_node_is_not_convinced_by_its_own_echo)
{
    struct handshake attacker;
    struct rng rng;
    struct wire_message message;
    struct wire_frame frame;
    const char *error;

    /* It opens a link to the acceptor, and asks it on a second one to prove over its own challenge.
     */
    begin("secret", "secret");
    begin_link(WIRE_ROLE_WORKER);
    step(&acceptor, &opener);
    cr_assert_eq(wire_next_frame(buffer_content(&opener.in), 4096, &frame), WIRE_OK);
    cr_assert_eq(wire_next_message(&frame.messages, &message, &error), WIRE_OK);
    struct wire_hello hello = {.version_min = WIRE_PROTOCOL_MIN,
                               .version_max = WIRE_PROTOCOL_MAX,
                               .cluster = SPAN("dunlin"),
                               .ring = {7},
                               .node = {1}};
    memcpy(hello.challenge, message.hello_ok.challenge, IDENTITY_SIZE);
    const struct wire_message second = {.type = WIRE_HELLO, .hello = hello};
    struct buffer oracle = {0};
    rng_init(&rng, 9);
    handshake_accept(&attacker, &rng);
    handshake_message(&attacker, &acceptor.self, &second, &oracle);
    cr_assert_eq(wire_next_frame(buffer_content(&oracle), 4096, &frame), WIRE_OK);
    cr_assert_eq(wire_next_message(&frame.messages, &message, &error), WIRE_OK);
    cr_assert_eq(message.hello_ok.proof.size, HANDSHAKE_PROOF_SIZE);
    const struct wire_message proof = {.type = WIRE_PROOF,
                                       .proof = {.proof = message.hello_ok.proof}};
    cr_assert_eq(handshake_message(&acceptor.handshake, &acceptor.self, &proof, &opener.in),
                 HANDSHAKE_FAILED);
    buffer_deinit(&oracle);
    end();
}

/* With a secret, whatever is changed in either direction never ends in two that trust each other as
 * something else than they are. */
Test(handshake, a_changed_byte_convinces_nobody)
{
    for (unsigned direction = 0; direction < 3; direction++) {
        for (size_t at = 0;; at++) {
            begin("secret", "secret");
            begin_link(WIRE_ROLE_WORKER);
            if (direction >= 1)
                step(&acceptor, &opener);
            if (direction >= 2)
                step(&opener, &acceptor);
            struct buffer *bytes = direction == 1 ? &opener.in : &acceptor.in;
            const bool over = at >= buffer_size(bytes);
            if (!over) {
                bytes->block[bytes->head + at] ^= 0x10;
                run();
                if (opener.handshake.state == HANDSHAKE_DONE &&
                    acceptor.handshake.state == HANDSHAKE_DONE) {
                    cr_assert(identity_equal(&opener.handshake.other, &acceptor.self.node));
                    cr_assert(identity_equal(&acceptor.handshake.other, &opener.self.node));
                }
            }
            end();
            if (over)
                break;
        }
    }
}
