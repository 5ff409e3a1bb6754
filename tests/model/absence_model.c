/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The tally of reads against a twin that decides as the model of the replication of one key does
 * (`decide`, `is_vote`, `votes_for` there): replicas that have versions, or nothing and say what
 * they may have had; answers in any order; second looks that find something else.
 *
 * DUNLIN_SEED replays one seed.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "lib/timeout.h"
#include "replica/tally.h"

TestSuite(absence_model, .timeout = TIMEOUT_S(60));

#define READS  300000
#define COPIES 5

/* What one replica shows. */
struct shown {
    bool votes;
    struct dot dot; /* none: it has nothing */
    struct absence absence;
};

struct twin_answer {
    bool there;
    struct shown shown;
    unsigned asked, answered;
};

struct twin {
    unsigned copies, needed;
    struct twin_answer answers[COPIES];
    struct dot newest_ever;
};

static struct rng rng;
static struct read_tally tally;
static struct twin twin;

static struct dot dot_at(uint64_t stamp)
{
    return stamp == 0 ? DOT_NONE : (struct dot){.stamp = stamp, .node = 1};
}

static struct shown draw(void)
{
    struct shown shown = {.votes = !rng_chance(&rng, 1, 8)};

    if (rng_chance(&rng, 1, 2)) {
        shown.dot = dot_at(1 + rng_below(&rng, 4));
        return shown;
    }
    if (rng_chance(&rng, 1, 3))
        shown.absence.mark = dot_at(rng_below(&rng, 6));
    if (rng_chance(&rng, 1, 3))
        shown.absence.floor = rng_below(&rng, 6);
    if (rng_chance(&rng, 1, 2))
        shown.absence.settled = rng_below(&rng, 6);
    return shown;
}

/* ---- the twin ---- */

enum outcome { SAYS_MORE, SAYS_NOTHING, SAYS_VERSION };

static bool is_vote(const struct twin_answer *answer, struct dot dot, unsigned last_seen)
{
    const struct absence *absence = &answer->shown.absence;

    if (dot_exists(answer->shown.dot) || dot_compare(absence->mark, dot) > 0)
        return true;
    if (absence->floor >= dot.stamp)
        return false;
    return absence->settled < dot.stamp || answer->answered < last_seen;
}

static enum outcome decide(bool last, struct dot *newest)
{
    struct dot mark = DOT_NONE;
    unsigned votes = 0, voters = 0, last_seen = 0;

    *newest = DOT_NONE;
    for (unsigned i = 0; i < twin.copies; i++) {
        const struct twin_answer *answer = &twin.answers[i];
        if (!answer->there)
            continue;
        voters++;
        mark = dot_max(mark, answer->shown.absence.mark);
        *newest = dot_max(*newest, answer->shown.dot);
    }
    if (voters < twin.needed)
        return SAYS_MORE;
    /* What was seen and is not there any more has vanished, and what is older is not brought back
     * for that: the model need not care, for its answers are whole. */
    if (!dot_exists(*newest) || dot_compare(mark, *newest) > 0 ||
        dot_compare(*newest, twin.newest_ever) < 0)
        return SAYS_NOTHING;
    for (unsigned i = 0; i < twin.copies; i++)
        if (twin.answers[i].there && dot_equal(twin.answers[i].shown.dot, *newest) &&
            twin.answers[i].asked > last_seen)
            last_seen = twin.answers[i].asked;
    for (unsigned i = 0; i < twin.copies; i++)
        votes += twin.answers[i].there && is_vote(&twin.answers[i], *newest, last_seen);
    if (votes >= twin.needed)
        return SAYS_VERSION;
    return last ? SAYS_NOTHING : SAYS_MORE;
}

static void note(unsigned replica, const struct shown *shown, unsigned asked, unsigned answered)
{
    if (!shown->votes) /* what it answered before stands */
        return;
    twin.answers[replica] = (struct twin_answer){
        .there = true, .shown = *shown, .asked = asked, .answered = answered};
    twin.newest_ever = dot_max(twin.newest_ever, shown->dot);
}

/* ---- both ---- */

static void give(unsigned replica, const struct shown *shown, struct dot named)
{
    const struct version version = {
        .dot = shown->dot, .kind = VALUE_STRING, .deadline_ms = DEADLINE_NEVER};
    uint8_t status = ANSWER_VERSION;

    if (!shown->votes)
        status = ANSWER_NOT_VOTING;
    else if (dot_equal(shown->dot, named))
        status = ANSWER_SAME;
    else if (!dot_exists(shown->dot))
        status = ANSWER_NONE;
    read_tally_add(&tally, replica, status, &version, &shown->absence, 0);
}

static void compare(void)
{
    struct dot newest;

    switch (tally.state) {
    case TALLY_DONE:
        if (version_exists(&tally.winner)) {
            cr_assert_eq(decide(true, &newest), SAYS_VERSION);
            cr_assert(dot_equal(newest, tally.winner.dot));
        } else {
            cr_assert_eq(decide(true, &newest), SAYS_NOTHING);
            cr_assert(dot_compare(tally.gone, newest) >= 0);
            cr_assert(decide(false, &newest) == SAYS_NOTHING ||
                          tally.waiting + read_tally_count(&tally, TALLY_UNASKED) == 0,
                      "somebody could still have told");
        }
        return;
    case TALLY_FAILED:
        cr_assert_eq(decide(true, &newest), SAYS_MORE);
        return;
    default:
        cr_assert_eq(decide(false, &newest), SAYS_MORE, "it could have been decided");
        return;
    }
}

/* Who is asked and has not answered; `asked` has when, 0 for the others. */
static unsigned pick(const unsigned *asked)
{
    unsigned count = 0, chosen = COPIES;

    for (unsigned i = 0; i < twin.copies; i++)
        if (asked[i] != 0 && rng_below(&rng, ++count) == 0)
            chosen = i;
    cr_assert_lt(chosen, COPIES, "it waits, and nobody was asked");
    return chosen;
}

static void read_once(void)
{
    unsigned asked[COPIES] = {0};
    struct dot named[COPIES];
    struct shown shown[COPIES];
    unsigned moment = 1, looks = 0;

    twin = (struct twin){.copies = 1 + (unsigned)rng_below(&rng, COPIES)};
    twin.needed = 1 + (unsigned)rng_below(&rng, twin.copies);
    for (unsigned i = 0; i < twin.copies; i++)
        shown[i] = draw();
    shown[0].votes = true; /* it coordinates */
    const struct version have = {
        .dot = shown[0].dot, .kind = VALUE_STRING, .deadline_ms = DEADLINE_NEVER};
    cr_assert(read_tally_begin(&tally, false, twin.copies, twin.needed, &have));
    note(0, &shown[0], moment, moment);
    give(0, &shown[0], shown[0].dot);
    compare();
    while (tally.state != TALLY_DONE && tally.state != TALLY_FAILED) {
        int replica = -1;
        if (tally.state == TALLY_LOOK)
            replica = (int)read_tally_look(&tally, 0);
        else if (tally.state == TALLY_ASK || rng_chance(&rng, 1, 8))
            replica = read_tally_ask(&tally);
        if (replica >= 0) {
            asked[replica] = ++moment;
            named[replica] = tally.asking;
            continue;
        }
        const unsigned answering = pick(asked);
        looks += twin.answers[answering].there;
        note(answering, &shown[answering], asked[answering], ++moment);
        asked[answering] = 0;
        give(answering, &shown[answering], named[answering]);
        compare();
        if (rng_chance(&rng, 1, 3)) { /* before it is looked at again; nothing becomes older */
            const struct dot before = shown[answering].dot;
            shown[answering] = draw();
            if (dot_exists(shown[answering].dot))
                shown[answering].dot = dot_max(before, shown[answering].dot);
        }
    }
    cr_assert_leq(looks, TALLY_LOOKS_MAX);
}

Test(absence_model, a_read_decides_as_the_model_does)
{
    const char *given = getenv("DUNLIN_SEED");

    for (uint64_t seed = 1; seed <= (given != NULL ? 1 : 3); seed++) {
        const uint64_t used = given != NULL ? strtoull(given, NULL, 0) : seed;
        fprintf(stderr, "seed %" PRIu64 "; replay: DUNLIN_SEED=%" PRIu64 " ./model_absence\n", used,
                used);
        rng_init(&rng, used);
        for (unsigned i = 0; i < READS; i++)
            read_once();
    }
    read_tally_deinit(&tally);
}
