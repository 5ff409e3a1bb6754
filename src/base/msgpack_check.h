/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Looks at msgpack bytes before they are unpacked. msgpack-c takes memory for as many elements as a
 * header claims, however few bytes follow; whatever comes from the network or a disk passes here
 * first (the msgpack specification, section "Formats").
 */
#ifndef DUNLIN_BASE_MSGPACK_CHECK_H
#define DUNLIN_BASE_MSGPACK_CHECK_H

#include "base/span.h"

#define MSGPACK_CHECK_DEPTH_MAX 32

/* Whether `bytes` are one complete, well-formed object and nothing after it, with at most
 * `items_max` items in all (a map counts its keys and its values, and each container itself) and
 * arrays and maps nested at most `depth_max` deep (0: none at all; up to MSGPACK_CHECK_DEPTH_MAX).
 * Then unpacking takes memory for at most items_max items. Takes no memory itself. */
bool msgpack_check(struct span bytes, size_t depth_max, size_t items_max);

#endif
