/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An interpreter: one Lua state (Lua 5.1, as Redis has it) in which one script at a time runs. It
 * does no I/O and knows no clock. A script sees what Redis 7.0 shows it (sandbox.c) and nothing
 * that an earlier one left: tables that scripts share cannot be changed.
 *
 *   idle -> begun -> ENDED | GIVEN_UP -> idle
 *             |  ^
 *             v  |  SLICED, WAITS
 *
 * A script runs in slices, counted in instructions, so that no turn of a worker is long. It is
 * suspended between two instructions, or in redis.call, where no C function is between it and its
 * host. In a callback of a C function (pcall, string.gsub), a metamethod or an iterator it cannot
 * be: there it runs on up to a hard bound, and redis.call of what is not known yet ends it (AGAIN):
 * it is to be run again from its start, with the reply at hand. Scripts are deterministic for that:
 * math.random begins with the seed of the task.
 *
 * Given up is a script by an error that it cannot catch.
 */
#ifndef DUNLIN_SCRIPT_INTERPRETER_H
#define DUNLIN_SCRIPT_INTERPRETER_H

#include "base/buffer.h"
#include "base/span.h"

/* A script's name: the SHA-1 of its text in hex, without a terminator. */
#define SCRIPT_NAME_SIZE 40

struct interpreter;

/* What redis.call comes to. */
enum script_called {
    CALLED_REPLY, /* the reply has been appended */
    CALLED_WAITS, /* it is to come */
    CALLED_STOP,  /* the script is to be given up */
};

struct script_host {
    /* `protocol` is that of the reply, 2 or 3. The arguments are good until it returns. */
    enum script_called (*call)(void *host, const struct span *argv, size_t argc, int protocol,
                               struct buffer *reply);
    /* redis.log; the level is Redis', 0 (debug) to 3 (warning). */
    void (*log)(void *host, int level, struct span text);
    /* Whether there is such a command. */
    bool (*knows)(void *host, const struct span *argv, size_t argc);
};

enum script_state {
    SCRIPT_ENDED,    /* the reply is complete: what it returned, or its error */
    SCRIPT_SLICED,   /* it had its slice: interpreter_proceed goes on */
    SCRIPT_WAITS,    /* for a command: interpreter_answer goes on */
    SCRIPT_AGAIN,    /* the same, but it is over: run it from its start */
    SCRIPT_GIVEN_UP, /* nothing of what it did is to count; the reply has why, if it was not `call`
                      */
};

/* What a script is run with; all of it is good until it is over. */
struct script_task {
    char name[SCRIPT_NAME_SIZE];
    struct span text;
    const struct span *keys, *arguments;
    size_t key_count, argument_count;
    int protocol;  /* of the client */
    uint32_t seed; /* of math.random */
};

/* Memory of one state, scripts and all, is at most `memory_max` bytes. NULL: out of memory. */
struct interpreter *interpreter_create(size_t memory_max);
void interpreter_destroy(struct interpreter **interpreter);
/* Bytes that it takes by now, and may take. */
size_t interpreter_memory(const struct interpreter *interpreter);
size_t interpreter_memory_max(const struct interpreter *interpreter);

/* Begins the task. False: its text is no script, and the reply says why. */
bool interpreter_begin(struct interpreter *interpreter, const struct script_task *task,
                       const struct script_host *calls, void *host, struct buffer *reply);
/* Runs a slice. `work` counts instructions, about, and is added to. */
enum script_state interpreter_proceed(struct interpreter *interpreter, struct buffer *reply,
                                      uint32_t *work);
/* The same after SCRIPT_WAITS, with the reply to the command. */
enum script_state interpreter_answer(struct interpreter *interpreter, struct span answer,
                                     struct buffer *reply, uint32_t *work);
/* Ends a script that is begun and not over. */
void interpreter_stop(struct interpreter *interpreter);
/* Whether it can serve another script; else it is to be destroyed. */
bool interpreter_reusable(const struct interpreter *interpreter);
/* Throws away the scripts that it has compiled. */
void interpreter_forget(struct interpreter *interpreter);

/* Instructions of one slice. */
#define SCRIPT_SLICE_WORK 30000u
/* And at most where it cannot be suspended. */
#define SCRIPT_HELD_WORK_MAX 5000000u

#endif
