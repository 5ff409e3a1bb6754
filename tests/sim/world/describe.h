/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A peer message in words, for traces.
 */
#ifndef DUNLIN_TESTS_SIM_DESCRIBE_H
#define DUNLIN_TESTS_SIM_DESCRIBE_H

#include "wire/wire.h"

#define DESCRIBE_MAX     256
#define DESCRIBE_DOT_MAX 48

/* Dots are shown as +milliseconds since the world began, sequence, node; deadlines as milliseconds
 * as well. */
void describe_message(const struct wire_message *message, char text[DESCRIBE_MAX]);
void describe_version(const struct version *version, char text[DESCRIBE_MAX / 2]);
/* A counter without its dot: its base's, and of each share when it was opened and how much it is.
 * Returns how much it wrote. */
int describe_counter(const struct version *version, char *text, size_t size);
/* Returns `text`. */
const char *describe_dot(struct dot dot, char text[DESCRIBE_DOT_MAX]);
/* The id that pairs an answer with its question, 0: it has none. */
uint64_t describe_id(const struct wire_message *message);

/* The next message of a frame, as a story is told: of an ACKS each acknowledgement by itself, as an
 * ACK. `acks` is what is left of one, nothing at the frame's beginning. False: there is no more. */
bool describe_next(struct wire_cursor *messages, struct span *acks, struct wire_message *message);

#endif
