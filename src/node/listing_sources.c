/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whom a round of a listing asks: so many replicas of each partition as a read of any of its keys
 * would.
 */
#include "base/level.h"
#include "node/listing.h"

static bool is_source(const struct listing *listing, node_number node)
{
    for (unsigned i = 0; i < listing->source_count; i++)
        if (listing->sources[i].node == node)
            return true;
    return false;
}

static bool may_ask(const struct listing *listing, node_number node)
{
    struct engine *engine = listing->task.request->engine;

    for (unsigned i = 0; i < listing->lost_count; i++)
        if (listing->lost[i] == node)
            return false;
    if (node == listing->view->self)
        return view_node(engine->view, node) != NULL && view_node(engine->view, node)->votes &&
               engine->view->self_in_line;
    return peer_promising(engine, node);
}

/* How many of the first `copies` of a claim have to answer: as many as any read of a key that they
 * keep would ask. */
static unsigned needed_of(const struct request *request, unsigned copies)
{
    const struct options *options = request->engine->options;
    uint8_t level = request->read_level != LEVEL_DEFAULT ? request->read_level
                                                         : options->read_level;
    unsigned needed = level_needed(level, copies);

    for (size_t i = 0; request->read_level == LEVEL_DEFAULT && i < options->keyspace.count; i++) {
        level = options->keyspace.items[i].read_level;
        if (level != LEVEL_DEFAULT && level_needed(level, copies) > needed)
            needed = level_needed(level, copies);
    }
    return needed < copies ? needed : copies;
}

void listing_add_source(struct listing *listing, node_number node)
{
    struct listing_source *source = &listing->sources[listing->source_count++];

    source->node = node;
    source->waits = false;
    buffer_reset(&source->entries, BUFFER_KEEP);
    buffer_reset(&source->marks, BUFFER_KEEP);
}

/* Whether enough of the first `copies` of a claim answer for a partition. */
static bool covers_copies(struct listing *listing, const struct ring_claim *claim, unsigned copies,
                          enum listing_cover how)
{
    const unsigned needed = needed_of(listing->task.request, copies);
    unsigned have = 0;

    for (unsigned i = 0; i < copies; i++)
        have += how == LISTING_COVER_POSSIBLE ? may_ask(listing, claim->nodes[i])
                                              : is_source(listing, claim->nodes[i]);
    for (int own = how == LISTING_COVER_ADDING ? 1 : -1; own >= 0; own--) /* this node first */
        for (unsigned i = 0; i < copies && have < needed; i++) {
            const node_number node = claim->nodes[i];
            if ((node == listing->view->self) != (own == 1) || is_source(listing, node) ||
                !may_ask(listing, node))
                continue;
            listing_add_source(listing, node);
            have++;
        }
    return have >= needed;
}

/* The same for each number of copies that a rule of the ring has. */
bool listing_covers(struct listing *listing, uint32_t partition, enum listing_cover how)
{
    const struct ring_claim *claim = ring_claim(listing->view->ring, partition);
    const struct ring_draft *content = &listing->view->ring->content;
    bool covered = true;

    for (unsigned copies = 1; copies <= claim->count && covered; copies++) {
        bool used = content->base.replicas == copies ||
                    (copies == claim->count && content->base.replicas > copies);
        for (size_t i = 0; i < content->rule_count && !used; i++)
            used = content->rules[i].replicas == copies ||
                   (copies == claim->count && content->rules[i].replicas > copies);
        covered = !used || covers_copies(listing, claim, copies, how);
    }
    return covered;
}
