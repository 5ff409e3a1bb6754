/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The checker of queues: none is longer than its bound (docs/ARCHITECTURE.md, Bounds). They are
 * looked at again and again while a run goes on, in the nodes as they are, and held against the
 * constants and options that bound them.
 */
#include <inttypes.h>

#include "node/control_parts.h"
#include "node/missed.h"
#include "node/parts.h"
#include "sim/check/stores.h"
#include "sim/world/control.h"
#include "sim/world/node.h"
#include "store/marks.h"

/* Of output that has a bound, one more reply or message may come on top; and a command that is
 * begun while its client has room: a long value, with what it is packed in. */
#define ONE_MORE (64u * 1024)

void check_queue(const char *name, unsigned node, uint64_t length, uint64_t most,
                 struct verdict *verdict)
{
    verdict->judged++;
    if (length > most)
        verdict_wrong(verdict, "queues: node %u: %s: %" PRIu64 " of %" PRIu64, node, name, length,
                      most);
}

static void look_at_clients(const struct sim_node *node, const struct options *options,
                            struct verdict *verdict)
{
    list_for_each(at, &node->engine->clients)
    {
        const struct client *client = list_entry(at, struct client, link);
        const uint64_t output = client_output_limit(client)->hard_bytes;

        check_queue("requests of a client", node->number, client->in_flight, CLIENT_IN_FLIGHT_MAX,
                    verdict);
        check_queue("bytes of requests of a client", node->number, client->weight,
                    CLIENT_BYTES_IN_FLIGHT_MAX + ONE_MORE, verdict);
        check_queue("bytes from a client", node->number, buffer_size(&client->in),
                    (uint64_t)options->client_query_buffer_limit, verdict);
        if (output > 0)
            check_queue("bytes for a client", node->number, outbox_size(&client->out),
                        output + ONE_MORE, verdict);
    }
}

static void look_at_peers(const struct sim_node *node, const struct options *options,
                          struct verdict *verdict)
{
    const struct engine *engine = node->engine;
    const uint64_t most = (uint64_t)options->peer_queue_bytes + FRAME_SIZE_SOFT;

    for (size_t i = 0; i < engine->peer_limit; i++)
        if (engine->peers[i] != NULL)
            check_queue("bytes for a node", node->number, outbox_size(&engine->peers[i]->out), most,
                        verdict);
    list_for_each(at, &engine->links)
    {
        const struct link *link = list_entry(at, struct link, member);
        check_queue("bytes of answers for a node", node->number, outbox_size(&link->out), most,
                    verdict);
    }
}

static void look_at_hints(const struct sim_node *node, const struct options *options,
                          struct verdict *verdict)
{
    const struct hints *hints = &node->engine->hints;
    uint64_t most = (uint64_t)options->hint_bytes;

    if (options->maxmemory > 0 && (uint64_t)options->maxmemory / HINTS_SHARE < most)
        most = (uint64_t)options->maxmemory / HINTS_SHARE;
    list_for_each(at, &hints->all)
    {
        const struct hints_target *target = list_entry(at, struct hints_target, link);
        check_queue("bytes of hints for a node", node->number, target->bytes, most, verdict);
        check_queue("hints on their way to a node", node->number, target->sent, HINTS_WINDOW,
                    verdict);
    }
    check_queue("debts that stand-ins hold", node->number, hints->held_count, HELD_MAX, verdict);
}

static void look_at_engine(const struct sim_node *node, struct verdict *verdict)
{
    const struct engine *engine = node->engine;

    check_queue("requests", node->number, engine->slot_count, REQUESTS_MAX, verdict);
    check_queue("lingering writes", node->number, engine->lingering, LINGERING_MAX, verdict);
    check_queue("bytes of lingering writes", node->number, engine->lingering_bytes,
                LINGERING_BYTES_MAX + ONE_MORE, verdict);
}

/* Where their bound is narrow. */
static void look_at_marks(const struct sim_node *node, uint32_t most, struct verdict *verdict)
{
    for (uint32_t p = 0; p < store_partitions(node->store); p++) {
        const struct marks *marks = store_partition(node->store, p)->marks;
        if (marks != NULL)
            check_queue("slots for marks of a partition", node->number, marks->slot_count,
                        most > MARKS_SLOTS_MIN ? most : MARKS_SLOTS_MIN, verdict);
    }
}

static void look_at_control(const struct sim_node *node, struct verdict *verdict)
{
    const struct control *control = sim_control_of(node);

    check_queue("exchanges that wait", node->number, control->exchange_count, EXCHANGES_WAITING_MAX,
                verdict);
    check_queue("calls to other nodes", node->number, sim_control_calls(node), CONTROL_CALLS_MAX,
                verdict);
    check_gossip_queues(control->gossip, node->number, verdict);
}

void check_queues(const struct world *world, struct verdict *verdict)
{
    for (unsigned i = 1; i <= world->settings.nodes; i++) {
        const struct sim_node *node = world->nodes[i];
        const uint64_t wrong = verdict->wrong;
        if (!sim_node_runs(node))
            continue;
        look_at_engine(node, verdict);
        if (world->settings.mark_slots > 0)
            look_at_marks(node, world->settings.mark_slots, verdict);
        look_at_clients(node, node->options, verdict);
        look_at_peers(node, node->options, verdict);
        look_at_hints(node, node->options, verdict);
        if (!world->settings.detector)
            look_at_control(node, verdict);
        if (verdict->wrong > wrong)
            verdict_about(verdict, i, -1, world->now_us);
    }
}
