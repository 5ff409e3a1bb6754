/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A fuzzer of the configuration: the bytes are dunlin.conf, and the file that it includes; then,
 * behind a zero byte, words of CONFIG SET. Errors are one line. What was understood is written by
 * CONFIG REWRITE, over that file and over none, so that it is understood as the same again.
 */
#include "base/assert.h"
#include "base/options.h"
#include "fuzz/fuzz.h"

#define WORDS_MAX 16

static bool read_text(void *context, const char *path, struct buffer *text, struct buffer *error)
{
    const struct span *file = context;

    if (path[0] == '!') {
        buffer_append_string(error, "no such file");
        return false;
    }
    buffer_append_span(text, *file);
    return true;
}

static void expect_one_line(struct buffer *error)
{
    const struct span text = buffer_content(error);

    ensure(text.size > 0);
    for (size_t i = 0; i < text.size; i++)
        ensure(text.data[i] >= ' ');
    buffer_reset(error, SIZE_MAX);
}

static void add(void *context, struct span name, struct span value)
{
    struct buffer *text = context;

    buffer_append_span(text, name);
    buffer_append_string(text, " ");
    buffer_append_span(text, value);
    buffer_append_string(text, "\n");
}

static void list(const struct options *options, struct buffer *text)
{
    const struct span all = SPAN("*");

    buffer_reset(text, SIZE_MAX);
    options_get(options, &all, 1, add, text);
}

static void rewrite(const struct options *options, struct span old)
{
    struct buffer text = {0}, error = {0}, before = {0}, after = {0};

    options_rewrite(options, old, &text);
    struct span file = buffer_content(&text);
    const struct options_reader reader = {read_text, &file};
    const struct options *again = options_load("again.conf", NULL, 0, &reader, &error);
    ensure(again != NULL);
    list(options, &before);
    list(again, &after);
    ensure(span_equal(buffer_content(&before), buffer_content(&after)));
    options_release(&again);
    buffer_deinit(&text);
    buffer_deinit(&error);
    buffer_deinit(&before);
    buffer_deinit(&after);
}

static void set(const struct options *options, struct span words)
{
    struct span pairs[WORDS_MAX];
    struct buffer error = {0};
    size_t count = 0;

    for (const uint8_t *end; count < WORDS_MAX && words.size > 0; count++) {
        end = memchr(words.data, 0, words.size);
        pairs[count] = span_of(words.data, end == NULL ? words.size : (size_t)(end - words.data));
        const size_t used = pairs[count].size + (end != NULL);
        words = span_of(words.data + used, words.size - used);
    }
    const struct options *next = options_set(options, pairs, count / 2, &error);
    if (next == NULL) {
        expect_one_line(&error);
    } else {
        rewrite(next, span_of(NULL, 0));
        options_release(&next);
    }
    buffer_deinit(&error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
    struct span file = span_of(data, end == NULL ? size : (size_t)(end - data));
    const struct options_reader reader = {read_text, &file};
    struct buffer error = {0};
    const struct options *options = options_load("dunlin.conf", NULL, 0, &reader, &error);

    if (options == NULL) {
        expect_one_line(&error);
        options = options_load(NULL, NULL, 0, NULL, &error);
    } else {
        bool includes = false;
        for (size_t i = 0; i + 7 <= file.size; i++)
            includes |= span_is(span_of(file.data + i, 7), "include");
        if (!includes) /* of what is included, CONFIG REWRITE knows nothing */
            rewrite(options, file);
    }
    if (end != NULL)
        set(options, span_of(end + 1, size - file.size - 1));
    options_release(&options);
    buffer_deinit(&error);
    return 0;
}
