/* SPDX-License-Identifier: BSD-3-Clause
 *
 * OBJECT: what Redis would keep a value as. Values are kept as bytes here, and the answers follow
 * from those, as Redis gives them for a value that was just SET.
 */
#include "causal/hlc.h"
#include "command/arguments.h"
#include "command/handlers.h"
#include "resp/reply.h"

/* Redis keeps a string of up to so many bytes beside its header. */
#define EMBEDDED_MAX 44
/* Redis shares the integers below this one, and says so by this count. */
#define SHARED_INTEGERS 10000
#define SHARED_COUNT    INT32_MAX

#define NOT_LFU                                                                                \
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note "  \
    "that when switching between policies at runtime LRU and LFU data will take some time to " \
    "adjust."

/* False, with the null appended, where there is no value. */
static bool exists(struct call *call, const struct version *version)
{
    if (version_visible(version, call->now.wall_ms))
        return true;
    reply_null(call->reply, call->protocol);
    return false;
}

void object_encoding(struct call *call, const struct version *version)
{
    int64_t integer;

    if (!exists(call, version) || !argument_string(call, version))
        return;
    if (span_to_int64(version->value, &integer))
        reply_bulk_string(call->reply, "int");
    else
        reply_bulk_string(call->reply, version->value.size <= EMBEDDED_MAX ? "embstr" : "raw");
}

void object_freq(struct call *call, const struct version *version)
{
    if (exists(call, version))
        reply_error(call->reply, NOT_LFU);
}

/* Reads leave no time behind, so this is since the value was written: at least as long. */
void object_idletime(struct call *call, const struct version *version)
{
    if (!exists(call, version))
        return;
    const int64_t idle_ms = call->now.wall_ms - hlc_ms(version->dot.stamp);
    reply_integer(call->reply, idle_ms > 0 ? idle_ms / 1000 : 0);
}

void object_refcount(struct call *call, const struct version *version)
{
    int64_t integer;

    if (!exists(call, version) || !argument_string(call, version))
        return;
    const bool shared = span_to_int64(version->value, &integer) && integer >= 0 &&
                        integer < SHARED_INTEGERS;
    reply_integer(call->reply, shared ? SHARED_COUNT : 1);
}
