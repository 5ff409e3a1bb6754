/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A ring to test with: five members with the numbers 2, 4, .. 10 in three zones, 16 partitions of
 * three copies, two rules.
 */
#ifndef DUNLIN_TESTS_RING_TEST_H
#define DUNLIN_TESTS_RING_TEST_H

#include "ring/ring.h"

#define FIXTURE_MEMBERS    5
#define FIXTURE_PARTITIONS 16

struct fixture {
    struct ring_rule rules[2];
    struct ring_member members[FIXTURE_MEMBERS];
    struct ring_claim claims[FIXTURE_PARTITIONS];
    struct ring_draft draft;
};

void fixture_init(struct fixture *fixture);

#endif
