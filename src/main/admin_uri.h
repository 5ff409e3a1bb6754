/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where a server is, as redis-cli has it:
 *
 *     redis://[[user:]password@]host[:port][/database]
 *
 * %XX stands for a byte of user and password; an IPv6 address stands in brackets.
 */
#ifndef DUNLIN_MAIN_ADMIN_URI_H
#define DUNLIN_MAIN_ADMIN_URI_H

#include "base/buffer.h"

#define ADMIN_URI_PORT     6379
#define ADMIN_URI_TEXT_MAX 256

struct admin_uri {
    char host[ADMIN_URI_TEXT_MAX]; /* without brackets */
    uint16_t port;
    char user[ADMIN_URI_TEXT_MAX]; /* "": none */
    char password[2 * ADMIN_URI_TEXT_MAX];
    int64_t database;
};

/* On false `error` says what was found, without the password, and what is accepted. */
bool admin_uri_parse(const char *text, struct admin_uri *uri, struct buffer *error);

/* "host:port", and "/database" unless that is 0. */
void admin_uri_show(const struct admin_uri *uri, struct buffer *text);

/* The text of a URI with *** in the place of its password; other texts as they are. */
void admin_uri_hide(const char *text, struct buffer *hidden);

#endif
