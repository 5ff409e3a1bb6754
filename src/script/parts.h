/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the interpreter is made of, for its own files:
 *
 *   interpreter.c  memory, compiling, slices, errors
 *   sandbox.c      what of Lua a script sees, and how shared tables are kept from change
 *   redis.c        the table `redis`
 *   convert.c      replies to Lua values, and Lua values to replies
 *   msgpack.c      the library cmsgpack
 *   pack.c         the library struct
 *   random.c       math.random
 */
#ifndef DUNLIN_SCRIPT_PARTS_H
#define DUNLIN_SCRIPT_PARTS_H

#include <lauxlib.h>
#include <lua-bitop.h>
#include <lua-cjson.h>
#include <lua.h>
#include <lualib.h>

#include "script/interpreter.h"

/* Instructions between two looks at how long a script has run. */
#define HOOK_WORK 1000
/* What a redis.call counts for, instructions. */
#define CALL_WORK 300

/* What a state keeps in its registry, by numbers. */
enum slot {
    SLOT_FRONTS = 1, /* pairs: a table that cannot be changed, and what is behind it */
    SLOT_GLOBALS,    /* behind the front of the globals */
    SLOT_COMPILED,   /* functions by the names of scripts */
    SLOT_THREAD,     /* of the script that runs: keeps it from being collected */
};

/* Why a script is given up: pcall and its like do not catch it. */
enum give_up {
    GIVE_UP_NOT,
    GIVE_UP_CALL,   /* the host said so */
    GIVE_UP_AGAIN,  /* it waits where it cannot be suspended */
    GIVE_UP_MEMORY, /* it has more than it may */
    GIVE_UP_HELD,   /* it ran too long where it cannot be suspended */
};

struct interpreter {
    lua_State *state;
    size_t memory, memory_max;
    bool dirty;      /* a script has changed how a library works */
    size_t compiled; /* scripts */

    /* Of the script that runs. */
    lua_State *thread; /* NULL: none */
    const struct script_host *calls;
    void *host;
    char name[SCRIPT_NAME_SIZE];
    int protocol;         /* of the client */
    int replies_protocol; /* redis.setresp */
    enum give_up give_up;
    bool waits;  /* in redis.call */
    bool raises; /* where that was redis.call, and not pcall */
    int results; /* values that it is resumed with */
    uint32_t slice_work;
    uint32_t held_work; /* since it could be suspended last */
    uint64_t random;

    struct buffer answer; /* of the command that is called */
    struct span *argv;
    size_t argv_capacity;
    struct buffer numbers; /* arguments that are numbers, as text */
};

static inline struct interpreter *interpreter_of(lua_State *L)
{
    void *interpreter;

    lua_getallocf(L, &interpreter);
    return interpreter;
}

/* Raises what cannot be caught. */
int interpreter_give_up(lua_State *L, enum give_up why);
/* After a function of Lua's own has caught an error: raises again what is not to be caught. */
void interpreter_pass_on(lua_State *L);
/* Whether the script can be suspended in the function at `level` of the stack. */
bool interpreter_may_yield(lua_State *L, int level);

/* ---- sandbox.c ---- */

/* Fills the state with all that scripts see. */
int sandbox_open(lua_State *L);
/* Sets a global variable, past the protection, to the value on the top, which it takes. */
void sandbox_set_global(lua_State *L, const char *name);
/* Puts one in front of the table on the top that cannot be changed. */
void sandbox_protect(lua_State *L);
/* The Lua value at `index`, nested as it may be, has more than that many values or bytes. */
bool sandbox_exceeds(lua_State *L, int index, size_t values_max, size_t bytes_max);

/* ---- the libraries ---- */

/* Each leaves its table on the top. */
int redis_open(lua_State *L);
int msgpack_open(lua_State *L);
int pack_open(lua_State *L);
/* Puts random and randomseed into the table on the top. */
void random_open(lua_State *L);
void random_seed(struct interpreter *interpreter, uint32_t seed);

/* ---- convert.c ---- */

/* Pushes the reply as a Lua value. False: it is no reply. */
bool convert_push(lua_State *L, struct span reply, int protocol);
/* Raises an error reply ("ERR why"), as redis.call does, or pushes it as a table. */
int convert_raise(lua_State *L, const char *text);
void convert_push_error(lua_State *L, const char *text);
/* Appends the value at `index` as a reply. */
void convert_reply(lua_State *L, int index, struct buffer *reply);

#endif
