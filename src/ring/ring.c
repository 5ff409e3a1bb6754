/* SPDX-License-Identifier: BSD-3-Clause */
#include "ring/ring.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/assert.h"
#include "base/memory.h"
#include "ring/slot.h"

/* Writes what is wrong and returns false, so that a check can end with it. */
static bool __attribute__((format(printf, 2, 3)))
refuse(char error[RING_ERROR_MAX], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error, RING_ERROR_MAX, format, arguments);
    va_end(arguments);
    return false;
}

static int compare_numbers(const void *a, const void *b)
{
    const struct ring_member *left = a, *right = b;

    return (left->number > right->number) - (left->number < right->number);
}

static int compare_identities(const void *a, const void *b)
{
    const struct identity *const *left = a, *const *right = b;

    return identity_compare(*left, *right);
}

static const struct ring_member *find_member(const struct ring_draft *sorted, node_number number)
{
    size_t low = 0, high = sorted->member_count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct ring_member *member = &sorted->members[middle];

        if (member->number == number)
            return member;
        if (member->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool check_rule(const struct ring_rule *rule, char error[RING_ERROR_MAX])
{
    if (rule->prefix.size > RING_PREFIX_MAX)
        return refuse(error, "a rule's prefix has %zu bytes, at most %d are accepted",
                      rule->prefix.size, RING_PREFIX_MAX);
    if (rule->replicas < 1 || rule->replicas > RING_REPLICAS_MAX)
        return refuse(error, "a rule asks for %u replicas, 1 to %d are accepted", rule->replicas,
                      RING_REPLICAS_MAX);
    if (rule->conflict != RING_CONFLICT_LWW && rule->conflict != RING_CONFLICT_SIBLINGS)
        return refuse(error, "a rule's conflict is %d, neither lww nor siblings",
                      (int)rule->conflict);
    return true;
}

static bool check_header(const struct ring_draft *draft, char error[RING_ERROR_MAX])
{
    if (!identity_exists(&draft->identity))
        return refuse(error, "the ring has no identity");
    if (draft->version == 0)
        return refuse(error, "the ring has no version");
    if (!ring_partition_count_valid(draft->partition_count))
        return refuse(error, "%u partitions: a power of two from 1 to %u is accepted",
                      draft->partition_count, RING_SLOTS);
    if (draft->member_count < 1 || draft->member_count > RING_MEMBERS_MAX)
        return refuse(error, "%zu members: 1 to %d are accepted", draft->member_count,
                      RING_MEMBERS_MAX);
    if (draft->rule_count > RING_RULES_MAX)
        return refuse(error, "%zu rules: at most %d are accepted", draft->rule_count,
                      RING_RULES_MAX);
    if (draft->base.prefix.size != 0)
        return refuse(error, "the base rule has a prefix");
    if (!check_rule(&draft->base, error))
        return false;
    for (size_t i = 0; i < draft->rule_count; i++) {
        if (!check_rule(&draft->rules[i], error))
            return false;
    }
    return true;
}

/* `sorted` has its members in the order of their numbers. */
static bool check_members(const struct ring_draft *sorted, char error[RING_ERROR_MAX])
{
    const struct identity *identities[RING_MEMBERS_MAX];

    for (size_t i = 0; i < sorted->member_count; i++) {
        const struct ring_member *member = &sorted->members[i];

        if (member->number == 0 || member->number > sorted->last_number)
            return refuse(error, "member %u: numbers from 1 to %u were given out", member->number,
                          sorted->last_number);
        if (i > 0 && member->number == member[-1].number)
            return refuse(error, "two members have the number %u", member->number);
        if (!identity_exists(&member->identity))
            return refuse(error, "member %u has no identity", member->number);
        if (member->weight == 0)
            return refuse(error, "member %u has the weight 0", member->number);
        if (memchr(member->zone, 0, sizeof member->zone) == NULL ||
            memchr(member->host, 0, sizeof member->host) == NULL)
            return refuse(error, "member %u: its zone or its host does not end", member->number);
        identities[i] = &member->identity;
    }
    qsort(identities, sorted->member_count, sizeof identities[0], compare_identities);
    for (size_t i = 1; i < sorted->member_count; i++) {
        if (identity_equal(identities[i - 1], identities[i]))
            return refuse(error, "two members have the same identity");
    }
    return true;
}

static bool check_claim(const struct ring_draft *sorted, uint32_t partition,
                        char error[RING_ERROR_MAX])
{
    const struct ring_claim *claim = &sorted->claims[partition];

    if (claim->version == 0)
        return refuse(error, "partition %u: its claim has no version", partition);
    if (claim->count < 1 || claim->count > RING_REPLICAS_MAX)
        return refuse(error, "partition %u: %u replicas, 1 to %d are accepted", partition,
                      claim->count, RING_REPLICAS_MAX);
    for (unsigned i = 0; i < RING_REPLICAS_MAX; i++) {
        const node_number node = claim->nodes[i];

        if (i >= claim->count) {
            if (node != 0)
                return refuse(error, "partition %u: node %u stands past the end of the claim",
                              partition, node);
            continue;
        }
        if (find_member(sorted, node) == NULL)
            return refuse(error, "partition %u: node %u is not a member", partition, node);
        for (unsigned j = 0; j < i; j++) {
            if (claim->nodes[j] == node)
                return refuse(error, "partition %u: node %u stands twice in the claim", partition,
                              node);
        }
    }
    return true;
}

static bool check_claims(const struct ring_draft *sorted, char error[RING_ERROR_MAX])
{
    for (uint32_t partition = 0; partition < sorted->partition_count; partition++) {
        if (!check_claim(sorted, partition, error))
            return false;
    }
    return true;
}

/* Copies the rules and, behind them in the same block, the bytes of their prefixes. */
static const struct ring_rule *copy_rules(const struct ring_draft *draft)
{
    size_t size = draft->rule_count * sizeof *draft->rules;
    const size_t bytes = size;

    if (draft->rule_count == 0)
        return NULL;
    for (size_t i = 0; i < draft->rule_count; i++)
        size += draft->rules[i].prefix.size;

    struct ring_rule *rules = memory_alloc(size);
    uint8_t *at = (uint8_t *)rules + bytes;

    for (size_t i = 0; i < draft->rule_count; i++) {
        rules[i] = draft->rules[i];
        rules[i].prefix.data = at;
        for (size_t j = 0; j < rules[i].prefix.size; j++)
            *at++ = draft->rules[i].prefix.data[j];
    }
    return rules;
}

/* A copy of an array, its type kept. */
static void *copy_array(const void *array, size_t count, size_t size)
{
    return memcpy(memory_alloc_array(count, size), array, count * size);
}

static void destroy(struct ring *ring)
{
    /* The arrays were allocated here; only their view for readers is const. */
    memory_free((void *)(uintptr_t)ring->content.rules);
    memory_free((void *)(uintptr_t)ring->content.members);
    memory_free((void *)(uintptr_t)ring->content.claims);
    memory_free(ring);
}

struct ring *ring_create(const struct ring_draft *draft, char error[RING_ERROR_MAX])
{
    if (!check_header(draft, error))
        return NULL;

    struct ring *ring = memory_alloc(sizeof *ring);
    struct ring_member *members = copy_array(draft->members, draft->member_count,
                                             sizeof *draft->members);

    qsort(members, draft->member_count, sizeof *members, compare_numbers);
    atomic_init(&ring->references, 1);
    ring->content = *draft;
    ring->content.base.prefix = (struct span){0};
    ring->content.members = members;
    ring->content.rules = copy_rules(draft);
    ring->content.claims = copy_array(draft->claims, draft->partition_count, sizeof *draft->claims);
    if (!check_members(&ring->content, error) || !check_claims(&ring->content, error)) {
        destroy(ring);
        return NULL;
    }
    return ring;
}

struct ring_draft ring_draft_of(const struct ring *ring)
{
    return ring->content;
}

struct ring *ring_retain(struct ring *ring)
{
    /* Whoever retains holds a reference already: nothing needs to be ordered. */
    const unsigned before = atomic_fetch_add_explicit(&ring->references, 1, memory_order_relaxed);

    ensure(before > 0);
    return ring;
}

void ring_release(struct ring **ring)
{
    struct ring *released = *ring;

    *ring = NULL;
    if (released == NULL)
        return;

    /* All that other holders did with the ring comes before its end. */
    const unsigned before = atomic_fetch_sub_explicit(&released->references, 1,
                                                      memory_order_acq_rel);

    ensure(before > 0);
    if (before == 1)
        destroy(released);
}

uint64_t ring_hash_seed(const struct ring *ring)
{
    return XXH3_64bits(ring->content.identity.bytes, IDENTITY_SIZE);
}

uint64_t ring_label(const struct identity *identity)
{
    return XXH3_64bits_withSeed(identity->bytes, IDENTITY_SIZE, UINT64_C(0x6c6162656c));
}

uint32_t ring_key_partition(const struct ring *ring, struct span key)
{
    return ring_slot_partition(ring_slot(key), ring->content.partition_count);
}

int ring_claim_index(const struct ring_claim *claim, node_number node)
{
    for (int i = 0; i < claim->count; i++) {
        if (claim->nodes[i] == node)
            return i;
    }
    return -1;
}

static bool contains(const node_number *list, size_t count, node_number node)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == node)
            return true;
    }
    return false;
}

size_t ring_preference_list(const struct ring *ring, uint32_t partition, node_number *list,
                            size_t room)
{
    const uint32_t partition_count = ring->content.partition_count;
    size_t count = 0;

    ensure(partition < partition_count);
    if (room > ring->content.member_count)
        room = ring->content.member_count;
    for (uint32_t step = 0; step < partition_count && count < room; step++) {
        const struct ring_claim *claim = ring_claim(ring,
                                                    (partition + step) & (partition_count - 1));

        for (unsigned i = 0; i < claim->count && count < room; i++) {
            if (!contains(list, count, claim->nodes[i]))
                list[count++] = claim->nodes[i];
        }
    }
    return count;
}

const struct ring_member *ring_member_by_number(const struct ring *ring, node_number number)
{
    return find_member(&ring->content, number);
}

const struct ring_member *ring_member_by_identity(const struct ring *ring,
                                                  const struct identity *identity)
{
    for (size_t i = 0; i < ring->content.member_count; i++) {
        if (identity_equal(&ring->content.members[i].identity, identity))
            return &ring->content.members[i];
    }
    return NULL;
}

uint32_t ring_draft_copies(const struct ring_draft *draft)
{
    uint32_t copies = draft->base.replicas;

    for (size_t i = 0; i < draft->rule_count; i++) {
        if (draft->rules[i].replicas > copies)
            copies = draft->rules[i].replicas;
    }
    return copies < draft->member_count ? copies : (uint32_t)draft->member_count;
}
