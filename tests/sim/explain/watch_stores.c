/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the stores hold of the key.
 */
#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

#include "base/metrics.h"
#include "sim/explain/watch_parts.h"
#include "sim/world/describe.h"
#include "store/table.h"
#include "value/merge.h"

/* ---- versions in words ---- */

/* Values are called by what stands before the colon (load_ask.c); a counter is its number. */
static int put_value(struct span value, char *text, int size)
{
    const uint8_t *colon = value.size > 0 ? memchr(value.data, ':', value.size) : NULL;
    const size_t shown = colon != NULL ? (size_t)(colon - value.data) : value.size;

    return snprintf(text, (size_t)size, "%.*s", (int)(shown < 24 ? shown : 24),
                    shown > 0 ? (const char *)value.data : "");
}

static int put_siblings(struct span set, char *text, int size)
{
    struct sibling sibling;
    int at = snprintf(text, (size_t)size, "{");

    for (struct siblings_cursor cursor = siblings_begin(set);
         siblings_next(&cursor, &sibling) && at < size - 32;) {
        if (at > 1)
            at += snprintf(text + at, (size_t)(size - at), ", ");
        at += put_value(sibling.value, text + at, size - at);
    }
    return at + snprintf(text + at, (size_t)(size - at), "}");
}

const char *watch_words(const struct version *version, char text[WATCH_VERSION_MAX])
{
    char dot[DESCRIBE_DOT_MAX];
    int at = 0;

    if (!dot_exists(version->dot)) {
        snprintf(text, WATCH_VERSION_MAX, "nothing");
        return text;
    }
    if (version_is_counter(version))
        at = describe_counter(version, text, WATCH_VERSION_MAX / 2);
    else if (version->kind == VALUE_TOMBSTONE)
        at = snprintf(text, WATCH_VERSION_MAX, "deleted");
    else if (version_is_set(version))
        at = put_siblings(version->value, text, WATCH_VERSION_MAX / 2);
    else
        at = put_value(version->value, text, WATCH_VERSION_MAX / 2);
    at += snprintf(text + at, (size_t)(WATCH_VERSION_MAX - at), " %s",
                   describe_dot(version->dot, dot));
    if (version->deadline_ms != DEADLINE_NEVER && version->kind != VALUE_TOMBSTONE)
        snprintf(text + at, (size_t)(WATCH_VERSION_MAX - at), " until %+" PRId64,
                 version->deadline_ms - WORLD_WALL_MS);
    return text;
}

struct watch_stamp *watch_stamp_place(const struct watch *watch, uint64_t stamp)
{
    return &watch->stamps[XXH3_64bits(&stamp, sizeof stamp) % WATCH_STAMPS];
}

void watch_note_version(struct watch *watch, const struct version *version)
{
    struct watch_stamp *place = watch_stamp_place(watch, version->dot.stamp);

    place->stamp = version->dot.stamp;
    watch_words(version, place->version);
}

/* ---- one node's store ---- */

/* What it holds now, but for what is counted. */
static void read_store(const struct watch *watch, const struct sim_node *node,
                       struct watch_holding *holding)
{
    struct partition *partition = store_partition(node->store, (uint32_t)watch->partition);
    const uint64_t hash = store_hash(node->store, watch_key(watch));
    struct version version = {.deadline_ms = DEADLINE_NEVER};
    struct partition_counts counts;

    holding->boots = node->boots;
    holding->votes = partition_votes(partition);
    holding->recovering = partition->recovering;
    if (watch->key[0] == '\0')
        return;
    /* partition_get would mark it as used. */
    struct entry *entry = partition->table != NULL
                              ? table_find(partition->table, hash, watch_key(watch))
                              : NULL;
    if (entry != NULL)
        entry_read(entry, &version);
    partition_count(partition, &counts);
    holding->there = entry != NULL;
    holding->dot = version.dot;
    holding->deadline_ms = version.deadline_ms;
    holding->digest = XXH3_64bits(version.value.data, version.value.size);
    holding->mark = partition_mark(partition, hash, watch_key(watch));
    holding->evicted = counts.evicted;
    watch_words(&version, holding->version);
}

static const char *why_it_went(const struct watch *watch, const struct sim_node *node,
                               const struct watch_holding *before, const struct watch_holding *now)
{
    const struct partition *partition = store_partition(node->store, (uint32_t)watch->partition);

    if (strncmp(before->version, "deleted", 7) == 0 && before->dot.stamp <= partition->settled)
        return "the tombstone is settled";
    if (dot_compare(before->dot, partition->flushed) <= 0)
        return "FLUSHALL";
    if (before->deadline_ms != DEADLINE_NEVER && before->deadline_ms <= sim_node_now(node).wall_ms)
        return "its time is up";
    if (now->evicted > before->evicted)
        return "evicted";
    return "dropped";
}

static void tell_entry(struct watch *watch, const struct sim_node *node,
                       const struct watch_holding *before, const struct watch_holding *now,
                       int64_t at_us)
{
    char who[WATCH_WHO_MAX], dot[DESCRIBE_DOT_MAX], from[48] = "";

    watch_who(node->number, 0, who);
    if (before->from != 0)
        snprintf(from, sizeof from, ", after a message of node %u", before->from);
    if (now->there)
        timeline_add(watch->timeline, at_us, TIMELINE_HELD, who, "holds %s in place of %s%s%s",
                     now->version, before->there ? before->version : "nothing",
                     now->recovering ? ", and does not vote" : "", from);
    else
        timeline_add(watch->timeline, at_us, TIMELINE_HELD, who,
                     "holds nothing in place of %s: %s; %s%s", before->version,
                     why_it_went(watch, node, before, now),
                     dot_exists(now->mark) ? "a mark stays, " : "no mark stays",
                     dot_exists(now->mark) ? describe_dot(now->mark, dot) : "");
}

static void tell_mark(struct watch *watch, const struct sim_node *node,
                      const struct watch_holding *before, const struct watch_holding *now,
                      int64_t at_us)
{
    char who[WATCH_WHO_MAX], dot[DESCRIBE_DOT_MAX];

    watch_who(node->number, 0, who);
    if (dot_exists(now->mark))
        timeline_add(watch->timeline, at_us, TIMELINE_HELD, who, "keeps the mark %s",
                     describe_dot(now->mark, dot));
    else
        timeline_add(watch->timeline, at_us, TIMELINE_HELD, who, "gives up the mark %s",
                     describe_dot(before->mark, dot));
}

/* ---- looking ---- */

static void look_at(struct watch *watch, const struct sim_node *node, int64_t at_us)
{
    struct watch_holding *before = &watch->holdings[node->number];
    struct watch_holding now = {.deadline_ms = DEADLINE_NEVER};
    char who[WATCH_WHO_MAX];

    watch_who(node->number, 0, who);
    if (before->boots != 0 && (!node->running || node->boots != before->boots)) {
        if (before->there)
            timeline_add(watch->timeline, at_us, TIMELINE_RARE, who, "loses %s with its memory",
                         before->version);
        watch_forget_hints(watch, node->number);
        *before = now;
    }
    if (!node->running)
        return;
    watch->key_hash = store_hash(node->store, watch_key(watch));
    read_store(watch, node, &now);
    const uint64_t hints_dropped = metrics_sum(node->metrics, METRIC_HINTS_DROPPED);
    const uint64_t hints_moved = metrics_sum(node->metrics, METRIC_HINTS_KEPT) +
                                 metrics_sum(node->metrics, METRIC_HINTS_DELIVERED) + hints_dropped;
    if (before->votes != now.votes || before->recovering != now.recovering)
        timeline_add(watch->timeline, at_us, now.votes ? TIMELINE_WORLD : TIMELINE_RARE, who,
                     "%s in partition %d%s", now.votes ? "votes" : "does not vote",
                     watch->partition, now.recovering ? ": it forgot, or missed something" : "");
    const bool same = before->there == now.there && dot_equal(before->dot, now.dot) &&
                      before->deadline_ms == now.deadline_ms && before->digest == now.digest;
    if (before->boots == 0 ? now.there : !same)
        tell_entry(watch, node, before, &now, at_us);
    if (!dot_equal(before->mark, now.mark) && !now.there && !before->there)
        tell_mark(watch, node, before, &now, at_us);
    if (watch->key[0] != '\0' && hints_moved != before->hints_moved)
        watch_look_at_hints(watch, node, hints_dropped > before->hints_dropped, at_us);
    now.hints_moved = hints_moved;
    now.hints_dropped = hints_dropped;
    *before = now;
}

void watch_look(struct watch *watch, const struct world *world)
{
    for (unsigned i = 1; i <= world->settings.nodes; i++)
        look_at(watch, world->nodes[i], world->now_us);
}

/* ---- the state at one moment ---- */

static const char *role_of(const struct watch *watch, const struct sim_node *node,
                           const struct world *world)
{
    for (unsigned i = 1; i <= world->settings.nodes && watch->partition >= 0; i++) {
        const struct ring *ring = sim_node_ring(world->nodes[i]);
        if (ring == NULL)
            continue;
        const int at = ring_claim_index(ring_claim(ring, (uint32_t)watch->partition),
                                        (node_number)node->number);
        return at == 0 ? ", the primary" : at > 0 ? ", a replica" : "";
    }
    return "";
}

static int count_recovering(const struct sim_node *node)
{
    int count = 0;

    for (uint32_t p = 0; p < store_partitions(node->store); p++)
        count += store_partition(node->store, p)->recovering;
    return count;
}

/* How the node sees the others: those that it does not see alive and voting. */
static void put_sights(const struct sim_node *node, struct buffer *state)
{
    static const char *const names[] = {[HEALTH_UNKNOWN] = "unknown",
                                        [HEALTH_ALIVE] = "alive",
                                        [HEALTH_SUSPECT] = "suspect",
                                        [HEALTH_DEAD] = "dead"};

    for (size_t i = 0; node->view != NULL && i < node->view->node_count; i++) {
        const struct view_node *other = &node->view->nodes[i];
        const bool named = (size_t)other->health < sizeof names / sizeof names[0] &&
                           names[other->health] != NULL;
        if (other->health != HEALTH_ALIVE || !other->votes)
            buffer_append_format(state, "; sees %u %s%s", other->number,
                                 named ? names[other->health] : "gone",
                                 other->votes ? "" : " and not voting");
    }
}

static void put_holding(const struct watch *watch, const struct watch_holding *holding,
                        struct buffer *state)
{
    char dot[DESCRIBE_DOT_MAX];

    if (watch->key[0] != '\0')
        buffer_append_format(state, "holds %s, ", holding->there ? holding->version : "nothing");
    if (dot_exists(holding->mark))
        buffer_append_format(state, "a mark %s, ", describe_dot(holding->mark, dot));
    if (watch->partition >= 0)
        buffer_append_string(state, holding->votes ? "votes here, " : "does not vote here, ");
}

void watch_keep_state(struct watch *watch, const struct world *world)
{
    struct buffer *state = &watch->state;

    if (watch->state_kept)
        return;
    watch->state_kept = true;
    buffer_append_format(state, "The nodes at %" PRId64 ".%03" PRId64 ":\n", world->now_us / 1000,
                         world->now_us % 1000);
    for (unsigned i = 1; i <= world->settings.nodes; i++) {
        const struct sim_node *node = world->nodes[i];
        buffer_append_format(state, "  node %u%s: ", i, role_of(watch, node, world));
        if (!node->running) {
            buffer_append_string(state, "does not run\n");
            continue;
        }
        put_holding(watch, &watch->holdings[i], state);
        buffer_append_format(state, "%srecovers %d partitions, keeps %" PRIu64 " hints",
                             node->paused ? "is paused, " : "", count_recovering(node),
                             metrics_sum(node->metrics, METRIC_HINTS));
        put_sights(node, state);
        buffer_append_string(state, "\n");
    }
}
