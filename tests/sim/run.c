/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/run.h"

#include "sim/check/ring.h"
#include "sim/check/stores.h"
#include "sim/world/form.h"

#define SECOND_US INT64_C(1000000)
/* How long nodes may take to see each other as they are, once the faults are over. */
#define AGREE_US (20 * SECOND_US)

const struct check_row check_rows[CHECK_COUNT] = {
#define ROW(NAME, name, safety, text) {name, safety, text},
    CHECKS(ROW)
#undef ROW
};

/* A run in progress. */
struct stage {
    const struct run_settings *settings;
    struct world *world;
    struct load *load;
    struct faults *faults;
    struct votes *votes;
    struct history history;
    struct run_result *result;
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
        .chaos_us = 8 * SECOND_US,
    };
    fault_settings_all(&settings->faults);
}

/* ---- what is promised ---- */

/* Whether a read sees what was acknowledged before. */
static bool overlap(const struct world_settings *settings)
{
    const unsigned copies = settings->replicas < settings->nodes ? settings->replicas
                                                                 : settings->nodes;
    const unsigned reads = level_needed(settings->read_level, copies);
    const unsigned writes = level_needed(settings->write_level, copies);

    return reads + writes > copies && 2 * writes > copies &&
           settings->conflict == RING_CONFLICT_LWW;
}

/* Whether what happened lets the checker judge at all. */
static bool applies(const struct stage *stage, enum check check)
{
    const struct run_settings *settings = stage->settings;
    const struct history *history = &stage->history;

    switch (check) {
    case CHECK_ORDER: /* a read of a single answer repairs nothing: nor does a touch that finds that
                       */
    case CHECK_DATES: /* there is nothing to change, and counts as one that was acknowledged */
        return overlap(&settings->world) && settings->world.read_level != LEVEL_ONE;
    case CHECK_KEPT:
    case CHECK_DELETED:
    case CHECK_SESSION:
        return overlap(&settings->world);
    case CHECK_COUNTERS: /* dropped hints, too, hand partitions from one coordinator to another */
        return overlap(&settings->world) && !settings->load.flushes && !history->vanishes &&
               history->amnesty_count == 0 && settings->world.hint_bytes == 0 &&
               settings->world.hint_window_s == 0;
    case CHECK_MEMBERS:
        return !settings->world.detector;
    default:
        return true;
    }
}

/* Whether it must have had something to judge. */
static bool expected(const struct stage *stage, enum check check)
{
    if (check == CHECK_VOTES)
        return false; /* the faults may restart nobody */
    return applies(stage, check);
}

/* ---- a run ---- */

static void look(void *object, uint64_t number)
{
    struct stage *stage = object;
    struct verdict *verdicts = stage->result->verdicts;

    check_memory(stage->world, &verdicts[CHECK_MEMORY]);
    faults_note_forced(stage->faults, stage->world->now_us - STORES_LOOK_US);
    votes_look(stage->votes, faults_amnesty(stage->faults), &verdicts[CHECK_VOTES]);
    world_after(stage->world, STORES_LOOK_US, look, stage, number);
}

static void go_on(struct stage *stage, enum load_phase phase, int64_t for_us)
{
    load_set_phase(stage->load, phase);
    world_run_until(stage->world, stage->world->now_us + for_us);
}

/* The faults are over: nodes see each other as they are, and fetch and hand over what is missing.
 */
static void heal(struct stage *stage)
{
    struct world *world = stage->world;
    const int64_t since_us = world->now_us;

    while (world->now_us < since_us + AGREE_US && !members_agree(world))
        go_on(stage, LOAD_SILENT, SECOND_US / 10);
    while (world->now_us < since_us + STORES_WHOLE_US && !stores_whole(world, since_us, NULL))
        go_on(stage, LOAD_SILENT, SECOND_US / 10);
    check_whole(world, since_us, &stage->result->verdicts[CHECK_WHOLE]);
    check_converged(world, stage->history.vanishes, &stage->result->verdicts[CHECK_CONVERGED]);
}

static void judge(struct stage *stage)
{
    const struct history *history = &stage->history;
    struct verdict *verdicts = stage->result->verdicts;

    if (applies(stage, CHECK_KEPT)) {
        check_kept(history, &verdicts[CHECK_KEPT]);
        check_deleted(history, &verdicts[CHECK_DELETED]);
        check_dates(history, &verdicts[CHECK_DATES]);
        check_session(history, &verdicts[CHECK_SESSION]);
    }
    if (applies(stage, CHECK_ORDER))
        check_order(history, &verdicts[CHECK_ORDER]);
    if (applies(stage, CHECK_COUNTERS))
        check_counters(history, &verdicts[CHECK_COUNTERS]);
    check_answered(history, stage->world->options->request_timeout_ms * 1000,
                   &verdicts[CHECK_ANSWERED]);
    check_liveness(history, &verdicts[CHECK_LIVENESS]);
    check_ring(stage->world, &verdicts[CHECK_RING]);
    check_members(stage->world, &verdicts[CHECK_MEMBERS]);
    for (int check = 0; check < CHECK_COUNT; check++)
        stage->result->judged[check] = expected(stage, (enum check)check);
}

static void act(struct stage *stage)
{
    const struct run_settings *settings = stage->settings;

    go_on(stage, LOAD_SILENT, SECOND_US); /* the links open */
    go_on(stage, LOAD_CALM, SECOND_US);
    go_on(stage, LOAD_SILENT, SECOND_US);
    faults_begin(stage->faults);
    go_on(stage, LOAD_CHAOS, settings->chaos_us);
    faults_end(stage->faults);
    go_on(stage, LOAD_CHAOS, 3 * SECOND_US);
    heal(stage);
    go_on(stage, LOAD_HEALED, SECOND_US);
    go_on(stage, LOAD_SILENT, SECOND_US);
    heal(stage);
}

void run(const struct run_settings *settings, FILE *report, struct run_result *result)
{
    struct stage stage = {.settings = settings, .result = result};

    *result = (struct run_result){0};
    for (int check = 0; check < CHECK_COUNT; check++)
        result->verdicts[check].report = report;
    stage.world = world_create(&settings->world);
    stage.world->clocks = &stage.history.clocks;
    stage.load = load_create(stage.world, &settings->load, &stage.history);
    stage.faults = faults_create(stage.world, &settings->faults, &stage.history);
    stage.votes = votes_create(stage.world);
    if (!settings->world.detector)
        form_ring(stage.world, &result->verdicts[CHECK_RING]);
    look(&stage, 0);
    act(&stage);
    judge(&stage);
    result->commands = stage.history.count;
    result->failed = stage.history.failed;
    result->faults = faults_made(stage.faults);
    result->events = stage.world->events.made;
    result->virtual_us = stage.world->now_us;
    result->trace_digest = stage.world->trace_digest;
    result->trace_lines = stage.world->trace_lines;
    faults_destroy(&stage.faults);
    world_destroy(&stage.world);
    load_destroy(&stage.load);
    votes_destroy(&stage.votes);
    history_deinit(&stage.history);
}

bool run_passed(const struct run_result *result)
{
    for (int check = 0; check < CHECK_COUNT; check++) {
        if (result->verdicts[check].wrong > 0)
            return false;
        if (result->verdicts[check].judged == 0 && result->judged[check])
            return false;
    }
    return true;
}
