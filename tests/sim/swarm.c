/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "sim/swarm.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"

#define SECONDS_DEFAULT 10

/* How often progress is told, to a terminal and to a file. */
#define SHOW_TERMINAL_MS 200
#define SHOW_FILE_MS     10000

struct swarm {
    const struct sim_options *options;
    const struct sim_files *files;
    struct sums *sums;
    struct seeds seeds; /* still to come */
    bool timed;         /* until `end_ms`, and not until the last of them */
    int64_t end_ms;
    struct trial *trials; /* of which `running` are under way */
    unsigned running, room;
    struct pollfd *waits;
    bool terminal;
    int64_t show_ms; /* when progress is told next */
};

static uint64_t fresh_seed(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static unsigned cores(void)
{
    const long online = sysconf(_SC_NPROCESSORS_ONLN);

    return online < 1 ? 1 : online < SIM_JOBS_MAX ? (unsigned)online : SIM_JOBS_MAX;
}

/* ---- progress ---- */

static void erase_progress(const struct swarm *swarm)
{
    if (swarm->terminal)
        fputs("\r\033[K", stderr);
}

static void show_progress(struct swarm *swarm)
{
    const int64_t now_ms = trial_now_ms();

    if (now_ms < swarm->show_ms)
        return;
    swarm->show_ms = now_ms + (swarm->terminal ? SHOW_TERMINAL_MS : SHOW_FILE_MS);
    erase_progress(swarm);
    fprintf(stderr, "%" PRId64 " s: ", (now_ms - swarm->sums->began_ms) / 1000);
    tell_progress(swarm->sums, stderr);
    if (!swarm->terminal)
        fputc('\n', stderr);
}

/* ---- trials ---- */

static bool more(const struct swarm *swarm)
{
    return swarm->timed ? trial_now_ms() < swarm->end_ms : swarm->seeds.first <= swarm->seeds.last;
}

/* False: not even one can be started; the first of the trials says why. */
static bool start_some(struct swarm *swarm)
{
    struct run_settings settings;

    while (swarm->running < swarm->room && more(swarm)) {
        sim_options_draw(swarm->options, swarm->seeds.first, &settings);
        settings.world.trace_file = swarm->files->trace;
        settings.history_file = swarm->files->history;
        if (!trial_start(&swarm->trials[swarm->running], &settings, swarm->options->limit)) {
            if (swarm->running == 0)
                return false;
            trial_deinit(&swarm->trials[swarm->running]);
            swarm->room = swarm->running; /* fewer at once will do */
            return true;
        }
        swarm->running++;
        swarm->seeds.first++;
    }
    return true;
}

/* Until one may have ended, or progress is to be told. */
static void wait_for_some(struct swarm *swarm)
{
    int64_t until_ms = swarm->show_ms;

    for (unsigned i = 0; i < swarm->running; i++) {
        swarm->waits[i] = (struct pollfd){.fd = swarm->trials[i].pipe, .events = POLLIN};
        if (swarm->trials[i].overdue_ms < until_ms)
            until_ms = swarm->trials[i].overdue_ms;
    }
    const int64_t left_ms = until_ms - trial_now_ms();
    const int ready = poll(swarm->waits, swarm->running, left_ms > 0 ? (int)left_ms : 0);
    ensure(ready >= 0 || errno == EINTR);
}

/* The trial has ended: its place goes to the last. */
static struct trial take(struct swarm *swarm, unsigned place)
{
    const struct trial trial = swarm->trials[place];

    swarm->trials[place] = swarm->trials[--swarm->running];
    return trial;
}

/* The first that has ended, if one has. */
static bool collect(struct swarm *swarm, struct trial *ended)
{
    for (unsigned i = 0; i < swarm->running; i++) {
        struct trial *trial = &swarm->trials[i];
        if (swarm->waits[i].revents != 0) {
            swarm->waits[i].revents = 0;
            if (!trial_hear(trial))
                continue;
        } else if (trial_now_ms() >= trial->overdue_ms) {
            trial_stop(trial);
        } else {
            continue;
        }
        swarm->waits[i] = swarm->waits[swarm->running - 1];
        *ended = take(swarm, i);
        return true;
    }
    return false;
}

/* False: it failed. */
static bool account(struct swarm *swarm, struct trial *ended, struct trial *failure)
{
    sums_add(swarm->sums, ended);
    if (ended->ending == ENDING_PASSED && !swarm->options->json &&
        !swarm->options->given[SIM_OPTION_SEED]) {
        trial_deinit(ended);
        return true;
    }
    erase_progress(swarm);
    tell_trial(swarm->options, ended, swarm->options->given[SIM_OPTION_SEED]);
    if (ended->ending != ENDING_PASSED) {
        *failure = *ended;
        return false;
    }
    trial_deinit(ended);
    return true;
}

static bool run_all(struct swarm *swarm, struct trial *failure)
{
    struct trial ended;

    for (;;) {
        if (!start_some(swarm))
            return account(swarm, &swarm->trials[0], failure);
        if (swarm->running == 0)
            return true;
        wait_for_some(swarm);
        while (collect(swarm, &ended))
            if (!account(swarm, &ended, failure))
                return false;
        show_progress(swarm);
    }
}

static void begin(struct swarm *swarm)
{
    const struct sim_options *options = swarm->options;
    const unsigned given = options->minutes * 60 + options->seconds;
    const unsigned seconds = given > 0 ? given : SECONDS_DEFAULT;

    swarm->seeds = options->seeds;
    swarm->timed = !options->given[SIM_OPTION_SEED] && !options->given[SIM_OPTION_SEEDS];
    if (swarm->timed) {
        swarm->seeds.first = fresh_seed();
        fprintf(tell_words(options), "fresh seeds from %" PRIu64 " on, for %u s\n",
                swarm->seeds.first, seconds);
    }
    swarm->sums->began_ms = trial_now_ms();
    swarm->end_ms = swarm->sums->began_ms + seconds * INT64_C(1000);
    swarm->show_ms = swarm->sums->began_ms + (swarm->terminal ? SHOW_TERMINAL_MS : SHOW_FILE_MS);
}

bool swarm_run(const struct sim_options *options, const struct sim_files *files, struct sums *sums,
               struct trial *failure)
{
    struct swarm swarm = {.options = options,
                          .files = files,
                          .sums = sums,
                          .room = options->jobs > 0 ? options->jobs : cores(),
                          .terminal = isatty(STDERR_FILENO) != 0};

    *sums = (struct sums){.passed = 0};
    swarm.trials = memory_alloc_array(swarm.room, sizeof swarm.trials[0]);
    swarm.waits = memory_alloc_array(swarm.room, sizeof swarm.waits[0]);
    begin(&swarm);
    const bool passed = run_all(&swarm, failure);
    while (swarm.running > 0) {
        trial_stop(&swarm.trials[0]);
        struct trial given_up = take(&swarm, 0);
        trial_deinit(&given_up);
    }
    erase_progress(&swarm);
    memory_free(swarm.trials);
    memory_free(swarm.waits);
    return passed;
}
