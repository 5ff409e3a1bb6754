/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A line cut into words, as redis.conf and redis-cli cut it: blanks part words; "..." holds \n \r
 * \t \b \a \xHH and \ before any other byte; '...' holds \' and nothing else; a closing quote is
 * followed by a blank or the end.
 */
#ifndef DUNLIN_BASE_WORDS_H
#define DUNLIN_BASE_WORDS_H

#include "base/buffer.h"

/* Words of one line; together they take no more memory than a small multiple of the line. */
struct words {
    struct span *items; /* point into `bytes` */
    size_t count;
    uint8_t *bytes;
};

/* Cuts `line`. False when a quote is not closed or closed inside a word; `words` is then empty.
 * To be given to words_deinit in either case. */
bool words_init(struct words *words, struct span line);
void words_deinit(struct words *words);

/* Appends `word` so that words_init reads it back: as it is where that will do, else in "...". */
void words_append(struct buffer *buffer, struct span word);

#endif
