/* SPDX-License-Identifier: BSD-3-Clause */
#include "node/inspect.h"

#include <inttypes.h>

#include "base/memory.h"
#include "resp/reply.h"
#include "value/merge.h"

/* Siblings, and entries of a context, that a line names; of the others it says how many. */
#define NAMED_MAX 16

struct inspection {
    size_t count;
    size_t waiting;
    struct {
        node_number node;
        bool waiting;
        struct buffer line;
    } replicas[COPIES_MAX];
};

void inspect_end(struct request *request)
{
    if (request->inspection == NULL)
        return;
    for (size_t i = 0; i < request->inspection->count; i++)
        buffer_deinit(&request->inspection->replicas[i].line);
    memory_free(request->inspection);
    request->inspection = NULL;
}

/* ---- what a replica holds ---- */

/* Only sets and counters have bytes that are worth sending: of a string its size is told. */
static bool has_bytes(const struct version *version)
{
    return version->kind != VALUE_STRING;
}

static void look(struct engine *engine, const struct place *place, struct wire_inspected *inspected)
{
    struct partition *partition = store_partition(engine->own.store, place->partition);
    struct version *version = &inspected->version;

    buffer_reset(&engine->looked, BUFFER_KEEP);
    inspected->status = ANSWER_STALE_CLAIM;
    partition_lock(partition);
    if (partition->claim_version == place->claim_version) {
        inspected->votes = partition_votes(partition);
        inspected->recovering = partition->recovering;
        inspected->floor = partition->floor;
        inspected->settled = partition->settled;
        inspected->status = replica_find(partition, place, version) != NULL ? ANSWER_VERSION
                                                                            : ANSWER_NONE;
        inspected->size = (uint32_t)version->value.size;
        if (inspected->status == ANSWER_VERSION && has_bytes(version))
            buffer_append_span(&engine->looked, version->value);
        if (inspected->status == ANSWER_NONE)
            inspected->mark = dot_max(partition_mark(partition, place->hash, place->key),
                                      partition->flushed);
    }
    partition_unlock(partition);
    if (engine->looked.failed)
        inspected->status = ANSWER_FULL;
    if (inspected->status != ANSWER_VERSION)
        *version = (struct version){.deadline_ms = DEADLINE_NEVER};
    version->value = buffer_content(&engine->looked);
}

void inspect_serve(struct link *link, const struct wire_inspect *inspect, const struct place *place)
{
    struct wire_inspected inspected = {.status = ANSWER_STALE_CLAIM};

    if (place != NULL)
        look(link->engine, place, &inspected);
    inspected.id = inspect->id;
    wire_put_inspected(link_message(link), &inspected);
}

/* ---- in words ---- */

static void write_span(struct buffer *text, int64_t ms)
{
    if (ms < 10000)
        buffer_append_format(text, "%" PRId64 " ms", ms);
    else
        buffer_append_format(text, "%" PRId64 " s", ms / 1000);
}

/* The day's date in the Gregorian calendar, from a count of years that begin in March: then the
 * leap day is a year's last (Richards, "Calendars", in the Explanatory Supplement to the
 * Astronomical Almanac, 2013). `days` since 1970, not negative. */
static void write_date(struct buffer *text, int64_t days)
{
    const int64_t shifted = days + 719468; /* since 1 March of the year 0 */
    const int64_t era = shifted / 146097;
    const int64_t day_of_era = shifted % 146097;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year = day_of_era -
                                (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t month_from_march = (5 * day_of_year + 2) / 153;
    const int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    const int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;

    buffer_append_format(text, "%04" PRId64 "-%02" PRId64 "-%02" PRId64,
                         era * 400 + year_of_era + (month <= 2), month, day);
}

static void write_deadline(struct buffer *text, int64_t deadline_ms, int64_t now_ms)
{
    const int64_t day_ms = INT64_C(24) * 3600 * 1000;

    if (deadline_ms == DEADLINE_NEVER) {
        buffer_append_string(text, "no deadline");
        return;
    }
    buffer_append_string(text, "deadline ");
    if (deadline_ms >= 0 && deadline_ms <= HLC_MS_MAX) {
        const int64_t of_day = deadline_ms % day_ms;
        write_date(text, deadline_ms / day_ms);
        buffer_append_format(text, " %02" PRId64 ":%02" PRId64 ":%02" PRId64 ".%03" PRId64 " UTC",
                             of_day / 3600000, of_day / 60000 % 60, of_day / 1000 % 60,
                             of_day % 1000);
    } else {
        buffer_append_format(text, "%" PRId64 " ms since 1970", deadline_ms);
    }
    if (deadline_ms > now_ms) {
        buffer_append_string(text, " (in ");
        write_span(text, deadline_ms - now_ms);
    } else {
        buffer_append_string(text, " (expired ");
        /* What a peer sent may be any number. */
        write_span(text, deadline_ms >= 0 ? now_ms - deadline_ms : now_ms);
        buffer_append_string(text, " ago");
    }
    buffer_append_string(text, ")");
}

static void write_siblings(struct buffer *text, struct span set, int64_t now_ms)
{
    struct siblings_cursor cursor = siblings_begin(set);
    struct sibling sibling;

    buffer_append_format(text, "%" PRIu32 " sibling%s", cursor.left, cursor.left == 1 ? "" : "s");
    for (unsigned i = 0; i < NAMED_MAX && siblings_next(&cursor, &sibling); i++) {
        buffer_append_string(text, i == 0 ? ": " : ", ");
        dot_to_text(sibling.dot, text);
        buffer_append_format(text, " of %zu bytes (", sibling.value.size);
        write_deadline(text, sibling.deadline_ms, now_ms);
        buffer_append_string(text, ")");
    }
    if (cursor.left > 0)
        buffer_append_format(text, " and %" PRIu32 " more", cursor.left);
}

/* A context: of each node, up to which of its dots all is accounted for. */
static void write_context(struct buffer *text, struct span set)
{
    struct context context;

    siblings_context(set, &context);
    buffer_append_string(text, "; context up to ");
    for (uint32_t i = 0; i < context.count && i < NAMED_MAX; i++) {
        buffer_append_string(text, i == 0 ? "" : ", ");
        dot_to_text(context.entries[i], text);
    }
    if (context.count == 0)
        buffer_append_string(text, "none");
    if (context.count > NAMED_MAX)
        buffer_append_format(text, " and %" PRIu32 " more", context.count - NAMED_MAX);
}

static void write_counter(struct buffer *text, const struct version *version, int64_t now_ms)
{
    struct counter_share shares[COUNTER_SHARES_MAX];
    const unsigned count = counter_shares(version, shares);
    const struct span value = counter_text(version->value);

    buffer_append_format(text, "counter of %zu bytes, ", value.size);
    write_deadline(text, version->deadline_ms, now_ms);
    buffer_append_string(text, ", base ");
    dot_to_text(counter_base(version), text);
    for (unsigned i = 0; i < count && i < NAMED_MAX; i++) {
        const struct dot opened = {.stamp = shares[i].opened, .node = shares[i].node};
        buffer_append_string(text, i == 0 ? ", shares " : ", ");
        dot_to_text(opened, text);
        buffer_append_format(text, " %+" PRId64, shares[i].amount);
    }
    if (count > NAMED_MAX)
        buffer_append_format(text, " and %u more", count - NAMED_MAX);
}

static void write_version(struct buffer *text, const struct wire_inspected *inspected,
                          int64_t now_ms)
{
    const struct version *version = &inspected->version;

    buffer_append_string(text, "dot ");
    dot_to_text(version->dot, text);
    buffer_append_string(text, ", ");
    switch (version->kind) {
    case VALUE_TOMBSTONE:
        buffer_append_string(text, "deleted");
        break;
    case VALUE_STRING:
        buffer_append_format(text, "string of %" PRIu32 " bytes, ", inspected->size);
        write_deadline(text, version->deadline_ms, now_ms);
        break;
    case VALUE_SIBLINGS:
        write_siblings(text, version->value, now_ms);
        break;
    case VALUE_COUNTER:
        write_counter(text, version, now_ms);
        break;
    case VALUE_BATCH: /* no store has one */
        break;
    }
    if (version_is_set(version))
        write_context(text, version->value);
}

static void write_vote(struct buffer *text, const struct wire_inspected *inspected)
{
    if (inspected->votes != 0)
        buffer_append_string(text, "votes");
    else if (inspected->recovering != 0)
        buffer_append_string(text, "does not vote: it restarted and has not recovered");
    else
        buffer_append_string(text, "does not vote: its clock is out of line");
}

static void write_settled(struct buffer *text, uint64_t settled, int64_t now_ms)
{
    const int64_t age_ms = now_ms - hlc_ms(settled);

    if (settled == 0) {
        buffer_append_string(text, "settled nothing");
        return;
    }
    buffer_append_string(text, "settled ");
    write_span(text, age_ms > 0 ? age_ms : 0);
    buffer_append_string(text, " ago");
}

static void write_inspected(struct buffer *text, const struct wire_inspected *inspected,
                            int64_t now_ms)
{
    if (inspected->status != ANSWER_VERSION && inspected->status != ANSWER_NONE) {
        buffer_append_string(text, inspected->status == ANSWER_STALE_CLAIM
                                       ? "goes by another claim of the partition"
                                       : "cannot tell: it has no memory for the answer");
        return;
    }
    write_vote(text, inspected);
    buffer_append_string(text, "; ");
    if (inspected->status == ANSWER_VERSION && version_exists(&inspected->version))
        write_version(text, inspected, now_ms);
    else
        buffer_append_string(text, "absent");
    buffer_append_string(text, "; mark ");
    dot_to_text(inspected->mark, text);
    buffer_append_string(text, "; floor ");
    stamp_to_text(inspected->floor, text);
    buffer_append_string(text, "; ");
    write_settled(text, inspected->settled, now_ms);
}

/* ---- the asker ---- */

static void write_name(struct engine *engine, node_number number, struct buffer *text)
{
    const struct view_node *node = view_node(engine->view, number);

    if (node != NULL)
        buffer_append_format(text, "node %u %s:%u: ", number, node->host, node->port);
    else
        buffer_append_format(text, "node %u: ", number);
}

static void finish(struct request *request)
{
    const struct inspection *inspection = request->inspection;

    reply_array(&request->reply, inspection->count);
    for (size_t i = 0; i < inspection->count; i++)
        reply_bulk(&request->reply, buffer_content(&inspection->replicas[i].line));
    request_finish(request);
}

/* The replica's line; NULL when it is none, or has been heard already. */
static struct buffer *line_of(struct request *request, node_number node)
{
    struct inspection *inspection = request->inspection;

    for (size_t i = 0; i < inspection->count; i++) {
        if (inspection->replicas[i].node != node || !inspection->replicas[i].waiting)
            continue;
        inspection->replicas[i].waiting = false;
        inspection->waiting--;
        return &inspection->replicas[i].line;
    }
    return NULL;
}

void inspect_answered(struct request *request, node_number node,
                      const struct wire_inspected *inspected)
{
    struct buffer *line = line_of(request, node);

    if (line == NULL)
        return;
    write_inspected(line, inspected, request->engine->now.wall_ms);
    if (request->inspection->waiting == 0)
        finish(request);
}

void inspect_lost(struct request *request, node_number node)
{
    struct buffer *line = line_of(request, node);

    if (line == NULL)
        return;
    buffer_append_string(line, "cannot be reached: its link broke");
    if (request->inspection->waiting == 0)
        finish(request);
}

void inspect_timeout(struct request *request)
{
    struct inspection *inspection = request->inspection;

    for (size_t i = 0; i < inspection->count; i++)
        if (inspection->replicas[i].waiting)
            buffer_append_string(&inspection->replicas[i].line, "does not answer");
    finish(request);
}

static bool ask(struct request *request, node_number node, const struct place *place)
{
    struct buffer *out = peer_message(request->engine, node, place->key.size + 64);
    const struct wire_inspect inspect = {.id = request->id,
                                         .claim_version = place->claim_version,
                                         .partition = (uint16_t)place->partition,
                                         .key = place->key};

    if (out != NULL)
        wire_put_inspect(out, &inspect);
    return out != NULL;
}

static void begin_replica(struct request *request, node_number node, const struct place *place)
{
    struct engine *engine = request->engine;
    struct inspection *inspection = request->inspection;
    const size_t at = inspection->count++;
    struct buffer *line = &inspection->replicas[at].line;
    struct wire_inspected inspected = {0};

    inspection->replicas[at].node = node;
    write_name(engine, node, line);
    if (node == engine->view->self) {
        look(engine, place, &inspected);
        write_inspected(line, &inspected, engine->now.wall_ms);
    } else if (ask(request, node, place)) {
        inspection->replicas[at].waiting = true;
        inspection->waiting++;
    } else {
        buffer_append_string(line, "cannot be reached");
    }
}

void inspect_begin(struct request *request)
{
    struct engine *engine = request->engine;
    const struct ring *ring = engine->view->ring;
    const struct span key = request->call.argv[1];
    const uint32_t partition = ring_key_partition(ring, key);
    const struct ring_claim *claim = ring_claim(ring, partition);
    const uint32_t copies = ring_key_rule(ring, key)->replicas;
    const struct place place = {.partition = partition,
                                .claim_version = claim->version,
                                .hash = store_hash(engine->own.store, key),
                                .key = key};

    request->inspection = memory_alloc(sizeof *request->inspection);
    for (uint32_t i = 0; i < copies && i < claim->count; i++)
        begin_replica(request, claim->nodes[i], &place);
    if (request->inspection->waiting == 0)
        finish(request);
    else
        request_wait(request, STAGE_INSPECT);
}
