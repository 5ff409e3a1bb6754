/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "main/admin_batch.h"

#include <stdio.h>

#include "base/crc64.h"
#include "value/dump.h"

#define BACKOFF_FIRST_MS 50
#define BACKOFF_MAX_MS   2000

/* type, a length, version, sum */
#define PAYLOAD_MIN  (1 + 1 + 2 + 8)
#define TYPE_STRING  0
#define TRAILER_SIZE 10

size_t admin_batch_size(const struct admin_key *keys, size_t count)
{
    uint64_t bytes = 0;
    size_t size = 0;

    for (; size < count; size++) {
        if (keys[size].fate != ADMIN_FATE_OPEN)
            continue;
        if (bytes > 0 && bytes + keys[size].size > ADMIN_BATCH_BYTES)
            break;
        /* An empty value takes something, too. */
        bytes += keys[size].size + 1;
    }
    return size;
}

void admin_batch_answered(struct admin_key *key, const redisReply *reply)
{
    if (admin_reply_fails(reply, "BUSYKEY"))
        key->fate = ADMIN_FATE_THERE;
    else if (!admin_reply_fails(reply, ""))
        key->fate = ADMIN_FATE_CARRIED;
    else if (!admin_reply_passes(reply))
        key->fate = ADMIN_FATE_FAILED;
    if (admin_reply_fails(reply, ""))
        snprintf(key->reason, sizeof key->reason, "%s", reply->str);
}

static uint64_t read_little(const uint8_t *bytes, size_t size)
{
    uint64_t value = 0;

    for (size_t i = size; i > 0; i--)
        value = value << 8 | bytes[i - 1];
    return value;
}

static void write_little(uint8_t *bytes, size_t size, uint64_t value)
{
    for (size_t i = 0; i < size; i++, value >>= 8)
        bytes[i] = (uint8_t)value;
}

bool admin_payload_fit(uint8_t *payload, size_t size)
{
    if (size < PAYLOAD_MIN || payload[0] != TYPE_STRING ||
        crc64(0, span_of(payload, size - 8)) != read_little(payload + size - 8, 8))
        return false;
    if (read_little(payload + size - TRAILER_SIZE, 2) > DUMP_VERSION) {
        write_little(payload + size - TRAILER_SIZE, 2, DUMP_VERSION);
        write_little(payload + size - 8, 8, crc64(0, span_of(payload, size - 8)));
    }
    return true;
}

int64_t admin_backoff_ms(unsigned attempts)
{
    const int64_t ms = attempts < 10 ? (int64_t)BACKOFF_FIRST_MS << attempts : BACKOFF_MAX_MS;

    return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}
