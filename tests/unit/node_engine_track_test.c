/* SPDX-License-Identifier: BSD-3-Clause
 *
 * CLIENT TRACKING over a cluster: who keeps copies of what it read is told of what changes, at
 * whichever node and in whichever way, and never before the reply that it may be about.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "lib/engine_pair.h"
#include "lib/timeout.h"
#include "node/parts.h"

TestSuite(engine_track, .timeout = TIMEOUT_S(20));

#define OK  "+OK\r\n"
#define ALL ">2\r\n$10\r\ninvalidate\r\n_\r\n"

static struct pair pair;
static struct pair_client *client, *other;
static char key[PAIR_KEY_MAX], line[128], push[64], reply[256];

static const char *told(const char *name)
{
    snprintf(push, sizeof push, ">2\r\n$10\r\ninvalidate\r\n*1\r\n$%zu\r\n%s\r\n", strlen(name),
             name);
    return push;
}

/* A command about `key`: "SET %s v". */
static const char *of_key(const char *format)
{
    snprintf(line, sizeof line, format, key);
    return line;
}

/* The reply, and a push behind it. */
static const char *then(const char *first, const char *second)
{
    snprintf(reply, sizeof reply, "%s%s", first, second);
    return reply;
}

static void expect_any(struct pair_client *of)
{
    buffer_reset(&of->got, SIZE_MAX);
}

/* `client` tracks at node 0; `other` is at another node, if there is one. */
static void begin(size_t nodes, const char *how)
{
    const struct pair_setup setup = {.nodes = nodes};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    other = pair_connect(&pair, nodes > 1 ? 1 : 0);
    pair_key(&pair, nodes > 2 ? 2 : 0, 0, key);
    pair_command(client, "HELLO 3");
    expect_any(client);
    snprintf(line, sizeof line, "CLIENT TRACKING ON %s", how);
    pair_ask(client, line, OK);
    pair_expect(client, "");
}

static void end(void)
{
    pair_deinit(&pair);
}

/* ---- one node ---- */

Test(engine_track, who_read_a_key_is_told_once_of_its_change)
{
    begin(1, "");
    pair_ask(client, "GET k", "_\r\n");
    pair_ask(other, "SET k 1", OK);
    pair_expect(client, told("k"));
    pair_ask(other, "SET k 2", OK);
    pair_expect(client, "");
    pair_ask(client, "MGET k l", "*2\r\n$1\r\n2\r\n_\r\n");
    pair_ask(other, "DEL k", ":1\r\n");
    pair_expect(client, told("k"));
    pair_ask(other, "DEL k", ":0\r\n");
    pair_expect(client, "");
    pair_ask(other, "SET l 1", OK);
    pair_expect(client, told("l"));
    end();
}

Test(engine_track, whoever_makes_a_change_it_is_told)
{
    begin(1, "");
    pair_ask(other, "SET k v", OK);
    pair_ask(client, "GET k", "$1\r\nv\r\n");
    pair_ask(client, "SET k w", then(OK, told("k")));
    pair_ask(client, "GET k", "$1\r\nw\r\n");
    pair_ask(other, "RENAME k l", OK);
    pair_expect(client, told("k"));
    pair_ask(client, "GET l", "$1\r\nw\r\n");
    pair_pipeline(other, (const char *const[]){"MULTI", "SET l 1", "SET l 2", "EXEC", NULL});
    expect_any(other);
    pair_expect(client, told("l"));
    pair_ask(client, "GET l", "$1\r\n2\r\n");
    pair_ask(other, "PEXPIRE l 100", ":1\r\n");
    pair_expect(client, told("l"));
    pair_ask(client, "GET l", "$1\r\n2\r\n");
    pair_pass(&pair, 500);
    pair_expect(client, told("l"));
    end();
}

Test(engine_track, a_flushall_is_told_to_all_who_track)
{
    begin(1, "");
    pair_ask(other, "FLUSHALL", OK);
    pair_expect(client, ALL);
    pair_pass(&pair, 10);
    pair_ask(client, "FLUSHALL", OK ALL);
    end();
}

Test(engine_track, an_evicted_key_is_told)
{
    static const char *const options[] = {"--maxmemory", "400000", "--maxmemory-policy",
                                          "allkeys-clock", NULL};
    const struct pair_setup setup = {.options = options};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    other = pair_connect(&pair, 0);
    pair_command(client, "HELLO 3");
    expect_any(client);
    pair_ask(other, "SET k v", OK);
    pair_ask(client, "CLIENT TRACKING ON", OK);
    pair_ask(client, "GET k", "$1\r\nv\r\n");
    for (unsigned i = 0; i < 20000 && buffer_size(&client->got) == 0; i++) {
        snprintf(line, sizeof line, "SET key:%u %064u", i, i);
        pair_command(other, line);
        expect_any(other);
    }
    pair_expect(client, told("k"));
    pair_ask(other, "EXISTS k", ":0\r\n");
    end();
}

Test(engine_track, optin_and_optout_ask_for_each_command)
{
    begin(1, "OPTIN");
    pair_ask(client, "GET k", "_\r\n");
    pair_ask(client, "CLIENT CACHING YES", OK);
    pair_ask(client, "GET l", "_\r\n");
    pair_ask(client, "GET m", "_\r\n");
    pair_ask(other, "MSET k 1 l 1 m 1", OK);
    pair_expect(client, told("l"));
    pair_ask(client, "CLIENT TRACKING OFF", OK);
    pair_ask(client, "CLIENT TRACKING ON OPTOUT", OK);
    pair_ask(client, "CLIENT CACHING NO", OK);
    pair_ask(client, "GET k", "$1\r\n1\r\n");
    pair_ask(client, "GET l", "$1\r\n1\r\n");
    pair_ask(other, "MSET k 2 l 2", OK);
    pair_expect(client, told("l"));
    end();
}

Test(engine_track, caching_is_for_a_whole_transaction)
{
    begin(1, "OPTIN");
    pair_ask(client, "CLIENT CACHING YES", OK);
    pair_ask(client, "MULTI", OK);
    pair_ask(client, "GET k", "+QUEUED\r\n");
    pair_ask(client, "EXEC", "*1\r\n_\r\n");
    pair_ask(client, "GET l", "_\r\n");
    pair_ask(other, "MSET k 1 l 1", OK);
    pair_expect(client, told("k"));
    end();
}

Test(engine_track, broadcasts_name_the_keys_of_a_turn_in_their_order)
{
    begin(1, "BCAST PREFIX y PREFIX x");
    pair_ask(other, "MSET y 1 xb 2 xa 3 z 1", OK);
    pair_expect(client, ">2\r\n$10\r\ninvalidate\r\n*2\r\n$2\r\nxa\r\n$2\r\nxb\r\n"
                        ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\ny\r\n");
    pair_ask(other, "SET z 1", OK);
    pair_expect(client, "");
    end();
}

Test(engine_track, noloop_leaves_out_what_the_client_wrote_itself)
{
    begin(1, "NOLOOP");
    pair_ask(client, "GET k", "_\r\n");
    pair_ask(client, "SET k 1", OK);
    pair_ask(client, "GET k", "$1\r\n1\r\n");
    pair_ask(client, "DEL k", ":1\r\n");
    pair_ask(client, "GET k", "_\r\n");
    pair_ask(other, "SET k 1", OK);
    pair_expect(client, told("k"));
    end();
}

Test(engine_track, a_script_notes_its_keys)
{
    begin(1, "");
    pair_ask(client, "EVAL \"return redis.call('get',KEYS[1])\" 1 k x", "_\r\n");
    pair_ask(other, "SET x 1", OK);
    pair_expect(client, "");
    pair_ask(other, "EVAL \"return redis.call('set',KEYS[1],'v')\" 1 k", OK);
    pair_expect(client, told("k"));
    end();
}

Test(engine_track, a_connection_of_resp2_is_told_nothing)
{
    begin(1, "");
    pair_command(client, "HELLO 2");
    expect_any(client);
    pair_ask(client, "GET k", "$-1\r\n");
    pair_ask(other, "SET k 1", OK);
    pair_expect(client, "");
    end();
}

Test(engine_track, another_connection_is_told_and_its_end_as_well)
{
    begin(1, "");
    pair_command(other, "HELLO 3");
    expect_any(other);
    struct pair_client *third = pair_connect(&pair, 0);
    snprintf(line, sizeof line, "CLIENT TRACKING ON REDIRECT %llu",
             (unsigned long long)other->client->session.id);
    pair_ask(client, line, OK);
    pair_ask(client, "GET k", "_\r\n");
    pair_ask(third, "SET k 1", OK);
    pair_expect(client, "");
    pair_expect(other, told("k"));
    pair_ask(client, "GET k", "$1\r\n1\r\n");
    pair_disconnect(other);
    pair_ask(third, "SET k 2", OK);
    pair_expect(client, ">2\r\n$21\r\ntracking-redir-broken\r\n:2\r\n");
    end();
}

Test(engine_track, a_subscriber_of_resp2_is_told_by_a_message)
{
    begin(1, "");
    struct pair_client *third = pair_connect(&pair, 0);
    snprintf(line, sizeof line, "CLIENT TRACKING ON REDIRECT %llu",
             (unsigned long long)other->client->session.id);
    pair_ask(client, line, OK);
    pair_ask(client, "GET k", "_\r\n");
    pair_ask(third, "SET k 1", OK);
    pair_expect(other, "");
    pair_command(other, "SUBSCRIBE news");
    expect_any(other);
    pair_ask(client, "GET k", "$1\r\n1\r\n");
    pair_ask(third, "SET k 2", OK);
    pair_expect(other, "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n"
                       "*1\r\n$1\r\nk\r\n");
    end();
}

/* What runs behind an EXEC is not looked at before that is over, also with a push between them. */
Test(engine_track, a_push_behind_an_exec_lets_nothing_pass)
{
    begin(3, "");
    pair_ask(other, of_key("SET %s v"), OK);
    pair_pass(&pair, 300);
    expect_any(client);
    pair_ask(client, of_key("GET %s"), "$1\r\nv\r\n");
    pair_ask(client, "MULTI", OK);
    pair_ask(client, of_key("APPEND %s x"), "+QUEUED\r\n");
    pair_ask(client, "CLIENT SETNAME within", "+QUEUED\r\n");
    pair_silence(&pair, 0, 1, true);
    pair_silence(&pair, 0, 2, true);
    pair_command(client, "EXEC");
    pair_ask(other, of_key("SET %s w"), OK);
    pair_command(client, "CLIENT GETNAME");
    pair_expect(client, "");
    pair_silence(&pair, 0, 1, false);
    pair_silence(&pair, 0, 2, false);
    pair_settle(&pair);
    const struct span got = buffer_content(&client->got);
    cr_assert_eq(memcmp(got.data, "*2\r\n", 4), 0);
    cr_assert_eq(memcmp(got.data + got.size - 12, "$6\r\nwithin\r\n", 12), 0);
    end();
}

Test(engine_track, past_the_bound_keys_are_given_up_and_told)
{
    begin(1, "");
    pair_configure(&pair, 0, "tracking-table-max-keys", "2");
    pair_ask(client, "MGET a b c", "*3\r\n_\r\n_\r\n_\r\n");
    cr_assert_eq(pair_metric(&pair, 0, METRIC_TRACKING_KEYS), 3);
    pair_pass(&pair, 200);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_TRACKING_KEYS), 2);
    cr_assert_eq(buffer_size(&client->got), strlen(told("a")));
    expect_any(client);
    pair_ask(client, "CLIENT TRACKING OFF", OK);
    pair_pass(&pair, 200);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_TRACKING_KEYS), 0);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_TRACKING_ITEMS), 0);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_TRACKING_CLIENTS), 0);
    end();
}

/* ---- several nodes ---- */

Test(engine_track, a_change_at_another_node_is_told)
{
    begin(2, "");
    pair_ask(other, of_key("SET %s v"), OK);
    pair_pass(&pair, 100);
    expect_any(client);
    pair_ask(client, of_key("GET %s"), "$1\r\nv\r\n");
    pair_ask(other, of_key("SET %s w"), OK);
    pair_pass(&pair, 100);
    cr_assert_gt(buffer_size(&client->got), 0);
    end();
}

/* The client's node is no replica. */
Test(engine_track, a_node_without_the_key_is_told_of_it)
{
    const struct pair_setup setup = {.nodes = 3, .replicas = 2};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    other = pair_connect(&pair, 2);
    pair_key(&pair, 1, 0, key); /* at 1 and 2 */
    pair_command(client, "HELLO 3");
    pair_ask(other, of_key("SET %s v"), OK);
    expect_any(client);
    pair_ask(client, "CLIENT TRACKING ON", OK);
    pair_pass(&pair, 100);
    pair_ask(client, of_key("GET %s"), "$1\r\nv\r\n");
    pair_ask(other, of_key("SET %s w"), OK);
    pair_pass(&pair, 10);
    pair_expect(client, told(key));
    pair_ask(client, of_key("GET %s"), "$1\r\nw\r\n");
    pair_ask(client, "CLIENT TRACKING OFF", OK);
    pair_pass(&pair, 100);
    const uint64_t sent = pair_metric(&pair, 2, METRIC_PEER_MESSAGES_OUT);
    pair_ask(other, "AT ONE GET nothing", "$-1\r\n");
    cr_assert(!pair.nodes[2].engine->tracks_peers);
    pair_ask(other, of_key("SET %s v"), OK);
    cr_assert_leq(pair_metric(&pair, 2, METRIC_PEER_MESSAGES_OUT), sent + 3, "nobody tracks");
    end();
}

/* The answer of the read is on its way while the key changes: the push is behind it, or the client
 * would keep what it read. */
Test(engine_track, a_push_comes_behind_the_reply_of_a_read_in_flight)
{
    begin(3, "");
    pair_ask(other, of_key("SET %s old"), OK);
    pair_pass(&pair, 300);
    expect_any(client);
    pair_silence(&pair, 0, 1, true);
    pair_silence(&pair, 0, 2, true);
    pair_command(client, of_key("GET %s"));
    pair_expect(client, "");
    /* Its own copy is replaced meanwhile; what the others answer comes later. */
    pair_ask(other, of_key("SET %s new"), OK);
    pair_expect(client, "");
    pair_silence(&pair, 0, 1, false);
    pair_silence(&pair, 0, 2, false);
    pair_settle(&pair);
    const struct span got = buffer_content(&client->got);
    const size_t size = strlen(told(key));
    cr_assert_geq(got.size, size + 9);
    cr_assert_eq(got.data[0], '$', "the reply comes first");
    cr_assert_eq(memcmp(got.data + 9, push, size), 0, "and then the push");
    end();
}

Test(engine_track, a_link_that_breaks_makes_who_has_read_forget_all)
{
    begin(2, "");
    pair_pass(&pair, 300);
    pair_expect(client, "");
    pair_break(&pair, 0, 1);
    pair_expect(client, "");
    pair_pass(&pair, 300);
    pair_ask(client, of_key("GET %s"), "_\r\n");
    pair_break(&pair, 0, 1);
    pair_expect(client, ALL);
    /* Until the other one tells again, what is read may change unheard. */
    pair_ask(client, of_key("AT ONE GET %s"), "_\r\n");
    pair_pass(&pair, 300);
    pair_expect(client, ALL);
    pair_ask(client, of_key("GET %s"), "_\r\n");
    pair_ask(other, of_key("SET %s 1"), OK);
    pair_pass(&pair, 100);
    cr_assert_gt(buffer_size(&client->got), 0);
    end();
}
