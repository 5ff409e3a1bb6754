/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The composer of replies: appends RESP to a buffer. `protocol` is the client's, 2 or 3; what RESP2
 * does not know is written as the RESP2 type that Redis uses in its place. Texts of reply_simple
 * and reply_error are one line, without a line end; any other byte below space in them becomes a
 * space.
 */
#ifndef DUNLIN_RESP_REPLY_H
#define DUNLIN_RESP_REPLY_H

#include "base/outbox.h"
#include "base/span.h"

void reply_simple(struct buffer *reply, const char *text);
void reply_ok(struct buffer *reply);
void reply_pong(struct buffer *reply);
/* `text` starts with the error's code: "ERR syntax error". */
void reply_error(struct buffer *reply, const char *text);
void reply_error_format(struct buffer *reply, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void reply_integer(struct buffer *reply, int64_t value);
void reply_bulk(struct buffer *reply, struct span value);
/* The same; `bytes` (NULL: none) becomes the reply in place of a copy, where it holds the value and
 * nothing else, is large, and nothing comes before it. */
void reply_bulk_taking(struct buffer *reply, struct span value, struct buffer *bytes);
/* The same with a value that lies in `block`, to which the reply refers: it goes on in `behind`
 * (base/outbox_pieces_last), and nothing may be appended to `reply` any more. */
void reply_bulk_referring(struct buffer *reply, struct list *behind, struct span value,
                          struct block *block);
void reply_bulk_string(struct buffer *reply, const char *string);
/* An integer as a bulk string. */
void reply_bulk_integer(struct buffer *reply, int64_t value);
void reply_null(struct buffer *reply, int protocol);
/* An absent array; RESP3 knows only one null. */
void reply_null_array(struct buffer *reply, int protocol);
/* The head of an aggregate: `count` members (pairs in a map) follow. */
void reply_array(struct buffer *reply, size_t count);
void reply_map(struct buffer *reply, size_t pairs, int protocol);
void reply_set(struct buffer *reply, size_t count, int protocol);
/* The head of what is no reply; RESP2 has an array for it. */
void reply_push(struct buffer *reply, size_t count, int protocol);
/* Text for people, such as INFO's. */
void reply_verbatim(struct buffer *reply, struct span text, int protocol);

/* ---- heads that are known last ---- */

/* Room for one, for buffer_begin_behind. */
#define REPLY_HEAD_MAX 96

/* Puts the head before what the reply has. */
void reply_put_head(struct buffer *reply, const struct buffer *head);
/* What the reply has becomes such a text. */
void reply_verbatim_around(struct buffer *reply, int protocol);

#endif
