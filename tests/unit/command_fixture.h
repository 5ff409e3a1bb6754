/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A node for the tests of commands: an environment whose functions answer from this structure, one
 * session, and a call that is run as the engine would run it.
 */
#ifndef DUNLIN_TESTS_UNIT_COMMAND_FIXTURE_H
#define DUNLIN_TESTS_UNIT_COMMAND_FIXTURE_H

#include "base/options.h"
#include "causal/dot.h"
#include "command/directory.h"
#include "command/environment.h"

#define FIXTURE_NOW_MS  INT64_C(1700000000000)
#define FIXTURE_NOW_US  INT64_C(5000000)
#define FIXTURE_ARG_MAX 64

struct fixture {
    struct options *options;
    struct node_identity identity;
    struct node_facts facts;
    struct metrics *metrics;
    struct environment environment;
    struct session session;
    struct buffer config; /* what config_set was given: "name=value;" */
    bool config_fails;
    size_t resets;
    bool shut_down;
    uint32_t woken; /* a bit for each worker */
    enum member_state states[8];
    node_number moved; /* the member that is at 192.0.2.77:7777; 0: none */

    /* Of the last call. */
    uint8_t line[1024];
    struct span argv[FIXTURE_ARG_MAX];
    struct call call;
    enum command_kind kind;
    bool prepared;
    struct buffer reply, made;
    struct change change;
};

/* Time is FIXTURE_NOW_MS and FIXTURE_NOW_US; the session has id 1, worker 3 and RESP2. */
void fixture_init(struct fixture *fixture);
void fixture_deinit(struct fixture *fixture);
void fixture_set_password(struct fixture *fixture, const char *password);

/* Runs the command in `line` (inline syntax) over `version`, NULL for an absent key. Of a command
 * of many keys only what it prepares. */
void fixture_run(struct fixture *fixture, const char *line, const struct version *version);

/* Runs it, and fails the test unless it answers `reply`. */
void fixture_expect(struct fixture *fixture, const char *line, const struct version *version,
                    const char *reply);
/* The same where the reply starts with, or holds, `part`. */
void fixture_expect_part(struct fixture *fixture, const char *line, const char *part);

/* What the last call wants done. */
void fixture_expect_nothing(struct fixture *fixture);
void fixture_expect_delete(struct fixture *fixture);
void fixture_expect_put(struct fixture *fixture, const char *value, int64_t deadline_ms);

/* A version with this value. */
struct version fixture_string(const char *value, int64_t deadline_ms);

#endif
