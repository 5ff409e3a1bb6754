/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/run.h"

#include "sim/check/claims.h"
#include "sim/check/ring.h"
#include "sim/check/stores.h"
#include "sim/load/history_file.h"
#include "sim/world/form.h"

#define SECOND_US INT64_C(1000000)
/* How long nodes may take to see each other as they are, once the faults are over. */
#define AGREE_US (20 * SECOND_US)
/* How long clients may take to get all their answers. */
#define REST_US_MAX (60 * SECOND_US)
/* How long what changed last may take to be told: a node asks another to tell once in so long. */
#define TOLD_US (2 * SECOND_US)

/* A run in progress. */
struct stage {
    const struct run_settings *settings;
    struct world *world;
    struct load *load;
    struct faults *faults;
    struct batches *batches;
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

/* ---- a run ---- */

static void look(void *object, uint64_t number)
{
    struct stage *stage = object;
    struct verdict *verdicts = stage->result->verdicts;

    check_memory(stage->world, &verdicts[CHECK_MEMORY]);
    check_queues(stage->world, &verdicts[CHECK_QUEUES]);
    faults_note_forced(stage->faults, stage->world->now_us - STORES_LOOK_US);
    batches_look(stage->batches);
    votes_look(stage->votes, faults_amnesty(stage->faults), &verdicts[CHECK_VOTES]);
    world_after(stage->world, STORES_LOOK_US, look, stage, number);
}

static void go_on(struct stage *stage, enum load_phase phase, int64_t for_us)
{
    load_set_phase(stage->load, phase);
    world_run_until(stage->world, stage->world->now_us + for_us);
}

/* Clients ask nothing new until they have their answers, which may take longer than a request where
 * pipelines are long: what is judged as calm is to be over when that ends. */
static void rest(struct stage *stage)
{
    const int64_t until_us = stage->world->now_us + REST_US_MAX;

    go_on(stage, LOAD_SILENT, SECOND_US);
    while (stage->world->now_us < until_us && !load_idle(stage->load))
        go_on(stage, LOAD_SILENT, SECOND_US / 10);
}

/* The faults are over: nodes see each other as they are, and fetch and hand over what is missing.
 */
static void heal(struct stage *stage)
{
    struct world *world = stage->world;

    rest(stage);
    const int64_t since_us = world->now_us;
    while (world->now_us < since_us + AGREE_US && !members_agree(world))
        go_on(stage, LOAD_SILENT, SECOND_US / 10);
    while (world->now_us < since_us + STORES_WHOLE_US && !stores_whole(world, since_us, NULL))
        go_on(stage, LOAD_SILENT, SECOND_US / 10);
    check_whole(world, since_us, &stage->result->verdicts[CHECK_WHOLE]);
    check_converged(world, stage->history.vanishes, &stage->result->verdicts[CHECK_CONVERGED]);
    if (load_cachers(stage->load) == NULL)
        return;
    go_on(stage, LOAD_SILENT, TOLD_US);
    check_cached(world, load_cachers(stage->load), &stage->result->verdicts[CHECK_CACHED]);
}

/* The checkers of the history, that judge it once it is whole. */
static const struct {
    enum check check;
    void (*judge)(const struct history *history, struct verdict *verdict);
} judges[] = {
    {CHECK_KEPT, check_kept},         {CHECK_DELETED, check_deleted},
    {CHECK_ORDER, check_order},       {CHECK_EXPIRED, check_expired},
    {CHECK_LASTED, check_lasted},     {CHECK_SIBLINGS, check_siblings},
    {CHECK_SESSION, check_session},   {CHECK_COUNTERS, check_counters},
    {CHECK_LIVENESS, check_liveness}, {CHECK_SCANNED, check_scanned},
    {CHECK_HALVES, check_halves},     {CHECK_WATCHED, check_watched},
    {CHECK_HEARD, check_heard},
};

static void judge(struct stage *stage)
{
    const struct history *history = &stage->history;
    struct promises *promises = &stage->result->promises;
    struct verdict *verdicts = stage->result->verdicts;

    promises_find(promises, stage->world, &stage->settings->load, history);
    for (size_t i = 0; i < sizeof judges / sizeof judges[0]; i++)
        if (promises->withheld[judges[i].check] == NULL)
            judges[i].judge(history, &verdicts[judges[i].check]);
    if (promises->withheld[CHECK_COUNTED] == NULL)
        check_counted(stage->world, history, &verdicts[CHECK_COUNTED]);
    check_answered(history, stage->world->options->request_timeout_ms * 1000,
                   &verdicts[CHECK_ANSWERED]);
    check_ring(stage->world, &verdicts[CHECK_RING]);
    check_members(stage->world, &verdicts[CHECK_MEMBERS]);
    check_claims(stage->world, &verdicts[CHECK_CLAIMS]);
}

static void act(struct stage *stage)
{
    const struct run_settings *settings = stage->settings;

    go_on(stage, LOAD_SILENT, SECOND_US); /* the links open */
    go_on(stage, LOAD_CALM, SECOND_US);
    rest(stage);
    faults_begin(stage->faults);
    go_on(stage, LOAD_CHAOS, settings->chaos_us);
    faults_end(stage->faults);
    go_on(stage, LOAD_CHAOS, 3 * SECOND_US);
    heal(stage);
    go_on(stage, LOAD_HEALED, SECOND_US);
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
    stage.batches = batches_create(stage.world, &result->verdicts[CHECK_BATCHES]);
    if (!settings->world.detector)
        form_ring(stage.world, &result->verdicts[CHECK_RING]);
    look(&stage, 0);
    act(&stage);
    if (settings->history_file != NULL)
        history_write(&stage.history, settings->history_file);
    if (settings->world.witness != NULL)
        settings->world.witness->on_end(settings->world.witness->context, stage.world,
                                        &stage.history);
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
    batches_destroy(&stage.batches);
    history_deinit(&stage.history);
}

bool run_passed(const struct run_result *result)
{
    for (int check = 0; check < CHECK_COUNT; check++) {
        if (result->verdicts[check].wrong > 0)
            return false;
        if (promises_unjudged(&result->promises, (enum check)check, &result->verdicts[check]))
            return false;
    }
    return true;
}
