/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/explain/explain.h"

#include <inttypes.h>

#include "base/assert.h"
#include "ring/slot.h"
#include "sim/explain/watch.h"

/* Design.md, What must always hold. By number. */
static const char *const invariants[] = {
    "",
    "Acknowledged is kept. With R + W > N, a read after an acknowledged write sees it or "
    "something\n"
    "newer. Eviction and expiry may give nil, never an older value.",
    "Deleted stays deleted, and vanished stays vanished: no hint, repair, exchange, handoff or\n"
    "returning node brings an older value back.",
    "Time to live is a date. Expiry is an absolute deadline inside the version: never extended by\n"
    "moving, never served after.",
    "Replicas converge. Once faults stop, every replica of every partition reaches the same\n"
    "versions, unread.",
    "Counters count. Each acknowledged increment exactly once, whichever nodes coordinated.",
    "One connection sees its own writes in order, at R + W > N.",
    "The ring agrees. Equal versions are equal rings; each partition has N distinct replicas.",
    "Memory is bounded. At the bound the server evicts, refuses or slows down; it never dies.",
    "Who forgot does not vote.",
    "Nobody waits for ever. Every request has a deadline and every queue a limit.",
};

#define INVARIANT_COUNT (sizeof invariants / sizeof invariants[0])

static bool has_key(const struct concern *concern)
{
    return concern->space != '\0' && concern->space != '*' && concern->space != '-';
}

/* Whether the finding of `a` tells more than that of `b`: of safety rather than of liveness, of a
 * key rather than of none, and then the earlier. */
static bool tells_more(const struct run_result *result, int a, int b)
{
    const struct concern *x = verdict_concern(&result->verdicts[a]);
    const struct concern *y = verdict_concern(&result->verdicts[b]);

    if (check_rows[a].safety != check_rows[b].safety)
        return check_rows[a].safety;
    if (has_key(x) != has_key(y))
        return has_key(x);
    return x->at_us < y->at_us;
}

/* CHECK_COUNT: nothing is wrong, but something was not judged. */
static int choose(const struct run_result *result)
{
    int chosen = CHECK_COUNT;

    for (int check = 0; check < CHECK_COUNT; check++)
        if (result->verdicts[check].wrong > 0 &&
            (chosen == CHECK_COUNT || tells_more(result, check, chosen)))
            chosen = check;
    return chosen;
}

static void print_concern(const struct run_settings *settings, const struct concern *concern,
                          FILE *out)
{
    if (has_key(concern)) {
        char key[16];
        snprintf(key, sizeof key, "%c%" PRIu32, concern->space, concern->key);
        fprintf(out, ", key %s in partition %u", key,
                ring_slot_partition(ring_slot(span_of_string(key)), settings->world.partitions));
    } else if (concern->partition >= 0) {
        fprintf(out, ", partition %d", concern->partition);
    }
    if (concern->node != 0)
        fprintf(out, ", node %u", concern->node);
    if (concern->at_us != HISTORY_NEVER_US)
        fprintf(out, ", at %" PRId64 ".%03" PRId64 " ms", concern->at_us / 1000,
                concern->at_us % 1000);
    fputc('\n', out);
}

/* One line each. */
static void print_findings(const struct run_settings *settings, const struct run_result *result,
                           FILE *out)
{
    for (int check = 0; check < CHECK_COUNT; check++) {
        const struct verdict *verdict = &result->verdicts[check];
        const struct check_row *row = &check_rows[check];
        if (verdict->wrong > 0) {
            fprintf(out, "%s: %s: %" PRIu64 " of %" PRIu64 " wrong; the first", row->name,
                    row->text, verdict->wrong, verdict->judged);
            print_concern(settings, verdict_concern(verdict), out);
        } else if (promises_unjudged(&result->promises, (enum check)check, verdict)) {
            fprintf(out, "%s: %s: had nothing to judge in this run, and so has shown nothing\n",
                    row->name, row->text);
        }
    }
}

static void print_timeline(const struct run_settings *settings, const struct run_result *result,
                           const struct concern *concern, FILE *out)
{
    struct timeline *timeline = timeline_create();
    struct watch *watch = watch_create(concern, timeline);
    struct run_settings again = *settings;
    struct run_result same;

    again.world.trace_file = again.history_file = NULL;
    again.world.witness = watch_witness(watch);
    run(&again, NULL, &same);
    if (same.trace_digest != result->trace_digest)
        fputs("The second run of this seed went another way: something in it is not drawn from\n"
              "the seed, which is a defect of its own. What follows is of the second.\n",
              out);
    fputs("\nTimes are virtual milliseconds; c7>2 is connection 7 of a client to node 2, 3>1 a\n"
          "message from node 3 to node 1. v12 is the value that record 12 of the history wrote.\n"
          "+4683.0@2 names a version: its stamp in milliseconds and sequence, and the node that\n"
          "coordinated it. * reported above  ! rare or lost  ~ faults, nodes, clocks\n\n",
          out);
    timeline_print(timeline, out);
    fputc('\n', out);
    watch_print_state(watch, out);
    watch_destroy(&watch);
    timeline_destroy(&timeline);
}

void explain(const struct run_settings *settings, const struct run_result *result, FILE *out)
{
    const int chosen = choose(result);

    print_findings(settings, result, out);
    if (chosen == CHECK_COUNT)
        return;
    ensure(check_rows[chosen].invariant < INVARIANT_COUNT);
    const struct concern *concern = verdict_concern(&result->verdicts[chosen]);
    fprintf(out, "\nHow it came to what `%s` found. The invariant that broke is number %u:\n%s\n",
            check_rows[chosen].name, check_rows[chosen].invariant,
            invariants[check_rows[chosen].invariant]);
    print_timeline(settings, result, concern, out);
}
