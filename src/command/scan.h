/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The words of the commands that list keys: SCAN, KEYS, CLUSTER GETKEYSINSLOT.
 */
#ifndef DUNLIN_COMMAND_SCAN_H
#define DUNLIN_COMMAND_SCAN_H

#include "command/command.h"

struct scan_words {
    uint64_t cursor;
    uint64_t count;
    bool matched; /* only keys that match `pattern` */
    struct span pattern;
    bool none; /* TYPE of what no key is */
};

/* Reads SCAN's. False with Redis' error in the reply. */
bool scan_parse(struct call *call, struct scan_words *words);
/* Reads a slot, and a number of keys where there is one more argument; the same. */
bool scan_parse_slot(struct call *call, uint32_t *slot, uint64_t *count);

/* Whether all keys that match have one slot: a pattern without wildcards, or with a hash tag that
 * has none, nor anything before it. */
bool scan_one_slot(struct span pattern, uint32_t *slot);

#endif
