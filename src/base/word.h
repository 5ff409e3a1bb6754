/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The words of a line: an inline command, or a line of redis.conf. Blanks part words. Within a
 * word, "..." holds blanks and the escapes \n \r \t \b \a \xHH (a backslash before any other byte
 * stands for that byte), '...' holds blanks and the one escape \'. A closing quote ends its word.
 * These are Redis' rules (sdssplitargs), and those of redis.conf as well.
 */
#ifndef DUNLIN_BASE_WORD_H
#define DUNLIN_BASE_WORD_H

#include <stddef.h>
#include <stdint.h>

enum word_status {
    WORD_FOUND,
    WORD_END,        /* no more words */
    WORD_UNBALANCED, /* a quote without its end, or with something right behind it */
};

struct word {
    size_t next;   /* where to go on; the line's first byte to begin with */
    size_t offset; /* of the word, in bytes */
    size_t size;
};

/* Finds the next word of the line that ends at `end`, and resolves its quotes where it stands. */
enum word_status word_next(uint8_t *bytes, size_t end, struct word *word);

#endif
