/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A history as a file for other checkers: JSON, one object a line for each operation on one key, in
 * the order in which they were asked for. docs/TESTING.md (Histories) describes it.
 */
#ifndef DUNLIN_TESTS_SIM_HISTORY_FILE_H
#define DUNLIN_TESTS_SIM_HISTORY_FILE_H

#include <stdio.h>

#include "sim/load/history.h"

void history_write(const struct history *history, FILE *out);

#endif
