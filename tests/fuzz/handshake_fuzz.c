/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A fuzzer of the handshake of a link, at both ends: the frames of the other side are arbitrary
 * bytes. Who does not know the secret is never let in, nor taken for a node of the cluster.
 */
#include "base/assert.h"
#include "fuzz/fuzz.h"
#include "node/handshake.h"

static void talk(const struct handshake_self *self, bool opener, struct span input)
{
    struct handshake handshake;
    struct wire_message message;
    struct wire_frame frame;
    struct buffer out = {0};
    const char *error;
    struct rng rng;

    rng_init(&rng, 1);
    if (opener)
        handshake_open(&handshake, self, WIRE_ROLE_WORKER, NULL, &rng, &out);
    else
        handshake_accept(&handshake, &rng);
    while (handshake.state == HANDSHAKE_WAITING &&
           wire_next_frame(input, 4096, &frame) == WIRE_OK) {
        while (handshake.state == HANDSHAKE_WAITING &&
               wire_next_message(&frame.messages, &message, &error) == WIRE_OK)
            handshake_message(&handshake, self, &message, &out);
        input = span_of(input.data + frame.size, input.size - frame.size);
    }
    ensure(handshake.state != HANDSHAKE_DONE || self->secret[0] == '\0');
    ensure(handshake.state != HANDSHAKE_FAILED || handshake.error[0] != '\0');
    buffer_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct handshake_self self = {
        .cluster = "c", .secret = "", .ring = {{7}}, .node = {{100}}, .number = 10, .boot = 1};

    for (unsigned turn = 0; turn < 4; turn++) {
        self.secret = turn & 1 ? "secret" : "";
        talk(&self, (turn & 2) != 0, span_of(data, size));
    }
    return 0;
}
