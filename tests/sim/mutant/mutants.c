/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/mutant/mutants.h"

#include <string.h>

#include "base/assert.h"
#include "sim/mutant/planted.h"
#include "sim/mutant/rules.h"

const struct mutant_row mutant_rows[MUTANT_COUNT] = {
#define ROW(NAME, name, rule, options, seeds_max, found_by, text) \
    {name, rule, MUTANT_OPTIONS " " options, seeds_max, found_by, text},
    MUTANTS(ROW)
#undef ROW
};

static bool planted[MUTANT_COUNT];
static unsigned calls;

bool mutant_find(const char *name, enum mutant *mutant)
{
    for (int i = 0; i < MUTANT_COUNT; i++)
        if (strcmp(mutant_rows[i].name, name) == 0) {
            *mutant = (enum mutant)i;
            return true;
        }
    return false;
}

void mutant_plant(enum mutant mutant)
{
    ensure(mutant < MUTANT_COUNT);
    planted[mutant] = true;
    calls = 0;
    if (mutant_rows[mutant].rule > 0)
        rules_remove(mutant_rows[mutant].rule);
}

void mutants_uproot(void)
{
    memset(planted, 0, sizeof planted);
    rules_restore();
}

bool mutant_planted(enum mutant mutant)
{
    return planted[mutant];
}

bool mutants_now_and_then(unsigned of)
{
    return ++calls % of == 0;
}

bool mutants_called_more_than(unsigned count)
{
    return ++calls > count;
}
