/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A distribution of delays: how long a message is on its way. It is written as a mixture,
 *
 *   pareto(0.235,10):0.9122+exp(1.66):0.0878
 *
 * parts with a `+` between them, each a form in milliseconds and, behind a `:`, its weight; the
 * weights add up to 1, and a part that stands alone needs none. The forms are
 *
 *   const(x)          always x
 *   uniform(a,b)      from a to b
 *   exp(rate)         exponential, the mean is 1/rate
 *   pareto(xm,alpha)  from xm up; longer than x with the probability (xm/x)^alpha
 *
 * What is drawn is whole microseconds, and the same with every compiler. So the formulas are worked
 * out once, when the text is read, into a table of quantiles that are whole nanoseconds, and a draw
 * does nothing but integer arithmetic on it. The table is the finer the rarer: 64 quantiles for
 * each halving of the probability to be longer, down to 2^-40, so that a one in a million is as
 * good as the median. No delay is over DELAY_MAX_MS.
 */
#ifndef DUNLIN_TESTS_SIM_DELAY_H
#define DUNLIN_TESTS_SIM_DELAY_H

#include <stdint.h>

#include "base/rng.h"

#define DELAY_PARTS_MAX 8
#define DELAY_MAX_MS    3600000.0
#define DELAY_ERROR_MAX 256

struct delay;

/* NULL when `text` is no distribution; `error` then says what was found and what is accepted. */
struct delay *delay_create(const char *text, char error[DELAY_ERROR_MAX]);
/* Takes NULL as well. */
void delay_destroy(struct delay **delay);
/* 0 or more; takes two numbers from `rng`. */
int64_t delay_draw_us(const struct delay *delay, struct rng *rng);
/* What it was made from. */
const char *delay_text(const struct delay *delay);

#endif
