/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Replies as Lua values, and Lua values as replies, both as Redis 7.0 has them:
 *
 *   reply                       Lua
 *   integer                     number                number, without its fraction
 *   bulk string                 string                string
 *   simple string, error        {ok=}, {err=}         the same
 *   array                       table                 table, up to its first nil
 *   null                        false; RESP3: nil     nil, false
 *   boolean                     boolean               integer 1; RESP3: boolean
 *   double                      {double=}             the same
 *   map, set                    {map={}}, {set={}}    the same
 *   big number                  {big_number=}         the same
 *   verbatim string             {verbatim_string={format=, string=}}   the same
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "resp/reply.h"
#include "script/parts.h"

/* How deep a reply may be nested, and what it may take beside the script's memory. */
#define DEPTH_MAX 1000
/* A double with all its digits. */
#define DOUBLE_TEXT_MAX 40

/* ---- from replies ---- */

struct reader {
    const uint8_t *at, *end;
    int protocol;
    unsigned depth;
};

static bool read_value(lua_State *L, struct reader *reader);

/* The line from `at` on, without its end; `at` moves behind it. */
static bool read_line(struct reader *reader, struct span *line)
{
    const uint8_t *from = reader->at;
    const uint8_t *end = from < reader->end ? memchr(from, '\n', (size_t)(reader->end - from))
                                            : NULL;

    if (end == NULL || end == from)
        return false;
    *line = span_of(from, (size_t)(end - from) - 1);
    reader->at = end + 1;
    return true;
}

static void push_field(lua_State *L, const char *name, struct span text)
{
    lua_createtable(L, 0, 1);
    lua_pushlstring(L, (const char *)text.data, text.size);
    lua_setfield(L, -2, name);
}

static bool push_bulk(lua_State *L, struct reader *reader, int64_t size, bool verbatim)
{
    const uint8_t *from = reader->at;
    const size_t head = strlen("txt:");

    if (size < 0) {
        lua_pushboolean(L, false);
        return true;
    }
    if ((uint64_t)size + 2 > (uint64_t)(reader->end - from))
        return false;
    reader->at += size + 2;
    if (!verbatim) {
        lua_pushlstring(L, (const char *)from, (size_t)size);
        return true;
    }
    if ((size_t)size < head)
        return false;
    lua_createtable(L, 0, 1);
    push_field(L, "format", span_of(from, head - 1));
    lua_pushlstring(L, (const char *)from + head, (size_t)size - head);
    lua_setfield(L, -2, "string");
    lua_setfield(L, -2, "verbatim_string");
    return true;
}

static bool push_array(lua_State *L, struct reader *reader, int64_t count)
{
    if (count < 0) {
        lua_pushboolean(L, false);
        return true;
    }
    lua_newtable(L);
    for (int64_t i = 1; i <= count; i++) {
        if (!read_value(L, reader))
            return false;
        lua_rawseti(L, -2, (int)i);
    }
    return true;
}

static bool push_pairs(lua_State *L, struct reader *reader, int64_t count, const char *name)
{
    const bool set = strcmp(name, "set") == 0;

    lua_createtable(L, 0, 1);
    lua_newtable(L);
    for (int64_t i = 0; i < count; i++) {
        if (!read_value(L, reader))
            return false;
        if (set)
            lua_pushboolean(L, true);
        else if (!read_value(L, reader))
            return false;
        if (lua_isnil(L, -2))
            lua_pop(L, 2); /* no key of a table */
        else
            lua_rawset(L, -3);
    }
    lua_setfield(L, -2, name);
    return true;
}

static void push_double(lua_State *L, struct span line)
{
    char text[DOUBLE_TEXT_MAX];
    const size_t size = line.size < sizeof text ? line.size : sizeof text - 1;

    memcpy(text, line.data, size);
    text[size] = '\0';
    lua_createtable(L, 0, 1);
    lua_pushnumber(L, strtod(text, NULL));
    lua_setfield(L, -2, "double");
}

static bool read_value(lua_State *L, struct reader *reader)
{
    struct span line;
    int64_t number = 0;

    if (reader->depth > DEPTH_MAX || !read_line(reader, &line) || line.size == 0)
        return false;
    luaL_checkstack(L, 6, "reply is too deep");
    const char type = (char)line.data[0];
    line = span_of(line.data + 1, line.size - 1);
    if (strchr("$*:%~=", type) != NULL && !span_to_int64(line, &number))
        return false;
    reader->depth++;
    bool done = true;
    switch (type) {
    case '+':
        push_field(L, "ok", line);
        break;
    case '-':
        push_field(L, "err", line);
        break;
    case ':':
        lua_pushnumber(L, (lua_Number)number);
        break;
    case '$':
    case '=':
        done = push_bulk(L, reader, number, type == '=');
        break;
    case '*':
        done = push_array(L, reader, number);
        break;
    case '%':
        done = push_pairs(L, reader, number, "map");
        break;
    case '~':
        done = push_pairs(L, reader, number, "set");
        break;
    case '_':
        lua_pushnil(L);
        break;
    case '#':
        lua_pushboolean(L, line.size > 0 && line.data[0] == 't');
        break;
    case ',':
        push_double(L, line);
        break;
    case '(':
        push_field(L, "big_number", line);
        break;
    default:
        done = false;
    }
    reader->depth--;
    return done;
}

bool convert_push(lua_State *L, struct span reply, int protocol)
{
    struct reader reader = {.at = reply.data, .end = reply.data + reply.size, .protocol = protocol};

    return reply.size > 0 && read_value(L, &reader) && reader.at == reader.end;
}

void convert_push_error(lua_State *L, const char *text)
{
    push_field(L, "err", span_of_string(text));
}

int convert_raise(lua_State *L, const char *text)
{
    convert_push_error(L, text);
    return lua_error(L);
}

/* ---- to replies ---- */

struct writer {
    struct buffer *reply;
    const struct interpreter *interpreter;
    size_t most;
    unsigned depth;
    bool full;
};

static void write_value(lua_State *L, struct writer *writer);

/* Whether the table on the top has the field: pushes it, or nothing. */
static bool take_field(lua_State *L, const char *name, int type)
{
    lua_pushstring(L, name);
    lua_rawget(L, -2);
    if (lua_type(L, -1) == type)
        return true;
    lua_pop(L, 1);
    return false;
}

/* The text of a string on the top, for a reply of one line. */
static const char *line_of(lua_State *L)
{
    return lua_tostring(L, -1);
}

static void write_number(struct writer *writer, lua_Number number)
{
    /* What no integer is becomes what the processor makes of it, as in Redis. */
    const bool fits = number >= -9223372036854775808.0 && number < 9223372036854775808.0;

    reply_integer(writer->reply, fits ? (int64_t)number : INT64_MIN);
}

static void write_boolean(struct writer *writer, bool value)
{
    const struct interpreter *interpreter = writer->interpreter;

    if (interpreter->replies_protocol >= 3 && interpreter->protocol >= 3)
        buffer_append_string(writer->reply, value ? "#t\r\n" : "#f\r\n");
    else if (value || interpreter->replies_protocol >= 3)
        reply_integer(writer->reply, value);
    else
        reply_null(writer->reply, interpreter->protocol);
}

static void write_double(struct writer *writer, lua_Number number)
{
    char text[DOUBLE_TEXT_MAX];
    const int size = snprintf(text, sizeof text, "%.17g", number);

    if (writer->interpreter->protocol >= 3)
        buffer_append_format(writer->reply, ",%.*s\r\n", size, text);
    else
        reply_bulk(writer->reply, span_of(text, (size_t)size));
}

/* The members of the table on the top, as a map's or a set's. */
static void write_members(lua_State *L, struct writer *writer, bool map)
{
    size_t count = 0;

    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        count++;
        lua_pop(L, 1);
    }
    if (map)
        reply_map(writer->reply, count, writer->interpreter->protocol);
    else
        reply_set(writer->reply, count, writer->interpreter->protocol);
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pushvalue(L, -2); /* write_value takes the value, and may make a string of a key */
        write_value(L, writer);
        if (map)
            write_value(L, writer);
        else
            lua_pop(L, 1);
    }
}

static void write_array(lua_State *L, struct writer *writer)
{
    size_t count = 0;

    for (;; count++) {
        lua_rawgeti(L, -1, (int)count + 1);
        const bool end = lua_isnil(L, -1);
        lua_pop(L, 1);
        if (end)
            break;
    }
    reply_array(writer->reply, count);
    for (size_t i = 1; i <= count && !writer->full; i++) {
        lua_rawgeti(L, -1, (int)i);
        write_value(L, writer);
    }
}

static void write_verbatim(lua_State *L, struct writer *writer)
{
    struct span format, text;

    if (!take_field(L, "format", LUA_TSTRING)) {
        reply_null(writer->reply, writer->interpreter->protocol);
        return;
    }
    format.data = (const uint8_t *)lua_tolstring(L, -1, &format.size);
    lua_pop(L, 1);
    if (!take_field(L, "string", LUA_TSTRING)) {
        reply_null(writer->reply, writer->interpreter->protocol);
        return;
    }
    text.data = (const uint8_t *)lua_tolstring(L, -1, &text.size);
    if (writer->interpreter->protocol >= 3) {
        buffer_append_format(writer->reply, "=%zu\r\n", text.size + 4);
        for (size_t i = 0; i < 3; i++)
            buffer_append(writer->reply, i < format.size ? (const char *)format.data + i : " ", 1);
        buffer_append_string(writer->reply, ":");
        buffer_append_span(writer->reply, text);
        buffer_append_string(writer->reply, "\r\n");
    } else {
        reply_bulk(writer->reply, text);
    }
    lua_pop(L, 1);
}

static void write_big_number(lua_State *L, struct writer *writer)
{
    struct span text;
    text.data = (const uint8_t *)lua_tolstring(L, -1, &text.size);

    if (writer->interpreter->protocol < 3) {
        reply_bulk(writer->reply, text);
        return;
    }
    buffer_append_string(writer->reply, "(");
    for (size_t i = 0; i < text.size; i++)
        buffer_append(writer->reply, text.data[i] < ' ' ? " " : (const char *)text.data + i, 1);
    buffer_append_string(writer->reply, "\r\n");
}

static void write_table(lua_State *L, struct writer *writer)
{
    if (take_field(L, "err", LUA_TSTRING)) {
        reply_error(writer->reply, line_of(L));
        lua_pop(L, 1);
    } else if (take_field(L, "ok", LUA_TSTRING)) {
        reply_simple(writer->reply, line_of(L));
        lua_pop(L, 1);
    } else if (take_field(L, "double", LUA_TNUMBER)) {
        write_double(writer, lua_tonumber(L, -1));
        lua_pop(L, 1);
    } else if (take_field(L, "map", LUA_TTABLE)) {
        write_members(L, writer, true);
        lua_pop(L, 1);
    } else if (take_field(L, "set", LUA_TTABLE)) {
        write_members(L, writer, false);
        lua_pop(L, 1);
    } else if (take_field(L, "big_number", LUA_TSTRING)) {
        write_big_number(L, writer);
        lua_pop(L, 1);
    } else if (take_field(L, "verbatim_string", LUA_TTABLE)) {
        write_verbatim(L, writer);
        lua_pop(L, 1);
    } else {
        write_array(L, writer);
    }
}

/* Appends the value on the top, which it takes. */
static void write_value(lua_State *L, struct writer *writer)
{
    struct span text;

    writer->full |= buffer_size(writer->reply) > writer->most;
    if (writer->depth > DEPTH_MAX || !lua_checkstack(L, 6)) {
        reply_error(writer->reply, "ERR reached lua stack limit");
        lua_pop(L, 1);
        return;
    }
    writer->depth++;
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        text.data = (const uint8_t *)lua_tolstring(L, -1, &text.size);
        reply_bulk(writer->reply, text);
        break;
    case LUA_TNUMBER:
        write_number(writer, lua_tonumber(L, -1));
        break;
    case LUA_TBOOLEAN:
        write_boolean(writer, lua_toboolean(L, -1) != 0);
        break;
    case LUA_TTABLE:
        write_table(L, writer);
        break;
    default:
        reply_null(writer->reply, writer->interpreter->protocol);
    }
    writer->depth--;
    lua_pop(L, 1);
}

void convert_reply(lua_State *L, int index, struct buffer *reply)
{
    const struct interpreter *interpreter = interpreter_of(L);
    const size_t before = buffer_size(reply);
    struct writer writer = {
        .reply = reply, .interpreter = interpreter, .most = before + interpreter->memory_max};

    lua_pushvalue(L, index);
    write_value(L, &writer);
    if (!writer.full)
        return;
    buffer_truncate(reply, before);
    reply_error(reply, "ERR the script's reply takes more than script-memory-limit");
}
