/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/check/promises.h"

#include <inttypes.h>

#include "sim/load/levels.h"
#include "sim/world/node.h"

const struct check_row check_rows[CHECK_COUNT] = {
#define ROW(NAME, name, invariant, safety, needs, text) {name, invariant, safety, needs, text},
    CHECKS(ROW)
#undef ROW
};

static const char *const need_texts[NEED_COUNT] = {
#define ROW(NAME, text) text,
    NEEDS(ROW)
#undef ROW
};

/* ---- the needs ---- */

/* Whether a process began anew, having been in the ring. */
static bool anybody_forgot(const struct world *world)
{
    for (unsigned i = 1; i <= world->settings.nodes; i++)
        if (world->nodes[i]->boots > 1)
            return true;
    return false;
}

/* Fewer scans may all fail, or run beside changes of all that so few keys are. */
#define WALKS_FEW 5u
#define KEYS_FEW  100u

static bool is_met(enum need need, const struct world *world, const struct load_settings *load,
                   const struct history *history)
{
    const struct world_settings *settings = &world->settings;
    const unsigned copies = levels_copies(settings);
    const unsigned writes = level_needed(settings->write_level, copies);

    switch (need) {
    case NEED_LWW:
        return settings->conflict == RING_CONFLICT_LWW;
    case NEED_SIBLINGS:
        return settings->conflict == RING_CONFLICT_SIBLINGS;
    case NEED_STRICT:
        return !levels_sloppy(settings);
    case NEED_ORDER:
        return levels_ordered(settings);
    case NEED_OVERLAP:
        return levels_overlap(settings, settings->read_level);
    case NEED_REPAIR: /* a touch, too, that finds nothing to change counts as acknowledged */
        return levels_counting(settings, settings->read_level) ==
               level_needed(LEVEL_QUORUM, copies);
    case NEED_SPREAD: /* it is repaired to N - R + 1 replicas, and W - 1 may forget */
        return levels_counting(settings, settings->read_level) + writes <= copies + 1 ||
               !anybody_forgot(world);
    case NEED_COUNTERS:
        return !load->flushes;
    case NEED_MEMORY:
        return !history->vanishes;
    case NEED_REMEMBERED:
        return history->amnesty_count == 0;
    case NEED_HINTS:
        return settings->hint_bytes == 0 && settings->hint_window_s == 0 && !history->drops_hints;
    case NEED_GOSSIP:
        return !settings->detector;
    case NEED_KNOWN:
    case NEED_NO_RESTARTS:
        return !anybody_forgot(world);
    case NEED_RESTARTS:
        return anybody_forgot(world);
    case NEED_CACHES:
        return load->caches;
    case NEED_LISTENERS:
        return load->listeners > 0;
    case NEED_WALKS:
        return history->walk_count >= WALKS_FEW && load->keys >= KEYS_FEW && !load->flushes;
    case NEED_COUNT:
        break;
    }
    return true;
}

void promises_find(struct promises *promises, const struct world *world,
                   const struct load_settings *load, const struct history *history)
{
    *promises = (struct promises){0};
    for (int check = 0; check < CHECK_COUNT; check++)
        for (int need = NEED_COUNT; need-- > 0;)
            if ((check_rows[check].needs & 1u << need) != 0 &&
                !is_met((enum need)need, world, load, history))
                promises->withheld[check] = need_texts[need];
}

bool promises_unjudged(const struct promises *promises, enum check check,
                       const struct verdict *verdict)
{
    return promises->withheld[check] == NULL && verdict->judged == 0;
}

void promises_print(const struct promises *promises, const struct verdict verdicts[CHECK_COUNT],
                    bool reasons, FILE *out)
{
    fputs("judged", out);
    for (int check = 0; check < CHECK_COUNT; check++) {
        fprintf(out, "%s %s ", check > 0 ? "," : "", check_rows[check].name);
        if (promises->withheld[check] == NULL)
            fprintf(out, "%" PRIu64, verdicts[check].judged);
        else
            fputc('-', out);
    }
    fputc('\n', out);
    for (int check = 0; reasons && check < CHECK_COUNT; check++)
        if (promises->withheld[check] != NULL)
            fprintf(out, "  %s: not judged: %s\n", check_rows[check].name,
                    promises->withheld[check]);
}
