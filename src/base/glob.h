/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Redis' patterns: `*` any bytes, `?` any one, `[abc]`, `[^abc]` and `[a-z]` one of a set, `\`
 * takes the next byte as it is. A set without its `]` ends with the pattern.
 */
#ifndef DUNLIN_BASE_GLOB_H
#define DUNLIN_BASE_GLOB_H

#include "base/span.h"

/* Whether the whole of `text` matches. With `fold`, A to Z and a to z are alike. Takes at most time
 * pattern.size * text.size and no memory, whatever the pattern. */
bool glob_match(struct span pattern, struct span text, bool fold);

#endif
