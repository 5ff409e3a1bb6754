/* SPDX-License-Identifier: BSD-3-Clause */
#include "script/interpreter.h"

#include "base/assert.h"
#include "base/memory.h"
#include "resp/reply.h"
#include "script/parts.h"

/* How deep a script may be for it to be suspended. */
#define YIELD_DEPTH_MAX 64
/* Garbage is collected in steps; all of it where a script left so much, bytes. */
#define GARBAGE_MAX (512u << 10)
/* The collector waits until memory has grown to so many percent. */
#define COLLECTOR_PAUSE 150
/* Bytes of memory that take as long as an instruction. */
#define BYTES_PER_WORK 64
/* Compiled scripts that a state keeps. */
#define COMPILED_MAX 512

/* ---- memory ---- */

static void *reallocate(void *context, void *block, size_t old_size, size_t size)
{
    struct interpreter *interpreter = context;

    if (size == 0) {
        memory_free(block);
        interpreter->memory -= block != NULL ? old_size : 0;
        return NULL;
    }
    const size_t before = block != NULL ? old_size : 0;
    const size_t after = interpreter->memory - before + size;
    void *moved = size > before && after > interpreter->memory_max
                      ? NULL
                      : memory_try_realloc(block, size);
    if (moved == NULL) { /* Lua raises an error then */
        if (interpreter->thread != NULL && interpreter->give_up == GIVE_UP_NOT)
            interpreter->give_up = GIVE_UP_MEMORY;
        return NULL;
    }
    interpreter->memory = after;
    if (size > before)
        interpreter->slice_work += (uint32_t)((size - before) / BYTES_PER_WORK);
    return moved;
}

size_t interpreter_memory(const struct interpreter *interpreter)
{
    return interpreter->memory + interpreter->answer.capacity;
}

size_t interpreter_memory_max(const struct interpreter *interpreter)
{
    return interpreter->memory_max;
}

/* ---- its life ---- */

static int open_state(lua_State *L)
{
    sandbox_open(L);
    lua_newtable(L);
    lua_rawseti(L, LUA_REGISTRYINDEX, SLOT_COMPILED);
    lua_gc(L, LUA_GCSETPAUSE, COLLECTOR_PAUSE);
    return 0;
}

struct interpreter *interpreter_create(size_t memory_max)
{
    struct interpreter *interpreter = memory_alloc(sizeof *interpreter);

    interpreter->memory_max = memory_max;
    interpreter->state = lua_newstate(reallocate, interpreter);
    if (interpreter->state == NULL || lua_cpcall(interpreter->state, open_state, NULL) != 0)
        interpreter_destroy(&interpreter);
    return interpreter;
}

void interpreter_destroy(struct interpreter **interpreter)
{
    struct interpreter *gone = *interpreter;

    *interpreter = NULL;
    if (gone == NULL)
        return;
    gone->thread = NULL;
    if (gone->state != NULL)
        lua_close(gone->state);
    buffer_deinit(&gone->answer);
    buffer_deinit(&gone->numbers);
    memory_free(gone->argv);
    memory_free(gone);
}

bool interpreter_reusable(const struct interpreter *interpreter)
{
    return !interpreter->dirty;
}

static int forget_all(lua_State *L)
{
    lua_newtable(L);
    lua_rawseti(L, LUA_REGISTRYINDEX, SLOT_COMPILED);
    interpreter_of(L)->compiled = 0;
    return 0;
}

void interpreter_forget(struct interpreter *interpreter)
{
    if (lua_cpcall(interpreter->state, forget_all, NULL) != 0)
        interpreter->dirty = true;
}

/* ---- giving up ---- */

int interpreter_give_up(lua_State *L, enum give_up why)
{
    struct interpreter *interpreter = interpreter_of(L);

    interpreter->give_up = why;
    lua_pushlightuserdata(L, interpreter);
    return lua_error(L);
}

void interpreter_pass_on(lua_State *L)
{
    const enum give_up why = interpreter_of(L)->give_up;

    if (why != GIVE_UP_NOT)
        interpreter_give_up(L, why);
}

/* ---- slices ---- */

/* Whether the function at a level was called by an instruction of a Lua function: between the two
 * there is no C function then. */
static bool called_plainly(lua_State *L, lua_Debug *at, bool is_function_itself)
{
    lua_getinfo(L, "Sn", at);
    if (strcmp(at->what, "tail") == 0 || (strcmp(at->what, "C") == 0 && !is_function_itself))
        return false;
    return *at->namewhat != '\0' && strcmp(at->name, "(for generator)") != 0;
}

bool interpreter_may_yield(lua_State *L, int level)
{
    lua_Debug at, below;

    if (L != interpreter_of(L)->thread)
        return false;
    for (int i = level; i < YIELD_DEPTH_MAX && lua_getstack(L, i, &at); i++) {
        if (lua_getstack(L, i + 1, &below) == 0) {
            lua_getinfo(L, "S", &at);
            return strcmp(at.what, "main") == 0;
        }
        if (!called_plainly(L, &at, i == level))
            return false;
    }
    return false;
}

static void count_work(lua_State *L, lua_Debug *at)
{
    struct interpreter *interpreter = interpreter_of(L);

    (void)at;
    interpreter_pass_on(L);
    interpreter->slice_work += HOOK_WORK;
    interpreter->held_work += HOOK_WORK;
    if (interpreter->slice_work < SCRIPT_SLICE_WORK)
        return;
    if (interpreter_may_yield(L, 0))
        lua_yield(L, 0);
    else if (interpreter->held_work >= SCRIPT_HELD_WORK_MAX)
        interpreter_give_up(L, GIVE_UP_HELD);
}

/* ---- compiling ---- */

struct beginning {
    const struct script_task *task;
    char error[512]; /* "": there is none */
};

/* The text behind a first line "#!lua ...", whose end stays, so that lines keep their numbers. */
static struct span body_of(struct span text)
{
    const uint8_t *end;

    if (text.size < 2 || memcmp(text.data, "#!", 2) != 0)
        return text;
    end = memchr(text.data, '\n', text.size);
    return end == NULL ? span_of(NULL, 0) : span_of(end, text.size - (size_t)(end - text.data));
}

/* Leaves the compiled function on the top. */
static bool push_function(lua_State *L, struct beginning *beginning)
{
    const struct script_task *task = beginning->task;
    const struct span body = body_of(task->text);

    lua_rawgeti(L, LUA_REGISTRYINDEX, SLOT_COMPILED);
    lua_pushlstring(L, task->name, sizeof task->name);
    lua_rawget(L, -2);
    if (!lua_isnil(L, -1)) {
        lua_remove(L, -2);
        return true;
    }
    lua_pop(L, 1);
    if (body.size > 0 && body.data[0] == LUA_SIGNATURE[0]) {
        lua_pushliteral(L, "user_script: it is no text");
    } else if (luaL_loadbuffer(L, body.size > 0 ? (const char *)body.data : "", body.size,
                               "@user_script") == 0) {
        lua_pushlstring(L, task->name, sizeof task->name);
        lua_pushvalue(L, -2);
        lua_rawset(L, -4);
        lua_remove(L, -2);
        interpreter_of(L)->compiled++;
        return true;
    }
    lua_pushfstring(L, "ERR Error compiling script (new function): %s", lua_tostring(L, -1));
    snprintf(beginning->error, sizeof beginning->error, "%s", lua_tostring(L, -1));
    return false;
}

static void set_strings(lua_State *L, const char *name, const struct span *strings, size_t count)
{
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_pushlstring(L, (const char *)strings[i].data, strings[i].size);
        lua_rawseti(L, -2, (int)i + 1);
    }
    sandbox_set_global(L, name);
}

static int begin_protected(lua_State *L)
{
    struct beginning *beginning = lua_touserdata(L, 1);
    const struct script_task *task = beginning->task;
    struct interpreter *interpreter = interpreter_of(L);

    if (interpreter->compiled >= COMPILED_MAX)
        forget_all(L);
    if (!push_function(L, beginning))
        return 0;
    set_strings(L, "KEYS", task->keys, task->key_count);
    set_strings(L, "ARGV", task->arguments, task->argument_count);
    lua_State *thread = lua_newthread(L);
    lua_rawseti(L, LUA_REGISTRYINDEX, SLOT_THREAD);
    lua_xmove(L, thread, 1);
    lua_sethook(thread, count_work, LUA_MASKCOUNT, HOOK_WORK);
    interpreter->thread = thread;
    return 0;
}

bool interpreter_begin(struct interpreter *interpreter, const struct script_task *task,
                       const struct script_host *calls, void *host, struct buffer *reply)
{
    struct beginning beginning = {.task = task};

    ensure(interpreter->thread == NULL);
    interpreter->calls = calls;
    interpreter->host = host;
    memcpy(interpreter->name, task->name, sizeof interpreter->name);
    interpreter->protocol = task->protocol;
    interpreter->replies_protocol = 2;
    interpreter->give_up = GIVE_UP_NOT;
    interpreter->waits = false;
    interpreter->results = 0;
    interpreter->held_work = 0;
    random_seed(interpreter, task->seed);
    if (lua_cpcall(interpreter->state, begin_protected, &beginning) != 0) {
        interpreter->dirty = true;
        reply_error(reply, "ERR the script and its arguments take more than script-memory-limit");
        return false;
    }
    if (interpreter->thread != NULL)
        return true;
    reply_error(reply, beginning.error);
    return false;
}

/* ---- its end ----
 *
 * What takes memory is done in the state, under protection, and never in the thread: an error there
 * would find nobody to catch it, and end the process.
 */

struct ending {
    struct interpreter *interpreter;
    struct buffer *reply;
};

static int convert_protected(lua_State *L)
{
    const struct ending *ending = lua_touserdata(L, 1);
    lua_State *thread = ending->interpreter->thread;

    if (lua_gettop(thread) == 0) {
        lua_pushnil(L);
    } else {
        lua_settop(thread, 1);
        lua_xmove(thread, L, 1);
    }
    convert_reply(L, -1, ending->reply);
    return 0;
}

/* Where the error was raised: the innermost function of the script. */
static int line_of_error(lua_State *thread)
{
    lua_Debug at;

    for (int level = 0; lua_getstack(thread, level, &at); level++) {
        lua_getinfo(thread, "Sl", &at);
        if (at.currentline > 0)
            return at.currentline;
    }
    return 0;
}

static int convert_error_protected(lua_State *L)
{
    const struct ending *ending = lua_touserdata(L, 1);
    lua_State *thread = ending->interpreter->thread;
    const int line = line_of_error(thread);
    const char *text = NULL, *code = "";

    lua_xmove(thread, L, 1);
    if (lua_istable(L, -1)) {
        lua_pushliteral(L, "err");
        lua_rawget(L, -2);
        text = lua_tostring(L, -1);
    } else {
        code = "ERR ";
        text = lua_isnil(L, -1) ? "nil" : lua_tostring(L, -1);
    }
    if (text == NULL) {
        code = "ERR ";
        text = "the script raised an error that has no text";
    }
    lua_pushfstring(L, "%s%s script: ", code, text);
    lua_pushlstring(L, ending->interpreter->name, SCRIPT_NAME_SIZE);
    lua_pushfstring(L, ", on @user_script:%d.", line);
    lua_concat(L, 3);
    reply_error(ending->reply, lua_tostring(L, -1));
    return 0;
}

/* No script runs any more. */
static void clean(struct interpreter *interpreter)
{
    lua_State *L = interpreter->state;

    interpreter->thread = NULL;
    lua_pushnil(L);
    lua_rawseti(L, LUA_REGISTRYINDEX, SLOT_THREAD); /* it is there: no memory is taken */
    lua_settop(L, 0);
    buffer_reset(&interpreter->answer, 16 * 1024);
    if (interpreter->memory > GARBAGE_MAX)
        lua_gc(L, LUA_GCCOLLECT, 0);
}

void interpreter_stop(struct interpreter *interpreter)
{
    if (interpreter->thread != NULL)
        clean(interpreter);
}

static enum script_state given_up(struct interpreter *interpreter, struct buffer *reply)
{
    const enum give_up why = interpreter->give_up;

    clean(interpreter);
    switch (why) {
    case GIVE_UP_AGAIN:
        return SCRIPT_AGAIN;
    case GIVE_UP_MEMORY:
        reply_error(reply, "ERR the script needs more than script-memory-limit, and was ended; "
                           "nothing was written");
        break;
    case GIVE_UP_HELD:
        reply_error(reply,
                    "ERR the script ran too long in a callback, where it cannot make way for "
                    "others, and was ended; nothing was written");
        break;
    case GIVE_UP_CALL:
    case GIVE_UP_NOT:
        break;
    }
    return SCRIPT_GIVEN_UP;
}

static enum script_state ended(struct interpreter *interpreter, bool error, struct buffer *reply)
{
    struct ending ending = {.interpreter = interpreter, .reply = reply};
    const size_t before = buffer_size(reply);

    if (lua_cpcall(interpreter->state, error ? convert_error_protected : convert_protected,
                   &ending) != 0) {
        buffer_truncate(reply, before);
        interpreter->give_up = GIVE_UP_MEMORY;
        return given_up(interpreter, reply);
    }
    clean(interpreter);
    return SCRIPT_ENDED;
}

enum script_state interpreter_proceed(struct interpreter *interpreter, struct buffer *reply,
                                      uint32_t *work)
{
    const int results = interpreter->results;

    ensure(interpreter->thread != NULL);
    interpreter->slice_work = interpreter->held_work = 0;
    interpreter->results = 0;
    interpreter->waits = false;
    const int status = lua_resume(interpreter->thread, results);
    *work += interpreter->slice_work + HOOK_WORK / 2;
    if (status == LUA_YIELD)
        return interpreter->waits ? SCRIPT_WAITS : SCRIPT_SLICED;
    if (interpreter->give_up != GIVE_UP_NOT)
        return given_up(interpreter, reply);
    return ended(interpreter, status != 0, reply);
}

static int push_answer(lua_State *L)
{
    const struct span *answer = lua_touserdata(L, 1);
    struct interpreter *interpreter = interpreter_of(L);

    if (!convert_push(L, *answer, interpreter->replies_protocol))
        return luaL_error(L, "no reply");
    if (answer->data[0] == '-') {
        lua_pushboolean(L, true);
        lua_setfield(L, -2, "ignore_error_stats_update");
    }
    lua_xmove(L, interpreter->thread, 1);
    return 0;
}

enum script_state interpreter_answer(struct interpreter *interpreter, struct span answer,
                                     struct buffer *reply, uint32_t *work)
{
    /* An error is raised in redis.call, which has been left: the script is run to there again. */
    if (interpreter->raises && answer.size > 0 && answer.data[0] == '-') {
        interpreter->give_up = GIVE_UP_AGAIN;
        return given_up(interpreter, reply);
    }
    if (lua_cpcall(interpreter->state, push_answer, &answer) != 0) {
        interpreter->give_up = GIVE_UP_MEMORY;
        return given_up(interpreter, reply);
    }
    interpreter->results = 1;
    return interpreter_proceed(interpreter, reply, work);
}
