/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Subscriptions: the sets of names, what a worker's clients hear of, and what a node counts of
 * that; against plain lists where it is random.
 */
#include "command/audience.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/rng.h"
#include "command_fixture.h"
#include "lib/timeout.h"

TestSuite(command_audience, .timeout = TIMEOUT_S(20));

#define SESSIONS 3

static struct post *post;
static struct channels *channels;
static struct audience *audience;
static struct inbox *inbox;
static struct session sessions[SESSIONS];

static void wake(void *context, uint32_t worker)
{
    (void)context;
    (void)worker;
}

static void begin(void)
{
    post = post_create(wake, NULL);
    inbox = post_open(post, 0);
    post_open(post, 1);
    channels = channels_create(post, 7);
    audience = audience_create(channels, 0);
    for (size_t i = 0; i < SESSIONS; i++)
        session_init(&sessions[i], "127.0.0.1:1", "127.0.0.1:2", (struct instant){0}, true);
}

static void end(void)
{
    for (size_t i = 0; i < SESSIONS; i++) {
        audience_leave(audience, &sessions[i]);
        session_deinit(&sessions[i]);
    }
    audience_destroy(&audience);
    channels_destroy(&channels); /* nothing is left there */
    post_destroy(&post);
}

static void subscribe(size_t session, enum channel_kind kind, const char *name)
{
    cr_assert(audience_subscribe(audience, &sessions[session], kind, span_of_string(name)));
}

static void unsubscribe(size_t session, enum channel_kind kind, const char *name)
{
    audience_unsubscribe(audience, &sessions[session], kind, span_of_string(name));
}

/* "0 1/a* 2": who is to hear, and by which pattern. */
static void expect_heard(enum channel_kind kind, const char *name, const char *expected)
{
    struct hearing hearing;
    struct buffer heard = {0};
    uint64_t receivers = 0;

    audience_begin(audience, kind, span_of_string(name));
    while (audience_next(audience, &hearing)) {
        if (receivers++ > 0)
            buffer_append_string(&heard, " ");
        buffer_append_format(&heard, "%d", (int)(hearing.session - sessions));
        if (hearing.pattern != NULL)
            buffer_append_format(&heard, "/%.*s", (int)hearing.pattern->size,
                                 (const char *)hearing.pattern->data);
    }
    cr_assert(span_equal(buffer_content(&heard), span_of_string(expected)), "'%.*s' not '%s'",
              (int)buffer_size(&heard), (const char *)buffer_content(&heard).data, expected);
    buffer_deinit(&heard);
    const struct announced announced = channels_publish(channels, 0, kind, span_of_string(name),
                                                        SPAN("message"));
    cr_assert_eq(announced.receivers, receivers);
    cr_assert_eq(post_waits(inbox), receivers > 0);
    struct buffer records = {0};
    post_take(inbox, &records);
    buffer_deinit(&records);
}

Test(command_audience, a_message_goes_to_the_channel_s_and_then_to_each_pattern_s)
{
    begin();
    subscribe(2, CHANNEL_PLAIN, "news");
    subscribe(0, CHANNEL_PLAIN, "news");
    subscribe(0, CHANNEL_PLAIN, "news");
    subscribe(1, CHANNEL_PATTERN, "n*");
    subscribe(1, CHANNEL_PATTERN, "x*");
    subscribe(0, CHANNEL_PATTERN, "ne?s");
    subscribe(1, CHANNEL_SHARD, "news");
    expect_heard(CHANNEL_PLAIN, "news", "2 0 1/n* 0/ne?s");
    expect_heard(CHANNEL_PLAIN, "nothing", "1/n*");
    expect_heard(CHANNEL_PLAIN, "", "");
    expect_heard(CHANNEL_SHARD, "news", "1");
    expect_heard(CHANNEL_SHARD, "n*", "");
    unsubscribe(2, CHANNEL_PLAIN, "news");
    unsubscribe(2, CHANNEL_PLAIN, "news");
    unsubscribe(1, CHANNEL_PLAIN, "news");
    unsubscribe(1, CHANNEL_PATTERN, "n*");
    expect_heard(CHANNEL_PLAIN, "news", "0 0/ne?s");
    audience_leave(audience, &sessions[0]);
    expect_heard(CHANNEL_PLAIN, "news", "");
    end();
}

/* A pattern without anything special in it is one all the same. */
Test(command_audience, a_pattern_may_read_as_the_channel_does)
{
    begin();
    subscribe(0, CHANNEL_PATTERN, "news");
    subscribe(1, CHANNEL_PLAIN, "news");
    expect_heard(CHANNEL_PLAIN, "news", "1 0/news");
    end();
}

static void expect_next(size_t session, const char *pattern)
{
    struct hearing hearing;

    cr_assert(audience_next(audience, &hearing));
    cr_assert_eq((size_t)(hearing.session - sessions), session);
    cr_assert_eq(hearing.pattern != NULL, pattern != NULL);
    cr_assert(pattern == NULL || span_equal(*hearing.pattern, span_of_string(pattern)));
}

Test(command_audience, who_leaves_while_a_message_goes_round_does_not_stop_it)
{
    struct hearing hearing;

    begin();
    for (size_t i = 0; i < SESSIONS; i++) {
        subscribe(i, CHANNEL_PLAIN, "news");
        subscribe(i, CHANNEL_PATTERN, "n*");
        subscribe(i, CHANNEL_PATTERN, "?ews");
    }
    audience_begin(audience, CHANNEL_PLAIN, SPAN("news"));
    expect_next(0, NULL);
    audience_leave(audience, &sessions[1]); /* the next one */
    expect_next(2, NULL);
    expect_next(0, "n*");
    unsubscribe(0, CHANNEL_PATTERN, "n*");
    unsubscribe(2, CHANNEL_PATTERN, "n*"); /* the pattern that it is at goes */
    expect_next(0, "?ews");
    audience_leave(audience, &sessions[0]);
    audience_leave(audience, &sessions[2]); /* and all that is left */
    cr_assert(!audience_next(audience, &hearing));
    expect_heard(CHANNEL_PLAIN, "news", "");

    /* The channel itself goes while it is at its last subscriber. */
    subscribe(0, CHANNEL_SHARD, "s");
    audience_begin(audience, CHANNEL_SHARD, SPAN("s"));
    unsubscribe(0, CHANNEL_SHARD, "s");
    cr_assert(!audience_next(audience, &hearing));
    subscribe(0, CHANNEL_PLAIN, "s");
    subscribe(1, CHANNEL_PATTERN, "*");
    audience_begin(audience, CHANNEL_PLAIN, SPAN("s"));
    unsubscribe(0, CHANNEL_PLAIN, "s");
    expect_next(1, "*");
    cr_assert(!audience_next(audience, &hearing));
    end();
}

static void shake(struct rng *rng, bool (*has)[CHANNEL_KINDS][40])
{
    char name[8];

    for (unsigned i = 0; i < 3000; i++) {
        const size_t session = rng_below(rng, SESSIONS), at = rng_below(rng, 40);
        const enum channel_kind kind = (enum channel_kind)rng_below(rng, CHANNEL_KINDS);
        snprintf(name, sizeof name, "c%zu", at);
        if (rng_below(rng, 2) == 0)
            subscribe(session, kind, name);
        else
            unsubscribe(session, kind, name);
        const struct subscriber *subscriber = session_subscriber(&sessions[session]);
        has[session][kind][at] = subscriber != NULL &&
                                 names_find(&subscriber->names[kind],
                                            channels_hash(channels, span_of_string(name)),
                                            span_of_string(name)) != NULL;
    }
}

Test(command_audience, what_is_counted_is_what_is_there)
{
    static bool has[SESSIONS][CHANNEL_KINDS][40];
    char name[8];
    struct rng rng;

    begin();
    rng_init(&rng, 11);
    shake(&rng, has);
    for (size_t kind = 0; kind < CHANNEL_KINDS; kind++) {
        size_t names = 0;
        for (size_t at = 0; at < 40; at++) {
            uint64_t subscribers = 0;
            snprintf(name, sizeof name, "c%zu", at);
            for (size_t session = 0; session < SESSIONS; session++)
                subscribers += has[session][kind][at];
            names += subscribers > 0;
            cr_assert_eq(
                channels_subscribers(channels, (enum channel_kind)kind, span_of_string(name)),
                subscribers);
        }
        cr_assert_eq(channels_count(channels, (enum channel_kind)kind), names);
        for (size_t session = 0; session < SESSIONS; session++) {
            unsigned count = 0;
            for (size_t at = 0; at < 40; at++)
                count += has[session][kind][at];
            cr_assert_eq(session_subscriber(&sessions[session])->counts[kind], count);
        }
    }
    cr_assert_eq(channels_clients(channels), SESSIONS);
    end();
}

Test(command_audience, a_connection_may_have_so_many_and_so_long_ones)
{
    begin();
    subscribe(0, CHANNEL_PLAIN, "0123456789");
    cr_assert(audience_has_room(&sessions[0], SUBSCRIPTIONS_MAX - 1, 0));
    cr_assert(!audience_has_room(&sessions[0], SUBSCRIPTIONS_MAX, 0));
    cr_assert(audience_has_room(&sessions[0], 1, SUBSCRIBED_BYTES_MAX - 10));
    cr_assert(!audience_has_room(&sessions[0], 1, SUBSCRIBED_BYTES_MAX - 9));
    cr_assert(audience_has_room(&sessions[1], SUBSCRIPTIONS_MAX, SUBSCRIBED_BYTES_MAX));
    cr_assert_gt(session_subscriber(&sessions[0])->bytes, 10);
    end();
}

/* A link that was closed may still be read when the one behind it is. */
Test(command_audience, a_message_behind_a_later_one_is_not_in_order)
{
    begin();
    cr_assert(channels_in_order(channels, 3, 100, 0, 1));
    cr_assert(channels_in_order(channels, 3, 100, 0, 5));
    cr_assert(!channels_in_order(channels, 3, 100, 0, 4));
    cr_assert(!channels_in_order(channels, 3, 100, 0, 5));
    cr_assert(channels_in_order(channels, 3, 100, 1, 4), "another worker");
    cr_assert(channels_in_order(channels, 9, 100, 0, 4), "another node");
    cr_assert(channels_in_order(channels, 3, 101, 0, 1), "another life");
    cr_assert(!channels_in_order(channels, 3, 101, POST_WORKERS_MAX, 1), "no worker");
    end();
}

/* ---- the commands ---- */

Test(command_audience, a_connection_is_described_by_what_it_listens_to)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "SUBSCRIBE a b", NULL,
                   "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
                   "*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n");
    fixture_expect(&fixture, "PSUBSCRIBE p*", NULL,
                   "*3\r\n$10\r\npsubscribe\r\n$2\r\np*\r\n:3\r\n");
    fixture_expect(&fixture, "SSUBSCRIBE a", NULL, "*3\r\n$10\r\nssubscribe\r\n$1\r\na\r\n:1\r\n");
    fixture_expect_part(&fixture, "CLIENT INFO", " flags=P db=0 sub=2 psub=1 ssub=1 ");
    fixture_expect_part(&fixture, "CLIENT LIST TYPE pubsub", " sub=2 ");
    fixture_expect(&fixture, "CLIENT LIST TYPE normal", NULL, "$0\r\n\r\n");
    fixture_expect_part(&fixture, "INFO clients", "pubsub_clients:1\r\n");
    fixture_expect_part(&fixture, "INFO stats",
                        "pubsub_channels:2\r\npubsub_patterns:1\r\npubsubshard_channels:1\r\n");
    fixture_expect(&fixture, "PING", NULL, "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    fixture_expect(&fixture, "UNSUBSCRIBE", NULL,
                   "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:2\r\n"
                   "*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:1\r\n");
    fixture_expect(&fixture, "UNSUBSCRIBE", NULL, "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:1\r\n");
    fixture_expect(&fixture, "RESET", NULL, "+RESET\r\n");
    fixture_expect_part(&fixture, "CLIENT INFO", " flags=N db=0 sub=0 psub=0 ssub=0 ");
    fixture_expect_part(&fixture, "INFO clients", "pubsub_clients:0\r\n");
    fixture_expect(&fixture, "PING", NULL, "+PONG\r\n");
    fixture_deinit(&fixture);
}
