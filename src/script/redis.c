/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table `redis` of scripts: call, pcall and what Redis 7.0 has beside them.
 */
#include <openssl/sha.h>
#include <stdio.h>

#include "base/memory.h"
#include "script/parts.h"

/* Of the Redis that scripts may take us for. */
#define VERSION_TEXT   "7.0.15"
#define VERSION_NUMBER 0x0007000f

#define LOG_LEVELS 4
#define REPL_ALL   3

/* ---- call and pcall ---- */

static bool make_room(struct interpreter *interpreter, size_t count)
{
    if (interpreter->argv_capacity >= count)
        return true;
    struct span *argv = memory_try_realloc(interpreter->argv, count * sizeof argv[0]);
    if (argv == NULL)
        return false;
    interpreter->argv = argv;
    interpreter->argv_capacity = count;
    return true;
}

/* The arguments as spans: strings where they are, numbers with all their digits. Returns an error's
 * text, or NULL. */
static const char *read_arguments(lua_State *L, struct interpreter *interpreter, size_t count)
{
    size_t used = 0;

    if (count == 0)
        return "ERR Please specify at least one argument for this redis lib call";
    if (!make_room(interpreter, count))
        return "OOM out of memory for the arguments";
    for (size_t i = 0; i < count; i++)
        if (lua_type(L, (int)i + 1) == LUA_TNUMBER)
            used += 64;
    buffer_reset(&interpreter->numbers, 4096);
    uint8_t *at = buffer_reserve(&interpreter->numbers, used + 1);
    if (at == NULL)
        return "OOM out of memory for the arguments";
    for (size_t i = 0; i < count; i++) {
        const int index = (int)i + 1;
        struct span *argument = &interpreter->argv[i];
        if (lua_type(L, index) == LUA_TNUMBER) {
            const int size = snprintf((char *)at, 64, "%.17g", lua_tonumber(L, index));
            *argument = span_of(at, (size_t)size);
            at += size;
        } else if (lua_type(L, index) == LUA_TSTRING) {
            argument->data = (const uint8_t *)lua_tolstring(L, index, &argument->size);
        } else {
            return "ERR Lua redis lib command arguments must be strings or integers";
        }
    }
    return NULL;
}

static int fail_call(lua_State *L, const char *text, bool raises)
{
    if (raises)
        return convert_raise(L, text);
    convert_push_error(L, text);
    return 1;
}

/* The reply is there, in interpreter->answer. */
static int take_answer(lua_State *L, bool raises)
{
    struct interpreter *interpreter = interpreter_of(L);
    const struct span answer = buffer_content(&interpreter->answer);

    if (interpreter->answer.failed || !convert_push(L, answer, interpreter->replies_protocol))
        return fail_call(L, "OOM out of memory for the reply", raises);
    if (answer.data[0] != '-')
        return 1;
    if (raises)
        return lua_error(L);
    lua_pushboolean(L, true);
    lua_setfield(L, -2, "ignore_error_stats_update");
    return 1;
}

static int run_command(lua_State *L, bool raises)
{
    struct interpreter *interpreter = interpreter_of(L);
    const size_t count = (size_t)lua_gettop(L);
    const char *error = read_arguments(L, interpreter, count);

    if (error != NULL)
        return fail_call(L, error, raises);
    if (interpreter->give_up != GIVE_UP_NOT)
        return interpreter_give_up(L, interpreter->give_up);
    interpreter->slice_work += CALL_WORK;
    buffer_reset(&interpreter->answer, 16 * 1024);
    switch (interpreter->calls->call(interpreter->host, interpreter->argv, count,
                                     interpreter->replies_protocol, &interpreter->answer)) {
    case CALLED_REPLY:
        return take_answer(L, raises);
    case CALLED_WAITS:
        if (!interpreter_may_yield(L, 0))
            return interpreter_give_up(L, GIVE_UP_AGAIN);
        interpreter->waits = true;
        interpreter->raises = raises;
        return lua_yield(L, 0);
    case CALLED_STOP:
        break;
    }
    return interpreter_give_up(L, GIVE_UP_CALL);
}

static int redis_acl_check_cmd(lua_State *L)
{
    struct interpreter *interpreter = interpreter_of(L);
    const size_t count = (size_t)lua_gettop(L);
    const char *error = read_arguments(L, interpreter, count);

    if (error != NULL)
        return convert_raise(L, error);
    if (!interpreter->calls->knows(interpreter->host, interpreter->argv, count))
        return convert_raise(L, "ERR Invalid command passed to redis.acl_check_cmd()");
    lua_pushboolean(L, true); /* there is one user, who may do all */
    return 1;
}

static int redis_call(lua_State *L)
{
    return run_command(L, true);
}

static int redis_pcall(lua_State *L)
{
    return run_command(L, false);
}

/* ---- replies ---- */

static int bad_reply(lua_State *L)
{
    convert_push_error(L, "ERR wrong number or type of arguments");
    return 1;
}

/* "-CODE why" is an error of that code, and a text of one word has the code ERR. */
static int redis_error_reply(lua_State *L)
{
    if (lua_gettop(L) != 1 || lua_type(L, 1) != LUA_TSTRING)
        return bad_reply(L);
    const char *text = lua_tostring(L, 1);
    text += text[0] == '-';
    if (strchr(text, ' ') == NULL)
        text = lua_pushfstring(L, "ERR %s", text);
    convert_push_error(L, text);
    return 1;
}

static int redis_status_reply(lua_State *L)
{
    if (lua_gettop(L) != 1 || lua_type(L, 1) != LUA_TSTRING)
        return bad_reply(L);
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "ok");
    return 1;
}

/* ---- the rest ---- */

static int redis_log(lua_State *L)
{
    struct interpreter *interpreter = interpreter_of(L);
    const int count = lua_gettop(L);
    luaL_Buffer text;
    struct span said;

    if (count < 2)
        return convert_raise(L, "ERR redis.log() requires two arguments or more.");
    if (!lua_isnumber(L, -count))
        return convert_raise(L, "ERR First argument must be a number (log level).");
    const lua_Number level = lua_tonumber(L, 1);
    if (level < 0 || level >= LOG_LEVELS)
        return convert_raise(L, "ERR Invalid debug level.");
    luaL_buffinit(L, &text);
    for (int i = 2; i <= count; i++) {
        if (!lua_isstring(L, i))
            continue;
        if (i > 2)
            luaL_addchar(&text, ' ');
        lua_pushvalue(L, i);
        luaL_addvalue(&text);
    }
    luaL_pushresult(&text);
    said.data = (const uint8_t *)lua_tolstring(L, -1, &said.size);
    interpreter->calls->log(interpreter->host, (int)level, said);
    return 0;
}

static int redis_sha1hex(lua_State *L)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[SHA_DIGEST_LENGTH];
    char text[2 * SHA_DIGEST_LENGTH];
    size_t size = 0;

    if (lua_gettop(L) != 1)
        return convert_raise(L, "ERR wrong number of arguments");
    const char *bytes = lua_tolstring(L, 1, &size);
    SHA1((const unsigned char *)(bytes != NULL ? bytes : ""), size, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    lua_pushlstring(L, text, sizeof text);
    return 1;
}

static int redis_setresp(lua_State *L)
{
    if (lua_gettop(L) != 1)
        return convert_raise(L, "ERR redis.setresp() requires one argument.");
    const lua_Number protocol = lua_tonumber(L, 1);
    if (protocol != 2 && protocol != 3)
        return convert_raise(L, "ERR RESP version must be 2 or 3.");
    interpreter_of(L)->replies_protocol = (int)protocol;
    return 0;
}

/* Effects are always what is replicated. */
static int redis_replicate_commands(lua_State *L)
{
    lua_pushboolean(L, true);
    return 1;
}

static int redis_set_repl(lua_State *L)
{
    if (lua_gettop(L) != 1)
        return convert_raise(L, "ERR redis.set_repl() requires two arguments.");
    const lua_Number flags = lua_tonumber(L, 1);
    if (flags < 0 || flags > REPL_ALL)
        return convert_raise(L, "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, "
                                "REPL_ALL or REPL_NONE.");
    return 0;
}

/* There is no debugger that it could stop in. */
static int redis_breakpoint(lua_State *L)
{
    lua_pushboolean(L, false);
    return 1;
}

static int redis_debug(lua_State *L)
{
    (void)L;
    return 0;
}

static const luaL_Reg functions[] = {{"call", redis_call},
                                     {"pcall", redis_pcall},
                                     {"acl_check_cmd", redis_acl_check_cmd},
                                     {"error_reply", redis_error_reply},
                                     {"status_reply", redis_status_reply},
                                     {"log", redis_log},
                                     {"sha1hex", redis_sha1hex},
                                     {"setresp", redis_setresp},
                                     {"replicate_commands", redis_replicate_commands},
                                     {"set_repl", redis_set_repl},
                                     {"breakpoint", redis_breakpoint},
                                     {"debug", redis_debug},
                                     {NULL, NULL}};

static const struct {
    const char *name;
    int value;
} numbers[] = {{"LOG_DEBUG", 0},  {"LOG_VERBOSE", 1},
               {"LOG_NOTICE", 2}, {"LOG_WARNING", 3},
               {"REPL_NONE", 0},  {"REPL_AOF", 1},
               {"REPL_SLAVE", 2}, {"REPL_REPLICA", 2},
               {"REPL_ALL", 3},   {"REDIS_VERSION_NUM", VERSION_NUMBER}};

int redis_open(lua_State *L)
{
    lua_newtable(L);
    for (size_t i = 0; functions[i].name != NULL; i++) {
        lua_pushcfunction(L, functions[i].func);
        lua_setfield(L, -2, functions[i].name);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        lua_pushinteger(L, numbers[i].value);
        lua_setfield(L, -2, numbers[i].name);
    }
    lua_pushliteral(L, VERSION_TEXT);
    lua_setfield(L, -2, "REDIS_VERSION");
    return 1;
}
