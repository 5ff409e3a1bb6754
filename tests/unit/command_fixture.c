/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h" /* memmem */

#include "command_fixture.h"

#include <criterion/criterion.h>

#include "base/memory.h"
#include "base/metrics.h"
#include "base/word.h"
#include "command/audience.h"
#include "command/cluster.h"
#include "command/errorstats.h"
#include "command/latency.h"
#include "command/slowlog.h"
#include "ring/ring.h"

static bool config_set(void *context, const struct span *pairs, size_t count, struct buffer *error)
{
    struct fixture *fixture = context;

    for (size_t i = 0; i < 2 * count; i++) {
        buffer_append_span(&fixture->config, pairs[i]);
        buffer_append_string(&fixture->config, i % 2 == 0 ? "=" : ";");
    }
    if (fixture->config_fails)
        buffer_append_string(error, "ERR CONFIG SET failed");
    return !fixture->config_fails;
}

static bool config_rewrite(void *context, struct buffer *error)
{
    struct fixture *fixture = context;

    if (fixture->config_fails)
        buffer_append_string(error, "No space left on device");
    return !fixture->config_fails;
}

static void reset_statistics(void *context)
{
    struct fixture *fixture = context;

    fixture->resets++;
}

static void shut_down(void *context)
{
    struct fixture *fixture = context;

    fixture->shut_down = true;
}

static void get_facts(void *context, struct node_facts *facts)
{
    const struct fixture *fixture = context;

    *facts = fixture->facts;
}

static struct member_address member_address(void *context, const struct ring_member *member)
{
    const struct fixture *fixture = context;

    if (member->number == fixture->moved)
        return (struct member_address){"192.0.2.77", 7777, 17777};
    return (struct member_address){member->host, member->client_port, member->bus_port};
}

static enum member_state member_state(void *context, const struct ring_member *member)
{
    const struct fixture *fixture = context;

    return fixture->states[member->number];
}

static void links(void *context, void (*visit)(void *visitor, const struct link_facts *facts),
                  void *visitor)
{
    (void)context;
    visit(visitor, &(struct link_facts){.node = {{1, 2}},
                                        .to = true,
                                        .opened_us = FIXTURE_NOW_US - 3000,
                                        .waiting = 5,
                                        .room = 10});
}

static const struct environment_functions functions = {
    .links = links,
    .member_address = member_address,
    .member_state = member_state,
    .config_set = config_set,
    .config_rewrite = config_rewrite,
    .reset_statistics = reset_statistics,
    .shut_down = shut_down,
    .facts = get_facts,
};

static void wake(void *context, uint32_t worker)
{
    struct fixture *fixture = context;

    fixture->woken |= 1u << worker;
}

void fixture_init(struct fixture *fixture)
{
    size_t rows;

    command_table(&rows);
    *fixture = (struct fixture){
        .options = options_create(),
        .identity = {.node_id = "0102030405060708090a0b0c0d0e0f0000000000",
                     .run_id = "f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0",
                     .version = "0.1.0",
                     .os = "Linux",
                     .executable = "/usr/bin/dunlin-server",
                     .config_file = ""},
        .metrics = metrics_create(1, (uint32_t)rows),
    };
    fixture->environment = (struct environment){
        .options = fixture->options,
        .identity = &fixture->identity,
        .metrics = fixture->metrics,
        .directory = directory_create(wake, fixture, 1),
        .errorstats = errorstats_create(),
        .slowlog = slowlog_create(),
        .latency = latency_create(),
        .cluster_cache = cluster_cache_create(),
        .functions = &functions,
        .context = fixture,
    };
    post_open(directory_post(fixture->environment.directory), 3);
    fixture->environment.audience = audience_create(
        directory_channels(fixture->environment.directory), 3);
    session_init(&fixture->session, "127.0.0.1:4711", "127.0.0.1:6379",
                 (struct instant){.wall_ms = FIXTURE_NOW_MS, .mono_us = FIXTURE_NOW_US}, true);
    fixture->session.worker = 3;
    directory_add(fixture->environment.directory, &fixture->session);
}

void fixture_deinit(struct fixture *fixture)
{
    const struct options *options = fixture->options;

    audience_leave(fixture->environment.audience, &fixture->session);
    audience_destroy(&fixture->environment.audience);
    directory_remove(fixture->environment.directory, &fixture->session);
    session_deinit(&fixture->session);
    directory_destroy(&fixture->environment.directory);
    errorstats_destroy(&fixture->environment.errorstats);
    slowlog_destroy(&fixture->environment.slowlog);
    latency_destroy(&fixture->environment.latency);
    cluster_cache_destroy(&fixture->environment.cluster_cache);
    metrics_destroy(&fixture->metrics);
    options_release(&options);
    buffer_deinit(&fixture->reply);
    buffer_deinit(&fixture->made);
    buffer_deinit(&fixture->config);
}

void fixture_set_password(struct fixture *fixture, const char *password)
{
    memory_free(fixture->options->requirepass);
    fixture->options->requirepass = memory_copy_string(password);
}

static size_t split(struct fixture *fixture, const char *line)
{
    struct word word = {0};
    const size_t size = strlen(line);
    size_t argc = 0;

    cr_assert_leq(size, sizeof fixture->line);
    memcpy(fixture->line, line, size);
    while (word_next(fixture->line, size, &word) == WORD_FOUND) {
        cr_assert_lt(argc, FIXTURE_ARG_MAX);
        fixture->argv[argc++] = span_of(fixture->line + word.offset, word.size);
    }
    return argc;
}

void fixture_run(struct fixture *fixture, const char *line, const struct version *version)
{
    const struct version absent = {.deadline_ms = DEADLINE_NEVER};
    struct call *call = &fixture->call;

    buffer_reset(&fixture->reply, SIZE_MAX);
    fixture->change = (struct change){.action = CHANGE_NOTHING};
    fixture->prepared = false;
    *call = (struct call){
        .argv = fixture->argv,
        .argc = split(fixture, line),
        .reply = &fixture->reply,
        .made = &fixture->made,
        .protocol = session_protocol(&fixture->session),
        .now = {.wall_ms = FIXTURE_NOW_MS, .mono_us = FIXTURE_NOW_US},
        .environment = &fixture->environment,
        .session = &fixture->session,
    };
    call->command = command_find(call->argv, call->argc, NULL, call->reply);
    if (call->command == NULL)
        return;
    fixture->kind = call->command->kind;
    session_note(&fixture->session, call->command, call->now);
    if (call->command->prepare != NULL && !call->command->prepare(call, &fixture->kind))
        return;
    fixture->prepared = true;
    if (version == NULL)
        version = &absent;
    switch (fixture->kind) {
    case COMMAND_LOCAL:
        call->command->run(call);
        break;
    case COMMAND_READ:
        call->command->read(call, version);
        break;
    case COMMAND_WRITE:
        call->command->update(call, NULL, &fixture->change);
        break;
    case COMMAND_UPDATE:
        if (call->command->make != NULL)
            call->command->make(call);
        buffer_reset(call->reply, SIZE_MAX);
        call->command->update(call, version, &fixture->change);
        break;
    case COMMAND_CLUSTER:
    case COMMAND_STEPS:
        break;
    }
}

void fixture_expect(struct fixture *fixture, const char *line, const struct version *version,
                    const char *reply)
{
    fixture_run(fixture, line, version);
    const struct span given = buffer_content(&fixture->reply);
    cr_assert(span_equal(given, span_of_string(reply)), "%s: '%.*s' and not '%s'", line,
              (int)given.size, (const char *)given.data, reply);
}

void fixture_expect_part(struct fixture *fixture, const char *line, const char *part)
{
    fixture_run(fixture, line, NULL);
    const struct span given = buffer_content(&fixture->reply);
    cr_assert_not_null(memmem(given.data, given.size, part, strlen(part)),
                       "%s: '%.*s' does not hold '%s'", line, (int)given.size,
                       (const char *)given.data, part);
}

void fixture_expect_nothing(struct fixture *fixture)
{
    cr_assert_eq(fixture->change.action, CHANGE_NOTHING);
}

void fixture_expect_delete(struct fixture *fixture)
{
    cr_assert_eq(fixture->change.action, CHANGE_DELETE);
}

void fixture_expect_put(struct fixture *fixture, const char *value, int64_t deadline_ms)
{
    struct buffer whole = {0};

    cr_assert(fixture->change.action == CHANGE_PUT || fixture->change.action == CHANGE_ADD);
    change_value(&fixture->change, &whole);
    cr_assert(span_equal(buffer_content(&whole), span_of_string(value)), "not '%s'", value);
    cr_assert_eq(fixture->change.deadline_ms, deadline_ms);
    buffer_deinit(&whole);
}

struct version fixture_string(const char *value, int64_t deadline_ms)
{
    return (struct version){.dot = {.stamp = 1, .node = 1},
                            .kind = VALUE_STRING,
                            .deadline_ms = deadline_ms,
                            .value = span_of_string(value)};
}
