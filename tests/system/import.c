/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dunlin-admin against a real redis-server and real nodes: what was at the source is in Dunlin,
 * value by value and date by date, whatever is killed meanwhile.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/cluster.h"
#include "lib/process.h"
#include "lib/redis.h"
#include "lib/talk.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define WORDS_MAX        24
#define OUTPUT_MAX       65536
#define START_TIMEOUT_MS 10000
#define END_TIMEOUT_MS   90000
#define KEYS_MANY        100000
#define KEYS_FEW         20000

static const struct cluster_options three = {.nodes = 3, .threads = 2};

/* ---- the source ---- */

struct source {
    struct process process;
    uint16_t port;
    redisContext *connection;
};

static bool answers(void *context)
{
    struct source *source = context;

    if (source->connection != NULL)
        redisFree(source->connection);
    source->connection = redisConnect("127.0.0.1", source->port);
    redisReply *reply = source->connection->err == 0 ? redisCommand(source->connection, "PING")
                                                     : NULL;
    const bool right = reply != NULL;
    if (reply != NULL)
        freeReplyObject(reply);
    return right;
}

/* process_start changes none of the words. */
static void start(struct process *process, const char *log, const char *const *words)
{
    process_start(process, log, (char *const *)(uintptr_t)words);
}

static void source_start_with(struct source *source, const char *option, const char *value,
                              const char *second)
{
    char program[PATH_MAX], log[PATH_MAX], port[16], nodes[64];

    redis_program(program);
    if (source->port == 0)
        source->port = port_reserve();
    snprintf(port, sizeof port, "%u", source->port);
    snprintf(nodes, sizeof nodes, "nodes-%u.conf", source->port);
    snprintf(log, sizeof log, "%.*s/redis-%u.log", PATH_MAX - 32, check_scratch(), source->port);
    start(&source->process, log,
          (const char *const[]){program, "--port", port, "--bind", "127.0.0.1", "--save", "",
                                "--dir", check_scratch(), "--cluster-config-file", nodes, option,
                                value, second, NULL});
    check_that(check_until(START_TIMEOUT_MS, answers, source), "redis-server answers");
}

static void source_start(struct source *source, const char *option, const char *value)
{
    source_start_with(source, option, value, NULL);
}

static void source_end(struct source *source)
{
    process_kill(&source->process);
    if (source->connection != NULL)
        redisFree(source->connection);
    source->connection = NULL;
}

/* `count` strings of many sizes, a third of them with a date, and some of each other type. */
static void source_fill(struct source *source, int count)
{
    static const char script[] =
        "for i = 1, tonumber(ARGV[1]) do "
        "  redis.call('set', 'key:' .. i, string.rep(i .. ',', i % 40)) "
        "  if i % 3 == 0 then redis.call('pexpire', 'key:' .. i, 600000 + i) end "
        "end "
        "redis.call('set', 'number', 12345) "
        "redis.call('set', 'packed', string.rep('a', 100000)) "
        "redis.call('set', 'large', string.rep('0123456789', 500000)) "
        "redis.call('set', 'a key with \"blanks\"', 'b') "
        "redis.call('set', '', 'empty') "
        "for i = 1, 20 do "
        "  redis.call('rpush', 'list:' .. i, 1) redis.call('hset', 'hash:' .. i, 'f', 1) "
        "  redis.call('sadd', 'set:' .. i, 1) redis.call('zadd', 'zset:' .. i, 1, 1) "
        "  redis.call('xadd', 'stream:' .. i, '*', 'f', 1) "
        "end";

    talk_expect(source->connection, "(nil)", "EVAL %s 0 %d", script, count);
}

#define STRINGS_BESIDE 5

/* ---- dunlin-admin ---- */

struct admin {
    struct process process;
    char log[PATH_MAX];
};

static void admin_start(struct admin *admin, const struct cluster *cluster, int node,
                        const char *const *words)
{
    const char *arguments[WORDS_MAX] = {getenv("DUNLIN_ADMIN"), "-p", NULL};
    char port[16];
    size_t count = 3;

    check_that(arguments[0] != NULL, "DUNLIN_ADMIN names the program");
    snprintf(port, sizeof port, "%u", cluster_port(cluster, node));
    arguments[2] = port;
    while (*words != NULL && count + 1 < WORDS_MAX)
        arguments[count++] = *words++;
    arguments[count] = NULL;
    snprintf(admin->log, sizeof admin->log, "%.*s/admin.log", PATH_MAX - 32, check_scratch());
    unlink(admin->log);
    start(&admin->process, admin->log, arguments);
}

/* What it has said, in memory that the next call takes again. */
static const char *admin_output(const struct admin *admin)
{
    static char text[OUTPUT_MAX];
    FILE *file = fopen(admin->log, "r");

    check_that(file != NULL, "%s", admin->log);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static const char *admin_end(struct admin *admin, int expected)
{
    const int status = process_wait(&admin->process, END_TIMEOUT_MS);
    const char *output = admin_output(admin);

    check_that(WIFEXITED(status) && WEXITSTATUS(status) == expected,
               "it ends with %d, not with status %x:\n%s", expected, status, output);
    return output;
}

static const char *admin_run(const struct cluster *cluster, int expected, const char *const *words)
{
    struct admin admin = {0};

    admin_start(&admin, cluster, 1, words);
    return admin_end(&admin, expected);
}

#define RUN(cluster, expected, ...) \
    admin_run(cluster, expected, (const char *const[]){__VA_ARGS__, NULL})

/* The number that stands behind "name" in a summary as JSON. */
static long long number(const char *output, const char *name)
{
    char wanted[64];

    snprintf(wanted, sizeof wanted, "\"%s\": ", name);
    const char *at = strstr(output, wanted);
    check_that(at != NULL, "%s in %s", wanted, output);
    return strtoll(at + strlen(wanted), NULL, 10);
}

static void expect_text(const char *output, const char *wanted)
{
    check_that(strstr(output, wanted) != NULL, "'%s' in:\n%s", wanted, output);
}

static char *source_uri(const struct source *source)
{
    static char uri[64];

    snprintf(uri, sizeof uri, "redis://127.0.0.1:%u", source->port);
    return uri;
}

static char *state_path(void)
{
    static char path[PATH_MAX];

    snprintf(path, sizeof path, "%.*s/import.state", PATH_MAX - 32, check_scratch());
    return path;
}

/* How many keys the state file says to be in Dunlin. */
static long long come_over(void)
{
    FILE *file = fopen(state_path(), "r");
    char line[256];
    long long carried = 0, there = 0;

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        sscanf(line, "count carried %lld", &carried);
        sscanf(line, "count there %lld", &there);
    }
    if (file != NULL)
        fclose(file);
    return carried + there;
}

static bool more_have_come(void *context)
{
    return come_over() > *(const long long *)context;
}

/* Waits until more keys than `before` have come over. */
static void wait_under_way(long long before)
{
    check_that(check_until(START_TIMEOUT_MS, more_have_come, &before), "keys come over");
}

/* ---- comparing ---- */

static bool same_reply(const redisReply *a, const redisReply *b)
{
    return a->type == b->type && a->integer == b->integer && a->len == b->len &&
           (a->len == 0 || memcmp(a->str, b->str, a->len) == 0);
}

static redisReply *reply_of(redisContext *context)
{
    void *reply = NULL;

    check_that(redisGetReply(context, &reply) == REDIS_OK, "%s", context->errstr);
    return reply;
}

/* key:1 to key:COUNT, with their dates, and what stands beside them. */
static void expect_same(struct source *source, const struct cluster *cluster, int node, int count)
{
    static const char *const beside[STRINGS_BESIDE] = {"number", "packed", "large",
                                                       "a key with \"blanks\"", ""};
    redisContext *contexts[] = {source->connection, cluster_connect(cluster, node)};
    const int piece = 1000;
    char key[32];

    for (int at = 1; at <= count; at += piece) {
        for (int i = at; i < at + piece && i <= count; i++)
            for (size_t side = 0; side < COUNT(contexts); side++) {
                redisAppendCommand(contexts[side], "GET key:%d", i);
                redisAppendCommand(contexts[side], "PEXPIRETIME key:%d", i);
            }
        for (int i = at; i < at + piece && i <= count; i++)
            for (int part = 0; part < 2; part++) {
                redisReply *ours = reply_of(contexts[0]), *theirs = reply_of(contexts[1]);
                snprintf(key, sizeof key, "key:%d", i);
                check_that(ours->type != REDIS_REPLY_NIL, "the source has %s", key);
                check_that(same_reply(ours, theirs), "%s is the same: %s, %s", key, talk_text(ours),
                           talk_text(theirs));
                freeReplyObject(ours);
                freeReplyObject(theirs);
            }
    }
    for (size_t i = 0; i < COUNT(beside); i++) {
        redisReply *ours = redisCommand(contexts[0], "GET %s", beside[i]);
        redisReply *theirs = redisCommand(contexts[1], "GET %s", beside[i]);
        check_that(ours->type == REDIS_REPLY_STRING && same_reply(ours, theirs), "'%s' is the same",
                   beside[i]);
        freeReplyObject(ours);
        freeReplyObject(theirs);
    }
    redisFree(contexts[1]);
}

/* ---- stories ---- */

struct writer {
    struct source *source;
    struct admin *admin;
    int written;
    int status;
};

/* Writes and deletes at the source while the import runs. */
static bool writes_until_it_ends(void *context)
{
    struct writer *writer = context;
    redisContext *connection = writer->source->connection;

    for (int i = 0; i < 50; i++, writer->written++) {
        talk_expect(connection, "OK", "SET live:%d value", writer->written);
        talk_expect(connection, ":*", "DEL gone:%d", writer->written);
    }
    return !process_running(&writer->admin->process, &writer->status);
}

static void a_live_redis_comes_over(void)
{
    struct cluster *cluster = cluster_create(&three);
    struct source source = {0};
    struct admin admin = {0};
    struct writer writer = {.source = &source, .admin = &admin};

    source_start(&source, "--databases", "1");
    source_fill(&source, KEYS_MANY);
    talk_expect(source.connection, "(nil)", "EVAL %s 0",
                "for i = 0, 2000 do redis.call('set', 'gone:' .. i, 1) end");
    admin_start(&admin, cluster, 2,
                (const char *const[]){"import", source_uri(&source), "--state", state_path(),
                                      "--json", NULL});
    check_that(check_until(END_TIMEOUT_MS, writes_until_it_ends, &writer), "the import ends");
    const char *output = admin_output(&admin);
    check_that(WIFEXITED(writer.status) && WEXITSTATUS(writer.status) == 3,
               "what is not carried shows in the status: %s", output);
    check_that(number(output, "carried") >= KEYS_MANY + STRINGS_BESIDE, "%s", output);
    check_that(number(output, "failed") == 0, "%s", output);
    expect_text(output, "\"list\": {\"count\": 20");
    expect_text(output, "\"stream\": {\"count\": 20");
    expect_same(&source, cluster, 3, KEYS_MANY);
    check_that(access(state_path(), F_OK) != 0, "the state file is gone at the end");
    source_end(&source);
    cluster_destroy(&cluster);
}

/* SIGKILL leaves no moment to save anything; a node of Dunlin and then all connections to it go as
 * well. */
static void killed_in_the_middle_it_goes_on(void)
{
    struct cluster *cluster = cluster_create(&three);
    struct source source = {0};
    struct admin admin = {0};
    char nodes[2][64];

    source_start(&source, "--databases", "1");
    source_fill(&source, KEYS_FEW);
    const char *const slowly[] = {
        "import", source_uri(&source), "--state", state_path(), "--rate", "5000", NULL};
    admin_start(&admin, cluster, 1, slowly);
    wait_under_way(0);
    process_kill(&admin.process);
    const long long before = come_over();
    check_that(before > 0, "the state file is whole");

    admin_start(&admin, cluster, 1, slowly);
    wait_under_way(before);
    cluster_kill(cluster, 1);
    const char *output = admin_end(&admin, 3);
    expect_text(output, "goes on where it was interrupted");
    expect_same(&source, cluster, 2, KEYS_FEW);
    for (size_t i = 0; i < COUNT(nodes); i++)
        snprintf(nodes[i], sizeof nodes[i], "redis://127.0.0.1:%u",
                 cluster_port(cluster, (int)i + 1));
    output = RUN(cluster, 0, "-u", nodes[0], "-u", nodes[1], "import", source_uri(&source),
                 "--dry-run", "--verify", "--json");
    check_that(number(output, "same") == KEYS_FEW + STRINGS_BESIDE, "%s", output);
    source_end(&source);
    cluster_destroy(&cluster);
}

static void interrupted_it_says_how_to_go_on(void)
{
    struct cluster *cluster = cluster_create(&three);
    struct source source = {0};
    struct admin admin = {0};
    char uri[128];

    source_start(&source, "--requirepass", "secret word");
    talk_expect(source.connection, "OK", "AUTH %s", "secret word");
    source_fill(&source, KEYS_FEW);
    snprintf(uri, sizeof uri, "redis://:secret%%20word@127.0.0.1:%u", source.port);
    admin_start(&admin, cluster, 1,
                (const char *const[]){"import", uri, "--state", state_path(), "--rate", "2000",
                                      "--match", "*", NULL});
    wait_under_way(0);
    process_signal(&admin.process, SIGINT);
    const char *output = admin_end(&admin, 130);
    expect_text(output, "dunlin-admin: interrupted");
    expect_text(output, "to go on from there: ");
    expect_text(output, "redis://:***@127.0.0.1:");
    expect_text(output, "--match '*'");
    check_that(strstr(output, "secret") == NULL, "no password: %s", output);
    struct cluster *other = cluster_create(&(struct cluster_options){.nodes = 1});
    output = RUN(other, 2, "import", uri, "--state", state_path(), "--match", "*");
    expect_text(output, "it is of an import into the ring");
    cluster_destroy(&other);
    output = RUN(cluster, 3, "import", uri, "--state", state_path(), "--match", "*", "--json");
    check_that(number(output, "carried") + number(output, "there_already") ==
                   KEYS_FEW + STRINGS_BESIDE,
               "%s", output);
    expect_same(&source, cluster, 1, KEYS_FEW);
    source_end(&source);
    cluster_destroy(&cluster);
}

/* A cursor is of one life of its server: of another, the walk begins anew. */
static void a_source_that_dies_is_waited_for(void)
{
    struct cluster *cluster = cluster_create(&three);
    struct source source = {0};
    struct admin admin = {0};

    source_start(&source, "--databases", "1");
    source_fill(&source, KEYS_FEW);
    talk_expect(source.connection, "OK", "SAVE");
    admin_start(&admin, cluster, 1,
                (const char *const[]){"import", source_uri(&source), "--state", state_path(),
                                      "--rate", "2000", "--patience", "1", NULL});
    wait_under_way(0);
    process_kill(&source.process);
    const char *output = admin_end(&admin, 1);
    expect_text(output, "trying again");
    expect_text(output, "(--patience)");
    expect_text(output, "to go on from there: ");

    source_start(&source, "--databases", "1");
    output = RUN(cluster, 3, "import", source_uri(&source), "--state", state_path(), "--verify");
    expect_text(output, "was restarted since then");
    expect_same(&source, cluster, 3, KEYS_FEW);

    admin_start(&admin, cluster, 1,
                (const char *const[]){"import", source_uri(&source), "--state", state_path(),
                                      "--rate", "5000", "--replace", "--verify", "--json", NULL});
    wait_under_way(0);
    process_kill(&source.process);
    source_start(&source, "--databases", "1");
    output = admin_end(&admin, 3);
    expect_text(output, "was restarted, so that");
    check_that(number(output, "same") == KEYS_FEW + STRINGS_BESIDE, "%s", output);
    source_end(&source);
    cluster_destroy(&cluster);
}

static void what_dunlin_has_stays_or_is_replaced(void)
{
    struct cluster *cluster = cluster_create(&three);
    struct source source = {0};
    char report[PATH_MAX];

    source_start(&source, "--databases", "2");
    talk_expect(source.connection, "OK", "SET kept 1 PX 600000");
    talk_expect(source.connection, "OK", "SET date 1 PX 600000");
    talk_expect(source.connection, "OK", "SET other 1");
    talk_expect_node(cluster, 1, "OK", "SET kept 2");
    talk_expect_node(cluster, 1, "OK", "SET date 1");
    const char *output = RUN(cluster, 3, "import", source_uri(&source), "--verify", "--json",
                             "--state", state_path());
    check_that(number(output, "carried") == 1 && number(output, "there_already") == 2, "%s",
               output);
    check_that(number(output, "same") == 1 && number(output, "other_value") == 1 &&
                   number(output, "other_time_to_live") == 1,
               "%s", output);
    talk_expect_node(cluster, 2, "2", "GET kept");
    talk_expect_node(cluster, 2, ":-1", "PTTL kept");

    talk_expect_node(cluster, 2, ":1", "DEL other");
    snprintf(report, sizeof report, "%.*s/report", PATH_MAX - 32, check_scratch());
    output = RUN(cluster, 3, "import", source_uri(&source), "--dry-run", "--verify", "--report",
                 report);
    expect_text(output, "nothing was written");
    FILE *file = fopen(report, "r");
    char lines[1024] = "";
    check_that(file != NULL, "%s", report);
    lines[fread(lines, 1, sizeof lines - 1, file)] = '\0';
    fclose(file);
    expect_text(lines, "missing\tother\n");
    expect_text(lines, "other value\tkept\n");

    RUN(cluster, 0, "import", source_uri(&source), "--replace", "--verify", "--state",
        state_path());
    talk_expect_node(cluster, 2, "1", "GET kept");
    talk_expect_node(cluster, 2, ":[1-5]?????", "PTTL kept");
    source_end(&source);
    cluster_destroy(&cluster);
}

/* What is older than Redis 7.0 tells how much time is left, and no date. */
static void an_old_redis_has_no_dates_and_they_are_made(void)
{
    struct cluster *cluster = cluster_create(&three);
    struct source source = {0};
    long long date_ms = 0, ours_ms = -100;

    source_start_with(&source, "--rename-command", "PEXPIRETIME", "date-of");
    source_fill(&source, 1000);
    const char *output = RUN(cluster, 3, "import", source_uri(&source), "--state", state_path(),
                             "--verify", "--json");
    check_that(number(output, "carried") == 1000 + STRINGS_BESIDE, "%s", output);
    check_that(number(output, "same") == 1000 + STRINGS_BESIDE, "%s", output);
    talk_expect_node(cluster, 2, ":-1", "PEXPIRETIME key:1");
    sscanf(talk(source.connection, "date-of key:999"), ":%lld", &date_ms);
    sscanf(talk_node(cluster, 2, "PEXPIRETIME key:999"), ":%lld", &ours_ms);
    check_that(ours_ms >= date_ms - 2 && ours_ms <= date_ms + 2, "%lld, %lld", date_ms, ours_ms);
    source_end(&source);
    cluster_destroy(&cluster);
}

static bool cluster_is_ok(void *context)
{
    struct source *source = context;

    return strstr(talk(source->connection, "CLUSTER INFO"), "cluster_state:ok") != NULL;
}

static void of_a_redis_cluster_all_masters_come_over(void)
{
    struct cluster *cluster = cluster_create(&three);
    struct source sources[2] = {{.port = 0}, {.port = 0}};

    for (int i = 0; i < 2; i++) {
        source_start(&sources[i], "--cluster-enabled", "yes");
        talk_expect(sources[i].connection, "OK", "CLUSTER ADDSLOTSRANGE %d %d", i * 8192,
                    i * 8192 + 8191);
    }
    talk_expect(sources[0].connection, "OK", "CLUSTER MEET 127.0.0.1 %d", sources[1].port);
    for (int i = 0; i < 2; i++)
        check_that(check_until(START_TIMEOUT_MS, cluster_is_ok, &sources[i]), "cluster_state:ok");
    for (int i = 0; i < 2000; i++) {
        if (strncmp(talk(sources[0].connection, "SET key:%d %d", i, i), "-MOVED", 6) == 0)
            talk_expect(sources[1].connection, "OK", "SET key:%d %d", i, i);
    }
    const char *output = RUN(cluster, 0, "import", source_uri(&sources[1]), "--state", state_path(),
                             "--verify", "--json");
    check_that(number(output, "carried") == 2000 && number(output, "same") == 2000, "%s", output);
    talk_expect_node(cluster, 2, ":2000", "DBSIZE");
    /* A tenth, as chance has it. */
    output = RUN(cluster, 0, "import", source_uri(&sources[0]), "--dry-run", "--verify", "--sample",
                 "200", "--json");
    check_that(number(output, "same") == number(output, "compared"), "%s", output);
    check_that(number(output, "same") > 80 && number(output, "same") < 400, "%s", output);
    for (int i = 0; i < 2; i++)
        source_end(&sources[i]);
    cluster_destroy(&cluster);
}

static void what_cannot_be_is_told_at_once(void)
{
    struct cluster *cluster = cluster_create(&three);
    struct source source = {0}, open = {0};

    source_start(&source, "--requirepass", "secret");
    source_start(&open, "--databases", "1");
    expect_text(RUN(cluster, 2, "import"), "import: expected redis://");
    expect_text(RUN(cluster, 2, "import", "rediss://a"), "there is no TLS");
    expect_text(RUN(cluster, 2, "import", "redis://a", "--rate", "x"), "found 'x'");
    expect_text(RUN(cluster, 1, "import", source_uri(&source), "--state", state_path()), "NOAUTH");
    expect_text(RUN(cluster, 1, "-u", source_uri(&open), "import", source_uri(&open), "--state",
                    state_path()),
                "is no node of Dunlin");
    expect_text(RUN(cluster, 1, "import", "redis://:wrong@127.0.0.1:1", "--patience", "0"),
                "Connection refused");
    FILE *file = fopen(state_path(), "w");
    fprintf(file, "something else\n");
    fclose(file);
    expect_text(RUN(cluster, 2, "import", source_uri(&source), "--state", state_path()),
                "this is no state of an import");
    source_end(&source);
    source_end(&open);
    cluster_destroy(&cluster);
}

static void status_shows_the_ring(void)
{
    struct cluster *cluster = cluster_create(&three);

    for (int node = 1; node <= 3; node++)
        talk_until(cluster, node, "*\nwhole: yes\n*", "RING STATUS");
    expect_text(RUN(cluster, 0, "status"), "whole: yes");
    expect_text(RUN(cluster, 0, "status", "--json"), "\"health\": \"alive\"");
    check_that(strchr(RUN(cluster, 0, "status"), '\033') == NULL, "a file gets no colours");
    cluster_kill(cluster, 3);
    talk_wait_dead(cluster, 3);
    expect_text(RUN(cluster, 3, "status"), "whole: no");
    cluster_destroy(&cluster);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"a_live_redis_comes_over", 120, a_live_redis_comes_over},
        {"killed_in_the_middle_it_goes_on", 60, killed_in_the_middle_it_goes_on},
        {"interrupted_it_says_how_to_go_on", 60, interrupted_it_says_how_to_go_on},
        {"a_source_that_dies_is_waited_for", 60, a_source_that_dies_is_waited_for},
        {"what_dunlin_has_stays_or_is_replaced", 30, what_dunlin_has_stays_or_is_replaced},
        {"an_old_redis_has_no_dates_and_they_are_made", 30,
         an_old_redis_has_no_dates_and_they_are_made},
        {"of_a_redis_cluster_all_masters_come_over", 60, of_a_redis_cluster_all_masters_come_over},
        {"what_cannot_be_is_told_at_once", 30, what_cannot_be_is_told_at_once},
        {"status_shows_the_ring", 30, status_shows_the_ring},
    };

    return check_main(argc, argv, cases, COUNT(cases));
}
