/* SPDX-License-Identifier: BSD-3-Clause */
#include "replica/tally.h"

#include "base/assert.h"
#include "base/rule.h"
#include "value/merge.h"

/* What a tally's buffers keep between requests, bytes. */
#define BYTES_KEPT 4096
/* A larger value has room around it, bytes, for the head and the end of a reply that takes it over
 * with its buffer. */
#define ROOM_BEFORE 32
#define ROOM_BEHIND 2

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
    /* Only of a repair has anybody not been asked. */
    if (write_tally_count(tally, TALLY_UNASKED) > 0)
        return TALLY_ASK;
    if (!dot_exists(tally->forgotten) || tally->restamps_left == 0)
        return TALLY_FAILED;
    tally->known = tally->forgotten;
    return TALLY_RESTAMP;
}

void write_tally_begin_repair(struct write_tally *tally, unsigned copies, unsigned needed,
                              struct dot dot, uint16_t holders, uint16_t stale)
{
    write_tally_begin(tally, copies, needed, 0, dot);
    for (unsigned i = 0; i < copies; i++) {
        if (stale >> i & 1)
            continue;
        tally->waiting--;
        tally->statuses[i] = holders >> i & 1 ? ACK_OK : TALLY_UNASKED;
        tally->acknowledged += holders >> i & 1;
    }
    tally->state = decide_write(tally);
}

int write_tally_ask(struct write_tally *tally)
{
    unsigned replica = 0;

    while (replica < tally->copies && tally->statuses[replica] != TALLY_UNASKED)
        replica++;
    if (replica == tally->copies)
        return -1;
    tally->statuses[replica] = TALLY_WAITING;
    tally->waiting++;
    if (tally->state == TALLY_ASK)
        tally->state = decide_write(tally);
    return (int)replica;
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
    if (tally->state == TALLY_PENDING || tally->state == TALLY_RESTAMP)
        tally->state = decide_write(tally);
    return tally->state;
}

bool write_tally_may_do(const struct write_tally *tally)
{
    return tally->waiting > 0 && tally->acknowledged + tally->waiting >= tally->needed;
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
    block_release(&tally->block);
}

void read_tally_lend(struct read_tally *tally, struct block *block)
{
    block_release(&tally->block);
    tally->block = block;
}

/* Whether dots alone do not tell what voters have. */
static bool merges(const struct read_tally *tally)
{
    return tally->siblings || tally->winner_digest != 0;
}

/* Whether what a voter has is the winner; of siblings, has the newest dot of it. */
static bool holds(const struct read_tally *tally, const struct read_vote *vote)
{
    return vote->status <= ANSWER_NONE && !vote->absent && dot_equal(vote->dot, tally->winner.dot);
}

/* When the winner was looked at last: that is not before the question, and 0 when nobody has it any
 * more. */
static uint16_t last_look(const struct read_tally *tally)
{
    uint16_t last = 0;

    for (unsigned i = 0; i < tally->copies; i++)
        if (holds(tally, &tally->replicas[i]) && tally->replicas[i].asked > last)
            last = tally->replicas[i].asked;
    return last;
}

static struct dot newest_mark(const struct read_tally *tally)
{
    struct dot newest = DOT_NONE;

    for (unsigned i = 0; i < tally->copies; i++)
        if (tally->replicas[i].status <= ANSWER_NONE && tally->replicas[i].absent)
            newest = dot_max(newest, tally->details[i].absence.mark);
    return newest;
}

/* Whether a replica's answer counts for the winner, which was looked at then. */
static bool is_vote(const struct read_tally *tally, unsigned replica, uint16_t looked)
{
    const struct read_vote *vote = &tally->replicas[replica];
    const struct absence *absence = &tally->details[replica].absence;
    const uint64_t stamp = tally->winner.dot.stamp;

    if (vote->status > ANSWER_NONE)
        return false;
    if (!vote->absent)
        return true;
    if (RULE(10) && absence->floor >= stamp)
        return false;
    return !RULE(11) || absence->settled < stamp || vote->answered < looked;
}

static unsigned votes_for_winner(const struct read_tally *tally, uint16_t looked)
{
    unsigned votes = 0;

    for (unsigned i = 0; i < tally->copies; i++)
        votes += is_vote(tally, i, looked);
    return votes;
}

static bool may_look(const struct read_tally *tally)
{
    bool found = false;

    for (unsigned i = 0; i < tally->copies; i++)
        found |= holds(tally, &tally->replicas[i]) && !tally->replicas[i].lost;
    return found && tally->looks < TALLY_LOOKS_MAX;
}

/* What one of the absences may hide is no more there than the winner was: it may yet come to
 * another replica, late, and an update would take it for newer than what was read (rule 10). */
static struct dot highest_floor(const struct read_tally *tally)
{
    uint64_t highest = 0;

    for (unsigned i = 0; RULE(10) && i < tally->copies; i++) {
        const struct read_vote *vote = &tally->replicas[i];
        const uint64_t floor = tally->details[i].absence.floor;
        if (vote->status <= ANSWER_NONE && vote->absent && floor > highest)
            highest = floor;
    }
    return highest == 0 ? DOT_NONE : (struct dot){.stamp = highest, .node = UINT16_MAX};
}

static enum tally_state decide_nothing(struct read_tally *tally, struct dot mark)
{
    tally->gone = dot_max(dot_max(mark, tally->winner.dot), highest_floor(tally));
    tally->winner = (struct version){.deadline_ms = DEADLINE_NEVER};
    tally->winner_digest = 0;
    return TALLY_DONE;
}

/* R replicas have voted, and some of them have nothing. */
static enum tally_state decide_with_absences(struct read_tally *tally)
{
    const struct dot mark = newest_mark(tally);
    const uint16_t looked = last_look(tally);

    /* One that was there at the first look and not at the second has vanished meanwhile. */
    if (looked == 0 || dot_compare(mark, tally->winner.dot) > 0)
        return decide_nothing(tally, mark);
    if (votes_for_winner(tally, looked) >= tally->needed)
        return TALLY_DONE;
    if (tally->looking >= 0)
        return TALLY_PENDING;
    if (may_look(tally) && votes_for_winner(tally, UINT16_MAX) >= tally->needed)
        return TALLY_LOOK;
    if (tally->waiting > 0)
        return TALLY_PENDING;
    if (tally->answers < tally->copies)
        return TALLY_ASK;
    return decide_nothing(tally, mark);
}

static enum tally_state decide_read(struct read_tally *tally)
{
    const unsigned coming = tally->votes + tally->waiting;

    if (tally->votes >= tally->needed)
        return tally->absences == 0 ? TALLY_DONE : decide_with_absences(tally);
    if (coming >= tally->needed)
        return TALLY_PENDING;
    /* All but those whose answer is no vote. */
    return tally->copies - tally->answers + tally->votes >= tally->needed ? TALLY_ASK
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

static void append_value(struct buffer *out, struct span value)
{
    if (value.size > BYTES_KEPT)
        buffer_begin_behind(out, ROOM_BEFORE, value.size + ROOM_BEHIND);
    buffer_append_span(out, value);
}

static bool in_block(const struct read_tally *tally, struct span value)
{
    return __builtin_expect(tally->block != NULL, 0) && block_holds(tally->block, value);
}

/* `version` becomes the winner, whatever it was. */
static bool replace_winner(struct read_tally *tally, const struct version *version)
{
    /* What is there already may be what it is made of. */
    struct buffer *out = version_exists(&tally->winner) ? &tally->spare : &tally->bytes;

    buffer_reset(out, BYTES_KEPT);
    if (!tally->siblings && in_block(tally, version->value)) {
        tally->winner = *version;
        tally->winner_digest = version_digest(version);
        return true;
    }
    if (!tally->siblings)
        append_value(out, version->value);
    else if (!append_as_set(version, out))
        return false;
    if (out->failed)
        return false;
    if (out == &tally->spare)
        take_spare(tally);
    tally->winner = *version;
    tally->winner.value = buffer_content(&tally->bytes);
    if (tally->siblings)
        tally->winner = siblings_version(tally->winner.value);
    tally->winner_digest = version_digest(&tally->winner);
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
    tally->differing = false;
    tally->answers = 0;
    tally->absences = 0;
    tally->looks = 0;
    tally->looking = -1;
    tally->moment = 0;
    tally->claim_version = 0;
    tally->winner = (struct version){0};
    tally->winner_digest = 0;
    tally->gone = DOT_NONE;
    for (unsigned i = 0; i < copies; i++)
        tally->replicas[i].status = TALLY_UNASKED;
    tally->state = TALLY_ASK;
    if (version_exists(have) && !replace_winner(tally, have))
        return false;
    tally->have = tally->asking = tally->winner.dot;
    tally->have_digest = tally->asking_digest = tally->winner_digest;
    return true;
}

void read_tally_end(struct read_tally *tally)
{
    buffer_reset(&tally->bytes, BYTES_KEPT);
    buffer_reset(&tally->spare, BYTES_KEPT);
    if (__builtin_expect(tally->block != NULL, 0))
        block_release(&tally->block);
}

int read_tally_ask(struct read_tally *tally)
{
    unsigned replica = 0;

    while (replica < tally->copies && tally->replicas[replica].status != TALLY_UNASKED)
        replica++;
    if (replica == tally->copies)
        return -1;
    tally->replicas[replica].status = TALLY_WAITING;
    tally->replicas[replica].asked = ++tally->moment;
    tally->waiting++;
    tally->asking = tally->have;
    tally->asking_digest = tally->have_digest;
    if (tally->state == TALLY_ASK)
        tally->state = decide_read(tally);
    return (int)replica;
}

unsigned read_tally_look(struct read_tally *tally, unsigned self)
{
    unsigned replica = self;

    ensure(tally->state == TALLY_LOOK && self < tally->copies);
    if (!holds(tally, &tally->replicas[self]) || tally->replicas[self].lost)
        for (replica = 0; !holds(tally, &tally->replicas[replica]) || tally->replicas[replica].lost;
             replica++)
            ensure(replica + 1 < tally->copies);
    tally->looks++;
    tally->looking = (int8_t)replica;
    tally->asking = tally->replicas[replica].dot;
    tally->asking_digest = merges(tally) ? tally->details[replica].digest : 0;
    /* What it says then is not yet known: until it answers it was looked at when it was before. */
    tally->looking_since = ++tally->moment;
    tally->state = TALLY_PENDING;
    return replica;
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
        tally->details[replica].digest = siblings_digest(set);
        take_spare(tally);
        tally->winner = siblings_version(buffer_content(&tally->bytes));
        tally->winner_digest = siblings_digest(tally->winner.value);
    }
    buffer_deinit(&lifted);
    return merged;
}

static bool merge_counters(struct read_tally *tally, unsigned replica,
                           const struct version *version)
{
    struct version merged;

    buffer_reset(&tally->spare, BYTES_KEPT);
    if (counter_merge(&tally->winner, version, 0, &tally->spare, &merged) != COUNTER_OK)
        return false;
    tally->details[replica].digest = version_digest(version);
    take_spare(tally);
    tally->winner = merged;
    tally->winner_digest = version_digest(&merged);
    return true;
}

static bool merge(struct read_tally *tally, unsigned replica, const struct version *version)
{
    if (tally->siblings)
        return merge_siblings(tally, replica, version);
    tally->replicas[replica].dot = version->dot;
    if (versions_count(version, &tally->winner))
        return merge_counters(tally, replica, version);
    return dot_compare(version->dot, tally->winner.dot) <= 0 || replace_winner(tally, version);
}

static void take_same(struct read_tally *tally, unsigned replica)
{
    struct read_vote *vote = &tally->replicas[replica];

    vote->dot = tally->have;
    if (tally->siblings || tally->have_digest != 0)
        tally->details[replica].digest = tally->have_digest;
    vote->absent = !dot_exists(tally->have);
}

/* Notes what a vote says; false when it could not be merged. SAME is what the question named. */
static bool take_vote(struct read_tally *tally, unsigned replica, uint8_t status,
                      const struct version *version, const struct absence *absence)
{
    struct read_vote *vote = &tally->replicas[replica];
    const bool again = tally->looking == (int)replica;

    vote->absent = false;
    if (status == ANSWER_SAME && !again) {
        take_same(tally, replica);
    } else if (status != ANSWER_SAME) {
        vote->dot = DOT_NONE;
        tally->details[replica].digest = 0;
        vote->absent = status == ANSWER_NONE || !version_exists(version);
        tally->differing = true;
    }
    if (vote->absent)
        tally->details[replica].absence = absence != NULL ? *absence : (struct absence){0};
    return status != ANSWER_VERSION || vote->absent || merge(tally, replica, version);
}

/* The answer of one that was asked again. Where it cannot tell, what it answered before stands. */
static enum tally_state add_look(struct read_tally *tally, unsigned replica, uint8_t status,
                                 const struct version *version, const struct absence *absence)
{
    struct read_vote *vote = &tally->replicas[replica];
    const struct read_vote before = *vote;
    const struct read_detail detail = tally->details[replica];
    bool told = status <= ANSWER_NONE;

    if (told && !take_vote(tally, replica, status, version, absence)) {
        *vote = before;
        tally->details[replica] = detail;
        told = false;
    }
    tally->looking = -1;
    vote->lost = !told;
    if (told) {
        vote->asked = tally->looking_since;
        vote->answered = ++tally->moment;
        tally->absences += vote->absent;
    }
    return tally->state = decide_read(tally);
}

enum tally_state read_tally_add(struct read_tally *tally, unsigned replica, uint8_t status,
                                const struct version *version, const struct absence *absence,
                                uint64_t claim_version)
{
    ensure(replica < tally->copies);
    struct read_vote *vote = &tally->replicas[replica];
    const uint16_t before = vote->status;
    if (tally->state == TALLY_DONE || tally->state == TALLY_FAILED)
        return tally->state;
    if (tally->looking == (int)replica)
        return add_look(tally, replica, status, version, absence);
    if (before != TALLY_WAITING && before != TALLY_UNASKED)
        return tally->state;
    tally->waiting -= before == TALLY_WAITING;
    tally->answers++;
    vote->lost = false;
    vote->answered = ++tally->moment;
    if (before == TALLY_UNASKED)
        vote->asked = vote->answered;
    if (status == ANSWER_SAME && dot_exists(tally->have)) { /* by far the most */
        take_same(tally, replica);
        tally->votes++;
        vote->status = status;
        return tally->state = decide_read(tally);
    }
    const bool votes = status == ANSWER_SAME || status == ANSWER_VERSION || status == ANSWER_NONE;
    if (votes && !take_vote(tally, replica, status, version, absence)) {
        status = ANSWER_FULL;
    } else if (votes) {
        tally->votes++;
        tally->absences += vote->absent;
    } else if (claim_version > tally->claim_version) {
        tally->claim_version = claim_version;
    }
    vote->status = status;
    tally->state = decide_read(tally);
    return tally->state;
}

/* Whether what has nothing had the winner, or something newer, or may have had. */
static bool vanished(const struct read_tally *tally, unsigned replica)
{
    const struct absence *absence = &tally->details[replica].absence;
    const struct dot winner = tally->winner.dot;

    return tally->replicas[replica].absent &&
           (dot_compare(absence->mark, winner) >= 0 || absence->floor >= winner.stamp ||
            absence->settled >= winner.stamp);
}

uint16_t read_tally_stale(const struct read_tally *tally)
{
    uint16_t stale = 0;

    if (!tally->differing || !version_exists(&tally->winner))
        return 0;
    for (unsigned i = 0; i < tally->copies; i++) {
        const struct read_vote *vote = &tally->replicas[i];
        if (vote->status > ANSWER_NONE || vanished(tally, i))
            continue;
        if (!dot_equal(vote->dot, tally->winner.dot) ||
            (merges(tally) && tally->details[i].digest != tally->winner_digest))
            stale |= (uint16_t)(1u << i);
    }
    return stale;
}

uint64_t read_tally_settled(const struct read_tally *tally)
{
    uint64_t highest = 0;

    for (unsigned i = 0; i < tally->copies; i++)
        if (tally->replicas[i].status <= ANSWER_NONE && tally->replicas[i].absent &&
            tally->details[i].absence.settled > highest)
            highest = tally->details[i].absence.settled;
    return highest;
}

uint16_t read_tally_voters(const struct read_tally *tally)
{
    uint16_t voters = 0;

    for (unsigned i = 0; i < tally->copies; i++)
        if (tally->replicas[i].status <= ANSWER_NONE)
            voters |= (uint16_t)(1u << i);
    return voters;
}

unsigned read_tally_count(const struct read_tally *tally, unsigned status)
{
    unsigned count = 0;

    for (unsigned i = 0; i < tally->copies; i++)
        count += tally->replicas[i].status == status;
    return count;
}
