/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading arguments: what many handlers need, with Redis' errors.
 */
#ifndef DUNLIN_COMMAND_ARGUMENTS_H
#define DUNLIN_COMMAND_ARGUMENTS_H

#include "command/command.h"

/* Appends the error and answers false. */
bool argument_syntax_error(struct call *call);

/* The error for a subcommand whose options are wrong in number. */
void argument_subcommand_error(struct call *call);

/* Reads an argument that has to be an integer; false when it has appended the error. */
bool argument_integer(struct call *call, struct span text, int64_t *value);

/* The same of the number of a database: 32 bits. */
bool argument_database(struct call *call, struct span text, int64_t *index);

/* The same of a decimal fraction. */
bool argument_decimal(struct call *call, struct span text, long double *value);

/* The same of a time-out in milliseconds, which is not negative. */
bool argument_timeout(struct call *call, struct span text, int64_t *timeout_ms);

/* Whether the argument at that place is a password: SLOWLOG and MONITOR leave it out. */
bool argument_secret(const struct command *command, const struct span *argv, size_t argc,
                     size_t at);

/* Appends the error for a value of another type. */
void argument_wrong_type(struct call *call);

/* Whether the version's value is a plain string; WRONGTYPE is appended when it is not. The version
 * is visible. */
bool argument_string(struct call *call, const struct version *version);

/* Whether a string may be so long: `size` and `more` bytes. */
bool argument_length(struct call *call, uint64_t size, uint64_t more);

#endif
