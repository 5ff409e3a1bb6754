/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of planted functions share. The linker puts __wrap_x in the place of the function
 * x, and calls it by the name of __real_x (-Wl,--wrap=x): of every call but those in x's own file.
 * The list of them is sim_wraps in Makefile.am.
 */
#ifndef DUNLIN_TESTS_SIM_PLANTED_H
#define DUNLIN_TESTS_SIM_PLANTED_H

#include <stdbool.h>

#include "sim/mutant/mutants_list.h"

bool mutant_planted(enum mutant mutant);
/* True for one of so many calls, in this run. */
bool mutants_now_and_then(unsigned of);
/* True from the call on that comes after so many, in this run. */
bool mutants_called_more_than(unsigned count);

#define PLANTED(NAME) mutant_planted(MUTANT_##NAME)

/* Opens the definition of what stands in for `function`. */
#define WRAP(type, function, ...)        \
    type __real_##function(__VA_ARGS__); \
    type __wrap_##function(__VA_ARGS__); \
    type __wrap_##function(__VA_ARGS__)

#endif
