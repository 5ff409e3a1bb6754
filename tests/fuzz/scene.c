/* SPDX-License-Identifier: BSD-3-Clause */
#include "fuzz/scene.h"

/* How long a reply may take that no node holds back: more than any request's time. */
#define LEAP_MS   100
#define LEAPS_MAX 400

static void read_replies(struct scene_client *client)
{
    struct buffer *got;
    enum answer_progress progress = ANSWER_COMPLETE;

    if (client->client == NULL)
        return;
    got = &client->client->got;
    while (buffer_size(got) > 0 && progress == ANSWER_COMPLETE) {
        const bool pushed = buffer_content(got).data[0] == '>';
        progress = answer_read(&client->answer, buffer_content(got));
        cr_assert(progress != ANSWER_INVALID, "no RESP: '%.*s'", (int)buffer_size(got),
                  (const char *)buffer_content(got).data);
        if (progress == ANSWER_COMPLETE) {
            buffer_consume(got, client->answer.size);
            answer_init(&client->answer);
            client->answered += !pushed;
        }
    }
}

static bool is_due(const struct scene *scene, const struct scene_client *client)
{
    return !scene->blind && !scene->all_loose && !client->loose && client->client != NULL &&
           client->client->client != NULL && client->answered < client->asked;
}

/* After whatever moved. */
static void look(struct scene *scene)
{
    struct pair *pair = &scene->pair;

    for (size_t i = 0; i < pair->count; i++) {
        struct pair_node *node = &pair->nodes[i];
        if (node->ghost || buffer_size(&node->commands) == 0)
            continue;
        buffer_reset(&node->commands, SIZE_MAX);
        engine_control_answer(node->engine, pair_now(node), node->command, SPAN("+OK\r\n"));
        pair_settle(pair);
    }
    for (size_t i = 0; i < SCENE_CLIENTS && !scene->blind; i++) {
        struct scene_client *client = &scene->clients[i];
        read_replies(client);
        cr_assert(client->loose || client->answered <= client->asked,
                  "%zu commands, and %zu replies", client->asked, client->answered);
    }
}

void scene_reconnect(struct scene *scene, struct scene_client *client)
{
    struct pair *pair = &scene->pair;
    size_t node = (size_t)(client - scene->clients) % pair->count;

    while (pair->nodes[node].ghost)
        node = (node + 1) % pair->count;
    if (client->client != NULL && client->client->client != NULL)
        pair_disconnect(client->client);
    if (client->client != NULL)
        look(scene);
    *client = (struct scene_client){0};
    answer_init(&client->answer);
    if (pair->client_count < PAIR_CLIENTS_MAX)
        client->client = pair_connect(pair, node);
    client->loose = client->client != NULL && client->client->client == NULL; /* refused */
}

void scene_init(struct scene *scene, const struct pair_setup *setup)
{
    memset(scene, 0, sizeof *scene);
    pair_init(&scene->pair, setup);
    for (size_t i = 0; i < SCENE_CLIENTS; i++)
        scene_reconnect(scene, &scene->clients[i]);
}

void scene_deinit(struct scene *scene)
{
    bool due = true;

    for (unsigned leaps = 0; due && leaps < LEAPS_MAX; leaps++) {
        due = false;
        for (size_t i = 0; i < SCENE_CLIENTS; i++)
            due |= is_due(scene, &scene->clients[i]);
        if (due)
            scene_pass(scene, LEAP_MS);
    }
    for (size_t i = 0; i < SCENE_CLIENTS; i++)
        cr_assert(!is_due(scene, &scene->clients[i]), "client %zu: %zu commands, %zu replies", i,
                  scene->clients[i].asked, scene->clients[i].answered);
    buffer_deinit(&scene->bytes);
    pair_deinit(&scene->pair);
}

void scene_pass(struct scene *scene, int64_t ms)
{
    struct pair *pair = &scene->pair;

    pair->now.mono_us += ms * 1000;
    pair->now.wall_ms += ms;
    for (size_t i = 0; i < pair->count; i++) {
        struct pair_node *node = &pair->nodes[i];
        if (!node->ghost && node->wake_at_us <= pair->now.mono_us)
            engine_wake(node->engine, pair_now(node));
    }
    pair_settle(pair);
    look(scene);
}

/* What a command may do to how many replies come, by any of its words: it may be said in a
 * transaction, at a level, or by a script. */
static void expect_less(struct scene *scene, struct scene_client *client, struct span word)
{
    static const char *const loose[] = {"reply",       "monitor",      "wait",
                                        "subscribe",   "psubscribe",   "ssubscribe",
                                        "unsubscribe", "punsubscribe", "sunsubscribe"};

    for (size_t i = 0; i < sizeof loose / sizeof *loose; i++)
        client->loose |= span_is(word, loose[i]);
    scene->all_loose |= span_is(word, "pause");
}

void scene_send(struct scene *scene, struct scene_client *client, struct span bytes)
{
    if (client->client == NULL || client->client->client == NULL)
        return;
    pair_send(client->client, bytes.data, bytes.size);
    look(scene);
}

void scene_ask(struct scene *scene, struct scene_client *client, const struct span *argv,
               size_t argc)
{
    struct buffer request = {0};

    buffer_append_format(&request, "*%zu\r\n", argc);
    for (size_t i = 0; i < argc; i++) {
        expect_less(scene, client, argv[i]);
        buffer_append_format(&request, "$%zu\r\n", argv[i].size);
        buffer_append_span(&request, argv[i]);
        buffer_append_string(&request, "\r\n");
    }
    client->asked += argc > 0;
    scene_send(scene, client, buffer_content(&request));
    buffer_deinit(&request);
}
