/* SPDX-License-Identifier: BSD-3-Clause */
#include "gossip/session.h"

#include "base/assert.h"
#include "base/memory.h"

#define WINDOW 64

void sessions_init(struct sessions *sessions, size_t count_max)
{
    *sessions = (struct sessions){.count_max = count_max};
}

void sessions_deinit(struct sessions *sessions)
{
    memory_free(sessions->rows);
    *sessions = (struct sessions){0};
}

/* The index of `sender`, or where it belongs; *found tells which. */
static size_t locate(const struct sessions *sessions, struct identity sender, bool *found)
{
    size_t low = 0, high = sessions->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = identity_compare(&sessions->rows[middle].sender, &sender);

        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = false;
    return low;
}

static int life_compare(const struct session *session, const struct seal_head *head)
{
    if (head->boot != session->boot)
        return head->boot < session->boot ? -1 : 1;
    return (head->boot_nonce > session->boot_nonce) - (head->boot_nonce < session->boot_nonce);
}

static bool window_take(struct session *session, uint64_t sequence)
{
    if (sequence > session->top) {
        uint64_t step = sequence - session->top;

        session->seen = step < WINDOW ? session->seen << step | 1 : 1;
        session->top = sequence;
        return true;
    }
    uint64_t behind = session->top - sequence;

    if (behind >= WINDOW || session->seen >> behind & 1)
        return false;
    session->seen |= UINT64_C(1) << behind;
    return true;
}

enum gossip_drop sessions_take(struct sessions *sessions, const struct seal_head *head,
                               int64_t now_us)
{
    bool found;
    size_t at = locate(sessions, head->sender, &found);
    int order;

    if (!found)
        return GOSSIP_DROP_UNPROVEN;
    order = life_compare(&sessions->rows[at], head);
    if (order != 0)
        return order < 0 ? GOSSIP_DROP_OLD_BOOT : GOSSIP_DROP_UNPROVEN;
    if (!window_take(&sessions->rows[at], head->sequence))
        return GOSSIP_DROP_REPLAYED;
    sessions->rows[at].used_us = now_us;
    return GOSSIP_DROP_NONE;
}

/* Removes the session that was idle longest, if it may go. */
static bool evict(struct sessions *sessions, int64_t now_us)
{
    size_t oldest = 0;

    for (size_t i = 1; i < sessions->count; i++) {
        if (sessions->rows[i].used_us < sessions->rows[oldest].used_us)
            oldest = i;
    }
    if (now_us - sessions->rows[oldest].used_us <= SESSION_PROOF_US)
        return false;
    sessions->count--;
    memmove(sessions->rows + oldest, sessions->rows + oldest + 1,
            (sessions->count - oldest) * sizeof *sessions->rows);
    return true;
}

static bool make_room(struct sessions *sessions, int64_t now_us)
{
    size_t capacity = sessions->capacity ? sessions->capacity * 2 : 16;
    struct session *rows;

    if (sessions->count == sessions->count_max)
        return evict(sessions, now_us);
    if (sessions->count < sessions->capacity)
        return true;
    rows = memory_try_realloc(sessions->rows, capacity * sizeof *rows);
    if (rows == NULL)
        return false;
    sessions->rows = rows;
    sessions->capacity = capacity;
    return true;
}

enum gossip_drop sessions_open(struct sessions *sessions, const struct seal_head *head,
                               int64_t now_us)
{
    bool found;
    size_t at = locate(sessions, head->sender, &found);

    if (found && life_compare(&sessions->rows[at], head) <= 0)
        return sessions_take(sessions, head, now_us);
    if (!found) {
        if (!make_room(sessions, now_us))
            return GOSSIP_DROP_FULL;
        at = locate(sessions, head->sender, &found);
        memmove(sessions->rows + at + 1, sessions->rows + at,
                (sessions->count - at) * sizeof *sessions->rows);
        sessions->count++;
    }
    sessions->rows[at] = (struct session){.sender = head->sender,
                                          .boot = head->boot,
                                          .boot_nonce = head->boot_nonce,
                                          .top = head->sequence,
                                          .seen = UINT64_MAX,
                                          .used_us = now_us};
    return GOSSIP_DROP_NONE;
}

bool session_proof_holds(uint64_t nonce, uint64_t proof_nonce, uint64_t proof_stamp, int64_t now_us)
{
    return proof_nonce == nonce && proof_stamp <= (uint64_t)now_us &&
           (uint64_t)now_us - proof_stamp < SESSION_PROOF_US;
}
