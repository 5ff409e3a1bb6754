/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A store for stories, with one partition that they are about.
 */
#ifndef DUNLIN_TESTS_LIB_STORE_FIXTURE_H
#define DUNLIN_TESTS_LIB_STORE_FIXTURE_H

#include "store/store.h"

/* When the store is created, ms. */
#define NOW INT64_C(1700000000000)

struct fixture {
    struct store *store;
    struct partition *partition; /* the first; a story may put another here */
    uint64_t stamp;              /* of the last version */
};

struct fixture fixture_set_up(uint32_t partitions);
/* Every story ends with an empty store, and an empty store has no memory. */
void fixture_tear_down(struct fixture *fixture);

/* Each with the next stamp, of node 3. */
enum store_status fixture_put(struct fixture *fixture, struct span key, struct span value,
                              int64_t deadline_ms);
enum store_status fixture_put_pieces(struct fixture *fixture, struct span key, int64_t deadline_ms,
                                     const struct span *pieces, size_t count);
enum store_status fixture_put_tombstone(struct fixture *fixture, struct span key);

bool fixture_get(struct fixture *fixture, struct span key, struct version *version);
/* Whether the key has this value. */
bool fixture_holds(struct fixture *fixture, struct span key, struct span value);
/* The key goes as if it was evicted. */
bool fixture_vanish(struct fixture *fixture, struct span key);
struct dot fixture_mark(struct fixture *fixture, struct span key);
struct partition_counts fixture_counts(struct fixture *fixture);
/* One key a number; the span is of `text`. */
struct span fixture_key(uint32_t number, char text[16]);

#endif
