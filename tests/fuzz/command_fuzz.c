/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A fuzzer of every command's arguments: clients of a whole engine, of one node or of three, send
 * commands that are drawn from the table. Nothing may crash, every command has one reply, replies
 * are RESP, and all memory is given back at the end.
 *
 * An input is one of two:
 *
 *   # text        a story, for people: "1> SET a 5" is a command of client 1 (to 3; words are
 * quoted as in redis-cli), "wait 100" lets time pass, "again 2" reconnects, "raw 1 ..." sends the
 * words as they are; the first line has the cluster: "# 3 siblings" other bytes   what
 * scene_draw_command draws from them; the first byte is the cluster
 */
#include "base/word.h"
#include "fuzz/scene.h"

#define STEPS_MAX 64

static void play_line(struct scene *scene, struct span *argv, size_t argc)
{
    const struct span first = argv[0];
    int64_t number = 0;

    if (argc > 1)
        span_to_int64(argv[1], &number);
    if (first.size == 2 && first.data[1] == '>' && argc > 1) {
        scene_ask(scene, &scene->clients[first.data[0] % SCENE_CLIENTS], argv + 1, argc - 1);
    } else if (span_is(first, "wait")) {
        scene_pass(scene, number & 0xffff);
    } else if (span_is(first, "again")) {
        scene_reconnect(scene, &scene->clients[(size_t)number % SCENE_CLIENTS]);
    } else if (span_is(first, "raw") && argc > 2) {
        scene->clients[(size_t)number % SCENE_CLIENTS].loose = true;
        scene_send(scene, &scene->clients[(size_t)number % SCENE_CLIENTS], argv[2]);
    }
}

static void play_story(struct scene *scene, uint8_t *text, size_t size)
{
    size_t end;

    for (size_t at = 0, lines = 0; at < size && lines < STEPS_MAX; at = end + 1, lines++) {
        struct span argv[SCENE_ARGS_MAX];
        struct word word = {0};
        size_t argc = 0;

        for (end = at; end < size && text[end] != '\n';)
            end++;
        while (argc < SCENE_ARGS_MAX && word_next(text + at, end - at, &word) == WORD_FOUND)
            argv[argc++] = span_of(text + at + word.offset, word.size);
        if (argc > 0)
            play_line(scene, argv, argc);
    }
}

static void play_bytes(struct scene *scene, struct draw *draw)
{
    struct span argv[SCENE_ARGS_MAX];
    struct span raw;

    for (unsigned steps = 0; steps < STEPS_MAX && draw->left > 0; steps++) {
        const uint8_t byte = draw_byte(draw);
        struct scene_client *client = &scene->clients[byte / 16 % SCENE_CLIENTS];

        switch (byte % 16) {
        case 15:
            scene_pass(scene, (int64_t)draw_byte(draw) << byte / 16);
            break;
        case 14:
            scene_reconnect(scene, client);
            break;
        case 13:
            raw = draw_span(draw, draw_byte(draw));
            client->loose = true;
            scene_send(scene, client, raw);
            break;
        default:
            scene_ask(scene, client, argv, scene_draw_command(draw, &scene->bytes, argv));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const options[] = {"--proto-max-bulk-len", "1mb", "--maxmemory", "64mb",
                                          NULL};
    static struct scene scene;
    struct draw draw = draw_from(data, size);
    struct buffer text = {0};

    buffer_append(&text, data, size);
    if (size > 0 && data[0] == '#') {
        const uint8_t *line = memchr(data, '\n', size);
        const size_t head = line == NULL ? size : (size_t)(line - data);
        scene_init(&scene, &(struct pair_setup){.nodes = memchr(data, '3', head) != NULL ? 3 : 1,
                                                .siblings = memchr(data, 's', head) != NULL,
                                                .options = options});
        play_story(&scene, (uint8_t *)(uintptr_t)buffer_content(&text).data + head, size - head);
    } else {
        const uint8_t cluster = draw_byte(&draw);
        scene_init(&scene, &(struct pair_setup){.nodes = cluster % 4 == 3 ? 3 : 1,
                                                .siblings = (cluster & 4) != 0,
                                                .options = options});
        play_bytes(&scene, &draw);
    }
    scene_deinit(&scene);
    buffer_deinit(&text);
    return 0;
}
