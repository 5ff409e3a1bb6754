/* SPDX-License-Identifier: BSD-3-Clause */
#include "node/view.h"

#include "base/assert.h"
#include "base/memory.h"

struct view *view_create(struct ring *ring, node_number self)
{
    const size_t count = ring != NULL ? ring_draft_of(ring).member_count : 0;
    struct view *view = memory_alloc(sizeof *view + count * sizeof view->nodes[0]);

    atomic_init(&view->holders, 1);
    view->ring = ring;
    view->self = self;
    view->node_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct ring_member *member = &ring_draft_of(ring).members[i];
        struct view_node *node = &view->nodes[i];
        node->number = member->number;
        node->port = member->client_port;
        node->bus_port = member->bus_port;
        memcpy(node->host, member->host, sizeof node->host);
    }
    return view;
}

struct view *view_retain(struct view *view)
{
    atomic_fetch_add_explicit(&view->holders, 1, memory_order_relaxed);
    return view;
}

void view_release(struct view **view)
{
    struct view *v = *view;

    *view = NULL;
    if (v == NULL || atomic_fetch_sub_explicit(&v->holders, 1, memory_order_acq_rel) != 1)
        return;
    ring_release(&v->ring);
    memory_free(v);
}

const struct view_node *view_node(const struct view *view, node_number number)
{
    size_t low = 0;
    size_t high = view->node_count;

    /* Numbers are given in order: where no node has left, each stands in its own place. */
    if (number - 1u < high && view->nodes[number - 1u].number == number)
        return &view->nodes[number - 1u];
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (view->nodes[middle].number == number)
            return &view->nodes[middle];
        if (view->nodes[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

enum member_state view_member_state(const struct view *view, const struct ring_member *member)
{
    const struct view_node *node = view_node(view, member->number);

    if (member->number == view->self)
        return node != NULL && node->votes && view->self_in_line ? MEMBER_UP : MEMBER_MUTE;
    if (node == NULL || node->health == HEALTH_DEAD || node->health == HEALTH_LEFT ||
        node->health == HEALTH_UNKNOWN)
        return MEMBER_DOWN;
    if (node->health == HEALTH_SUSPECT)
        return MEMBER_SUSPECT;
    return node->votes ? MEMBER_UP : MEMBER_MUTE;
}

node_number view_leader(const struct view *view, uint32_t partition)
{
    const struct ring_claim *claim = ring_claim(view->ring, partition);

    for (size_t i = 0; i < claim->count; i++) {
        const struct ring_member *member = ring_member_by_number(view->ring, claim->nodes[i]);
        if (view_member_state(view, member) != MEMBER_DOWN)
            return claim->nodes[i];
    }
    return claim->nodes[0];
}

struct member_address view_member_address(const struct view *view, const struct ring_member *member)
{
    const struct view_node *node = view_node(view, member->number);

    if (node == NULL)
        return (struct member_address){member->host, member->client_port, member->bus_port};
    return (struct member_address){node->host, node->port, node->bus_port};
}
