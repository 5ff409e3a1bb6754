/* SPDX-License-Identifier: BSD-3-Clause */
#include "node/state.h"

#include <xxhash.h>

#include "base/assert.h"
#include "base/bytes.h"

#define FORMAT_VERSION 1

#define MAGIC_SIZE    8
#define HEAD_SIZE     (16 + STATE_IDENTITY_SIZE)
#define CHECKSUM_SIZE 8
#define CEILING_SIZE  16

static const char node_magic[MAGIC_SIZE] = {'D', 'u', 'n', 'l', 'i', 'n', 'N', '\n'};
static const char ceiling_magic[MAGIC_SIZE] = {'D', 'u', 'n', 'l', 'i', 'n', 'C', '\n'};

static void encode(const char *magic, const uint8_t *identity, struct span body,
                   struct buffer *file)
{
    const size_t size = HEAD_SIZE + body.size + CHECKSUM_SIZE;
    uint8_t *at = buffer_reserve(file, size);

    ensure(at != NULL);
    memcpy(at, magic, MAGIC_SIZE);
    bytes_put_u32(at + 8, FORMAT_VERSION);
    bytes_put_u32(at + 12, (uint32_t)size);
    memcpy(at + 16, identity, STATE_IDENTITY_SIZE);
    if (body.size > 0)
        memcpy(at + HEAD_SIZE, body.data, body.size);
    bytes_put_u64(at + size - CHECKSUM_SIZE, XXH3_64bits(at, size - CHECKSUM_SIZE));
    buffer_commit(file, size);
}

static enum state_status decode(const char *magic, struct span file, struct span *body)
{
    const size_t compared = file.size < MAGIC_SIZE ? file.size : MAGIC_SIZE;

    /* A file that stops within the magic is a torn one of ours; an empty one as well. */
    if (compared > 0 && memcmp(file.data, magic, compared) != 0)
        return STATE_FOREIGN;
    if (file.size < HEAD_SIZE + CHECKSUM_SIZE || bytes_get_u32(file.data + 12) != file.size)
        return STATE_TORN;
    const size_t checked = file.size - CHECKSUM_SIZE;
    if (bytes_get_u64(file.data + checked) != XXH3_64bits(file.data, checked))
        return STATE_TORN;
    if (bytes_get_u32(file.data + 8) != FORMAT_VERSION)
        return STATE_NEWER;
    *body = span_of(file.data + HEAD_SIZE, checked - HEAD_SIZE);
    return STATE_OK;
}

void node_state_encode(const struct saved_node *state, struct buffer *file)
{
    ensure(state->ring.size <= STATE_RING_MAX);
    encode(node_magic, state->identity, state->ring, file);
}

void ceiling_state_encode(const struct saved_ceiling *state, struct buffer *file)
{
    uint8_t body[CEILING_SIZE];

    bytes_put_u64(body, state->ceiling);
    bytes_put_u64(body + 8, state->boots);
    encode(ceiling_magic, state->identity, span_of(body, sizeof body), file);
}

enum state_status node_state_decode(struct saved_node *state, struct span file)
{
    struct span body;
    const enum state_status status = decode(node_magic, file, &body);

    if (status != STATE_OK)
        return status;
    if (body.size > STATE_RING_MAX)
        return STATE_TORN;
    memcpy(state->identity, file.data + 16, STATE_IDENTITY_SIZE);
    state->ring = body;
    return STATE_OK;
}

enum state_status ceiling_state_decode(struct saved_ceiling *state, struct span file)
{
    struct span body;
    const enum state_status status = decode(ceiling_magic, file, &body);

    if (status != STATE_OK)
        return status;
    if (body.size != CEILING_SIZE)
        return STATE_TORN;
    memcpy(state->identity, file.data + 16, STATE_IDENTITY_SIZE);
    state->ceiling = bytes_get_u64(body.data);
    state->boots = bytes_get_u64(body.data + 8);
    return STATE_OK;
}

const char *state_status_text(enum state_status status)
{
    switch (status) {
    case STATE_FOREIGN:
        return "it was not written by Dunlin, or is another of its files";
    case STATE_TORN:
        return "it is damaged: its checksum or size is not what was written";
    case STATE_NEWER:
        return "a newer version of Dunlin wrote it";
    case STATE_OK:
        break;
    }
    ensure(status != STATE_OK);
    return NULL;
}
