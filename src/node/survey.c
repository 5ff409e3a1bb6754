/* SPDX-License-Identifier: BSD-3-Clause
 *
 * PUBSUB: which channels and patterns somebody in the cluster subscribes to, and how many do. Every
 * node is asked; the reply is of those that answer in time.
 */
#include "node/parts.h"
#include "node/publish.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/memory.h"
#include "command/directory.h"
#include "command/names.h"
#include "resp/reply.h"

/* Names that a node tells, and that a reply is made of, bytes. */
#define SURVEYED_BYTES_MAX (16u << 20)
/* subscribers u64, size u32 */
#define ENTRY_HEAD 12

struct found {
    struct name name; /* the bytes stand behind */
    uint64_t subscribers;
};

struct survey {
    enum channel_kind kind;
    bool listed;
    bool cut;
    size_t bytes;
    struct names names; /* of struct found */
};

/* ---- what was found ---- */

static uint64_t hash(const struct engine *engine, struct span name)
{
    return channels_hash(directory_channels(engine->own.environment->directory), name);
}

static void take(struct request *request, struct span name, uint64_t subscribers)
{
    struct survey *survey = request->survey;
    const uint64_t hashed = hash(request->engine, name);
    struct name *known = names_find(&survey->names, hashed, name);

    if (known != NULL) {
        list_entry(known, struct found, name)->subscribers += subscribers;
        return;
    }
    survey->bytes += sizeof(struct found) + name.size;
    struct found *found = survey->bytes <= SURVEYED_BYTES_MAX
                              ? memory_try_alloc(sizeof *found + name.size)
                              : NULL;
    if (found == NULL) {
        survey->cut = true;
        return;
    }
    *found = (struct found){.subscribers = subscribers};
    if (name.size > 0)
        memcpy(found + 1, name.data, name.size);
    found->name.hash = hashed;
    found->name.text = span_of(found + 1, name.size);
    if (!names_add(&survey->names, &found->name)) {
        memory_free(found);
        survey->cut = true;
    }
}

void survey_end(struct request *request)
{
    struct survey *survey = request->survey;
    struct name *name;

    request->survey = NULL;
    if (survey == NULL)
        return;
    while ((name = names_first(&survey->names)) != NULL) {
        names_remove(&survey->names, name);
        memory_free(list_entry(name, struct found, name));
    }
    names_deinit(&survey->names);
    memory_free(survey);
}

/* ---- the reply ---- */

static void reply_numbers(struct request *request)
{
    const struct call *call = &request->call;

    reply_array(&request->reply, 2 * (call->argc - 2));
    for (size_t i = 2; i < call->argc; i++) {
        struct name *name = names_find(&request->survey->names,
                                       hash(request->engine, call->argv[i]), call->argv[i]);
        reply_bulk(&request->reply, call->argv[i]);
        reply_integer(&request->reply,
                      name != NULL ? (int64_t)list_entry(name, struct found, name)->subscribers
                                   : 0);
    }
}

static void reply_names(struct request *request)
{
    const struct names *names = &request->survey->names;

    reply_array(&request->reply, names->count);
    for (struct name *name = names_first(names); name != NULL; name = names_next(names, name))
        reply_bulk(&request->reply, name->text);
}

static void finish(struct request *request)
{
    const struct survey *survey = request->survey;

    if (survey->cut)
        reply_error(&request->reply, "ERR too many channels for one reply");
    else if (survey->kind == CHANNEL_PATTERN)
        reply_integer(&request->reply, (int64_t)survey->names.count);
    else if (survey->listed)
        reply_names(request);
    else
        reply_numbers(request);
    request_finish(request);
}

/* ---- the question ---- */

static bool take_own(void *visitor, struct span name, uint64_t subscribers)
{
    struct request *request = visitor;

    take(request, name, subscribers);
    return !request->survey->cut;
}

static void ask_here(struct request *request, const struct span *pattern)
{
    struct channels *channels = directory_channels(request->engine->own.environment->directory);
    const struct survey *survey = request->survey;
    const struct call *call = &request->call;

    if (survey->listed) {
        channels_visit(channels, survey->kind, pattern, take_own, request);
        return;
    }
    /* Each name once, however often it is asked for. */
    for (size_t i = 2; i < call->argc; i++)
        if (names_find(&request->survey->names, hash(request->engine, call->argv[i]),
                       call->argv[i]) == NULL)
            take(request, call->argv[i],
                 channels_subscribers(channels, survey->kind, call->argv[i]));
}

static void ask_others(struct request *request, const struct wire_survey *survey)
{
    struct engine *engine = request->engine;
    const struct view *view = engine->view;
    const size_t size = survey->pattern.size + wire_size_args(survey->names) + 64;

    for (size_t i = 0; i < view->node_count; i++) {
        const node_number node = view->nodes[i].number;
        struct buffer *out = node != view->self ? peer_message(engine, node, size) : NULL;
        if (out == NULL)
            continue;
        wire_put_survey(out, survey);
        asked_add(request, node);
    }
}

static enum channel_kind kind_of(const struct command *command)
{
    const char *word = command->name + strlen("pubsub|");

    if (strcmp(word, "numpat") == 0)
        return CHANNEL_PATTERN;
    return strncmp(word, "shard", strlen("shard")) == 0 ? CHANNEL_SHARD : CHANNEL_PLAIN;
}

/* Names that were asked for, each once; NULL: out of memory, or there are none. */
static struct span *names_asked(const struct survey *survey)
{
    const struct names *names = &survey->names;
    struct span *items = names->count > 0 ? memory_try_alloc(names->count * sizeof items[0]) : NULL;
    size_t count = 0;

    if (items == NULL)
        return NULL;
    for (struct name *name = names_first(names); name != NULL; name = names_next(names, name))
        items[count++] = name->text;
    return items;
}

static void ask(struct request *request)
{
    const struct call *call = &request->call;
    struct survey *survey = request->survey;
    const bool matched = survey->listed && call->argc > 2;
    const struct span pattern = matched ? call->argv[2] : span_of(NULL, 0);

    ask_here(request, matched ? &pattern : NULL);
    struct span *items = survey->listed ? NULL : names_asked(survey);
    const struct wire_survey question = {
        .id = request->id,
        .kind = (uint8_t)survey->kind,
        .listed = survey->listed,
        .matched = matched,
        .pattern = pattern,
        .names = {.items = items, .count = items != NULL ? (uint32_t)survey->names.count : 0}};
    if (survey->listed || items != NULL)
        ask_others(request, &question);
    memory_free(items);
}

void survey_begin(struct request *request)
{
    struct survey *survey = memory_alloc(sizeof *survey);
    const char *name = request->call.command->name;

    names_init(&survey->names);
    survey->kind = kind_of(request->call.command);
    survey->listed = strcmp(name + strlen(name) - strlen("numsub"), "numsub") != 0;
    request->survey = survey;
    if (!asked_begin(request)) {
        request_fail(request, NO_ROOM_FOR_REQUEST);
        return;
    }
    ask(request);
    if (request->parts_pending > 0)
        request_wait(request, STAGE_SURVEY);
    else
        finish(request);
}

void survey_answered(struct request *request, node_number node,
                     const struct wire_surveyed *surveyed)
{
    struct span rest = surveyed->entries;

    if (!asked_take(request, node))
        return;
    request->survey->cut |= surveyed->cut != 0;
    while (rest.size >= ENTRY_HEAD) {
        const uint64_t subscribers = bytes_get_u64(rest.data);
        const size_t size = bytes_get_u32(rest.data + 8);
        if (size > rest.size - ENTRY_HEAD)
            break;
        take(request, span_of(rest.data + ENTRY_HEAD, size), subscribers);
        rest = span_of(rest.data + ENTRY_HEAD + size, rest.size - ENTRY_HEAD - size);
    }
    if (request->parts_pending == 0)
        finish(request);
}

void survey_lost(struct request *request, node_number node)
{
    if (asked_take(request, node) && request->parts_pending == 0)
        finish(request);
}

void survey_timeout(struct request *request)
{
    finish(request);
}

/* ---- what other nodes ask ---- */

struct telling {
    struct buffer *entries;
    bool cut;
};

static bool tell(void *visitor, struct span name, uint64_t subscribers)
{
    struct telling *telling = visitor;
    uint8_t head[ENTRY_HEAD];

    if (buffer_size(telling->entries) + ENTRY_HEAD + name.size > SURVEYED_BYTES_MAX) {
        telling->cut = true;
        return false;
    }
    bytes_put_u64(head, subscribers);
    bytes_put_u32(head + 8, (uint32_t)name.size);
    buffer_append(telling->entries, head, sizeof head);
    buffer_append_span(telling->entries, name);
    return true;
}

void survey_serve(struct link *link, const struct wire_survey *survey)
{
    struct engine *engine = link->engine;
    struct channels *channels = directory_channels(engine->own.environment->directory);
    struct telling telling = {.entries = &engine->looked};
    struct wire_surveyed surveyed = {.id = survey->id};
    const enum channel_kind kind = (enum channel_kind)survey->kind;
    struct span packed = survey->names.packed;

    buffer_reset(&engine->looked, BUFFER_KEEP);
    if (survey->kind < CHANNEL_KINDS && survey->listed)
        channels_visit(channels, kind, survey->matched ? &survey->pattern : NULL, tell, &telling);
    for (uint32_t i = 0; survey->kind < CHANNEL_KINDS && i < survey->names.count; i++) {
        const struct span name = wire_next_arg(&packed);
        const uint64_t subscribers = channels_subscribers(channels, kind, name);
        if (subscribers > 0 && !tell(&telling, name, subscribers))
            break;
    }
    if (engine->looked.failed)
        surveyed.cut = 1;
    else
        surveyed.entries = buffer_content(&engine->looked);
    surveyed.cut |= telling.cut;
    wire_put_surveyed(link_message(link), &surveyed);
}
