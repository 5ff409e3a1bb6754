/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Convergent counters: a base, and what each coordinator has added to it. Two coordinators that are
 * kept apart so lose no addition, and none counts twice.
 *
 *   base    what the key had when it was last written other than by adding to it: a value, or
 *           nothing, which counts as 0. It has the dot of that write
 *   share   what one node has added: an amount, under the dot at which the node opened it. Only
 * that node adds to it, so of two states of one share the one with more additions is the later
 *
 * A share counts when it was opened above the base's dot: a base is what is left of all that its
 * writer saw, and of what was added beside it unseen to shares that are older than it.
 *
 * Merging takes the newer base, where dots are equal the one that is nothing; the later state of
 * each share; and drops the shares that do not count. It is commutative, associative and
 * idempotent, and the dot of the merge is the higher one; so dots alone do not tell counters apart,
 * counter_digest does.
 *
 * A version is a counter when it has shares, or a dot above its base's: kind VALUE_COUNTER, or a
 * tombstone with bytes when there is neither share nor value. All other strings and tombstones are
 * bases with nothing beside them. The bytes begin with what clients read, the number in decimal (a
 * base that is no number is shown as it is, and its shares wait for another):
 *
 *     +------+--------+------------+--------+--------+-------+
 *     | text | shares | base stamp | node   | size   | traits|      size: of the shares, bytes
 *     | n    | s      | 8          | 2      | 2      | 1     |      traits: 0x80 no value,
 *     +------+--------+------------+--------+--------+-------+              0x40 a number,
 *                                                                           0x3f how many are held
 *     a share, ascending by (node, opened):
 *
 *     +------+--------+------------+---------+
 *     | node | opened | 2 times +f | amount  |      times: how often it was added to, f: it folds;
 *     | 2    | 8      | varint     | varint  |      amount: signed, zigzag
 *     +------+--------+------------+---------+
 *
 * Held. A node adds only to the latest of its shares, and only while it has held that since it
 * opened it: after a restart, and where the key was evicted meanwhile, others may have a later
 * state than what comes back, so it opens another. Which ones it holds is known where the entry is
 * kept, and nowhere else: versions that come in hold nothing (counter_merge).
 *
 * Folding. Once all up to the stamp at which a held share was opened is settled, the states of the
 * node's earlier shares are final, and known here: they are added to that share, which from then on
 * stands for all of the node's that were opened before it. So does one that is closed, for another
 * was opened behind it, once all up to that opening is settled: as where the key is evicted again
 * and again.
 *
 * A sum that has left the range of 64 bits, as merging may make it, is told in full, and is no
 * integer to INCR. The amount of a share never does: another is opened.
 */
#ifndef DUNLIN_VALUE_COUNTER_H
#define DUNLIN_VALUE_COUNTER_H

#include "base/buffer.h"
#include "value/version.h"

/* Shares of one counter; and of one node, which opens no more. */
#define COUNTER_SHARES_MAX 128
#define COUNTER_OWN_MAX    16

enum counter_status {
    COUNTER_OK,
    COUNTER_TOO_MANY,  /* shares */
    COUNTER_NO_MEMORY, /* for its bytes */
    COUNTER_ABSENT,    /* what was to be taken back is not in it */
    COUNTER_NOT_HELD,  /* the share that was added to is not held any more */
};

static inline bool version_is_counter(const struct version *version)
{
    return version->kind == VALUE_COUNTER ||
           (version->kind == VALUE_TOMBSTONE && version->value.size == TOMBSTONE_COUNTER_SIZE);
}

/* Whether the bytes of such a version, which came from elsewhere, are those of one. */
bool counter_valid(const struct version *version);

/* What clients read of a VALUE_COUNTER: a string. */
struct span counter_text(struct span bytes);

/* Of the base's dot and of the shares' states, of a version that is a counter; never 0. */
uint64_t counter_digest(const struct version *version);

/* The next three make a version in `merged`, whose bytes are appended to `out`, which holds none of
 * what they are made from. Versions are of the kinds STRING, TOMBSTONE (no set) and COUNTER, or
 * have no dot. */

/* `other` comes to what node `self` keeps; 0: nobody does. */
enum counter_status counter_merge(const struct version *kept, const struct version *other,
                                  node_number self, struct buffer *out, struct version *merged);

/* An addition, and what was made of it. */
struct counter_addition {
    int64_t amount;
    uint64_t opened; /* of the share that it went to; 0: it was not made */
    uint64_t times;  /* that this was added to, with it */
};

struct counter_place {
    node_number self;
    unsigned held;    /* of self's shares (counter_held of what is kept here) */
    struct dot dot;   /* of the version that is made */
    struct dot gone;  /* where there is no value: all up to this is over */
    uint64_t above;   /* a stamp: a share that was opened at or below it is not added to */
    uint64_t settled; /* a stamp: as store.h has it */
    int64_t now_ms;
};

/* Adds to what the key has. Its value is a number, or nothing. */
enum counter_status counter_add(const struct version *old, const struct counter_place *place,
                                struct counter_addition *addition, struct buffer *out,
                                struct version *made);
/* The version without an addition that it may have: with its dot. */
enum counter_status counter_take_back(const struct version *old, const struct counter_place *place,
                                      const struct counter_addition *addition, struct buffer *out,
                                      struct version *made);

/* How many of the keeper's shares are held; 0 of all that is no counter. */
unsigned counter_held(const struct version *kept);

/* Whether the addition that a version was offered for counts in `merged`, which it went into: the
 * latest share of the node that stamped it is there. */
bool counter_counts(const struct version *offered, const struct version *merged);

/* For those who show one: its parts. */
struct counter_share {
    uint64_t opened;
    int64_t amount;
    uint32_t times;
    node_number node;
    bool folds;
};
struct dot counter_base(const struct version *version);
unsigned counter_shares(const struct version *version,
                        struct counter_share shares[COUNTER_SHARES_MAX]);

#endif
