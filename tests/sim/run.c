/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/run.h"

#include "sim/check_ring.h"
#include "sim/faults.h"
#include "sim/form.h"

#define SECOND_US INT64_C(1000000)
/* How long nodes may take to see each other as they are, once the faults are over. */
#define AGREE_US (20 * SECOND_US)

const char *const rule_names[RULE_COUNT] = {
    [RULE_KEPT] = "kept",         [RULE_SESSION] = "session",   [RULE_COUNTERS] = "counters",
    [RULE_ANSWERED] = "answered", [RULE_LIVENESS] = "liveness", [RULE_RING] = "ring",
    [RULE_MEMBERS] = "members",
};

void run_defaults(struct run_settings *settings)
{
    *settings = (struct run_settings){
        .world = {.seed = 1,
                  .nodes = 3,
                  .replicas = 3,
                  .read_level = LEVEL_QUORUM,
                  .write_level = LEVEL_QUORUM,
                  .partitions = 64,
                  .conflict = RING_CONFLICT_LWW},
        .load = {.clients = 3, .keys = 160, .think_us = 40000},
        .faults = FAULTS_ALL,
        .chaos_us = 8 * SECOND_US,
    };
}

static void go_on(struct world *world, struct load *load, enum load_phase phase, int64_t for_us)
{
    load_set_phase(load, phase);
    world_run_until(world, world->now_us + for_us);
}

/* Whether the settings promise what the rule is about. */
static bool promised(const struct world_settings *settings, enum rule rule)
{
    if (rule == RULE_MEMBERS)
        return !settings->detector;
    const unsigned copies = settings->replicas < settings->nodes ? settings->replicas
                                                                 : settings->nodes;
    const unsigned reads = level_needed(settings->read_level, copies);
    const unsigned writes = level_needed(settings->write_level, copies);

    return (rule != RULE_KEPT && rule != RULE_SESSION && rule != RULE_COUNTERS) ||
           (reads + writes > copies && 2 * writes > copies &&
            settings->conflict == RING_CONFLICT_LWW);
}

static void judge(const struct run_settings *settings, const struct world *world,
                  const struct history *history, struct verdict *verdicts)
{
    if (promised(&settings->world, RULE_KEPT)) {
        check_kept(history, &verdicts[RULE_KEPT]);
        check_session(history, &verdicts[RULE_SESSION]);
        check_counters(history, &verdicts[RULE_COUNTERS]);
    }
    check_answered(history, world->options->request_timeout_ms * 1000, &verdicts[RULE_ANSWERED]);
    check_liveness(history, &verdicts[RULE_LIVENESS]);
    check_ring(world, &verdicts[RULE_RING]);
    check_members(world, &verdicts[RULE_MEMBERS]);
}

static void agree(struct world *world, struct load *load)
{
    const int64_t end_us = world->now_us + AGREE_US;

    while (world->now_us < end_us && !members_agree(world))
        go_on(world, load, LOAD_SILENT, SECOND_US / 10);
}

void run(const struct run_settings *settings, FILE *report, struct run_result *result)
{
    struct history history = {0};
    struct world *world = world_create(&settings->world);
    struct load *load = load_create(world, &settings->load, &history);
    struct faults *faults = faults_create(world, settings->faults);

    *result = (struct run_result){0};
    for (int rule = 0; rule < RULE_COUNT; rule++)
        result->verdicts[rule].report = report;
    if (!settings->world.detector)
        form_ring(world, &result->verdicts[RULE_RING]);
    go_on(world, load, LOAD_SILENT, SECOND_US); /* the links open */
    go_on(world, load, LOAD_CALM, SECOND_US);
    go_on(world, load, LOAD_SILENT, SECOND_US);
    faults_begin(faults);
    go_on(world, load, LOAD_CHAOS, settings->chaos_us);
    faults_end(faults);
    go_on(world, load, LOAD_CHAOS, 6 * SECOND_US);
    agree(world, load);
    go_on(world, load, LOAD_SILENT, SECOND_US);
    go_on(world, load, LOAD_CALM, SECOND_US);
    go_on(world, load, LOAD_SILENT, 2 * SECOND_US);
    judge(settings, world, &history, result->verdicts);
    result->commands = history.count;
    result->failed = history.failed;
    result->faults = faults_made(faults);
    result->trace_digest = world->trace_digest;
    result->trace_lines = world->trace_lines;
    faults_destroy(&faults);
    world_destroy(&world);
    load_destroy(&load);
    history_deinit(&history);
}

bool run_passed(const struct run_settings *settings, const struct run_result *result)
{
    for (int rule = 0; rule < RULE_COUNT; rule++) {
        if (result->verdicts[rule].wrong > 0)
            return false;
        if (result->verdicts[rule].judged == 0 && promised(&settings->world, (enum rule)rule))
            return false;
    }
    return true;
}
