/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The order of one client's requests. They run side by side as long as nobody can tell. Two about
 * one key of which one writes do not: a write may be stamped anew (rule 1), and so pass a later
 * one, or be missed by a later read; the question of a read may go to one more replica after a
 * later write has been there; what is forwarded may be refused and sent elsewhere. The later one
 * waits.
 *
 * So a client counts those of its requests that have to wait for something and are not done, and
 * finds those about one key by its hash: in a table that it has while there are any, so that who is
 * idle has none. However many are in flight, asking looks at a few.
 */
#ifndef DUNLIN_NODE_ORDER_H
#define DUNLIN_NODE_ORDER_H

#include "node/request.h"

#define ORDER_HASHES 256
/* Tables that a worker keeps for whoever needs one next. */
#define ORDER_TABLES_KEPT 64

/* Requests about one key, by its hash's last bits. */
struct order_place {
    struct request *reads, *others;
};

struct order {
    struct order_place *places; /* ORDER_HASHES; NULL: none is about one key */
    uint16_t keyed;             /* about one key */
    uint16_t wide;              /* of many keys or of all */
    uint16_t wide_writes;       /* of these, those that do more than read */
    uint16_t writes;            /* all that do more than read */
};

/* The tables of one engine that are free, all NULL. */
struct order_tables {
    struct order_place *kept[ORDER_TABLES_KEPT];
    size_t count;
};

/* Whether the order of this request and its client's other ones needs care. */
static inline bool order_needed(const struct request *request)
{
    return request->kind != COMMAND_LOCAL && request->kind != COMMAND_READ;
}

/* Whether the request, which is not LOCAL, must not begin before one of those is done. */
bool order_must_wait(const struct order *order, const struct request *request);
/* The request waits: later ones may have to wait for it. */
void order_note(struct order *order, struct request *request);
/* It was noted, and is done, or its client is gone. */
void order_forget(struct order *order, struct request *request);

void order_tables_deinit(struct order_tables *tables);

#endif
