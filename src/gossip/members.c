/* SPDX-License-Identifier: BSD-3-Clause */
#include "gossip/members.h"

#include "base/assert.h"
#include "base/memory.h"

/* With fewer members it is as quick to look at all. */
#define PICK_BLINDLY_MIN 64

void members_init(struct members *members)
{
    *members = (struct members){0};
}

void members_deinit(struct members *members)
{
    for (size_t i = 0; i < members->count; i++)
        memory_free(members->sorted[i]);
    memory_free(members->sorted);
    memory_free(members->order);
    *members = (struct members){0};
}

/* The first index whose identity is not below `identity`. */
static size_t locate(const struct members *members, struct identity identity)
{
    size_t low = 0, high = members->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (identity_compare(&members->sorted[middle]->record.identity, &identity) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct member *members_find(const struct members *members, struct identity identity)
{
    size_t at = locate(members, identity);

    if (at < members->count && identity_equal(&members->sorted[at]->record.identity, &identity))
        return members->sorted[at];
    return NULL;
}

static void grow(struct members *members)
{
    size_t capacity = members->capacity ? members->capacity * 2 : 16;
    struct member **sorted = memory_alloc_array(capacity, sizeof *sorted);
    struct member **order = memory_alloc_array(capacity, sizeof *order);

    if (members->count > 0) {
        memcpy(sorted, members->sorted, members->count * sizeof *sorted);
        memcpy(order, members->order, members->count * sizeof *order);
    }
    memory_free(members->sorted);
    memory_free(members->order);
    members->sorted = sorted;
    members->order = order;
    members->capacity = capacity;
}

struct member *members_add(struct members *members, const struct node_record *record,
                           struct rng *rng)
{
    struct member *member = memory_alloc(sizeof *member);
    size_t at = locate(members, record->identity);
    size_t turn;

    ensure(members_find(members, record->identity) == NULL);
    if (members->count == members->capacity)
        grow(members);
    member->record = *record;
    memmove(members->sorted + at + 1, members->sorted + at,
            (members->count - at) * sizeof(struct member *));
    members->sorted[at] = member;
    turn = rng_below(rng, members->count + 1);
    members->order[members->count] = members->order[turn];
    members->order[turn] = member;
    members->count++;
    /* Nodes that start together would go round in step, and a crashed node that all have just
     * passed would wait for all of them: so each begins somewhere in its first round. */
    if (!members->turned)
        members->next = rng_below(rng, members->count);
    members->by_state[record->state]++;
    return member;
}

void members_remove(struct members *members, struct member **member)
{
    size_t at = locate(members, (*member)->record.identity);
    size_t turn = 0;

    ensure(at < members->count && members->sorted[at] == *member);
    while (members->order[turn] != *member)
        turn++;
    members->count--;
    memmove(members->sorted + at, members->sorted + at + 1,
            (members->count - at) * sizeof(struct member *));
    memmove(members->order + turn, members->order + turn + 1,
            (members->count - turn) * sizeof(struct member *));
    if (turn < members->next)
        members->next--;
    members->by_state[(*member)->record.state]--;
    memory_free(*member);
    *member = NULL;
}

void members_set_state(struct members *members, struct member *member, enum node_state state)
{
    members->by_state[member->record.state]--;
    members->by_state[state]++;
    member->record.state = state;
}

/* Fisher and Yates. */
static void shuffle(struct members *members, struct rng *rng)
{
    for (size_t i = members->count; i > 1; i--) {
        size_t j = rng_below(rng, i);
        struct member *other = members->order[j];

        members->order[j] = members->order[i - 1];
        members->order[i - 1] = other;
    }
}

struct member *members_next(struct members *members, struct rng *rng)
{
    if (members_living(members) == 0)
        return NULL;
    for (;;) {
        if (members->next >= members->count) {
            shuffle(members, rng);
            members->next = 0;
            members->turned = true;
        }
        struct member *member = members->order[members->next++];

        if (member_lives(member))
            return member;
    }
}

static bool among(const struct member *member, struct member *const *picked, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (picked[i] == member)
            return true;
    }
    return false;
}

/* Reservoir sampling: one pass, each subset equally likely. */
static size_t pick_from_all(const struct members *members, struct rng *rng,
                            bool (*fits)(const struct member *member, struct identity except),
                            struct identity except, struct member **picked, size_t wanted)
{
    size_t seen = 0;

    for (size_t i = 0; i < members->count && wanted > 0; i++) {
        struct member *member = members->sorted[i];
        size_t slot;

        if (!fits(member, except))
            continue;
        slot = seen < wanted ? seen : rng_below(rng, seen + 1);
        if (slot < wanted)
            picked[slot] = member;
        seen++;
    }
    return seen < wanted ? seen : wanted;
}

/* Of many, nearly all fit as a rule: a few draws do, which are equally likely to give any subset
 * too. Where they do not, all are looked at. */
size_t members_pick(const struct members *members, struct rng *rng,
                    bool (*fits)(const struct member *member, struct identity except),
                    struct identity except, struct member **picked, size_t wanted)
{
    size_t count = 0;

    for (size_t i = 0; members->count >= PICK_BLINDLY_MIN && i < 4 * wanted; i++) {
        struct member *member = members->sorted[rng_below(rng, members->count)];

        if (count < wanted && fits(member, except) && !among(member, picked, count))
            picked[count++] = member;
        if (count == wanted)
            return count;
    }
    return pick_from_all(members, rng, fits, except, picked, wanted);
}
