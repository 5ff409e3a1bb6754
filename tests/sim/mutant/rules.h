/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rules of replication taken out of the core that the simulator runs (src/base/rule.h). It holds
 * for all worlds of the process.
 */
#ifndef DUNLIN_TESTS_SIM_RULES_H
#define DUNLIN_TESTS_SIM_RULES_H

#include "base/rule.h"

/* All rules are in force again. */
void rules_restore(void);
/* `number` is below RULE_COUNT. */
void rules_remove(unsigned number);
bool rules_removed(unsigned number);

#endif
