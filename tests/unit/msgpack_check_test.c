/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What msgpack_check lets through, held against msgpack-c itself.
 */
#include "base/msgpack_check.h"

#include <criterion/criterion.h>
#include <msgpack.h>
#include <stdlib.h>

#include "base/rng.h"
#include "lib/timeout.h"

TestSuite(msgpack_check, .timeout = TIMEOUT_S(20));

static bool check(struct span bytes)
{
    return msgpack_check(bytes, 8, 1000);
}

Test(msgpack_check, accepts_an_object_of_each_format)
{
    static const struct {
        struct span bytes;
    } rows[] = {
        {SPAN("\x00")},
        {SPAN("\x7f")},
        {SPAN("\xff")},
        {SPAN("\x80")},
        {SPAN("\x81\x01\x02")},
        {SPAN("\x90")},
        {SPAN("\x92\x01\xc0")},
        {SPAN("\xa0")},
        {SPAN("\xa3xyz")},
        {SPAN("\xc0")},
        {SPAN("\xc2")},
        {SPAN("\xc3")},
        {SPAN("\xc4\x02\x01\x02")},
        {SPAN("\xc5\x00\x01\x01")},
        {SPAN("\xc6\x00\x00\x00\x01\x01")},
        {SPAN("\xc7\x01\x05\x01")},
        {SPAN("\xc8\x00\x01\x05\x01")},
        {SPAN("\xc9\x00\x00\x00\x01\x05\x01")},
        {SPAN("\xca\x01\x02\x03\x04")},
        {SPAN("\xcb\x01\x02\x03\x04\x05\x06\x07\x08")},
        {SPAN("\xcc\x01")},
        {SPAN("\xcd\x01\x02")},
        {SPAN("\xce\x01\x02\x03\x04")},
        {SPAN("\xcf\x01\x02\x03\x04\x05\x06\x07\x08")},
        {SPAN("\xd0\x01")},
        {SPAN("\xd1\x01\x02")},
        {SPAN("\xd2\x01\x02\x03\x04")},
        {SPAN("\xd3\x01\x02\x03\x04\x05\x06\x07\x08")},
        {SPAN("\xd4\x05\x01")},
        {SPAN("\xd5\x05\x01\x02")},
        {SPAN("\xd6\x05\x01\x02\x03\x04")},
        {SPAN("\xd7\x05\x01\x02\x03\x04\x05\x06\x07\x08")},
        {SPAN("\xd8\x05xxxxxxxxxxxxxxxx")},
        {SPAN("\xd9\x01x")},
        {SPAN("\xda\x00\x01x")},
        {SPAN("\xdb\x00\x00\x00\x01x")},
        {SPAN("\xdc\x00\x01\x01")},
        {SPAN("\xdd\x00\x00\x00\x01\x01")},
        {SPAN("\xde\x00\x01\x01\x02")},
        {SPAN("\xdf\x00\x00\x00\x01\x01\x02")},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct span bytes = rows[i].bytes;
        uint8_t longer[64] = {0};

        cr_expect(check(bytes), "row %zu", i);
        for (size_t size = 0; size < bytes.size; size++)
            cr_expect_not(check(span_of(bytes.data, size)), "row %zu cut to %zu", i, size);
        memcpy(longer, bytes.data, bytes.size);
        cr_expect_not(check(span_of(longer, bytes.size + 1)), "row %zu and a byte more", i);
    }
    cr_expect_not(check(SPAN("\xc1")));
    cr_expect_not(check(span_of(NULL, 0)));
}

Test(msgpack_check, refuses_counts_that_the_bytes_cannot_hold)
{
    cr_expect_not(check(SPAN("\xdd\x10\x00\x00\x00\x01"))); /* what cost 8.4 GB */
    cr_expect_not(check(SPAN("\xdf\xff\xff\xff\xff\x01")));
    cr_expect_not(check(SPAN("\xc6\xff\xff\xff\xff\x01")));
    cr_expect_not(check(SPAN("\xc9\xff\xff\xff\xff\x01\x01")));
}

Test(msgpack_check, counts_items_and_depth)
{
    const struct span nested = SPAN("\x93\x01\x91\x02\x81\x03\x04"); /* 7 items, 2 deep */

    cr_expect(msgpack_check(nested, 2, 8));
    cr_expect_not(msgpack_check(nested, 1, 8));
    cr_expect_not(msgpack_check(nested, 2, 6));
    cr_expect(msgpack_check(nested, 2, 7));
    cr_expect(msgpack_check(SPAN("\x01"), 0, 1));
    cr_expect_not(msgpack_check(SPAN("\x01"), 0, 0));
    cr_expect_not(msgpack_check(SPAN("\x90"), 0, 1));
}

/* Random bytes, mostly headers of small containers. Where the check says yes, msgpack-c reads one
 * object of just these bytes; where it says no within the limits, msgpack-c does not. */
Test(msgpack_check, agrees_with_msgpack_c_on_random_bytes)
{
    const char *text = getenv("DUNLIN_SEED");
    const uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : 1;
    struct rng rng;
    int accepted = 0;

    rng_init(&rng, seed);
    for (int i = 0; i < 200000; i++) {
        uint8_t bytes[12];
        const size_t size = 1 + rng_below(&rng, sizeof bytes);
        size_t offset = 0;
        msgpack_unpacked unpacked;
        bool whole;

        for (size_t j = 0; j < size; j++) {
            bytes[j] = (uint8_t)rng_next(&rng);
            if (rng_chance(&rng, 1, 2))
                bytes[j] = (uint8_t)(rng_chance(&rng, 1, 2) ? 0x80 + rng_below(&rng, 0x23)
                                                            : rng_below(&rng, 3));
            /* Long counts would have msgpack-c take the memory that they claim. */
            if (bytes[j] >= 0xdc && bytes[j] <= 0xdf)
                bytes[j] = 0xc0;
        }
        msgpack_unpacked_init(&unpacked);
        whole = msgpack_unpack_next(&unpacked, (const char *)bytes, size, &offset) ==
                    MSGPACK_UNPACK_SUCCESS &&
                offset == size;
        msgpack_unpacked_destroy(&unpacked);
        cr_assert_eq(msgpack_check(span_of(bytes, size), 16, 1000), whole,
                     "round %d; replay: DUNLIN_SEED=%llu ./unit_msgpack_check", i,
                     (unsigned long long)seed);
        accepted += whole;
    }
    cr_assert_gt(accepted, 1000);
}
