/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A fuzzer of gossip: datagrams and exchanges, as bytes, and as bodies in a right seal, from a few
 * senders, while time passes. (control_fuzz changes what real nodes say to each other, which gets
 * behind the challenge.) With a cluster-secret nothing that is not sealed with it is taken.
 */
#include "base/assert.h"
#include "fuzz/fuzz.h"
#include "gossip/gossip.h"
#include "gossip/seal.h"

#define STEPS_MAX 64

struct host {
    struct draw draw;
    struct gossip *gossip;
    struct instant now;
    struct seal_key key;
    struct identity self;
};

static void send_datagram(void *host, const struct node_address *to, struct span datagram)
{
    (void)host;
    ensure(to->host[0] != '\0' && datagram.size <= GOSSIP_DATAGRAM_MAX);
    touch(datagram);
}

static void tell(void *host, const struct gossip_event *event)
{
    (void)host;
    touch(span_of_string(event->record != NULL ? event->record->host : event->address.host));
}

static void exchange(void *host, const struct node_address *to)
{
    (void)host;
    ensure(to->host[0] != '\0');
}

static bool kept(void *host, struct identity identity)
{
    (void)host;
    return (identity.bytes[0] & 1) != 0;
}

static const struct gossip_calls calls = {send_datagram, tell, exchange, kept};

/* A body in a seal that is right but for the secret. */
static void seal(struct host *host, enum seal_kind kind, struct span body, struct buffer *bytes)
{
    const uint8_t who = draw_byte(&host->draw);
    const struct seal_head head = {.kind = kind,
                                   .ring = {{(uint8_t)(who & 1)}},
                                   .sender = {{(uint8_t)(50 + (who >> 1 & 3))}},
                                   .recipient = who & 8 ? (struct identity){{0}} : host->self,
                                   .boot = 1 + (who >> 4 & 1),
                                   .boot_nonce = 3,
                                   .sequence = draw_byte(&host->draw),
                                   .wall_ms = host->now.wall_ms};

    seal_begin(bytes);
    buffer_append_span(bytes, body);
    ensure(seal_finish(&host->key, &head, bytes));
}

static void step(struct host *host)
{
    const struct node_address from = {.host = "127.0.0.1", .port = 17002};
    const uint8_t byte = draw_byte(&host->draw);
    struct buffer sealed = {0}, reply = {0};
    struct span bytes = {0};

    if (byte % 8 < 6)
        bytes = draw_span(&host->draw, draw_below(&host->draw, 512));
    if (byte % 8 < 5) {
        seal(host,
             byte % 8 < 2   ? SEAL_DATAGRAM
             : byte % 8 < 4 ? SEAL_REQUEST
                            : SEAL_REPLY,
             bytes, &sealed);
        bytes = buffer_content(&sealed);
    }
    if (byte % 8 < 2 || byte % 16 == 5)
        gossip_receive(host->gossip, host->now, &from, bytes);
    else if (byte % 8 < 6)
        gossip_exchange_receive(host->gossip, host->now, bytes, &reply);
    else
        host->now.mono_us += (int64_t)draw_byte(&host->draw) << byte / 16;
    if (gossip_next_wake(host->gossip) <= host->now.mono_us)
        gossip_tick(host->gossip, host->now);
    ensure(gossip_member_count(host->gossip) <= 8);
    buffer_deinit(&sealed);
    buffer_deinit(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct host host = {.draw = draw_from(data, size),
                        .now = {.wall_ms = 1700000000000, .mono_us = 1000000},
                        .self = {{100}}};
    const uint8_t kind = draw_byte(&host.draw);
    const struct node_address seed = {.host = "127.0.0.1", .port = 7002};
    struct gossip_options options = gossip_options_default;
    struct buffer opening = {0};

    options.identity = host.self;
    options.host = "127.0.0.1";
    options.client_port = 7001;
    options.zone = "";
    options.weight = 1;
    options.protocol_min = options.protocol_max = 2;
    options.boot = 1;
    options.cluster_name = SPAN("c");
    options.seeds = &seed;
    options.seed_count = kind & 1;
    options.members_max = 8;
    seal_key_init(&host.key, SPAN("c"), kind & 2 ? SPAN("secret") : SPAN(""));
    if (kind & 4)
        options.cluster_secret = SPAN("secret");
    host.gossip = gossip_create(&options, &calls, &host);
    gossip_exchange_begin(host.gossip, host.now, &opening);
    for (unsigned steps = 0; steps < STEPS_MAX && host.draw.left > 0; steps++)
        step(&host);
    ensure((kind & 6) != 4 || gossip_member_count(host.gossip) == 0);
    gossip_destroy(&host.gossip);
    buffer_deinit(&opening);
    return 0;
}
