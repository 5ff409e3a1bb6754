/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/words.h"

#include "base/memory.h"
#include "base/word.h"

bool words_init(struct words *words, struct span line)
{
    struct word word = {0};
    enum word_status status;

    /* Words are at least one byte (or two quotes) and a blank apart. */
    *words = (struct words){
        .items = memory_alloc_array(line.size / 2 + 1, sizeof *words->items),
        .bytes = memory_alloc(line.size),
    };
    if (line.size > 0)
        memcpy(words->bytes, line.data, line.size);
    while ((status = word_next(words->bytes, line.size, &word)) == WORD_FOUND)
        words->items[words->count++] = span_of(words->bytes + word.offset, word.size);
    if (status == WORD_UNBALANCED)
        words->count = 0;
    return status == WORD_END;
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
