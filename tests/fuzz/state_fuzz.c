/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A fuzzer of what a node finds in its `dir` and is sent as a ring: node.state and ceiling.state,
 * as they are and with a right checksum, and a ring's bytes. What is taken is written again, and
 * read as the same.
 */
#include <xxhash.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "fuzz/fuzz.h"
#include "node/state.h"
#include "ring/ring_codec.h"

static void read_ring(struct span bytes)
{
    char error[RING_ERROR_MAX];
    struct buffer once = {0}, twice = {0};
    struct ring *ring = ring_decode(bytes, error);

    if (ring == NULL)
        return;
    ring_encode(ring, &once);
    struct ring *again = ring_decode(buffer_content(&once), error);
    ensure(again != NULL);
    ring_encode(again, &twice);
    ensure(span_equal(buffer_content(&once), buffer_content(&twice)));
    ensure(ring_digest(ring) == ring_digest(again));
    ring_release(&ring);
    ring_release(&again);
    buffer_deinit(&once);
    buffer_deinit(&twice);
}

static void read_files(struct span bytes)
{
    struct saved_node node;
    struct saved_ceiling ceiling;
    struct buffer file = {0};

    if (node_state_decode(&node, bytes) == STATE_OK) {
        read_ring(node.ring);
        node_state_encode(&node, &file);
        ensure(span_equal(buffer_content(&file), bytes));
    }
    buffer_reset(&file, SIZE_MAX);
    if (ceiling_state_decode(&ceiling, bytes) == STATE_OK) {
        ceiling_state_encode(&ceiling, &file);
        ensure(span_equal(buffer_content(&file), bytes));
    }
    buffer_deinit(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer file = {0};
    uint8_t sum[8];

    read_ring(span_of(data, size));
    read_files(span_of(data, size));
    buffer_append(&file, data, size);
    bytes_put_u64(sum, XXH3_64bits(data, size));
    buffer_append(&file, sum, sizeof sum);
    if (size >= 16) /* the size that it says to have */
        bytes_put_u32((uint8_t *)(uintptr_t)buffer_content(&file).data + 12, (uint32_t)size + 8);
    bytes_put_u64((uint8_t *)(uintptr_t)buffer_content(&file).data + size,
                  XXH3_64bits(buffer_content(&file).data, size));
    read_files(buffer_content(&file));
    buffer_deinit(&file);
    return 0;
}
