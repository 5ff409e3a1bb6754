/* SPDX-License-Identifier: BSD-3-Clause */
#include "value/counter.h"

#include <xxhash.h>

#include "base/assert.h"
#include "base/bytes.h"

#define TRAIT_ABSENT 0x80u
#define TRAIT_NUMBER 0x40u
#define TRAITS_HELD  0x3fu

#define TAIL_SIZE TOMBSTONE_COUNTER_SIZE

/* Bytes of a share before its varints, and of those at most. */
#define SHARE_HEAD_SIZE 10
#define VARINT_MAX      10
#define SHARE_SIZE_MAX  (SHARE_HEAD_SIZE + 2 * VARINT_MAX)

/* Digits of a sum at most: of a base and COUNTER_SHARES_MAX amounts of 63 bits. */
#define SUM_DIGITS_MAX 22

_Static_assert(COUNTER_OWN_MAX <= TRAITS_HELD, "held shares are counted in the traits");
_Static_assert(COUNTER_SHARES_MAX *SHARE_SIZE_MAX <= UINT16_MAX, "their size has two bytes");

/* A sum. */
__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 wide_magnitude;

/* A counter taken apart. */
struct parts {
    struct dot base;
    bool absent;      /* the base has no value */
    bool number;      /* it is one, or is absent */
    wide value;       /* of a number */
    struct span text; /* of a base that is none */
    int64_t deadline_ms;
    unsigned held;
    unsigned count;
    struct counter_share shares[COUNTER_SHARES_MAX];
};

/* ---- numbers ---- */

static uint8_t *put_varint(uint8_t *at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    return at;
}

/* NULL: it does not end before `end`, or is too long. */
static const uint8_t *get_varint(const uint8_t *at, const uint8_t *end, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; at < end && shift < 64; shift += 7) {
        *value |= (uint64_t)(*at & 0x7f) << shift;
        if ((*at++ & 0x80) == 0)
            return at;
    }
    return NULL;
}

static uint64_t zigzag(int64_t amount)
{
    return (uint64_t)amount << 1 ^ (amount < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t number)
{
    return (int64_t)(number >> 1 ^ ((number & 1) != 0 ? UINT64_MAX : 0));
}

static bool read_sum(struct span text, wide *sum)
{
    const bool negative = text.size > 0 && text.data[0] == '-';
    const size_t digits = text.size - negative;

    *sum = 0;
    if (digits < 1 || digits > SUM_DIGITS_MAX)
        return false;
    for (size_t i = negative; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        *sum = *sum * 10 + (text.data[i] - '0');
    }
    if (negative)
        *sum = -*sum;
    return true;
}

/* Divides by ten, 32 bits at a time: the compiler would call a library for more. */
static unsigned next_digit(wide_magnitude *magnitude)
{
    wide_magnitude quotient = 0;
    uint64_t rest = 0;

    for (int shift = 96; shift >= 0; shift -= 32) {
        rest = rest << 32 | (uint32_t)(*magnitude >> shift);
        quotient |= (wide_magnitude)(rest / 10) << shift;
        rest %= 10;
    }
    *magnitude = quotient;
    return (unsigned)rest;
}

static void append_sum(struct buffer *out, wide sum)
{
    char text[SUM_DIGITS_MAX + 1];
    size_t at = sizeof text;

    if (sum >= INT64_MIN && sum <= INT64_MAX) {
        _Static_assert(sizeof text >= INT64_TEXT_MAX, "a sum has room for an integer");
        buffer_append(out, text, int64_to_text((int64_t)sum, text));
        return;
    }
    for (wide_magnitude left = sum < 0 ? -(wide_magnitude)sum : (wide_magnitude)sum; left > 0;)
        text[--at] = (char)('0' + next_digit(&left));
    if (sum < 0)
        text[--at] = '-';
    buffer_append(out, text + at, sizeof text - at);
}

static wide sum_of(const struct parts *parts)
{
    wide sum = parts->value;

    for (unsigned i = 0; i < parts->count; i++)
        sum += parts->shares[i].amount;
    return sum;
}

/* ---- bytes ---- */

static const uint8_t *tail_of(struct span bytes)
{
    return bytes.data + bytes.size - TAIL_SIZE;
}

static size_t shares_size(struct span bytes)
{
    return bytes_get_u16(tail_of(bytes) + 10);
}

static uint8_t traits_of(struct span bytes)
{
    return bytes.data[bytes.size - 1];
}

struct span counter_text(struct span bytes)
{
    return span_of(bytes.data, bytes.size - TAIL_SIZE - shares_size(bytes));
}

static struct dot base_of(struct span bytes)
{
    const uint8_t *tail = tail_of(bytes);

    return (struct dot){.stamp = bytes_get_u64(tail), .node = bytes_get_u16(tail + 8)};
}

/* NULL: it is none. */
static const uint8_t *get_share(const uint8_t *at, const uint8_t *end, struct counter_share *share)
{
    uint64_t times, amount;

    if (end - at < SHARE_HEAD_SIZE)
        return NULL;
    share->node = bytes_get_u16(at);
    share->opened = bytes_get_u64(at + 2);
    at = get_varint(at + SHARE_HEAD_SIZE, end, &times);
    if (at == NULL || times >> 1 > UINT32_MAX)
        return NULL;
    at = get_varint(at, end, &amount);
    share->times = (uint32_t)(times >> 1);
    share->folds = (times & 1) != 0;
    share->amount = unzigzag(amount);
    return at;
}

static uint8_t *put_share(uint8_t *at, const struct counter_share *share)
{
    bytes_put_u16(at, share->node);
    bytes_put_u64(at + 2, share->opened);
    at = put_varint(at + SHARE_HEAD_SIZE, (uint64_t)share->times << 1 | share->folds);
    return put_varint(at, zigzag(share->amount));
}

/* By node, then by age. */
static int compare_shares(const struct counter_share *a, const struct counter_share *b)
{
    if (a->node != b->node)
        return a->node < b->node ? -1 : 1;
    return (a->opened > b->opened) - (a->opened < b->opened);
}

/* False: there are too many, or they are no shares. */
static bool get_shares(struct span bytes, struct counter_share *shares, unsigned *count)
{
    const uint8_t *end = tail_of(bytes);
    const uint8_t *at = end - shares_size(bytes);

    for (*count = 0; at < end; (*count)++) {
        if (*count == COUNTER_SHARES_MAX)
            return false;
        at = get_share(at, end, &shares[*count]);
        if (at == NULL)
            return false;
    }
    return true;
}

static bool shares_valid(const struct version *version, const struct counter_share *shares,
                         unsigned count)
{
    const struct dot base = base_of(version->value);

    for (unsigned i = 0; i < count; i++) {
        const struct dot opened = {.stamp = shares[i].opened, .node = shares[i].node};
        if (opened.node == 0 || opened.stamp > version->dot.stamp ||
            dot_compare(opened, base) <= 0 ||
            (i > 0 && compare_shares(&shares[i - 1], &shares[i]) >= 0))
            return false;
    }
    return true;
}

bool counter_valid(const struct version *version)
{
    const struct span bytes = version->value;
    struct counter_share shares[COUNTER_SHARES_MAX];
    unsigned count;
    wide sum;

    if (bytes.size < TAIL_SIZE || shares_size(bytes) > bytes.size - TAIL_SIZE)
        return false;
    const bool absent = (traits_of(bytes) & TRAIT_ABSENT) != 0;
    const bool number = (traits_of(bytes) & TRAIT_NUMBER) != 0;
    if (!get_shares(bytes, shares, &count) || !shares_valid(version, shares, count) ||
        dot_compare(base_of(bytes), version->dot) > 0)
        return false;
    if (version->kind == VALUE_TOMBSTONE)
        return absent && bytes.size == TAIL_SIZE;
    return version->kind == VALUE_COUNTER && (!absent || (count > 0 && number)) &&
           (!number || read_sum(counter_text(bytes), &sum));
}

uint64_t counter_digest(const struct version *version)
{
    const struct span bytes = version->value;
    const size_t size = shares_size(bytes) + TAIL_SIZE;
    const uint8_t *from = bytes.data + bytes.size - size;
    const uint64_t digest = XXH3_64bits_withSeed(from, size - 1, traits_of(bytes) & ~TRAITS_HELD);

    return digest != 0 ? digest : 1;
}

/* ---- taking apart, putting together ---- */

static void take_apart(const struct version *version, struct parts *parts)
{
    const struct span bytes = version->value;
    int64_t number = 0;

    parts->base = version->dot;
    parts->absent = version->kind == VALUE_TOMBSTONE || !version_exists(version);
    parts->number = parts->absent;
    parts->value = 0;
    parts->text = span_of(NULL, 0);
    parts->deadline_ms = version->deadline_ms;
    parts->held = 0;
    parts->count = 0;
    if (version_is_counter(version)) {
        const uint8_t traits = traits_of(bytes);
        const bool read = get_shares(bytes, parts->shares, &parts->count);
        ensure(read); /* it was looked at when it came */
        parts->base = base_of(bytes);
        parts->absent = (traits & TRAIT_ABSENT) != 0;
        parts->number = parts->absent || (traits & TRAIT_NUMBER) != 0;
        parts->held = traits & TRAITS_HELD;
        parts->text = counter_text(bytes);
        if (!parts->absent && parts->number) {
            read_sum(parts->text, &parts->value);
            for (unsigned i = 0; i < parts->count; i++)
                parts->value -= parts->shares[i].amount;
        }
    } else if (!parts->absent) {
        parts->text = bytes;
        parts->number = span_to_int64(bytes, &number);
        parts->value = number;
    }
}

static unsigned own_count(const struct parts *parts, node_number self)
{
    unsigned count = 0;

    for (unsigned i = 0; i < parts->count; i++)
        count += parts->shares[i].node == self;
    return count;
}

static enum counter_status finish(struct buffer *out, size_t at, struct version *version)
{
    if (out->failed)
        return COUNTER_NO_MEMORY;
    version->value = buffer_size(out) > at
                         ? span_of(buffer_content(out).data + at, buffer_size(out) - at)
                         : span_of(NULL, 0);
    return COUNTER_OK;
}

static void append_shares(struct buffer *out, const struct parts *parts)
{
    for (unsigned i = 0; i < parts->count; i++) {
        uint8_t *at = buffer_reserve(out, SHARE_SIZE_MAX);
        if (at == NULL)
            return;
        buffer_commit(out, (size_t)(put_share(at, &parts->shares[i]) - at));
    }
}

/* The version with that dot: a counter only where it has to be one. */
static enum counter_status put_together(const struct parts *parts, struct dot dot,
                                        struct buffer *out, struct version *version)
{
    const bool plain = parts->count == 0 && dot_equal(parts->base, dot);
    const size_t begin = buffer_size(out);

    *version = (struct version){.dot = dot,
                                .kind = plain ? VALUE_STRING : VALUE_COUNTER,
                                .deadline_ms = parts->deadline_ms};
    if (parts->absent) {
        version->deadline_ms = DEADLINE_NEVER;
        if (parts->count == 0)
            version->kind = VALUE_TOMBSTONE;
    }
    if (parts->number && (!parts->absent || parts->count > 0))
        append_sum(out, sum_of(parts));
    else
        buffer_append_span(out, parts->text);
    if (plain)
        return finish(out, begin, version);
    const size_t shares = buffer_size(out);
    append_shares(out, parts);
    uint8_t *tail = buffer_reserve(out, TAIL_SIZE);
    if (tail == NULL)
        return COUNTER_NO_MEMORY;
    bytes_put_u64(tail, parts->base.stamp);
    bytes_put_u16(tail + 8, parts->base.node);
    bytes_put_u16(tail + 10, (uint16_t)(buffer_size(out) - shares));
    tail[12] = (uint8_t)((parts->absent ? TRAIT_ABSENT : 0) | (parts->number ? TRAIT_NUMBER : 0) |
                         parts->held);
    buffer_commit(out, TAIL_SIZE);
    return finish(out, begin, version);
}

/* ---- merging ---- */

/* The newer base; of one dot the one that is nothing: it says that the other has vanished. */
static bool has_newer_base(const struct parts *a, const struct parts *b)
{
    const int order = dot_compare(a->base, b->base);

    return order > 0 || (order == 0 && a->absent >= b->absent);
}

static bool is_later(const struct counter_share *a, const struct counter_share *b)
{
    return a->times > b->times;
}

/* Drops the shares that another of their node stands for. */
static void drop_folded(struct parts *parts)
{
    node_number folded = 0;
    unsigned kept = parts->count;

    for (unsigned i = parts->count; i-- > 0;) {
        const struct counter_share share = parts->shares[i];
        if (share.node == folded)
            continue;
        if (share.folds)
            folded = share.node;
        parts->shares[--kept] = share;
    }
    parts->count -= kept;
    memmove(parts->shares, parts->shares + kept, parts->count * sizeof parts->shares[0]);
}

static enum counter_status merge_shares(const struct parts *a, const struct parts *b,
                                        struct parts *merged)
{
    unsigned i = 0, j = 0;

    merged->count = 0;
    while (i < a->count || j < b->count) {
        int order = i < a->count ? -1 : 1;
        if (i < a->count && j < b->count)
            order = compare_shares(&a->shares[i], &b->shares[j]);
        const struct counter_share *share = order <= 0 ? &a->shares[i] : &b->shares[j];
        if (order == 0 && is_later(&b->shares[j], share))
            share = &b->shares[j];
        i += order <= 0;
        j += order >= 0;
        const struct dot opened = {.stamp = share->opened, .node = share->node};
        if (dot_compare(opened, merged->base) <= 0)
            continue;
        if (merged->count == COUNTER_SHARES_MAX)
            return COUNTER_TOO_MANY;
        merged->shares[merged->count++] = *share;
    }
    drop_folded(merged);
    return COUNTER_OK;
}

enum counter_status counter_merge(const struct version *kept, const struct version *other,
                                  node_number self, struct buffer *out, struct version *version)
{
    struct parts a, b, merged;

    take_apart(kept, &a);
    take_apart(other, &b);
    const struct parts *base = has_newer_base(&a, &b) ? &a : &b;
    merged.base = base->base;
    merged.absent = base->absent;
    merged.number = base->number;
    merged.value = base->value;
    merged.text = base->text;
    merged.deadline_ms = base->deadline_ms;
    const enum counter_status status = merge_shares(&a, &b, &merged);
    if (status != COUNTER_OK)
        return status;
    const unsigned own = self != 0 ? own_count(&merged, self) : 0;
    merged.held = a.held < own ? a.held : own;
    return put_together(&merged, dot_max(kept->dot, other->dot), out, version);
}

/* ---- adding ---- */

/* The latest share of the node; NULL: it has none. */
static struct counter_share *latest_of(struct parts *parts, node_number node)
{
    for (unsigned i = parts->count; i-- > 0;)
        if (parts->shares[i].node == node)
            return &parts->shares[i];
    return NULL;
}

/* False: it has to be another one. */
static bool add_to(struct counter_share *share, int64_t amount)
{
    int64_t sum;

    if (share->times == UINT32_MAX || __builtin_add_overflow(share->amount, amount, &sum))
        return false;
    share->amount = sum;
    share->times++;
    return true;
}

/* Adds a share behind those of its node. */
static struct counter_share *open_share(struct parts *parts, const struct counter_place *place)
{
    const struct counter_share share = {
        .node = place->self, .opened = place->dot.stamp, .times = 0, .amount = 0};
    unsigned at = parts->count;

    if (parts->count == COUNTER_SHARES_MAX || own_count(parts, place->self) >= COUNTER_OWN_MAX)
        return NULL;
    for (; at > 0 && compare_shares(&parts->shares[at - 1], &share) > 0; at--)
        parts->shares[at] = parts->shares[at - 1];
    parts->shares[at] = share;
    parts->count++;
    parts->held++;
    return &parts->shares[at];
}

/* The node's shares before this one, whose last states are known, become part of it. */
static void fold(struct parts *parts, struct counter_share *into)
{
    const node_number node = into->node;
    int64_t amount = into->amount;
    bool earlier = false;

    for (struct counter_share *share = into; share-- > parts->shares;) {
        if (share->node != node)
            break;
        if (__builtin_add_overflow(amount, share->amount, &amount))
            return;
        earlier = true;
    }
    if (!earlier || into->times == UINT32_MAX)
        return;
    into->amount = amount;
    into->folds = true;
    into->times++; /* a later state */
    drop_folded(parts);
    const unsigned own = own_count(parts, node);
    parts->held = parts->held < own ? parts->held : own;
}

/* Another of the node's shares is about to be opened. All but the latest are closed, and where the
 * one behind it was opened at a settled stamp, a share's last state is known here: such a one comes
 * to stand for those before it. */
static void fold_closed(struct parts *parts, node_number self, uint64_t settled)
{
    const struct counter_share *next = NULL;

    for (unsigned i = parts->count; i-- > 0;) {
        struct counter_share *share = &parts->shares[i];
        if (share->node != self)
            continue;
        if (next != NULL && next->opened <= settled) {
            fold(parts, share);
            return;
        }
        next = share;
    }
}

/* What is not there, or whose time is up, is nothing, and all that it was made of is over. */
static void forget_gone(const struct version *old, const struct counter_place *place,
                        struct parts *parts)
{
    if (version_visible(old, place->now_ms))
        return;
    if (old->kind != VALUE_TOMBSTONE)
        parts->base = dot_max(old->dot, parts->base);
    parts->base = dot_max(parts->base, place->gone);
    parts->absent = parts->number = true;
    parts->value = 0;
    parts->deadline_ms = DEADLINE_NEVER;
    parts->count = parts->held = 0;
}

enum counter_status counter_add(const struct version *old, const struct counter_place *place,
                                struct counter_addition *addition, struct buffer *out,
                                struct version *made)
{
    struct parts parts;
    struct counter_share *share;

    take_apart(old, &parts);
    parts.held = place->held;
    forget_gone(old, place, &parts);
    ensure(parts.number);
    share = latest_of(&parts, place->self);
    if (parts.held == 0 || share == NULL || share->opened <= place->above ||
        !add_to(share, addition->amount)) {
        fold_closed(&parts, place->self, place->settled);
        share = open_share(&parts, place);
        if (share == NULL)
            return COUNTER_TOO_MANY;
        add_to(share, addition->amount);
    }
    addition->opened = share->opened;
    addition->times = share->times;
    if (place->settled >= share->opened && !share->folds)
        fold(&parts, share);
    return put_together(&parts, place->dot, out, made);
}

enum counter_status counter_take_back(const struct version *old, const struct counter_place *place,
                                      const struct counter_addition *addition, struct buffer *out,
                                      struct version *made)
{
    struct parts parts;
    unsigned later = 0; /* of the node's, opened after the share */
    int64_t rest;

    take_apart(old, &parts);
    parts.held = place->held;
    for (unsigned i = parts.count; i-- > 0;) {
        struct counter_share *share = &parts.shares[i];
        if (share->node != place->self)
            continue;
        if (share->opened > addition->opened) {
            if (share->folds)
                return COUNTER_NOT_HELD;
            later++;
            continue;
        }
        if (share->opened < addition->opened || share->times < addition->times)
            break;
        if (later >= parts.held || share->times == UINT32_MAX ||
            __builtin_sub_overflow(share->amount, addition->amount, &rest))
            return COUNTER_NOT_HELD;
        share->amount = rest;
        share->times++;
        return put_together(&parts, old->dot, out, made);
    }
    return COUNTER_ABSENT;
}

/* ---- looking ---- */

unsigned counter_held(const struct version *kept)
{
    return version_is_counter(kept) ? traits_of(kept->value) & TRAITS_HELD : 0;
}

bool counter_counts(const struct version *offered, const struct version *merged)
{
    struct counter_share from[COUNTER_SHARES_MAX], in[COUNTER_SHARES_MAX];
    const unsigned in_count = counter_shares(merged, in);
    unsigned latest = counter_shares(offered, from);

    while (latest > 0 && from[latest - 1].node != offered->dot.node)
        latest--;
    if (latest == 0)
        return true;
    for (unsigned i = 0; i < in_count; i++)
        if (compare_shares(&in[i], &from[latest - 1]) == 0 ||
            (in[i].node == offered->dot.node && in[i].opened > from[latest - 1].opened &&
             in[i].folds))
            return true;
    return false;
}

struct dot counter_base(const struct version *version)
{
    return version_is_counter(version) ? base_of(version->value) : version->dot;
}

unsigned counter_shares(const struct version *version,
                        struct counter_share shares[COUNTER_SHARES_MAX])
{
    unsigned count = 0;

    if (version_is_counter(version))
        get_shares(version->value, shares, &count);
    return count;
}
