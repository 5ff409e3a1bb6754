/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What other workers, and this one, hand to this one's clients (command/post.h): opened at the end
 * of a turn, and handed out as far as the turn allows; the rest is for the next ones. What comes
 * meanwhile waits behind it in the inbox, so that each client gets all of it in order.
 */
#include "node/parts.h"

/* What clients are told in a turn, times and bytes. */
#define DELIVER_TIMES_MAX 512
#define DELIVER_BYTES_MAX (1u << 20)

static void tell_of_lost(struct engine *engine, uint32_t lost)
{
    if ((lost & 1u << POST_SHOWN) != 0)
        watch_missed(engine);
}

/* To how many clients it went. */
static size_t hand_out(struct engine *engine, const struct post_record *record)
{
    switch (record->kind) {
    case POST_SHOWN:
        return watch_shown(engine, record->bytes);
    default:
        return 0;
    }
}

void deliver_turn_end(struct engine *engine)
{
    struct span records;
    struct post_record record;
    size_t times = 0, bytes = 0;

    engine_note(engine, WORK_CLIENTS);
    if (buffer_size(&engine->posted) == 0)
        tell_of_lost(engine, post_take(engine->inbox, &engine->posted));
    records = buffer_content(&engine->posted);
    while (times < DELIVER_TIMES_MAX && bytes < DELIVER_BYTES_MAX && post_next(&records, &record)) {
        const size_t told = hand_out(engine, &record);
        times += told + 1;
        bytes += told * record.bytes.size;
    }
    buffer_consume(&engine->posted, buffer_size(&engine->posted) - records.size);
    if (records.size == 0)
        buffer_reset(&engine->posted, BUFFER_KEEP);
}
