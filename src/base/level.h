/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Levels: the names for R, the answers that a read waits for, and W, the acknowledgements that a
 * write waits for (Dynamo, section 4.5). A level is one byte, the same in memory, in a ring and in
 * a peer message:
 *
 *   0      DEFAULT: what the next rule in line says; resolved before anything is asked
 *   1..7   ONE, TWO, THREE, and from 4 on the number itself
 *   0xfe   QUORUM: more than half of the copies
 *   0xff   ALL
 */
#ifndef DUNLIN_BASE_LEVEL_H
#define DUNLIN_BASE_LEVEL_H

#include "base/assert.h"
#include "base/span.h"

/* Copies that a key can have at most, and so the highest level that is a number. */
#define COPIES_MAX 7

#define LEVEL_DEFAULT 0
#define LEVEL_ONE     1
#define LEVEL_QUORUM  0xfe
#define LEVEL_ALL     0xff

/* What level_parse takes, for error texts and manuals. */
#define LEVEL_FORMS "ONE, TWO, THREE, QUORUM, ALL or a number from 1 to 7"

/* Reads a name, in upper or lower case, or a number from 1 to COPIES_MAX. False, and *level
 * untouched, for anything else; DEFAULT has no name that can be given. */
bool level_parse(struct span text, uint8_t *level);

/* Whether a byte from a peer or a file is a level. */
bool level_valid(uint8_t level);

/* The name of a valid level, in upper case. */
const char *level_name(uint8_t level);

/* How many of `copies` (1 or more) have to answer. A number is not cut down to `copies`: TWO of one
 * copy is never reached, and the error then says so. `level` is valid and not DEFAULT. */
static inline unsigned level_needed(uint8_t level, unsigned copies)
{
    ensure(copies > 0 && level != LEVEL_DEFAULT);
    if (level <= COPIES_MAX)
        return level;
    ensure(level >= LEVEL_QUORUM);
    return level == LEVEL_QUORUM ? copies / 2 + 1 : copies;
}

#endif
