/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a request keeps of its command, once it waits: a copy of the arguments, or the block of the
 * input that a large one arrived in, which is taken over in place of a copy. There is room for it
 * before anything of the request runs, or nothing does.
 */
#include "base/assert.h"
#include "base/memory.h"
#include "node/parts.h"

/* Up to so many arguments are copied with what stands between them. */
#define STRETCH_ARGUMENTS_MAX 5

bool request_make_room(struct request *request, size_t count)
{
    size_t size;

    if (request->room_capacity >= count)
        return true;
    memory_free(request->room);
    request->room = NULL;
    request->room_capacity = 0;
    if (__builtin_mul_overflow(count, sizeof request->room[0], &size))
        return false;
    request->room = memory_try_alloc(size);
    if (request->room == NULL)
        return false;
    request->room_capacity = count;
    return true;
}

/* The bytes from the first argument to the end of the last, where they stand in a client's input
 * with little between them; nothing otherwise. */
static struct span stretch_of(const struct request *request)
{
    const struct call *call = &request->call;

    if (request->owner != OWNER_CLIENT || request->input == NULL || request->input->inlined ||
        call->argc > STRETCH_ARGUMENTS_MAX)
        return span_of(NULL, 0);
    const struct span first = call->argv[0], last = call->argv[call->argc - 1];
    return span_of(first.data, (size_t)(last.data + last.size - first.data));
}

/* What request_keep needs: one byte more, so that no argument is at NULL. */
static size_t kept_size(const struct request *request, struct span stretch)
{
    const struct call *call = &request->call;
    size_t size = 1 + stretch.size;

    for (size_t i = 0; stretch.size == 0 && i < call->argc; i++)
        size += call->argv[i].size;
    return size;
}

/* Whether the arguments are nearly all that the client has sent, and long: then the block of its
 * input may be taken, in place of a copy. Nothing else points there: what came before has run. */
static bool fills_its_input(const struct request *request)
{
    const struct call *call = &request->call;
    const struct client *client = request->client;

    if (request->owner != OWNER_CLIENT || request->input == NULL ||
        buffer_size(&client->in) <= BUFFER_KEEP)
        return false;
    const struct span input = buffer_content(&client->in), last = call->argv[call->argc - 1];
    return client->parser.taken == input.size &&
           last.data + last.size + strlen("\r\n") == input.data + input.size &&
           kept_size(request, span_of(NULL, 0)) >= client->in.capacity / 4;
}

/* Whether there is room for a few arguments that stand together, as nearly always there is. */
static inline bool has_room(const struct request *request)
{
    const size_t count = request->call.argc;

    if (request->input == NULL || request->input->inlined || count > STRETCH_ARGUMENTS_MAX ||
        count > request->room_capacity)
        return false;
    const struct span *first = request->call.argv, *last = first + count - 1;
    return (size_t)(last->data + last->size - first->data) <
           request->kept.capacity - request->kept.tail;
}

bool request_reserve(struct request *request)
{
    const struct call *call = &request->call;

    return has_room(request) || request->owned ||
           ((call->argv == request->room || request_make_room(request, call->argc)) &&
            (fills_its_input(request) ||
             buffer_reserve(&request->kept, kept_size(request, stretch_of(request))) != NULL));
}

static void take_input(struct request *request)
{
    struct client *client = request->client;
    struct call *call = &request->call;

    memcpy(request->room, call->argv, call->argc * sizeof request->room[0]);
    call->argv = request->room;
    parser_forget(&client->parser, &client->in);
    buffer_deinit(&request->kept);
    request->kept = client->in;
    buffer_init(&client->in);
    request->input = NULL;
    request->owned = true;
}

void request_share(struct request *request)
{
    if (request->owned || request->client == NULL ||
        buffer_size(&request->client->in) <= BLOCK_SHARED_MIN || !fills_its_input(request))
        return;
    take_input(request);
    request->block = block_adopt(&request->kept);
}

struct block *request_block_of(const struct request *request, struct span value)
{
    struct block *const blocks[] = {request->block, request->operation.reading.block};

    if (__builtin_expect(value.size < BLOCK_SHARED_MIN, 1))
        return NULL;
    for (size_t i = 0; i < 2; i++)
        if (blocks[i] != NULL && block_holds(blocks[i], value))
            return blocks[i];
    return NULL;
}

/* A span that pointed into `from` points into the copy. */
static void rebase(struct span *span, struct span from, const uint8_t *copy)
{
    const uintptr_t offset = (uintptr_t)span->data - (uintptr_t)from.data;

    if (span->size > 0 && offset < from.size)
        span->data = copy + offset;
}

/* Copies bytes that arguments are in, and what points there points to the copy. */
static uint8_t *keep_bytes(struct request *request, struct span bytes, uint8_t *at)
{
    if (bytes.size > 0)
        memcpy(at, bytes.data, bytes.size);
    rebase(&request->operation.place.key, bytes, at);
    rebase(&request->operation.written.value, bytes, at);
    return at + bytes.size;
}

void request_keep(struct request *request)
{
    struct call *call = &request->call;

    if (request->owned)
        return;
    ensure(request->room_capacity >= call->argc);
    if (fills_its_input(request)) {
        take_input(request);
        return;
    }
    const struct span stretch = stretch_of(request);
    const size_t size = kept_size(request, stretch);
    uint8_t *at = buffer_reserve(&request->kept, size);
    ensure(at != NULL);
    buffer_commit(&request->kept, size - 1);
    if (stretch.size > 0)
        keep_bytes(request, stretch, at);
    for (size_t i = 0; i < call->argc; i++) {
        const struct span argument = call->argv[i];
        const size_t offset = stretch.size > 0 ? (size_t)(argument.data - stretch.data) : 0;
        request->room[i] = span_of(at + offset, argument.size);
        if (stretch.size == 0)
            at = keep_bytes(request, argument, at);
    }
    call->argv = request->room;
    request->input = NULL;
    request->owned = true;
}
