/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The options of dunlin-sim: what is taken, what is refused and how, what a seed draws, and that
 * the command that is printed is the run.
 */
#include "config.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/timeout.h"
#include "sim/mutant/rules.h"
#include "sim/options.h"

TestSuite(sim_options, .timeout = TIMEOUT_S(60));

#define WORDS_MAX 100

/* Cuts the line, which is changed, at its blanks, and takes quotes off. The words lie in it. */
static int cut(char *line, char **words)
{
    int count = 0;

    for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " ")) {
        cr_assert_lt(count, WORDS_MAX);
        if (word[0] == '\'') {
            word[strlen(word) - 1] = '\0';
            word++;
        }
        words[count++] = word;
    }
    return count;
}

/* "" when the line is taken, else why not; to be freed. */
static char *parse(const char *line, struct sim_options *options)
{
    char *words[WORDS_MAX];
    char *copy = strdup(line);
    struct buffer error = {0};

    const int count = cut(copy, words);
    const bool taken = sim_options_parse(options, count, words, &error);
    buffer_append(&error, "", 1);
    char *text = strdup((const char *)buffer_content(&error).data);
    cr_assert_eq(taken, text[0] == '\0');
    buffer_deinit(&error);
    free(copy);
    return text;
}

static void expect_error(const char *line, const char *expected)
{
    struct sim_options options;
    char *error = parse(line, &options);

    cr_assert_str_eq(error, expected);
    free(error);
}

static void expect_taken(const char *line, struct sim_options *options)
{
    char *error = parse(line, options);

    cr_assert_str_eq(error, "", "%s: %s", line, error);
    free(error);
}

/* The settings of the line's run of the seed. */
static struct run_settings drawn(const char *line, uint64_t seed)
{
    struct sim_options options;
    struct run_settings settings;

    expect_taken(line, &options);
    sim_options_draw(&options, seed, &settings);
    return settings;
}

/* To be freed. */
static char *command(const struct run_settings *settings)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    run_settings_print(settings, out);
    fclose(out);
    return text;
}

/* ---- what is refused ---- */

Test(sim_options, an_error_names_the_option_what_was_found_and_what_is_accepted)
{
    expect_error("dunlin-sim --clients x",
                 "--clients: found 'x', accepted is a number from 0 to 64");
    expect_error("dunlin-sim --replicas 0",
                 "--replicas: found '0', accepted is a number from 1 to 7");
    expect_error("dunlin-sim --replicas", "--replicas: found nothing, accepted is a number from 1 "
                                          "to 7");
    expect_error("dunlin-sim --partitions 3",
                 "--partitions: found '3', accepted is a power of two from 1 to 1024");
    expect_error("dunlin-sim --mark-slots 3",
                 "--mark-slots: found '3', accepted is 0 or a power of two from 0 to 1048576");
    expect_error("dunlin-sim --conflict last",
                 "--conflict: found 'last', accepted is lww or siblings");
    expect_error("dunlin-sim --sloppy y", "--sloppy: found 'y', accepted is no or yes");
    expect_error("dunlin-sim --read FOUR",
                 "--read: found 'FOUR', accepted is ONE, TWO, THREE, QUORUM, ALL or a number from "
                 "1 to 7");
    expect_error("dunlin-sim --duration -1",
                 "--duration: found '-1', accepted is a number from 0 to 100000");
    expect_error("dunlin-sim --without 0",
                 "--without: found '0', accepted is a number from 1 to 25");
}

Test(sim_options, an_unknown_option_is_refused)
{
    expect_error("dunlin-sim --colour yes", "found '--colour', accepted are the options of --help");
    expect_error("dunlin-sim 17", "found '17', accepted are the options of --help");
}

Test(sim_options, an_unknown_fault_is_refused_and_the_form_told)
{
    struct sim_options options;
    char *error = parse("dunlin-sim --faults partition,floods", &options);

    cr_assert_not_null(strstr(error, "--faults: found 'partition,floods', accepted is all, none, "
                                     "or names of --help"));
    free(error);
}

Test(sim_options, seeds_are_a_range)
{
    struct sim_options options;
    const char *const wrong[] = {"1", "1..", "..2", "2..1", "1...2", "a..b", "-1..2"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char line[64];
        snprintf(line, sizeof line, "dunlin-sim --seeds %s", wrong[i]);
        char *error = parse(line, &options);
        cr_assert_not_null(strstr(error, "accepted is A..B, the first and the last of them"), "%s",
                           line);
        free(error);
    }
    expect_taken("dunlin-sim --seeds 3..17", &options);
    cr_assert_eq(options.seeds.first, 3);
    cr_assert_eq(options.seeds.last, 17);
    expect_taken("dunlin-sim --seed 5", &options);
    cr_assert_eq(options.seeds.first, 5);
    cr_assert_eq(options.seeds.last, 5);
}

Test(sim_options, what_excludes_each_other_is_told)
{
    expect_error("dunlin-sim --seed 1 --minutes 2",
                 "--seed: found beside --minutes, accepted is one of the two");
    expect_error("dunlin-sim --seeds 1..2 --trace t",
                 "--trace: found without --seed, accepted is a single run");
    expect_error("dunlin-sim --seed 1 --trace t --shrink",
                 "--shrink: found beside --trace, accepted is one of the two");
}

/* ---- what is drawn ---- */

Test(sim_options, an_option_switches_off_the_drawing_of_nothing_else)
{
    unsigned clients = 0, faults = 0, levels = 0, memory = 0, durations = 0;

    for (uint64_t seed = 1; seed <= 100; seed++) {
        const struct run_settings one = drawn("dunlin-sim --nodes 5 --keys 77", seed);
        const struct run_settings next = drawn("dunlin-sim --nodes 5 --keys 77", seed + 1);
        cr_assert_eq(one.world.nodes, 5);
        cr_assert_eq(one.load.keys, 77);
        clients += one.load.clients != next.load.clients;
        faults += memcmp(&one.faults, &next.faults, sizeof one.faults) != 0;
        levels += one.world.read_level != next.world.read_level;
        memory += one.world.memory_bytes != next.world.memory_bytes;
        durations += one.chaos_us != next.chaos_us;
    }
    cr_assert_gt(clients, 20);
    cr_assert_gt(faults, 20);
    cr_assert_gt(levels, 20);
    cr_assert_gt(memory, 10);
    cr_assert_gt(durations, 20);
}

Test(sim_options, a_delay_is_a_distribution)
{
    struct sim_options options;

    expect_taken("dunlin-sim --delay exp(2):0.9+uniform(1,30):0.1", &options);
    cr_assert_str_eq(options.settings.world.delay, "exp(2):0.9+uniform(1,30):0.1");
    expect_taken("dunlin-sim --delay none", &options);
    cr_assert_str_eq(options.settings.world.delay, "");
    expect_error("dunlin-sim --delay exp(2",
                 "--delay: found 'exp(2', accepted is none, or forms such as "
                 "exp(2):0.9+uniform(1,30):0.1, in ms, of const(x), uniform(a,b), exp(rate) and "
                 "pareto(xm,alpha), whose weights add up to 1, in less than 128 characters");
}

Test(sim_options, every_setting_is_drawn_somewhere)
{
    bool moved[SIM_OPTION_COUNT] = {false};
    const struct run_settings first = drawn("dunlin-sim", 1);

    for (uint64_t seed = 2; seed <= 300; seed++) {
        const struct run_settings other = drawn("dunlin-sim", seed);
        moved[SIM_OPTION_DELAY] |= strcmp(first.world.delay, other.world.delay) != 0;
        for (int option = SIM_OPTION_NODES; option < SIM_OPTION_FAULTS; option++)
            if (option != SIM_OPTION_DELAY)
                moved[option] |= run_settings_number(&first, (enum sim_option)option) !=
                                 run_settings_number(&other, (enum sim_option)option);
    }
    for (int option = SIM_OPTION_NODES; option < SIM_OPTION_FAULTS; option++)
        cr_assert(moved[option], "option %d is drawn alike by 300 seeds", option);
}

Test(sim_options, a_level_that_is_drawn_can_be_reached)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        const struct run_settings s = drawn("dunlin-sim --nodes 2 --replicas 3", seed);
        cr_assert_leq(level_needed(s.world.read_level, 2), 2);
        cr_assert_leq(level_needed(s.world.write_level, 2), 2);
    }
}

/* ---- the command ---- */

static const char *after_seed(const char *text)
{
    return strstr(text, " --nodes ");
}

Test(sim_options, the_command_names_every_setting)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        const struct run_settings settings = drawn("dunlin-sim --control detector", seed);
        char *text = command(&settings);
        /* Whatever a seed draws: another's is laid over by the command alone. */
        const struct run_settings replayed = drawn(text, seed);
        const struct run_settings elsewhere = drawn(text, seed + 1);
        char *again = command(&replayed);
        char *other = command(&elsewhere);
        cr_assert_str_eq(text, again);
        const char *rest = after_seed(text), *other_rest = after_seed(other);
        cr_assert_str_eq(rest, other_rest);
        free(text);
        free(again);
        free(other);
    }
}

/* The command is read with another seed's draws below it: what it did not name would be those. */
Test(sim_options, the_command_replays_the_run_to_the_same_trace)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        const struct run_settings settings = drawn("dunlin-sim --duration 1", seed);
        char *text = command(&settings);
        struct run_settings replayed = drawn(text, seed + 6);
        struct run_result one, again;
        replayed.world.seed = seed;
        run(&settings, NULL, &one);
        run(&replayed, NULL, &again);
        cr_assert_eq(one.trace_lines, again.trace_lines, "%s", text);
        cr_assert_eq(one.trace_digest, again.trace_digest, "%s", text);
        free(text);
    }
}

Test(sim_options, writing_the_trace_does_not_change_it)
{
    struct run_settings settings = drawn("dunlin-sim --duration 1 --nodes 3 --clients 1", 4);
    struct run_result silent, told;
    FILE *file = tmpfile();

    run(&settings, NULL, &silent);
    settings.world.trace_file = file;
    run(&settings, NULL, &told);
    cr_assert_gt(ftell(file), 0);
    cr_assert_eq(silent.trace_digest, told.trace_digest);
    fclose(file);
}

Test(sim_options, a_rule_taken_out_stands_in_the_command)
{
    struct sim_options options;
    struct run_settings settings;

    expect_taken("dunlin-sim --without 8 --without 12", &options);
    sim_options_draw(&options, 1, &settings);
    char *text = command(&settings);
    cr_assert_not_null(strstr(text, " --without 8 --without 12"));
    rules_restore();
    char *whole = command(&settings);
    cr_assert_null(strstr(whole, "--without"));
    free(text);
    free(whole);
}
