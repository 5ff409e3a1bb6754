/* SPDX-License-Identifier: BSD-3-Clause
 *
 * EVAL and its like: a script runs at the first healthy replica of its first key, outside every
 * lock, on a view of its keys, and what it leaves is applied as one step.
 *
 *     reading   the keys at the level of the request, each as a part of it, where R > 1 (group.h)
 *     viewing   under the partition's lock: the newer of what the quorum answered and what is
 * stored is copied, for all keys at one moment running   the script, a slice at a time; redis.call
 * sees the view, with what the script did applying  under the lock: where all keys are still as the
 * script saw them, what it changed gets one stamp and is kept and offered as one batch
 * (replica/batch.h); where they are not, they are viewed anew in the same hold of the lock, and the
 * script runs again, at most SCRIPT_TRIES_MAX times
 *
 * Its keys are those of the partition of its first key that it declares, and others of that
 * partition once it names them: then it is begun again with them. All else that it calls is an
 * ordinary command, a part of the request: keys of other partitions, commands about the whole
 * cluster, and all of a script without keys, which runs where it arrived. Their replies are
 * recorded, and are the answers to the same calls where the script has to be run again.
 *
 * A script that fails leaves what it did up to there, as in Redis. One that is ended (SCRIPT KILL,
 * its time, its memory) leaves nothing, but for what its commands did elsewhere.
 */
#ifndef DUNLIN_NODE_SCRIPT_H
#define DUNLIN_NODE_SCRIPT_H

#include "node/exec.h"
#include "node/group.h"
#include "node/parts.h"
#include "script/scripts.h"

/* How often the keys of a script may change under it. */
#define SCRIPT_TRIES_MAX 64
/* Keys of one partition that a script works on. */
#define SCRIPT_KEYS_MAX 4096
/* Bytes of the recorded replies of one run, with their commands. */
#define SCRIPT_RECORD_MAX (64u << 20)
/* Scripts of one worker that are suspended; others wait. */
#define SCRIPTS_AT_ONCE 16

/* ---- what other nodes are asked (script_ask.c) ---- */

enum script_question {
    SCRIPT_LOAD,  /* the bytes are a script; of the id 0 nobody waits for the answer */
    SCRIPT_FETCH, /* the bytes are a name */
    SCRIPT_FLUSH,
    SCRIPT_KILL,
};

struct script_asking {
    struct buffer waiting; /* numbers of nodes that have yet to answer */
    uint8_t status;        /* the highest answer */
    char name[SCRIPT_NAME_SIZE];
    struct script *found; /* what SCRIPT_FETCH wanted */
};

/* Asks all nodes that can be reached; false: there is none. */
bool script_ask(struct request *request, struct script_asking *asking,
                enum script_question question, struct span bytes);
void script_asking_end(struct script_asking *asking);
/* Tells all nodes of a script that is new here. */
void script_spread(struct engine *engine, struct span text);

/* Another node's question, and its answer. */
void script_serve(struct link *link, const struct wire_script *script);
void script_answered(struct request *request, node_number node,
                     const struct wire_scripted *scripted);
void script_lost(struct request *request, node_number node);

/* SCRIPT LOAD, EXISTS, FLUSH, KILL; and who of the others does not answer in time. */
bool script_is_command(const struct command *command);
void script_command_begin(struct request *request);
void script_command_timeout(struct request *request);

/* ---- a script that runs (script.c) ---- */

struct script_job {
    struct task task;
    struct script *script;
    struct interpreter *interpreter; /* NULL: it does not run */
    struct list queued;              /* in pool->queue while it waits for one */
    uint32_t seed;                   /* of math.random */
    bool fresh;                      /* the script is not known to be one yet */
    bool read_only;

    /* Its keys. `view` has what the script sees, by the same indices as `batch`. */
    bool placed; /* it has some: `class` is theirs */
    struct route_class class;
    struct batch_run batch, view;
    size_t capacity;
    bool *reads;        /* those that are yet to be read */
    uint8_t **names;    /* of keys that were not declared */
    struct instant now; /* of the view */
    bool viewed;        /* the operation has begun */
    bool stale;         /* the keys were otherwise: they are viewed anew */
    bool wants;         /* it was given up for keys that it had not */
    bool full;          /* out of memory, or of bounds: `why` */
    const char *why;
    unsigned tries;
    bool ran;  /* the script ran on the view, to its end */
    bool runs; /* its interpreter has begun, and goes on */
    bool asks; /* its parts are a command, and not its keys */

    /* What its commands elsewhere answered: u32 size, arguments, u32 size, reply. */
    struct buffer record;
    size_t record_at;
    struct buffer call_bytes; /* the arguments of the call in progress */
    struct request *asked;    /* the command, not begun yet */
    bool suspended;           /* the interpreter waits for its reply */

    bool counted; /* `run` is known to SCRIPT KILL */
    struct script_run run;
    struct script_asking asking;
    struct buffer made, part; /* room */
    int64_t last_us;          /* mono: when it is ended */
    int64_t told_us;          /* mono: when the node that forwarded it heard last that it runs */
};

bool script_is(const struct command *command);
/* The argument that is the first key; 0: there is none. */
size_t script_first_key(const struct call *call);
/* This node coordinates it, or it has no keys. */
void script_begin(struct request *request);
/* Of one that was forwarded, and whose coordinator tells that it runs: when it is given up, mono
 * us. */
int64_t script_awaited_us(const struct request *request);
/* How long a script may run, us. */
int64_t script_time_us(const struct engine *engine);
/* The request's operation is done. True: the script goes on. */
bool script_settled(struct request *request);
/* What it waits for has not come in time. */
void script_timeout(struct request *request);
/* The script that was asked for has come, or nobody has it. */
void script_fetched(struct script_job *job);
struct script_job *script_job_of(const struct request *request);
/* The request runs a script, and one of its commands beside the view has begun to write: no other
 * node may begin it anew, and its client is not asked to. */
bool script_has_written(const struct request *request);

/* For operation_calls. */
bool script_run(void *host, struct operation *operation);
/* In OPERATION_GATHERING: its keys are read again, and what it did is applied, or done again. */
void script_gather_again(struct request *request);

/* ---- the view (script_view.c); script_run is there as well ---- */

/* As it was taken: the script begins. */
void script_view_reset(struct script_job *job);
/* Bytes that the script's changes add, about. */
size_t script_view_room(const struct script_job *job);

/* ---- redis.call (script_call.c) ---- */

extern const struct script_host script_calls;

/* The key's place among the job's, which it gets if it has none yet; SIZE_MAX: there are too many.
 */
size_t script_key(struct script_job *job, struct span key, bool declared);
/* The command that was asked for is done, or was there before: its reply goes into the record. */
struct span script_note_answer(struct script_job *job, struct span reply);

/* ---- the interpreters of a worker (script_pool.c) ---- */

struct script_pool {
    struct scripts *scripts; /* of the node */
    bool owns;               /* nobody else has them */
    struct interpreter *all[SCRIPTS_AT_ONCE], *idle[SCRIPTS_AT_ONCE];
    size_t count, idle_count;
    size_t charged; /* bytes, as the store was told */
    uint64_t flushes;
    struct list queue;      /* of struct script_job, by queued */
    struct session session; /* what commands about a connection see */
};

void script_pool_create(struct engine *engine, struct scripts *scripts);
void script_pool_destroy(struct engine *engine);
/* One that runs nothing; NULL: all are in use. */
struct interpreter *script_pool_borrow(struct engine *engine);
/* Whatever runs in it is stopped. */
void script_pool_release(struct engine *engine, struct interpreter **interpreter);
/* Tells the store what all of it takes. */
void script_pool_charge(struct engine *engine);

#endif
