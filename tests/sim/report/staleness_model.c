/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Staleness by formula, as a Monte Carlo of WARS (Bailis et al., VLDB 2012, section 4.1): a replica
 * has a version from W after the write began; the write returns when W of the W + A have passed; a
 * replica that is read answers with what it has when R has passed, and the read returns when R of
 * the R + S have.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "sim/report/staleness.h"

struct model {
    const struct staleness_plan *plan;
    enum staleness_model model;
    struct legs legs; /* to draw with */
    struct rng rng;
    unsigned copies, read_needed, write_needed;
};

/* One operation's two legs at one replica. */
struct round_trip {
    unsigned replica;
    int64_t there_us;
    int64_t back_us; /* since the operation began */
};

static int by_back(const void *left, const void *right)
{
    const struct round_trip *a = left;
    const struct round_trip *b = right;

    if (a->back_us != b->back_us)
        return a->back_us < b->back_us ? -1 : 1;
    return (int)a->replica - (int)b->replica;
}

/* The replica that coordinates. In the model of PBS it is the one that the coordinator is near:
 * there is no distance to it, but there are the legs. */
static unsigned choose(struct model *model)
{
    const bool any = model->model == MODEL_PBS || model->plan->coordinator == COORDINATOR_ANY;

    return any ? (unsigned)rng_below(&model->rng, model->copies) : 0;
}

static void draw_trips(struct model *model, unsigned chosen, enum leg there, enum leg back,
                       struct round_trip trips[COPIES_MAX])
{
    for (unsigned i = 0; i < model->copies; i++) {
        const int64_t there_us = legs_draw_us(&model->legs, there, &model->rng);
        const int64_t back_us = legs_draw_us(&model->legs, back, &model->rng);
        int64_t near_us = 0;
        trips[i] = (struct round_trip){.replica = i};
        if (i == chosen && model->model == MODEL_DUNLIN)
            continue;
        if (i == chosen)
            near_us = model->plan->distance_us;
        trips[i].there_us = there_us - near_us;
        trips[i].back_us = trips[i].there_us + back_us - near_us;
    }
}

/* A forwarded command, and its reply, before and after what its coordinator does. */
static void draw_forward(struct model *model, int64_t *there_us, int64_t *back_us)
{
    *there_us = *back_us = 0;
    if (model->model == MODEL_PBS || model->plan->coordinator != COORDINATOR_OUTSIDE)
        return;
    *there_us = legs_draw_us(&model->legs, LEG_READ, &model->rng);
    *back_us = legs_draw_us(&model->legs, LEG_RESPONSE, &model->rng);
}

/* Fills in since when each replica has it; returns when the write returns. */
static int64_t write_once(struct model *model, int64_t at_us, int64_t has_us[COPIES_MAX])
{
    struct round_trip trips[COPIES_MAX];
    int64_t forward_us, reply_us;
    const unsigned chosen = choose(model);

    draw_forward(model, &forward_us, &reply_us);
    draw_trips(model, chosen, LEG_WRITE, LEG_ACK, trips);
    for (unsigned i = 0; i < model->copies; i++)
        has_us[i] = at_us + forward_us + trips[i].there_us;
    qsort(trips, model->copies, sizeof trips[0], by_back);
    return at_us + forward_us + trips[model->write_needed - 1].back_us + reply_us;
}

/* A read, its repair apart. */
struct reading {
    unsigned chosen;                       /* the replica that coordinates */
    struct round_trip counted[COPIES_MAX]; /* R of them; there_us is since the read began */
    int64_t took_us;
};

static void read_once(struct model *model, struct reading *reading)
{
    struct round_trip trips[COPIES_MAX];
    int64_t forward_us, reply_us, last_us = 0;

    reading->chosen = choose(model);
    draw_forward(model, &forward_us, &reply_us);
    draw_trips(model, reading->chosen, LEG_READ, LEG_RESPONSE, trips);
    if (model->model == MODEL_PBS) {
        qsort(trips, model->copies, sizeof trips[0], by_back);
    } else {
        const struct round_trip own = trips[reading->chosen];
        for (unsigned i = reading->chosen; i > 0; i--)
            trips[i] = trips[i - 1];
        trips[0] = own; /* and behind it the others in the order of the preference list */
    }
    for (unsigned i = 0; i < model->read_needed; i++) {
        reading->counted[i] = trips[i];
        reading->counted[i].there_us += forward_us;
        if (trips[i].back_us > last_us)
            last_us = trips[i].back_us;
    }
    reading->took_us = forward_us + last_us + reply_us;
}

/* How long Dunlin's read waits until enough replicas have what it saw (replica/operation.h,
 * REPAIRING). `versions` are what those have that it counted, the newest is the highest. */
static int64_t repair_once(struct model *model, const struct reading *reading,
                           const unsigned versions[COPIES_MAX])
{
    const unsigned quorum = model->copies / 2 + 1;
    const unsigned needed = model->copies + 1 -
                            (model->read_needed < quorum ? model->read_needed : quorum);
    struct round_trip trips[COPIES_MAX];
    unsigned newest = 0, have = 0, offered = 0, stale = 0;

    for (unsigned i = 0; i < model->read_needed; i++)
        newest = versions[i] > newest ? versions[i] : newest;
    for (unsigned i = 0; i < model->read_needed; i++) {
        const bool own = reading->counted[i].replica == reading->chosen;
        have += own || versions[i] == newest; /* its own copy is written at once */
        stale += versions[i] != newest;
        offered += !own && versions[i] != newest;
    }
    if (stale == 0 || model->read_needed == 1 || model->model == MODEL_PBS || have >= needed)
        return 0;
    if (have + offered < needed)
        offered = needed - have; /* to replicas that were not asked */
    for (unsigned i = 0; i < offered; i++) {
        trips[i] = (struct round_trip){.replica = i};
        trips[i].back_us = legs_draw_us(&model->legs, LEG_WRITE, &model->rng);
        trips[i].back_us += legs_draw_us(&model->legs, LEG_ACK, &model->rng);
    }
    qsort(trips, offered, sizeof trips[0], by_back);
    return trips[needed - have - 1].back_us;
}

/* The latencies are noted of as many reads of each kind as are measured. */
static void try_times(struct model *model, uint64_t trial, struct staleness_result *result)
{
    const struct staleness_plan *plan = model->plan;
    struct reading reading;
    int64_t has_us[COPIES_MAX];

    const int64_t returned_us = write_once(model, 0, has_us);
    staleness_note(&result->writes, returned_us);
    read_once(model, &reading);
    for (size_t t = 0; t < plan->time_count; t++) {
        unsigned versions[COPIES_MAX] = {0};
        bool seen = false;
        for (unsigned i = 0; i < model->read_needed; i++) {
            const struct round_trip *look = &reading.counted[i];
            versions[i] = has_us[look->replica] <= returned_us + plan->times_us[t] + look->there_us;
            seen |= versions[i] > 0;
        }
        result->seen[t] += seen;
        if (trial % (plan->time_count + 1) == t)
            staleness_note(&result->reads,
                           reading.took_us + repair_once(model, &reading, versions));
    }
}

static void try_versions(struct model *model, uint64_t trial, struct staleness_result *result)
{
    const size_t times = model->plan->time_count;
    struct reading reading;
    int64_t has_us[STALENESS_VERSIONS][COPIES_MAX];
    unsigned versions[COPIES_MAX] = {0};
    int64_t at_us = 0;
    unsigned seen = 0;

    for (unsigned v = 0; v < STALENESS_VERSIONS; v++) {
        if (v > 0)
            at_us += model->plan->interval_us;
        at_us = write_once(model, at_us, has_us[v]);
    }
    read_once(model, &reading);
    for (unsigned i = 0; i < model->read_needed; i++) {
        const struct round_trip *look = &reading.counted[i];
        for (unsigned v = 0; v < STALENESS_VERSIONS; v++)
            if (has_us[v][look->replica] <= at_us + look->there_us)
                versions[i] = v + 1;
        seen = versions[i] > seen ? versions[i] : seen;
    }
    result->behind[STALENESS_VERSIONS - seen]++;
    if (trial % (times + 1) == times)
        staleness_note(&result->reads, reading.took_us + repair_once(model, &reading, versions));
}

void staleness_model(const struct staleness_plan *plan, enum staleness_model which, uint64_t trials,
                     struct staleness_result *result)
{
    struct model model = {.plan = plan,
                          .model = which,
                          .copies = plan->copies,
                          .read_needed = level_needed(plan->read_level, plan->copies),
                          .write_needed = level_needed(plan->write_level, plan->copies)};

    ensure(model.copies <= COPIES_MAX);
    *result = (struct staleness_result){.trials = trials};
    legs_init(&model.legs, 0);
    for (int leg = 0; leg < LEG_COUNT; leg++)
        model.legs.delays[leg] = plan->delays[leg];
    model.legs.distance_us = plan->distance_us;
    rng_init(&model.rng, plan->seed + 3 + (uint64_t)which);
    for (uint64_t i = 0; i < trials; i++) {
        try_times(&model, i, result);
        try_versions(&model, i, result);
    }
    staleness_sort(result);
}
