/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A partition's contents as nodes send them to each other, part by part (messages PULL and CHUNK):
 * entries back to back, little-endian.
 *
 *      0     1      2        12          20         24           28
 *     +-----+------+--------+-----------+----------+------------+-----+-------+
 *     |  0  | kind | dot 10 | deadline  | key size | value size | key | value |   a version
 *     +-----+------+--------+-----------+----------+------------+-----+-------+
 *
 *      0     1            9
 *     +-----+------------+--------+
 *     |  1  | key's hash | dot 10 |                                                  a mark
 *     +-----+------------+--------+
 *
 * One part is read under one hold of the partition's lock, and is bounded in bytes and entries.
 * Live versions come of the leaves that are wanted, tombstones always; marks with the last part.
 * Every entry that is there from the first part to the last is in one of them.
 */
#ifndef DUNLIN_SYNC_STREAM_H
#define DUNLIN_SYNC_STREAM_H

#include "base/buffer.h"
#include "store/store.h"

/* A part ends at about so many bytes, whatever was asked for, and after so many entries looked at.
 * A value larger than that is a part of its own. */
#define STREAM_PART_BYTES   32768u
#define STREAM_PART_ENTRIES 512u
#define STREAM_ALL_LEAVES   UINT16_MAX
#define STREAM_MARK_BYTES   19u

_Static_assert(PARTITION_LEAVES == 16, "a bit of a u16 for each leaf");

enum stream_result { STREAM_OK, STREAM_END, STREAM_BAD };

struct stream_entry {
    bool is_mark;
    uint64_t hash;          /* of a mark; the key of a version says its own */
    struct span key;        /* of a version */
    struct version version; /* with the dot of a mark as well */
};

void stream_put_version(struct buffer *out, struct span key, const struct version *version);
void stream_put_mark(struct buffer *out, uint64_t hash, struct dot dot);

/* Takes the first entry off `rest`; it points into the bytes. STREAM_BAD: they are no such
 * entries, or a set of siblings in them is none. */
enum stream_result stream_next(struct span *rest, struct stream_entry *entry);

/* Appends the part behind `cursor` (0 to begin) of about `bytes` to `out` and returns the cursor of
 * the next, 0 after the last. The lock is held. Any cursor is a safe one. */
uint64_t stream_read(struct partition *partition, uint16_t leaves, uint64_t cursor, uint32_t bytes,
                     struct buffer *out);

#endif
