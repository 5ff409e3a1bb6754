/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/words.h"

#include "base/memory.h"

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

static uint8_t unescaped(uint8_t byte)
{
    switch (byte) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'b':
        return '\b';
    case 'a':
        return '\a';
    default:
        return byte;
    }
}

/* Reads what follows the opening quote at line[*at], appends it at *out, and leaves *at behind the
 * closing quote. False when there is none, or it does not end the word. */
static bool read_quoted(struct span line, size_t *at, uint8_t **out)
{
    const uint8_t quote = line.data[*at];
    size_t i = *at + 1;

    while (i < line.size && line.data[i] != quote) {
        const size_t left = line.size - i;
        const uint8_t *here = line.data + i;
        if (quote == '"' && left >= 4 && here[0] == '\\' && here[1] == 'x' &&
            hex_digit(here[2]) >= 0 && hex_digit(here[3]) >= 0) {
            *(*out)++ = (uint8_t)(hex_digit(here[2]) * 16 + hex_digit(here[3]));
            i += 4;
        } else if (quote == '"' && left >= 2 && here[0] == '\\') {
            *(*out)++ = unescaped(here[1]);
            i += 2;
        } else if (quote == '\'' && left >= 2 && here[0] == '\\' && here[1] == '\'') {
            *(*out)++ = '\'';
            i += 2;
        } else {
            *(*out)++ = here[0];
            i++;
        }
    }
    if (i >= line.size)
        return false;
    *at = i + 1;
    return *at == line.size || is_blank(line.data[*at]);
}

bool words_init(struct words *words, struct span line)
{
    /* Words are at least one byte (or two quotes) and a blank apart. */
    *words = (struct words){
        .items = memory_alloc_array(line.size / 2 + 1, sizeof *words->items),
        .bytes = memory_alloc(line.size),
    };
    uint8_t *out = words->bytes;
    size_t at = 0;

    for (;;) {
        while (at < line.size && is_blank(line.data[at]))
            at++;
        if (at == line.size)
            return true;
        uint8_t *start = out;
        bool quoted = false;
        while (at < line.size && !quoted && !is_blank(line.data[at])) {
            quoted = line.data[at] == '"' || line.data[at] == '\'';
            if (!quoted) {
                *out++ = line.data[at++];
            } else if (!read_quoted(line, &at, &out)) {
                words->count = 0;
                return false;
            }
        }
        words->items[words->count++] = span_of(start, (size_t)(out - start));
    }
}

void words_deinit(struct words *words)
{
    memory_free(words->items);
    memory_free(words->bytes);
    *words = (struct words){0};
}

static bool is_plain(struct span word)
{
    for (size_t i = 0; i < word.size; i++)
        if (word.data[i] <= ' ' || word.data[i] >= 0x7f || strchr("\"'\\#", word.data[i]) != NULL)
            return false;
    return word.size > 0;
}

void words_append(struct buffer *buffer, struct span word)
{
    if (is_plain(word)) {
        buffer_append_span(buffer, word);
        return;
    }
    buffer_append_string(buffer, "\"");
    for (size_t i = 0; i < word.size; i++) {
        const uint8_t byte = word.data[i];
        if (byte == '"' || byte == '\\')
            buffer_append_format(buffer, "\\%c", byte);
        else if (byte == '\n')
            buffer_append_string(buffer, "\\n");
        else if (byte < ' ' || byte == 0x7f)
            buffer_append_format(buffer, "\\x%02x", byte);
        else
            buffer_append(buffer, &byte, 1);
    }
    buffer_append_string(buffer, "\"");
}
