/* SPDX-License-Identifier: BSD-3-Clause
 *
 * msgpack-c over our buffers: the packer's output function, and readers that check type and range.
 */
#ifndef DUNLIN_GOSSIP_PACK_H
#define DUNLIN_GOSSIP_PACK_H

#include <msgpack.h>

#include "base/buffer.h"
#include "ring/identity.h"

/* For msgpack_packer_init with a struct buffer. Never fails: the buffer remembers. */
static inline int pack_to_buffer(void *buffer, const char *data, size_t size)
{
    buffer_append(buffer, data, size);
    return 0;
}

static inline void pack_identity(msgpack_packer *packer, struct identity identity)
{
    msgpack_pack_bin(packer, IDENTITY_SIZE);
    msgpack_pack_bin_body(packer, identity.bytes, IDENTITY_SIZE);
}

static inline void pack_text(msgpack_packer *packer, const char *text)
{
    size_t size = strlen(text);

    msgpack_pack_str(packer, size);
    msgpack_pack_str_body(packer, text, size);
}

static inline bool unpack_u64(const msgpack_object *object, uint64_t max, uint64_t *value)
{
    if (object->type != MSGPACK_OBJECT_POSITIVE_INTEGER || object->via.u64 > max)
        return false;
    *value = object->via.u64;
    return true;
}

static inline bool unpack_identity(const msgpack_object *object, struct identity *identity)
{
    if (object->type != MSGPACK_OBJECT_BIN || object->via.bin.size != IDENTITY_SIZE)
        return false;
    memcpy(identity->bytes, object->via.bin.ptr, IDENTITY_SIZE);
    return true;
}

/* Text of printable ASCII without blanks, which can stand in a log line or a reply as it is;
 * `text` has room for `size` bytes with the terminator. */
static inline bool unpack_text(const msgpack_object *object, char *text, size_t size)
{
    if (object->type != MSGPACK_OBJECT_STR || object->via.str.size >= size)
        return false;
    for (uint32_t i = 0; i < object->via.str.size; i++) {
        if (object->via.str.ptr[i] < '!' || object->via.str.ptr[i] > '~')
            return false;
    }
    if (object->via.str.size > 0)
        memcpy(text, object->via.str.ptr, object->via.str.size);
    text[object->via.str.size] = '\0';
    return true;
}

#endif
