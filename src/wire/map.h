/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The messages that travel as msgpack maps (WIRE_MAPS in wire/messages.h), read by a table of their
 * fields. Writing them is wire_put_* of wire/wire.h.
 */
#ifndef DUNLIN_WIRE_MAP_H
#define DUNLIN_WIRE_MAP_H

#include "base/span.h"

/* Reads the fields of a message of type `number` into its structure. Fields that are not in the map
 * are 0 or no bytes, names that are not in the table are skipped. Spans point into `map`. False
 * when it is no map, or a field is of another kind or out of range. Unpacking takes memory, bounded
 * beforehand, and gives it back. */
bool wire_map_read(int number, struct span map, void *fields);

#endif
