/* SPDX-License-Identifier: BSD-3-Clause */
#include "replica/tally.h"

#include "base/assert.h"
#include "value/siblings.h"

/* What a tally's buffers keep between requests, bytes. */
#define BYTES_KEPT 65536

/* ---- writes ---- */

static void wait_for_all(struct write_tally *tally, struct dot dot)
{
    tally->state = TALLY_PENDING;
    tally->dot = dot;
    tally->known = tally->forgotten = DOT_NONE;
    tally->acknowledged = 0;
    tally->waiting = tally->copies;
    for (unsigned i = 0; i < tally->copies; i++)
        tally->statuses[i] = TALLY_WAITING;
}

void write_tally_begin(struct write_tally *tally, unsigned copies, unsigned needed,
                       unsigned restamps, struct dot dot)
{
    ensure(needed >= 1 && needed <= copies && copies <= TALLY_COPIES_MAX);
    ensure(restamps <= UINT8_MAX);
    tally->copies = (uint8_t)copies;
    tally->needed = (uint8_t)needed;
    tally->restamps_left = (uint8_t)restamps;
    tally->claim_version = 0;
    wait_for_all(tally, dot);
}

void write_tally_restamp(struct write_tally *tally, struct dot dot)
{
    ensure(tally->state == TALLY_RESTAMP);
    tally->restamps_left--;
    wait_for_all(tally, dot);
}

static enum tally_state decide_write(struct write_tally *tally)
{
    if (tally->acknowledged >= tally->needed)
        return TALLY_DONE;
    if (dot_exists(tally->known) && tally->restamps_left > 0)
        return TALLY_RESTAMP;
    if (tally->acknowledged + tally->waiting >= tally->needed)
        return TALLY_PENDING;
    if (!dot_exists(tally->forgotten) || tally->restamps_left == 0)
        return TALLY_FAILED;
    tally->known = tally->forgotten;
    return TALLY_RESTAMP;
}

enum tally_state write_tally_add(struct write_tally *tally, unsigned replica, uint8_t status,
                                 struct dot known, uint64_t claim_version)
{
    ensure(replica < tally->copies);
    if (tally->statuses[replica] != TALLY_WAITING)
        return tally->state;
    tally->statuses[replica] = status;
    tally->waiting--;
    if (status == ACK_OK) {
        tally->acknowledged++;
    } else {
        if (claim_version > tally->claim_version)
            tally->claim_version = claim_version;
        /* A dot that is not above the write's own is no reason to stamp again. */
        if (status == ACK_NEWER && dot_compare(known, tally->dot) >= 0)
            tally->known = dot_max(tally->known, known);
        if (status == ACK_FORGETFUL && dot_compare(known, tally->dot) >= 0)
            tally->forgotten = dot_max(tally->forgotten, known);
    }
    if (tally->state == TALLY_PENDING)
        tally->state = decide_write(tally);
    return tally->state;
}

unsigned write_tally_count(const struct write_tally *tally, unsigned status)
{
    unsigned count = 0;

    for (unsigned i = 0; i < tally->copies; i++)
        count += tally->statuses[i] == status;
    return count;
}

/* ---- reads ---- */

void read_tally_deinit(struct read_tally *tally)
{
    buffer_deinit(&tally->bytes);
    buffer_deinit(&tally->spare);
}

static enum tally_state decide_read(const struct read_tally *tally)
{
    const unsigned coming = tally->votes + tally->waiting;

    if (tally->votes >= tally->needed)
        return TALLY_DONE;
    if (coming >= tally->needed)
        return TALLY_PENDING;
    return coming + read_tally_count(tally, TALLY_UNASKED) >= tally->needed ? TALLY_ASK
                                                                            : TALLY_FAILED;
}

/* The spare bytes become the winner's. */
static void take_spare(struct read_tally *tally)
{
    const struct buffer bytes = tally->bytes;

    tally->bytes = tally->spare;
    tally->spare = bytes;
}

/* Appends `version` to `out` as a set: a plain version, which is there where the rule of a keyspace
 * was another once, is the only write that its set knows of. */
static bool append_as_set(const struct version *version, struct buffer *out)
{
    static const struct context nothing;
    const struct span empty = span_of(NULL, 0);

    if (!version_exists(version))
        return true;
    if (version->kind == VALUE_STRING)
        return siblings_write(empty, &nothing, version->dot, version->deadline_ms, version->value,
                              INT64_MIN, out) == SIBLINGS_OK;
    if (version->value.size == 0)
        return siblings_erase(empty, &nothing, version->dot, INT64_MIN, out) == SIBLINGS_OK;
    buffer_append_span(out, version->value);
    return !out->failed;
}

/* `version` becomes the winner, whatever it was. */
static bool replace_winner(struct read_tally *tally, const struct version *version)
{
    buffer_reset(&tally->spare, BYTES_KEPT);
    if (tally->siblings) {
        if (!append_as_set(version, &tally->spare))
            return false;
    } else {
        buffer_append_span(&tally->spare, version->value);
        if (tally->spare.failed)
            return false;
    }
    take_spare(tally);
    tally->winner = *version;
    tally->winner.value = buffer_content(&tally->bytes);
    if (tally->siblings) {
        tally->winner = siblings_version(tally->winner.value);
        tally->winner_digest = siblings_digest(tally->winner.value);
    }
    return true;
}

bool read_tally_begin(struct read_tally *tally, bool siblings, unsigned copies, unsigned needed,
                      const struct version *have)
{
    ensure(needed >= 1 && needed <= copies && copies <= TALLY_COPIES_MAX);
    tally->siblings = siblings;
    tally->copies = (uint8_t)copies;
    tally->needed = (uint8_t)needed;
    tally->votes = 0;
    tally->waiting = 0;
    tally->claim_version = 0;
    tally->winner = (struct version){0};
    tally->winner_digest = 0;
    for (unsigned i = 0; i < copies; i++)
        tally->replicas[i].status = TALLY_UNASKED;
    tally->state = decide_read(tally);
    if (version_exists(have) && !replace_winner(tally, have))
        return false;
    tally->have = tally->winner.dot;
    tally->have_digest = tally->winner_digest;
    return true;
}

void read_tally_end(struct read_tally *tally)
{
    buffer_reset(&tally->bytes, BYTES_KEPT);
    buffer_reset(&tally->spare, BYTES_KEPT);
}

int read_tally_ask(struct read_tally *tally)
{
    unsigned replica = 0;

    while (replica < tally->copies && tally->replicas[replica].status != TALLY_UNASKED)
        replica++;
    if (replica == tally->copies)
        return -1;
    tally->replicas[replica].status = TALLY_WAITING;
    tally->waiting++;
    if (tally->state == TALLY_ASK)
        tally->state = decide_read(tally);
    return (int)replica;
}

/* Merges what a replica has into the winner, and notes it as the replica's. */
static bool merge_siblings(struct read_tally *tally, unsigned replica,
                           const struct version *version)
{
    struct buffer lifted = {0};
    struct span set = version->value;
    bool merged = true;

    if (version->kind == VALUE_STRING || set.size == 0) {
        merged = append_as_set(version, &lifted);
        set = buffer_content(&lifted);
    }
    buffer_reset(&tally->spare, BYTES_KEPT);
    merged = merged && siblings_merge(tally->winner.value, set, &tally->spare) == SIBLINGS_OK;
    if (merged) {
        tally->replicas[replica].dot = siblings_version(set).dot;
        tally->replicas[replica].digest = siblings_digest(set);
        take_spare(tally);
        tally->winner = siblings_version(buffer_content(&tally->bytes));
        tally->winner_digest = siblings_digest(tally->winner.value);
    }
    buffer_deinit(&lifted);
    return merged;
}

static bool merge(struct read_tally *tally, unsigned replica, const struct version *version)
{
    if (tally->siblings)
        return merge_siblings(tally, replica, version);
    tally->replicas[replica].dot = version->dot;
    return dot_compare(version->dot, tally->winner.dot) <= 0 || replace_winner(tally, version);
}

/* Notes what a vote says; false when it could not be merged. */
static bool take_vote(struct read_tally *tally, unsigned replica, uint8_t status,
                      const struct version *version)
{
    tally->replicas[replica].dot = status == ANSWER_SAME ? tally->have : DOT_NONE;
    tally->replicas[replica].digest = status == ANSWER_SAME ? tally->have_digest : 0;
    return status != ANSWER_VERSION || !version_exists(version) || merge(tally, replica, version);
}

enum tally_state read_tally_add(struct read_tally *tally, unsigned replica, uint8_t status,
                                const struct version *version, uint64_t claim_version)
{
    ensure(replica < tally->copies);
    const uint16_t before = tally->replicas[replica].status;
    if (tally->state == TALLY_DONE || tally->state == TALLY_FAILED ||
        (before != TALLY_WAITING && before != TALLY_UNASKED))
        return tally->state;
    tally->waiting -= before == TALLY_WAITING;
    const bool votes = status == ANSWER_SAME || status == ANSWER_VERSION || status == ANSWER_NONE;
    if (votes && !take_vote(tally, replica, status, version))
        status = ANSWER_FULL;
    else if (votes)
        tally->votes++;
    else if (claim_version > tally->claim_version)
        tally->claim_version = claim_version;
    tally->replicas[replica].status = status;
    tally->state = decide_read(tally);
    return tally->state;
}

uint16_t read_tally_stale(const struct read_tally *tally)
{
    uint16_t stale = 0;

    for (unsigned i = 0; i < tally->copies; i++) {
        const uint16_t status = tally->replicas[i].status;
        if (status != ANSWER_SAME && status != ANSWER_VERSION && status != ANSWER_NONE)
            continue;
        if (!dot_equal(tally->replicas[i].dot, tally->winner.dot) ||
            (tally->siblings && tally->replicas[i].digest != tally->winner_digest))
            stale |= (uint16_t)(1u << i);
    }
    return stale;
}

unsigned read_tally_count(const struct read_tally *tally, unsigned status)
{
    unsigned count = 0;

    for (unsigned i = 0; i < tally->copies; i++)
        count += tally->replicas[i].status == status;
    return count;
}
