/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/crc64.h"
#include "lib/timeout.h"
#include "main/admin_batch.h"
#include "value/dump.h"

#define MB ((uint64_t)1 << 20)

TestSuite(admin_batch, .timeout = TIMEOUT_S(60));

Test(admin_batch, many_small_values_go_together)
{
    struct admin_key keys[1000] = {{.size = 0}};

    cr_assert_eq(admin_batch_size(keys, 1000), 1000);
    for (size_t i = 0; i < 1000; i++)
        keys[i].size = 64;
    cr_assert_eq(admin_batch_size(keys, 1000), 1000);
}

Test(admin_batch, large_values_go_few_at_a_time_or_alone)
{
    struct admin_key keys[] = {
        {.size = 5 * MB}, {.size = 2 * MB}, {.size = 2 * MB}, {.size = 100 * MB}, {.size = 1}};

    cr_assert_eq(admin_batch_size(keys, 5), 2);
    cr_assert_eq(admin_batch_size(keys + 2, 3), 1);
    cr_assert_eq(admin_batch_size(keys + 3, 2), 1);
    cr_assert_eq(admin_batch_size(keys + 4, 1), 1);
}

Test(admin_batch, what_is_decided_takes_no_room)
{
    struct admin_key keys[] = {{.size = 7 * MB},
                               {.size = 7 * MB, .fate = ADMIN_FATE_VANISHED},
                               {.size = 7 * MB, .fate = ADMIN_FATE_OTHER},
                               {.size = MB / 2}};

    cr_assert_eq(admin_batch_size(keys, 4), 4);
}

static enum admin_fate fate_after(int type, const char *text)
{
    struct admin_key key = {.size = 0};
    char copy[64];

    snprintf(copy, sizeof copy, "%s", text);
    const redisReply reply = {.type = type, .str = copy, .len = strlen(copy)};
    admin_batch_answered(&key, &reply);
    return key.fate;
}

Test(admin_batch, an_answer_tells_what_became_of_a_key)
{
    cr_assert_eq(fate_after(REDIS_REPLY_STATUS, "OK"), ADMIN_FATE_CARRIED);
    cr_assert_eq(fate_after(REDIS_REPLY_ERROR, "BUSYKEY Target key name already exists."),
                 ADMIN_FATE_THERE);
    cr_assert_eq(fate_after(REDIS_REPLY_ERROR, "NOQUORUM 1 of 2"), ADMIN_FATE_OPEN);
    cr_assert_eq(fate_after(REDIS_REPLY_ERROR, "CLUSTERDOWN no ring"), ADMIN_FATE_OPEN);
    cr_assert_eq(fate_after(REDIS_REPLY_ERROR, "OOM command not allowed"), ADMIN_FATE_OPEN);
    cr_assert_eq(fate_after(REDIS_REPLY_ERROR, "ERR Bad data format"), ADMIN_FATE_FAILED);
}

Test(admin_batch, a_payload_of_a_newer_redis_becomes_one_of_ours)
{
    struct buffer ours = {0}, newer = {0};

    dump_write(SPAN("some value"), &ours);
    const size_t size = buffer_size(&ours);
    buffer_append_span(&newer, buffer_content(&ours));
    uint8_t *bytes = newer.block + newer.head;
    cr_assert(admin_payload_fit(bytes, size), "one of ours stays as it is");
    cr_assert(span_equal(buffer_content(&ours), buffer_content(&newer)));
    /* What Redis 7.2 gives for it: version 11, and the sum that goes with it. */
    bytes[size - 10] = 11;
    cr_assert_not(admin_payload_fit(bytes, size), "the sum is not that of these bytes");
    const uint64_t sum = crc64(0, span_of(bytes, size - 8));
    for (size_t i = 0; i < 8; i++)
        bytes[size - 8 + i] = (uint8_t)(sum >> (8 * i));
    cr_assert_eq(dump_check(span_of(bytes, size)), DUMP_WRONG);
    cr_assert(admin_payload_fit(bytes, size));
    cr_assert(span_equal(buffer_content(&ours), buffer_content(&newer)));
    cr_assert_eq(dump_check(span_of(bytes, size)), DUMP_OK);
    bytes[0] = 1;
    cr_assert_not(admin_payload_fit(bytes, size), "a list");
    cr_assert_not(admin_payload_fit(bytes, 5), "too short");
    buffer_deinit(&ours);
    buffer_deinit(&newer);
}

Test(admin_batch, waits_grow_and_have_a_bound)
{
    cr_assert_eq(admin_backoff_ms(0), 50);
    for (unsigned i = 1; i < 100; i++) {
        cr_assert_geq(admin_backoff_ms(i), admin_backoff_ms(i - 1));
        cr_assert_leq(admin_backoff_ms(i), 2000);
    }
}
