/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the fuzzers of whole engines share, on top of lib/engine_pair.h: time that passes in leaps,
 * clients whose replies are counted, and commands that are drawn.
 *
 * Every command gets one reply. A client of which that cannot be told (it monitors, has its replies
 * off, waits, sent bytes that are no command) is `loose`: its replies need only be well formed.
 */
#ifndef DUNLIN_TESTS_FUZZ_SCENE_H
#define DUNLIN_TESTS_FUZZ_SCENE_H

#include <criterion/criterion.h>

#include "fuzz/fuzz.h"
#include "lib/engine_pair.h"
#include "resp/answer.h"

#define SCENE_CLIENTS   3
#define SCENE_ARGS_MAX  16
#define SCENE_BYTES_MAX 2048 /* of one argument */

struct scene_client {
    struct pair_client *client; /* NULL: it comes to no more */
    size_t asked, answered;
    bool loose;
    struct answer answer; /* the reply that is being read */
};

struct scene {
    struct pair pair;
    struct scene_client clients[SCENE_CLIENTS];
    struct buffer bytes; /* what is composed */
    bool all_loose;      /* CLIENT PAUSE: nobody's replies are due */
    bool blind;          /* replies are not looked at */
};

void scene_init(struct scene *scene, const struct pair_setup *setup);
/* Waits for the replies that are due; all memory must then have been given back. */
void scene_deinit(struct scene *scene);

/* Lets so much time pass at once. */
void scene_pass(struct scene *scene, int64_t ms);

/* A command, as RESP. */
void scene_ask(struct scene *scene, struct scene_client *client, const struct span *argv,
               size_t argc);
/* Bytes as they are. */
void scene_send(struct scene *scene, struct scene_client *client, struct span bytes);
void scene_reconnect(struct scene *scene, struct scene_client *client);

/* A command of the table, with arguments that it may know. The spans point into the input, into
 * constants, or into `bytes`, which is emptied first. Returns argc. */
size_t scene_draw_command(struct draw *draw, struct buffer *bytes,
                          struct span argv[SCENE_ARGS_MAX]);
/* One of a few keys, on both sides of every rule by key. */
struct span scene_draw_key(struct draw *draw);

#endif
