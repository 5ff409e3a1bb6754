/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <msgpack.h>

#include "base/rng.h"
#include "lib/timeout.h"
#include "value/siblings.h"
#include "wire/wire.h"

TestSuite(wire, .timeout = TIMEOUT_S(20));

#define FRAME_MAX 65536

/* ---- a message of each type, filled from a seed ---- */

static uint8_t pool[64]; /* what filled spans point into */
static const struct span items[3] = {{pool, 3}, {pool + 10, 0}, {pool + 5, 20}};

static void fill_u8(struct rng *rng, uint8_t *value)
{
    *value = (uint8_t)rng_next(rng);
}

static void fill_u16(struct rng *rng, uint16_t *value)
{
    *value = (uint16_t)rng_next(rng);
}

static void fill_u32(struct rng *rng, uint32_t *value)
{
    *value = (uint32_t)rng_next(rng);
}

static void fill_u64(struct rng *rng, uint64_t *value)
{
    *value = rng_next(rng) >> rng_below(rng, 64);
}

static void fill_id(struct rng *rng, uint8_t (*id)[WIRE_ID_SIZE])
{
    for (int i = 0; i < WIRE_ID_SIZE; i++)
        fill_u8(rng, &(*id)[i]);
}

static void fill_dot(struct rng *rng, struct dot *dot)
{
    dot->stamp = rng_next(rng) | 1;
    dot->node = (node_number)(rng_next(rng) | 1);
}

static void fill_span(struct rng *rng, struct span *span)
{
    *span = span_of(pool, rng_below(rng, sizeof pool + 1));
}

static void fill_ids(struct rng *rng, struct span *ids)
{
    *ids = span_of(pool, rng_below(rng, sizeof pool / WIRE_IDS_STEP + 1) * WIRE_IDS_STEP);
}

static void fill_version(struct rng *rng, struct version *version)
{
    *version = (struct version){0};
    if (rng_chance(rng, 1, 4))
        return;
    fill_dot(rng, &version->dot);
    version->deadline_ms = rng_chance(rng, 1, 2) ? DEADLINE_NEVER : (int64_t)rng_next(rng);
    version->kind = rng_chance(rng, 1, 4) ? VALUE_TOMBSTONE : VALUE_STRING;
    if (version->kind == VALUE_STRING)
        fill_span(rng, &version->value);
}

static void fill_args(struct rng *rng, struct wire_args *args)
{
    *args = (struct wire_args){.count = (uint32_t)rng_below(rng, 4), .items = items};
}

static struct wire_message filled(enum wire_type type, struct rng *rng)
{
    struct wire_message message;

    memset(&message, 0, sizeof message);
    message.type = type;
    for (size_t i = 0; i < sizeof pool; i++)
        pool[i] = (uint8_t)(i * 37 + 1);
    switch (type) {
#define FILL(kind, name) fill_##kind(rng, &fields->name);
#define ROW(number, NAME, name, FIELDS)             \
    case WIRE_##NAME: {                             \
        struct wire_##name *fields = &message.name; \
        FIELDS(FILL)                                \
        break;                                      \
    }
        WIRE_MAPS(ROW)
        WIRE_MESSAGES(ROW)
#undef ROW
#undef FILL
    }
    return message;
}

static void put(struct buffer *buffer, const struct wire_message *message)
{
    switch (message->type) {
#define ROW(number, NAME, name, FIELDS)          \
    case WIRE_##NAME:                            \
        wire_put_##name(buffer, &message->name); \
        break;
        WIRE_MAPS(ROW)
        WIRE_MESSAGES(ROW)
#undef ROW
    }
}

/* ---- whether two are the same ---- */

#define SAME_NUMBER(a, b) (*(a) == *(b))
#define same_u8           SAME_NUMBER
#define same_u16          SAME_NUMBER
#define same_u32          SAME_NUMBER
#define same_u64          SAME_NUMBER
#define same_id(a, b)     (memcmp(*(a), *(b), WIRE_ID_SIZE) == 0)
#define same_dot(a, b)    dot_equal(*(a), *(b))
#define same_span(a, b)   span_equal(*(a), *(b))
#define same_ids          same_span

static bool same_version(const struct version *a, const struct version *b)
{
    if (!version_exists(a) || !version_exists(b))
        return version_exists(a) == version_exists(b);
    return dot_equal(a->dot, b->dot) && a->kind == b->kind && a->deadline_ms == b->deadline_ms &&
           span_equal(a->value, b->value);
}

/* `a` as it was written, `b` as it was read. */
static bool same_args(const struct wire_args *a, const struct wire_args *b)
{
    struct span packed = b->packed;

    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (!span_equal(a->items[i], wire_next_arg(&packed)))
            return false;
    return packed.size == 0;
}

static bool same_message(const struct wire_message *a, const struct wire_message *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
#define SAME(kind, field) &&same_##kind(&fields->field, &other->field)
#define ROW(number, NAME, name, FIELDS)                                 \
    case WIRE_##NAME: {                                                 \
        const struct wire_##name *fields = &a->name, *other = &b->name; \
        return true FIELDS(SAME);                                       \
    }
        WIRE_MAPS(ROW)
        WIRE_MESSAGES(ROW)
#undef ROW
#undef SAME
    }
    return false;
}

static const enum wire_type types[] = {
#define ROW(number, NAME, name, FIELDS) WIRE_##NAME,
    WIRE_MAPS(ROW) WIRE_MESSAGES(ROW)
#undef ROW
};
#define TYPES (sizeof types / sizeof types[0])

/* ---- frames for the tests ---- */

/* A frame with one message of each type. */
static struct buffer frame_of_all(struct rng *rng)
{
    struct buffer buffer = {0};
    const size_t place = wire_frame_begin(&buffer, 77, 55);

    for (size_t i = 0; i < TYPES; i++) {
        const struct wire_message message = filled(types[i], rng);
        put(&buffer, &message);
    }
    wire_frame_end(&buffer, place);
    return buffer;
}

/* What a frame's messages come to, read to their end; all that they point at is looked at. */
static enum wire_result read_all(struct span input, size_t *count, uint64_t *sum)
{
    struct wire_frame frame;
    struct wire_message message;
    const char *error = NULL;
    enum wire_result result = wire_next_frame(input, FRAME_MAX, &frame);

    *count = 0;
    if (result == WIRE_BAD)
        cr_assert_not_null(frame.error);
    if (result != WIRE_OK)
        return result;
    while ((result = wire_next_message(&frame.messages, &message, &error)) == WIRE_OK) {
        ++*count;
        if (message.type == WIRE_WRITE && message.write.version.kind == VALUE_STRING)
            for (size_t i = 0; i < message.write.version.value.size; i++)
                *sum += message.write.version.value.data[i];
        if (message.type == WIRE_FORWARD)
            for (struct span rest = message.forward.args.packed; rest.size > 0;)
                *sum += wire_next_arg(&rest).size;
    }
    cr_assert_eq(error != NULL, result == WIRE_BAD);
    return result;
}

/* A frame around messages that a test made up. */
static struct buffer frame_around(struct span messages)
{
    struct buffer buffer = {0};
    const size_t place = wire_frame_begin(&buffer, 1, 1);

    buffer_append_span(&buffer, messages);
    wire_frame_end(&buffer, place);
    return buffer;
}

static enum wire_result read_one(const struct buffer *buffer, struct wire_message *message)
{
    struct wire_frame frame;
    const char *error;

    cr_assert_eq(wire_next_frame(buffer_content(buffer), FRAME_MAX, &frame), WIRE_OK);
    return wire_next_message(&frame.messages, message, &error);
}

/* ---- the tests ---- */

Test(wire, every_message_is_read_as_it_was_written)
{
    struct rng rng;

    rng_init(&rng, 1);
    for (int round = 0; round < 50; round++)
        for (size_t i = 0; i < TYPES; i++) {
            const struct wire_message message = filled(types[i], &rng);
            struct wire_message read;
            struct buffer buffer = {0};
            const size_t place = wire_frame_begin(&buffer, 1, 1);

            put(&buffer, &message);
            wire_frame_end(&buffer, place);
            cr_assert_eq(read_one(&buffer, &read), WIRE_OK);
            cr_assert(same_message(&message, &read), "type %d", (int)types[i]);
            buffer_deinit(&buffer);
        }
}

Test(wire, a_frame_holds_the_messages_of_a_turn_in_order)
{
    struct rng rng;
    struct wire_frame frame;
    struct wire_message read;
    const char *error;

    rng_init(&rng, 2);
    struct buffer buffer = frame_of_all(&rng);
    rng_init(&rng, 2);
    cr_assert_eq(wire_next_frame(buffer_content(&buffer), FRAME_MAX, &frame), WIRE_OK);
    cr_assert_eq(frame.hlc, 77);
    cr_assert_eq(frame.settled, 55);
    cr_assert_eq(frame.size, buffer_size(&buffer));
    for (size_t i = 0; i < TYPES; i++) {
        const struct wire_message message = filled(types[i], &rng);
        cr_assert_eq(wire_next_message(&frame.messages, &read, &error), WIRE_OK);
        cr_assert(same_message(&message, &read));
    }
    cr_assert_eq(wire_next_message(&frame.messages, &read, &error), WIRE_END);
    buffer_deinit(&buffer);
}

Test(wire, frames_follow_each_other_in_one_buffer)
{
    struct buffer buffer = {0};
    struct wire_frame frame;

    for (uint64_t i = 0; i < 3; i++) {
        const size_t place = wire_frame_begin(&buffer, i, 9);
        wire_put_ping(&buffer, &(struct wire_ping){.id = 7});
        wire_frame_end(&buffer, place);
    }
    for (uint64_t i = 0; i < 3; i++) {
        cr_assert_eq(wire_next_frame(buffer_content(&buffer), FRAME_MAX, &frame), WIRE_OK);
        cr_assert_eq(frame.hlc, i);
        buffer_consume(&buffer, frame.size);
    }
    cr_assert_eq(wire_next_frame(buffer_content(&buffer), FRAME_MAX, &frame), WIRE_MORE);
    buffer_deinit(&buffer);
}

Test(wire, the_envelope_is_msgpack_to_others)
{
    struct rng rng;
    msgpack_unpacked unpacked;
    size_t offset = 0;

    rng_init(&rng, 3);
    struct buffer buffer = frame_of_all(&rng);
    const struct span frame = buffer_content(&buffer);
    msgpack_unpacked_init(&unpacked);
    cr_assert_eq(
        msgpack_unpack_next(&unpacked, (const char *)frame.data + 4, frame.size - 4, &offset),
        MSGPACK_UNPACK_SUCCESS);
    cr_assert_eq(offset, frame.size - 4);
    cr_assert_eq(unpacked.data.type, MSGPACK_OBJECT_ARRAY);
    cr_assert_eq(unpacked.data.via.array.size, 3);
    cr_assert_eq(unpacked.data.via.array.ptr[0].via.u64, 77);
    cr_assert_eq(unpacked.data.via.array.ptr[1].via.u64, 55);
    cr_assert_eq(unpacked.data.via.array.ptr[2].type, MSGPACK_OBJECT_BIN);
    msgpack_unpacked_destroy(&unpacked);
    buffer_deinit(&buffer);
}

static int append_packed(void *data, const char *bytes, size_t size)
{
    buffer_append(data, bytes, size);
    return 0;
}

Test(wire, an_envelope_that_msgpack_packed_is_read_and_what_it_adds_is_skipped)
{
    static const uint64_t numbers[] = {0, 127, 128, 255, 256, 65536, UINT32_MAX, UINT64_MAX};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        for (uint32_t extra = 0; extra < 20; extra += 19) {
            struct buffer buffer = {0};
            struct wire_frame frame;
            msgpack_packer packer;

            buffer_append(&buffer, "\0\0\0\0", 4);
            msgpack_packer_init(&packer, &buffer, append_packed);
            msgpack_pack_array(&packer, 3 + extra);
            msgpack_pack_uint64(&packer, numbers[i]);
            msgpack_pack_uint64(&packer, numbers[i] / 2);
            msgpack_pack_bin(&packer, 300);
            for (int j = 0; j < 60; j++)
                msgpack_pack_bin_body(&packer, "12345", 5);
            for (uint32_t j = 0; j < extra; j++)
                msgpack_pack_str_with_body(&packer, "later", 5);
            bytes_put_u32(buffer.block, (uint32_t)(buffer_size(&buffer) - 4));
            cr_assert_eq(wire_next_frame(buffer_content(&buffer), FRAME_MAX, &frame), WIRE_OK);
            cr_assert_eq(frame.hlc, numbers[i]);
            cr_assert_eq(frame.settled, numbers[i] / 2);
            cr_assert_eq(wire_left(&frame.messages), 300);
            cr_assert_eq(frame.size, buffer_size(&buffer));
            buffer_deinit(&buffer);
        }
}

Test(wire, a_frame_is_waited_for_until_it_is_whole)
{
    struct rng rng;
    struct wire_frame frame;

    rng_init(&rng, 4);
    struct buffer buffer = frame_of_all(&rng);
    const struct span whole = buffer_content(&buffer);
    for (size_t size = 0; size < whole.size; size++) {
        cr_assert_eq(wire_next_frame(span_of(whole.data, size), FRAME_MAX, &frame), WIRE_MORE);
        cr_assert_eq(frame.size, size < 4 ? 4 : whole.size);
    }
    buffer_deinit(&buffer);
}

Test(wire, a_frame_over_the_bound_is_refused_before_it_is_waited_for)
{
    struct wire_frame frame;
    uint8_t length[4];

    bytes_put_u32(length, FRAME_MAX + 1);
    cr_assert_eq(wire_next_frame(span_of(length, 4), FRAME_MAX, &frame), WIRE_BAD);
    cr_assert_not_null(frame.error);
    bytes_put_u32(length, FRAME_MAX);
    cr_assert_eq(wire_next_frame(span_of(length, 4), FRAME_MAX, &frame), WIRE_MORE);
    cr_assert_eq(wire_next_frame(SPAN("GET / HTTP/1.1\r\n\r\n"), FRAME_MAX, &frame), WIRE_BAD);
}

Test(wire, an_envelope_that_claims_much_costs_nothing)
{
    static const struct span envelopes[] = {
        SPAN("\x06\0\0\0\xdd\x10\0\0\0\1"),             /* 2^28 elements */
        SPAN("\x08\0\0\0\x93\1\1\xc6\xff\xff\xff\xff"), /* 4 GiB of messages */
        SPAN("\x07\0\0\0\x93\1\1\xdd\x10\0\0"),         /* no bin, and cut */
        SPAN("\x05\0\0\0\x92\1\1\xc4\0"),               /* two elements */
        SPAN("\x05\0\0\0\x93\xff\1\xc4\0"),             /* a negative clock */
        SPAN("\x03\0\0\0\x93\xcf\1"),                   /* a number cut short */
        SPAN("\x00\0\0\0"),                             /* nothing */
    };
    struct wire_frame frame;

    for (size_t i = 0; i < sizeof envelopes / sizeof envelopes[0]; i++)
        cr_assert_eq(wire_next_frame(envelopes[i], FRAME_MAX, &frame), WIRE_BAD, "%zu", i);
}

Test(wire, a_message_of_a_later_version_is_skipped)
{
    struct buffer messages = {0};
    struct wire_message read;

    buffer_append(&messages, "\x07\0\0\0\xff\xff later", 11);
    wire_put_pong(&messages, &(struct wire_pong){.id = 42});
    struct buffer buffer = frame_around(buffer_content(&messages));
    cr_assert_eq(read_one(&buffer, &read), WIRE_OK);
    cr_assert_eq(read.type, WIRE_PONG);
    cr_assert_eq(read.pong.id, 42);
    buffer_deinit(&buffer);
    buffer_deinit(&messages);
}

Test(wire, fields_of_a_later_version_are_skipped)
{
    struct rng rng;
    struct buffer messages = {0};
    struct wire_frame frame;
    struct wire_message read;
    const char *error;

    rng_init(&rng, 5);
    for (size_t i = 0; i < TYPES; i++) {
        const struct wire_message message = filled(types[i], &rng);
        if (message.type < WIRE_FORWARD)
            continue;
        const size_t place = buffer_size(&messages);
        put(&messages, &message);
        buffer_append(&messages, "more", 4);
        uint8_t *size = messages.block + messages.head + place;
        bytes_put_u32(size, bytes_get_u32(size) + 4);
    }
    struct buffer buffer = frame_around(buffer_content(&messages));
    rng_init(&rng, 5);
    cr_assert_eq(wire_next_frame(buffer_content(&buffer), FRAME_MAX, &frame), WIRE_OK);
    for (size_t i = 0; i < TYPES; i++) {
        const struct wire_message message = filled(types[i], &rng);
        if (message.type < WIRE_FORWARD)
            continue;
        cr_assert_eq(wire_next_message(&frame.messages, &read, &error), WIRE_OK);
        cr_assert(same_message(&message, &read));
    }
    buffer_deinit(&buffer);
    buffer_deinit(&messages);
}

Test(wire, a_message_that_is_cut_short_is_refused)
{
    struct rng rng;
    uint64_t sum = 0;

    rng_init(&rng, 6);
    for (size_t i = 0; i < TYPES; i++) {
        const struct wire_message message = filled(types[i], &rng);
        struct buffer messages = {0};
        size_t count;

        put(&messages, &message);
        const struct span whole = buffer_content(&messages);
        for (size_t size = 1; size < whole.size; size++) {
            uint8_t cut[2048];

            cr_assert_lt(whole.size, sizeof cut);
            memcpy(cut, whole.data, size);
            struct buffer buffer = frame_around(span_of(cut, size));
            cr_assert_eq(read_all(buffer_content(&buffer), &count, &sum), WIRE_BAD);
            buffer_deinit(&buffer);
            if (size < WIRE_HEAD_SIZE)
                continue;
            bytes_put_u32(cut, (uint32_t)size - 4); /* it says so itself */
            buffer = frame_around(span_of(cut, size));
            cr_assert_eq(read_all(buffer_content(&buffer), &count, &sum), WIRE_BAD);
            buffer_deinit(&buffer);
        }
        buffer_deinit(&messages);
    }
}

Test(wire, acknowledgements_join_and_are_whole_numbers)
{
    const struct wire_ping ping = {.id = 1};
    const struct wire_acks none = {.ids = span_of(pool, 0)}, odd = {.ids = span_of(pool, 12)};
    struct wire_message message;
    struct wire_frame frame;
    struct buffer buffer = {0};
    const char *error = NULL;
    size_t begun = wire_frame_begin(&buffer, 0, 0);

    wire_put_ping(&buffer, &ping);
    const size_t place = buffer_size(&buffer);
    wire_put_acks(&buffer, &none);
    for (uint64_t id = 1; id <= 3; id++)
        wire_acks_add(&buffer, place, id << 40);
    wire_put_acks(&buffer, &odd);
    wire_frame_end(&buffer, begun);
    cr_assert_eq(wire_next_frame(buffer_content(&buffer), FRAME_MAX, &frame), WIRE_OK);
    cr_assert_eq(wire_next_message(&frame.messages, &message, &error), WIRE_OK);
    cr_assert_eq(message.type, WIRE_PING);
    cr_assert_eq(wire_next_message(&frame.messages, &message, &error), WIRE_OK);
    cr_assert_eq(message.type, WIRE_ACKS);
    cr_assert_eq(message.acks.ids.size, 3 * WIRE_IDS_STEP);
    for (uint64_t id = 1; id <= 3; id++)
        cr_assert_eq(bytes_get_u64(message.acks.ids.data + (id - 1) * WIRE_IDS_STEP), id << 40);
    cr_assert_eq(wire_next_message(&frame.messages, &message, &error), WIRE_BAD);
    buffer_deinit(&buffer);
}

Test(wire, flipped_bits_do_no_harm)
{
    struct rng rng;
    uint64_t sum = 0;

    rng_init(&rng, 7);
    struct buffer buffer = frame_of_all(&rng);
    const struct span whole = buffer_content(&buffer);
    /* On the heap and no longer than it is, so that a sanitizer sees a read past its end. */
    uint8_t *changed = malloc(whole.size);
    cr_assert_not_null(changed);
    memcpy(changed, whole.data, whole.size);
    for (size_t bit = 0; bit < whole.size * 8; bit++) {
        size_t count;

        changed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        read_all(span_of(changed, whole.size), &count, &sum);
        cr_assert_leq(count, TYPES);
        changed[bit / 8] = whole.data[bit / 8];
    }
    free(changed);
    buffer_deinit(&buffer);
}

Test(wire, a_count_of_arguments_is_borne_out_by_its_bytes)
{
    struct wire_forward forward = {.id = 1, .args = {.count = 3, .items = items}};
    struct buffer messages = {0};
    size_t count;
    uint64_t sum = 0;

    wire_put_forward(&messages, &forward);
    uint8_t *args = messages.block + buffer_size(&messages) - wire_size_args(forward.args);
    for (uint32_t claimed = 0; claimed < 6; claimed++) {
        bytes_put_u32(args, claimed == 5 ? UINT32_MAX : claimed);
        struct buffer buffer = frame_around(buffer_content(&messages));
        cr_assert_eq(read_all(buffer_content(&buffer), &count, &sum),
                     claimed == 3 ? WIRE_END : WIRE_BAD);
        buffer_deinit(&buffer);
    }
    buffer_deinit(&messages);
}

static enum wire_result send_version(struct version version, struct wire_message *read,
                                     struct buffer *buffer)
{
    const size_t place = wire_frame_begin(buffer, 1, 1);

    wire_put_write(buffer, &(struct wire_write){.key = SPAN("key"), .version = version});
    wire_frame_end(buffer, place);
    return read_one(buffer, read);
}

Test(wire, a_set_of_siblings_is_checked_as_it_enters)
{
    static const struct context nothing;
    struct buffer set = {0};
    struct buffer buffer = {0};
    struct wire_message read;

    cr_assert_eq(siblings_write(SPAN(""), &nothing, (struct dot){9, 1}, 5, SPAN("value"), 0, &set),
                 SIBLINGS_OK);
    const struct version good = siblings_version(buffer_content(&set));
    cr_assert_eq(send_version(good, &read, &buffer), WIRE_OK);
    cr_assert(same_version(&good, &read.write.version));

    struct version bad = good;
    bad.value.size--;
    buffer_reset(&buffer, SIZE_MAX);
    cr_assert_eq(send_version(bad, &read, &buffer), WIRE_BAD, "cut");
    bad = good;
    bad.dot.stamp++;
    buffer_reset(&buffer, SIZE_MAX);
    cr_assert_eq(send_version(bad, &read, &buffer), WIRE_BAD, "another dot");
    bad = good;
    bad.kind = VALUE_TOMBSTONE;
    buffer_reset(&buffer, SIZE_MAX);
    cr_assert_eq(send_version(bad, &read, &buffer), WIRE_BAD, "a tombstone with siblings");
    bad = good;
    bad.kind = (enum value_kind)17;
    buffer_reset(&buffer, SIZE_MAX);
    cr_assert_eq(send_version(bad, &read, &buffer), WIRE_BAD, "no such kind");
    buffer_deinit(&buffer);
    buffer_deinit(&set);
}

Test(wire, the_smallest_answers_are_small)
{
    struct buffer buffer = {0};

    wire_put_answer(&buffer, &(struct wire_answer){.status = ANSWER_SAME});
    cr_assert_eq(buffer_size(&buffer), 6 + 8 + 1 + 8 + 1);
    buffer_deinit(&buffer);
}

Test(wire, a_message_past_its_length_field_fails_the_buffer)
{
    struct buffer buffer = {0};
    const size_t place = wire_frame_begin(&buffer, 1, 1);

    wire_put_reply(&buffer, &(struct wire_reply){.bytes = span_of(pool, UINT32_MAX)});
    cr_assert(buffer.failed);
    wire_frame_end(&buffer, place);
    buffer_deinit(&buffer);
}

/* ---- maps ---- */

static enum wire_result read_map(int type, struct buffer *map, struct wire_message *message)
{
    static struct buffer buffer; /* stays, for the spans of the message */
    uint8_t head[WIRE_HEAD_SIZE];

    buffer_reset(&buffer, SIZE_MAX);
    bytes_put_u32(head, (uint32_t)buffer_size(map) + 2);
    bytes_put_u16(head + 4, (uint16_t)type);
    const size_t place = wire_frame_begin(&buffer, 1, 1);
    buffer_append(&buffer, head, sizeof head);
    buffer_append_span(&buffer, buffer_content(map));
    wire_frame_end(&buffer, place);
    buffer_deinit(map);
    return read_one(&buffer, message);
}

static struct buffer begin_map(msgpack_packer *packer, struct buffer *map, size_t count)
{
    *map = (struct buffer){0};
    msgpack_packer_init(packer, map, append_packed);
    msgpack_pack_map(packer, count);
    return *map;
}

static void pack_name(msgpack_packer *packer, const char *name)
{
    msgpack_pack_str_with_body(packer, name, strlen(name));
}

Test(wire, a_hello_with_fields_of_a_later_version_is_read)
{
    struct buffer map;
    msgpack_packer packer;
    struct wire_message read;

    begin_map(&packer, &map, 4);
    pack_name(&packer, "compression");
    msgpack_pack_array(&packer, 2);
    pack_name(&packer, "zstd");
    msgpack_pack_map(&packer, 0);
    pack_name(&packer, "number");
    msgpack_pack_uint16(&packer, 3);
    msgpack_pack_int(&packer, 17); /* no name at all */
    msgpack_pack_nil(&packer);
    pack_name(&packer, "cluster");
    msgpack_pack_bin_with_body(&packer, "flock", 5);
    cr_assert_eq(read_map(WIRE_HELLO, &map, &read), WIRE_OK);
    cr_assert_eq(read.type, WIRE_HELLO);
    cr_assert_eq(read.hello.number, 3);
    cr_assert(span_equal(read.hello.cluster, SPAN("flock")));
    cr_assert_eq(read.hello.boot, 0);
    cr_assert_eq(read.hello.proof.size, 0);
}

Test(wire, a_hello_whose_fields_are_of_another_kind_is_refused)
{
    struct buffer map;
    msgpack_packer packer;
    struct wire_message read;

    begin_map(&packer, &map, 1);
    pack_name(&packer, "number");
    msgpack_pack_uint32(&packer, 65536);
    cr_assert_eq(read_map(WIRE_HELLO, &map, &read), WIRE_BAD);

    begin_map(&packer, &map, 1);
    pack_name(&packer, "boot");
    msgpack_pack_int(&packer, -1);
    cr_assert_eq(read_map(WIRE_HELLO, &map, &read), WIRE_BAD);

    begin_map(&packer, &map, 1);
    pack_name(&packer, "cluster");
    msgpack_pack_int(&packer, 1);
    cr_assert_eq(read_map(WIRE_HELLO, &map, &read), WIRE_BAD);

    begin_map(&packer, &map, 1);
    pack_name(&packer, "ring");
    msgpack_pack_bin_with_body(&packer, "short", 5);
    cr_assert_eq(read_map(WIRE_HELLO_OK, &map, &read), WIRE_BAD);

    map = (struct buffer){0};
    buffer_append(&map, "\x90", 1);
    cr_assert_eq(read_map(WIRE_HELLO, &map, &read), WIRE_BAD);
}

Test(wire, a_hello_that_claims_much_costs_nothing)
{
    struct buffer map = {0};
    struct wire_message read;

    buffer_append(&map, "\xdf\x10\0\0\0\1", 6);
    cr_assert_eq(read_map(WIRE_HELLO, &map, &read), WIRE_BAD);
    map = (struct buffer){0};
    for (int i = 0; i < 1000; i++)
        buffer_append(&map, "\x91", 1);
    cr_assert_eq(read_map(WIRE_HELLO, &map, &read), WIRE_BAD);
}
