/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A connection to a server that speaks RESP, and what is asked over it. Every wait has a bound,
 * after which the connection is broken. A broken one is closed, says why in `error`, and answers
 * nothing until it is opened again.
 */
#ifndef DUNLIN_MAIN_ADMIN_LINK_H
#define DUNLIN_MAIN_ADMIN_LINK_H

#include <hiredis/hiredis.h>

#include "main/admin_uri.h"

#define ADMIN_CONNECT_TIMEOUT_MS 3000
/* A server whose disk or neighbours stall it for some seconds is not taken for dead. */
#define ADMIN_ANSWER_TIMEOUT_MS 15000

struct admin_link {
    struct admin_uri uri;
    redisContext *context; /* NULL: closed */
    bool refused;          /* closed for what trying again does not mend: a wrong password, say */
    char error[768];       /* why it is closed, or what was wrong */
};

/* Opens it anew: connects, logs in, selects the database, and sees that it is served. */
bool admin_link_open(struct admin_link *link);
void admin_link_close(struct admin_link *link);

/* Puts a command behind those that are on their way; goes out with the first wait for a reply. */
void admin_link_send(struct admin_link *link, const struct span *words, size_t count);
/* The next reply, for freeReplyObject; NULL when the connection broke. */
redisReply *admin_link_receive(struct admin_link *link);
/* Both, for one command of plain words. */
redisReply *admin_link_ask(struct admin_link *link, const char *const *words, size_t count);

static inline struct span admin_reply_text(const redisReply *reply)
{
    return span_of(reply->str, reply->str != NULL ? reply->len : 0);
}

/* Whether the reply is an error that begins with `code`; with "", whether it is any. */
bool admin_reply_fails(const redisReply *reply, const char *code);
/* An error that passes by itself: the server starts, has too few replicas, or no memory for now. */
bool admin_reply_passes(const redisReply *reply);

/* The value of "name:value" in a text of INFO's form; empty where it is not there. */
struct span admin_info_find(struct span text, const char *name);

#endif
