/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/mutant/rules.h"

#include <string.h>

#include "base/assert.h"

#ifndef DUNLIN_RULES_REMOVABLE
#error "the simulator is built with DUNLIN_RULES_REMOVABLE"
#endif

bool rule_removed[RULE_COUNT];

void rules_restore(void)
{
    memset(rule_removed, 0, sizeof rule_removed);
}

void rules_remove(unsigned number)
{
    ensure(number > 0 && number < RULE_COUNT);
    rule_removed[number] = true;
}

bool rules_removed(unsigned number)
{
    return rule_removed[number];
}
