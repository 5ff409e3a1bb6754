/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What of Lua a script sees: the names that Redis 7.0 lets through. Nothing reaches files, the
 * process or the clock, and no byte code is loaded, since Lua does not check it.
 *
 * Tables that all scripts share (that of the globals, the libraries) are kept from change by a
 * table without contents in front of each, whose metatable looks into the real one and refuses to
 * write. Functions that would look past it (pairs, next, rawget, rawset ...) are told of it by a
 * table of all fronts in the registry.
 *
 * Functions of Lua that catch errors pass on what is not to be caught (interpreter_pass_on).
 */
#include "script/parts.h"

#define READONLY "Attempt to modify a readonly table"
/* A longer pattern is refused: matching recurses once for each of its items. */
#define PATTERN_MAX 4096
/* As cjson's own; scripts may set less. */
#define JSON_DEPTH_MAX 1000
/* Values and bytes that a library makes text of at once. */
#define ENCODED_VALUES_MAX (1u << 20)

/* ---- fronts ---- */

/* Pushes the table behind the front at `index`; false, and nothing, where it is none. They lie in
 * pairs: a table whose keys are tables would order them by their addresses, and so the collector's
 * steps, and the memory that counts for maxmemory, which no two runs of the simulator would share.
 */
static bool push_behind(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TTABLE)
        return false;
    lua_pushvalue(L, index);
    lua_rawgeti(L, LUA_REGISTRYINDEX, SLOT_FRONTS);
    const int count = (int)lua_objlen(L, -1);
    for (int i = 1; i < count; i += 2) {
        lua_rawgeti(L, -1, i);
        const bool found = lua_rawequal(L, -1, -3);
        lua_pop(L, 1);
        if (!found)
            continue;
        lua_rawgeti(L, -1, i + 1);
        lua_replace(L, -3);
        lua_pop(L, 1);
        return true;
    }
    lua_pop(L, 2);
    return false;
}

static int refuse_change(lua_State *L)
{
    return luaL_error(L, READONLY);
}

void sandbox_protect(lua_State *L)
{
    const int behind = lua_gettop(L);

    lua_newtable(L); /* the front */
    lua_createtable(L, 0, 3);
    lua_pushvalue(L, behind);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, refuse_change);
    lua_setfield(L, -2, "__newindex");
    lua_newtable(L);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_rawgeti(L, LUA_REGISTRYINDEX, SLOT_FRONTS);
    const int count = (int)lua_objlen(L, -1);
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, count + 1);
    lua_pushvalue(L, behind);
    lua_rawseti(L, -2, count + 2);
    lua_pop(L, 1);
    lua_replace(L, behind);
}

void sandbox_set_global(lua_State *L, const char *name)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, SLOT_GLOBALS);
    lua_pushstring(L, name);
    lua_pushvalue(L, -3);
    lua_rawset(L, -3);
    lua_pop(L, 2);
}

static int missing_global(lua_State *L)
{
    return luaL_error(L, "Script attempted to access nonexistent global variable '%s'",
                      luaL_optstring(L, 2, "?"));
}

/* ---- functions of Lua's base library ---- */

static int fail_plainly(lua_State *L, const char *why)
{
    lua_pushstring(L, why);
    return lua_error(L);
}

/* The original, which is the first upvalue, with the arguments that there are. */
static int call_original(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* The same for a function that raises errors of its own: they name it, and the line that called it.
 * The second upvalue is its name. */
static int call_named(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    if (lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0) == 0)
        return lua_gettop(L);
    interpreter_pass_on(L);
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    if (text == NULL || strncmp(text, "user_script:", strlen("user_script:")) == 0)
        return lua_error(L); /* a callback's */
    luaL_where(L, 1);
    lua_pushfstring(L, "'%s'", lua_tostring(L, lua_upvalueindex(2)));
    luaL_gsub(L, text, "'?'", lua_tostring(L, -1));
    lua_remove(L, -2);
    lua_concat(L, 2);
    return lua_error(L);
}

/* An error table is caught as its text, as scripts for Redis before 7 expect. */
static void unwrap_error(lua_State *L)
{
    if (!lua_istable(L, -1))
        return;
    lua_getfield(L, -1, "err");
    if (lua_isstring(L, -1))
        lua_replace(L, -2);
    else
        lua_pop(L, 1);
}

static int catch_result(lua_State *L, int status)
{
    if (status == 0) {
        lua_pushboolean(L, true);
        lua_insert(L, 1);
        return lua_gettop(L);
    }
    interpreter_pass_on(L);
    unwrap_error(L);
    lua_pushboolean(L, false);
    lua_insert(L, -2);
    return 2;
}

static int base_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    return catch_result(L, lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0));
}

static int base_xpcall(lua_State *L)
{
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    lua_insert(L, 1); /* the handler below the function */
    const int status = lua_pcall(L, 0, LUA_MULTRET, 1);
    lua_remove(L, 1);
    return catch_result(L, status);
}

static int base_resume(lua_State *L)
{
    const int count = call_original(L);

    interpreter_pass_on(L);
    return count;
}

/* A script is a coroutine itself, and is not to notice. */
static int base_yield(lua_State *L)
{
    if (L == interpreter_of(L)->thread)
        return fail_plainly(L, "attempt to yield across metamethod/C-call boundary");
    return lua_yield(L, lua_gettop(L));
}

static int base_running(lua_State *L)
{
    if (L == interpreter_of(L)->thread || lua_pushthread(L))
        lua_pushnil(L);
    return 1;
}

/* Iterates over a copy of what is behind a front. */
static int base_pairs(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    if (push_behind(L, 1)) {
        lua_newtable(L);
        lua_pushnil(L);
        while (lua_next(L, -3) != 0) {
            lua_pushvalue(L, -2);
            lua_insert(L, -2);
            lua_rawset(L, -4);
        }
        lua_remove(L, -2);
    } else {
        lua_pushvalue(L, 1);
    }
    lua_pushnil(L);
    return 3;
}

static int base_next(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    if (push_behind(L, 1))
        lua_replace(L, 1);
    if (lua_next(L, 1) != 0)
        return 2;
    lua_pushnil(L);
    return 1;
}

static int base_rawget(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    if (push_behind(L, 1))
        lua_replace(L, 1);
    lua_rawget(L, 1);
    return 1;
}

static int base_rawset(lua_State *L)
{
    if (push_behind(L, 1))
        return fail_plainly(L, READONLY);
    return call_original(L);
}

static int base_setmetatable(lua_State *L)
{
    if (push_behind(L, 1))
        return fail_plainly(L, READONLY);
    return call_original(L);
}

/* What it counts is told, what it does is not a script's to steer. */
static int base_collectgarbage(lua_State *L)
{
    const char *what = luaL_optstring(L, 1, "collect");

    if (strcmp(what, "count") != 0 && strcmp(what, "collect") != 0 && strcmp(what, "step") != 0) {
        lua_pushinteger(L, 0);
        return 1;
    }
    return call_original(L);
}

/* ---- loading ---- */

static int load_text(lua_State *L, const char *text, size_t size, const char *name)
{
    if (size > 0 && text[0] == LUA_SIGNATURE[0]) {
        lua_pushnil(L);
        lua_pushliteral(L, "attempt to load chunk with wrong mode");
        return 2;
    }
    if (luaL_loadbuffer(L, text, size, name) == 0)
        return 1;
    interpreter_pass_on(L);
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

static int base_loadstring(lua_State *L)
{
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);

    return load_text(L, text, size, luaL_optstring(L, 2, text));
}

static int base_load(lua_State *L)
{
    const char *name = luaL_optstring(L, 2, "=(load)");
    size_t size;

    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 2);
    lua_pushliteral(L, "");
    for (;;) {
        lua_pushvalue(L, 1);
        lua_call(L, 0, 1);
        if (lua_isnil(L, -1) || (lua_isstring(L, -1) && lua_objlen(L, -1) == 0))
            break;
        if (!lua_isstring(L, -1))
            return luaL_error(L, "reader function must return a string");
        lua_concat(L, 2);
    }
    lua_pop(L, 1);
    const char *text = lua_tolstring(L, -1, &size);
    return load_text(L, text, size, name);
}

/* ---- what could take too much ---- */

static int string_match(lua_State *L)
{
    if (lua_isstring(L, 2) && lua_objlen(L, 2) > PATTERN_MAX)
        return luaL_error(L, "pattern is longer than %d bytes", PATTERN_MAX);
    return call_named(L);
}

struct sum {
    size_t values, bytes, values_max, bytes_max;
};

/* Whether what is on the top, with what it holds, is too much. A table that stands in several
 * places counts in each. */
static bool adds_too_much(lua_State *L, struct sum *sum, unsigned depth)
{
    if (++sum->values > sum->values_max || depth > JSON_DEPTH_MAX)
        return true;
    if (lua_type(L, -1) == LUA_TSTRING) {
        sum->bytes += lua_objlen(L, -1);
        return sum->bytes > sum->bytes_max;
    }
    if (lua_type(L, -1) != LUA_TTABLE || !lua_checkstack(L, 4))
        return false;
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        bool too_much = adds_too_much(L, sum, depth + 1);
        lua_pop(L, 1);
        too_much = too_much || adds_too_much(L, sum, depth + 1);
        if (too_much) {
            lua_pop(L, 1);
            return true;
        }
    }
    return false;
}

bool sandbox_exceeds(lua_State *L, int index, size_t values_max, size_t bytes_max)
{
    struct sum sum = {.values_max = values_max, .bytes_max = bytes_max};

    lua_pushvalue(L, index);
    const bool exceeds = adds_too_much(L, &sum, 0);
    lua_pop(L, 1);
    return exceeds;
}

/* cjson takes the memory of its text past the script's bound, and ends the process where there is
 * none. */
static int json_encode(lua_State *L)
{
    /* A byte of a string may take six. */
    const size_t bytes_max = interpreter_of(L)->memory_max / 6;

    if (lua_gettop(L) == 1 && lua_istable(L, 1) &&
        sandbox_exceeds(L, 1, ENCODED_VALUES_MAX, bytes_max))
        return luaL_error(L, "Cannot serialise table: it is too large");
    return call_named(L);
}

/* What they set stays set, so the next script gets another state. */
static int json_configure(lua_State *L)
{
    if (lua_gettop(L) > 0)
        interpreter_of(L)->dirty = true;
    return call_named(L);
}

static int json_configure_depth(lua_State *L)
{
    luaL_argcheck(L, luaL_optinteger(L, 1, 1) <= JSON_DEPTH_MAX, 1,
                  "expected integer between 1 and 1000");
    return json_configure(L);
}

/* ---- building ---- */

static const char *const base_names[] = {
    "assert",   "error",    "gcinfo", "getmetatable", "ipairs",   "rawequal", "select",
    "tonumber", "tostring", "type",   "unpack",       "_VERSION", NULL};

static const struct {
    const char *name;
    lua_CFunction function;
} base_own[] = {{"pcall", base_pcall}, {"xpcall", base_xpcall},
                {"next", base_next},   {"rawget", base_rawget},
                {"load", base_load},   {"loadstring", base_loadstring},
                {NULL, NULL}};

/* A function in front of one of the table on the top. */
static void wrap(lua_State *L, const char *name, lua_CFunction function)
{
    lua_getfield(L, -1, name);
    lua_pushstring(L, name);
    lua_pushcclosure(L, function, 2);
    lua_setfield(L, -2, name);
}

/* Opens a library of Lua's, whose table stays on the top. */
static void open_library(lua_State *L, lua_CFunction function, const char *name)
{
    lua_pushcfunction(L, function);
    lua_pushstring(L, name);
    lua_call(L, 1, 0);
    lua_getglobal(L, name);
}

/* Of the base library, at `from`, what scripts may call goes into the table on the top. */
static void take_base(lua_State *L, int from)
{
    for (size_t i = 0; base_names[i] != NULL; i++) {
        lua_getfield(L, from, base_names[i]);
        lua_setfield(L, -2, base_names[i]);
    }
    for (size_t i = 0; base_own[i].name != NULL; i++) {
        lua_pushcfunction(L, base_own[i].function);
        lua_setfield(L, -2, base_own[i].name);
    }
    lua_getfield(L, from, "rawset");
    lua_setfield(L, -2, "rawset");
    wrap(L, "rawset", base_rawset);
    lua_getfield(L, from, "setmetatable");
    lua_setfield(L, -2, "setmetatable");
    wrap(L, "setmetatable", base_setmetatable);
    lua_getfield(L, from, "collectgarbage");
    lua_setfield(L, -2, "collectgarbage");
    wrap(L, "collectgarbage", base_collectgarbage);
    lua_pushcfunction(L, base_next);
    lua_pushcclosure(L, base_pairs, 1);
    lua_setfield(L, -2, "pairs");
}

/* The library on the top goes into the table at `into`, behind a front. */
static void put_library(lua_State *L, int into, const char *name)
{
    sandbox_protect(L);
    lua_setfield(L, into, name);
}

static void put_coroutine(lua_State *L, int into)
{
    lua_getglobal(L, LUA_COLIBNAME);
    wrap(L, "resume", base_resume);
    lua_pushcfunction(L, base_yield);
    lua_setfield(L, -2, "yield");
    lua_pushcfunction(L, base_running);
    lua_setfield(L, -2, "running");
    put_library(L, into, LUA_COLIBNAME);
}

static void put_string(lua_State *L, int into)
{
    static const char *const with_patterns[] = {"find", "match", "gmatch", "gfind", "gsub"};

    open_library(L, luaopen_string, LUA_STRLIBNAME);
    for (size_t i = 0; i < sizeof with_patterns / sizeof with_patterns[0]; i++)
        wrap(L, with_patterns[i], string_match);
    sandbox_protect(L);
    /* ("x"):len() looks there as well. */
    lua_pushliteral(L, "");
    lua_createtable(L, 0, 2);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, -4);
    lua_setfield(L, -2, "__index");
    sandbox_protect(L);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
    lua_setfield(L, into, LUA_STRLIBNAME);
}

static void put_json(lua_State *L, int into)
{
    static const struct {
        const char *name;
        lua_CFunction function; /* in front of it; NULL: nothing is */
    } members[] = {{"decode", NULL},
                   {"null", NULL},
                   {"_NAME", NULL},
                   {"_VERSION", NULL},
                   {"encode", json_encode},
                   {"decode_invalid_numbers", json_configure},
                   {"encode_invalid_numbers", json_configure},
                   {"encode_keep_buffer", json_configure},
                   {"encode_number_precision", json_configure},
                   {"encode_sparse_array", json_configure},
                   {"decode_max_depth", json_configure_depth},
                   {"encode_max_depth", json_configure_depth}};

    lua_pushcfunction(L, luaopen_cjson);
    lua_call(L, 0, 1);
    const int from = lua_gettop(L);
    lua_newtable(L);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        lua_getfield(L, from, members[i].name);
        lua_setfield(L, -2, members[i].name);
        if (members[i].function != NULL)
            wrap(L, members[i].name, members[i].function);
    }
    put_library(L, into, "cjson");
    lua_settop(L, from - 1);
}

static void put_libraries(lua_State *L, int into)
{
    open_library(L, luaopen_table, LUA_TABLIBNAME);
    put_library(L, into, LUA_TABLIBNAME);
    open_library(L, luaopen_math, LUA_MATHLIBNAME);
    random_open(L);
    put_library(L, into, LUA_MATHLIBNAME);
    put_coroutine(L, into);
    put_string(L, into);
    put_json(L, into);
    lua_pushcfunction(L, luaopen_bit);
    lua_call(L, 0, 1);
    put_library(L, into, "bit");
    msgpack_open(L);
    put_library(L, into, "cmsgpack");
    pack_open(L);
    put_library(L, into, "struct");
    redis_open(L);
    put_library(L, into, "redis");
}

int sandbox_open(lua_State *L)
{
    lua_newtable(L);
    lua_rawseti(L, LUA_REGISTRYINDEX, SLOT_FRONTS);
    lua_pushcfunction(L, luaopen_base);
    lua_pushliteral(L, "");
    lua_call(L, 1, 0);
    lua_settop(L, 0);
    lua_newtable(L);
    lua_pushvalue(L, 1);
    lua_rawseti(L, LUA_REGISTRYINDEX, SLOT_GLOBALS);
    take_base(L, LUA_GLOBALSINDEX);
    put_libraries(L, 1);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, missing_global);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, 1);
    sandbox_protect(L); /* the front of the globals */
    lua_pushliteral(L, "_G");
    lua_pushvalue(L, -2);
    lua_rawset(L, 1);
    lua_replace(L, LUA_GLOBALSINDEX);
    lua_settop(L, 0);
    return 0;
}
