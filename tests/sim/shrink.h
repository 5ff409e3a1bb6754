/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Shrinking: from a run that failed to a shorter one that fails in the same way. One thing after
 * the other is made simpler (a kind of fault goes, the faults come for half as long, there are
 * fewer nodes) and what still fails is kept, until nothing more can go (Zeller and Hildebrandt,
 * "Simplifying and isolating failure-inducing input", 2002).
 *
 * A change of the settings moves all that is drawn, so a simpler run is tried with a few seeds, its
 * own first.
 */
#ifndef DUNLIN_TESTS_SIM_SHRINK_H
#define DUNLIN_TESTS_SIM_SHRINK_H

#include "sim/trial.h"

/* The most runs that it takes. */
#define SHRINK_RUNS_MAX 300

/* Tells `out` of each improvement. `failure` is that of the shortest run in the end. */
void shrink(struct trial *failure, unsigned limit_s, FILE *out);

#endif
