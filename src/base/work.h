/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a worker may be at in a turn of its loop. A turn notes each kind of work as it begins with
 * it, as a bit of a mask, which costs no clock; INFO names those of the longest turn.
 *
 *   WORK(NAME, "name in INFO", "what it is")
 */
#ifndef DUNLIN_BASE_WORK_H
#define DUNLIN_BASE_WORK_H

/* clang-format off */
#define WORK_LIST(WORK) \
    WORK(ACCEPT, "accept", "taking connections that were opened to it") \
    WORK(CLIENTS, "clients", "reading and running what clients sent") \
    WORK(LINKS, "links", "other nodes' questions") \
    WORK(PEERS, "peers", "other nodes' answers") \
    WORK(CONTROL, "control", "what control or another worker posted") \
    WORK(TIMERS, "timers", "requests whose time is up") \
    WORK(UPKEEP, "upkeep", "looking after connections and their memory") \
    WORK(SETTLE, "settle", "dropping what is settled or flushed") \
    WORK(EXPIRY, "expiry", "dropping what has expired") \
    WORK(EVICTION, "eviction", "dropping what memory has no room for") \
    WORK(RECLAIM, "reclaim", "freeing what was dropped at once") \
    WORK(HINTS, "hints", "sending kept writes") \
    WORK(RECOVERY, "recovery", "fetching and comparing partitions") \
    WORK(OUTPUT, "output", "writing to connections")
/* clang-format on */

enum work {
#define WORK(id, name, help) WORK_##id,
    WORK_LIST(WORK)
#undef WORK
        WORK_COUNT
};

/* A mask of kinds fits 16 bits. */
_Static_assert(WORK_COUNT <= 16, "metrics keep a mask of 16 bits");

static inline unsigned work_bit(enum work work)
{
    return 1u << work;
}

static inline const char *work_name(enum work work)
{
    static const char *const names[] = {
#define WORK(id, name, help) name,
        WORK_LIST(WORK)
#undef WORK
    };

    return names[work];
}

#endif
