/* SPDX-License-Identifier: BSD-3-Clause */
#include "lib/engine_pair.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "command/cluster.h"
#include "command/errorstats.h"
#include "command/latency.h"
#include "command/slowlog.h"
#include "ring/ring.h"
#include "value/counter.h"

struct instant pair_now(const struct pair_node *node)
{
    struct instant now = node->pair->now;

    now.wall_ms += node->skew_ms;
    return now;
}

/* ---- what the engine wants ---- */

static void client_output(void *connection)
{
    (void)connection;
}

static void client_hold(void *connection, bool hold)
{
    struct pair_client *client = connection;

    client->held = hold;
}

static void client_close(void *connection)
{
    struct pair_client *client = connection;

    client->closing = true;
}

static void link_output(void *connection)
{
    (void)connection;
}

static void link_close(void *connection)
{
    struct pair_cable *cable = connection;

    cable->finishing = true;
}

static struct pair_cable *cable_of(struct pair_node *node, node_number number)
{
    struct pair *pair = node->pair;
    size_t to = 0;

    while (to < pair->count && pair->nodes[to].number != number)
        to++;
    cr_assert_lt(to, pair->count, "no node has the number %u", number);
    return &pair->cables[node->index][to];
}

static void peer_output(void *host, node_number number)
{
    (void)host;
    (void)number;
}

static void peer_open(void *host, node_number number)
{
    struct pair_cable *cable = cable_of(host, number);

    cr_assert(!cable->open && !cable->wanted, "an open link was opened");
    cable->wanted = true;
}

static void peer_close(void *host, node_number number)
{
    pair_cable_drop(cable_of(host, number));
}

static void control_command(void *host, uint64_t request, const struct span *argv, size_t argc)
{
    struct pair_node *node = host;

    node->command = request;
    for (size_t i = 0; i < argc; i++) {
        buffer_append_span(&node->commands, argv[i]);
        buffer_append_string(&node->commands, i + 1 < argc ? " " : "\n");
    }
}

static void control_message(void *host, uint64_t link, struct span message)
{
    struct pair_node *node = host;

    node->message_link = link;
    buffer_append_span(&node->messages, message);
}

static void wake_at(void *host, int64_t mono_us)
{
    struct pair_node *node = host;

    node->wake_at_us = mono_us;
}

static bool late(void *host)
{
    const struct pair_node *node = host;

    return node->late;
}

static const struct engine_calls calls = {
    .client_output = client_output,
    .client_hold = client_hold,
    .client_close = client_close,
    .link_output = link_output,
    .link_close = link_close,
    .peer_output = peer_output,
    .peer_open = peer_open,
    .peer_close = peer_close,
    .control_command = control_command,
    .control_message = control_message,
    .wake_at = wake_at,
    .late = late,
};

/* ---- what commands look at ---- */

static struct member_address member_address(void *context, const struct ring_member *member)
{
    (void)context;
    return (struct member_address){member->host, member->client_port, member->bus_port};
}

static enum member_state member_state(void *context, const struct ring_member *member)
{
    const struct pair_node *node = context;

    return view_member_state(node->view, member);
}

static void limit_memory(const struct pair_node *node)
{
    store_set_memory_max(node->store, node->options->maxmemory);
    store_set_policy(node->store, (enum store_policy)node->options->maxmemory_policy);
}

static bool config_set(void *context, const struct span *pairs, size_t count, struct buffer *error)
{
    struct pair_node *node = context;
    const struct options *next = options_set(node->options, pairs, count, error);

    if (next == NULL)
        return false;
    options_release(&node->options);
    node->options = next;
    limit_memory(node);
    engine_set_options(node->engine, next);
    return true;
}

static bool config_rewrite(void *context, struct buffer *error)
{
    (void)context;
    (void)error;
    return true;
}

static void visit_links(void *context, void (*visit)(void *visitor, const struct link_facts *facts),
                        void *visitor)
{
    const struct pair_node *node = context;

    engine_visit_links(node->engine, visit, visitor);
}

static void reset_statistics(void *context)
{
    (void)context;
}

static void get_facts(void *context, struct node_facts *facts)
{
    (void)context;
    *facts = (struct node_facts){0};
}

static void shut_down(void *context)
{
    (void)context;
}

static const struct environment_functions functions = {
    .member_address = member_address,
    .member_state = member_state,
    .links = visit_links,
    .config_set = config_set,
    .config_rewrite = config_rewrite,
    .shut_down = shut_down,
    .reset_statistics = reset_statistics,
    .facts = get_facts,
};

static void wake_killed(void *context, uint32_t worker)
{
    struct pair_node *node = context;

    (void)worker;
    node->killed = true;
}

static void keep_line(void *context, enum log_level level, struct span line)
{
    struct pair_node *node = context;

    (void)level;
    buffer_append_span(&node->logged, line);
    buffer_append_string(&node->logged, "\n");
}

/* ---- life ---- */

static void form_ring(struct pair *pair)
{
    const uint32_t copies = pair->setup.replicas;
    struct ring_member members[PAIR_NODES_MAX] = {0};
    struct ring_claim claims[PAIR_PARTITIONS] = {0};
    struct ring_draft draft = {
        .identity = {{7}},
        .version = ring_version(1, 0),
        .partition_count = PAIR_PARTITIONS,
        .base = {.replicas = copies,
                 .conflict = pair->setup.siblings ? RING_CONFLICT_SIBLINGS : RING_CONFLICT_LWW},
        .members = members,
        .member_count = pair->count,
        .claims = claims,
    };
    char error[RING_ERROR_MAX];

    for (size_t i = 0; i < pair->count; i++) {
        members[i] = (struct ring_member){.identity = pair->nodes[i].identity,
                                          .number = pair->nodes[i].number,
                                          .client_port = (uint16_t)(7001 + i),
                                          .bus_port = (uint16_t)(17001 + i),
                                          .weight = 1,
                                          .host = "127.0.0.1"};
        draft.last_number = members[i].number;
    }
    for (size_t p = 0; p < PAIR_PARTITIONS; p++) {
        claims[p].version = draft.version;
        claims[p].count = (uint16_t)copies;
        for (size_t i = 0; i < copies; i++)
            claims[p].nodes[i] = pair->nodes[(p + i) % pair->count].number;
    }
    pair->ring = ring_create(&draft, error);
    cr_assert_not_null(pair->ring, "%s", error);
}

static struct view *make_view(const struct pair_node *node)
{
    const struct pair *pair = node->pair;
    struct view *view = view_create(pair->ring != NULL ? ring_retain(pair->ring) : NULL,
                                    pair->ring != NULL ? node->number : 0);

    view->self_in_line = true;
    for (size_t i = 0; i < view->node_count; i++) {
        view->nodes[i].votes = true;
        view->nodes[i].health = HEALTH_ALIVE;
    }
    return view;
}

static void adopt_claims(const struct pair_node *node)
{
    for (uint32_t p = 0; p < PAIR_PARTITIONS && node->pair->ring != NULL; p++) {
        struct partition *partition = store_partition(node->store, p);
        const struct ring_claim *claim = ring_claim(node->pair->ring, p);
        partition->claim_version = claim->version;
        partition->eligible = ring_claim_index(claim, node->number) >= 0;
    }
}

static const struct options *load_options(const char *const *arguments)
{
    struct buffer error = {0};
    size_t count = 0;

    while (arguments != NULL && arguments[count] != NULL)
        count++;
    const struct options *options = options_load(NULL, arguments, count, NULL, &error);
    cr_assert_not_null(options, "%.*s", (int)buffer_size(&error),
                       (const char *)buffer_content(&error).data);
    return options;
}

static void start_node(struct pair_node *node)
{
    const struct pair *pair = node->pair;
    const struct store_options store = {
        .partitions = PAIR_PARTITIONS, .seed = 5, .now_ms = pair_now(node).wall_ms};
    size_t rows;

    command_table(&rows);
    node->options = load_options(pair->setup.options);
    node->store = store_create(&store);
    limit_memory(node);
    adopt_claims(node);
    atomic_store(&node->bounds.ceiling, hlc_stamp(PAIR_BEGIN_MS + 100000000));
    atomic_store(&node->bounds.ahead_max_ms, node->options->max_clock_skew_ms + CEILING_AHEAD_MS);
    node->metrics = metrics_create(1, (uint32_t)rows);
    node->about = (struct node_identity){.node_id = "0102030405060708090a0b0c0d0e0f0000000000",
                                         .version = "0.1.0",
                                         .os = "Linux",
                                         .executable = "",
                                         .config_file = ""};
    node->environment = (struct environment){
        .options = node->options,
        .identity = &node->about,
        .metrics = node->metrics,
        .directory = directory_create(wake_killed, node, 1),
        .errorstats = errorstats_create(),
        .slowlog = slowlog_create(),
        .latency = latency_create(),
        .cluster_cache = cluster_cache_create(),
        .functions = &functions,
        .context = node,
    };
    log_init(&node->log, LOG_DEBUG, keep_line, node);
    node->view = make_view(node);
    const struct engine_options options = {.workers = 1,
                                           .seed = 11 + node->index,
                                           .boot = 1,
                                           .identity = node->identity,
                                           .log = &node->log,
                                           .store = node->store,
                                           .bounds = &node->bounds,
                                           .environment = &node->environment,
                                           .metrics = metrics_block(node->metrics, 0),
                                           .options = node->options,
                                           .view = node->view};
    node->engine = engine_create(&options, &calls, node, pair_now(node));
}

/* What is left to count once all entries and marks are gone was charged, and not given back. */
static void expect_nothing_charged(struct store *store)
{
    for (uint32_t p = 0; p < store_partitions(store); p++) {
        struct partition *partition = store_partition(store, p);
        partition->flushed = (struct dot){.stamp = UINT64_MAX, .node = UINT16_MAX};
        partition_clear(partition);
    }
    while (store_reclaim(store, UINT32_MAX))
        continue;
    cr_assert_eq(store_memory_used(store), 0, "%llu bytes were not given back",
                 (unsigned long long)store_memory_used(store));
}

static void stop_node(struct pair_node *node)
{
    buffer_deinit(&node->logged);
    buffer_deinit(&node->commands);
    buffer_deinit(&node->messages);
    if (node->ghost)
        return;
    engine_destroy(&node->engine);
    cr_assert_eq(metrics_sum(node->metrics, METRIC_CLIENT_BYTES), 0, "not all was given back");
    cr_assert_eq(metrics_sum(node->metrics, METRIC_LINK_BYTES), 0, "not all was given back");
    expect_nothing_charged(node->store);
    view_release(&node->view);
    errorstats_destroy(&node->environment.errorstats);
    slowlog_destroy(&node->environment.slowlog);
    latency_destroy(&node->environment.latency);
    directory_destroy(&node->environment.directory);
    cluster_cache_destroy(&node->environment.cluster_cache);
    metrics_destroy(&node->metrics);
    store_destroy(&node->store);
    options_release(&node->options);
}

void pair_init(struct pair *pair, const struct pair_setup *setup)
{
    memset(pair, 0, sizeof *pair);
    if (setup != NULL)
        pair->setup = *setup;
    if (pair->setup.nodes == 0)
        pair->setup.nodes = 1;
    if (pair->setup.replicas == 0)
        pair->setup.replicas = (uint32_t)pair->setup.nodes;
    pair->count = pair->setup.nodes;
    pair->now = (struct instant){.wall_ms = PAIR_BEGIN_MS, .mono_us = 1000000};
    for (size_t i = 0; i < pair->count; i++) {
        struct pair_node *node = &pair->nodes[i];
        node->pair = pair;
        node->index = i;
        node->number = (node_number)(10 + 3 * i);
        node->identity.bytes[0] = (uint8_t)(100 + i);
        node->ghost = (pair->setup.ghosts >> i & 1) != 0;
        for (size_t j = 0; j < pair->count; j++)
            pair->cables[i][j] = (struct pair_cable){
                .pair = pair, .from = node, .to = &pair->nodes[j]};
    }
    if (!pair->setup.no_ring)
        form_ring(pair);
    for (size_t i = 0; i < pair->count; i++)
        if (!pair->nodes[i].ghost)
            start_node(&pair->nodes[i]);
    pair_settle(pair);
}

void pair_deinit(struct pair *pair)
{
    for (size_t i = 0; i < pair->client_count; i++) {
        struct pair_client *client = &pair->clients[i];
        if (client->client != NULL)
            engine_client_closed(client->node->engine, pair_now(client->node), client->client);
        buffer_deinit(&client->got);
    }
    for (size_t i = 0; i < pair->count; i++)
        for (size_t j = 0; j < pair->count; j++)
            pair_cable_deinit(&pair->cables[i][j]);
    pair_cable_deinit(&pair->stranger);
    for (size_t i = 0; i < pair->count; i++)
        stop_node(&pair->nodes[i]);
    ring_release(&pair->ring);
}

/* ---- looking ---- */

uint32_t pair_partition_of(const struct pair *pair, const char *key)
{
    return ring_key_partition(pair->ring, span_of_string(key));
}

const char *pair_key(const struct pair *pair, size_t node, unsigned nth, char key[PAIR_KEY_MAX])
{
    for (unsigned i = 0;; i++) {
        snprintf(key, PAIR_KEY_MAX, "key:%u", i);
        if (pair_partition_of(pair, key) % pair->count == node && nth-- == 0)
            return key;
    }
}

bool pair_has(struct pair *pair, size_t node, const char *key, const char *value)
{
    const struct span name = span_of_string(key);
    struct store *store = pair->nodes[node].store;
    struct partition *partition = store_partition(store, pair_partition_of(pair, key));
    struct version version;
    bool has;

    partition_lock(partition);
    has = partition_get(partition, store_hash(store, name), name, &version);
    if (has && version.kind == VALUE_COUNTER)
        version.value = counter_text(version.value);
    has = has && version.kind != VALUE_TOMBSTONE &&
          span_equal(version.value, span_of_string(value));
    partition_unlock(partition);
    return has;
}

uint64_t pair_metric(const struct pair *pair, size_t node, enum metric metric)
{
    return metrics_sum(pair->nodes[node].metrics, metric);
}

void pair_see(struct pair *pair, size_t node, size_t other, bool votes, enum node_health health)
{
    struct pair_node *n = &pair->nodes[node];
    struct view *next = make_view(n);

    for (size_t i = 0; i < next->node_count; i++)
        next->nodes[i] = n->view->nodes[i];
    next->nodes[other].votes = votes;
    next->nodes[other].health = health;
    engine_set_view(n->engine, pair_now(n), next);
    view_release(&n->view);
    n->view = next;
    pair_settle(pair);
}

void pair_forget(struct pair *pair, size_t node)
{
    pair_see(pair, node, node, false, HEALTH_ALIVE);
    for (uint32_t p = 0; p < PAIR_PARTITIONS; p++)
        store_partition(pair->nodes[node].store, p)->recovering = true;
}

void pair_configure(struct pair *pair, size_t node, const char *name, const char *value)
{
    const struct span words[] = {span_of_string(name), span_of_string(value)};
    struct buffer error = {0};

    cr_assert(config_set(&pair->nodes[node], words, 1, &error), "%.*s", (int)buffer_size(&error),
              (const char *)buffer_content(&error).data);
    pair_settle(pair);
}
