/* SPDX-License-Identifier: BSD-3-Clause
 *
 * RING STATUS: what this node knows of the ring, in lines for people.
 */
#include <inttypes.h>

#include "base/memory.h"
#include "node/control_parts.h"
#include "replica/census.h"

static void write_identity(struct buffer *text, const struct identity *identity)
{
    for (size_t i = 0; i < IDENTITY_SIZE; i++)
        buffer_append_format(text, "%02x", identity->bytes[i]);
}

static const char *conflict_name(enum ring_conflict conflict)
{
    return conflict == RING_CONFLICT_SIBLINGS ? "siblings" : "lww";
}

static void write_ring(const struct control *control, struct buffer *text)
{
    const struct ring_draft *ring = &control->ring->content;

    buffer_append_format(text, "ring: %016" PRIx64, ring_label(&ring->identity));
    if (control->implicit)
        buffer_append_string(text, " (of this node alone; RING INIT host:port ... forms one)");
    buffer_append_format(text, "\nversion: %" PRIu32 ".%" PRIu32 "\n",
                         ring_version_epoch(ring->version), ring_version_step(ring->version));
    buffer_append_format(text, "partitions: %" PRIu32 "\n", ring->partition_count);
    buffer_append_format(text, "replicas: %" PRIu32 ", conflict %s\n", ring->base.replicas,
                         conflict_name(ring->base.conflict));
    for (size_t i = 0; i < ring->rule_count; i++) {
        const struct ring_rule *rule = &ring->rules[i];
        buffer_append_format(text, "keyspace %.*s: replicas %" PRIu32 ", conflict %s\n",
                             (int)rule->prefix.size, (const char *)rule->prefix.data,
                             rule->replicas, conflict_name(rule->conflict));
    }
}

/* Of the partitions: how many a node is the primary of, and how many it keeps. */
struct share {
    uint32_t primary, total;
};

static struct share share_of(const struct ring *ring, node_number number)
{
    struct share share = {0, 0};

    for (uint32_t p = 0; p < ring_partition_count(ring); p++) {
        const int index = ring_claim_index(ring_claim(ring, p), number);
        share.primary += index == 0;
        share.total += index >= 0;
    }
    return share;
}

static const char *health_name(enum node_health health)
{
    static const char *const names[] = {
        [HEALTH_UNKNOWN] = "never heard of",
        [HEALTH_ALIVE] = "alive",
        [HEALTH_SUSPECT] = "suspect",
        [HEALTH_DEAD] = "dead",
        [HEALTH_LEFT] = "left",
    };

    return names[health];
}

static const char *vote_of(const struct control *control, const struct view_node *node,
                           const struct identity *identity)
{
    const struct member *member = gossip_find(control->gossip, *identity);
    const uint32_t flags = member != NULL ? member->record.flags
                                          : gossip_self(control->gossip)->flags;

    if (node->votes)
        return "votes";
    if (node->health == HEALTH_UNKNOWN)
        return "does not vote: never heard of";
    if ((flags & NODE_FORGETFUL) != 0 && (flags & NODE_CLOCK_OUT_OF_LINE) != 0)
        return "does not vote: it restarted and has not recovered, and its clock is out of line";
    if ((flags & NODE_FORGETFUL) != 0)
        return "does not vote: it restarted and has not recovered";
    return "does not vote: its clock is out of line";
}

static void write_nodes(const struct control *control, const struct view *view, struct buffer *text)
{
    const struct ring *ring = view->ring;
    char id[IDENTITY_SHORT_MAX];

    for (size_t i = 0; i < view->node_count; i++) {
        const struct view_node *node = &view->nodes[i];
        const struct ring_member *member = &ring->content.members[i];
        const struct share share = share_of(ring, node->number);
        buffer_append_format(text,
                             "node %u: %s%s %s:%u zone '%s' weight %" PRIu32
                             ", %s, %s, partitions %" PRIu32 " primary %" PRIu32 " in all\n",
                             node->number, control_short(&member->identity, id),
                             node->number == view->self ? " (this node)" : "", node->host,
                             node->port, member->zone, member->weight, health_name(node->health),
                             vote_of(control, node, &member->identity), share.primary, share.total);
    }
}

/* Whether the ring is whole, that is, every partition has all of its replicas. */
static void write_partitions(const struct view *view, struct buffer *text)
{
    const uint32_t count = ring_partition_count(view->ring);
    bool *up = memory_alloc_array((size_t)UINT16_MAX + 1, sizeof *up);
    uint32_t whole = 0, quorate = 0;

    for (size_t i = 0; i < view->node_count; i++)
        up[view->nodes[i].number] = view->nodes[i].votes &&
                                    (view->nodes[i].health == HEALTH_ALIVE ||
                                     view->nodes[i].health == HEALTH_SUSPECT);
    for (uint32_t p = 0; p < count; p++) {
        const struct ring_claim *claim = ring_claim(view->ring, p);
        unsigned there = 0;
        for (unsigned i = 0; i < claim->count; i++)
            there += up[claim->nodes[i]];
        whole += there == claim->count;
        quorate += there > claim->count / 2u;
    }
    memory_free(up);
    buffer_append_format(text, "whole: %s\n", whole == count ? "yes" : "no");
    buffer_append_format(text,
                         "partitions with all replicas: %" PRIu32 ", with a quorum: %" PRIu32
                         ", of %" PRIu32 "\n",
                         whole, quorate, count);
}

static void write_clock(const struct control *control, struct buffer *text)
{
    if (!control->clock_known)
        buffer_append_string(text, "clock: no other node's is known\n");
    else
        buffer_append_format(
            text, "clock: %+" PRId64 " ms off the median, %s\n", control->clock_offset_ms,
            control->out_of_line ? "out of line: this node neither coordinates nor votes"
                                 : "in line");
}

static void write_ceiling(const struct control *control, struct buffer *text)
{
    const int64_t ahead_ms = hlc_ms(atomic_load_explicit(&control->bounds->ceiling,
                                                         memory_order_relaxed)) -
                             control->now.wall_ms;

    buffer_append_format(
        text, "ceiling: %+" PRId64 " ms from the clock%s\n", ahead_ms,
        atomic_load_explicit(&control->bounds->ceiling_failed, memory_order_relaxed)
            ? ", and it cannot be kept on disk: writes end where it is passed"
            : "");
}

/* What this node remembers of what vanished. */
static void write_census(const struct control *control, const struct view *view,
                         struct buffer *text)
{
    struct census census;

    census_take(control->store, view->ring, view->self, &census);
    if (census.partitions == 0)
        buffer_append_string(text, "settled: this node keeps no partition\n");
    else if (census.settled == 0)
        buffer_append_string(text, "settled: nothing yet\n");
    else
        buffer_append_format(text, "settled: %" PRId64 " ms ago\n",
                             census_settled_age_ms(&census, control->now.wall_ms));
    buffer_append_format(text,
                         "marks: %" PRIu64 ", tombstones: %" PRIu64 ", floors: %" PRIu32
                         " of %" PRIu32 " partitions\n",
                         census.marks, census.tombstones, census.floors,
                         store_partitions(control->store));
}

void status_write(const struct control *control, struct buffer *text)
{
    const struct view *view = control->view;

    buffer_append_string(text, "this node: ");
    write_identity(text, &control->identity);
    buffer_append_format(text, " %s:%u\n", control->host_name, control->client_port);
    if (view == NULL || view->ring == NULL) {
        buffer_append_string(text, "ring: none; RING INIT host:port ... forms one\n"
                                   "whole: no\n");
    } else {
        write_ring(control, text);
        write_nodes(control, view, text);
        write_partitions(view, text);
        write_census(control, view, text);
    }
    recovery_status(control, text);
    if (control->promise.given)
        buffer_append_string(text, "a RING INIT is going on\n");
    write_clock(control, text);
    write_ceiling(control, text);
    if (control->persistence[0] != '\0')
        buffer_append_format(text, "disk: %s\n", control->persistence);
    if (control->refusal[0] != '\0')
        buffer_append_format(text, "refused: %s\n", control->refusal);
}
