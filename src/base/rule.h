/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The rules of replication, numbered as in docs/ARCHITECTURE.md (Replication rules). Code that is
 * there for the sake of one asks RULE(n) in its condition, so that a reader finds every place where
 * a rule acts, and the simulator can take one out and show that it is needed: for it these files
 * are compiled with DUNLIN_RULES_REMOVABLE (removable_files in Makefile.am). In every other build
 * RULE(n) is a constant.
 */
#ifndef DUNLIN_BASE_RULE_H
#define DUNLIN_BASE_RULE_H

#include <stdbool.h>

#define RULE_COUNT 26 /* 1..25; 0 is none */

#ifdef DUNLIN_RULES_REMOVABLE
/* By number; the simulator's. */
extern bool rule_removed[RULE_COUNT];
#define RULE(number) (!rule_removed[number])
#else
#define RULE(number) true
#endif

#endif
