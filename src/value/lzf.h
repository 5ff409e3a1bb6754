/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading LZF, with which Redis packs strings. A control byte c says what follows:
 *
 *     c < 32     c + 1 bytes as they are
 *     otherwise  a repetition of (c >> 5) + 2 bytes; where c >> 5 is 7 the next byte says how many
 *                more. It begins ((c & 31) << 8 | next byte) + 1 bytes before its own place, and
 * may reach into itself.
 */
#ifndef DUNLIN_VALUE_LZF_H
#define DUNLIN_VALUE_LZF_H

#include "base/span.h"

/* So many bytes at most become of one: three say 264. What claims more is refused before any memory
 * is taken for it. */
#define LZF_RATIO_MAX 88

/* Unpacks into the `size` bytes at `to`; false where they are not just filled, or a repetition
 * begins before them. */
bool lzf_unpack(struct span packed, uint8_t *to, size_t size);

#endif
