/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Dunlin beside a real redis-server: the same stream of drawn commands goes to both, to a Dunlin of
 * one node and to one of three, and the replies must be the same, byte for byte where their order
 * is defined.
 *
 *   system_compare                               what `make check` runs
 *   system_compare --seeds 1..2000 --commands 400      a long run
 *
 * A seed is one stream: it begins with empty servers and two fresh connections to each, one in
 * RESP2 and one in RESP3 (to different nodes of the three), and its commands are sent in batches.
 * A difference that no row of main/differences.h allows is shrunk to the fewest commands that show
 * it and printed with the seed; the next seed follows, until there are FINDINGS_MAX.
 */
#include "config.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "lib/check.h"
#include "system/compare/draw.h"
#include "system/compare/replies.h"
#include "system/compare/server.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define SEEDS_DEFAULT    50
#define COMMANDS_DEFAULT 200
#define BATCH_MAX        24
#define FINDINGS_MAX     10
#define SHRINK_RUNS_MAX  400
/* From this many commands on three nodes must have met every row of the differences. */
#define LONG_RUN_COMMANDS 1000000
/* How long what is about all keys may be behind; it is a message between two nodes. */
#define BEHIND_MAX_MS   2000
#define SHOWN_BYTES_MAX 120
#define SHOWN_STEPS_MAX 20

static struct {
    uint64_t first, last;
    size_t commands;
} settings = {1, SEEDS_DEFAULT, COMMANDS_DEFAULT};

static const struct compared rows[] = {
#define COMPARED(name_, syntax_, likeness_) \
    {.name = name_, .syntax = syntax_, .likeness = COMPARED_##likeness_},
#include "system/compare/commands.h"
#undef COMPARED
};

static const struct compared routing_rows[] = {
#define COMPARED(name_, syntax_, likeness_) \
    {.name = name_, .syntax = syntax_, .likeness = COMPARED_##likeness_},
#include "system/compare/commands_routing.h"
#undef COMPARED
};

/* The commands that docs/COMPATIBILITY.md lists. */
static const struct {
    const char *name, *since;
} redis_commands[] = {
#define REDIS_COMMAND(name_, group_, since_) {.name = name_, .since = since_},
#include "main/redis_commands.h"
#undef REDIS_COMMAND
};

struct trial {
    struct server *redis, *dunlin;
    const struct compared *rows;
    size_t row_count;
    const struct compared *known[COUNT(rows)]; /* what both know */
    size_t known_count;
    uint64_t *met;      /* of each row of the differences */
    struct step *steps; /* of the stream at hand */
    size_t count;
    size_t findings;
    bool reported[COUNT(rows)];
};

/* ---- one stream ---- */

static void draw_steps(struct trial *trial, uint64_t seed)
{
    struct rng rng;
    int connection = 0;

    rng_init(&rng, seed);
    for (size_t i = 0; i < trial->count; i++) {
        struct step *step = &trial->steps[i];
        if (rng_chance(&rng, 1, BATCH_MAX / 2))
            connection = (int)rng_below(&rng, SERVER_CONNECTIONS);
        step->connection = connection;
        step->compared = trial->known[rng_below(&rng, trial->known_count)];
        draw_line(&step->line, step->compared->syntax, &rng);
    }
}

/* Where a batch that begins at `from` ends: with the connection, and before and behind a walk,
 * which asks several times. */
static size_t batch_end(const struct step *steps, size_t from, size_t count)
{
    size_t end = from + 1;

    if (step_is_of_all_keys(&steps[from]))
        return end;
    while (end < count && end - from < BATCH_MAX &&
           steps[end].connection == steps[from].connection && !step_is_of_all_keys(&steps[end]))
        end++;
    return end;
}

struct asking {
    struct trial *trial;
    struct replies *replies;
    const struct step *step;
    struct span redis;
    struct difference *difference;
};

static bool is_answered_alike(void *context)
{
    struct asking *asking = context;

    difference_deinit(asking->difference);
    server_send(asking->trial->dunlin, asking->step, 1);
    return replies_alike(asking->replies, asking->step, asking->redis,
                         server_receive(asking->trial->dunlin, asking->step), asking->difference);
}

/* Takes the replies to a step that was sent. */
static bool step_is_alike(struct trial *trial, struct replies *replies, const struct step *step,
                          struct difference *difference)
{
    struct asking asking = {trial, replies, step, server_receive(trial->redis, step), difference};

    return replies_alike(replies, step, asking.redis, server_receive(trial->dunlin, step),
                         difference) ||
           (step_is_of_all_keys(step) && server_nodes(trial->dunlin) > 1 &&
            check_until(BEHIND_MAX_MS, is_answered_alike, &asking));
}

static void skip_step(struct trial *trial, const struct step *step)
{
    server_receive(trial->redis, step);
    server_receive(trial->dunlin, step);
}

/* Runs the steps on both; the index of the first whose replies differ as they may not, or `count`.
 * What was answered to it is then in *difference. */
static size_t run_steps(struct trial *trial, const struct step *steps, size_t count,
                        struct difference *difference)
{
    struct replies replies;
    size_t found = count;

    server_begin(trial->redis);
    server_begin(trial->dunlin);
    replies_init(&replies, trial->met);
    for (size_t from = 0, end; from < count && found == count && !replies.parted; from = end) {
        end = batch_end(steps, from, count);
        server_send(trial->redis, steps + from, end - from);
        server_send(trial->dunlin, steps + from, end - from);
        for (size_t i = from; i < end; i++) {
            if (found < count || replies.parted) /* all has ended when the next stream begins */
                skip_step(trial, &steps[i]);
            else if (!step_is_alike(trial, &replies, &steps[i], difference))
                found = i;
        }
    }
    return found;
}

/* ---- the fewest commands that show a difference ---- */

static bool still_differs(struct trial *trial, const struct step *steps, size_t count,
                          const struct compared *compared, struct difference *difference)
{
    struct difference other = {0};
    const size_t found = run_steps(trial, steps, count, &other);
    const bool differs = found < count && steps[found].compared == compared;

    if (differs) {
        difference_deinit(difference);
        *difference = other;
    } else {
        difference_deinit(&other);
    }
    return differs;
}

/* Leaves out runs of steps, shorter and shorter ones, as long as the difference stays. */
static size_t shrink(struct trial *trial, struct step *steps, size_t count,
                     struct difference *difference)
{
    const struct compared *compared = steps[count - 1].compared;
    struct step *fewer = calloc(count, sizeof *fewer);
    size_t runs = 0;

    check_that(fewer != NULL, "memory");
    for (size_t size = count / 2; size > 0; size = size / 2)
        for (size_t from = 0; from + size < count && runs < SHRINK_RUNS_MAX; runs++) {
            memcpy(fewer, steps, from * sizeof *steps);
            memcpy(fewer + from, steps + from + size, (count - from - size) * sizeof *steps);
            if (still_differs(trial, fewer, count - size, compared, difference)) {
                count -= size;
                memcpy(steps, fewer, count * sizeof *steps);
            } else {
                from += size;
            }
        }
    free(fewer);
    return count;
}

/* Says what differs and how to see it again; of one form of a command, the first time only. */
static void report(struct trial *trial, uint64_t seed, size_t at, struct difference *difference)
{
    const size_t row = (size_t)(trial->steps[at].compared - trial->rows);
    struct buffer text = {0};

    trial->findings += !trial->reported[row];
    if (trial->reported[row])
        return;
    trial->reported[row] = true;
    printf("seed %" PRIu64 ", command %zu of %zu, %s beside %s\n", seed, at + 1, trial->count,
           server_name(trial->dunlin), server_name(trial->redis));
    const size_t count = shrink(trial, trial->steps, at + 1, difference);
    const size_t first = count > SHOWN_STEPS_MAX ? count - SHOWN_STEPS_MAX : 0;
    if (first > 0)
        printf("  %zu commands, and then\n", first);
    for (size_t i = first; i < count; i++) {
        buffer_append_string(&text, trial->steps[i].connection == 0 ? "  first:  " : "  second: ");
        step_print(&trial->steps[i], SHOWN_BYTES_MAX, &text);
        buffer_append_string(&text, "\n");
    }
    printf("%.*s  redis:  %s\n  dunlin: %s\n", (int)buffer_size(&text),
           (const char *)buffer_content(&text).data, difference->redis, difference->dunlin);
    printf("  replay: ./system_compare --seeds %" PRIu64 "..%" PRIu64 " --commands %zu %s\n", seed,
           seed, trial->count,
           trial->rows == routing_rows       ? "one_node_routes_as_redis"
           : server_nodes(trial->dunlin) > 1 ? "three_nodes_answer_as_redis"
                                             : "one_node_answers_as_redis");
    fflush(stdout);
    buffer_deinit(&text);
}

/* ---- all streams ---- */

static void find_known_rows(struct trial *trial)
{
    trial->known_count = 0;
    for (size_t i = 0; i < trial->row_count; i++)
        if (server_knows(trial->redis, trial->rows[i].name) &&
            server_knows(trial->dunlin, trial->rows[i].name))
            trial->known[trial->known_count++] = &trial->rows[i];
    printf("%zu of %zu forms of commands are known to both\n", trial->known_count,
           trial->row_count);
}

static void check_differences_are_met(const struct trial *trial, uint64_t commands)
{
    if (commands < LONG_RUN_COMMANDS)
        return;
    for (size_t i = 0; i < differences_count; i++)
        check_that(trial->met[i] > 0 || differences[i].command == NULL ||
                       !server_knows(trial->dunlin, differences[i].commands),
                   "the difference %s of main/differences.h shows in %" PRIu64 " commands",
                   differences[i].command, commands);
}

/* The servers become the trial's. */
static void trial_init(struct trial *trial, struct server *redis, struct server *dunlin,
                       bool routing)
{
    *trial = (struct trial){.redis = redis,
                            .dunlin = dunlin,
                            .rows = routing ? routing_rows : rows,
                            .row_count = routing ? COUNT(routing_rows) : COUNT(rows),
                            .count = settings.commands};
    trial->steps = calloc(trial->count, sizeof *trial->steps);
    trial->met = calloc(differences_count + 1, sizeof *trial->met);
    check_that(trial->steps != NULL && trial->met != NULL, "memory");
    find_known_rows(trial);
}

static void trial_deinit(struct trial *trial)
{
    server_destroy(&trial->redis);
    server_destroy(&trial->dunlin);
    free(trial->steps);
    free(trial->met);
}

/* Where a stream is, for who reads why one never ended: of a case that fails, the ends of its logs
 * are printed. */
static void note_seed(const struct trial *trial, uint64_t seed)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/stream.log", check_scratch());
    FILE *file = fopen(path, "w");
    check_that(file != NULL, "%s", path);
    fprintf(file, "--seeds %" PRIu64 "..%" PRIu64 " --commands %zu\n", seed, seed, trial->count);
    fclose(file);
}

static void compare_streams(struct server *redis, struct server *dunlin, bool routing)
{
    struct trial trial;
    uint64_t commands = 0;

    trial_init(&trial, redis, dunlin, routing);
    for (uint64_t seed = settings.first; seed <= settings.last && trial.findings < FINDINGS_MAX;
         seed++) {
        struct difference difference = {0};
        note_seed(&trial, seed);
        draw_steps(&trial, seed);
        const size_t at = run_steps(&trial, trial.steps, trial.count, &difference);
        commands += at;
        if (at < trial.count)
            report(&trial, seed, at, &difference);
        difference_deinit(&difference);
    }
    printf("%" PRIu64 " commands were answered alike\n", commands);
    check_that(trial.findings == 0,
               "no difference but those of main/differences.h; %zu commands have one",
               trial.findings);
    if (server_nodes(dunlin) > 1)
        check_differences_are_met(&trial, commands);
    trial_deinit(&trial);
}

/* Of what came later than the redis-server at hand, this knows nothing. */
static void the_page_lists_every_command_of_redis(void)
{
    struct server *redis = server_create_redis(NULL);
    size_t listed = 0;

    for (size_t i = 0; i < COUNT(redis_commands); i++) {
        const bool is_later = strcmp(redis_commands[i].since, "7.2") >= 0;
        check_that(is_later || server_knows(redis, redis_commands[i].name), "redis knows %s",
                   redis_commands[i].name);
        listed += server_knows(redis, redis_commands[i].name);
    }
    check_that(listed == server_names(redis), "%zu of %zu commands are in redis_commands.h", listed,
               server_names(redis));
    server_destroy(&redis);
}

/* What Redis itself answers otherwise another time would make noise of the rest. */
static void redis_answers_as_redis(void)
{
    compare_streams(server_create_redis(NULL), server_create_redis(NULL), false);
}

/* A command that one side does not know, among all others, is found and stands there alone. */
static void a_difference_is_found_and_shrunk(void)
{
    struct difference difference = {0};
    struct trial trial;
    size_t at = 0;

    trial_init(&trial, server_create_redis(NULL), server_create_redis("GETDEL"), false);
    for (uint64_t seed = 1; seed <= SEEDS_DEFAULT && difference.redis == NULL; seed++) {
        draw_steps(&trial, seed);
        at = run_steps(&trial, trial.steps, trial.count, &difference);
    }
    check_that(difference.redis != NULL, "GETDEL differs");
    check_that(shrink(&trial, trial.steps, at + 1, &difference) == 1, "one command shows it");
    check_that(span_is(trial.steps[0].line.words[0], "getdel"), "it is GETDEL");
    check_that(strncmp(difference.dunlin, "-ERR unknown command", 20) == 0, "'%s'",
               difference.dunlin);
    difference_deinit(&difference);
    trial_deinit(&trial);
}

static void one_node_answers_as_redis(void)
{
    compare_streams(server_create_redis(NULL), server_create_dunlin(1), false);
}

static void three_nodes_answer_as_redis(void)
{
    compare_streams(server_create_redis(NULL), server_create_dunlin(3), false);
}

static void one_node_routes_as_redis(void)
{
    compare_streams(server_create_redis_cluster(), server_create_dunlin(1), true);
}

/* Takes --seeds A..B and --commands N out of argv; what is left are names of cases. */
static int read_settings(int argc, char **argv)
{
    int left = 1;

    for (int i = 1; i < argc; i++) {
        if (i + 1 < argc && strcmp(argv[i], "--seeds") == 0) {
            if (sscanf(argv[++i], "%" SCNu64 "..%" SCNu64, &settings.first, &settings.last) != 2)
                return -1;
        } else if (i + 1 < argc && strcmp(argv[i], "--commands") == 0) {
            settings.commands = strtoul(argv[++i], NULL, 10);
            if (settings.commands == 0)
                return -1;
        } else {
            argv[left++] = argv[i];
        }
    }
    return left;
}

int main(int argc, char **argv)
{
    const int left = read_settings(argc, argv);

    if (left < 0) {
        fprintf(stderr, "usage: system_compare [--seeds A..B] [--commands N] [case ...]\n");
        return 2;
    }
    /* A long run takes as long as it takes: some ms a command are plenty. */
    const uint64_t commands = (settings.last - settings.first + 1) * settings.commands;
    const unsigned limit_s = 120 + (unsigned)(commands / 200);
    const struct check_case cases[] = {
        {"the_page_lists_every_command_of_redis", 60, the_page_lists_every_command_of_redis},
        {"redis_answers_as_redis", limit_s, redis_answers_as_redis},
        {"a_difference_is_found_and_shrunk", limit_s, a_difference_is_found_and_shrunk},
        {"one_node_answers_as_redis", limit_s, one_node_answers_as_redis},
        {"three_nodes_answer_as_redis", limit_s, three_nodes_answer_as_redis},
        {"one_node_routes_as_redis", limit_s, one_node_routes_as_redis},
    };

    return check_main(left, argv, cases, COUNT(cases));
}
