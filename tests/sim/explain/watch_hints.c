/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The hints for versions of the key. A hint is known by its stamp, which is in the order of what
 * its holder owes.
 */
#include "lib/array.h"
#include "node/missed.h"
#include "node/parts.h"
#include "sim/explain/watch_parts.h"

void watch_forget_hints(struct watch *watch, unsigned holder)
{
    size_t kept = 0;

    for (size_t i = 0; i < watch->hint_count; i++)
        if (watch->hints[i].holder != holder)
            watch->hints[kept++] = watch->hints[i];
    watch->hint_count = kept;
}

static void tell_hint(struct watch *watch, const struct watch_hint *hint, const char *what,
                      int64_t at_us)
{
    char who[WATCH_WHO_MAX];

    timeline_add(watch->timeline, at_us, TIMELINE_RARE, watch_who(hint->holder, 0, who),
                 "%s a hint for node %u: %s", what, hint->target,
                 watch_stamp_place(watch, hint->stamp)->version);
}

static struct watch_hint *find_hint(struct watch *watch, unsigned holder, unsigned target,
                                    uint64_t stamp)
{
    for (size_t i = 0; i < watch->hint_count; i++)
        if (watch->hints[i].holder == holder && watch->hints[i].target == target &&
            watch->hints[i].stamp == stamp)
            return &watch->hints[i];
    return NULL;
}

static void see_hint(struct watch *watch, unsigned holder, unsigned target, uint64_t stamp,
                     int64_t at_us)
{
    struct watch_hint *hint = find_hint(watch, holder, target, stamp);

    if (hint == NULL) {
        watch->hints = array_room(watch->hints, watch->hint_count, &watch->hint_capacity,
                                  sizeof watch->hints[0]);
        hint = &watch->hints[watch->hint_count++];
        *hint = (struct watch_hint){.holder = holder, .target = target, .stamp = stamp};
        tell_hint(watch, hint, "keeps", at_us);
    }
    hint->seen = true;
}

void watch_look_at_hints(struct watch *watch, const struct sim_node *node, bool dropped,
                         int64_t at_us)
{
    const struct hints *hints = &node->engine->hints;

    for (size_t i = 0; i < watch->hint_count; i++)
        watch->hints[i].seen = watch->hints[i].holder != node->number;
    for (size_t target = 0; target < hints->limit; target++)
        for (size_t i = 1;
             hints->targets[target] != NULL && i <= hints->targets[target]->owed.count; i++) {
            const uint64_t stamp = heap_item(&hints->targets[target]->owed, i)->key;
            if (watch_stamp_place(watch, stamp)->stamp == stamp)
                see_hint(watch, node->number, (unsigned)target, stamp, at_us);
        }
    size_t kept = 0;
    for (size_t i = 0; i < watch->hint_count; i++) {
        if (watch->hints[i].seen)
            watch->hints[kept++] = watch->hints[i];
        else
            tell_hint(watch, &watch->hints[i],
                      dropped ? "dropped or was answered for" : "was answered for", at_us);
    }
    watch->hint_count = kept;
}
