/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A fuzzer of what a whole engine takes from other nodes, which may say anything once they have
 * done the handshake: questions on a link that they opened, answers to what it asked them, bytes
 * that are no frame, breaks in the middle. Node 0 is real; nodes 1 and 2, its replicas, are ghosts.
 * Messages are drawn field by field from the table of messages, so that a new one is drawn as well;
 * numbers that matter (ids of questions, claim versions, stamps about now) and bytes that the
 * engine itself has sent come often.
 *
 * Nothing may crash or hang, and all memory is given back. What clients are told is not looked at:
 * a reply that another node made is passed on as it came.
 */
#include "fuzz/scene.h"

#define STEPS_MAX 64
#define SEEN_MAX  16
#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))

struct peer_fuzz {
    struct scene scene;
    struct draw draw;
    uint64_t ids[4]; /* of questions that were asked, the last ones */
    size_t id_count;
    struct buffer seen[SEEN_MAX]; /* fields of bytes that node 0 sent, the last ones */
    size_t seen_count;
    struct span argv[SCENE_ARGS_MAX];
    struct buffer bytes;
};

/* ---- what node 0 sends ---- */

static void see(struct peer_fuzz *fuzz, struct span bytes)
{
    struct buffer *seen = &fuzz->seen[fuzz->seen_count++ % SEEN_MAX];

    touch(bytes);
    buffer_reset(seen, SIZE_MAX);
    buffer_append_span(seen, span_of(bytes.data, bytes.size < 4096 ? bytes.size : 4096));
}

static void see_number(struct peer_fuzz *fuzz, const char *name, uint64_t number)
{
    if (strcmp(name, "id") == 0)
        fuzz->ids[fuzz->id_count++ % COUNT(fuzz->ids)] = number;
}

#define SEE_u8(name)
#define SEE_u16(name)
#define SEE_u32(name)
#define SEE_u64(name) see_number(fuzz, #name, message->name);
#define SEE_id(name)
#define SEE_dot(name)
#define SEE_span(name)    see(fuzz, message->name);
#define SEE_ids(name)     see(fuzz, message->name);
#define SEE_version(name) see(fuzz, message->name.value);
#define SEE_args(name)    see(fuzz, message->name.packed);
#define SEE(kind, name)   SEE_##kind(name)
#define ROW(number, NAME, name, FIELDS)                                               \
    static void see_##name(struct peer_fuzz *fuzz, const struct wire_##name *message) \
    {                                                                                 \
        (void)fuzz;                                                                   \
        FIELDS(SEE)                                                                   \
    }
WIRE_MAPS(ROW)
WIRE_MESSAGES(ROW)
#undef ROW

static void listen(struct peer_fuzz *fuzz, struct pair_cable *cable)
{
    struct wire_message message;

    while (cable->open && pair_next(cable, &message))
        switch (message.type) {
#define ROW(number, NAME, name, FIELDS)  \
    case number:                         \
        see_##name(fuzz, &message.name); \
        break;
            WIRE_MAPS(ROW)
            WIRE_MESSAGES(ROW)
#undef ROW
        }
}

/* ---- what it is sent ---- */

static uint64_t draw_number(struct peer_fuzz *fuzz)
{
    const struct pair *pair = &fuzz->scene.pair;
    const uint8_t byte = draw_byte(&fuzz->draw);
    const uint64_t rest = byte >> 3;

    switch (byte & 7) {
    case 0:
        return fuzz->ids[rest % COUNT(fuzz->ids)];
    case 1:
    case 2:
        return pair->ring->content.version;
    case 3:
        return rest;
    case 4:
        return hlc_stamp(pair->now.wall_ms) + rest;
    case 5:
        return (uint64_t)pair->now.wall_ms + rest * 20;
    case 6:
        return UINT64_MAX - rest;
    default:
        return draw_u64(&fuzz->draw);
    }
}

static node_number draw_node(struct peer_fuzz *fuzz)
{
    const size_t which = draw_below(&fuzz->draw, 8);

    return which < fuzz->scene.pair.count ? fuzz->scene.pair.nodes[which].number
                                          : (node_number)(which * 9362);
}

static struct span draw_bytes(struct peer_fuzz *fuzz)
{
    const uint8_t byte = draw_byte(&fuzz->draw);

    switch (byte & 3) {
    case 0:
        return scene_draw_key(&fuzz->draw);
    case 1:
        return draw_span(&fuzz->draw, byte >> 2);
    default:
        return buffer_content(&fuzz->seen[(byte >> 2) % SEEN_MAX]);
    }
}

#define DRAW_u8(name) message.name = draw_byte(&fuzz->draw);
#define DRAW_u16(name)                                                          \
    message.name = strcmp(#name, "partition") == 0                              \
                       ? (uint16_t)draw_below(&fuzz->draw, PAIR_PARTITIONS + 1) \
                       : draw_node(fuzz);
#define DRAW_u32(name) message.name = (uint32_t)draw_number(fuzz);
#define DRAW_u64(name) message.name = draw_number(fuzz);
#define DRAW_id(name)                                                                       \
    memcpy(message.name, fuzz->scene.pair.nodes[draw_below(&fuzz->draw, 3)].identity.bytes, \
           sizeof message.name);
#define DRAW_dot(name)                                       \
    message.name = (struct dot){.stamp = draw_number(fuzz)}; \
    message.name.node = draw_node(fuzz);
#define DRAW_span(name) message.name = draw_bytes(fuzz);
#define DRAW_ids(name)               \
    message.name = draw_bytes(fuzz); \
    message.name.size -= message.name.size % WIRE_IDS_STEP;
#define DRAW_version(name)                                                    \
    message.name.kind = (enum value_kind)draw_below(&fuzz->draw, 4);          \
    DRAW_dot(name.dot) message.name.deadline_ms = (int64_t)draw_number(fuzz); \
    message.name.value = draw_bytes(fuzz);
#define DRAW_args(name)                                                                       \
    message.name.count = (uint32_t)scene_draw_command(&fuzz->draw, &fuzz->bytes, fuzz->argv); \
    message.name.items = fuzz->argv;
#define DRAW(kind, name) DRAW_##kind(name)
#define ROW(number, NAME, name, FIELDS)                                \
    static void put_##name(struct peer_fuzz *fuzz, struct buffer *out) \
    {                                                                  \
        struct wire_##name message = {0};                              \
        FIELDS(DRAW)                                                   \
        wire_put_##name(out, &message);                                \
    }
WIRE_MAPS(ROW)
WIRE_MESSAGES(ROW)
#undef ROW

/* One to four messages in a frame, by a ghost or a stranger. */
static void say(struct peer_fuzz *fuzz, struct pair_cable *cable, unsigned count)
{
    size_t frame;

    if (!cable->open || cable->handshake.state != HANDSHAKE_DONE)
        return;
    struct buffer *out = pair_begin(cable, &frame);
    for (unsigned i = 0; i < count; i++)
        switch (draw_byte(&fuzz->draw)) {
#define ROW(number, NAME, name, FIELDS) \
    case number:                        \
        put_##name(fuzz, out);          \
        break;
            WIRE_MAPS(ROW)
            WIRE_MESSAGES(ROW)
#undef ROW
        default:
            break;
        }
    pair_end(cable, frame);
}

/* ---- the world ---- */

static void come(struct peer_fuzz *fuzz, unsigned how)
{
    struct pair *pair = &fuzz->scene.pair;

    pair_stranger(pair, 0);
    if (how % 4 != 3)
        pair_stranger_greets(pair, 1 + how / 4 % 2,
                             how % 4 == 2 ? WIRE_ROLE_CONTROL : WIRE_ROLE_WORKER);
}

static void send_bytes(struct peer_fuzz *fuzz, struct pair_cable *cable)
{
    const struct span bytes = draw_span(&fuzz->draw, draw_byte(&fuzz->draw));

    if (cable->open)
        buffer_append_span(&cable->out, bytes);
    pair_settle(&fuzz->scene.pair);
}

static void step(struct peer_fuzz *fuzz)
{
    struct scene *scene = &fuzz->scene;
    struct pair *pair = &scene->pair;
    const uint8_t byte = draw_byte(&fuzz->draw);
    struct pair_cable *ghost = pair_cable(pair, 0, 1 + byte / 16 % 2);
    size_t argc;

    switch (byte % 16) {
    case 0:
    case 1:
    case 2:
    case 3:
        argc = scene_draw_command(&fuzz->draw, &fuzz->bytes, fuzz->argv);
        scene_ask(scene, &scene->clients[byte / 16 % SCENE_CLIENTS], fuzz->argv, argc);
        break;
    case 4:
    case 5:
    case 6:
    case 7:
        say(fuzz, &pair->stranger, 1 + byte / 64);
        break;
    case 8:
    case 9:
    case 10:
    case 11:
        say(fuzz, ghost, 1 + byte / 64);
        break;
    case 12:
        send_bytes(fuzz, byte / 16 % 3 == 2 ? &pair->stranger : ghost);
        break;
    case 13:
        come(fuzz, byte / 16);
        break;
    case 14:
        if (ghost->open)
            pair_break(pair, 0, 1 + byte / 16 % 2);
        break;
    default:
        scene_pass(scene, (int64_t)draw_byte(&fuzz->draw) << byte / 16 % 8);
    }
    listen(fuzz, pair_cable(pair, 0, 1));
    listen(fuzz, pair_cable(pair, 0, 2));
    listen(fuzz, &pair->stranger);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const options[] = {"--proto-max-bulk-len", "1mb", "--maxmemory", "64mb",
                                          NULL};
    static struct peer_fuzz fuzz;

    memset(&fuzz, 0, sizeof fuzz);
    fuzz.draw = draw_from(data, size);
    const uint8_t cluster = draw_byte(&fuzz.draw);
    scene_init(&fuzz.scene,
               &(struct pair_setup){
                   .nodes = 3, .ghosts = 6, .siblings = (cluster & 1) != 0, .options = options});
    fuzz.scene.blind = true;
    come(&fuzz, 0);
    for (unsigned steps = 0; steps < STEPS_MAX && fuzz.draw.left > 0; steps++)
        step(&fuzz);
    scene_deinit(&fuzz.scene);
    for (size_t i = 0; i < SEEN_MAX; i++)
        buffer_deinit(&fuzz.seen[i]);
    buffer_deinit(&fuzz.bytes);
    return 0;
}
