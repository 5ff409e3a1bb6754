/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Histories made by hand, for the tests of the checkers. Times are microseconds; what is not said
 * of a record is as in a plain command on key k0 that was acknowledged.
 */
#ifndef DUNLIN_TESTS_SIM_MADE_H
#define DUNLIN_TESTS_SIM_MADE_H

#include "sim/check/checks.h"

struct record *made_record(struct history *history, uint64_t client, uint32_t place,
                           int64_t sent_us, int64_t replied_us);
/* Returns what the value is called. */
uint64_t made_put(struct history *history, uint64_t client, uint32_t place, int64_t sent_us,
                  int64_t replied_us);
void made_delete(struct history *history, uint64_t client, uint32_t place, int64_t sent_us,
                 int64_t replied_us);
void made_see(struct history *history, uint64_t client, uint32_t place, int64_t sent_us,
              int64_t replied_us, enum seen seen, uint64_t value);

/* How often the checker finds the history wrong; ends it. */
uint64_t made_wrongs(struct history *history,
                     void (*check)(const struct history *history, struct verdict *verdict));

#endif
