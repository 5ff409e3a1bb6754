/* SPDX-License-Identifier: BSD-3-Clause
 *
 * CLUSTER: the ring in Redis Cluster's words. Every node is a "master", of the slots whose claims
 * it leads; the other nodes of a claim stand behind it in SLOTS. Nodes known to be down come last
 * there, so that clients, who send to the first, find a coordinator that answers.
 */
#include "command/cluster.h"

#include <inttypes.h>

#include "base/level.h"
#include "base/memory.h"
#include "command/arguments.h"
#include "command/environment.h"
#include "command/handlers.h"
#include "command/session.h"
#include "resp/reply.h"
#include "ring/ring.h"
#include "ring/slot.h"

enum cluster_reply {
    CLUSTER_SLOTS,
    CLUSTER_SHARDS,
    CLUSTER_NODES,
    CLUSTER_REPLIES,
};

struct cluster_cache {
    struct identity ring;
    uint64_t version;
    uint64_t states;                           /* a digest of the members' states and addresses */
    struct buffer replies[CLUSTER_REPLIES][2]; /* for RESP2 and RESP3; empty: to be made */
};

struct cluster_cache *cluster_cache_create(void)
{
    return memory_alloc(sizeof(struct cluster_cache));
}

static void clear_replies(struct cluster_cache *cache)
{
    for (size_t reply = 0; reply < CLUSTER_REPLIES; reply++)
        for (size_t protocol = 0; protocol < 2; protocol++)
            buffer_deinit(&cache->replies[reply][protocol]);
}

void cluster_cache_destroy(struct cluster_cache **cache)
{
    if (*cache != NULL)
        clear_replies(*cache);
    memory_free(*cache);
    *cache = NULL;
}

void cluster_node_id(const struct identity *identity, char text[CLUSTER_NODE_ID_SIZE])
{
    static const char digits[] = "0123456789abcdef";

    memset(text, '0', CLUSTER_NODE_ID_SIZE - 1);
    text[CLUSTER_NODE_ID_SIZE - 1] = '\0';
    for (size_t i = 0; i < IDENTITY_SIZE; i++) {
        text[2 * i] = digits[identity->bytes[i] >> 4];
        text[2 * i + 1] = digits[identity->bytes[i] & 15];
    }
}

static enum member_state state_of(const struct environment *environment,
                                  const struct ring_member *member)
{
    return environment->functions->member_state(environment->context, member);
}

static struct member_address address_of(const struct environment *environment,
                                        const struct ring_member *member)
{
    return environment->functions->member_address(environment->context, member);
}

/* A run of slots whose claims list the same nodes. */
struct run {
    uint32_t first_slot, last_slot;
    const struct ring_claim *claim;
};

static bool same_nodes(const struct ring_claim *a, const struct ring_claim *b)
{
    return a->count == b->count && memcmp(a->nodes, b->nodes, a->count * sizeof a->nodes[0]) == 0;
}

/* The run that starts at *partition, which is moved behind it. False at the end of the ring. */
static bool next_run(const struct ring *ring, uint32_t *partition, struct run *run)
{
    const uint32_t count = ring_partition_count(ring);

    if (*partition == count)
        return false;
    run->first_slot = ring_partition_slot(*partition, count);
    run->claim = ring_claim(ring, *partition);
    do {
        (*partition)++;
    } while (*partition < count && same_nodes(ring_claim(ring, *partition), run->claim));
    run->last_slot = *partition < count ? ring_partition_slot(*partition, count) - 1
                                        : RING_SLOTS - 1;
    return true;
}

static void append_slots_node(const struct environment *environment,
                              const struct ring_member *member, int protocol, struct buffer *reply)
{
    const struct member_address address = address_of(environment, member);
    char id[CLUSTER_NODE_ID_SIZE];

    cluster_node_id(&member->identity, id);
    reply_array(reply, 4);
    reply_bulk_string(reply, address.host);
    reply_integer(reply, address.client_port);
    reply_bulk_string(reply, id);
    reply_map(reply, 0, protocol); /* host names */
}

/* Who leads the slots of a claim: the first of its nodes that is not down. SLOTS, SHARDS and NODES
 * all say so: a client sends commands there, whichever of them it asked. */
static const struct ring_member *claim_leader(const struct environment *environment,
                                              const struct ring_claim *claim)
{
    const struct ring *ring = environment->ring;

    for (size_t i = 0; i < claim->count; i++) {
        const struct ring_member *member = ring_member_by_number(ring, claim->nodes[i]);
        if (state_of(environment, member) != MEMBER_DOWN)
            return member;
    }
    return ring_member_by_number(ring, claim->nodes[0]);
}

/* The leader's number for each partition; for memory_free. */
static node_number *find_leaders(const struct environment *environment)
{
    const uint32_t count = ring_partition_count(environment->ring);
    node_number *leaders = memory_alloc_array(count, sizeof *leaders);
    struct run run;

    for (uint32_t partition = 0, first = 0; next_run(environment->ring, &partition, &run);)
        for (const node_number leader = claim_leader(environment, run.claim)->number;
             first < partition; first++)
            leaders[first] = leader;
    return leaders;
}

/* The next slots from *partition on that the node leads. */
static bool next_led(const struct ring *ring, const node_number *leaders, node_number node,
                     uint32_t *partition, struct run *run)
{
    const uint32_t count = ring_partition_count(ring);

    while (*partition < count && leaders[*partition] != node)
        (*partition)++;
    if (*partition == count)
        return false;
    run->first_slot = ring_partition_slot(*partition, count);
    while (*partition < count && leaders[*partition] == node)
        (*partition)++;
    run->last_slot = *partition < count ? ring_partition_slot(*partition, count) - 1
                                        : RING_SLOTS - 1;
    return true;
}

/* The run with its leader, and all others that keep it behind that one, the dead last. */
static void append_run(const struct environment *environment, const struct run *run,
                       const struct ring_member *leader, bool alone, int protocol,
                       struct buffer *reply)
{
    reply_array(reply, alone ? 3u : 2u + run->claim->count);
    reply_integer(reply, run->first_slot);
    reply_integer(reply, run->last_slot);
    append_slots_node(environment, leader, protocol, reply);
    for (int down = 0; down < 2 && !alone; down++)
        for (size_t i = 0; i < run->claim->count; i++) {
            const struct ring_member *member = ring_member_by_number(environment->ring,
                                                                     run->claim->nodes[i]);
            if (member != leader && (state_of(environment, member) == MEMBER_DOWN) == (down == 1))
                append_slots_node(environment, member, protocol, reply);
        }
}

/* Client libraries take a node's first mention as its role, and every node is to be a master. So
 * the first partition that each leads stands before all others, without those who keep it too.
 * Appends these (`introduce`), or else all other slots; returns how many entries. With a NULL reply
 * it only counts. */
static size_t append_runs(const struct environment *environment, bool introduce, int protocol,
                          struct buffer *reply)
{
    const struct ring *ring = environment->ring;
    bool led[RING_MEMBERS_MAX] = {false};
    uint32_t partition = 0, first = 0;
    size_t entries = 0;

    for (struct run run; next_run(ring, &partition, &run); first = partition) {
        const struct ring_member *leader = claim_leader(environment, run.claim);
        bool *leads = &led[leader - ring->content.members];
        const bool new = !*leads &&run.claim->count > 1;

        *leads = true;
        if (new) {
            const uint32_t behind = first + 1 == ring_partition_count(ring)
                                        ? RING_SLOTS
                                        : ring_partition_slot(first + 1,
                                                              ring_partition_count(ring));
            if (introduce)
                run.last_slot = behind - 1;
            else
                run.first_slot = behind;
        }
        if (introduce ? !new : run.first_slot > run.last_slot)
            continue;
        if (reply != NULL)
            append_run(environment, &run, leader, introduce, protocol, reply);
        entries++;
    }
    return entries;
}

static void make_slots(const struct environment *environment, int protocol, struct buffer *reply)
{
    reply_array(reply, append_runs(environment, true, protocol, NULL) +
                           append_runs(environment, false, protocol, NULL));
    append_runs(environment, true, protocol, reply);
    append_runs(environment, false, protocol, reply);
}

static void append_shard_node(const struct environment *environment,
                              const struct ring_member *member, int protocol, struct buffer *reply)
{
    const struct member_address address = address_of(environment, member);
    char id[CLUSTER_NODE_ID_SIZE];

    cluster_node_id(&member->identity, id);
    reply_map(reply, 7, protocol);
    reply_bulk_string(reply, "id");
    reply_bulk_string(reply, id);
    reply_bulk_string(reply, "port");
    reply_integer(reply, address.client_port);
    reply_bulk_string(reply, "ip");
    reply_bulk_string(reply, address.host);
    reply_bulk_string(reply, "endpoint");
    reply_bulk_string(reply, address.host);
    reply_bulk_string(reply, "role");
    reply_bulk_string(reply, "master");
    reply_bulk_string(reply, "replication-offset");
    reply_integer(reply, 0);
    reply_bulk_string(reply, "health");
    reply_bulk_string(reply, state_of(environment, member) == MEMBER_DOWN ? "fail" : "online");
}

static void make_shards(const struct environment *environment, int protocol, struct buffer *reply)
{
    const struct ring_draft *ring = &environment->ring->content;
    node_number *leaders = find_leaders(environment);

    reply_array(reply, ring->member_count);
    for (size_t i = 0; i < ring->member_count; i++) {
        const struct ring_member *member = &ring->members[i];
        uint32_t partition = 0;
        size_t runs = 0;
        struct run run;

        while (next_led(environment->ring, leaders, member->number, &partition, &run))
            runs++;
        reply_map(reply, 2, protocol);
        reply_bulk_string(reply, "slots");
        reply_array(reply, 2 * runs);
        partition = 0;
        while (next_led(environment->ring, leaders, member->number, &partition, &run)) {
            reply_integer(reply, run.first_slot);
            reply_integer(reply, run.last_slot);
        }
        reply_bulk_string(reply, "nodes");
        reply_array(reply, 1);
        append_shard_node(environment, member, protocol, reply);
    }
    memory_free(leaders);
}

static void append_member_line(const struct environment *environment,
                               const struct ring_member *member, const node_number *leaders,
                               struct buffer *text)
{
    static const char *const flags[] = {[MEMBER_UP] = "master",
                                        [MEMBER_SUSPECT] = "master,fail?",
                                        [MEMBER_DOWN] = "master,fail",
                                        [MEMBER_MUTE] = "master"};
    const struct ring *ring = environment->ring;
    const enum member_state state = state_of(environment, member);
    const struct member_address address = address_of(environment, member);
    char id[CLUSTER_NODE_ID_SIZE];
    uint32_t partition = 0;
    struct run run;

    cluster_node_id(&member->identity, id);
    const bool own = strcmp(id, environment->identity->node_id) == 0;

    buffer_append_format(text, "%s %s:%u@%u %s%s - 0 0 %" PRIu32 " %s", id, address.host,
                         (unsigned)address.client_port, (unsigned)address.bus_port,
                         own ? "myself," : "", flags[state],
                         ring_version_epoch(ring->content.version),
                         state == MEMBER_DOWN ? "disconnected" : "connected");
    while (next_led(ring, leaders, member->number, &partition, &run)) {
        buffer_append_format(text, " %" PRIu32, run.first_slot);
        if (run.last_slot > run.first_slot)
            buffer_append_format(text, "-%" PRIu32, run.last_slot);
    }
    buffer_append_string(text, "\n");
}

static void make_nodes(const struct environment *environment, int protocol, struct buffer *reply)
{
    const struct ring_draft *ring = &environment->ring->content;
    node_number *leaders = find_leaders(environment);
    struct buffer text = {0};

    for (size_t i = 0; i < ring->member_count; i++)
        append_member_line(environment, &ring->members[i], leaders, &text);
    memory_free(leaders);
    reply_verbatim(reply, buffer_content(&text), protocol);
    reply->failed |= text.failed;
    buffer_deinit(&text);
}

static uint64_t digest_more(uint64_t digest, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        digest = (digest ^ ((const uint8_t *)bytes)[i]) * UINT64_C(1099511628211);
    return digest;
}

/* FNV-1a of the states and addresses, in the order of the members. */
static uint64_t digest_states(const struct environment *environment)
{
    const struct ring_draft *ring = &environment->ring->content;
    uint64_t digest = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < ring->member_count; i++) {
        const enum member_state state = state_of(environment, &ring->members[i]);
        const struct member_address address = address_of(environment, &ring->members[i]);
        digest = digest_more(digest, &state, sizeof state);
        digest = digest_more(digest, address.host, strlen(address.host) + 1);
        digest = digest_more(digest, &address.client_port, sizeof address.client_port);
        digest = digest_more(digest, &address.bus_port, sizeof address.bus_port);
    }
    return digest;
}

/* Answers from the cache, after making what is not in it or no longer true. */
static void reply_cached(struct call *call, enum cluster_reply which)
{
    static void (*const make[])(const struct environment *environment, int protocol,
                                struct buffer *reply) = {
        [CLUSTER_SLOTS] = make_slots,
        [CLUSTER_SHARDS] = make_shards,
        [CLUSTER_NODES] = make_nodes,
    };
    const struct environment *environment = call->environment;
    const struct ring_draft *ring = &environment->ring->content;
    struct cluster_cache *cache = environment->cluster_cache;
    struct buffer *cached = &cache->replies[which][call->protocol >= 3];
    const uint64_t states = digest_states(environment);

    if (cache->version != ring->version || cache->states != states ||
        !identity_equal(&cache->ring, &ring->identity)) {
        clear_replies(cache);
        cache->ring = ring->identity;
        cache->version = ring->version;
        cache->states = states;
    }
    if (buffer_size(cached) == 0)
        make[which](environment, call->protocol, cached);
    if (cached->failed) {
        buffer_deinit(cached);
        call->reply->failed = true;
        return;
    }
    buffer_append_span(call->reply, buffer_content(cached));
}

/* Who knows which node keeps what may ask each for its keys, and add up: on this connection, SCAN
 * and what else is about all keys answer for those that this node is the primary of. */
static void note_walk(struct call *call)
{
    if (call->session != NULL)
        call->session->walks_primaries = true;
}

void cluster_slots(struct call *call)
{
    note_walk(call);
    if (call->environment->ring == NULL)
        reply_array(call->reply, 0);
    else
        reply_cached(call, CLUSTER_SLOTS);
}

void cluster_shards(struct call *call)
{
    note_walk(call);
    if (call->environment->ring == NULL)
        reply_array(call->reply, 0);
    else
        reply_cached(call, CLUSTER_SHARDS);
}

void cluster_nodes(struct call *call)
{
    note_walk(call);
    if (call->environment->ring == NULL)
        reply_verbatim(call->reply, SPAN(""), call->protocol);
    else
        reply_cached(call, CLUSTER_NODES);
}

void cluster_myid(struct call *call)
{
    reply_bulk_string(call->reply, call->environment->identity->node_id);
}

void cluster_keyslot(struct call *call)
{
    reply_integer(call->reply, ring_slot(call->argv[2]));
}

/* Slots of which a quorum of nodes may not be, or is not, up and voting. */
static void count_troubled(const struct environment *environment, uint32_t *suspect, uint32_t *down)
{
    const struct ring *ring = environment->ring;
    const uint32_t partitions = ring_partition_count(ring);

    *suspect = *down = 0;
    for (uint32_t partition = 0; partition < partitions; partition++) {
        const struct ring_claim *claim = ring_claim(ring, partition);
        size_t up = 0, suspected = 0;

        for (size_t i = 0; i < claim->count; i++) {
            const enum member_state state = state_of(environment,
                                                     ring_member_by_number(ring, claim->nodes[i]));
            up += state == MEMBER_UP;
            suspected += state == MEMBER_SUSPECT;
        }
        const uint32_t replicas = ring->content.base.replicas;
        const unsigned needed = level_needed(LEVEL_QUORUM,
                                             replicas < claim->count ? replicas : claim->count);
        if (up < needed)
            *(up + suspected >= needed ? suspect : down) += RING_SLOTS / partitions;
    }
}

void cluster_info(struct call *call)
{
    const struct environment *environment = call->environment;
    const bool formed = environment->ring != NULL;
    const uint32_t assigned = formed ? RING_SLOTS : 0;
    const size_t members = formed ? environment->ring->content.member_count : 1;
    const uint32_t epoch = formed ? ring_version_epoch(environment->ring->content.version) : 0;
    uint32_t suspect = 0, down = 0;
    struct buffer text = {0};

    if (formed)
        count_troubled(environment, &suspect, &down);
    buffer_append_format(&text, "cluster_state:%s\r\n", formed && down == 0 ? "ok" : "fail");
    buffer_append_format(&text, "cluster_slots_assigned:%" PRIu32 "\r\n", assigned);
    buffer_append_format(&text, "cluster_slots_ok:%" PRIu32 "\r\n", assigned - suspect - down);
    buffer_append_format(&text, "cluster_slots_pfail:%" PRIu32 "\r\n", suspect);
    buffer_append_format(&text, "cluster_slots_fail:%" PRIu32 "\r\n", down);
    buffer_append_format(&text, "cluster_known_nodes:%zu\r\n", members);
    buffer_append_format(&text, "cluster_size:%zu\r\n", formed ? members : 0);
    buffer_append_format(&text, "cluster_current_epoch:%" PRIu32 "\r\n", epoch);
    buffer_append_format(&text, "cluster_my_epoch:%" PRIu32 "\r\n", epoch);
    buffer_append_string(&text, "cluster_stats_messages_sent:0\r\n"
                                "cluster_stats_messages_received:0\r\n"
                                "total_cluster_links_buffer_limit_exceeded:0\r\n");
    reply_verbatim(call->reply, buffer_content(&text), call->protocol);
    call->reply->failed |= text.failed;
    buffer_deinit(&text);
}

/* The member that is meant by a node's identity, NULL, and an error in the reply. */
static const struct ring_member *find_member(struct call *call, struct span id)
{
    const struct ring *ring = call->environment->ring;
    char text[CLUSTER_NODE_ID_SIZE];

    for (size_t i = 0; ring != NULL && i < ring->content.member_count; i++) {
        cluster_node_id(&ring->content.members[i].identity, text);
        if (span_equal(id, span_of_string(text)))
            return &ring->content.members[i];
    }
    reply_error_format(call->reply, "ERR Unknown node %.*s", id.size < 128 ? (int)id.size : 128,
                       (const char *)id.data);
    return NULL;
}

void cluster_replicas(struct call *call)
{
    if (find_member(call, call->argv[2]) != NULL)
        reply_array(call->reply, 0);
}

void cluster_count_failure_reports(struct call *call)
{
    const struct ring_member *member = find_member(call, call->argv[2]);

    if (member == NULL)
        return;
    const enum member_state state = state_of(call->environment, member);
    reply_integer(call->reply, state == MEMBER_SUSPECT || state == MEMBER_DOWN);
}

void cluster_saveconfig(struct call *call)
{
    reply_ok(call->reply);
}

struct link_answer {
    const struct call *call;
    struct buffer text;
    size_t count;
};

static void add_link(void *visitor, const struct link_facts *facts)
{
    struct link_answer *answer = visitor;
    const struct instant now = answer->call->now;
    char id[CLUSTER_NODE_ID_SIZE];

    answer->count++;
    cluster_node_id(&facts->node, id);
    reply_map(&answer->text, 6, answer->call->protocol);
    reply_bulk_string(&answer->text, "direction");
    reply_bulk_string(&answer->text, facts->to ? "to" : "from");
    reply_bulk_string(&answer->text, "node");
    reply_bulk_string(&answer->text, id);
    reply_bulk_string(&answer->text, "create-time");
    reply_integer(&answer->text, now.wall_ms - (now.mono_us - facts->opened_us) / 1000);
    reply_bulk_string(&answer->text, "events");
    reply_bulk_string(&answer->text, facts->waiting > 0 ? "rw" : "r");
    reply_bulk_string(&answer->text, "send-buffer-allocated");
    reply_integer(&answer->text, (int64_t)facts->room);
    reply_bulk_string(&answer->text, "send-buffer-used");
    reply_integer(&answer->text, (int64_t)facts->waiting);
}

/* Those of the worker that this connection is on: each has its own. */
void cluster_links(struct call *call)
{
    struct link_answer answer = {.call = call};

    call->environment->functions->links(call->environment->context, add_link, &answer);
    reply_array(call->reply, answer.count);
    buffer_append_span(call->reply, buffer_content(&answer.text));
    call->reply->failed |= answer.text.failed;
    buffer_deinit(&answer.text);
}
