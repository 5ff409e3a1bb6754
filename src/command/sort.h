/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SORT and SORT_RO. They sort lists and sets, and a cache of strings has none: an absent key is an
 * empty list, a string is of the wrong type. What is left is to read the options as Redis does, and
 * STORE, which deletes where nothing comes out.
 */
#ifndef DUNLIN_COMMAND_SORT_H
#define DUNLIN_COMMAND_SORT_H

#include "base/span.h"

/* Where in argv the key stands that SORT stores to: the last one named counts. 0: nowhere. */
size_t sort_destination(const struct span *argv, size_t argc);

#endif
