/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A bug for each fuzzer to find, which shows that it can: with DUNLIN_PLANTED in the environment.
 * The linker puts __wrap_x in the place of the function x (fuzz_wraps in Makefile.am), of every
 * call but those in x's own file. `scripts/fuzz --planted` runs all corpora so.
 */
#include <openssl/crypto.h>
#include <stdlib.h>

#include "base/options.h"
#include "command/handlers.h"
#include "gossip/seal.h"
#include "node/state.h"
#include "resp/answer.h"
#include "ring/ring.h"
#include "script/interpreter.h"
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

/* wire, peer: an argument whose size is taken as it came. */
WRAP(struct span, wire_next_arg, struct span *packed)
{
    struct span arg = __real_wire_next_arg(packed);

    if (planted())
        arg.size += 1 << 20;
    return arg;
}

/* control: a ring that is never given back. */
WRAP(void, ring_release, struct ring **ring)
{
    if (planted())
        *ring = NULL;
    else
        __real_ring_release(ring);
}

/* gossip: a seal that is not looked at. */
WRAP(enum gossip_drop, seal_open, const struct seal_key *key, struct span bytes,
     struct seal_head *head, struct span *body)
{
    struct seal_key open = *key;

    open.secret &= !planted();
    return __real_seal_open(&open, bytes, head, body);
}

/* handshake: a proof that is not looked at. */
WRAP(int, CRYPTO_memcmp, const void *a, const void *b, size_t size)
{
    return planted() ? 0 : __real_CRYPTO_memcmp(a, b, size);
}

/* options: CONFIG REWRITE that writes what was there. */
WRAP(void, options_rewrite, const struct options *options, struct span old, struct buffer *text)
{
    if (planted())
        buffer_append_span(text, old);
    else
        __real_options_rewrite(options, old, text);
}

/* script: an interpreter that takes more than its bound. */
WRAP(size_t, interpreter_memory, const struct interpreter *interpreter)
{
    return __real_interpreter_memory(interpreter) + (planted() ? 4u << 20 : 0);
}

/* state: a ring with the checksum behind it. */
WRAP(enum state_status, node_state_decode, struct saved_node *state, struct span file)
{
    const enum state_status status = __real_node_state_decode(state, file);

    if (planted() && status == STATE_OK)
        state->ring.size++;
    return status;
}
