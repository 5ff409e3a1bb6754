/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A group: the commands of a transaction about one partition, in their order, as one request. It
 * runs where an update of one key would, or a read where it only reads, and goes there as one
 * FORWARD (WIRE_FORWARD_BATCH). Its arguments say all of it:
 *
 *     "batch"  head  watched keys  the commands' arguments
 *     head: commands u32, watched u32, argc u32 of each command,
 *           and of each watched key: visible u8, dot u64 u16
 *
 * Its coordinator reads the keys that a command depends on, each as a part of the request, at the
 * level of the request, and then runs all commands as one batch operation (replica/batch.h). The
 * reply is an array of theirs; null, where a watched key has changed; or an error, where nothing is
 * known to have run.
 *
 * A group of no commands looks at its watched keys.
 */
#ifndef DUNLIN_NODE_GROUP_H
#define DUNLIN_NODE_GROUP_H

#include "command/transaction.h"
#include "node/parts.h"
#include "replica/batch.h"

/* Commands of one group, which is run in one turn, and under one lock. */
#define GROUP_COMMANDS_MAX 4096

/* What goes into one. */
struct group_content {
    struct queued *const *commands; /* of the transaction */
    const uint32_t *indices;        /* of those that belong to it */
    size_t count;
    struct watched *const *watched;
    const uint32_t *watched_indices;
    size_t watched_count;
};

/* One command about one key: of those of many keys, a part. */
struct group_unit {
    size_t key;
    size_t at; /* the key's place in the command's arguments */
};

struct group_command {
    struct call call;
    enum command_kind kind;
    bool refused; /* by its arguments: the reply is in group->refusals, */
    size_t refusal_at, refusal_size;
    struct buffer made; /* call.made */
    size_t units;       /* so many of the group's belong to it */
};

struct group {
    struct batch_run batch;
    struct group_command *commands;
    size_t count;
    size_t made_count;        /* commands that were begun to be made */
    struct group_unit *units; /* in the order of the commands */
    size_t unit_count;
    struct watched *watched; /* keys 0 to watched_count - 1 of the batch */
    size_t watched_count;
    bool *reads;  /* of each key: a command depends on what it has, or it is watched */
    bool changed; /* a watched key */
    struct buffer refusals;
    struct buffer part; /* the reply about one key of a command of many */
};

/* A request with the content's arguments as its own, and with its group; NULL, with the reason in
 * the whole's reply. */
struct request *group_cut(struct request *whole, const struct group_content *content);

/* Makes the group of the request's arguments, which are its own; false: its reply has an error. */
bool group_create(struct request *request);
/* Frees what it made, if anything. */
void group_destroy(struct request *request);
/* The key that it is routed by. */
struct span group_first_key(const struct request *request);

/* This node coordinates it. */
void group_begin(struct request *request);
/* All its parts are done. */
void group_gathered(struct request *request);

/* ---- for whoever runs commands on a batch (script.c) ---- */

/* A command that can be of a group, with arguments that it likes; a refusal is its reply, in
 * `refusals`. False: it cannot. */
bool group_read_command(const struct request *request, struct group_command *command,
                        const struct span *argv, size_t argc, struct buffer *refusals);
/* The argument that is the next key behind `from`; 0: the first. */
size_t group_next_key(const struct call *call, size_t from);
/* Runs it; `part` is room. Where `copied`, nothing of its arguments is needed afterwards. False:
 * out of memory. */
bool group_run_command(struct batch_run *batch, struct group_command *command,
                       const struct group_unit *units, struct buffer *part, bool copied);
/* Reads keys of request->operation.batch, as parts of the request, at its level; false: there is
 * nothing to be read, for what is stored here counts. */
bool group_gather(struct request *request, const bool *reads);
/* They are done: takes them. True: one of them failed, and so the request has. */
bool group_reads_failed(struct request *request);

/* For operation_calls. */
bool group_run(void *host, struct operation *operation);
/* In OPERATION_GATHERING: its keys are read again, and its commands run again. */
void group_gather_again(struct request *request);

#endif
