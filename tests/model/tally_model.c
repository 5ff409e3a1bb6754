/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The tallies against brute force: every mix of answers of up to five replicas, in every order.
 */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "replica/tally.h"
#include "value/siblings.h"

TestSuite(tally_model, .timeout = TIMEOUT_S(60));

#define MODEL_COPIES_MAX 5

static struct dot dot(uint64_t stamp, node_number node)
{
    return (struct dot){.stamp = stamp, .node = node};
}

/* ---- all orders, all mixes ---- */

/* Makes `order` the next permutation; false after the last. */
static bool next_order(unsigned *order, unsigned count)
{
    unsigned i = count - 1;
    unsigned j = count - 1;

    if (count < 2)
        return false;
    while (i > 0 && order[i - 1] >= order[i])
        i--;
    if (i == 0)
        return false;
    while (order[j] <= order[i - 1])
        j--;
    unsigned swapped = order[i - 1];
    order[i - 1] = order[j];
    order[j] = swapped;
    for (j = count - 1; i < j; i++, j--) {
        swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
    return true;
}

static void first_order(unsigned *order, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        order[i] = i;
}

/* Counts `mix` up as a number of base `base`; false after the last. */
static bool next_mix(unsigned *mix, unsigned count, unsigned base)
{
    for (unsigned i = 0; i < count; i++) {
        if (++mix[i] < base)
            return true;
        mix[i] = 0;
    }
    return false;
}

/* ---- writes ---- */

static const struct {
    uint8_t status;
    struct dot known;
} write_answers[] = {
    {ACK_OK, {0, 0}},
    {ACK_NEWER, {20, 1}},
    {ACK_FORGETFUL, {30, 1}},
    {ACK_DOWN, {0, 0}},
};

#define WRITE_ANSWERS (sizeof write_answers / sizeof write_answers[0])

/* What the first `seen` answers of an order say, by the rules and nothing else. */
static enum tally_state judge_write(const unsigned *mix, const unsigned *order, unsigned copies,
                                    unsigned seen, unsigned needed, unsigned restamps)
{
    unsigned acknowledged = 0;
    bool newer = false, forgot = false;

    for (unsigned i = 0; i < seen; i++) {
        const unsigned status = write_answers[mix[order[i]]].status;
        acknowledged += status == ACK_OK;
        newer = newer || status == ACK_NEWER;
        forgot = forgot || status == ACK_FORGETFUL;
    }
    if (acknowledged >= needed)
        return TALLY_DONE;
    if (newer && restamps > 0)
        return TALLY_RESTAMP;
    if (acknowledged + (copies - seen) >= needed)
        return TALLY_PENDING;
    return forgot && restamps > 0 ? TALLY_RESTAMP : TALLY_FAILED;
}

static void try_write(const unsigned *mix, const unsigned *order, unsigned copies, unsigned needed,
                      unsigned restamps)
{
    struct write_tally tally;
    enum tally_state expected = TALLY_PENDING;
    unsigned acknowledged = 0;

    write_tally_begin(&tally, copies, needed, restamps, dot(10, 1));
    for (unsigned i = 0; i < copies; i++) {
        const unsigned replica = order[i];
        if (expected == TALLY_PENDING || expected == TALLY_RESTAMP)
            expected = judge_write(mix, order, copies, i + 1, needed, restamps);
        write_tally_add(&tally, replica, write_answers[mix[replica]].status,
                        write_answers[mix[replica]].known, 0);
        if (tally.state != expected)
            cr_assert(false, "state %d, expected %d, after %u of N=%u W=%u", (int)tally.state,
                      (int)expected, i + 1, copies, needed);
        acknowledged += write_answers[mix[replica]].status == ACK_OK;
    }
    if (tally.state == TALLY_PENDING || tally.acknowledged != acknowledged || tally.waiting != 0)
        cr_assert(false, "all have answered, and N=%u W=%u is not decided", copies, needed);
    if ((tally.state == TALLY_DONE) != (acknowledged >= needed))
        cr_assert(false, "the order of answers decided N=%u W=%u", copies, needed);
}

Test(tally_model, writes_are_decided_by_the_first_answers_that_can_in_every_order)
{
    for (unsigned copies = 1; copies <= MODEL_COPIES_MAX; copies++)
        for (unsigned needed = 1; needed <= copies; needed++)
            for (unsigned restamps = 0; restamps < 2; restamps++) {
                unsigned mix[MODEL_COPIES_MAX] = {0};
                unsigned order[MODEL_COPIES_MAX];
                do {
                    first_order(order, copies);
                    do
                        try_write(mix, order, copies, needed, restamps);
                    while (next_order(order, copies));
                } while (next_mix(mix, copies, WRITE_ANSWERS));
            }
}

/* ---- reads ---- */

/* What replicas may have: the first is nothing at all. */
#define VERSIONS_MAX 5
static struct version versions[VERSIONS_MAX];
static unsigned version_count;
static bool siblings;

/* And what they say where they have no vote; a mix's numbers go on behind the versions. */
static const uint8_t refusals[] = {ANSWER_NOT_VOTING, ANSWER_DOWN};
#define REFUSALS 2

static bool votes(unsigned kind)
{
    return kind < version_count;
}

static void answer(struct read_tally *tally, unsigned replica, unsigned kind)
{
    const struct version *version = votes(kind) ? &versions[kind] : NULL;
    uint8_t status = ANSWER_VERSION;

    if (version == NULL) {
        status = refusals[kind - version_count];
    } else if (!version_exists(version)) {
        status = ANSWER_NONE;
    } else if (dot_equal(version->dot, tally->have) &&
               (!siblings || siblings_digest(version->value) == tally->have_digest)) {
        status = ANSWER_SAME;
        version = NULL;
    }
    read_tally_add(tally, replica, status, version, NULL, 0);
}

static void merge_into(struct buffer *merged, const struct version *version)
{
    struct buffer next = {0};

    cr_assert_eq(siblings_merge(buffer_content(merged), version->value, &next), SIBLINGS_OK);
    buffer_deinit(merged);
    *merged = next;
}

/* Whether the winner is the merge of just the votes that were counted, and stale who lacks it. */
static bool winner_is_right(const struct read_tally *tally, const unsigned *mix)
{
    struct version newest = {0};
    struct buffer merged = {0};
    bool right;

    for (unsigned i = 0; i < tally->copies; i++) {
        if (tally->replicas[i].status > ANSWER_NONE)
            continue;
        if (dot_compare(versions[mix[i]].dot, newest.dot) > 0)
            newest = versions[mix[i]];
        if (siblings)
            merge_into(&merged, &versions[mix[i]]);
    }
    right = dot_equal(tally->winner.dot, newest.dot);
    newest.value = siblings ? buffer_content(&merged) : newest.value;
    right = right && span_equal(tally->winner.value, newest.value);
    for (unsigned i = 0; i < tally->copies; i++) {
        const bool stale = tally->replicas[i].status <= ANSWER_NONE &&
                           !(dot_equal(versions[mix[i]].dot, newest.dot) &&
                             span_equal(versions[mix[i]].value, newest.value));
        right = right && stale == (read_tally_stale(tally) >> i & 1);
    }
    buffer_deinit(&merged);
    return right;
}

/* Replica 0 coordinates. Whoever stands first in `order` of those asked answers next. */
static void try_read(struct read_tally *tally, const unsigned *mix, const unsigned *order,
                     unsigned copies, unsigned needed, bool hedge)
{
    unsigned voters = 0;
    unsigned asked = 0;

    cr_assert(read_tally_begin(tally, siblings, copies, needed, &versions[mix[0]]));
    read_tally_add(tally, 0, ANSWER_SAME, NULL, NULL, 0);
    asked += hedge && read_tally_ask(tally) >= 0;
    while (tally->state == TALLY_ASK || tally->state == TALLY_PENDING) {
        while (tally->state == TALLY_ASK) {
            cr_assert_geq(read_tally_ask(tally), 0);
            asked++;
        }
        unsigned i = 0;
        while (tally->state == TALLY_PENDING && i < copies &&
               tally->replicas[order[i]].status != TALLY_WAITING)
            i++;
        cr_assert_lt(i, copies, "pending, and nobody was asked");
        if (tally->state == TALLY_PENDING)
            answer(tally, order[i], mix[order[i]]);
    }
    for (unsigned i = 0; i < copies; i++)
        voters += votes(mix[i]);
    if ((tally->state == TALLY_DONE) != (voters >= needed))
        cr_assert(false, "N=%u R=%u: state %d with %u voters", copies, needed, (int)tally->state,
                  voters);
    if (tally->state != TALLY_DONE)
        return;
    if (tally->votes != needed || !winner_is_right(tally, mix))
        cr_assert(false, "N=%u R=%u: a wrong winner, or wrong stale", copies, needed);
    const unsigned refused = read_tally_count(tally, ANSWER_DOWN) +
                             read_tally_count(tally, ANSWER_NOT_VOTING);
    if (asked > needed - 1 + refused + hedge)
        cr_assert(false, "N=%u R=%u: asked %u, of whom %u refused", copies, needed, asked, refused);
}

static void try_reads(unsigned copies_max)
{
    struct read_tally tally = {0};

    for (unsigned copies = 1; copies <= copies_max; copies++)
        for (unsigned needed = 1; needed <= copies; needed++) {
            unsigned mix[MODEL_COPIES_MAX] = {0};
            unsigned order[MODEL_COPIES_MAX];
            do {
                if (!votes(mix[0]))
                    continue;
                first_order(order, copies);
                do {
                    try_read(&tally, mix, order, copies, needed, false);
                    try_read(&tally, mix, order, copies, needed, true);
                } while (next_order(order + 1, copies - 1));
            } while (next_mix(mix, copies, version_count + REFUSALS));
        }
    read_tally_deinit(&tally);
}

Test(tally_model, reads_give_the_newest_of_the_votes_in_every_order)
{
    static const struct span values[] = {{NULL, 0}, SPAN("a"), SPAN("b")};

    siblings = false;
    version_count = 3;
    for (unsigned i = 1; i < version_count; i++)
        versions[i] = (struct version){.dot = dot(i, 1),
                                       .kind = VALUE_STRING,
                                       .deadline_ms = DEADLINE_NEVER,
                                       .value = values[i]};
    try_reads(MODEL_COPIES_MAX);
}

Test(tally_model, reads_of_siblings_give_the_merge_of_the_votes_in_every_order)
{
    static const struct context nothing;
    const struct span empty = span_of(NULL, 0);
    struct buffer sets[VERSIONS_MAX] = {{0}};
    struct context seen;

    /* One write; one concurrent to it; one that overwrote the first; an erasure of the second. */
    siblings_write(empty, &nothing, dot(1, 1), DEADLINE_NEVER, SPAN("one"), 0, &sets[1]);
    siblings_write(empty, &nothing, dot(2, 2), DEADLINE_NEVER, SPAN("two"), 0, &sets[2]);
    siblings_context(buffer_content(&sets[1]), &seen);
    siblings_write(buffer_content(&sets[1]), &seen, dot(3, 3), DEADLINE_NEVER, SPAN("three"), 0,
                   &sets[3]);
    siblings_context(buffer_content(&sets[2]), &seen);
    siblings_erase(buffer_content(&sets[2]), &seen, dot(4, 1), 0, &sets[4]);
    siblings = true;
    version_count = VERSIONS_MAX;
    for (unsigned i = 1; i < VERSIONS_MAX; i++)
        versions[i] = siblings_version(buffer_content(&sets[i]));
    try_reads(4);
    for (unsigned i = 0; i < VERSIONS_MAX; i++)
        buffer_deinit(&sets[i]);
}
