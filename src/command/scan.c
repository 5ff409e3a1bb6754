/* SPDX-License-Identifier: BSD-3-Clause */
#include "command/scan.h"

#include "command/arguments.h"
#include "command/handlers.h"
#include "resp/reply.h"
#include "ring/slot.h"

#define COUNT_DEFAULT 10

/* Digits; none are 0, as Redis has it, and a sign is taken. */
static bool parse_cursor(struct span text, uint64_t *cursor)
{
    size_t i = text.size > 0 && (text.data[0] == '+' || text.data[0] == '-') ? 1 : 0;
    const bool negative = i == 1 && text.data[0] == '-';
    uint64_t number = 0;

    if (i == 1 && text.size == 1)
        return false;
    for (; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' ||
            __builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, (uint64_t)(text.data[i] - '0'), &number))
            return false;
    }
    *cursor = negative ? -number : number;
    return true;
}

bool scan_parse(struct call *call, struct scan_words *words)
{
    *words = (struct scan_words){.count = COUNT_DEFAULT};
    if (!parse_cursor(call->argv[1], &words->cursor)) {
        reply_error(call->reply, "ERR invalid cursor");
        return false;
    }
    for (size_t i = 2; i < call->argc; i += 2) {
        const struct span name = call->argv[i];
        const struct span value = i + 1 < call->argc ? call->argv[i + 1] : SPAN("");
        int64_t count;

        if (i + 1 == call->argc)
            return argument_syntax_error(call);
        if (span_is(name, "count")) {
            if (!argument_integer(call, value, &count))
                return false;
            if (count < 1)
                return argument_syntax_error(call);
            words->count = (uint64_t)count;
        } else if (span_is(name, "match")) {
            words->pattern = value;
            words->matched = value.size != 1 || value.data[0] != '*';
        } else if (span_is(name, "type")) {
            words->none = !span_is(value, "string");
        } else {
            return argument_syntax_error(call);
        }
    }
    return true;
}

bool scan_prepare(struct call *call, enum command_kind *kind)
{
    struct scan_words words;

    (void)kind;
    return scan_parse(call, &words);
}

bool scan_parse_slot(struct call *call, uint32_t *slot, uint64_t *count)
{
    int64_t number, keys = 0;

    if (!argument_integer(call, call->argv[2], &number) ||
        (call->argc > 3 && !argument_integer(call, call->argv[3], &keys)))
        return false;
    if (number < 0 || number >= RING_SLOTS || keys < 0) {
        reply_error(call->reply,
                    call->argc > 3 ? "ERR Invalid slot or number of keys" : "ERR Invalid slot");
        return false;
    }
    *slot = (uint32_t)number;
    *count = (uint64_t)keys;
    return true;
}

bool scan_prepare_slot(struct call *call, enum command_kind *kind)
{
    uint32_t slot;
    uint64_t count;

    (void)kind;
    return scan_parse_slot(call, &slot, &count);
}

static bool is_fixed(struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (memchr("*?[\\", text.data[i], 4) != NULL)
            return false;
    return true;
}

bool scan_one_slot(struct span pattern, uint32_t *slot)
{
    const struct span tag = ring_hash_tag(pattern);
    /* What stands before the tag's end is in every key that matches, as it is. */
    const size_t fixed = tag.size < pattern.size ? (size_t)(tag.data + tag.size - pattern.data)
                                                 : pattern.size;

    if (!is_fixed(span_of(pattern.data, fixed)))
        return false;
    *slot = ring_slot(pattern);
    return true;
}
