/* SPDX-License-Identifier: BSD-3-Clause */
#include "command/lcs.h"

#include "base/memory.h"
#include "command/arguments.h"
#include "command/environment.h"
#include "command/handlers.h"
#include "resp/reply.h"
#include "value/lcs.h"

/* call->options.flags; options.integer is MINMATCHLEN. */
enum {
    LCS_LEN = 1 << 0,
    LCS_IDX = 1 << 1,
    LCS_WITHMATCHLEN = 1 << 2,
};

/* What Redis' table has for each pair of places, bytes: its bound is one on that. */
#define REDIS_CELL 4

struct lcs_call {
    struct span a;
    struct lcs *lcs;
    uint64_t memory;
    bool filled;
    uint8_t *result;     /* neither LEN nor IDX: the subsequence, filled from its end */
    size_t left;         /* of it */
    struct buffer found; /* IDX: the matches, */
    size_t count;        /* and how many */
};

bool lcs_prepare(struct call *call, enum command_kind *kind)
{
    unsigned flags = 0;

    (void)kind;
    call->options.integer = 0;
    for (size_t i = 3; i < call->argc; i++) {
        if (span_is(call->argv[i], "idx"))
            flags |= LCS_IDX;
        else if (span_is(call->argv[i], "len"))
            flags |= LCS_LEN;
        else if (span_is(call->argv[i], "withmatchlen"))
            flags |= LCS_WITHMATCHLEN;
        else if (!span_is(call->argv[i], "minmatchlen") || i + 1 == call->argc)
            return argument_syntax_error(call);
        else if (!argument_integer(call, call->argv[++i], &call->options.integer))
            return false;
    }
    call->options.flags = flags;
    if ((flags & LCS_LEN) == 0 || (flags & LCS_IDX) == 0)
        return true;
    reply_error(call->reply, "ERR If you want both the length and indexes, please just use IDX.");
    return false;
}

/* The bound is Redis' own, on what its table would take; ours takes a fraction. */
static const char *too_long(const struct call *call, struct span a, struct span b, uint64_t memory)
{
    const struct options *options = call->environment->options;
    uint64_t table;

    if (a.size >= UINT32_MAX - 1 || b.size >= UINT32_MAX - 1)
        return "ERR String too long for LCS";
    if (__builtin_mul_overflow((a.size + 1) * REDIS_CELL, b.size + 1, &table) ||
        table > (uint64_t)options->proto_max_bulk_len)
        return "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
    if (options->maxmemory > 0 && memory > (uint64_t)options->maxmemory)
        return "ERR Insufficient memory, failed allocating transient memory for LCS";
    return NULL;
}

static void no_memory(struct call *call)
{
    buffer_reset(call->reply, SIZE_MAX);
    reply_error(call->reply, "ERR Insufficient memory, failed allocating transient memory for LCS");
}

struct lcs_call *lcs_call_create(struct call *call, struct span a, struct span b)
{
    const bool trace = (call->options.flags & LCS_LEN) == 0;
    const uint64_t memory = lcs_memory(a, b, trace);
    const char *error = too_long(call, a, b, memory);

    if (error != NULL) {
        reply_error(call->reply, error);
        return NULL;
    }
    struct lcs *lcs = lcs_create(a, b, trace);
    if (lcs == NULL) {
        no_memory(call);
        return NULL;
    }
    struct lcs_call *lcs_call = memory_alloc(sizeof *lcs_call);
    *lcs_call = (struct lcs_call){.a = a, .lcs = lcs, .memory = memory};
    return lcs_call;
}

void lcs_call_destroy(struct lcs_call **lcs_call)
{
    if (*lcs_call == NULL)
        return;
    lcs_destroy(&(*lcs_call)->lcs);
    memory_free((*lcs_call)->result);
    buffer_deinit(&(*lcs_call)->found);
    memory_free(*lcs_call);
    *lcs_call = NULL;
}

uint64_t lcs_call_memory(const struct lcs_call *lcs_call)
{
    return lcs_call->memory;
}

static void append_range(struct buffer *reply, size_t from, size_t size)
{
    reply_array(reply, 2);
    reply_integer(reply, (int64_t)from);
    reply_integer(reply, (int64_t)(from + size - 1));
}

static void take_match(struct lcs_call *lcs_call, const struct call *call,
                       const struct lcs_match *match)
{
    const bool with_size = (call->options.flags & LCS_WITHMATCHLEN) != 0;

    if ((call->options.flags & LCS_IDX) == 0) {
        lcs_call->left -= match->size;
        memcpy(lcs_call->result + lcs_call->left, lcs_call->a.data + match->a, match->size);
        return;
    }
    if ((int64_t)match->size < call->options.integer)
        return;
    lcs_call->count++;
    reply_array(&lcs_call->found, with_size ? 3 : 2);
    append_range(&lcs_call->found, match->a, match->size);
    append_range(&lcs_call->found, match->b, match->size);
    if (with_size)
        reply_integer(&lcs_call->found, (int64_t)match->size);
}

static void reply_matches(const struct lcs_call *lcs_call, struct call *call)
{
    struct buffer *reply = call->reply;

    reply_map(reply, 2, call->protocol);
    reply_bulk_string(reply, "matches");
    reply_array(reply, lcs_call->count);
    buffer_append_span(reply, buffer_content(&lcs_call->found));
    reply->failed |= lcs_call->found.failed;
    reply_bulk_string(reply, "len");
    reply_integer(reply, (int64_t)lcs_length(lcs_call->lcs));
}

/* The length is known: LEN is answered, and for the others the way back begins. */
static bool begin_back(struct lcs_call *lcs_call, struct call *call)
{
    const size_t length = lcs_length(lcs_call->lcs);

    lcs_call->filled = true;
    if ((call->options.flags & LCS_LEN) != 0) {
        reply_integer(call->reply, (int64_t)length);
        return true;
    }
    if ((call->options.flags & LCS_IDX) != 0)
        return false;
    lcs_call->left = length;
    lcs_call->result = memory_try_alloc(length + 1);
    if (lcs_call->result != NULL)
        return false;
    no_memory(call);
    return true;
}

bool lcs_call_proceed(struct lcs_call *lcs_call, struct call *call)
{
    uint64_t work = LCS_WORK_PER_TURN;
    struct lcs_match match;

    if (!lcs_call->filled) {
        switch (lcs_fill(lcs_call->lcs, &work)) {
        case LCS_MORE:
            return false;
        case LCS_NO_MEMORY:
            no_memory(call);
            return true;
        default:
            if (begin_back(lcs_call, call))
                return true;
        }
    }
    while (work > 0) {
        switch (lcs_next(lcs_call->lcs, &work, &match)) {
        case LCS_OK:
            take_match(lcs_call, call, &match);
            continue;
        case LCS_END:
            if ((call->options.flags & LCS_IDX) != 0)
                reply_matches(lcs_call, call);
            else
                reply_bulk(call->reply, span_of(lcs_call->result, lcs_length(lcs_call->lcs)));
            return true;
        default:
            return false;
        }
    }
    return false;
}
