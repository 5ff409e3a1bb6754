/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The options of dunlin-sim. One row says all there is to say of one: --help, the parser and its
 * errors, the command that replays a run and the settings in JSON are made from it.
 *
 * A run's settings are drawn from its seed; the options that are given are laid over what is drawn,
 * and switch off the drawing of nothing else.
 */
#ifndef DUNLIN_TESTS_SIM_OPTIONS_H
#define DUNLIN_TESTS_SIM_OPTIONS_H

#include "base/buffer.h"
#include "sim/run.h"

/* What an option takes: it goes with the C type of its field. */
enum takes {
    TAKES_NOTHING,      /* bool */
    TAKES_NUMBER,       /* any integer */
    TAKES_POWER,        /* the same: a power of two, or 0 where that is the least */
    TAKES_SECONDS,      /* int64_t, microseconds */
    TAKES_MILLISECONDS, /* the same */
    TAKES_WORD,         /* an enumeration or bool: one of the form's words, in their order from 0 */
    TAKES_LEVEL,        /* uint8_t, as in base/level.h */
    TAKES_FAULTS,       /* struct fault_settings */
    TAKES_DELAY,        /* char[]: a distribution (world/delay.h); none is "" */
    TAKES_SEEDS,        /* struct seeds */
    TAKES_FILE,         /* const char *: a path */
    TAKES_RULE,         /* no field: the rule is taken out of the core (mutant/rules.h) */
    TAKES_MUTANT,       /* no field: it is planted (mutant/mutants.h) */
};

/*   id, field of struct sim_options, name, what it takes and in which form, the least and the most,
 *   what it does */
#define SIM_OPTIONS(HEADING, ROW)                                                                 \
    HEADING("Which runs; 10 seconds of fresh seeds without any of these")                         \
    ROW(SEED, seeds, "--seed", SEEDS, "S", 0, INT64_MAX - 1, "one run")                           \
    ROW(SEEDS, seeds, "--seeds", SEEDS, "A..B", 0, INT64_MAX - 1, "a run for each")               \
    ROW(MINUTES, minutes, "--minutes", NUMBER, "M", 1, 100000, "fresh seeds for so long")         \
    ROW(REAL_SECONDS, seconds, "--seconds", NUMBER, "S", 1, 1000000, "the same")                  \
    ROW(JOBS, jobs, "--jobs", NUMBER, "K", 1, SIM_JOBS_MAX, "runs side by side; else the cores")  \
    ROW(LIMIT, limit, "--limit", NUMBER, "S", 1, 1000000, "a run that takes longer has crashed")  \
    HEADING("What is told")                                                                       \
    ROW(TRACE, trace, "--trace", FILE, "FILE", 0, 0, "write all that happens in the run")         \
    ROW(HISTORY, history, "--history", FILE, "FILE", 0, 0, "write what clients asked, and got")   \
    ROW(JSON, json, "--json", NOTHING, "", 0, 0, "a JSON object a run on a line, and their sum")  \
    ROW(SHRINK, shrink, "--shrink", NOTHING, "", 0, 0, "look for a shorter run that still fails") \
    ROW(IN_PROCESS, in_process, "--in-process", NOTHING, "", 0, 0, "no child process: to debug")  \
    ROW(HELP, help, "--help", NOTHING, "", 0, 0, "this")                                          \
    HEADING("The run; what is not given is drawn from the seed")                                  \
    ROW(NODES, settings.world.nodes, "--nodes", NUMBER, "K", 1, WORLD_NODES_MAX, "nodes")         \
    ROW(ZONES, settings.world.zones, "--zones", NUMBER, "K", 0, WORLD_NODES_MAX,                  \
        "zones that they are spread over; 0: none")                                               \
    ROW(REPLICAS, settings.world.replicas, "--replicas", NUMBER, "N", 1, RING_REPLICAS_MAX,       \
        "copies of a key")                                                                        \
    ROW(READ, settings.world.read_level, "--read", LEVEL, "LEVEL", 0, 0, "read-level")            \
    ROW(WRITE, settings.world.write_level, "--write", LEVEL, "LEVEL", 0, 0, "write-level")        \
    ROW(CONFLICT, settings.world.conflict, "--conflict", WORD, "lww|siblings", 0, 0,              \
        "what becomes of concurrent writes")                                                      \
    ROW(SLOPPY, settings.world.sloppy_quorum, "--sloppy", WORD, "no|yes", 0, 0, "sloppy-quorum")  \
    ROW(PARTITIONS, settings.world.partitions, "--partitions", POWER, "Q", 1, 1024,               \
        "partitions of the ring")                                                                 \
    ROW(MEMORY, settings.world.memory_bytes, "--memory", NUMBER, "BYTES", 0, INT64_MAX,           \
        "maxmemory, with allkeys-clock; 0: none")                                                 \
    ROW(HINT_BYTES, settings.world.hint_bytes, "--hint-bytes", NUMBER, "BYTES", 0, INT64_MAX,     \
        "hint-bytes; 0 for this and the next three: the default")                                 \
    ROW(HINT_WINDOW, settings.world.hint_window_s, "--hint-window", NUMBER, "S", 0, 1000000,      \
        "hint-window")                                                                            \
    ROW(REPAIR_INTERVAL, settings.world.repair_interval_s, "--repair-interval", NUMBER, "S", 0,   \
        1000000, "repair-interval")                                                               \
    ROW(MARK_SLOTS, settings.world.mark_slots, "--mark-slots", POWER, "K", 0, 1 << 20,            \
        "the bound on a partition's marks")                                                       \
    ROW(WINDOW, settings.world.window, "--window", NUMBER, "K", 0, 1 << 20,                       \
        "requests of a node that wait before its clients rest; 0: the default")                   \
    ROW(CLIENTS, settings.load.clients, "--clients", NUMBER, "K", 0, 64, "clients of each node")  \
    ROW(KEYS, settings.load.keys, "--keys", NUMBER, "K", LOAD_KEYS_MIN, LOAD_KEYS_MAX,            \
        "keys of each kind that they share")                                                      \
    ROW(THINK, settings.load.think_us, "--think", MILLISECONDS, "MS", 1, 100000,                  \
        "the most that a client waits between pipelines")                                         \
    ROW(FLUSHES, settings.load.flushes, "--flushes", WORD, "no|yes", 0, 0,                        \
        "FLUSHALL now and then, and no counters")                                                 \
    ROW(CACHES, settings.load.caches, "--caches", WORD, "no|yes", 0, 0,                           \
        "clients that keep copies, and are told of changes")                                      \
    ROW(LISTENERS, settings.load.listeners, "--listeners", NUMBER, "K", 0, 64,                    \
        "more clients, which publish and listen; 0: none")                                        \
    ROW(DELAY, settings.world.delay, "--delay", DELAY, "DIST", 0, 0,                              \
        "how long the network takes, such as 'exp(2):0.9+uniform(1,30):0.1', ms; or none")        \
    ROW(DURATION, settings.chaos_us, "--duration", SECONDS, "S", 0, 100000,                       \
        "how long faults come, in virtual seconds")                                               \
    ROW(FAULTS, settings.faults, "--faults", FAULTS, "LIST", 0, 0,                                \
        "all, none, or names with commas between, each with or without =RATE:")                   \
    HEADING("What is never drawn")                                                                \
    ROW(CONTROL, settings.world.detector, "--control", WORD, "real|detector", 0, 0,               \
        "gossip, or a perfect failure detector in its place")                                     \
    ROW(WITHOUT, settings, "--without", RULE, "RULE", 1, RULE_COUNT - 1,                          \
        "the core without this rule (src/base/rule.h); repeatable")                               \
    ROW(MUTANT, settings, "--mutant", MUTANT, "NAME", 0, 0,                                       \
        "with this bug (--mutants lists them, and hunts each); repeatable")

enum sim_option {
#define HEADING(title)
#define ROW(ID, field, name, takes, form, low, high, text) SIM_OPTION_##ID,
    SIM_OPTIONS(HEADING, ROW)
#undef ROW
#undef HEADING
        SIM_OPTION_COUNT
};

#define SIM_JOBS_MAX 256

/* The first and the last. */
struct seeds {
    uint64_t first, last;
};

/* What the command line says: zero is "not given" for all but `settings`, where `given` tells. */
struct sim_options {
    struct run_settings settings; /* of these only what is given counts: see sim_options_draw */
    struct seeds seeds;
    unsigned minutes, seconds;
    unsigned jobs;
    unsigned limit; /* seconds */
    const char *trace, *history;
    bool json, shrink, in_process, help;
    bool given[SIM_OPTION_COUNT];
};

/* False: one is wrong, and `error` says which, what was found and what is accepted. The strings
 * must outlive the options. */
bool sim_options_parse(struct sim_options *options, int argc, char **argv, struct buffer *error);
void sim_options_help(FILE *out);

/* The settings of the seed's run: drawn, with the options given over them. */
void sim_options_draw(const struct sim_options *options, uint64_t seed,
                      struct run_settings *settings);

/* The command that runs the settings again: it names each of them. */
void run_settings_print(const struct run_settings *settings, FILE *out);
/* The same as a JSON object. */
void run_settings_print_json(const struct run_settings *settings, FILE *out);

/* For shrink.c: the value of an option that takes a number, or a word by its place. */
uint64_t run_settings_number(const struct run_settings *settings, enum sim_option option);
void run_settings_set_number(struct run_settings *settings, enum sim_option option,
                             uint64_t number);
/* " --name value" */
void run_settings_print_one(const struct run_settings *settings, enum sim_option option, FILE *out);

#endif
