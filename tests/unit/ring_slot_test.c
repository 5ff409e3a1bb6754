/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Slots as Redis Cluster numbers them. The numbers are what redis-server 7.0 answers to CLUSTER
 * KEYSLOT, the first that of the cluster specification (0x31C3 mod 16384).
 */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "ring/slot.h"

TestSuite(slot, .timeout = TIMEOUT_S(20));

Test(slot, are_those_of_redis_cluster)
{
    static const struct {
        const char *key;
        uint32_t slot;
    } rows[] = {
        {"", 0},
        {"123456789", 12739},
        {"foo", 12182},
        {"bar", 5061},
        {"hello", 866},
        {"a", 15495},
        {"somekey", 11058},
        {"user1000", 3443},
        {"{foo}.bar", 12182},
        {"foo{hello}{a}", 866},
        {"foo{{bar}}zap", 4015},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq(ring_slot(span_of_string(rows[i].key)), rows[i].slot, "%s: %u", rows[i].key,
                     ring_slot(span_of_string(rows[i].key)));
}

Test(slot, of_keys_with_the_same_hash_tag_are_the_same)
{
    cr_expect_eq(ring_slot(SPAN("{user1000}.following")), ring_slot(SPAN("{user1000}.followers")));
    cr_expect_eq(ring_slot(SPAN("{user1000}.following")), ring_slot(SPAN("user1000")));
}

Test(slot, go_by_the_whole_key_where_the_tag_is_empty_or_does_not_end)
{
    static const char *const whole[] = {"foo{}{bar}", "foo{bar", "foo}bar{", "{",
                                        "}",          "{}",      "{}a}"};

    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
        cr_expect(span_equal(ring_hash_tag(span_of_string(whole[i])), span_of_string(whole[i])));
    cr_expect_eq(ring_slot(SPAN("foo{}{bar}")), 8363);
}

Test(slot, take_any_byte)
{
    cr_expect(span_equal(ring_hash_tag(SPAN("a\0{\0}b")), SPAN("\0")));
    cr_expect_eq(ring_slot(SPAN("\0")), 0);
    cr_expect_eq(ring_slot(span_of(NULL, 0)), 0);
}

/* CRC16/XMODEM as its definition has it, a bit at a time. */
static uint32_t slot_bit_by_bit(const uint8_t *bytes, size_t size)
{
    uint32_t crc = 0;

    for (size_t i = 0; i < size; i++) {
        crc ^= (uint32_t)bytes[i] << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 0x8000) != 0 ? (crc << 1 ^ 0x1021) & 0xffff : crc << 1;
    }
    return crc % RING_SLOTS;
}

Test(slot, follow_from_each_byte_at_each_place_of_keys_of_any_length)
{
    uint8_t key[40] = {0};

    for (size_t size = 0; size <= sizeof key; size++)
        for (size_t at = 0; at < size; at++)
            for (unsigned byte = 0; byte < 256; byte++) {
                key[at] = (uint8_t)(byte == '{' ? 0 : byte);
                cr_assert_eq(ring_slot(span_of(key, size)), slot_bit_by_bit(key, size),
                             "byte %u at %zu of %zu", byte, at, size);
            }
}

Test(slot, make_partitions_of_equal_runs)
{
    for (uint32_t count = 1; count <= RING_SLOTS; count *= 2) {
        uint32_t sizes[RING_SLOTS] = {0};

        for (uint32_t slot = 0; slot < RING_SLOTS; slot++) {
            const uint32_t partition = ring_slot_partition(slot, count);

            cr_assert_lt(partition, count);
            cr_assert_eq(ring_partition_slot(partition, count) + sizes[partition]++, slot);
        }
        for (uint32_t i = 0; i < count; i++)
            cr_assert_eq(sizes[i], RING_SLOTS / count);
    }
}

Test(slot, counts_of_partitions_are_powers_of_two)
{
    cr_expect(ring_partition_count_valid(1));
    cr_expect(ring_partition_count_valid(1024));
    cr_expect(ring_partition_count_valid(16384));
    cr_expect_not(ring_partition_count_valid(0));
    cr_expect_not(ring_partition_count_valid(1000));
    cr_expect_not(ring_partition_count_valid(32768));
    cr_expect_not(ring_partition_count_valid(UINT64_C(1) << 40));
}
