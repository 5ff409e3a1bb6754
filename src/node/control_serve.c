/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What other nodes ask of this node's control: one message, one answer, at once.
 */
#include "node/control_parts.h"
#include "ring/ring_codec.h"

static void serve_exchange(struct control *control, const struct wire_exchange *exchange)
{
    struct buffer reply = {0};
    const enum gossip_drop drop = gossip_exchange_receive(control->gossip, control->now,
                                                          exchange->records, &reply);

    if (drop != GOSSIP_DROP_NONE)
        log_write(control->log, LOG_VERBOSE, "an exchange was dropped: %s", gossip_drop_name(drop));
    const struct wire_exchange answer = {.records = buffer_content(&reply)};
    wire_put_exchange(&control->out, &answer);
    buffer_deinit(&reply);
}

static void serve_inquire(struct control *control, uint64_t id)
{
    const struct ring *ring = control_real_ring(control);
    struct wire_description answer = {.id = id,
                                      .weight = (uint32_t)control->options->weight,
                                      .client_port = control->client_port,
                                      .host = span_of_string(control->host_name),
                                      .zone = span_of_string(control->zone)};

    memcpy(answer.node, control->identity.bytes, IDENTITY_SIZE);
    if (ring != NULL)
        memcpy(answer.ring, ring->content.identity.bytes, IDENTITY_SIZE);
    wire_put_description(&control->out, &answer);
}

static void serve_fetch(struct control *control)
{
    const struct ring *ring = control_real_ring(control);
    struct buffer bytes = {0};

    if (ring != NULL)
        ring_encode(ring, &bytes);
    const struct wire_ring answer = {.ring = buffer_content(&bytes)};
    wire_put_ring(&control->out, &answer);
    buffer_deinit(&bytes);
}

static void put_promise(struct control *control, uint64_t id, const struct identity *ring,
                        enum promise_status status, const char *reason)
{
    struct wire_promise answer = {
        .id = id, .status = (uint8_t)status, .text = span_of_string(reason)};

    memcpy(answer.ring, ring->bytes, IDENTITY_SIZE);
    wire_put_promise(&control->out, &answer);
}

static void serve_prepare(struct control *control, const struct wire_prepare *prepare)
{
    const struct identity ring = control_identity(prepare->ring);
    const struct identity proposer = control_identity(prepare->proposer);
    char reason[REASON_MAX] = "";
    const enum promise_status status = promise_give(control, &ring, &proposer, prepare->partitions,
                                                    reason);

    put_promise(control, prepare->id, &ring, status, reason);
}

static void serve_commit(struct control *control, const struct wire_commit *commit)
{
    const struct identity proposer = control_identity(commit->proposer);
    char reason[REASON_MAX] = "";
    struct ring *ring = ring_decode(commit->ring, reason);
    struct identity identity = {{0}};
    enum promise_status status = PROMISE_REFUSED;

    if (ring != NULL) {
        identity = ring->content.identity;
        status = promise_keep(control, ring, &proposer, reason);
        ring_release(&ring);
    }
    put_promise(control, commit->id, &identity, status, reason);
}

static void serve_withdraw(struct control *control, const struct wire_withdraw *withdraw)
{
    const struct identity ring = control_identity(withdraw->ring);
    const struct identity proposer = control_identity(withdraw->proposer);

    promise_void(control, &ring, &proposer);
    put_promise(control, withdraw->id, &ring, PROMISE_OK, "");
}

bool serve_message(struct control *control, const struct wire_message *message)
{
    switch (message->type) {
    case WIRE_EXCHANGE:
        serve_exchange(control, &message->exchange);
        return true;
    case WIRE_INQUIRE:
        serve_inquire(control, message->inquire.id);
        return true;
    case WIRE_FETCH:
        serve_fetch(control);
        return true;
    case WIRE_PREPARE:
        serve_prepare(control, &message->prepare);
        return true;
    case WIRE_COMMIT:
        serve_commit(control, &message->commit);
        return true;
    case WIRE_WITHDRAW:
        serve_withdraw(control, &message->withdraw);
        return true;
    default: /* a later version's; the asker's time runs out */
        return false;
    }
}
