/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A libFuzzer target: payloads of RESTORE, whatever is in them. The sum is made right, since no
 * mutation finds it. What any bytes are packed in, and what DUMP makes of them, is read back.
 * Wants clang and libclang-rt-14-dev: configure with CC=clang and
 * --enable-sanitizers=address,undefined, then make dump_fuzz && ./dump_fuzz -max_total_time=60
 */
#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc64.h"
#include "value/dump.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every byte of the value, for the sanitizer to see. */
static unsigned touch(struct span value)
{
    unsigned sum = 0;

    for (size_t at = 0; at < value.size; at++)
        sum += value.data[at];
    return sum;
}

static void restore(struct span payload)
{
    struct buffer unpacked = {0};
    char text[INT64_TEXT_MAX];
    struct dump dump;
    volatile unsigned sum = 0;

    if (dump_find(payload, text, &dump) != DUMP_OK)
        return;
    sum += touch(dump.bytes);
    if (dump.packed && dump_unpack(&dump, &unpacked))
        ensure(buffer_size(&unpacked) == dump.size);
    sum += touch(buffer_content(&unpacked));
    (void)sum;
    buffer_deinit(&unpacked);
}

static void carry_over(struct span value)
{
    struct buffer payload = {0};
    char text[INT64_TEXT_MAX];
    struct dump dump;

    dump_write(value, &payload);
    ensure(dump_check(buffer_content(&payload)) == DUMP_OK);
    ensure(dump_find(buffer_content(&payload), text, &dump) == DUMP_OK && !dump.packed);
    ensure(span_equal(dump.bytes, value));
    buffer_deinit(&payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer payload = {0};
    uint8_t footer[10] = {DUMP_VERSION, 0};

    (void)dump_check(span_of(data, size));
    restore(span_of(data, size));
    carry_over(span_of(data, size));

    buffer_append(&payload, data, size);
    buffer_append(&payload, footer, 2);
    bytes_put_u64(footer + 2, crc64(0, buffer_content(&payload)));
    buffer_append(&payload, footer + 2, 8);
    ensure(dump_check(buffer_content(&payload)) == DUMP_OK);
    restore(buffer_content(&payload));
    buffer_deinit(&payload);
    return 0;
}
