/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How a worker makes its own partitions whole (those whose index is its own, modulo the workers):
 *
 *   due.c      which of them it works on, and how much in a turn
 *   recover.c  of partitions that this node forgot: fetches them from others, and then votes
 *   compare.c  of partitions that it has: finds where replicas differ, and mends it
 *   pull.c     what both do: ask all replicas for the sums of their leaves, then for contents
 *
 * A job is one partition being worked on; there are few at once:
 *
 *   SUMS --> FIRST --> ADDING --> OTHERS --> LOOKS --> KEEP --> MARKS --> OWN --> done
 *
 *   SUMS    COMPARE to every other replica: who votes, and which leaves differ
 *   FIRST   a recovery: everything of the first source
 *   ADDING  a recovery: what the first gave is added up by leaves, for where the others differ
 *   OTHERS  of the other sources the leaves that differ, tombstones and marks
 *   LOOKS   single keys again, where the decision stands on an absence (sync/gather.h)
 *   KEEP    what was decided is kept, or sent to who lacks it
 *   MARKS   a comparison: who lacks marks is given them
 *   OWN     what this node has and should not have is dropped
 *
 * What goes wrong ends a job, and its partition is begun anew after a pause: partitions that are
 * done stay done. Parts for parts.h.
 */
#ifndef DUNLIN_NODE_RECOVER_H
#define DUNLIN_NODE_RECOVER_H

#include "base/bucket.h"
#include "node/parts.h"
#include "sync/gather.h"

/* Partitions that a worker works on at once. */
#define SYNC_JOBS 4
/* Keys of one job that are looked at again at once. */
#define SYNC_LOOKS 64
/* Entries that are kept or looked at in one turn, and under one hold of a lock. */
#define SYNC_KEYS_PER_TURN 128
/* Keys that are only looked through, of which so many take as long as one that is kept. */
#define SYNC_KEYS_FOR_ONE 8
/* Keys of a job that is over which are freed in one turn. */
#define SYNC_FREED_PER_TURN 512
#define SYNC_KEYS_PER_LOCK  64
/* Partitions that are begun in one turn: where nobody can be reached, each ends at once. */
#define SYNC_BEGINS_PER_TURN 64
/* A partition that could not be finished waits so long, us. */
#define SYNC_RETRY_US 100000

enum job_purpose { JOB_NONE, JOB_RECOVER, JOB_COMPARE };

enum job_stage {
    JOB_SUMS,
    JOB_FIRST,
    JOB_ADDING,
    JOB_OTHERS,
    JOB_LOOKS,
    JOB_KEEP,
    JOB_MARKS,
    JOB_OWN
};

enum source_stage {
    SOURCE_ASKED,   /* for its sums */
    SOURCE_SUMMED,  /* it has answered that */
    SOURCE_LOST,    /* it cannot be reached, or goes by another claim */
    SOURCE_PULLING, /* its contents */
    SOURCE_DRAINED, /* it has given them */
};

struct sync_source {
    node_number node;
    uint8_t place; /* in the claim */
    enum source_stage stage;
    bool votes;
    int index;        /* in the job's gather, -1: it is no source */
    uint64_t id;      /* of the question it has to answer, 0: it was asked nothing */
    uint64_t sums_at; /* the number of the question for its sums */
    uint64_t sums[PARTITION_LEAVES];
    uint64_t floor, settled; /* as of its sums */
    uint64_t evicted;
    uint64_t cursor;
    uint64_t part_at; /* the number of the question for this part */
    uint16_t leaves;
    struct buffer marks; /* that it lacks, as of vanished.h */
};

/* A key that a source was asked for alone. */
struct sync_look {
    uint64_t id; /* 0: none, or answered */
    struct gather_key *key;
    unsigned source; /* of job->sources */
    uint64_t asked;
    struct dot have; /* the version that was named */
    uint64_t have_digest;
};

struct sync_job {
    enum job_purpose purpose;
    enum job_stage stage;
    uint32_t partition;
    uint64_t claim_version;
    uint32_t recovery; /* partition->recovery when it began */
    uint32_t doubts;   /* the same of partition->doubts */
    uint8_t own_place;
    unsigned source_count; /* the other replicas */
    struct sync_source sources[RING_REPLICAS_MAX];
    int64_t heard_us; /* when it was last answered, or asked after a pause */
    bool forced;
    struct gather gather;
    int64_t charged; /* to the store */
    uint64_t bytes;  /* fetched */
    uint64_t keys;   /* kept */
    /* Where a stage stands. */
    struct gather_key *at;
    unsigned
        round; /* LOOKS: 0 absences, 1 holders; ADDING: 0 the sums, 1 where they are the same */
    uint64_t added[PARTITION_LEAVES];   /* ADDING: of the first source */
    uint16_t differ[RING_REPLICAS_MAX]; /* of each source, leaves that are others than those */
    unsigned looks_left;
    struct sync_look looks[SYNC_LOOKS];
    uint64_t cursor;
    struct dot floor; /* what was decided against: the floor rises to it */
    /* Of a comparison. */
    uint16_t leaves;      /* that differ */
    uint64_t own_evicted; /* as of a source */
    uint8_t suspects;     /* bits of places: who lacks what is settled */
    struct buffer marks;  /* that this node lacks, as of vanished.h */
};

/* What a worker remembers of a partition of its own. */
struct sync_partition {
    int64_t retry_us;
    int64_t lacking_us; /* since when too few vote, 0: they do not */
    bool compared;      /* since the start (rule 17), and since a recovery from too few */
    int64_t compare_us; /* when it is compared again */
    uint8_t suspects;   /* bits of places: replicas that lacked what is settled last time */
};

/* What a job that is over had gathered, until it is freed in steps. */
struct sync_dead {
    struct gather gather;
    int64_t charged; /* to the store */
};

struct sync {
    struct engine *engine;
    struct sync_job jobs[SYNC_JOBS];
    struct sync_dead dead[SYNC_JOBS];  /* key_count 0: none */
    struct sync_partition *partitions; /* by index / workers */
    uint64_t number;  /* of questions and answers, see sync/gather.h; also in their ids */
    int64_t begin_us; /* rule 15 */
    int64_t next_us;
    uint32_t worked;     /* entries since the last pause */
    int64_t rest_us;     /* until when this is a pause */
    int64_t look_us;     /* when partitions are looked for again */
    int64_t retry_us;    /* when the last that failed may be tried again */
    uint32_t recover_at; /* where that goes on */
    uint32_t compare_at;
    struct bucket bucket; /* bytes that may be asked for */
    struct buffer own;    /* a part of this node's own contents */
};

/* ---- the whole ---- */

struct sync *sync_create(struct engine *engine);
void sync_destroy(struct sync **sync);
/* The time sync->next_us has come. */
void sync_wake(struct sync *sync);
/* Answers whose id has ID_SYNC. */
void sync_chunk(struct sync *sync, node_number node, const struct wire_chunk *chunk);
void sync_compared(struct sync *sync, node_number node, const struct wire_compared *compared);
void sync_looked(struct sync *sync, node_number node, uint64_t id, const struct looked *looked);
void sync_acknowledged(struct sync *sync, node_number node, const struct wire_ack *ack);
/* So many entries were taken, which may bring a pause: other work, and other processes, go first.
 */
void sync_worked(struct sync *sync, uint32_t entries);
/* There may be something to recover: it is not to wait for the next look. */
void sync_hurry(struct sync *sync);
/* The link to the node is lost. */
void sync_lost(struct sync *sync, node_number node);

/* ---- pull.c ---- */

/* Begins a job with SUMS; false where the partition's header does not allow it. */
bool job_begin(struct sync *sync, struct sync_job *job, enum job_purpose purpose,
               uint32_t partition);
/* Ends it, whatever it holds. */
void job_end(struct sync *sync, struct sync_job *job);
/* Ends it, to be begun anew after a pause. */
void job_fail(struct sync *sync, struct sync_job *job);
/* Makes a replica that has given its sums a source, of these leaves. */
void job_source(struct sync_job *job, struct sync_source *source);
/* Those that have not told their sums are lost. */
void job_sums_late(struct sync *sync, struct sync_job *job);
void job_pull(struct sync *sync, struct sync_job *job, struct sync_source *source, uint16_t leaves);
/* Takes entries of a source of the gather, asked for under `number`; false: they make no sense, or
 * there is no memory. */
bool job_take(struct sync *sync, struct sync_job *job, unsigned source, uint64_t number,
              struct span entries);
/* Asks a source under a new id; NULL: it cannot be reached. */
struct buffer *job_question(struct sync *sync, struct sync_job *job, struct sync_source *source,
                            size_t size);
/* Whose answer this is to what it has not answered yet; NULL: nobody's. */
struct sync_source *job_answered(struct sync *sync, node_number node, uint64_t id,
                                 struct sync_job **job);
/* What the job holds counts against maxmemory. */
void job_charge(struct sync *sync, struct sync_job *job);
/* Asks for what may be asked for by now. */
void job_ask(struct sync *sync, struct sync_job *job);
/* Frees some of what jobs that are over had gathered; true when there is more. */
bool jobs_free_some(struct sync *sync, size_t most);
/* Goes on with single keys; true when there is nothing to wait for. `took` counts entries. */
bool job_look(struct sync *sync, struct sync_job *job, uint32_t *took);
struct partition *job_partition(const struct sync *sync, const struct sync_job *job);
struct sync_partition *sync_partition(struct sync *sync, uint32_t partition);

/* ---- what recover.c and compare.c do with it ---- */

/* All replicas have given their sums, or cannot. */
void recover_summed(struct sync *sync, struct sync_job *job);
void compare_summed(struct sync *sync, struct sync_job *job);
/* One step of ADDING; returns what it took, in entries. */
uint32_t recover_add(struct sync *sync, struct sync_job *job);
/* All sources that were pulled are drained. */
void job_drained(struct sync *sync, struct sync_job *job);
/* Goes on to OWN. */
static inline void job_sweep(struct sync_job *job)
{
    job->stage = JOB_OWN;
    job->cursor = 0;
}
/* OWN: drops a piece of what this node should not have; returns how many entries it took. */
uint32_t job_sweep_own(struct sync *sync, struct sync_job *job);
/* Goes on with KEEP; returns about how many entries it took. */
uint32_t recover_keep(struct sync *sync, struct sync_job *job);
uint32_t compare_apply(struct sync *sync, struct sync_job *job);
/* Goes on with MARKS; returns about how many entries it took, 0: it waits. */
uint32_t compare_hand_over(struct sync *sync, struct sync_job *job);
/* A comparison is through. */
void compare_done(struct sync *sync, struct sync_job *job);
/* FIRST of a comparison: this node's own contents. */
uint32_t compare_read_own(struct sync *sync, struct sync_job *job);
/* Whether it is time to compare the partition. */
bool compare_is_due(struct sync *sync, uint32_t partition);

#endif
