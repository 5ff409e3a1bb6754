/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The library struct of scripts: values as the bytes of C structures, by a format, as in Redis.
 *
 *   < > !n   little-endian (the default), big-endian, alignment to at most n bytes (the default: 1)
 *   b B h H l L T   integers of 1, 2, 8 and 8 bytes; a capital letter: unsigned
 *   i In     integers of n bytes, 4 without n
 *   f d      float, double
 *   s        a string and a byte 0
 *   cn       a string of n bytes; c0: of as many as the number before it says, when it is read; all
 *            of it, when it is written
 *   x        a byte of padding
 */
#include <stdlib.h>

#include "script/parts.h"

#define INTEGER_SIZE_MAX 32
#define NATIVE_ALIGNMENT 8

struct layout {
    bool little;
    int alignment;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The number that comes next in the format, or `otherwise`. */
static size_t take_number(lua_State *L, const char **format, size_t otherwise)
{
    size_t number = 0;

    if (!is_digit(**format))
        return otherwise;
    for (; is_digit(**format); ++*format) {
        if (number > (SIZE_MAX >> 1) / 10 - 1)
            luaL_error(L, "integral size overflow");
        number = number * 10 + (size_t)(**format - '0');
    }
    return number;
}

static size_t size_of(lua_State *L, char option, const char **format)
{
    size_t size;

    switch (option) {
    case 'b':
    case 'B':
    case 'x':
        return 1;
    case 'h':
    case 'H':
        return sizeof(short);
    case 'l':
    case 'L':
        return sizeof(long);
    case 'T':
        return sizeof(size_t);
    case 'f':
        return sizeof(float);
    case 'd':
        return sizeof(double);
    case 'c':
        return take_number(L, format, 1);
    case 'i':
    case 'I':
        size = take_number(L, format, sizeof(int));
        if (size > INTEGER_SIZE_MAX)
            luaL_error(L, "integral size %d is larger than limit of %d", (int)size,
                       INTEGER_SIZE_MAX);
        return size;
    default:
        return 0;
    }
}

/* Bytes up to the place that the option is aligned to. */
static size_t padding(const struct layout *layout, char option, size_t at, size_t size)
{
    size_t align = size;

    if (align == 0 || option == 'c')
        return 0;
    if (align > (size_t)layout->alignment)
        align = (size_t)layout->alignment;
    return (align - (at & (align - 1))) & (align - 1);
}

static void control(lua_State *L, struct layout *layout, char option, const char **format)
{
    size_t alignment;

    switch (option) {
    case ' ':
        return;
    case '>':
        layout->little = false;
        return;
    case '<':
        layout->little = true;
        return;
    case '!':
        alignment = take_number(L, format, NATIVE_ALIGNMENT);
        if (alignment == 0 || (alignment & (alignment - 1)) != 0)
            luaL_error(L, "alignment %d is not a power of 2", (int)alignment);
        layout->alignment = alignment > 4096 ? 4096 : (int)alignment;
        return;
    default:
        luaL_argerror(L, 1, lua_pushfstring(L, "invalid format option '%c'", option));
    }
}

/* ---- writing ---- */

static uint64_t bits_of(lua_Number number)
{
    if (number < 0)
        return number >= -9223372036854775808.0 ? (uint64_t)(int64_t)number : UINT64_C(1) << 63;
    return number < 18446744073709551616.0 ? (uint64_t)number : UINT64_MAX;
}

/* Appends so many of the bytes, the lowest first in `bytes`. */
static void add_bytes(luaL_Buffer *out, const struct layout *layout, const uint8_t *bytes,
                      size_t size)
{
    for (size_t i = 0; i < size; i++)
        luaL_addchar(out, (char)bytes[layout->little ? i : size - 1 - i]);
}

static void add_integer(luaL_Buffer *out, const struct layout *layout, lua_Number number,
                        size_t size)
{
    const uint64_t bits = bits_of(number);
    uint8_t bytes[INTEGER_SIZE_MAX];

    /* Redis' own shifts one long: what is beyond it is 0. */
    for (size_t i = 0; i < size; i++)
        bytes[i] = i < 8 ? (uint8_t)(bits >> 8 * i) : 0;
    add_bytes(out, layout, bytes, size);
}

static void add_double(luaL_Buffer *out, const struct layout *layout, lua_Number number,
                       size_t size)
{
    uint8_t bytes[8] = {0};
    uint64_t bits = 0;
    uint32_t narrow;
    const float rounded = (float)number;

    if (size == sizeof(float)) {
        memcpy(&narrow, &rounded, sizeof narrow);
        bits = narrow;
    } else {
        memcpy(&bits, &number, sizeof bits);
    }
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(bits >> 8 * i);
    add_bytes(out, layout, bytes, size);
}

/* The argument as a string; how much of it goes out. */
static size_t add_string(lua_State *L, luaL_Buffer *out, int argument, char option, size_t size)
{
    size_t given;
    const char *text = luaL_checklstring(L, argument, &given);

    if (size == 0)
        size = given;
    luaL_argcheck(L, given >= size, argument + 1, "string too short"); /* as Redis counts */
    luaL_addlstring(out, text, size);
    if (option != 's')
        return size;
    luaL_addchar(out, '\0');
    return size + 1;
}

static int struct_pack(lua_State *L)
{
    struct layout layout = {.little = true, .alignment = 1};
    const char *format = luaL_checkstring(L, 1);
    const size_t most = interpreter_of(L)->memory_max;
    size_t total = 0;
    int argument = 2;
    luaL_Buffer out;

    lua_pushnil(L); /* parts what the buffer keeps from the arguments */
    luaL_buffinit(L, &out);
    while (*format != '\0') {
        const char option = *format++;
        size_t size = size_of(L, option, &format);
        const size_t skipped = padding(&layout, option, total, size);
        if (total + skipped + size > most)
            return luaL_error(L, "the result is too large");
        for (size_t i = 0; i < skipped; i++)
            luaL_addchar(&out, '\0');
        total += skipped;
        switch (option) {
        case 'b':
        case 'B':
        case 'h':
        case 'H':
        case 'l':
        case 'L':
        case 'T':
        case 'i':
        case 'I':
            add_integer(&out, &layout, luaL_checknumber(L, argument++), size);
            break;
        case 'x':
            luaL_addchar(&out, '\0');
            break;
        case 'f':
        case 'd':
            add_double(&out, &layout, luaL_checknumber(L, argument++), size);
            break;
        case 'c':
        case 's':
            size = add_string(L, &out, argument++, option, size);
            break;
        default:
            control(L, &layout, option, &format);
        }
        total += size;
    }
    luaL_pushresult(&out);
    return 1;
}

/* ---- reading ---- */

static lua_Number read_integer(const uint8_t *bytes, const struct layout *layout, size_t size,
                               bool is_signed)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < size && i < 8; i++)
        bits |= (uint64_t)bytes[layout->little ? i : size - 1 - i] << 8 * i;
    if (!is_signed)
        return (lua_Number)bits;
    if (size < 8 && size > 0 && (bits >> (8 * size - 1) & 1) != 0)
        bits |= UINT64_MAX << 8 * size;
    return (lua_Number)(int64_t)bits;
}

static lua_Number read_double(const uint8_t *bytes, const struct layout *layout, size_t size)
{
    uint64_t bits = 0;
    double number;
    float narrow;

    for (size_t i = 0; i < size; i++)
        bits |= (uint64_t)bytes[layout->little ? i : size - 1 - i] << 8 * i;
    if (size == sizeof narrow) {
        const uint32_t low = (uint32_t)bits;
        memcpy(&narrow, &low, sizeof narrow);
        return narrow;
    }
    memcpy(&number, &bits, sizeof number);
    return number;
}

/* The number that c0 reads its length from, which it replaces. */
static size_t length_before(lua_State *L, int count, size_t left)
{
    if (count == 0 || !lua_isnumber(L, -1))
        luaL_error(L, "format 'c0' needs a previous size");
    const lua_Number length = lua_tonumber(L, -1);
    lua_pop(L, 1);
    luaL_argcheck(L, length >= 0 && length <= (lua_Number)left, 2, "data string too short");
    return (size_t)length;
}

static size_t terminated(lua_State *L, const char *from, size_t left)
{
    const char *end = left > 0 ? memchr(from, '\0', left) : NULL;

    if (end == NULL)
        luaL_error(L, "unfinished string in data");
    return (size_t)(end - from);
}

static int struct_unpack(lua_State *L)
{
    struct layout layout = {.little = true, .alignment = 1};
    const char *format = luaL_checkstring(L, 1);
    size_t given, at;
    const char *data = luaL_checklstring(L, 2, &given);
    const lua_Number from = luaL_optnumber(L, 3, 1);
    int count = 0;

    luaL_argcheck(L, from >= 1, 3, "offset must be 1 or greater");
    luaL_argcheck(L, from - 1 <= (lua_Number)given, 2, "data string too short");
    at = (size_t)from - 1;
    lua_settop(L, 2);
    while (*format != '\0') {
        const char option = *format++;
        size_t size = size_of(L, option, &format);
        at += padding(&layout, option, at, size);
        luaL_argcheck(L, at <= given && size <= given - at, 2, "data string too short");
        luaL_checkstack(L, 2, "too many results");
        const uint8_t *bytes = (const uint8_t *)data + at;
        switch (option) {
        case 'b':
        case 'B':
        case 'h':
        case 'H':
        case 'l':
        case 'L':
        case 'T':
        case 'i':
        case 'I':
            lua_pushnumber(L, read_integer(bytes, &layout, size, option >= 'a'));
            count++;
            break;
        case 'x':
            break;
        case 'f':
        case 'd':
            lua_pushnumber(L, read_double(bytes, &layout, size));
            count++;
            break;
        case 'c':
            if (size == 0) {
                size = length_before(L, count, given - at);
                count--;
            }
            lua_pushlstring(L, data + at, size);
            count++;
            break;
        case 's':
            size = terminated(L, data + at, given - at);
            lua_pushlstring(L, data + at, size++);
            count++;
            break;
        default:
            control(L, &layout, option, &format);
        }
        at += size;
    }
    lua_pushinteger(L, (lua_Integer)at + 1);
    return count + 1;
}

static int struct_size(lua_State *L)
{
    struct layout layout = {.little = true, .alignment = 1};
    const char *format = luaL_checkstring(L, 1);
    size_t total = 0;

    while (*format != '\0') {
        const char option = *format++;
        const size_t size = size_of(L, option, &format);
        total += padding(&layout, option, total, size);
        if (option == 's')
            return luaL_argerror(L, 1, "option 's' has no fixed size");
        if (option == 'c' && size == 0)
            return luaL_argerror(L, 1, "option 'c0' has no fixed size");
        if (strchr("bBxhHlLTfdciI", option) == NULL)
            control(L, &layout, option, &format);
        if (size > INT32_MAX - total)
            return luaL_argerror(L, 1, "format result too large");
        total += size;
    }
    lua_pushinteger(L, (lua_Integer)total);
    return 1;
}

int pack_open(lua_State *L)
{
    lua_newtable(L);
    lua_pushcfunction(L, struct_pack);
    lua_setfield(L, -2, "pack");
    lua_pushcfunction(L, struct_unpack);
    lua_setfield(L, -2, "unpack");
    lua_pushcfunction(L, struct_size);
    lua_setfield(L, -2, "size");
    return 1;
}
