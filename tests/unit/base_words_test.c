/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "base/glob.h"
#include "base/rng.h"
#include "base/words.h"
#include "lib/timeout.h"

TestSuite(words, .timeout = TIMEOUT_S(10));

/* Asserts that `line` has these words, each in brackets; NULL: that it is refused. */
static void assert_words(const char *line, const char *expected)
{
    struct words words;
    struct buffer found = {0};

    const bool right = words_init(&words, span_of_string(line));
    for (size_t i = 0; i < words.count; i++) {
        buffer_append_string(&found, "[");
        buffer_append_span(&found, words.items[i]);
        buffer_append_string(&found, "]");
    }
    cr_assert_eq(right, expected != NULL, "%s", line);
    if (right)
        cr_assert(span_equal(buffer_content(&found), span_of_string(expected)), "%s: %.*s", line,
                  (int)buffer_size(&found), (const char *)buffer_content(&found).data);
    words_deinit(&words);
    buffer_deinit(&found);
}

Test(words, a_line_is_cut_as_redis_cuts_it)
{
    assert_words("", "");
    assert_words("  \t ", "");
    assert_words("port 7001", "[port][7001]");
    assert_words(" port\t7001 \r", "[port][7001]");
    assert_words("a \"\" b", "[a][][b]");
    assert_words("a ''", "[a][]");
    assert_words("dir \"/my data\"", "[dir][/my data]");
    assert_words("dir '/my data'", "[dir][/my data]");
    assert_words("a \"x\\n\\t\\x41\\\"\\\\\\q\"", "[a][x\n\tA\"\\q]");
    assert_words("a 'x\\n\\'y\"'", "[a][x\\n'y\"]");
    assert_words("a b#c", "[a][b#c]");
    assert_words("a x\"y z\"", "[a][xy z]");
    assert_words("a \"\\xZZ\"", "[a][xZZ]");
}

Test(words, a_quote_that_does_not_close_a_word_is_refused)
{
    assert_words("a \"b", NULL);
    assert_words("a 'b", NULL);
    assert_words("a \"b\"c", NULL);
    assert_words("a 'b'c", NULL);
    assert_words("a \"b\\\"", NULL);
    assert_words("\"", NULL);
}

Test(words, any_bytes_are_read_back_as_they_were_written)
{
    struct rng rng;

    rng_init(&rng, 3);
    for (int round = 0; round < 2000; round++) {
        uint8_t bytes[24];
        struct words words;
        struct buffer line = {0};
        const size_t size = rng_below(&rng, sizeof bytes);
        for (size_t i = 0; i < size; i++)
            bytes[i] = rng_chance(&rng, 1, 2) ? (uint8_t)rng_next(&rng)
                                              : (uint8_t) "'\"\\ #x0a\n"[rng_below(&rng, 9)];
        buffer_append_string(&line, "first ");
        words_append(&line, span_of(bytes, size));
        cr_assert(words_init(&words, buffer_content(&line)));
        cr_assert_eq(words.count, 2);
        cr_assert(span_equal(words.items[1], span_of(bytes, size)));
        cr_assert_null(memchr(buffer_content(&line).data, '\n', buffer_size(&line)));
        words_deinit(&words);
        buffer_deinit(&line);
    }
}

TestSuite(glob, .timeout = TIMEOUT_S(10));

Test(glob, patterns_match_as_in_redis)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } rows[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "abc", true},
        {"a*c", "abc", true},
        {"a*c", "ac", true},
        {"a*c", "abcd", false},
        {"*a*b*", "xxaxxbxx", true},
        {"a**b", "ab", true},
        {"?", "a", true},
        {"?", "", false},
        {"a?c", "abc", true},
        {"[abc]", "b", true},
        {"[abc]", "d", false},
        {"[^abc]", "d", true},
        {"[^abc]", "a", false},
        {"[a-c]x", "bx", true},
        {"[c-a]x", "bx", true},
        {"[a-c]x", "dx", false},
        {"[\\]]", "]", true},
        {"[abc", "c", true},
        {"\\*", "*", true},
        {"\\*", "a", false},
        {"a\\", "a\\", true},
        {"MAX*", "maxmemory", true},
        {"[A-C]", "b", true},
        {"*-[^x]", "a-y", true},
        {"[^]", "a", true},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_assert_eq(
            glob_match(span_of_string(rows[i].pattern), span_of_string(rows[i].text), true),
            rows[i].matches, "%s %s", rows[i].pattern, rows[i].text);
    cr_assert_not(glob_match(SPAN("A"), SPAN("a"), false));
    cr_assert(glob_match(SPAN("[^b]?"), SPAN("a\0"), false));
}

Test(glob, many_stars_take_no_more_than_length_times_length)
{
    /* A matcher that tries every split for every star takes longer than the suite's time-out. */
    char pattern[4001];
    char text[20000];

    for (size_t i = 0; i < 4000; i += 2)
        memcpy(pattern + i, "*a", 2);
    pattern[4000] = 'b';
    memset(text, 'a', sizeof text);
    cr_assert_not(glob_match(span_of(pattern, sizeof pattern), span_of(text, sizeof text), true));
}
