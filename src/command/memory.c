/* SPDX-License-Identifier: BSD-3-Clause
 *
 * MEMORY: what this node's memory went to, as maxmemory counts it.
 */
#include <stdio.h>

#include "base/memory.h"
#include "base/metrics.h"
#include "base/options.h"
#include "command/arguments.h"
#include "command/environment.h"
#include "command/handlers.h"
#include "resp/reply.h"
#include "store/entry.h"

/* Below so much there is nothing to say of it, bytes. */
#define LITTLE (UINT64_C(5) << 20)

/* MEMORY USAGE key [SAMPLES count]. There are no nested values, so nothing is sampled. */
bool memory_prepare_usage(struct call *call, enum command_kind *kind)
{
    int64_t samples;

    (void)kind;
    for (size_t i = 3; i < call->argc; i += 2) {
        if (!span_is(call->argv[i], "samples") || i + 1 == call->argc)
            return argument_syntax_error(call);
        if (!argument_integer(call, call->argv[i + 1], &samples))
            return false;
        if (samples < 0)
            return argument_syntax_error(call);
    }
    return true;
}

/* What a replica's store takes for the key: the entry, with the allocator's rounding. */
void memory_usage(struct call *call, const struct version *version)
{
    const size_t key_size = call->argv[2].size;

    if (!version_visible(version, call->now.wall_ms)) {
        reply_null(call->reply, call->protocol);
        return;
    }
    reply_integer(call->reply, (int64_t)entry_memory_for(entry_parts_for(key_size, version),
                                                         key_size, version->value.size));
}

static void put_number(struct call *call, const char *name, uint64_t value)
{
    reply_bulk_string(call->reply, name);
    reply_integer(call->reply, (int64_t)value);
}

static void put_ratio(struct call *call, const char *name, double value)
{
    char text[40];

    snprintf(text, sizeof text, "%.17g", value);
    reply_bulk_string(call->reply, name);
    if (call->protocol == 2)
        reply_bulk_string(call->reply, text);
    else
        buffer_append_format(call->reply, ",%s\r\n", text);
}

/* Redis' names, of those figures that there are. */
void memory_stats(struct call *call)
{
    const struct environment *environment = call->environment;
    struct node_facts facts;

    environment->functions->facts(environment->context, &facts);
    const uint64_t clients = metrics_sum(environment->metrics, METRIC_CLIENT_BYTES);
    const uint64_t links = metrics_sum(environment->metrics, METRIC_LINK_BYTES);
    const uint64_t overhead = clients + links + facts.census.mark_bytes +
                              metrics_sum(environment->metrics, METRIC_HINT_BYTES);
    /* The sums are not of one moment. */
    const uint64_t data = facts.memory_used > overhead ? facts.memory_used - overhead : 0;
    const double used = facts.memory_used > 0 ? (double)facts.memory_used : 1;
    const double peak = facts.memory_peak > 0 ? (double)facts.memory_peak : 1;

    reply_map(call->reply, 17, call->protocol);
    put_number(call, "peak.allocated", facts.memory_peak);
    put_number(call, "total.allocated", facts.memory_used);
    put_number(call, "startup.allocated", 0);
    put_number(call, "replication.backlog", 0);
    put_number(call, "clients.slaves", 0);
    put_number(call, "clients.normal", clients);
    put_number(call, "cluster.links", links);
    put_number(call, "aof.buffer", 0);
    put_number(call, "overhead.total", overhead);
    put_number(call, "keys.count", facts.census.keys);
    put_number(call, "keys.bytes-per-key", facts.census.keys > 0 ? data / facts.census.keys : 0);
    put_number(call, "dataset.bytes", data);
    put_ratio(call, "dataset.percentage", (double)data * 100 / used);
    put_ratio(call, "peak.percentage", used * 100 / peak);
    put_number(call, "allocator.resident", facts.memory_resident);
    put_ratio(call, "fragmentation", (double)facts.memory_resident / used);
    reply_bulk_string(call->reply, "fragmentation.bytes");
    reply_integer(call->reply, (int64_t)facts.memory_resident - (int64_t)facts.memory_used);
}

static void diagnose(const struct call *call, const struct node_facts *facts, struct buffer *text)
{
    const uint64_t max = call->environment->options->maxmemory;
    const size_t before = buffer_size(text);

    if (facts->memory_used < LITTLE) {
        buffer_append_string(text,
                             "This node holds next to nothing: there is nothing to say of its "
                             "memory yet.\n");
        return;
    }
    if (max == 0)
        buffer_append_string(text,
                             "maxmemory is 0: nothing keeps the data from taking all memory of "
                             "the machine.\n");
    else if (facts->memory_used > max / 20 * 19)
        buffer_append_string(text, "maxmemory is reached, or nearly: keys are evicted, or writes "
                                   "refused, as maxmemory-policy says.\n");
    if (max > facts->memory_system)
        buffer_append_string(text, "maxmemory is more than the machine has.\n");
    if (facts->memory_resident > facts->memory_used / 2 * 3)
        buffer_append_string(text,
                             "The process takes half as much again as its data, or more: much "
                             "was freed since it peaked, and goes back to the system bit by "
                             "bit.\n");
    if (buffer_size(text) == before)
        buffer_append_string(text, "There is nothing wrong with this node's memory.\n");
}

static void reply_text(struct call *call, struct buffer *text)
{
    reply_verbatim(call->reply, buffer_content(text), call->protocol);
    call->reply->failed |= text->failed;
    buffer_deinit(text);
}

void memory_doctor(struct call *call)
{
    struct node_facts facts;
    struct buffer text = {0};

    call->environment->functions->facts(call->environment->context, &facts);
    diagnose(call, &facts, &text);
    reply_text(call, &text);
}

static void append_piece(void *context, const char *piece)
{
    buffer_append_string(context, piece);
}

void memory_malloc_stats(struct call *call)
{
    struct buffer text = {0};

    memory_describe(append_piece, &text);
    reply_text(call, &text);
}

/* The allocator gives back what is free by itself, and bit by bit; this has it begin at once. */
void memory_purge(struct call *call)
{
    memory_give_back();
    reply_ok(call->reply);
}
