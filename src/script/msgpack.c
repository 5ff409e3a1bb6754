/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The library cmsgpack of scripts: Lua values as msgpack and back, as Redis' own does it. Written
 * by msgpack-c; read here, since a count is to be believed only as far as there are bytes.
 *
 *   number   the shortest integer that it is, or a float where that is exact, or a double
 *   table    an array, where its keys are 1 to n; else a map
 *   nil, and what msgpack does not know: nil
 *
 * Deeper than NESTING_MAX tables are packed as nil. Source: the msgpack specification.
 */
#include <math.h>
#include <msgpack.h>

#include "script/parts.h"

#define NESTING_MAX 16
/* What is read may be nested deeper, but not without end. */
#define READING_DEPTH_MAX 1000

/* ---- writing ---- */

struct packing {
    lua_State *L;
    struct buffer bytes;
    msgpack_packer packer;
    size_t most;
};

static int append(void *context, const char *bytes, size_t size)
{
    struct packing *packing = context;

    if (buffer_size(&packing->bytes) + size > packing->most)
        packing->bytes.failed = true;
    buffer_append(&packing->bytes, bytes, size);
    return packing->bytes.failed ? -1 : 0;
}

static void pack_value(struct packing *packing, unsigned nesting);

static void pack_number(struct packing *packing, lua_Number number)
{
    const bool whole = number == floor(number) && number >= -9223372036854775808.0 &&
                       number < 9223372036854775808.0;

    if (whole)
        msgpack_pack_int64(&packing->packer, (int64_t)number);
    else if (number == (lua_Number)(float)number)
        msgpack_pack_float(&packing->packer, (float)number);
    else
        msgpack_pack_double(&packing->packer, number);
}

/* Whether the keys of the table on the top are 1 to n, and how many there are. */
static bool is_array(lua_State *L, size_t *count)
{
    lua_Number highest = 0;
    bool whole = true;

    *count = 0;
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pop(L, 1);
        ++*count;
        const lua_Number key = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
        whole = whole && key > 0 && key == floor(key);
        if (key > highest)
            highest = key;
    }
    return whole && highest == (lua_Number)*count;
}

static void pack_table(struct packing *packing, unsigned nesting)
{
    lua_State *L = packing->L;
    size_t count;

    luaL_checkstack(L, 4, "table is too deep");
    if (is_array(L, &count)) {
        msgpack_pack_array(&packing->packer, count);
        for (size_t i = 1; i <= count && !packing->bytes.failed; i++) {
            lua_rawgeti(L, -1, (int)i);
            pack_value(packing, nesting + 1);
        }
        return;
    }
    msgpack_pack_map(&packing->packer, count);
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pushvalue(L, -2);
        pack_value(packing, nesting + 1);
        pack_value(packing, nesting + 1);
    }
}

/* Packs the value on the top, and takes it. */
static void pack_value(struct packing *packing, unsigned nesting)
{
    lua_State *L = packing->L;
    size_t size;
    const char *text;

    if (packing->bytes.failed) {
        lua_pop(L, 1);
        return;
    }
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        text = lua_tolstring(L, -1, &size);
        msgpack_pack_str(&packing->packer, size);
        msgpack_pack_str_body(&packing->packer, text, size);
        break;
    case LUA_TBOOLEAN:
        if (lua_toboolean(L, -1))
            msgpack_pack_true(&packing->packer);
        else
            msgpack_pack_false(&packing->packer);
        break;
    case LUA_TNUMBER:
        pack_number(packing, lua_tonumber(L, -1));
        break;
    case LUA_TTABLE:
        if (nesting < NESTING_MAX) {
            pack_table(packing, nesting);
            break;
        }
        msgpack_pack_nil(&packing->packer);
        break;
    default:
        msgpack_pack_nil(&packing->packer);
    }
    lua_pop(L, 1);
}

static int pack_protected(lua_State *L)
{
    struct packing *packing = lua_touserdata(L, lua_upvalueindex(1));

    for (int i = 1, count = lua_gettop(L); i <= count; i++) {
        luaL_checkstack(L, 2, "too many arguments");
        lua_pushvalue(L, i);
        pack_value(packing, 0);
    }
    lua_settop(L, 0);
    if (!packing->bytes.failed)
        lua_pushlstring(L, (const char *)buffer_content(&packing->bytes).data,
                        buffer_size(&packing->bytes));
    return lua_gettop(L);
}

static int msgpack_pack(lua_State *L)
{
    struct packing packing = {.L = L, .most = interpreter_of(L)->memory_max};
    const int count = lua_gettop(L);

    if (count == 0)
        return luaL_argerror(L, 0, "MessagePack pack needs input.");
    msgpack_packer_init(&packing.packer, &packing, append);
    lua_pushlightuserdata(L, &packing);
    lua_pushcclosure(L, pack_protected, 1);
    lua_insert(L, 1);
    /* The bytes are to be freed whatever happens. */
    const int status = lua_pcall(L, count, LUA_MULTRET, 0);
    const bool failed = packing.bytes.failed;
    buffer_deinit(&packing.bytes);
    interpreter_pass_on(L);
    if (status != 0)
        return lua_error(L);
    if (failed)
        return luaL_error(L, "the value is too large to be packed");
    return 1;
}

/* ---- reading ---- */

enum trouble { TROUBLE_NONE, TROUBLE_MISSING, TROUBLE_FORMAT };

struct unpacking {
    lua_State *L;
    const uint8_t *at, *end;
    enum trouble trouble;
    unsigned depth;
};

static void unpack_value(struct unpacking *unpacking);

/* An unsigned number of so many bytes, the highest first. */
static uint64_t take_number(struct unpacking *unpacking, size_t size)
{
    uint64_t number = 0;

    if ((size_t)(unpacking->end - unpacking->at) < size) {
        unpacking->trouble = TROUBLE_MISSING;
        return 0;
    }
    for (size_t i = 0; i < size; i++)
        number = number << 8 | *unpacking->at++;
    return number;
}

static void push_text(struct unpacking *unpacking, uint64_t size)
{
    if (unpacking->trouble != TROUBLE_NONE || (uint64_t)(unpacking->end - unpacking->at) < size) {
        unpacking->trouble = TROUBLE_MISSING;
        return;
    }
    lua_pushlstring(unpacking->L, (const char *)unpacking->at, (size_t)size);
    unpacking->at += size;
}

static void push_array(struct unpacking *unpacking, uint64_t count)
{
    lua_State *L = unpacking->L;

    lua_newtable(L);
    for (uint64_t i = 1; i <= count && unpacking->trouble == TROUBLE_NONE; i++) {
        unpack_value(unpacking);
        if (unpacking->trouble == TROUBLE_NONE)
            lua_rawseti(L, -2, (int)i);
    }
}

static void push_map(struct unpacking *unpacking, uint64_t count)
{
    lua_State *L = unpacking->L;

    lua_newtable(L);
    for (uint64_t i = 0; i < count && unpacking->trouble == TROUBLE_NONE; i++) {
        unpack_value(unpacking);
        if (unpacking->trouble != TROUBLE_NONE)
            return;
        unpack_value(unpacking);
        if (unpacking->trouble != TROUBLE_NONE)
            return;
        if (lua_isnil(L, -2) || (lua_isnumber(L, -2) && lua_tonumber(L, -2) != lua_tonumber(L, -2)))
            lua_pop(L, 2); /* no key of a table */
        else
            lua_rawset(L, -3);
    }
}

static lua_Number as_float(uint64_t bits)
{
    const uint32_t narrow = (uint32_t)bits;
    float number;

    memcpy(&number, &narrow, sizeof number);
    return number;
}

static lua_Number as_double(uint64_t bits)
{
    double number;

    memcpy(&number, &bits, sizeof number);
    return number;
}

/* The sign of a number of so many bytes. */
static lua_Number as_signed(uint64_t bits, size_t size)
{
    const unsigned shift = (unsigned)(8 * (8 - size));

    return (lua_Number)((int64_t)(bits << shift) >> shift);
}

/* Types that follow 0xc0. */
static void unpack_type(struct unpacking *unpacking, uint8_t type)
{
    lua_State *L = unpacking->L;
    const size_t size = (size_t)1 << (type & 3);

    switch (type) {
    case 0xc0:
        lua_pushnil(L);
        return;
    case 0xc2:
    case 0xc3:
        lua_pushboolean(L, type == 0xc3);
        return;
    case 0xc4: /* bin 8, 16, 32 */
    case 0xc5:
    case 0xc6:
        push_text(unpacking, take_number(unpacking, size));
        return;
    case 0xca:
        lua_pushnumber(L, as_float(take_number(unpacking, 4)));
        return;
    case 0xcb:
        lua_pushnumber(L, as_double(take_number(unpacking, 8)));
        return;
    case 0xcc: /* unsigned 8 to 64 */
    case 0xcd:
    case 0xce:
    case 0xcf:
        lua_pushnumber(L, (lua_Number)take_number(unpacking, size));
        return;
    case 0xd0: /* signed 8 to 64 */
    case 0xd1:
    case 0xd2:
    case 0xd3:
        lua_pushnumber(L, as_signed(take_number(unpacking, size), size));
        return;
    case 0xd9: /* string 8, 16, 32 */
    case 0xda:
    case 0xdb:
        push_text(unpacking, take_number(unpacking, (size_t)1 << (type - 0xd9)));
        return;
    case 0xdc:
    case 0xdd:
        push_array(unpacking, take_number(unpacking, type == 0xdc ? 2 : 4));
        return;
    case 0xde:
    case 0xdf:
        push_map(unpacking, take_number(unpacking, type == 0xde ? 2 : 4));
        return;
    default:
        unpacking->trouble = TROUBLE_FORMAT;
    }
}

static void unpack_value(struct unpacking *unpacking)
{
    lua_State *L = unpacking->L;

    if (unpacking->depth >= READING_DEPTH_MAX) {
        unpacking->trouble = TROUBLE_FORMAT;
        return;
    }
    luaL_checkstack(L, 4, "data is too deep");
    const uint8_t type = (uint8_t)take_number(unpacking, 1);
    if (unpacking->trouble != TROUBLE_NONE)
        return;
    unpacking->depth++;
    if (type < 0x80)
        lua_pushnumber(L, type);
    else if (type < 0x90)
        push_map(unpacking, type & 15);
    else if (type < 0xa0)
        push_array(unpacking, type & 15);
    else if (type < 0xc0)
        push_text(unpacking, type & 31);
    else if (type >= 0xe0)
        lua_pushnumber(L, (lua_Number)(int8_t)type);
    else
        unpack_type(unpacking, type);
    unpacking->depth--;
}

/* Values from `offset` on, at most `limit`, 0: all. Where `tells`, the place of the next one comes
 * first, -1: there is none. */
static int unpack(lua_State *L, bool tells, lua_Integer limit, lua_Integer offset)
{
    size_t size;
    const char *bytes = luaL_checklstring(L, 1, &size);

    if (offset < 0 || limit < 0)
        return luaL_error(L, "Invalid request to unpack with offset of %d and limit of %d.",
                          (int)offset, (int)size);
    if ((size_t)offset > size)
        return luaL_error(L, "Start offset %d greater than input length %d.", (int)offset,
                          (int)size);
    struct unpacking unpacking = {
        .L = L, .at = (const uint8_t *)bytes + offset, .end = (const uint8_t *)bytes + size};
    int count = 0;
    if (tells) {
        luaL_checkstack(L, 2, "too many values");
        lua_pushinteger(L, -1);
    }
    const int first = lua_gettop(L);
    while (unpacking.at < unpacking.end && (limit == 0 || count < limit)) {
        luaL_checkstack(L, 1, "too many values in unpack");
        unpack_value(&unpacking);
        if (unpacking.trouble == TROUBLE_FORMAT)
            return luaL_error(L, "Bad data format in input.");
        if (unpacking.trouble == TROUBLE_MISSING)
            return luaL_error(L, "Missing bytes in input.");
        count++;
    }
    if (!tells)
        return count;
    if (unpacking.at < unpacking.end) {
        lua_pushinteger(L, (lua_Integer)(unpacking.at - (const uint8_t *)bytes));
        lua_replace(L, first);
    }
    return count + 1;
}

static int msgpack_unpack_all(lua_State *L)
{
    return unpack(L, false, 0, 0);
}

static int msgpack_unpack_one(lua_State *L)
{
    const lua_Integer offset = luaL_optinteger(L, 2, 0);

    lua_settop(L, 1);
    return unpack(L, true, 1, offset);
}

static int msgpack_unpack_limit(lua_State *L)
{
    const lua_Integer limit = luaL_checkinteger(L, 2);
    const lua_Integer offset = luaL_optinteger(L, 3, 0);

    lua_settop(L, 1);
    return unpack(L, true, limit, offset);
}

int msgpack_open(lua_State *L)
{
    static const luaL_Reg functions[] = {{"pack", msgpack_pack},
                                         {"unpack", msgpack_unpack_all},
                                         {"unpack_one", msgpack_unpack_one},
                                         {"unpack_limit", msgpack_unpack_limit},
                                         {NULL, NULL}};

    lua_newtable(L);
    for (size_t i = 0; functions[i].name != NULL; i++) {
        lua_pushcfunction(L, functions[i].func);
        lua_setfield(L, -2, functions[i].name);
    }
    lua_pushliteral(L, "cmsgpack");
    lua_setfield(L, -2, "_NAME");
    lua_pushliteral(L, "lua-cmsgpack 0.4.0");
    lua_setfield(L, -2, "_VERSION");
    return 1;
}
