/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A trial: one run in a process of its own, so that a run that crashes or never ends is a failure
 * like others, with its seed and its command, and takes nothing with it.
 *
 *   trial_start     a child begins; several may be under way
 *   trial_hear      whenever there is something to read from `pipe`; true: it has ended
 *   trial_stop      past its limit, or no longer wanted
 *   trial_deinit    what it said goes
 */
#ifndef DUNLIN_TESTS_SIM_TRIAL_H
#define DUNLIN_TESTS_SIM_TRIAL_H

#include <sys/types.h>

#include "sim/run.h"

/* How a run ends; the numbers are the exit codes of dunlin-sim. */
enum ending {
    ENDING_PASSED = 0,
    ENDING_SAFETY = 2,   /* something was wrong */
    ENDING_LIVENESS = 3, /* something did not happen in time; or a checker had nothing to judge */
    ENDING_CRASH = 4,    /* an assertion, a signal, a sanitizer; or no end */
};

#define EXIT_OPTION 64

#define TRIAL_CRASH_MAX 64

struct trial {
    struct run_settings settings;
    struct run_result result; /* zeroed after a crash */
    enum ending ending;
    char crash[TRIAL_CRASH_MAX]; /* how it crashed, "" elsewhere */
    bool endless;                /* by its limit */
    FILE *said;                  /* what it printed; NULL where that is out already */

    /* While it runs. */
    pid_t pid;
    int pipe;
    int64_t limit_ms;   /* how long it may take */
    int64_t overdue_ms; /* when that is over */
    size_t heard;       /* of the result, bytes */
};

/* `limit_s` is how long it may take, 0: as long as anybody would wait. The process must have no
 * threads. False: there is no process to be had, which is a crash. */
bool trial_start(struct trial *trial, const struct run_settings *settings, unsigned limit_s);
bool trial_hear(struct trial *trial);
void trial_stop(struct trial *trial);
void trial_deinit(struct trial *trial);

/* All of a trial: starts it, and waits for its end. */
bool trial_run(struct trial *trial, const struct run_settings *settings, unsigned limit_s);

/* Copies what it printed. */
void trial_repeat(struct trial *trial, FILE *out);

/* Of a run that came to its end. */
enum ending ending_of(const struct run_result *result);
const char *ending_name(enum ending ending);

/* A clock for limits and progress. */
int64_t trial_now_ms(void);

#endif
