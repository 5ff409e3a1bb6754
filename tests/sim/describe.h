/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A peer message in words, for traces.
 */
#ifndef DUNLIN_TESTS_SIM_DESCRIBE_H
#define DUNLIN_TESTS_SIM_DESCRIBE_H

#include "wire/wire.h"

#define DESCRIBE_MAX 256

/* Dots are shown as +milliseconds since the world began, sequence, node. */
void describe_message(const struct wire_message *message, char text[DESCRIBE_MAX]);
/* The id that pairs an answer with its question, 0: it has none. */
uint64_t describe_id(const struct wire_message *message);

#endif
