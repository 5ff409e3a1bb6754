/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whether the replies of both servers to one step are alike, or differ as main/differences.h says
 * that they do. A MULTI's commands are compared when EXEC answers them, each as its own row says.
 */
#ifndef DUNLIN_TESTS_SYSTEM_COMPARE_REPLIES_H
#define DUNLIN_TESTS_SYSTEM_COMPARE_REPLIES_H

#include "base/span.h"
#include "system/compare/step.h"

/* The rows of main/differences.h. */
struct meant_difference {
    const char *commands, *command, *redis, *dunlin;
    bool for_long; /* nothing can be compared behind it */
};
extern const struct meant_difference differences[];
extern const size_t differences_count;

#define QUEUED_MAX 1024

struct replies {
    uint64_t *met; /* how often each of the differences was met */
    bool parted;   /* one of those that are for long was met */
    struct {
        const struct step *steps[QUEUED_MAX];
        size_t count;
    } queued[SERVER_CONNECTIONS];
};

/* Both replies as text. */
struct difference {
    char *redis, *dunlin;
};

/* `met` has a place for each of the differences, and stays the caller's. */
void replies_init(struct replies *replies, uint64_t *met);

/* False when they are not alike: then *difference, which was empty, says how. The steps of a
 * connection come in their order, and stay where they are. */
bool replies_alike(struct replies *replies, const struct step *step, struct span redis,
                   struct span dunlin, struct difference *difference);

void difference_deinit(struct difference *difference);

#endif
