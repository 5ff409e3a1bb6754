/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Transactions, as far as they need no other node: MULTI, DISCARD, UNWATCH, and what WATCH asks of
 * a key's replica. EXEC is the engine's (node/exec.h).
 */
#include "base/assert.h"
#include "command/handlers.h"
#include "command/session.h"
#include "command/transaction.h"
#include "resp/reply.h"

void multi_begin(struct call *call)
{
    struct session *session = call->session;

    if (session->queueing) {
        reply_error(call->reply, "ERR MULTI calls can not be nested");
        return;
    }
    if (session->transaction == NULL)
        session->transaction = transaction_create();
    session->queueing = true;
    session_note_queued(session);
    reply_ok(call->reply);
}

void multi_discard(struct call *call)
{
    struct session *session = call->session;

    if (!session->queueing) {
        reply_error(call->reply, "ERR DISCARD without MULTI");
        return;
    }
    session_end_transaction(session);
    reply_ok(call->reply);
}

void multi_unwatch(struct call *call)
{
    struct session *session = call->session;

    /* From an EXEC, behind which the next MULTI may have come already, it has nothing to do. */
    if (session->transaction != NULL && !session->queueing)
        session_end_transaction(session);
    reply_ok(call->reply);
}

bool multi_prepare_watch(struct call *call, enum command_kind *kind)
{
    (void)kind;
    if (call->session == NULL || !call->session->queueing)
        return true;
    reply_error(call->reply, "ERR WATCH inside MULTI is not allowed");
    return false;
}

/* For the node that watches: whether there is a value, and the dot. */
void multi_watch(struct call *call, const struct version *version)
{
    const struct watch_reply reply = {.visible = version_visible(version, call->now.wall_ms),
                                      .dot = version->dot};
    uint8_t bytes[WATCH_REPLY_SIZE];

    watch_reply_put(bytes, &reply);
    reply_bulk(call->reply, span_of(bytes, sizeof bytes));
}
