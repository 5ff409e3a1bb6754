/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the levels of a world give to a read (docs/CONSISTENCY.md).
 */
#ifndef DUNLIN_TESTS_SIM_LEVELS_H
#define DUNLIN_TESTS_SIM_LEVELS_H

#include "base/level.h"
#include "sim/world/world.h"

/* How many copies of a key the ring has. */
static inline unsigned levels_copies(const struct world_settings *settings)
{
    return settings->replicas < settings->nodes ? settings->replicas : settings->nodes;
}

/* Whether a stand-in may count towards W: the ring has one, and it is allowed. */
static inline bool levels_sloppy(const struct world_settings *settings)
{
    return settings->sloppy_quorum && settings->nodes > levels_copies(settings);
}

/* Whether a read at this level meets every write that was acknowledged: R + W > N. */
static inline bool levels_overlap(const struct world_settings *settings, uint8_t read_level)
{
    const unsigned copies = levels_copies(settings);

    return level_needed(read_level, copies) + level_needed(settings->write_level, copies) >
               copies &&
           !levels_sloppy(settings);
}

/* How many answers of a read count: more than QUORUM only make it surer. */
static inline unsigned levels_counting(const struct world_settings *settings, uint8_t read_level)
{
    const unsigned copies = levels_copies(settings);
    const unsigned reads = level_needed(read_level, copies);
    const unsigned quorum = level_needed(LEVEL_QUORUM, copies);

    return reads < quorum ? reads : quorum;
}

/* Whether reads of this level and of the world's are told what each other were: a read repairs what
 * it answers for later ones of its own level (operation_repair_needed). */
static inline bool levels_alike(const struct world_settings *settings, uint8_t read_level)
{
    return levels_counting(settings, read_level) == levels_counting(settings, settings->read_level);
}

/* Whether of two writes, one after the other, the later wins whatever the clocks say: 2W > N. */
static inline bool levels_ordered(const struct world_settings *settings)
{
    const unsigned copies = levels_copies(settings);

    return 2 * level_needed(settings->write_level, copies) > copies;
}

#endif
