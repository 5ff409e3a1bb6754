/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/level.h"

#include "base/assert.h"

struct name {
    uint8_t level;
    const char *name;
};

/* The first name of a level is the one that is shown. */
static const struct name names[] = {
    {LEVEL_ONE, "ONE"},
    {2, "TWO"},
    {3, "THREE"},
    {LEVEL_QUORUM, "QUORUM"},
    {LEVEL_ALL, "ALL"},
    {1, "1"},
    {2, "2"},
    {3, "3"},
    {4, "4"},
    {5, "5"},
    {6, "6"},
    {7, "7"},
    {LEVEL_DEFAULT, "DEFAULT"},
};

#define NAMES (sizeof names / sizeof names[0])

bool level_parse(struct span text, uint8_t *level)
{
    for (size_t i = 0; i < NAMES; i++) {
        if (names[i].level != LEVEL_DEFAULT && span_is(text, names[i].name)) {
            *level = names[i].level;
            return true;
        }
    }
    return false;
}

bool level_valid(uint8_t level)
{
    return level <= COPIES_MAX || level == LEVEL_QUORUM || level == LEVEL_ALL;
}

const char *level_name(uint8_t level)
{
    ensure(level_valid(level));
    size_t i = 0;
    while (names[i].level != level)
        i++;
    return names[i].name;
}
