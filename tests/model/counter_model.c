/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Counters against plain sets of events.
 *
 * A few replicas keep one key, add to it, set it, delete it, and send what they have to each other;
 * messages are delayed, lost, reordered and sent twice. Now and then a replica loses what it has,
 * and takes over another's. Beside every version stands the truth: the events that it has heard of.
 * What clients see of every version at any time is the newest of the bases among its events, and
 * the sum of the additions among them whose shares were opened above that. Merging is commutative,
 * associative and idempotent, byte for byte.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "lib/timeout.h"
#include "value/merge.h"

TestSuite(counter_model, .timeout = TIMEOUT_S(60));

#define REPLICAS   4
#define MESSAGES   12
#define EVENTS_MAX 256
#define STEPS      600
#define TEXT_MAX   32

__extension__ typedef __int128 wide;

enum event_kind { EVENT_BASE, EVENT_ADD, EVENT_TAKE_BACK };

struct event {
    enum event_kind kind;
    struct dot dot;    /* of an addition: of its version */
    struct dot opened; /* of an addition's share */
    bool absent, number;
    int64_t amount;
    unsigned taken_back; /* the addition */
};

struct copy {
    struct version version;
    struct buffer bytes;
    bool heard[EVENTS_MAX];
};

struct world {
    struct rng rng;
    uint64_t seed;
    unsigned event_count;
    struct event events[EVENTS_MAX];
    uint64_t stamps[REPLICAS];
    struct copy replicas[REPLICAS];
    struct copy messages[MESSAGES];
    /* What each replica added last. */
    struct counter_addition additions[REPLICAS];
    unsigned added[REPLICAS];
};

#define hold(condition, world, ...)                                                              \
    do {                                                                                         \
        if (!(condition)) {                                                                      \
            fprintf(stderr, "replay: DUNLIN_SEED=%" PRIu64 " ./model_counter\n", (world)->seed); \
            cr_assert(false, __VA_ARGS__);                                                       \
        }                                                                                        \
    } while (0)

static unsigned pick(struct world *world, unsigned bound)
{
    return (unsigned)rng_below(&world->rng, bound);
}

static void keep(struct copy *copy, struct buffer *bytes, const struct version *version)
{
    struct version kept = *version;

    buffer_deinit(&copy->bytes);
    copy->bytes = *bytes;
    *bytes = (struct buffer){0};
    kept.value = buffer_content(&copy->bytes);
    copy->version = kept;
}

static void assign(struct copy *to, const struct copy *from)
{
    struct buffer bytes = {0};

    buffer_append_span(&bytes, from->version.value);
    keep(to, &bytes, &from->version);
    memcpy(to->heard, from->heard, sizeof to->heard);
}

/* ---- the truth ---- */

static const struct event *base_of(const struct world *world, const bool *heard)
{
    static const struct event nothing = {.kind = EVENT_BASE, .absent = true, .number = true};
    const struct event *base = &nothing;

    for (unsigned i = 0; i < world->event_count; i++)
        if (heard[i] && world->events[i].kind == EVENT_BASE &&
            dot_compare(world->events[i].dot, base->dot) > 0)
            base = &world->events[i];
    return base;
}

static bool taken_back(const struct world *world, const bool *heard, unsigned addition)
{
    for (unsigned i = 0; i < world->event_count; i++)
        if (heard[i] && world->events[i].kind == EVENT_TAKE_BACK &&
            world->events[i].taken_back == addition)
            return true;
    return false;
}

/* How many additions count, and what all that comes to. */
static unsigned sum_of(const struct world *world, const bool *heard, wide *sum)
{
    const struct event *base = base_of(world, heard);
    unsigned count = 0;

    *sum = base->amount;
    for (unsigned i = 0; i < world->event_count; i++) {
        const struct event *event = &world->events[i];
        if (!heard[i] || event->kind != EVENT_ADD || dot_compare(event->opened, base->dot) <= 0)
            continue;
        count++;
        if (!taken_back(world, heard, i))
            *sum += event->amount;
    }
    return count;
}

static void print(wide sum, char text[TEXT_MAX])
{
    const uint64_t part = UINT64_C(1000000000000000000);
    const bool negative = sum < 0;

    if (negative)
        sum = -sum;
    if (sum >= part)
        snprintf(text, TEXT_MAX, "%s%u%018" PRIu64, negative ? "-" : "", (unsigned)(sum / part),
                 (uint64_t)(sum % part));
    else
        snprintf(text, TEXT_MAX, "%s%" PRIu64, negative ? "-" : "", (uint64_t)sum);
}

static struct span text_of(const struct version *version)
{
    return version->kind == VALUE_COUNTER ? counter_text(version->value) : version->value;
}

static void check(const struct world *world, const struct copy *copy)
{
    const struct event *base = base_of(world, copy->heard);
    const struct version *version = &copy->version;
    const bool exists = version_exists(version) && version->kind != VALUE_TOMBSTONE;
    char text[TEXT_MAX] = "x";
    wide sum;

    const unsigned count = sum_of(world, copy->heard, &sum);
    hold(!version_is_counter(version) || counter_valid(version), world, "it is well formed");
    hold(exists == (count > 0 || !base->absent), world, "it is there, or not");
    if (base->number)
        print(sum, text);
    if (exists)
        hold(span_is(text_of(version), text), world, "%s is expected, not %.*s", text,
             (int)text_of(version).size, (const char *)text_of(version).data);
}

/* How many have heard of it. */
static unsigned hearers(const struct copy *copies, unsigned count, unsigned event)
{
    unsigned hearers = 0;

    for (unsigned i = 0; i < count; i++)
        hearers += copies[i].heard[event];
    return hearers;
}

/* All at or below it has been heard of by all replicas, or by nobody any more. */
static uint64_t settled(const struct world *world)
{
    uint64_t stamp = UINT64_MAX;

    for (unsigned i = 0; i < world->event_count; i++) {
        const unsigned replicas = hearers(world->replicas, REPLICAS, i);
        if (replicas < REPLICAS && replicas + hearers(world->messages, MESSAGES, i) > 0 &&
            world->events[i].dot.stamp <= stamp)
            stamp = world->events[i].dot.stamp - 1;
    }
    return stamp == UINT64_MAX ? 0 : stamp;
}

/* ---- what replicas do ---- */

static struct event *happen(struct world *world, unsigned replica, enum event_kind kind,
                            struct dot dot)
{
    struct event *event = &world->events[world->event_count];

    *event = (struct event){.kind = kind, .dot = dot, .number = true};
    world->replicas[replica].heard[world->event_count++] = true;
    return event;
}

static struct dot stamp(struct world *world, unsigned replica)
{
    uint64_t *last = &world->stamps[replica];

    if (world->replicas[replica].version.dot.stamp > *last)
        *last = world->replicas[replica].version.dot.stamp;
    if (settled(world) > *last)
        *last = settled(world);
    *last += 1 + pick(world, 8);
    return (struct dot){.stamp = *last, .node = (node_number)(replica + 1)};
}

static int64_t amount(struct world *world)
{
    if (pick(world, 12) == 0)
        return pick(world, 2) == 0 ? INT64_MAX - pick(world, 3) : INT64_MIN + pick(world, 3);
    return (int64_t)pick(world, 2000) - 1000;
}

static void write_base(struct world *world, unsigned replica)
{
    struct copy *copy = &world->replicas[replica];
    struct event *event = happen(world, replica, EVENT_BASE, stamp(world, replica));
    struct version version = {.dot = event->dot, .deadline_ms = DEADLINE_NEVER};
    struct buffer bytes = {0};

    event->absent = pick(world, 3) == 0;
    if (!event->absent) {
        version.kind = VALUE_STRING;
        event->number = pick(world, 4) != 0;
        event->amount = event->number ? amount(world) : 0;
        if (event->number)
            buffer_append_int64(&bytes, event->amount);
        else
            buffer_append_string(&bytes, "x");
    }
    keep(copy, &bytes, &version);
}

static struct counter_place place_of(struct world *world, unsigned replica)
{
    const uint64_t all = settled(world);

    return (struct counter_place){.self = (node_number)(replica + 1),
                                  .held = counter_held(&world->replicas[replica].version),
                                  .gone = {.stamp = all, .node = UINT16_MAX},
                                  .settled = all};
}

static bool may_add(const struct world *world, const struct copy *copy, int64_t by)
{
    int64_t now;
    wide sum;

    sum_of(world, copy->heard, &sum);
    return base_of(world, copy->heard)->number && sum <= INT64_MAX && sum >= INT64_MIN &&
           !__builtin_add_overflow((int64_t)sum, by, &now);
}

static void add(struct world *world, unsigned replica, uint64_t above, int64_t by)
{
    struct copy *copy = &world->replicas[replica];
    struct counter_place place = place_of(world, replica);
    struct counter_addition addition = {.amount = by};
    struct buffer bytes = {0};
    struct version version;

    place.above = above;
    place.dot = stamp(world, replica);
    if (!may_add(world, copy, by))
        return;
    const enum counter_status status = counter_add(&copy->version, &place, &addition, &bytes,
                                                   &version);
    hold(status == COUNTER_OK || status == COUNTER_TOO_MANY, world, "it can be added to");
    if (status == COUNTER_OK) {
        struct event *event = happen(world, replica, EVENT_ADD, place.dot);
        event->amount = by;
        event->opened = (struct dot){.stamp = addition.opened, .node = place.self};
        world->additions[replica] = addition;
        world->added[replica] = world->event_count - 1;
        keep(copy, &bytes, &version);
    }
    buffer_deinit(&bytes);
}

/* What an update does that was overtaken. */
static void add_again(struct world *world, unsigned replica)
{
    struct copy *copy = &world->replicas[replica];
    const struct counter_place place = place_of(world, replica);
    const struct counter_addition addition = world->additions[replica];
    struct buffer bytes = {0};
    struct version version;

    if (addition.opened == 0)
        return;
    const unsigned added = world->added[replica];
    const enum counter_status status = counter_take_back(&copy->version, &place, &addition, &bytes,
                                                         &version);
    world->additions[replica].opened = 0;
    if (status == COUNTER_OK) {
        /* The version is kept only with what follows, which has a new dot. */
        if (addition.amount != INT64_MIN && may_add(world, copy, -addition.amount)) {
            struct event *event = happen(world, replica, EVENT_TAKE_BACK, stamp(world, replica));
            event->taken_back = added;
            version.dot = event->dot;
            keep(copy, &bytes, &version);
            add(world, replica, copy->version.dot.stamp, addition.amount);
        }
    } else if (status == COUNTER_ABSENT) {
        hold(!copy->heard[added] ||
                 dot_compare(world->events[added].opened, base_of(world, copy->heard)->dot) <= 0,
             world, "what was added is in it");
    }
    buffer_deinit(&bytes);
}

static void merge(struct world *world, const struct copy *kept, const struct copy *other,
                  node_number self, struct copy *merged)
{
    struct buffer bytes = {0};
    struct version version;

    hold(counter_merge(&kept->version, &other->version, self, &bytes, &version) == COUNTER_OK,
         world, "there are few shares");
    for (unsigned i = 0; i < EVENTS_MAX; i++)
        merged->heard[i] = kept->heard[i] || other->heard[i];
    keep(merged, &bytes, &version);
}

static void lose(struct world *world, unsigned replica)
{
    static const struct copy nothing = {.version = {.deadline_ms = DEADLINE_NEVER}};
    const struct copy *from = &world->replicas[pick(world, REPLICAS)];
    struct copy left = {0};

    merge(world, &nothing, from, (node_number)(replica + 1), &left);
    assign(&world->replicas[replica], &left);
    buffer_deinit(&left.bytes);
    world->additions[replica].opened = 0;
}

static struct copy *any(struct world *world)
{
    const unsigned at = pick(world, REPLICAS + MESSAGES);

    return at < REPLICAS ? &world->replicas[at] : &world->messages[at - REPLICAS];
}

static bool same(const struct copy *a, const struct copy *b)
{
    return dot_equal(a->version.dot, b->version.dot) && a->version.kind == b->version.kind &&
           span_equal(a->version.value, b->version.value);
}

static void check_laws(struct world *world)
{
    const struct copy *a = any(world), *b = any(world), *c = any(world);
    struct copy ab = {0}, ba = {0}, left = {0}, bc = {0}, right = {0}, twice = {0};

    merge(world, a, b, 0, &ab);
    merge(world, b, a, 0, &ba);
    merge(world, &ab, c, 0, &left);
    merge(world, b, c, 0, &bc);
    merge(world, a, &bc, 0, &right);
    merge(world, &ab, b, 0, &twice);
    check(world, &ab);
    hold(same(&ab, &ba), world, "a with b is b with a");
    hold(same(&left, &right), world, "(a with b) with c is a with (b with c)");
    hold(same(&ab, &twice), world, "b comes twice");
    hold(version_digest(&ab.version) == version_digest(&ba.version), world, "so are digests");
    for (struct copy *const *at =
             (struct copy *const[]){&ab, &ba, &left, &bc, &right, &twice, NULL};
         *at != NULL; at++)
        buffer_deinit(&(*at)->bytes);
}

static void step(struct world *world)
{
    const unsigned replica = pick(world, REPLICAS);
    struct copy *copy = &world->replicas[replica];

    switch (pick(world, 24)) {
    case 0:
        write_base(world, replica);
        break;
    case 1:
        lose(world, replica);
        break;
    case 2:
        add_again(world, replica);
        break;
    case 3:
    case 4:
        check_laws(world);
        break;
    case 5:
    case 6:
    case 7:
    case 8:
    case 9:
    case 10:
        add(world, replica, pick(world, 16) == 0 ? copy->version.dot.stamp : 0, amount(world));
        break;
    case 11:
    case 12:
    case 13:
    case 14:
        assign(&world->messages[pick(world, MESSAGES)], copy);
        break;
    default: {
        struct copy merged = {0};
        merge(world, copy, &world->messages[pick(world, MESSAGES)], (node_number)(replica + 1),
              &merged);
        assign(copy, &merged);
        buffer_deinit(&merged.bytes);
    }
    }
    check(world, copy);
}

static void run(uint64_t seed)
{
    struct world *world = calloc(1, sizeof *world);
    struct copy *all = calloc(1, sizeof *all);

    cr_assert_not_null(world);
    cr_assert_not_null(all);
    world->seed = seed;
    rng_init(&world->rng, seed);
    for (unsigned i = 0; i < STEPS && world->event_count + 2 < EVENTS_MAX; i++)
        step(world);
    for (unsigned i = 0; i < REPLICAS; i++) {
        struct copy merged = {0};
        merge(world, all, &world->replicas[i], 0, &merged);
        assign(all, &merged);
        buffer_deinit(&merged.bytes);
        check(world, all);
    }
    for (unsigned i = 0; i < REPLICAS; i++)
        buffer_deinit(&world->replicas[i].bytes);
    for (unsigned i = 0; i < MESSAGES; i++)
        buffer_deinit(&world->messages[i].bytes);
    buffer_deinit(&all->bytes);
    free(all);
    free(world);
}

Test(counter_model, agrees_with_sets_of_events)
{
    const char *seed = getenv("DUNLIN_SEED");
    const char *runs = getenv("DUNLIN_RUNS");

    if (seed != NULL && runs == NULL) {
        run(strtoull(seed, NULL, 10));
        return;
    }
    const uint64_t first = seed != NULL ? strtoull(seed, NULL, 10) : 1;
    for (uint64_t i = 0; i < (runs != NULL ? strtoull(runs, NULL, 10) : 1000); i++)
        run(first + i);
}
