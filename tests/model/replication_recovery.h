/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Stub.
 */
#ifndef DUNLIN_TESTS_REPLICATION_RECOVERY_H
#define DUNLIN_TESTS_REPLICATION_RECOVERY_H
#include "model/replication_world.h"
void recovery_continue(struct world *world, unsigned node, unsigned source, bool time_out_passes);
void recovery_compare(struct world *world, unsigned node, unsigned source);
#endif
