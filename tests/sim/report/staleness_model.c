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

/* Which replicas a read counts, and when each looks, since it began; returns how long it takes. */
static int64_t read_once(struct model *model, struct round_trip counted[COPIES_MAX])
{
    struct round_trip trips[COPIES_MAX];
    int64_t forward_us, reply_us, last_us = 0;
    const unsigned chosen = choose(model);
    unsigned count = 0;

    draw_forward(model, &forward_us, &reply_us);
    draw_trips(model, chosen, LEG_READ, LEG_RESPONSE, trips);
    if (model->model == MODEL_PBS) {
        qsort(trips, model->copies, sizeof trips[0], by_back);
    } else {
        const struct round_trip own = trips[chosen];
        for (unsigned i = chosen; i > 0; i--)
            trips[i] = trips[i - 1];
        trips[0] = own; /* and behind it the others in the order of the preference list */
    }
    for (; count < model->read_needed; count++) {
        counted[count] = trips[count];
        counted[count].there_us += forward_us;
        if (trips[count].back_us > last_us)
            last_us = trips[count].back_us;
    }
    return forward_us + last_us + reply_us;
}

static void try_times(struct model *model, struct staleness_result *result)
{
    const struct staleness_plan *plan = model->plan;
    struct round_trip counted[COPIES_MAX];
    int64_t has_us[COPIES_MAX];

    const int64_t returned_us = write_once(model, 0, has_us);
    staleness_note(&result->writes, returned_us);
    staleness_note(&result->reads, read_once(model, counted));
    for (size_t t = 0; t < plan->time_count; t++) {
        bool seen = false;
        for (unsigned i = 0; i < model->read_needed; i++)
            seen |= has_us[counted[i].replica] <=
                    returned_us + plan->times_us[t] + counted[i].there_us;
        result->seen[t] += seen;
    }
}

static void try_versions(struct model *model, struct staleness_result *result)
{
    struct round_trip counted[COPIES_MAX];
    int64_t has_us[STALENESS_VERSIONS][COPIES_MAX];
    int64_t at_us = 0;
    unsigned seen = 0; /* versions, from the first on */

    for (unsigned v = 0; v < STALENESS_VERSIONS; v++) {
        if (v > 0)
            at_us += model->plan->interval_us;
        at_us = write_once(model, at_us, has_us[v]);
    }
    read_once(model, counted);
    for (unsigned v = 0; v < STALENESS_VERSIONS; v++)
        for (unsigned i = 0; i < model->read_needed; i++)
            if (has_us[v][counted[i].replica] <= at_us + counted[i].there_us)
                seen = v + 1;
    result->behind[STALENESS_VERSIONS - seen]++;
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
        try_times(&model, result);
        try_versions(&model, result);
    }
    staleness_sort(result);
}
