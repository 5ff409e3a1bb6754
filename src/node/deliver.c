/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What other workers, and this one, hand to this one's clients (command/post.h): opened at the end
 * of a turn, and handed out as far as the turn allows; the rest is for the next ones. What comes
 * meanwhile waits behind it in the inbox, so that each client gets all of it in order.
 *
 * A message is put into each protocol once, and appended to the output of one client of the
 * audience after another. That is between two replies: a reply is appended as a whole.
 */
#include "node/parts.h"

#include "command/audience.h"
#include "resp/reply.h"

/* What clients are told in a turn, times and bytes. */
#define DELIVER_TIMES_MAX 512
#define DELIVER_BYTES_MAX (1u << 20)

/* What a turn has had. */
struct spent {
    size_t times, bytes;
};

static bool all_spent(const struct spent *spent)
{
    return spent->times >= DELIVER_TIMES_MAX || spent->bytes >= DELIVER_BYTES_MAX;
}

/* ---- messages ---- */

/* The message as it is told to those who hear of it so. */
static struct span push(struct engine *engine, struct span record, const struct hearing *hearing,
                        int protocol)
{
    struct buffer *bytes = &engine->pushes[protocol >= 3];
    struct span name, message;

    if (engine->pushes_turn != hearing->turn) {
        engine->pushes_turn = hearing->turn;
        buffer_reset(&engine->pushes[0], BUFFER_KEEP);
        buffer_reset(&engine->pushes[1], BUFFER_KEEP);
    }
    if (buffer_size(bytes) > 0)
        return buffer_content(bytes);
    const enum channel_kind kind = channels_published(record, &name, &message);
    reply_push(bytes, hearing->pattern != NULL ? 4 : 3, protocol);
    reply_bulk_string(bytes, hearing->pattern != NULL ? "pmessage"
                             : kind == CHANNEL_SHARD  ? "smessage"
                                                      : "message");
    if (hearing->pattern != NULL)
        reply_bulk(bytes, *hearing->pattern);
    reply_bulk(bytes, name);
    reply_bulk(bytes, message);
    return buffer_content(bytes);
}

/* Goes on with the message; true: it is through. */
static bool announce(struct engine *engine, struct span record, struct spent *spent)
{
    struct audience *audience = engine->own.environment->audience;
    struct span name, message;
    struct hearing hearing;

    if (!engine->announcing) {
        const enum channel_kind kind = channels_published(record, &name, &message);
        audience_begin(audience, kind, name);
        engine->announcing = true;
    }
    while (!all_spent(spent)) {
        if (!audience_next(audience, &hearing)) {
            engine->announcing = false;
            return true;
        }
        struct client *client = list_entry(hearing.session, struct client, session);
        const int protocol = session_protocol(&client->session);
        const struct span bytes = push(engine, record, &hearing, protocol);
        if (engine->pushes[protocol >= 3].failed)
            client_give_up(client); /* it would miss one */
        else
            client_push(client, bytes);
        metrics_add(engine->metrics, METRIC_MESSAGES_DELIVERED, 1);
        spent->times++;
        spent->bytes += bytes.size;
    }
    return false;
}

/* ---- the inbox ---- */

static void tell_of_lost(struct engine *engine, uint32_t lost)
{
    if ((lost & 1u << POST_SHOWN) != 0)
        watch_missed(engine);
    track_missed(engine, lost);
}

/* True: the record is through. */
static bool hand_out(struct engine *engine, const struct post_record *record, struct spent *spent)
{
    switch (record->kind) {
    case POST_SHOWN: {
        const size_t told = watch_shown(engine, record->bytes);
        spent->times += told;
        spent->bytes += told * record->bytes.size;
        return true;
    }
    case POST_PUBLISHED:
        return announce(engine, record->bytes, spent);
    case POST_CHANGED_HERE:
        spent->times += track_changed_here(engine, record->bytes);
        return true;
    case POST_CHANGED_THERE:
        spent->times += track_changed_there(engine, record->bytes);
        return true;
    case POST_INVALIDATED:
        spent->times += track_invalidated(engine, record->bytes);
        return true;
    default:
        return true;
    }
}

void deliver_turn_end(struct engine *engine)
{
    struct post_record record;
    struct spent spent = {0};

    engine_note(engine, WORK_CLIENTS);
    if (buffer_size(&engine->posted) == 0)
        tell_of_lost(engine, post_take(engine->inbox, &engine->posted));
    struct span records = buffer_content(&engine->posted), rest = records;
    while (!all_spent(&spent) && post_next(&rest, &record) && hand_out(engine, &record, &spent)) {
        records = rest;
        spent.times++;
    }
    buffer_consume(&engine->posted, buffer_size(&engine->posted) - records.size);
    if (records.size == 0)
        buffer_reset(&engine->posted, BUFFER_KEEP);
}
