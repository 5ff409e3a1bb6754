/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Time-outs of tests. They end a test that hangs and decide nothing else, so they are generous, and
 * under sanitizers one factor stretches them all (DUNLIN_TIMEOUT_FACTOR, an argument of configure).
 */
#ifndef DUNLIN_TESTS_LIB_TIMEOUT_H
#define DUNLIN_TESTS_LIB_TIMEOUT_H

#include "config.h"

/* A constant expression, for Criterion's `.timeout` as well: every suite has one. */
#define TIMEOUT_S(seconds)       ((seconds)*DUNLIN_TIMEOUT_FACTOR)
#define TIMEOUT_MS(milliseconds) ((milliseconds)*DUNLIN_TIMEOUT_FACTOR)

#endif
