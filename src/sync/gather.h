/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What several replicas hold of one partition, gathered to decide key by key what a replica that
 * forgot, or all of them, should have: as a read decides (rules 10, 11 and 14 of
 * docs/ARCHITECTURE.md). It asks nobody: whoever streams fills it in.
 *
 * The sources looked at a key at different moments, and it matters in which order they did: a
 * sequence number, which only grows, is drawn for each question and each answer. A version was
 * there at or after the number of its question; an absence was there before that of its answer.
 *
 *   version  the newest that a source has; of siblings and counters, the merge of all
 *   mark     the newest that a source has of the key; a flush counts as a mark of every key
 *
 * Memory: each key's newest version once, and 56 bytes a source; so at most the partition's size
 * times the share of keys in which the sources differ. gather_memory says how much, for the caller
 * to charge.
 */
#ifndef DUNLIN_SYNC_GATHER_H
#define DUNLIN_SYNC_GATHER_H

#include "sync/stream.h"

#define GATHER_SOURCES_MAX 8

/* What a source has of a key. */
struct gather_look {
    struct dot dot;   /* DOT_NONE: it has no version */
    struct dot mark;  /* DOT_NONE: none */
    uint64_t content; /* version_digest of the version */
    uint32_t values;  /* of a set, the siblings that it has; UINT32_MAX: not known */
    uint64_t asked;   /* of a version: the number of the question */
};

struct gather_key {
    struct gather_key *next; /* in its bucket */
    uint64_t hash;
    struct span key; /* data NULL: only marks are known */
    uint8_t copies;  /* N of its rule: sources at or behind that place do not count */
    struct version version;
    uint8_t *key_block, *value_block; /* that those two point into */
    uint64_t looked; /* number of a look at all absences again; 0: there was none */
    struct gather_look looks[];
};

struct gather_source {
    uint8_t place; /* in the partition's claim */
    bool votes;
    uint64_t ended; /* the number of the last answer; 0: it goes on */
    /* Stamps before anything of it was looked at, and the highest since. */
    bool begun;
    uint64_t first_floor, first_settled;
    uint64_t floor, settled;
    struct dot flushed;
};

struct gather {
    unsigned source_count;
    struct gather_source sources[GATHER_SOURCES_MAX];
    bool forced; /* too few vote: absences count only where they tell that it vanished */
    /* A stamp: a version at or below it was written before any source was asked, so that what has
     * settled since may have taken it away. Above it, it may have been written behind the look. */
    uint64_t began;
    bool comparing; /* all replicas are sources: only as many as a recovery asks need to vote */
    /* By leaf, so that no growing of one moves more than a part of the keys. */
    struct gather_table {
        struct gather_key **buckets;
        size_t bucket_count, key_count;
    } tables[PARTITION_LEAVES];
    size_t key_count; /* of all */
    size_t memory;
    struct buffer merged;
    bool failed; /* no memory */
};

enum gather_outcome {
    GATHER_NOTHING, /* no trace, or one of an absence that needs none */
    GATHER_VERSION, /* key->version */
    GATHER_MARK,    /* it vanished, with this mark, which is above the version */
    GATHER_DROPPED, /* the version may have vanished: the floor rises to its dot (rule 14) */
};

struct gather_decision {
    enum gather_outcome outcome;
    struct dot dot; /* of all but NOTHING */
};

void gather_init(struct gather *gather);
void gather_deinit(struct gather *gather);
/* Frees about so many keys of one that is looked at no more; false: there are none left. */
bool gather_free_some(struct gather *gather, size_t most);
static inline size_t gather_memory(const struct gather *gather)
{
    return gather->memory;
}

/* Adds a source, at `place` of the claim, and returns its index. All sources come first. */
unsigned gather_source(struct gather *gather, uint8_t place, bool votes);
/* The bounds that the source had when it gave the sums of its leaves, for what it is taken to have
 * by those. */
void gather_begin(struct gather *gather, unsigned source, uint64_t floor, uint64_t settled);
/* The bounds that a part of the source came with; `number` is that of the answer. */
void gather_bounds(struct gather *gather, unsigned source, uint64_t floor, uint64_t settled,
                   struct dot flushed, uint64_t number);
/* An entry of the source, of a key with that hash. `copies` is N of the key's rule, `asked` the
 * question's number. */
void gather_add(struct gather *gather, unsigned source, uint64_t hash,
                const struct stream_entry *entry, unsigned copies, uint64_t asked);
/* If `from` has a live version of the key, and it is in one of these leaves, `source` had it as
 * well when it was asked. */
void gather_same(struct gather_key *key, unsigned source, unsigned from, uint16_t leaves,
                 uint64_t asked);
/* Adds what `source` has of the key to the sums of its leaves, as the store keeps them
 * (store_version_digest). */
void gather_sum(const struct gather_key *key, unsigned source, uint64_t leaves[PARTITION_LEAVES]);

struct gather_key *gather_find(const struct gather *gather, uint64_t hash, struct span key);
/* The keys in some order; NULL to begin, NULL at the end. */
struct gather_key *gather_next(const struct gather *gather, const struct gather_key *key);

/* Whether the decision stands on an absence, which is to be looked at again, key by key: a stream
 * shows marks later than versions, and may have missed that a mark gave way to a version; and
 * rule 11 wants a later look at those that have it. */
bool gather_contested(const struct gather *gather, const struct gather_key *key);
/* One source was asked for the key alone. `version` none: it has nothing; of one that was gathered
 * before, the value may be left out. `content` is version_digest of what it has. */
void gather_look_again(struct gather *gather, struct gather_key *key, unsigned source,
                       const struct version *version, uint64_t content, struct dot mark,
                       uint64_t asked, uint64_t answered);
/* Whether the source has what was gathered: the newest version, and of siblings all of them. */
bool gather_has_all(const struct gather_key *key, unsigned source);
/* Whether it has nothing, or a set with fewer values than were gathered. */
bool gather_lacks_values(const struct gather_key *key, unsigned source);

/* The same answer's bounds. */
void gather_raise(struct gather *gather, unsigned source, uint64_t floor, uint64_t settled);

struct gather_decision gather_decide(const struct gather *gather, const struct gather_key *key);
/* Whether a version that the one who asks had itself, and no source has, must have vanished: it
 * stood at or below what had settled, or below marks that were given up, before the sources looked;
 * or since, where it is from before that. */
bool gather_outlived(const struct gather *gather, const struct gather_key *key, struct dot own);

/* The highest of the sources' bounds (rule 16). */
uint64_t gather_floor(const struct gather *gather);
uint64_t gather_settled(const struct gather *gather);
struct dot gather_flushed(const struct gather *gather);

#endif
