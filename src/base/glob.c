/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/glob.h"

static uint8_t folded(uint8_t byte, bool fold)
{
    return fold && byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

/* Matches `byte` with the set that opens at pattern[*at]; moves *at behind the set. */
static bool match_set(struct span pattern, size_t *at, uint8_t byte, bool fold)
{
    size_t i = *at + 1;
    bool found = false;
    const bool negated = i < pattern.size && pattern.data[i] == '^';

    if (negated)
        i++;
    for (; i < pattern.size && pattern.data[i] != ']'; i++) {
        if (pattern.data[i] == '\\' && i + 1 < pattern.size) {
            i++;
            found |= folded(pattern.data[i], fold) == byte;
        } else if (i + 2 < pattern.size && pattern.data[i + 1] == '-') {
            const uint8_t a = folded(pattern.data[i], fold);
            const uint8_t b = folded(pattern.data[i + 2], fold);
            found |= a <= b ? byte >= a && byte <= b : byte >= b && byte <= a;
            i += 2;
        } else {
            found |= folded(pattern.data[i], fold) == byte;
        }
    }
    *at = i < pattern.size ? i + 1 : i;
    return found != negated;
}

/* Matches one byte with what stands at pattern[*at], which is no `*`; moves *at behind it. */
static bool match_one(struct span pattern, size_t *at, uint8_t byte, bool fold)
{
    const uint8_t own = folded(byte, fold);

    switch (pattern.data[*at]) {
    case '?':
        ++*at;
        return true;
    case '[':
        return match_set(pattern, at, own, fold);
    case '\\':
        if (*at + 1 < pattern.size)
            ++*at;
        break;
    default:
        break;
    }
    return folded(pattern.data[(*at)++], fold) == own;
}

bool glob_match(struct span pattern, struct span text, bool fold)
{
    size_t at = 0;                /* in the pattern */
    size_t i = 0;                 /* in the text */
    size_t after_star = SIZE_MAX; /* behind the last `*` met */
    size_t retry = 0;             /* where in the text that star's rest is tried next */

    while (i < text.size) {
        if (at < pattern.size && pattern.data[at] == '*') {
            after_star = ++at;
            retry = i;
            continue;
        }
        if (at < pattern.size && match_one(pattern, &at, text.data[i], fold)) {
            i++;
            continue;
        }
        /* Only the last star needs to give way: an earlier one that took more would leave less. */
        if (after_star == SIZE_MAX)
            return false;
        at = after_star;
        i = ++retry;
    }
    while (at < pattern.size && pattern.data[at] == '*')
        at++;
    return at == pattern.size;
}
