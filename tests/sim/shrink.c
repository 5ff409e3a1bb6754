/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/shrink.h"

#include "sim/options.h"

/* Seeds that a simpler run is tried with. */
#define TRIES 4

/* What is made simpler: the value to be had, and whether those between are tried as well. The rows
 * are in the order in which they are tried: what makes runs short first. */
static const struct way {
    enum sim_option option;
    uint64_t simplest;
    bool between;
} ways[] = {
    {SIM_OPTION_DURATION, 0, true},         {SIM_OPTION_NODES, 1, true},
    {SIM_OPTION_CLIENTS, 1, true},          {SIM_OPTION_KEYS, LOAD_KEYS_MIN, true},
    {SIM_OPTION_REPLICAS, 1, true},         {SIM_OPTION_PARTITIONS, 1, false},
    {SIM_OPTION_ZONES, 0, false},           {SIM_OPTION_MEMORY, 0, false},
    {SIM_OPTION_HINT_BYTES, 0, false},      {SIM_OPTION_HINT_WINDOW, 0, false},
    {SIM_OPTION_REPAIR_INTERVAL, 0, false}, {SIM_OPTION_MARK_SLOTS, 0, false},
    {SIM_OPTION_FLUSHES, 0, false},         {SIM_OPTION_SLOPPY, 0, false},
    {SIM_OPTION_WINDOW, 0, false},
};

struct shrinking {
    struct trial *best;
    int check; /* that found something wrong, CHECK_COUNT: it crashed */
    unsigned runs;
    unsigned limit_s;
    FILE *out;
};

/* The first that found something wrong. */
static int complaint(const struct trial *trial)
{
    int check = 0;

    if (trial->ending == ENDING_CRASH)
        return CHECK_COUNT;
    while (check < CHECK_COUNT && trial->result.verdicts[check].wrong == 0)
        check++;
    return check;
}

static bool fails_alike(const struct shrinking *shrinking, const struct trial *trial)
{
    if (shrinking->check == CHECK_COUNT || trial->ending == ENDING_CRASH)
        return shrinking->check == CHECK_COUNT && trial->ending == ENDING_CRASH;
    return trial->result.verdicts[shrinking->check].wrong > 0;
}

/* Whether some seed fails with the settings; then that is the best. */
static bool try(struct shrinking *shrinking, const struct run_settings *settings)
{
    struct run_settings tried = *settings;
    struct trial trial;

    for (unsigned i = 0; i < TRIES && shrinking->runs < SHRINK_RUNS_MAX; i++) {
        tried.world.seed = settings->world.seed + i;
        if (!trial_run(&trial, &tried, shrinking->limit_s)) {
            trial_deinit(&trial);
            return false;
        }
        shrinking->runs++;
        if (fails_alike(shrinking, &trial)) {
            trial_deinit(shrinking->best);
            *shrinking->best = trial;
            return true;
        }
        trial_deinit(&trial);
    }
    return false;
}

static void tell_better(const struct shrinking *shrinking, enum sim_option option)
{
    fprintf(shrinking->out, "run %u: still with", shrinking->runs);
    run_settings_print_one(&shrinking->best->settings, option, shrinking->out);
    fputc('\n', shrinking->out);
    fflush(shrinking->out);
}

static bool try_number(struct shrinking *shrinking, enum sim_option option, uint64_t number)
{
    struct run_settings settings = shrinking->best->settings;

    run_settings_set_number(&settings, option, number);
    if (!try(shrinking, &settings))
        return false;
    tell_better(shrinking, option);
    return true;
}

/* By bisection: `low` is too little, as far as is known. */
static bool go_along(struct shrinking *shrinking, const struct way *way)
{
    uint64_t low = way->simplest;
    bool better = false;

    for (;;) {
        const uint64_t now = run_settings_number(&shrinking->best->settings, way->option);
        const uint64_t middle = low + (now - low) / 2;
        if (now <= low + 1)
            return better;
        if (try_number(shrinking, way->option, middle))
            better = true;
        else
            low = middle;
    }
}

static bool try_way(struct shrinking *shrinking, const struct way *way)
{
    if (run_settings_number(&shrinking->best->settings, way->option) <= way->simplest)
        return false;
    if (try_number(shrinking, way->option, way->simplest))
        return true;
    return way->between && go_along(shrinking, way);
}

static bool try_faults(struct shrinking *shrinking, const struct fault_settings *faults)
{
    struct run_settings settings = shrinking->best->settings;

    settings.faults = *faults;
    if (!try(shrinking, &settings))
        return false;
    tell_better(shrinking, SIM_OPTION_FAULTS);
    return true;
}

/* None at all, or half of the kinds, or one less. */
static bool drop_faults(struct shrinking *shrinking)
{
    const struct fault_settings *now = &shrinking->best->settings.faults;
    unsigned kinds = 0;
    bool better = false;

    for (int fault = 0; fault < FAULT_COUNT; fault++)
        kinds += now->rates[fault] > 0;
    if (kinds == 0)
        return false;
    if (try_faults(shrinking, &(struct fault_settings){.rates = {0}}))
        return true;
    for (unsigned half = 0; half < 2 && kinds > 2; half++) {
        struct fault_settings fewer = *now;
        unsigned seen = 0;
        for (int fault = 0; fault < FAULT_COUNT; fault++)
            if (fewer.rates[fault] > 0 && (seen++ < kinds / 2) == (half == 0))
                fewer.rates[fault] = 0;
        if (try_faults(shrinking, &fewer))
            return true;
    }
    for (int fault = 0; fault < FAULT_COUNT; fault++) {
        struct fault_settings fewer = shrinking->best->settings.faults;
        if (fewer.rates[fault] == 0)
            continue;
        fewer.rates[fault] = 0;
        better |= try_faults(shrinking, &fewer);
    }
    return better;
}

void shrink(struct trial *failure, unsigned limit_s, FILE *out)
{
    struct shrinking shrinking = {
        .best = failure, .check = complaint(failure), .limit_s = limit_s, .out = out};
    bool better = true;

    if (failure->ending != ENDING_CRASH && shrinking.check == CHECK_COUNT) {
        fputs("a checker that had nothing to judge: no shorter run has more to judge\n", out);
        return;
    }
    if (failure->endless && limit_s == 0) {
        fputs("a run without end: with --limit S it can be shrunk\n", out);
        return;
    }
    while (better && shrinking.runs < SHRINK_RUNS_MAX) {
        better = drop_faults(&shrinking);
        for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
            better |= try_way(&shrinking, &ways[i]);
    }
    fprintf(out, "shrunk in %u runs\n", shrinking.runs);
}
