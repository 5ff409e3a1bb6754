/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Why a run failed, for somebody who sees it for the first time: the invariant that broke, and how
 * it came to that, as one timeline of what clients asked, what nodes held, what they sent each
 * other and what became of that, and what went wrong meanwhile.
 *
 * The run is run again, which gives the same, with a watch on the key that the first violation is
 * about (watch.h). So a run that passes pays nothing for it.
 */
#ifndef DUNLIN_TESTS_SIM_EXPLAIN_H
#define DUNLIN_TESTS_SIM_EXPLAIN_H

#include "sim/run.h"

/* `result` is of these settings, and has not passed. */
void explain(const struct run_settings *settings, const struct run_result *result, FILE *out);

#endif
