/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A fuzzer of payloads of RESTORE, whatever is in them. The sum is made right, since no
 * mutation finds it. What any bytes are packed in, and what DUMP makes of them, is read back.
 */
#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc64.h"
#include "fuzz/fuzz.h"
#include "value/dump.h"

static void restore(struct span payload)
{
    struct buffer unpacked = {0};
    char text[INT64_TEXT_MAX];
    struct dump dump;

    if (dump_find(payload, text, &dump) != DUMP_OK)
        return;
    touch(dump.bytes);
    if (dump.packed && dump_unpack(&dump, &unpacked))
        ensure(buffer_size(&unpacked) == dump.size);
    touch(buffer_content(&unpacked));
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
