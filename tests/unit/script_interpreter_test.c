/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Scripts in an interpreter, without a node: what they see, what they answer, and what ends them.
 * Replies and errors are those of redis-server 7.0.15.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "lib/timeout.h"
#include "script/interpreter.h"
#include "script/scripts.h"

TestSuite(interpreter, .timeout = TIMEOUT_S(20));

#define MEMORY_MAX (4u << 20)
#define ON_LINE_1  " script: ?, on @user_script:1.\r\n"

/* Answers GET with "value" in the protocol asked for, ERROR with an error, NULL with a null, and
 * what begins with WAIT only when the test does. */
struct host {
    int calls;
    struct buffer logged;
};

static struct interpreter *interpreter;
static struct host host;
static struct buffer reply;
static uint32_t work;

static enum script_called call(void *context, const struct span *argv, size_t argc, int protocol,
                               struct buffer *answer)
{
    struct host *h = context;

    h->calls++;
    if (span_is(argv[0], "stop"))
        return CALLED_STOP;
    if (span_is(argv[0], "wait"))
        return CALLED_WAITS;
    if (span_is(argv[0], "error"))
        buffer_append_string(answer, "-ERR it went wrong\r\n");
    else if (span_is(argv[0], "null"))
        buffer_append_string(answer, protocol == 3 ? "_\r\n" : "$-1\r\n");
    else if (span_is(argv[0], "list"))
        buffer_append_string(answer, "*3\r\n:1\r\n$1\r\nx\r\n*1\r\n+OK\r\n");
    else if (span_is(argv[0], "map"))
        buffer_append_string(answer, "%1\r\n+a\r\n,1.5\r\n");
    else if (span_is(argv[0], "verbatim"))
        buffer_append_string(answer, "=6\r\ntxt:hi\r\n");
    else if (argc > 1)
        buffer_append_format(answer, "$%zu\r\n%.*s\r\n", argv[1].size, (int)argv[1].size,
                             (const char *)argv[1].data);
    else
        buffer_append_string(answer, "+OK\r\n");
    return CALLED_REPLY;
}

static void log_line(void *context, int level, struct span text)
{
    struct host *h = context;

    buffer_append_format(&h->logged, "%d:", level);
    buffer_append_span(&h->logged, text);
}

static bool knows(void *context, const struct span *argv, size_t argc)
{
    (void)context;
    (void)argc;
    return span_is(argv[0], "get");
}

static const struct script_host calls = {.call = call, .log = log_line, .knows = knows};

static void begin(void)
{
    host = (struct host){0};
    reply = (struct buffer){0};
    interpreter = interpreter_create(MEMORY_MAX);
    cr_assert_not_null(interpreter);
}

static void end(void)
{
    interpreter_destroy(&interpreter);
    buffer_deinit(&reply);
    buffer_deinit(&host.logged);
}

static bool start(const char *text, int protocol)
{
    static const struct span keys[] = {{(const uint8_t *)"k1", 2}, {(const uint8_t *)"k2", 2}};
    struct script_task task = {.text = span_of_string(text),
                               .keys = keys,
                               .key_count = 2,
                               .arguments = keys,
                               .argument_count = 1,
                               .protocol = protocol,
                               .seed = 7};

    script_name(task.text, task.name);
    buffer_reset(&reply, SIZE_MAX);
    return interpreter_begin(interpreter, &task, &calls, &host, &reply);
}

/* The whole reply, where the name of the script is a question mark. */
static void expect_reply(const char *text, const char *expected)
{
    char name[SCRIPT_NAME_SIZE + 1] = {0}, got[1024] = {0};
    const struct span content = buffer_content(&reply);

    script_name(span_of_string(text), name);
    cr_assert_lt(content.size, sizeof got);
    memcpy(got, content.data, content.size);
    char *at = strstr(got, name);
    if (at != NULL) {
        *at = '?';
        memmove(at + 1, at + SCRIPT_NAME_SIZE, strlen(at + SCRIPT_NAME_SIZE) + 1);
    }
    cr_assert_str_eq(got, expected, "%s: %s", text, got);
}

static void expect(const char *text, int protocol, const char *expected)
{
    enum script_state state = SCRIPT_ENDED;

    if (start(text, protocol))
        while ((state = interpreter_proceed(interpreter, &reply, &work)) == SCRIPT_SLICED)
            continue;
    cr_assert_eq(state, SCRIPT_ENDED, "%s: %d", text, state);
    expect_reply(text, expected);
}

struct row {
    const char *text, *expected;
};

static void expect_rows(const struct row *rows, size_t count, int protocol)
{
    for (size_t i = 0; i < count; i++)
        expect(rows[i].text, protocol, rows[i].expected);
}

#define EXPECT_ROWS(rows, protocol) expect_rows(rows, sizeof(rows) / sizeof(rows)[0], protocol)

Test(interpreter, what_a_script_returns_becomes_a_reply)
{
    static const struct row rows[] = {
        {"return 3.99", ":3\r\n"},
        {"return 1e300", ":-9223372036854775808\r\n"},
        {"return 'x\\0y'", NULL},
        {"return true", ":1\r\n"},
        {"return false", "$-1\r\n"},
        {"return {1,2.7,'a',false,{3},nil,4}", "*5\r\n:1\r\n:2\r\n$1\r\na\r\n$-1\r\n*1\r\n:3\r\n"},
        {"return {err='My Err'}", "-My Err\r\n"},
        {"return {ok='a\\r\\nb'}", "+a  b\r\n"},
        {"return {double=3.5}", "$3\r\n3.5\r\n"},
        {"return {map={a=1}}", "*2\r\n$1\r\na\r\n:1\r\n"},
        {"return {set={a=true}}", "*1\r\n$1\r\na\r\n"},
        {"return {big_number='123'}", "$3\r\n123\r\n"},
        {"return {verbatim_string={format='txt',string='hi'}}", "$2\r\nhi\r\n"},
        {"return print_nothing == nil and 1", NULL},
        {"return {KEYS[2],ARGV[1],#KEYS,#ARGV}", "*4\r\n$2\r\nk2\r\n$2\r\nk1\r\n:2\r\n:1\r\n"},
        {"return", "$-1\r\n"}};
    static const struct row rows3[] = {
        {"return false", "_\r\n"},
        {"return true", ":1\r\n"},
        {"redis.setresp(3) return {true,false}", "*2\r\n#t\r\n#f\r\n"},
        {"return {double=1e300}", ",1.0000000000000001e+300\r\n"},
        {"return {map={a=1}}", "%1\r\n$1\r\na\r\n:1\r\n"},
        {"return {set={a=true}}", "~1\r\n$1\r\na\r\n"},
        {"return {big_number='123'}", "(123\r\n"},
        {"return {verbatim_string={format='txt',string='hi'}}", "=6\r\ntxt:hi\r\n"}};

    begin();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].expected != NULL)
            expect(rows[i].text, 2, rows[i].expected);
    EXPECT_ROWS(rows3, 3);
    end();
}

Test(interpreter, what_a_command_answers_becomes_a_value)
{
    static const struct row rows[] = {
        {"return redis.call('get','v')", "$1\r\nv\r\n"},
        {"return redis.call('get',3)", "$1\r\n3\r\n"},
        {"return redis.call('get',0.1)", "$19\r\n0.10000000000000001\r\n"},
        {"return redis.call('ok').ok", "$2\r\nOK\r\n"},
        {"return redis.call('null') == false", ":1\r\n"},
        {"redis.setresp(3) return redis.call('null') == nil", "#t\r\n"},
        {"redis.setresp(3) return redis.call('map').map.a == nil", "#t\r\n"},
        {"redis.setresp(3) return redis.call('verbatim').verbatim_string.format", "$3\r\ntxt\r\n"},
        {"local l = redis.call('list') return {l[1],l[2],l[3][1].ok}",
         "*3\r\n:1\r\n$1\r\nx\r\n$2\r\nOK\r\n"},
        {"return redis.pcall('error')", "-ERR it went wrong\r\n"},
        {"return redis.pcall('error').err", "$17\r\nERR it went wrong\r\n"},
        {"local ok, e = pcall(redis.call, 'error') return {ok, type(e), e}",
         "*3\r\n_\r\n$6\r\nstring\r\n$17\r\nERR it went wrong\r\n"},
        {"return redis.call('error')", "-ERR it went wrong" ON_LINE_1},
        {"return redis.call()",
         "-ERR Please specify at least one argument for this redis lib call" ON_LINE_1},
        {"return redis.call('get',{})",
         "-ERR Lua redis lib command arguments must be strings or integers" ON_LINE_1}};

    begin();
    EXPECT_ROWS(rows, 3);
    end();
}

Test(interpreter, errors_say_which_script_and_where)
{
    static const struct row rows[] = {
        {"error('boom')", "-ERR user_script:1: boom" ON_LINE_1},
        {"error({err='FOO boom'})", "-FOO boom" ON_LINE_1},
        {"error()", "-ERR nil" ON_LINE_1},
        {"error({})", "-ERR the script raised an error that has no text" ON_LINE_1},
        {"\n\nerror('in line')", "-ERR user_script:3: in line script: ?, on @user_script:3.\r\n"},
        {"return 1 +",
         "-ERR Error compiling script (new function): user_script:1: unexpected symbol "
         "near '<eof>'\r\n"},
        {"return loadstring(string.dump(function() end))()",
         "-ERR user_script:1: attempt to call a nil value" ON_LINE_1},
        {"return redis.error_reply('Err')", "-ERR Err\r\n"},
        {"return redis.error_reply('-MY Err')", "-MY Err\r\n"},
        {"return redis.error_reply()", "-ERR wrong number or type of arguments\r\n"},
        {"return string.find('a', '%')",
         "-ERR user_script:1: malformed pattern (ends with '%')" ON_LINE_1},
        {"return ('a'):find()",
         "-ERR user_script:1: bad argument #2 to 'find' (string expected, got no value)" ON_LINE_1},
        {"string.gsub('a','a',function() error('x') end)", "-ERR user_script:1: x" ON_LINE_1}};

    begin();
    EXPECT_ROWS(rows, 2);
    end();
}

#define READONLY_ERROR "Attempt to modify a readonly table" ON_LINE_1

Test(interpreter, nothing_that_scripts_share_can_be_changed)
{
    static const struct row rows[] = {
        {"x=1", "-ERR user_script:1: " READONLY_ERROR},
        {"return x", "-ERR user_script:1: Script attempted to access nonexistent global variable "
                     "'x'" ON_LINE_1},
        {"_G.x=1", "-ERR user_script:1: " READONLY_ERROR},
        {"redis.call=nil", "-ERR user_script:1: " READONLY_ERROR},
        {"string.x=1", "-ERR user_script:1: " READONLY_ERROR},
        {"getmetatable('').__index=1", "-ERR user_script:1: " READONLY_ERROR},
        {"getmetatable('').__index.len=1", "-ERR user_script:1: " READONLY_ERROR},
        {"rawset(_G,'x',1)", "-ERR " READONLY_ERROR},
        {"setmetatable(_G,{})", "-ERR " READONLY_ERROR},
        {"setmetatable(string,nil)", "-ERR " READONLY_ERROR},
        {"getmetatable(_G).__index = 1 return pcall(function() return y end) == false", ":1\r\n"},
        {"local f, t = pairs(string) t.len = nil return ('abc'):len()", ":3\r\n"},
        {"local k = next(redis) return type(redis[k]) ~= 'nil'", ":1\r\n"},
        {"return rawget(_G,'redis') == redis", ":1\r\n"},
        {"table.insert(redis, 1)", NULL},
        {"return #redis", ":0\r\n"}};

    begin();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].expected != NULL)
            expect(rows[i].text, 2, rows[i].expected);
    /* However it ends, the next one finds all as it was. */
    if (start("table.insert(string, 1) table.foreach(_G, print)", 2))
        while (interpreter_proceed(interpreter, &reply, &work) == SCRIPT_SLICED)
            continue;
    expect("local n = 0 for k in pairs(string) do n = n + 1 end return n", 2, ":15\r\n");
    end();
}

Test(interpreter, there_is_no_way_to_files_or_the_process)
{
    static const char *const names[] = {"io",       "os",      "require",  "dofile", "loadfile",
                                        "package",  "debug",   "print",    "module", "setfenv",
                                        "newproxy", "getfenv", "stdscript"};
    char text[64];

    begin();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(text, sizeof text, "return rawget(_G,'%s') == nil", names[i]);
        expect(text, 2, ":1\r\n");
    }
    end();
}

Test(interpreter, a_long_script_makes_way_and_goes_on)
{
    unsigned slices = 1;

    begin();
    cr_assert(start("local n = 0 for i = 1, 200000 do n = n + 1 end return n", 2));
    while (interpreter_proceed(interpreter, &reply, &work) == SCRIPT_SLICED)
        slices++;
    cr_assert_gt(slices, 10);
    expect_reply("", ":200000\r\n");
    cr_assert(start("while true do end", 2));
    cr_assert_eq(interpreter_proceed(interpreter, &reply, &work), SCRIPT_SLICED);
    interpreter_stop(interpreter);
    expect("return 1", 2, ":1\r\n");
    end();
}

Test(interpreter, where_it_cannot_make_way_it_is_ended)
{
    static const char *const texts[] = {
        "pcall(function() while true do end end) return 1",
        "xpcall(function() while true do end end, function() return 1 end) return 1",
        "string.gsub('a', 'a', function() while true do end end) return 1",
        "for i in function() while true do end end do end return 1",
        "local t = setmetatable({}, {__index = function() while true do end end}) return t.x",
        "coroutine.resume(coroutine.create(function() while true do end end)) return 1",
        "local function f() while true do pcall(f) end end f()",
        "table.sort({3,2,1}, function() while true do end end)"};

    begin();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        enum script_state state;
        cr_assert(start(texts[i], 2));
        while ((state = interpreter_proceed(interpreter, &reply, &work)) == SCRIPT_SLICED)
            continue;
        cr_assert_eq(state, SCRIPT_GIVEN_UP, "%s", texts[i]);
        cr_assert(strncmp((const char *)buffer_content(&reply).data, "-ERR the script ran too long",
                          28) == 0,
                  "%s", texts[i]);
        expect("return 1", 2, ":1\r\n");
    }
    end();
}

Test(interpreter, memory_is_bounded_and_nothing_catches_that)
{
    static const char *const texts[] = {
        "return string.rep('x', 100000000)", "local t = {} while true do t[#t + 1] = {} end",
        "local t = {} pcall(function() while true do t[#t + 1] = {} end end) return 1",
        ("local c = coroutine.wrap(function() return string.rep('x', 100000000) end) pcall(c) "
         "return 1"),
        "local s = 'x' while true do s = s .. s end"};

    begin();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        enum script_state state;
        cr_assert(start(texts[i], 2));
        while ((state = interpreter_proceed(interpreter, &reply, &work)) == SCRIPT_SLICED)
            continue;
        cr_assert_eq(state, SCRIPT_GIVEN_UP, "%s", texts[i]);
        cr_assert_leq(interpreter_memory(interpreter), MEMORY_MAX + (64u << 10));
        expect("return 1", 2, ":1\r\n");
    }
    expect("local t = {} for i = 1, 30 do t = {t, t} end return cjson.encode(t)", 2,
           "-ERR user_script:1: Cannot serialise table: it is too large" ON_LINE_1);
    end();
}

Test(interpreter, it_waits_for_a_command_and_goes_on_with_its_reply)
{
    begin();
    cr_assert(start("local a = redis.call('wait') return {a, redis.call('wait')}", 2));
    cr_assert_eq(interpreter_proceed(interpreter, &reply, &work), SCRIPT_WAITS);
    cr_assert_eq(interpreter_answer(interpreter, SPAN(":7\r\n"), &reply, &work), SCRIPT_WAITS);
    cr_assert_eq(interpreter_answer(interpreter, SPAN("+OK\r\n"), &reply, &work), SCRIPT_ENDED);
    expect_reply("", "*2\r\n:7\r\n+OK\r\n");
    cr_assert(start("return redis.pcall('wait')", 2));
    cr_assert_eq(interpreter_proceed(interpreter, &reply, &work), SCRIPT_WAITS);
    cr_assert_eq(interpreter_answer(interpreter, SPAN("-ERR no\r\n"), &reply, &work), SCRIPT_ENDED);
    expect_reply("", "-ERR no\r\n");
    end();
}

Test(interpreter, where_it_cannot_wait_it_is_to_be_run_again)
{
    begin();
    cr_assert(start("return pcall(redis.call, 'wait')", 2));
    cr_assert_eq(interpreter_proceed(interpreter, &reply, &work), SCRIPT_AGAIN);
    cr_assert(start("return pcall(function() return pcall(redis.call, 'wait') end)", 2));
    cr_assert_eq(interpreter_proceed(interpreter, &reply, &work), SCRIPT_AGAIN);
    cr_assert(start("string.gsub('a', 'a', function() redis.call('wait') end)", 2));
    cr_assert_eq(interpreter_proceed(interpreter, &reply, &work), SCRIPT_AGAIN);
    cr_assert(start("return redis.call('wait')", 2));
    cr_assert_eq(interpreter_proceed(interpreter, &reply, &work), SCRIPT_WAITS);
    cr_assert_eq(interpreter_answer(interpreter, SPAN("-ERR no\r\n"), &reply, &work), SCRIPT_AGAIN);
    cr_assert(start("pcall(redis.call, 'stop') return 1", 2));
    cr_assert_eq(interpreter_proceed(interpreter, &reply, &work), SCRIPT_GIVEN_UP);
    cr_assert_eq(buffer_size(&reply), 0);
    expect("return 1", 2, ":1\r\n");
    end();
}

Test(interpreter, the_libraries_are_those_of_redis)
{
    static const struct row rows[] = {
        {"return cjson.encode({1,{a=cjson.null}})", "$14\r\n[1,{\"a\":null}]\r\n"},
        {"return cjson.decode('[1,2.5,null]')[2] * 2", ":5\r\n"},
        {"return cjson.encode({[1]=1,[100]=2})",
         "-ERR user_script:1: Cannot serialise table: excessively sparse array" ON_LINE_1},
        {"return bit.band(255,15)", ":15\r\n"},
        {"return bit.tohex(255)", "$8\r\n000000ff\r\n"},
        {"return cmsgpack.pack(1,-33,255,'x',1.5)", "$12\r\n\x01\xd0\xdf\xcc\xff\xa1x\xca\x3f\xc0"},
        {"return {cmsgpack.unpack(cmsgpack.pack(1,'b',2.5,{1,{a=5}}))}",
         "*4\r\n:1\r\n$1\r\nb\r\n:2\r\n*2\r\n:1\r\n*0\r\n"},
        {"return cmsgpack.unpack(cmsgpack.pack({a={b=7}})).a.b", ":7\r\n"},
        {"return {cmsgpack.unpack_one(cmsgpack.pack(1,2))}", "*2\r\n:1\r\n:1\r\n"},
        {"return {cmsgpack.unpack_one(cmsgpack.pack(1,2),1)}", "*2\r\n:-1\r\n:2\r\n"},
        {"return {cmsgpack.unpack_limit(cmsgpack.pack(1,2,3),2)}", "*3\r\n:2\r\n:1\r\n:2\r\n"},
        {"return cmsgpack.unpack('\\146\\1')",
         "-ERR user_script:1: Missing bytes in input." ON_LINE_1},
        {"return cmsgpack.unpack('\\221\\255\\255\\255\\255')",
         "-ERR user_script:1: Missing bytes in input." ON_LINE_1},
        {"return cmsgpack.unpack('\\193')",
         "-ERR user_script:1: Bad data format in input." ON_LINE_1},
        {"local t = {} t[1] = t return #cmsgpack.pack(t)", ":17\r\n"},
        {"return {struct.unpack('>I2i1','\\1\\2\\255')}", "*3\r\n:258\r\n:-1\r\n:4\r\n"},
        {"return {struct.unpack('<hs', struct.pack('<hs', -2, 'abc'))}",
         "*3\r\n:-2\r\n$3\r\nabc\r\n:7\r\n"},
        {"return {struct.unpack('d', struct.pack('d', 2.5))}", "*2\r\n:2\r\n:9\r\n"},
        {"return struct.size('!8bi4d')", ":16\r\n"},
        {"return {struct.unpack('Bc0','\\3abcd')}", "*2\r\n$3\r\nabc\r\n:5\r\n"},
        {"return struct.pack('i33',1)",
         "-ERR user_script:1: integral size 33 is larger than limit of 32" ON_LINE_1},
        {"return struct.unpack('i4','a')",
         "-ERR user_script:1: bad argument #2 to 'unpack' (data string too short)" ON_LINE_1},
        {"return redis.sha1hex('')", "$40\r\nda39a3ee5e6b4b0d3255bfef95601890afd80709\r\n"},
        {"return redis.acl_check_cmd('get')", ":1\r\n"},
        {"math.randomseed(5) return {math.random(100),math.random(1000)}", "*2\r\n:53\r\n:273\r\n"},
        {"return math.random(5,1)",
         "-ERR user_script:1: bad argument #2 to 'random' (interval is empty)" ON_LINE_1}};

    begin();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strstr(rows[i].expected, "\xcc\xff") == NULL)
            expect(rows[i].text, 2, rows[i].expected);
    cr_assert(start(rows[5].text, 2));
    cr_assert_eq(interpreter_proceed(interpreter, &reply, &work), SCRIPT_ENDED);
    cr_assert(span_equal(buffer_content(&reply),
                         SPAN("$12\r\n\x01\xd0\xdf\xcc\xff\xa1x\xca\x3f\xc0\x00\x00\r\n")));
    expect("redis.log(redis.LOG_WARNING, 'a', 1)", 2, "$-1\r\n");
    cr_assert(span_equal(buffer_content(&host.logged), SPAN("3:a 1")));
    end();
}

Test(interpreter, one_that_set_up_a_library_is_not_used_again)
{
    begin();
    expect("return 1", 2, ":1\r\n");
    cr_assert(interpreter_reusable(interpreter));
    expect("cjson.encode_sparse_array(true) return 1", 2, ":1\r\n");
    cr_assert_not(interpreter_reusable(interpreter));
    end();
}

Test(interpreter, a_run_repeats_exactly)
{
    struct buffer first = {0};

    begin();
    for (int i = 0; i < 2; i++) {
        cr_assert(start("return {math.random(1000000), math.random(1000000)}", 2));
        cr_assert_eq(interpreter_proceed(interpreter, &reply, &work), SCRIPT_ENDED);
        if (i == 0)
            buffer_append_span(&first, buffer_content(&reply));
    }
    cr_assert(span_equal(buffer_content(&first), buffer_content(&reply)));
    buffer_deinit(&first);
    end();
}

/* It counts for maxmemory, and so for what is evicted when: the simulator's runs depend on it. */
Test(interpreter, memory_does_not_depend_on_where_things_lie)
{
    enum { LIVES = 12, SCRIPTS = 400 };
    static size_t memory[LIVES][SCRIPTS];
    void *between[LIVES];

    for (int life = 0; life < LIVES; life++) {
        begin();
        for (int i = 0; i < SCRIPTS; i++) {
            char text[128];
            snprintf(text, sizeof text,
                     "local t = {} for i = 1, 20 do t['k' .. i] = {i} end return redis.call('get', "
                     "KEYS[1]) .. %d",
                     i % 50);
            cr_assert(start(text, 2));
            while (interpreter_proceed(interpreter, &reply, &work) == SCRIPT_SLICED)
                continue;
            memory[life][i] = interpreter_memory(interpreter);
        }
        between[life] = malloc(1000u + 977u * (unsigned)life); /* the next lie elsewhere */
        end();
    }
    for (int life = 0; life < LIVES; life++) {
        cr_assert_arr_eq(memory[life], memory[0], sizeof memory[0], "life %d", life);
        free(between[life]);
    }
}
