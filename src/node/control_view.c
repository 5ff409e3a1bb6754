/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the engines are told: the headers of the store's partitions, which decide under each
 * partition's lock what this node takes part in, and the view, which says where requests go. The
 * headers are written first: a request that still goes by the old view is refused there.
 */
#include "base/assert.h"
#include "node/control_parts.h"

void view_write_headers(struct control *control, bool closed)
{
    const struct ring *ring = closed ? NULL : control->ring;
    const struct ring_member *self = ring != NULL
                                         ? ring_member_by_identity(ring, &control->identity)
                                         : NULL;
    const bool eligible = self != NULL && !control->out_of_line;

    for (uint32_t p = 0; p < store_partitions(control->store); p++) {
        const struct ring_claim *claim = ring != NULL ? ring_claim(ring, p) : NULL;
        const bool mine = eligible && ring_claim_index(claim, self->number) >= 0;
        struct partition *partition = store_partition(control->store, p);

        partition_lock(partition);
        partition->claim_version = claim != NULL ? claim->version : 0;
        partition->eligible = mine;
        partition_unlock(partition);
    }
}

static enum node_health health_of(const struct node_record *record)
{
    switch (record->state) {
    case NODE_ALIVE:
        return HEALTH_ALIVE;
    case NODE_SUSPECT:
        return HEALTH_SUSPECT;
    case NODE_DEAD:
        return HEALTH_DEAD;
    case NODE_LEFT:
        return HEALTH_LEFT;
    }
    ensure(!"a state");
    return HEALTH_UNKNOWN;
}

/* What gossip knows of a member; what it does not know stays as the ring has it. */
static void fill_in(struct view_node *node, const struct node_record *record)
{
    ensure(strlen(record->host) < sizeof node->host);
    memcpy(node->host, record->host, strlen(record->host) + 1);
    node->port = record->client_port;
    node->bus_port = record->bus_port;
    node->health = health_of(record);
    node->votes = (record->flags & (NODE_FORGETFUL | NODE_CLOCK_OUT_OF_LINE)) == 0;
}

static struct view *build(const struct control *control)
{
    struct ring *ring = control->ring;
    const struct ring_member *self = ring != NULL
                                         ? ring_member_by_identity(ring, &control->identity)
                                         : NULL;
    struct view *view = view_create(ring != NULL ? ring_retain(ring) : NULL,
                                    self != NULL ? self->number : 0);

    view->implicit = control->implicit;
    view->self_in_line = !control->out_of_line;
    for (size_t i = 0; i < view->node_count; i++) {
        const struct identity *identity = &ring->content.members[i].identity;
        struct view_node *node = &view->nodes[i];
        const struct member *member = gossip_find(control->gossip, *identity);

        if (node->number == view->self) {
            fill_in(node, gossip_self(control->gossip));
            node->health = HEALTH_ALIVE;
            node->votes = !control->out_of_line && !recovery_silences(control);
        } else if (member != NULL) {
            fill_in(node, &member->record);
        }
    }
    return view;
}

static bool same_node(const struct view_node *a, const struct view_node *b)
{
    return a->number == b->number && a->health == b->health && a->votes == b->votes &&
           a->port == b->port && a->bus_port == b->bus_port && strcmp(a->host, b->host) == 0;
}

static bool same_view(const struct view *a, const struct view *b)
{
    if (a->ring != b->ring || a->self != b->self || a->implicit != b->implicit ||
        a->self_in_line != b->self_in_line || a->node_count != b->node_count)
        return false;
    for (size_t i = 0; i < a->node_count; i++) {
        if (!same_node(&a->nodes[i], &b->nodes[i]))
            return false;
    }
    return true;
}

void view_publish(struct control *control)
{
    struct view *view = build(control);

    if (control->view != NULL && same_view(control->view, view)) {
        view_release(&view);
        return;
    }
    view_release(&control->view);
    control->view = view;
    control->calls->publish(control->host, view);
}
