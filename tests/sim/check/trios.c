/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Transactions, as clients see them (load/trios.c): whoever reads a trio in one sees no half of
 * what another wrote in one; and one that watched a key is refused exactly where that was written
 * to since. Of writes beside the watching, or the transaction, either is right.
 */
#include <inttypes.h>

#include "sim/check/checks.h"

static void about(struct verdict *verdict, const struct trio_act *act)
{
    verdict_about(verdict, act->node, -1, act->replied_us);
}

/* ---- halves ---- */

static bool is_whole(const struct trio_act *act)
{
    for (unsigned i = 1; i < TRIO_KEYS; i++)
        if (act->values[i] != act->values[0])
            return false;
    return true;
}

void check_halves(const struct history *history, struct verdict *verdict)
{
    for (size_t i = 0; i < history->trio_act_count; i++) {
        const struct trio_act *act = &history->trio_acts[i];
        if (act->kind != TRIO_READ || act->outcome != TRIO_DONE)
            continue;
        verdict->judged++;
        if (is_whole(act))
            continue;
        verdict_wrong(verdict,
                      "halves: node %u, asked for trio %" PRIu32 " at %" PRId64 ", told %" PRIu64
                      ", %" PRIu64 " and %" PRIu64 " at %" PRId64,
                      act->node, act->trio, act->sent_us, act->values[0], act->values[1],
                      act->values[2], act->replied_us);
        about(verdict, act);
    }
}

/* ---- watched ---- */

static bool may_have_written(const struct trio_act *act)
{
    return act->kind != TRIO_READ && act->sent_us > 0 && act->outcome != TRIO_REFUSED;
}

/* Between the answers to WATCH and the sending of EXEC. */
static bool is_between(const struct trio_act *write, const struct trio_act *watcher)
{
    return write->outcome == TRIO_DONE && write->sent_us > watcher->watched_us &&
           write->replied_us < watcher->sent_us;
}

static bool may_be_between(const struct trio_act *write, const struct trio_act *watcher)
{
    return write->sent_us < watcher->replied_us &&
           (write->outcome != TRIO_DONE || write->replied_us > watcher->watch_sent_us);
}

/* A write that came between for certain, or may have, by what EXEC told; NULL: there is none. */
static const struct trio_act *find_between(const struct history *history,
                                           const struct trio_act *watcher)
{
    for (size_t i = 0; i < history->trio_act_count; i++) {
        const struct trio_act *write = &history->trio_acts[i];
        if (write == watcher || write->trio != watcher->trio || !may_have_written(write))
            continue;
        if (watcher->outcome == TRIO_DONE ? is_between(write, watcher)
                                          : may_be_between(write, watcher))
            return write;
    }
    return NULL;
}

void check_watched(const struct history *history, struct verdict *verdict)
{
    for (size_t i = 0; i < history->trio_act_count; i++) {
        const struct trio_act *act = &history->trio_acts[i];
        if (act->kind != TRIO_WATCHED ||
            (act->outcome != TRIO_DONE && act->outcome != TRIO_REFUSED))
            continue;
        const struct trio_act *write = find_between(history, act);
        verdict->judged++;
        if ((write == NULL) == (act->outcome == TRIO_DONE))
            continue;
        if (write != NULL)
            verdict_wrong(verdict,
                          "watched: trio %" PRIu32 ", watched at node %u by %" PRId64
                          ", was written at node %u from %" PRId64 " to %" PRId64
                          ", and EXEC, sent at %" PRId64 ", ran",
                          act->trio, act->node, act->watched_us, write->node, write->sent_us,
                          write->replied_us, act->sent_us);
        else
            verdict_wrong(verdict,
                          "watched: trio %" PRIu32 ", watched at node %u from %" PRId64
                          ", was not written to until EXEC was refused at %" PRId64,
                          act->trio, act->node, act->watch_sent_us, act->replied_us);
        about(verdict, act);
    }
}
