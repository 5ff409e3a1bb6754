/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What dunlin-sim prints of runs, for people or, with --json, for programs: then there is nothing
 * but JSON on standard output, an object on a line, and the rest goes to standard error.
 */
#ifndef DUNLIN_TESTS_SIM_TELL_H
#define DUNLIN_TESTS_SIM_TELL_H

#include "sim/options.h"
#include "sim/trial.h"

/* Of all runs. */
struct sums {
    uint64_t passed, failed;
    uint64_t commands, faults;
    int64_t virtual_us;
    int64_t began_ms;
    struct verdict verdicts[CHECK_COUNT];
};

void sums_add(struct sums *sums, const struct trial *trial);

/* A run that ended. In text `fully` says that it is one that somebody asked for, and not one of
 * many: then it is told also where it passed. */
void tell_trial(const struct sim_options *options, struct trial *trial, bool fully);
/* The last words. In text the last line is "N passed, N failed, 0 skipped". */
void tell_sums(const struct sim_options *options, const struct sums *sums);
/* How far it is, on a line without its end: " of ..." may follow. */
void tell_progress(const struct sums *sums, FILE *out);
/* What people read of a run, where programs read standard output. */
FILE *tell_words(const struct sim_options *options);

#endif
