/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A bug for each fuzzer to find, which shows that it can: with DUNLIN_PLANTED in the environment.
 * The linker puts __wrap_x in the place of the function x (fuzz_wraps in Makefile.am), of every
 * call but those in x's own file. `scripts/fuzz --planted` runs all corpora so.
 */
#include <stdlib.h>

#include "command/handlers.h"
#include "resp/answer.h"
#include "value/dump.h"
#include "wire/wire.h"

#define WRAP(type, function, ...)        \
    type __real_##function(__VA_ARGS__); \
    type __wrap_##function(__VA_ARGS__); \
    type __wrap_##function(__VA_ARGS__)

static bool planted(void)
{
    static int known = -1;

    if (known < 0)
        known = getenv("DUNLIN_PLANTED") != NULL;
    return known;
}

/* command: a handler that forgets its reply. */
WRAP(void, string_strlen, struct call *call, const struct version *version)
{
    if (!planted())
        __real_string_strlen(call, version);
}

/* dump: a value that is cut short. */
WRAP(enum dump_status, dump_find, struct span payload, char text[INT64_TEXT_MAX], struct dump *dump)
{
    const enum dump_status status = __real_dump_find(payload, text, dump);

    if (planted() && status == DUMP_OK && dump->bytes.size > 0)
        dump->bytes.size--;
    return status;
}

/* resp: a reader that goes past the end of what came. */
WRAP(enum answer_progress, answer_read, struct answer *answer, struct span bytes)
{
    const enum answer_progress progress = __real_answer_read(answer, bytes);

    if (planted() && progress == ANSWER_COMPLETE)
        answer->size += ANSWER_LINE_MAX;
    return progress;
}

/* wire: an argument whose size is taken as it came. */
WRAP(struct span, wire_next_arg, struct span *packed)
{
    struct span arg = __real_wire_next_arg(packed);

    if (planted())
        arg.size += 1 << 20;
    return arg;
}
