/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What nodes say to each other over TCP. All that goes to one peer in one turn is one frame:
 *
 *      0        4
 *     +--------+-----------------------------------------------------+
 *     | length | msgpack: [hlc, settled, messages, ...]              |
 *     +--------+-----------------------------------------------------+
 *
 *     length    u32 little-endian, of all behind it, at most frame_max
 *     hlc       the sender's clock: the highest stamp that it knows of
 *     settled   the lowest stamp that it still owes to a replica (design: What may vanish)
 *     messages  a `bin` of messages back to back
 *     ...       what a later version may add: not looked at
 *
 *      0      4      6                                        a message, little-endian
 *     +------+------+--------------------------+
 *     | size | type | fields (messages.h)      |              size: of type and fields
 *     +------+------+--------------------------+
 *
 * A type that is not known is skipped by its size, and so are fields behind the known ones. Writers
 * write the numbers of the envelope at their full width, to know where they stand; readers take any
 * msgpack of the same value. The envelope is read by hand: unpacking it with msgpack-c would take
 * memory for every frame, and its three elements are twenty lines.
 *
 * Nothing here takes memory but the buffer that is written to, and map messages while they are
 * read.
 */
#ifndef DUNLIN_WIRE_WIRE_H
#define DUNLIN_WIRE_WIRE_H

#include "base/buffer.h"
#include "wire/fields.h"
#include "wire/messages.h"
#include "wire/status.h"

/* The protocol versions that this build speaks. Two nodes speak the highest that both do. */
#define WIRE_PROTOCOL_MIN 2
#define WIRE_PROTOCOL_MAX 2

enum wire_type {
#define ROW(number, NAME, name, FIELDS) WIRE_##NAME = number,
    WIRE_MAPS(ROW) WIRE_MESSAGES(ROW)
#undef ROW
};

#define WIRE_MEMBER(kind, name) WIRE_MEMBER_##kind(name)
#define ROW(number, NAME, name, FIELDS) \
    struct wire_##name {                \
        FIELDS(WIRE_MEMBER)             \
    };
WIRE_MAPS(ROW)
WIRE_MESSAGES(ROW)
#undef ROW
#undef WIRE_MEMBER

struct wire_message {
    enum wire_type type;
    union {
#define ROW(number, NAME, name, FIELDS) struct wire_##name name;
        WIRE_MAPS(ROW) WIRE_MESSAGES(ROW)
#undef ROW
    };
};

enum wire_result {
    WIRE_OK,
    WIRE_MORE, /* the frame is not all there yet */
    WIRE_END,  /* no more messages in the frame */
    WIRE_BAD,  /* not our protocol: the link is to be closed */
};

/* ---- writing ---- */

/* Begins a frame at the end of `buffer`, for wire_put_* to fill, and returns where it stands for
 * wire_frame_end. Nothing is consumed from the buffer in between. Whoever fills it sees to it that
 * it stays below the receiver's frame_max: buffer_size less that place is its size so far. */
size_t wire_frame_begin(struct buffer *buffer, uint64_t hlc, uint64_t settled);
void wire_frame_end(struct buffer *buffer, size_t place);

#define WIRE_HEAD_SIZE 6

/* wire_put_<message>(buffer, &fields) appends a message. Memory that is lacking, and a message of
 * 4 GiB, leave the buffer `failed`. */
#define WIRE_SIZE(kind, name)  +wire_size_##kind(message->name)
#define WIRE_STORE(kind, name) at = wire_store_##kind(at, message->name);
#define ROW(number, NAME, name, FIELDS)                                                          \
    static inline void wire_put_##name(struct buffer *buffer, const struct wire_##name *message) \
    {                                                                                            \
        const size_t size = WIRE_HEAD_SIZE FIELDS(WIRE_SIZE);                                    \
        uint8_t *at = size <= UINT32_MAX ? buffer_reserve(buffer, size) : NULL;                  \
                                                                                                 \
        if (__builtin_expect(at == NULL, 0)) {                                                   \
            buffer->failed = true;                                                               \
            return;                                                                              \
        }                                                                                        \
        at = wire_store_u32(at, (uint32_t)size - 4);                                             \
        at = wire_store_u16(at, number);                                                         \
        FIELDS(WIRE_STORE)                                                                       \
        buffer_commit(buffer, size);                                                             \
    }
WIRE_MESSAGES(ROW)
#undef ROW
#undef WIRE_SIZE
#undef WIRE_STORE

#define ROW(number, NAME, name, FIELDS) \
    void wire_put_##name(struct buffer *buffer, const struct wire_##name *message);
WIRE_MAPS(ROW)
#undef ROW

/* Appends to the ACKS that stands at `place` of the buffer, and is the last message there. */
void wire_acks_add(struct buffer *buffer, size_t place, uint64_t id);

/* ---- reading ---- */

struct wire_frame {
    uint64_t hlc;
    uint64_t settled;
    struct wire_cursor messages;
    size_t size;       /* of the whole frame: to be consumed once its messages were read */
    const char *error; /* of WIRE_BAD: what is wrong, for the log */
};

/* Looks for a frame at the beginning of `input`. WIRE_OK: it is there, and points into `input`.
 * WIRE_MORE: frame->size bytes are needed. No longer frame than frame_max is waited for. */
enum wire_result wire_next_frame(struct span input, size_t frame_max, struct wire_frame *frame);

/* Reads the next message that is known. Spans point into the frame. WIRE_BAD: *error says what is
 * wrong. */
enum wire_result wire_next_message(struct wire_cursor *messages, struct wire_message *message,
                                   const char **error);

/* The next of args->count arguments of a message that was read; moves *packed on, which begins as
 * args->packed. */
struct span wire_next_arg(struct span *packed);

#endif
