/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Mutants: bugs that are planted into the nodes of the simulator, one at a time, to show that each
 * checker bites. mutants_list.h is the table of them. A rule of replication is taken out of the
 * code where it acts (base/rule.h); the others stand in planted_*.c, in functions that the linker
 * puts in the place of the real ones (-Wl,--wrap), in dunlin-sim alone. Production code knows of
 * neither.
 *
 * What is planted holds for all worlds of the process.
 */
#ifndef DUNLIN_TESTS_SIM_MUTANTS_H
#define DUNLIN_TESTS_SIM_MUTANTS_H

#include "sim/check/promises.h"
#include "sim/mutant/mutants_list.h"

/* A bit for each checker. */
enum {
#define ROW(NAME, ...) BY_##NAME = 1 << CHECK_##NAME,
    CHECKS(ROW)
#undef ROW
};

struct mutant_row {
    const char *name;
    unsigned rule;       /* taken out; 0: none */
    const char *options; /* of dunlin-sim, with blanks between them */
    unsigned seeds_max;  /* by then one of these has found it */
    unsigned found_by;   /* BY_* */
    const char *text;
};

extern const struct mutant_row mutant_rows[MUTANT_COUNT];

/* ---- mutants.c ---- */

/* False: there is none of this name. */
bool mutant_find(const char *name, enum mutant *mutant);
/* For the next run; a second one needs it to be planted again. */
void mutant_plant(enum mutant mutant);
/* None is planted, and all rules are in force. */
void mutants_uproot(void);

/* ---- hunt.c ---- */

/* `dunlin-sim --mutants [--from S] [--jobs K] [NAME ...]`, from there on: runs each, or those that
 * are named, seed by seed until a checker finds it in a run that passes without it. Returns the
 * exit code. */
int mutants_main(int argc, char **argv);

#endif
