/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The parser of client requests: RESP multibulk ("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n") and inline
 * commands
 * ("GET k\r\n", split by Redis' quoting rules). It reads a client's input buffer in place:
 *
 *      head of the input                                               tail
 *        |  handed out (taken bytes)  |  command in progress  |  unread  |
 *                                     ^ taken                 ^ position
 *
 * The arguments of a command are spans into the buffer; nothing is copied. (The quotes and escapes
 * of an inline command are resolved in the buffer itself, where the result is never longer.) They
 * are valid until the buffer is appended to or consumed; `argv` itself until the next parser_next.
 * Several commands may be taken one after another before parser_consume gives their bytes back.
 *
 * No byte is looked at twice, however the input is cut. Memory is taken for arguments that have
 * arrived, never for what a count merely claims. Limits and texts are Redis 7's, with one
 * difference: a NUL in an inline command is a byte like any other.
 */
#ifndef DUNLIN_RESP_PARSER_H
#define DUNLIN_RESP_PARSER_H

#include "base/buffer.h"
#include "base/span.h"

/* The longest inline command, and the longest line that holds a count, bytes. */
#define PARSER_LINE_MAX (64 * 1024)
/* Room for short arguments behind a long one, bytes. */
#define PARSER_ROOM_BEHIND 128
/* Arguments of one command. */
#define PARSER_ARGUMENTS_MAX (1024 * 1024)
/* What a client may send before it has authenticated. */
#define PARSER_RESTRICTED_ARGUMENTS_MAX 10
#define PARSER_RESTRICTED_BULK_MAX      16384

enum parser_status {
    PARSER_MORE,    /* the rest of the command has not arrived */
    PARSER_COMMAND, /* argv and argc hold a command */
    PARSER_ERROR,   /* `error` says why; the connection is to be closed once it was told */
    PARSER_NO_MEMORY,
};

union parser_argument; /* a span, or its place while the command is incomplete */

struct parser {
    /* Set by the owner at any time. */
    size_t bulk_max; /* bytes of one argument: proto-max-bulk-len */
    bool restricted; /* the client has yet to authenticate */

    /* Results. */
    const struct span *argv;
    size_t argc;
    char error[56]; /* "Protocol error: ..." without a prefix and line end */

    /* Private. */
    size_t taken;    /* bytes at the input's head that belong to commands handed out */
    size_t position; /* bytes of the input understood so far */
    size_t scanned;  /* bytes of the input searched for the end of the line at `position` */
    int64_t pending; /* arguments still to come, 0: between commands */
    int64_t bulk;    /* bytes of the argument at `position`, -1: its header is to be read */
    union parser_argument *arguments;
    size_t count;
    size_t capacity;
};

void parser_init(struct parser *parser, size_t bulk_max);
void parser_deinit(struct parser *parser);

/* Looks for the next command in `input`, behind those handed out already. After PARSER_ERROR and
 * PARSER_NO_MEMORY only parser_deinit may follow. */
enum parser_status parser_next(struct parser *parser, struct buffer *input);

/* Takes back commands that were handed out: the next is then the one that began after `taken` bytes
 * of those (parser->taken, as it was before its parser_next). Not for inline commands, which are
 * changed where they stand. */
void parser_rewind(struct parser *parser, size_t taken);

/* Bytes of the argument in progress that have yet to arrive, with its line end, and with some for
 * the short arguments that come behind it (SET's PX 1000); 0 between arguments. It is what the
 * client claims. */
size_t parser_missing(const struct parser *parser, const struct buffer *input);

/* All of the input was handed out, and its block was taken away with it. */
void parser_forget(struct parser *parser, const struct buffer *input);

/* Drops the bytes of all commands handed out from `input`. */
void parser_consume(struct parser *parser, struct buffer *input);

#endif
