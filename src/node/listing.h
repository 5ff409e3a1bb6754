/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Commands that list keys: SCAN, KEYS, RANDOMKEY, CLUSTER GETKEYSINSLOT and COUNTKEYSINSLOT.
 *
 * A listing goes through the ring in the order of places (sync/page.h), in rounds. A round asks R
 * replicas of the partition at hand, which vote, for a page from its place on, and goes on with as
 * many partitions as the same nodes can answer for; its end is the least of the ends that they
 * answer. So what one replica missed another of the R tells, and what every key that was there
 * throughout rests on is what a read does (docs/CONSISTENCY.md). A node that does not answer is
 * left out, and another asked.
 *
 *     queued --> a round: its own page is read, others are asked --> they answered --+--> the reply
 *        ^                                                                           |
 *        +---------------------------------------------------------------------------+
 *
 * SCAN's cursor is a place, and holds for any node: nothing is kept between two calls.
 */
#ifndef DUNLIN_NODE_LISTING_H
#define DUNLIN_NODE_LISTING_H

#include "base/buffer.h"
#include "command/scan.h"
#include "node/parts.h"
#include "sync/page.h"

/* Entries that a round looks at, and partitions that it goes through. */
#define LISTING_ENTRIES_MAX    512u
#define LISTING_PARTITIONS_MAX 1024u

enum listing_kind {
    LISTING_SCAN,
    LISTING_KEYS,
    LISTING_RANDOM,
    LISTING_SLOT_KEYS, /* of this node's store alone, whatever it votes */
    LISTING_SLOT_COUNT,
};

/* One of those that a round asks. */
struct listing_source {
    node_number node;
    bool waits;
    struct buffer entries, marks;
    uint64_t end;
    uint32_t seen;
};

struct listing {
    struct task task;
    struct view *view; /* it was begun with */
    enum listing_kind kind;
    struct scan_words words;
    uint32_t slot; /* LISTING_SLOT_* */

    /* Where it goes: from `place` to `stop`, partitions that are its alone. */
    uint64_t place, stop;
    uint32_t only;  /* partition; UINT32_MAX: all */
    bool primaries; /* those alone that this node is the primary of */
    bool wrapped;   /* RANDOMKEY: from the beginning, to where it began */
    uint64_t began_at;

    uint64_t seen;  /* entries looked at */
    uint64_t given; /* keys in the reply */
    struct buffer chosen;

    /* The round. */
    uint64_t round_stop; /* a place */
    int64_t round_us;    /* when it began */
    uint32_t limit;
    struct buffer partitions; /* a bitmap */
    unsigned source_count, waiting;
    struct listing_source sources[COPIES_MAX];
    unsigned lost_count; /* at this place */
    node_number lost[COPIES_MAX];
};

/* Whether the command is one of them. */
bool listing_is(const struct command *command);
void listing_begin(struct request *request);
void listing_answered(struct request *request, node_number node, const struct wire_listed *listed);
void listing_lost(struct request *request, node_number node);
/* Some have not answered for a while. */
void listing_hedge(struct request *request);
void listing_timeout(struct request *request);

/* ---- a replica's side (listing_page.c) ---- */

/* What a replica is asked for. */
struct listing_question {
    uint64_t ring_version;
    uint64_t place;
    uint32_t limit;
    struct span partitions;
    bool own; /* it asks itself, and for nothing but what it has */
};

struct listing_answer {
    enum answer_status status;
    uint64_t end;
};

/* Reads on from the question's place, under the lock of each partition, into the page. */
struct listing_answer listing_page_read(struct engine *engine,
                                        const struct listing_question *question, struct page *page);
/* Another node's question. */
void listing_page_serve(struct link *link, const struct wire_list *list);

/* ---- whom a round asks (listing_sources.c) ---- */

/* Who has to answer for a partition. */
enum listing_cover {
    LISTING_COVER_NOW,      /* by the sources that there are */
    LISTING_COVER_ADDING,   /* after more of them became some */
    LISTING_COVER_POSSIBLE, /* by all that may be asked */
};

void listing_add_source(struct listing *listing, node_number node);
/* Whether enough replicas answer for the partition, for each number of copies that a rule of the
 * ring has. */
bool listing_covers(struct listing *listing, uint32_t partition, enum listing_cover how);

#endif
