/* SPDX-License-Identifier: BSD-3-Clause
 *
 * math.random: the linear congruential generator of POSIX' lrand48, which Redis has in the place of
 * the C library's rand. A script that is run again begins with the same seed, so that it does the
 * same.
 */
#include <math.h>

#include "script/parts.h"

#define STATE_BITS 48
#define RANDOM_MAX INT32_MAX

void random_seed(struct interpreter *interpreter, uint32_t seed)
{
    interpreter->random = (uint64_t)seed << 16 | 0x330e;
}

static lua_Number draw(struct interpreter *interpreter)
{
    interpreter->random = (interpreter->random * UINT64_C(0x5deece66d) + 0xb) &
                          ((UINT64_C(1) << STATE_BITS) - 1);
    return (lua_Number)((interpreter->random >> 17) % RANDOM_MAX) / (lua_Number)RANDOM_MAX;
}

static int random_draw(lua_State *L)
{
    const lua_Number drawn = draw(interpreter_of(L));
    const int count = lua_gettop(L);

    if (count == 0) {
        lua_pushnumber(L, drawn);
        return 1;
    }
    if (count > 2)
        return luaL_error(L, "wrong number of arguments");
    const lua_Integer lowest = count == 1 ? 1 : luaL_checkint(L, 1);
    const lua_Integer highest = luaL_checkint(L, count);
    luaL_argcheck(L, lowest <= highest, count, "interval is empty");
    lua_pushnumber(L, floor(drawn * (lua_Number)(highest - lowest + 1)) + (lua_Number)lowest);
    return 1;
}

static int random_set(lua_State *L)
{
    random_seed(interpreter_of(L), (uint32_t)luaL_checkint(L, 1));
    return 0;
}

void random_open(lua_State *L)
{
    lua_pushcfunction(L, random_draw);
    lua_setfield(L, -2, "random");
    lua_pushcfunction(L, random_set);
    lua_setfield(L, -2, "randomseed");
}
