/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "system/compare/draw.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/check.h"

#define OPTION_OF   3  /* an option is taken once in so many times */
#define EDGE_OF     8  /* a value is an edge case once in so many times */
#define SPOILT_OF   12 /* a command is spoilt once in so many times */
#define REPEATS_MAX 4

/* What follows uses few keys, so that commands meet. Times to live are long: nothing expires while
 * a test runs, and dates are either gone by or far off. */
#define S(literal)                                      \
    {                                                   \
        (const uint8_t *)(literal), sizeof(literal) - 1 \
    }

#define TEXT_44   "12345678901234567890123456789012345678901234"
#define TEN_BYTES "abcdefghij"
#define TEXT_200                                                                                  \
    TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES     \
        TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES \
            TEN_BYTES TEN_BYTES

#define INT64_BEYOND "9223372036854775808"

#define VALUES(...) ((const struct span[]){__VA_ARGS__, {0}})

static const struct kind {
    const char *name;
    const struct span *valid, *edge;
} kinds[] = {
    {"key", VALUES(S("a"), S("b"), S("c"), S("{t}1"), S("{t}2"), S("n")),
     VALUES(S(""), S("no such key"), S("{}x"), S("a\0b"), S(TEXT_200))},
    {"value", VALUES(S("hello"), S("0"), S("10"), S("-7"), S("3.25"), S("world"), S("abcabcab")),
     VALUES(S(""), S("9223372036854775807"), S("-9223372036854775808"), S(INT64_BEYOND), S(" 1"),
            S("01"), S("1e3"), S("inf"), S("nan"), S("\0\xff\r\n"), S(TEXT_44), S(TEXT_44 "5"),
            S(TEXT_200))},
    {"integer", VALUES(S("0"), S("1"), S("-1"), S("2"), S("5"), S("-3"), S("100")),
     VALUES(S(""), S("abc"), S(" 1"), S("1 "), S("+1"), S("01"), S("-0"), S("1.0"), S("0x10"),
            S("9223372036854775807"), S("-9223372036854775808"), S(INT64_BEYOND),
            S("99999999999999999999"), S("1\0"))},
    {"float", VALUES(S("1"), S("0.5"), S("-2.25"), S("3.0"), S("1e2"), S("10.10")),
     VALUES(S(""), S("abc"), S(" 1"), S("1 "), S("inf"), S("-inf"), S("nan"), S("1e400"),
            S("1e-400"), S("0x1p3"), S("1e17"), S("0.1"), S("3.0000000000000000001"), S("1e30"),
            S("9223372036854775807"), S("-0"), S("5e-1x"))},
    {"seconds", VALUES(S("1000"), S("5000"), S("100000")),
     VALUES(S("0"), S("-1"), S("abc"), S(""), S("1.5"), S("9223372036854775807"),
            S("-9223372036854775808"), S("9223372036854775"), S("9223372036854776"),
            S(INT64_BEYOND))},
    {"milliseconds", VALUES(S("2000000"), S("7000000"), S("120000000")),
     VALUES(S("0"), S("-1"), S("abc"), S(""), S("1.5"), S("9223372036854775807"),
            S("-9223372036854775808"), S(INT64_BEYOND))},
    {"unix-seconds", VALUES(S("4102444800"), S("4102444900"), S("5000000000")),
     VALUES(S("0"), S("-1"), S("1"), S("1000000000"), S("abc"), S(""), S("9223372036854775807"),
            S("9223372036854775"), S("9223372036854776"), S("-9223372036854775808"))},
    {"unix-milliseconds", VALUES(S("4102444800000"), S("4102444900123"), S("5000000000000")),
     VALUES(S("0"), S("-1"), S("1"), S("1000000000000"), S("abc"), S(""), S("9223372036854775807"),
            S("-9223372036854775808"), S(INT64_BEYOND))},
    {"restored-milliseconds", VALUES(S("0"), S("2000000"), S("7000000")),
     VALUES(S("-1"), S("abc"), S(""), S("1.5"), S("-9223372036854775808"), S(INT64_BEYOND))},
    {"restored-date", VALUES(S("4102444800000"), S("5000000000000")),
     VALUES(S("0"), S("-1"), S("1000000000000"), S("abc"), S(""))},
    /* Of these a SET makes a key that is there until Redis looks at it. */
    {"later-seconds", VALUES(S("4102444800"), S("4102444900"), S("5000000000")),
     VALUES(S("0"), S("-1"), S("abc"), S(""), S("9223372036854775807"), S("9223372036854775"),
            S("9223372036854776"), S("-9223372036854775808"))},
    {"later-milliseconds", VALUES(S("4102444800000"), S("4102444900123"), S("5000000000000")),
     VALUES(S("0"), S("-1"), S("abc"), S(""), S("9223372036854775807"), S(INT64_BEYOND))},
    {"index", VALUES(S("0"), S("1"), S("-1"), S("2"), S("4"), S("-3"), S("100")),
     VALUES(S("-100"), S("abc"), S(""), S("9223372036854775807"), S("-9223372036854775808"),
            S(INT64_BEYOND), S("1.0"))},
    /* An offset that is allowed and large would make a value of that size. */
    {"offset", VALUES(S("0"), S("1"), S("3"), S("10"), S("100")),
     VALUES(S("-1"), S("abc"), S(""), S("536870912"), S("9223372036854775807"), S(INT64_BEYOND))},
    {"pattern", VALUES(S("*"), S("a*"), S("{t}*"), S("?"), S("[ab]"), S("[^a]"), S("[a-c]")),
     VALUES(S(""), S("["), S("[a"), S("\\*"), S("\\"), S("*\0*"), S("[^"), S("no*"), S("[c-a]"),
            S("{t}[12]"))},
    {"cursor", VALUES(S("0")),
     VALUES(S("abc"), S(""), S("-1"), S("18446744073709551616"), S("1x"))},
    {"count", VALUES(S("1"), S("10"), S("1000")),
     VALUES(S("0"), S("-1"), S("abc"), S(""), S(INT64_BEYOND))},
    {"type", VALUES(S("string")), VALUES(S("list"), S("nonsense"), S(""), S("STRING"))},
    {"database", VALUES(S("0")),
     VALUES(S("-1"), S("abc"), S(""), S("2147483648"), S("99999999999999999999"))},
    {"name", VALUES(S("worker-1"), S("x")), VALUES(S(""), S("with blank"), S("line\n"), S("\xff"))},
    {"command", VALUES(S("get"), S("SET"), S("mget"), S("del")),
     VALUES(S("nonsense"), S(""), S("client|id"), S("client|"), S("config|get"), S("get|x"))},
    {"protocol", VALUES(S("2"), S("3")), VALUES(S("1"), S("4"), S("abc"), S(""), S("-2"))},
    {"flag", VALUES(S("ON"), S("OFF"), S("on"), S("off")), VALUES(S("maybe"), S(""), S("0"))},
    {"text", VALUES(S("hello"), S("x")), VALUES(S(""), S("two words"), S("\r\n"), S(TEXT_200))},
    {"id", VALUES(S("999999999")), VALUES(S("0"), S("-1"), S("abc"), S(""), S(INT64_BEYOND))},
    {"slot", VALUES(S("0"), S("15495"), S("16383")),
     VALUES(S("16384"), S("-1"), S("abc"), S(""), S("99999999999999999999"))},
    {"script",
     VALUES(
         S("return redis.call('get',KEYS[1])"), S("return redis.call('set',KEYS[1],ARGV[1])"),
         S("return redis.pcall('incr',KEYS[1])"), S("return redis.call('incrby',KEYS[1],2)"),
         S("if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[1]) end "
           "return 0"),
         S("local n = redis.pcall('incr',KEYS[1]) redis.call('pexpire',KEYS[1],7000000) return n"),
         S("return {KEYS[1],ARGV[1],#KEYS,#ARGV}"),
         S("return {redis.call('exists',KEYS[1]),redis.call('del',KEYS[1])}"),
         S("return {redis.call('setnx',KEYS[1],ARGV[1]),redis.call('getrange',KEYS[1],0,3)}"),
         S("return redis.call('mget',KEYS[1],KEYS[2] or 'b','{t}1')"),
         S("redis.call('set',KEYS[2] or 'c','x') return redis.call('rename',KEYS[2] or "
           "'c',KEYS[1])"),
         S("return {1,2.5,'x',true,false,{ok='fine'},{err='Bad thing'},nil,3}"),
         S("redis.setresp(3) return {redis.call('get',KEYS[1]),true,{double=1.5},{map={a=1}}}"),
         S("redis.call('append',KEYS[1],'!') error('after it')"),
         S("return cjson.encode({KEYS[1],ARGV[1]})"),
         S("return cjson.decode('[1,{\"a\":[true,null,2.5]}]')"),
         S("return cmsgpack.pack(KEYS[1],{1,2,-3},1.5,{a='b'})"),
         S("return {cmsgpack.unpack(cmsgpack.pack(1,{2},'x'))}"),
         S("return struct.pack('>I2<hs',258,-2,KEYS[1])"), S("return bit.tohex(bit.bxor(5,255))"),
         S("return redis.sha1hex(KEYS[1])"), S("return {pcall(redis.call,'incrby',KEYS[1],'x')}"),
         S("#!lua flags=no-writes\nreturn redis.call('strlen',KEYS[1])")),
     VALUES(S(""), S("return"), S("return nosuch"), S("nosuch = 1"), S("error('x')"),
            S("error({err='CODE of my own'})"), S("return redis.call()"),
            S("return redis.call('nosuch')"), S("return redis.call('get')"),
            S("return redis.pcall('get',{})"), S("return redis.call('multi')"), S("return 1 +"),
            S("redis.x = 1"), S("rawset(_G,'x',1)"), S("return redis.error_reply('Oh')"),
            S("return redis.error_reply('-OH no')"), S("return redis.status_reply('a\r\nb')"),
            S("return string.find('a','%')"), S("return redis.call('get',KEYS[1],KEYS[1])"),
            S("#!lua flags=no-writes\nreturn redis.call('set',KEYS[1],'x')"),
            S("#!lua flags=none\n"), S("#!python\nreturn 1"),
            S("return tostring(0/0) == tostring(0/0)"), S("return math.random(5,1)"),
            S("return struct.unpack('i4','a')"), S("return cmsgpack.unpack('\\193')"),
            S("return cjson.decode('{')"), S("\n\nreturn redis.call('incr',ARGV[1],1)"),
            S("return loadstring('return 7')()"))},
    {"keys-of-script", VALUES(S("1")), VALUES(S("0"), S("2"), S("-1"), S("abc"), S("99"), S(""))},
    {"script-of-sha1", VALUES(S("return redis.call('get',KEYS[1])")),
     VALUES(S("return 1"), S("return +"))},
    {"sha1",
     VALUES(S("fd758d1589d044dd850a6f05d52f2eefd27f033f"),
            S("FD758D1589D044DD850A6F05D52F2EEFD27F033F")),
     VALUES(S("e0e1f9fabfc9d4800c877a703b823ac0578ff8db"), S("abc"), S(""))},
    /* DUMP of "10", of "hello" and of a compressed value by Redis 7.0, and what is none. */
    {"payload",
     VALUES(S("\x00\xc0\x0a\x0a\x00n\x9fWE\x0e\xae\x63\xbb"),
            S("\x00\x05hello\x0a\x00\x63r\xdfve4 \x0a")),
     VALUES(S(""), S("abc"), S("\x00\x05hellO\x0a\x00\x63r\xdfve4 \x0a"),
            S("\x00\x05hello\xff\xff\x63r\xdfve4 \x0a"), S(TEXT_44))},
};

/* What a spoilt command gets. */
static const struct span strays[] = {S(""),   S("0"),  S("-1"), S("a"),  S("GET"),      S("NX"),
                                     S("EX"), S("PX"), S("XX"), S("GT"), S("nonsense"), S("COUNT")};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct drawing {
    struct line *line;
    struct rng *rng;
    const char *at; /* in the syntax */
};

static void add_word(struct drawing *drawing, struct span word)
{
    struct line *line = drawing->line;

    if (line->count < LINE_WORDS_MAX)
        line->words[line->count++] = word;
}

static struct span pick(const struct span *values, struct rng *rng)
{
    size_t count = 0;

    while (values[count].data != NULL)
        count++;
    return values[rng_below(rng, count)];
}

/* Times to live for GT and LT, which no two commands should share: whether one is greater than the
 * same set a moment ago is a question of the clock. They are minutes apart. */
#define APART_COUNT 20000
#define APART_S     60

static char apart_s[APART_COUNT][INT64_TEXT_MAX + 1], apart_ms[APART_COUNT][INT64_TEXT_MAX + 1];

static struct span draw_apart(char numbers[][INT64_TEXT_MAX + 1], int64_t factor, int64_t first,
                              struct rng *rng)
{
    const uint64_t place = rng_below(rng, APART_COUNT);
    const int64_t number = (first + (int64_t)place * APART_S) * factor;

    snprintf(numbers[place], sizeof numbers[place], "%" PRId64, number);
    return span_of_string(numbers[place]);
}

static struct span draw_value(const char *name, size_t size, struct rng *rng)
{
    if (size == strlen("apart-s") && memcmp(name, "apart-s", size) == 0)
        return draw_apart(apart_s, 1, 200000, rng);
    if (size == strlen("apart-ms") && memcmp(name, "apart-ms", size) == 0)
        return draw_apart(apart_ms, 1000, 200030, rng);
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (strlen(kinds[i].name) == size && memcmp(kinds[i].name, name, size) == 0)
            return pick(rng_chance(rng, 1, EDGE_OF) ? kinds[i].edge : kinds[i].valid, rng);
    check_that(false, "'%.*s' is a kind of value", (int)size, name);
    return (struct span){0};
}

static void skip_blanks(struct drawing *drawing)
{
    while (*drawing->at == ' ')
        drawing->at++;
}

static bool at_repetition(struct drawing *drawing)
{
    skip_blanks(drawing);
    const bool is = strncmp(drawing->at, "...", 3) == 0;
    drawing->at += is ? 3 : 0;
    return is;
}

/* The end of the alternative at `at`: a | or a closing bracket of its own level, or the end. */
static const char *alternative_end(const char *at)
{
    int depth = 0;

    for (; *at != '\0'; at++) {
        if (depth == 0 && strchr("|])", *at) != NULL)
            break;
        depth += (*at == '[' || *at == '(') - (*at == ']' || *at == ')');
    }
    return at;
}

static void draw_sequence(struct drawing *drawing, const char *end);

/* One alternative of the group that begins at drawing->at, or none; ends behind it. */
static void draw_group(struct drawing *drawing, bool draw)
{
    const char *end = drawing->at;
    uint64_t alternatives = 0;

    do {
        end = alternative_end(end + 1);
        alternatives++;
    } while (*end == '|');
    check_that(*end != '\0', "a group ends: '%s'", drawing->at);
    if (draw) {
        uint64_t chosen = rng_below(drawing->rng, alternatives);
        drawing->at++;
        while (chosen-- > 0)
            drawing->at = alternative_end(drawing->at) + 1;
        draw_sequence(drawing, alternative_end(drawing->at));
    }
    drawing->at = end + 1;
}

static void draw_literal(struct drawing *drawing)
{
    /* Words of the syntax are drawn as they stand: tables are in upper case, as people type. */
    const char *from = drawing->at;

    drawing->at += strcspn(drawing->at, " |[]()<>");
    check_that(drawing->at > from, "a word begins at '%s'", from);
    add_word(drawing, span_of(from, (size_t)(drawing->at - from)));
}

static void draw_element(struct drawing *drawing)
{
    const char *from = drawing->at;

    if (*from == '<') {
        const char *end = strchr(from, '>');
        check_that(end != NULL, "a value ends: '%s'", from);
        add_word(drawing, draw_value(from + 1, (size_t)(end - from) - 1, drawing->rng));
        drawing->at = end + 1;
    } else if (*from == '[') {
        draw_group(drawing, rng_chance(drawing->rng, 1, OPTION_OF));
    } else if (*from == '(') {
        draw_group(drawing, true);
    } else {
        draw_literal(drawing);
    }
}

static void draw_sequence(struct drawing *drawing, const char *end)
{
    while (skip_blanks(drawing), drawing->at < end) {
        const char *element = drawing->at;
        uint64_t more = rng_below(drawing->rng, REPEATS_MAX);

        draw_element(drawing);
        const char *behind = drawing->at;
        if (!at_repetition(drawing)) {
            drawing->at = behind;
            continue;
        }
        const char *next = drawing->at;
        for (; more > 0; more--) {
            drawing->at = element;
            draw_element(drawing);
        }
        drawing->at = next;
    }
}

static void spoil(struct line *line, struct rng *rng)
{
    const struct span stray = strays[rng_below(rng, COUNT(strays))];
    const size_t place = line->count < 2 ? line->count : 1 + rng_below(rng, line->count - 1);

    switch (rng_below(rng, 4)) {
    case 0:
        line->count -= line->count > 1;
        break;
    case 1:
        if (line->count < LINE_WORDS_MAX)
            line->words[line->count++] = stray;
        break;
    case 2:
        if (place < line->count)
            line->words[place] = stray;
        break;
    default:
        if (line->count > 2) {
            const struct span last = line->words[line->count - 1];
            line->words[line->count - 1] = line->words[place];
            line->words[place] = last;
        }
    }
}

void draw_line(struct line *line, const char *syntax, struct rng *rng)
{
    struct drawing drawing = {.line = line, .rng = rng, .at = syntax};

    line->count = 0;
    draw_sequence(&drawing, syntax + strlen(syntax));
    check_that(*drawing.at == '\0', "all of '%s' is read, not '%s'", syntax, drawing.at);
    /* One of more names would be answered more than once. */
    if (rng_chance(rng, 1, SPOILT_OF) && strstr(syntax, "SUBSCRIBE ") == NULL)
        spoil(line, rng);
}
