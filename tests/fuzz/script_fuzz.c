/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A fuzzer of scripts: what Lua a client sends, and what redis.call answers to it. Scripts run in
 * one interpreter, a few of them one after the other, in slices; each that ends has left one reply
 * of RESP, its memory stays below its bound, and none leaves anything that the next one sees.
 *
 * The input is text, of scripts apart by zero bytes; or, where the first byte is above 127, bytes
 * that choose statements, which parse more often than not. The first byte also draws what
 * redis.call answers.
 */
#include <criterion/criterion.h>

#include "fuzz/fuzz.h"
#include "resp/answer.h"
#include "script/scripts.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define MEMORY_MAX     (2u << 20)
#define SCRIPTS_MAX    4
#define SLICES_MAX     12
#define CALLS_MAX      64
#define STATEMENTS_MAX 24

static const char *const replies[] = {
    "+OK\r\n",
    "$-1\r\n",
    "*-1\r\n",
    ":5\r\n",
    "$3\r\nabc\r\n",
    "$0\r\n\r\n",
    "-ERR no\r\n",
    "*2\r\n:1\r\n$1\r\na\r\n",
    "*0\r\n",
    "_\r\n",
    "#t\r\n",
    ",1.5\r\n",
    ",inf\r\n",
    "%1\r\n+a\r\n:1\r\n",
    "~1\r\n+a\r\n",
    "(123456789012345678901\r\n",
    "=7\r\ntxt:abc\r\n",
    "*1\r\n*1\r\n*1\r\n_\r\n",
    "-NOQUORUM x\r\n",
};

static const char *const statements[] = {
    "return redis.call('GET', KEYS[1])",
    "local a = redis.call('SET', KEYS[1], ARGV[1])",
    "local a = redis.pcall('GET', 'x')",
    "return redis.error_reply('MY err')",
    "return redis.status_reply('OK')",
    "return {1, 2.5, 'x', false, {err = 'E x'}, nil, 3}",
    "redis.setresp(3)",
    "redis.log(redis.LOG_WARNING, 'x', 5)",
    "return redis.sha1hex('')",
    "a = 5",
    "local t = {} for i = 1, 100 do t[i] = i end return t",
    "while true do end",
    "return cjson.encode({1, {a = 'b'}, cjson.null})",
    "return cjson.decode('[1,{\"a\":null}]')",
    "return cmsgpack.unpack(cmsgpack.pack({1, 'x', {a = 1.5}}))",
    "return cmsgpack.unpack('\\223')",
    "return struct.pack('>I2s', 5, 'x')",
    "return struct.unpack('<i4', 'abcd')",
    "return bit.tohex(bit.bxor(1, 2))",
    "return string.rep('x', 10000000)",
    "return ('x'):rep(100):find('(x*)*y')",
    "return string.format('%5.2f %q %s', 1, '\\0', {})",
    "return pcall(error, {1})",
    "error('x')",
    "error({err = 'MINE x'})",
    "return tostring(_G)",
    "setmetatable(_G, {})",
    "return loadstring('return 5')()",
    "string.x = 5",
    "return string.gsub('abc', '.', function(c) return redis.call('GET', c) end)",
    "return setmetatable({}, {__index = function(t, k) return redis.call('GET', k) end}).x",
    "table.sort({3, 2, 1}, function(a, b) return redis.call('GET', a) end)",
    "return math.random()",
    "local co = coroutine.wrap(function() coroutine.yield(1) end) return co()",
    "local s = '' for i = 1, 1000 do s = s .. i end return s",
    "return unpack({}, 1, 1e7)",
    "do local function f() return f() end return f() end",
    "for k in pairs(_G) do _G[k] = nil end",
    "local function f(n) return {f(n + 1)} end f(1)",
    "return {map = {a = 1}, set = {}}",
    "return {double = 1.5}",
    "return {verbatim_string = {string = 'x', format = 'txt'}}",
    "return {big_number = '1'}",
    "redis.replicate_commands()",
    "return redis.acl_check_cmd('get', 'x')",
    "print('x')",
    "return os.clock()",
    "return #KEYS",
    "return redis.breakpoint()",
    "local x <const> = 1",
    "goto x",
    "return (nil)()",
    "return 0x7fffffff + 1",
    "return -0/0",
    "#!lua flags=no-writes\n",
    "#!lua name=x\n",
    "return KEYS, ARGV",
};

struct host {
    struct draw draw;
    size_t calls, known; /* of these the first so many were answered in a run before */
    const char *answers[CALLS_MAX];
};

static enum script_called call(void *context, const struct span *argv, size_t argc, int protocol,
                               struct buffer *reply)
{
    struct host *host = context;

    for (size_t i = 0; i < argc; i++)
        touch(argv[i]);
    cr_assert(protocol == 2 || protocol == 3);
    if (host->calls == CALLS_MAX)
        return CALLED_STOP;
    if (host->calls < host->known) {
        buffer_append_string(reply, host->answers[host->calls++]);
        return CALLED_REPLY;
    }
    const uint8_t byte = draw_byte(&host->draw);
    host->answers[host->calls] = replies[byte / 4 % COUNT(replies)];
    if (byte % 4 == 3)
        return CALLED_WAITS;
    buffer_append_string(reply, host->answers[host->calls++]);
    host->known = host->calls;
    return CALLED_REPLY;
}

static void note(void *context, int level, struct span text)
{
    (void)context;
    cr_assert(level >= 0 && level <= 3);
    touch(text);
}

static bool knows(void *context, const struct span *argv, size_t argc)
{
    (void)context;
    return argc > 0 && argv[0].size != 1;
}

static const struct script_host calls = {call, note, knows};

static void expect_one_reply(const struct buffer *reply)
{
    struct answer answer;

    answer_init(&answer);
    cr_assert(!reply->failed && answer_read(&answer, buffer_content(reply)) == ANSWER_COMPLETE &&
                  answer.size == buffer_size(reply),
              "one reply, and not '%.*s'", (int)buffer_size(reply),
              (const char *)buffer_content(reply).data);
}

/* Runs it to its end, or for so long. */
static void run(struct interpreter *interpreter, struct host *host, struct span text,
                struct buffer *reply)
{
    static const struct span keys[] = {SPAN("k"), SPAN("")}, arguments[] = {SPAN("1"), SPAN("\0")};
    struct script_task task = {.text = text,
                               .keys = keys,
                               .key_count = COUNT(keys),
                               .arguments = arguments,
                               .argument_count = COUNT(arguments),
                               .protocol = 2 + (draw_byte(&host->draw) & 1),
                               .seed = 5};
    enum script_state state = SCRIPT_AGAIN;
    uint32_t work = 0;

    script_name(text, task.name);
    host->known = 0;
    for (unsigned slices = 0; slices < SLICES_MAX; slices++) {
        if (state == SCRIPT_AGAIN) {
            host->calls = 0;
            buffer_reset(reply, SIZE_MAX);
            if (!interpreter_begin(interpreter, &task, &calls, host, reply)) {
                expect_one_reply(reply);
                return;
            }
            state = interpreter_proceed(interpreter, reply, &work);
        } else if (state == SCRIPT_SLICED) {
            state = interpreter_proceed(interpreter, reply, &work);
        } else {
            const char *answer = host->answers[host->calls++];
            host->known = host->calls;
            state = interpreter_answer(interpreter, span_of_string(answer), reply, &work);
        }
        cr_assert_leq(interpreter_memory(interpreter), MEMORY_MAX);
        if (state == SCRIPT_AGAIN && host->known < CALLS_MAX && host->calls == host->known)
            host->known++; /* what it waited for is at hand now */
        if (state == SCRIPT_ENDED)
            expect_one_reply(reply);
        if (state == SCRIPT_ENDED || state == SCRIPT_GIVEN_UP)
            return;
    }
    if (state != SCRIPT_AGAIN)
        interpreter_stop(interpreter);
}

/* What a script sees that nobody came before. */
static void probe(struct interpreter *interpreter, struct buffer *reply)
{
    static const char text[] =
        "local n = 0 for k, v in pairs(_G) do n = n + 1 end "
        "local m = 0 for k, v in pairs(string) do m = m + 1 end "
        "return {n, m, tostring(rawget(_G, 'a')), #KEYS, math.random(1, 1000000), "
        "type(string.format), pcall(redis.call) and 1 or 2}";
    struct host host = {0};

    run(interpreter, &host, SPAN(text), reply);
}

static void one_script(struct interpreter *interpreter, struct host *host, struct span text,
                       struct span unspoilt)
{
    struct buffer reply = {0};

    run(interpreter, host, text, &reply);
    if (interpreter_reusable(interpreter)) {
        buffer_reset(&reply, SIZE_MAX);
        probe(interpreter, &reply);
        cr_assert(span_equal(buffer_content(&reply), unspoilt), "'%.*s' and not '%.*s'",
                  (int)buffer_size(&reply), (const char *)buffer_content(&reply).data,
                  (int)unspoilt.size, (const char *)unspoilt.data);
    }
    buffer_deinit(&reply);
}

static void choose_statements(struct draw *draw, struct buffer *text)
{
    for (unsigned i = 0; i < STATEMENTS_MAX && draw->left > 0; i++) {
        const uint8_t byte = draw_byte(draw);
        if (byte == 0)
            return;
        if (byte > COUNT(statements)) {
            buffer_append_span(text, draw_span(draw, byte % 32u));
            continue;
        }
        const char *statement = statements[byte - 1];
        const bool wrapped = draw_byte(draw) & 1;
        buffer_append_string(text, wrapped ? "do local x = pcall(function() " : "do ");
        buffer_append_string(text, statement);
        buffer_append_string(text, wrapped ? " end) end " : " end ");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct host host = {.draw = draw_from(data, size)};
    struct buffer text = {0}, unspoilt = {0};
    struct interpreter *interpreter = interpreter_create(MEMORY_MAX);

    cr_assert_not_null(interpreter);
    const bool chosen = draw_byte(&host.draw) > 127;
    probe(interpreter, &unspoilt);
    for (unsigned i = 0; i < SCRIPTS_MAX && host.draw.left > 0; i++) {
        buffer_reset(&text, SIZE_MAX);
        if (chosen) {
            choose_statements(&host.draw, &text);
        } else {
            const uint8_t *end = memchr(host.draw.at, 0, host.draw.left);
            buffer_append_span(
                &text,
                draw_span(&host.draw, end == NULL ? host.draw.left : (size_t)(end - host.draw.at)));
            draw_byte(&host.draw);
        }
        if (!interpreter_reusable(interpreter)) {
            interpreter_destroy(&interpreter);
            interpreter = interpreter_create(MEMORY_MAX);
            cr_assert_not_null(interpreter);
        }
        one_script(interpreter, &host, buffer_content(&text), buffer_content(&unspoilt));
    }
    interpreter_destroy(&interpreter);
    buffer_deinit(&text);
    buffer_deinit(&unspoilt);
    return 0;
}
