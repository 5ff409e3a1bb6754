/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dunlin-sim: the simulator. It runs seeds, and prints for each the command that replays it before
 * it runs. It ends with
 *
 *   0    every run passed
 *   2    safety: something was wrong
 *   3    liveness: a command failed, or was not answered in time, when nothing kept it from it; or
 * a checker had nothing to judge 64   a wrong option
 *
 * by a signal when an assertion failed, and with 1 when a sanitizer found something.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/fault/faults.h"
#include "sim/mutant/rules.h"
#include "sim/report/report.h"
#include "sim/run.h"

enum { EXIT_SAFETY = 2, EXIT_LIVENESS = 3, EXIT_OPTION = 64 };

struct simulation {
    struct run_settings settings;
    uint64_t first, last; /* seeds */
    int64_t seconds;      /* 0: the seeds; else fresh ones for so long */
    bool varied;          /* nodes and levels are drawn from each seed */
    const char *trace;
    uint64_t passed, failed, commands;
    int status;
};

static const char usage[] =
    "usage: dunlin-sim [option ...]\n"
    "  --seed S             one run\n"
    "  --seeds A..B         a run for each\n"
    "  --seconds S          fresh seeds for so long (of real time); the default is 10\n"
    "  --minutes M          the same\n"
    "  --nodes K            1 to 9; without this and the options up to --flushes the seed draws "
    "them\n"
    "  --replicas N         1 to 7\n"
    "  --read L, --write L  levels, as in dunlin.conf\n"
    "  --conflict lww|siblings\n"
    "  --partitions Q       a power of two\n"
    "  --memory BYTES       maxmemory, with allkeys-clock; 0: no bound\n"
    "  --hint-bytes BYTES   0 for this and the next three: as the options have it\n"
    "  --hint-window S\n"
    "  --repair-interval S\n"
    "  --mark-slots K       the bound on a partition's marks\n"
    "  --flushes yes|no     FLUSHALL now and then\n"
    "  --without RULE       the core without this rule (src/base/rule.h); repeatable\n"
    "  --control C          real, or detector: what watches the nodes and publishes views\n"
    "  --keys K             registers that the clients share\n"
    "  --chaos S            how long faults come in a run, in virtual seconds\n"
    "  --faults LIST        names with commas between them, all, or none:\n";

static int show_usage(FILE *out)
{
    fputs(usage, out);
    for (int fault = 0; fault < FAULT_COUNT; fault++)
        fprintf(out, "       %-15s %s\n", fault_rows[fault].name, fault_rows[fault].text);
    fputs("  --trace FILE         writes all that happens in the last run\n"
          "  --help               this\n",
          out);
    return EXIT_OPTION;
}

/* ---- options ---- */

static bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *number)
{
    int64_t value;

    if (!span_to_int64(span_of_string(text), &value) || value < 0 || (uint64_t)value < min ||
        (uint64_t)value > max)
        return false;
    *number = (uint64_t)value;
    return true;
}

static bool parse_seeds(const char *text, uint64_t *first, uint64_t *last)
{
    char from[24];
    const char *dots = strstr(text, "..");

    if (dots == NULL || (size_t)(dots - text) >= sizeof from)
        return false;
    memcpy(from, text, (size_t)(dots - text));
    from[dots - text] = '\0';
    return parse_number(from, 0, INT64_MAX, first) &&
           parse_number(dots + 2, 0, INT64_MAX - 1, last) && *first <= *last;
}

/* Numbers that are what they say: where, and the least and the most. */
static bool set_number(struct simulation *simulation, const char *name, const char *value,
                       bool *known)
{
    struct world_settings *world = &simulation->settings.world;
    uint64_t number;

    *known = true;
    if (strcmp(name, "--nodes") == 0) {
        if (!parse_number(value, 1, WORLD_NODES_MAX, &number))
            return false;
        world->nodes = (unsigned)number;
    } else if (strcmp(name, "--replicas") == 0) {
        if (!parse_number(value, 1, RING_REPLICAS_MAX, &number))
            return false;
        world->replicas = (unsigned)number;
    } else if (strcmp(name, "--partitions") == 0) {
        if (!parse_number(value, 1, 1024, &number) || (number & (number - 1)) != 0)
            return false;
        world->partitions = (unsigned)number;
    } else if (strcmp(name, "--memory") == 0) {
        if (!parse_number(value, 0, INT64_MAX, &world->memory_bytes))
            return false;
        world->evicts = world->memory_bytes > 0;
    } else if (strcmp(name, "--hint-bytes") == 0) {
        return parse_number(value, 0, INT64_MAX, &world->hint_bytes);
    } else if (strcmp(name, "--hint-window") == 0) {
        if (!parse_number(value, 0, 1000000, &number))
            return false;
        world->hint_window_s = (int64_t)number;
    } else if (strcmp(name, "--repair-interval") == 0) {
        if (!parse_number(value, 0, 1000000, &number))
            return false;
        world->repair_interval_s = (int64_t)number;
    } else if (strcmp(name, "--mark-slots") == 0) {
        if (!parse_number(value, 0, 1u << 20, &number) || (number & (number - 1)) != 0)
            return false;
        world->mark_slots = (uint32_t)number;
    } else {
        *known = false;
    }
    return true;
}

static bool set_world(struct simulation *simulation, const char *name, const char *value)
{
    struct world_settings *world = &simulation->settings.world;
    bool known;

    if (!set_number(simulation, name, value, &known))
        return false;
    if (known) {
        simulation->varied = false;
        return true;
    }
    if (strcmp(name, "--read") == 0) {
        if (!level_parse(span_of_string(value), &world->read_level))
            return false;
    } else if (strcmp(name, "--write") == 0) {
        if (!level_parse(span_of_string(value), &world->write_level))
            return false;
    } else if (strcmp(name, "--conflict") == 0) {
        if (strcmp(value, "lww") != 0 && strcmp(value, "siblings") != 0)
            return false;
        world->conflict = value[0] == 'l' ? RING_CONFLICT_LWW : RING_CONFLICT_SIBLINGS;
    } else if (strcmp(name, "--flushes") == 0) {
        if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
            return false;
        simulation->settings.load.flushes = value[0] == 'y';
    } else {
        return false;
    }
    simulation->varied = false;
    return true;
}

static bool set_option(struct simulation *simulation, const char *name, const char *value)
{
    uint64_t number = 0;

    if (strcmp(name, "--seed") == 0) {
        if (!parse_number(value, 0, INT64_MAX - 1, &simulation->first))
            return false;
        simulation->last = simulation->first;
        simulation->seconds = 0;
    } else if (strcmp(name, "--seeds") == 0) {
        if (!parse_seeds(value, &simulation->first, &simulation->last))
            return false;
        simulation->seconds = 0;
    } else if (strcmp(name, "--seconds") == 0 || strcmp(name, "--minutes") == 0) {
        if (!parse_number(value, 1, 1000000, &number))
            return false;
        simulation->seconds = (int64_t)number * (name[2] == 'm' ? 60 : 1);
    } else if (strcmp(name, "--keys") == 0) {
        if (!parse_number(value, LOAD_KEYS_MIN, 1000000, &number))
            return false;
        simulation->settings.load.keys = (unsigned)number;
    } else if (strcmp(name, "--chaos") == 0) {
        if (!parse_number(value, 0, 100000, &number))
            return false;
        simulation->settings.chaos_us = (int64_t)number * 1000000;
    } else if (strcmp(name, "--faults") == 0) {
        return fault_settings_parse(&simulation->settings.faults, value);
    } else if (strcmp(name, "--control") == 0) {
        if (strcmp(value, "real") != 0 && strcmp(value, "detector") != 0)
            return false;
        simulation->settings.world.detector = value[0] == 'd';
    } else if (strcmp(name, "--without") == 0) {
        if (!parse_number(value, 1, RULE_COUNT - 1, &number))
            return false;
        rules_remove((unsigned)number);
    } else if (strcmp(name, "--trace") == 0) {
        simulation->trace = value;
    } else {
        return set_world(simulation, name, value);
    }
    return true;
}

/* ---- runs ---- */

static void print_bounds(const struct simulation *simulation, char *text, size_t size)
{
    const struct world_settings *world = &simulation->settings.world;
    int at = snprintf(text, size,
                      " --partitions %u --memory %" PRIu64 " --hint-bytes %" PRIu64
                      " --hint-window %" PRId64 " --repair-interval %" PRId64
                      " --mark-slots %" PRIu32 " --flushes %s",
                      world->partitions, world->memory_bytes, world->hint_bytes,
                      world->hint_window_s, world->repair_interval_s, world->mark_slots,
                      simulation->settings.load.flushes ? "yes" : "no");

    for (unsigned rule = 1; rule < RULE_COUNT; rule++)
        if (rules_removed(rule) && at < (int)size)
            at += snprintf(text + at, size - (size_t)at, " --without %u", rule);
}

static void print_settings(const struct simulation *simulation, char *text, size_t size)
{
    const struct run_settings *settings = &simulation->settings;
    const struct world_settings *world = &settings->world;
    char faults[400];
    char bounds[400];

    fault_settings_print(&settings->faults, faults, sizeof faults);
    print_bounds(simulation, bounds, sizeof bounds);
    snprintf(text, size,
             "dunlin-sim --seed %" PRIu64 " --nodes %u --replicas %u --read %s --write %s "
             "--conflict %s --control %s --keys %u --chaos %" PRId64 " --faults %s%s",
             world->seed, world->nodes, world->replicas, level_name(world->read_level),
             level_name(world->write_level),
             world->conflict == RING_CONFLICT_LWW ? "lww" : "siblings",
             world->detector ? "detector" : "real", settings->load.keys,
             settings->chaos_us / 1000000, faults, bounds);
}

static void print_failure(struct simulation *simulation, const struct run_result *result)
{
    bool safety = false;

    for (int check = 0; check < CHECK_COUNT; check++) {
        const struct verdict *verdict = &result->verdicts[check];
        if (verdict->wrong > 0 || promises_unjudged(&result->promises, (enum check)check, verdict))
            printf("%s: %" PRIu64 " of %" PRIu64 " wrong\n", check_rows[check].name, verdict->wrong,
                   verdict->judged);
        safety |= verdict->wrong > 0 && check_rows[check].safety;
    }
    simulation->status = safety || simulation->status == EXIT_SAFETY ? EXIT_SAFETY : EXIT_LIVENESS;
    printf("seed %" PRIu64 " failed; its command is above\n", simulation->settings.world.seed);
}

static bool run_seed(struct simulation *simulation, uint64_t seed)
{
    struct run_settings *settings = &simulation->settings;
    struct run_result result;
    char command[1200];

    settings->world.seed = seed;
    if (simulation->varied)
        run_vary(settings);
    if (simulation->trace != NULL) {
        settings->world.messages = true;
        settings->world.trace_file = fopen(simulation->trace, "w");
        if (settings->world.trace_file == NULL) {
            fprintf(stderr, "dunlin-sim: cannot write %s\n", simulation->trace);
            simulation->status = EXIT_OPTION;
            return false;
        }
    }
    print_settings(simulation, command, sizeof command);
    printf("%s\n", command);
    fflush(stdout);
    run(settings, stdout, &result);
    if (settings->world.trace_file != NULL)
        fclose(settings->world.trace_file);
    simulation->commands += result.commands;
    if (run_passed(&result)) {
        simulation->passed++;
        if (simulation->seconds == 0)
            printf("seed %" PRIu64 ": %" PRIu64 " commands, %" PRIu64 " failed, %" PRIu64
                   " faults, %" PRIu64 " lines of trace, digest %016" PRIx64 "\n",
                   seed, result.commands, result.failed, result.faults, result.trace_lines,
                   result.trace_digest);
        if (simulation->seconds == 0)
            promises_print(&result.promises, result.verdicts, false, stdout);
    } else {
        simulation->failed++;
        print_failure(simulation, &result);
    }
    fflush(stdout);
    return true;
}

static int64_t now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static uint64_t fresh_seed(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
    struct simulation simulation = {.seconds = 10, .varied = true};

    if (argc > 1 && strcmp(argv[1], "--report") == 0)
        return report_main(argc - 2, argv + 2);
    run_defaults(&simulation.settings);
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--help") == 0) {
            show_usage(stdout);
            return 0;
        }
        if (i + 1 == argc || !set_option(&simulation, argv[i], argv[i + 1])) {
            fprintf(stderr, "dunlin-sim: wrong option %s\n", argv[i]);
            return show_usage(stderr);
        }
    }
    if (simulation.seconds > 0) {
        const int64_t end_s = now_s() + simulation.seconds;
        uint64_t seed = fresh_seed();
        printf("fresh seeds from %" PRIu64 " on, for %" PRId64 " s\n", seed, simulation.seconds);
        while (now_s() < end_s && simulation.failed == 0 && run_seed(&simulation, seed))
            seed++;
    } else {
        for (uint64_t seed = simulation.first; seed <= simulation.last; seed++)
            if (!run_seed(&simulation, seed))
                break;
    }
    if (simulation.status == EXIT_OPTION)
        return simulation.status;
    printf("%" PRIu64 " commands\n", simulation.commands);
    printf("%" PRIu64 " passed, %" PRIu64 " failed, 0 skipped\n", simulation.passed,
           simulation.failed);
    return simulation.status;
}
