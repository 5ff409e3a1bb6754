/* SPDX-License-Identifier: BSD-3-Clause */
#include "node/handshake.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"

static void draw(struct identity *challenge, struct rng *rng)
{
    for (size_t i = 0; i < IDENTITY_SIZE; i += 8) {
        const uint64_t number = rng_next(rng);
        memcpy(challenge->bytes + i, &number, 8);
    }
}

static struct identity identity_of(const uint8_t *bytes)
{
    struct identity identity;

    memcpy(identity.bytes, bytes, IDENTITY_SIZE);
    return identity;
}

__attribute__((format(printf, 2, 3))) static enum handshake_state fail(struct handshake *handshake,
                                                                       const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(handshake->error, sizeof handshake->error, format, arguments);
    va_end(arguments);
    handshake->state = HANDSHAKE_FAILED;
    return handshake->state;
}

/* The proof of one side: `opener` is the node that opened the link, `openers` its challenge. */
static void prove(const struct handshake_self *self, char side, const struct identity *openers,
                  const struct identity *acceptors, const struct identity *prover,
                  uint8_t proof[HANDSHAKE_PROOF_SIZE])
{
    uint8_t text[1 + 1 + 255 + 3 * IDENTITY_SIZE];
    const size_t name = strlen(self->cluster) < 255 ? strlen(self->cluster) : 255;
    size_t size = 0;
    unsigned proof_size = HANDSHAKE_PROOF_SIZE;

    text[size++] = (uint8_t)side;
    text[size++] = (uint8_t)name;
    memcpy(text + size, self->cluster, name);
    size += name;
    memcpy(text + size, openers->bytes, IDENTITY_SIZE);
    memcpy(text + size + IDENTITY_SIZE, acceptors->bytes, IDENTITY_SIZE);
    memcpy(text + size + 2 * IDENTITY_SIZE, prover->bytes, IDENTITY_SIZE);
    size += 3 * IDENTITY_SIZE;
    ensure(HMAC(EVP_sha256(), self->secret, (int)strlen(self->secret), text, size, proof,
                &proof_size) != NULL);
}

static bool proven(const struct handshake_self *self, char side, const struct identity *openers,
                   const struct identity *acceptors, const struct identity *prover,
                   struct span proof)
{
    uint8_t expected[HANDSHAKE_PROOF_SIZE];

    if (self->secret[0] == '\0')
        return true;
    prove(self, side, openers, acceptors, prover, expected);
    return proof.size == sizeof expected &&
           CRYPTO_memcmp(proof.data, expected, sizeof expected) == 0;
}

static struct wire_hello introduce(const struct handshake *handshake,
                                   const struct handshake_self *self)
{
    struct wire_hello hello = {.version_min = WIRE_PROTOCOL_MIN,
                               .version_max = WIRE_PROTOCOL_MAX,
                               .role = (uint8_t)handshake->role,
                               .cluster = span_of_string(self->cluster),
                               .number = self->number,
                               .boot = self->boot};

    memcpy(hello.ring, self->ring.bytes, IDENTITY_SIZE);
    memcpy(hello.node, self->node.bytes, IDENTITY_SIZE);
    memcpy(hello.challenge, handshake->challenge.bytes, IDENTITY_SIZE);
    return hello;
}

void handshake_open(struct handshake *handshake, const struct handshake_self *self,
                    enum wire_role role, const struct identity *expected, struct rng *rng,
                    struct buffer *out)
{
    *handshake = (struct handshake){.opener = true, .role = role};
    if (expected != NULL)
        handshake->expected = *expected;
    draw(&handshake->challenge, rng);
    const struct wire_hello hello = introduce(handshake, self);
    const size_t frame = wire_frame_begin(out, 0, 0);
    wire_put_hello(out, &hello);
    wire_frame_end(out, frame);
}

void handshake_accept(struct handshake *handshake, struct rng *rng)
{
    *handshake = (struct handshake){.opener = false};
    draw(&handshake->challenge, rng);
}

/* Why this node does not talk to the one that says hello; NULL: it does. */
static const char *refusal(const struct handshake_self *self, const struct wire_hello *hello,
                           char *text, size_t size)
{
    const struct identity ring = identity_of(hello->ring);
    const struct identity node = identity_of(hello->node);

    if (hello->version_max < WIRE_PROTOCOL_MIN || hello->version_min > WIRE_PROTOCOL_MAX) {
        snprintf(text, size, "it speaks protocol versions %u to %u, this node %u to %u",
                 hello->version_min, hello->version_max, WIRE_PROTOCOL_MIN, WIRE_PROTOCOL_MAX);
        return text;
    }
    if (!span_equal(hello->cluster, span_of_string(self->cluster)))
        return "it belongs to a cluster of another name";
    if (identity_equal(&node, &self->node))
        return "it has this node's own identity: was the dir copied?";
    if (identity_exists(&ring) && identity_exists(&self->ring) &&
        !identity_equal(&ring, &self->ring))
        return "it belongs to another ring";
    if (hello->role == WIRE_ROLE_WORKER && !identity_exists(&self->ring))
        return "this node is in no ring yet";
    if (hello->role == WIRE_ROLE_WORKER && !identity_exists(&ring))
        return "it is in no ring yet";
    if (hello->role != WIRE_ROLE_WORKER && hello->role != WIRE_ROLE_CONTROL) {
        snprintf(text, size, "it wants what this node does not know (%u)", hello->role);
        return text;
    }
    return NULL;
}

static enum handshake_state receive_hello(struct handshake *handshake,
                                          const struct handshake_self *self,
                                          const struct wire_hello *hello, struct buffer *out)
{
    uint8_t proof[HANDSHAKE_PROOF_SIZE];
    char text[HANDSHAKE_ERROR_MAX];
    const char *why = refusal(self, hello, text, sizeof text);
    const struct wire_hello mine = introduce(handshake, self);
    struct wire_hello_ok answer = {.version_min = mine.version_min,
                                   .version_max = mine.version_max,
                                   .role = hello->role,
                                   .cluster = mine.cluster,
                                   .number = mine.number,
                                   .boot = mine.boot};

    handshake->role = (enum wire_role)hello->role;
    handshake->other = identity_of(hello->node);
    handshake->other_number = hello->number;
    handshake->other_boot = hello->boot;
    handshake->other_challenge = identity_of(hello->challenge);
    memcpy(answer.ring, mine.ring, IDENTITY_SIZE);
    memcpy(answer.node, mine.node, IDENTITY_SIZE);
    memcpy(answer.challenge, mine.challenge, IDENTITY_SIZE);
    if (why != NULL) {
        answer.refusal = span_of_string(why);
    } else if (self->secret[0] != '\0') {
        prove(self, 'a', &handshake->other_challenge, &handshake->challenge, &self->node, proof);
        answer.proof = span_of(proof, sizeof proof);
    }
    const size_t frame = wire_frame_begin(out, 0, 0);
    wire_put_hello_ok(out, &answer);
    wire_frame_end(out, frame);
    if (why != NULL)
        return fail(handshake, "refused: %s", why);
    handshake->state = self->secret[0] != '\0' ? HANDSHAKE_WAITING : HANDSHAKE_DONE;
    return handshake->state;
}

static enum handshake_state receive_hello_ok(struct handshake *handshake,
                                             const struct handshake_self *self,
                                             const struct wire_hello_ok *answer, struct buffer *out)
{
    uint8_t bytes[HANDSHAKE_PROOF_SIZE];

    if (answer->refusal.size > 0)
        return fail(handshake, "it refused: %.*s",
                    (int)(answer->refusal.size < 150 ? answer->refusal.size : 150),
                    (const char *)answer->refusal.data);
    handshake->other = identity_of(answer->node);
    handshake->other_number = answer->number;
    handshake->other_boot = answer->boot;
    handshake->other_challenge = identity_of(answer->challenge);
    if (identity_exists(&handshake->expected) &&
        !identity_equal(&handshake->expected, &handshake->other))
        return fail(handshake, "another node answers at its address");
    if (self->secret[0] == '\0' && answer->proof.size > 0)
        return fail(handshake, "it has a cluster-secret, this node has none");
    if (!proven(self, 'a', &handshake->challenge, &handshake->other_challenge, &handshake->other,
                answer->proof))
        return fail(handshake, "it does not know the cluster-secret");
    handshake->state = HANDSHAKE_DONE;
    if (self->secret[0] == '\0')
        return handshake->state;
    prove(self, 'o', &handshake->challenge, &handshake->other_challenge, &self->node, bytes);
    const struct wire_proof proof = {.proof = span_of(bytes, sizeof bytes)};
    const size_t frame = wire_frame_begin(out, 0, 0);
    wire_put_proof(out, &proof);
    wire_frame_end(out, frame);
    return handshake->state;
}

enum handshake_state handshake_message(struct handshake *handshake,
                                       const struct handshake_self *self,
                                       const struct wire_message *message, struct buffer *out)
{
    const bool introduced = identity_exists(&handshake->other_challenge);

    ensure(handshake->state == HANDSHAKE_WAITING);
    if (handshake->opener && message->type == WIRE_HELLO_OK)
        return receive_hello_ok(handshake, self, &message->hello_ok, out);
    if (!handshake->opener && !introduced && message->type == WIRE_HELLO)
        return receive_hello(handshake, self, &message->hello, out);
    if (!handshake->opener && introduced && message->type == WIRE_PROOF) {
        if (!proven(self, 'o', &handshake->other_challenge, &handshake->challenge,
                    &handshake->other, message->proof.proof))
            return fail(handshake, "it does not know the cluster-secret");
        handshake->state = HANDSHAKE_DONE;
        return handshake->state;
    }
    return fail(handshake, "message %u does not belong in a handshake", message->type);
}
