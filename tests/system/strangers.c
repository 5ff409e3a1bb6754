/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who does not belong: garbage on the port of clients, on that of peers and on that of gossip, and
 * nodes of other clusters. Each gets a clear end, costs bounded memory, and harms nobody.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/cluster.h"
#include "lib/process.h"
#include "lib/raw.h"
#include "lib/talk.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MB           (1 << 20)

static const struct cluster_options one = {.nodes = 1, .threads = 2};
static const struct cluster_options three = {.nodes = 3, .threads = 2};

struct bytes {
    const char *at;
    size_t size;
};

#define BYTES(text)            \
    {                          \
        text, sizeof(text) - 1 \
    }

static long long peak(const struct cluster *cluster)
{
    return raw_resident_peak(talk_number(talk_node(cluster, 1, "INFO server"), "process_id"));
}

static void still_serves(const struct cluster *cluster, long long peak_before)
{
    talk_expect_node(cluster, 1, "OK", "SET key value");
    talk_expect_node(cluster, cluster_nodes(cluster), "value", "GET key");
    const long long grown = peak(cluster) - peak_before;
    check_that(grown < 32 * MB, "strangers take little memory, not %lld MB", grown / MB);
}

/* ---- the port of clients ---- */

static void what_is_no_resp_is_told_so(void)
{
    static const struct {
        struct bytes sent;
        const char *answer;
    } rows[] = {
        {BYTES("*1000000000\r\n"), "-ERR Protocol error: invalid multibulk length\r\n"},
        {BYTES("*2147483648\r\n"), "-ERR Protocol error: invalid multibulk length\r\n"},
        {BYTES("*x\r\n"), "-ERR Protocol error: invalid multibulk length\r\n"},
        {BYTES("*1\r\n$-5\r\n"), "-ERR Protocol error: invalid bulk length\r\n"},
        {BYTES("*1\r\n$999999999999\r\n"), "-ERR Protocol error: invalid bulk length\r\n"},
        {BYTES("*1\r\n$99999999999999999999999\r\n"),
         "-ERR Protocol error: invalid bulk length\r\n"},
        {BYTES("*2\r\n$3\r\nGET\r\n!3\r\nkey\r\n"),
         "-ERR Protocol error: expected '$', got '!'\r\n"},
        {BYTES("get \"unbalanced\r\n"), "-ERR Protocol error: unbalanced quotes in request\r\n"},
    };
    struct cluster *cluster = cluster_create(&one);
    const long long before = peak(cluster);
    char text[256];

    for (size_t i = 0; i < COUNT(rows); i++) {
        const int fd = raw_connect(cluster_port(cluster, 1));
        raw_send(fd, rows[i].sent.at, rows[i].sent.size);
        raw_receive(fd, text, sizeof text - 1);
        check_that(strcmp(text, rows[i].answer) == 0, "'%s', got '%s'", rows[i].answer, text);
        close(fd);
    }
    still_serves(cluster, before);
    cluster_destroy(&cluster);
}

static void a_line_without_an_end_is_cut_off(void)
{
    static char line[128 * 1024];
    struct cluster *cluster = cluster_create(&one);
    char text[256];

    memset(line, 'a', sizeof line);
    const int fd = raw_connect(cluster_port(cluster, 1));
    raw_send(fd, line, sizeof line);
    raw_receive(fd, text, sizeof text - 1);
    /* What it had not read yet makes the system cut the answer off. */
    check_that(text[0] == '\0' ||
                   strcmp(text, "-ERR Protocol error: too big inline request\r\n") == 0,
               "'%s'", text);
    close(fd);
    talk_expect_node(cluster, 1, "PONG", "PING");
    cluster_destroy(&cluster);
}

static uint64_t random_state = 42;

static void draw(char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        bytes[i] = (char)(random_state >> 56);
    }
}

static void noise_harms_nobody(void)
{
    struct cluster *cluster = cluster_create(&three);
    const uint16_t port = cluster_port(cluster, 1);
    const long long before = peak(cluster);
    char noise[1000];

    for (int i = 0; i < 50; i++) {
        draw(noise, sizeof noise);
        const int client = raw_connect(port);
        raw_send(client, noise, sizeof noise);
        close(client);
        const int peer = raw_connect(port + BUS_OFFSET);
        raw_send(peer, noise, sizeof noise);
        close(peer);
        raw_datagram(port + BUS_OFFSET, noise, sizeof noise);
        raw_datagram(port + BUS_OFFSET, noise, (size_t)i);
    }
    still_serves(cluster, before);
    cluster_destroy(&cluster);
}

/* ---- the port of peers ---- */

#define ENVELOPE "\x93\xcf\0\0\0\0\0\0\0\0\xcf\0\0\0\0\0\0\0\0\xc6"

static void a_peer_that_claims_much_is_cut_off(void)
{
    static const struct bytes rows[] = {
        BYTES("\xff\xff\xff\xff"),                               /* a frame of 4 GB */
        BYTES("\0\0\0\x40"),                                     /* of 1 GB */
        BYTES("\0\0\0\0"),                                       /* of nothing */
        BYTES("\x06\0\0\0\xdd\x10\0\0\0\0"),                     /* an array of 2^28 elements */
        BYTES("\x1d\0\0\0" ENVELOPE "\x10\0\0\0\0\0\0\0\0"),     /* 2^28 bytes of messages */
        BYTES("\x1d\0\0\0" ENVELOPE "\0\0\0\x05\xdd\x10\0\0\0"), /* a message of 2^28 elements */
        BYTES("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        BYTES("*1\r\n$4\r\nPING\r\n"),
    };
    struct cluster *cluster = cluster_create(&three);
    const uint16_t port = cluster_port(cluster, 1) + BUS_OFFSET;
    const long long before = peak(cluster);

    for (size_t i = 0; i < COUNT(rows); i++) {
        const int fd = raw_connect(port);
        raw_send(fd, rows[i].at, rows[i].size);
        raw_expect_end(fd);
        close(fd);
    }
    still_serves(cluster, before);
    talk_expect_node(cluster, 1, "*\npeer_protocol_errors:*", "INFO stats");
    cluster_destroy(&cluster);
}

static void peers_that_say_nothing_harm_nobody(void)
{
    struct cluster *cluster = cluster_create(&three);
    const long long before = peak(cluster);
    int fds[200];

    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = raw_connect(cluster_port(cluster, 1) + BUS_OFFSET);
        raw_send(fds[i], "\x40\0\0", i % 4);
    }
    still_serves(cluster, before);
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
    cluster_destroy(&cluster);
}

/* ---- nodes of other clusters ---- */

static const char *address_of(const struct cluster *cluster)
{
    static char texts[2][32];
    static unsigned next;
    char *text = texts[next++ % 2];

    snprintf(text, sizeof texts[0], "127.0.0.1:%u", cluster_port(cluster, 1));
    return text;
}

/* Two nodes that differ in one directive do not become a ring, and say why. */
static void do_not_mix(const char *name, const char *first, const char *second, const char *reason)
{
    const char *const of_first[] = {name, first, "--gossip-interval-ms", "100", NULL};
    const struct cluster_options options = {.nodes = 1, .threads = 2, .directives = of_first};
    struct cluster *cluster = cluster_create(&options);
    const char *const of_second[] = {
        name, second, "--gossip-interval-ms", "100", "--seeds", address_of(cluster), NULL};
    const struct cluster_options others = {.nodes = 1, .threads = 2, .directives = of_second};
    struct cluster *other = cluster_create_apart(&others);

    talk_expect_node(cluster, 1, reason, "RING INIT %s %s", address_of(cluster), address_of(other));
    talk_expect_node(other, 1, reason, "RING INIT %s %s", address_of(other), address_of(cluster));
    talk_expect_node(cluster, 1, "OK", "SET key value");
    talk_expect_node(other, 1, "-CLUSTERDOWN *", "GET key");
    talk_expect_node(cluster, 1, "cluster_state:ok*\ncluster_known_nodes:1\r\n*", "CLUSTER INFO");
    cluster_destroy(&other);
    cluster_destroy(&cluster);
}

static void clusters_of_different_names_do_not_mix(void)
{
    do_not_mix("--cluster-name", "red", "blue", "-ERR RING INIT: *another name*");
}

static void who_does_not_know_the_secret_does_not_join(void)
{
    do_not_mix("--cluster-secret", "right", "wrong", "-ERR RING INIT: *cluster-secret*");
}

static void who_knows_the_secret_serves(void)
{
    static const char *const secret[] = {"--cluster-secret", "xyzzy", NULL};
    const struct cluster_options options = {.nodes = 3, .threads = 2, .directives = secret};
    struct cluster *cluster = cluster_create(&options);
    char config[4096];

    for (int node = 1; node <= 3; node++)
        talk_until(cluster, node, "*\nwhole: yes\n*", "RING STATUS");
    talk_expect_node(cluster, 1, "OK", "SET key value");
    cluster_kill(cluster, 2);
    talk_expect_node(cluster, 3, "value", "GET key");
    cluster_start(cluster, 2);
    talk_expect_node(cluster, 2, "value", "GET key");
    /* It stands in no log. */
    FILE *log = fopen(cluster_log(cluster, 1), "r");
    config[fread(config, 1, sizeof config - 1, log)] = '\0';
    fclose(log);
    check_that(strstr(config, "xyzzy") == NULL, "no secret in the log");
    cluster_destroy(&cluster);
}

static void nodes_of_one_ring_do_not_join_another(void)
{
    struct cluster *first = cluster_create(&three);
    struct cluster *second = cluster_create(&three);

    talk_expect_node(first, 1, "-ERR RING INIT: this node is in ring * already*", "RING INIT %s %s",
                     address_of(first), address_of(second));
    struct cluster *lonely = cluster_create(&one);
    talk_expect_node(lonely, 1, "-ERR RING INIT: *ring*", "RING INIT %s %s", address_of(lonely),
                     address_of(second));
    talk_expect_node(lonely, 1, "OK", "SET key lonely");
    talk_expect_node(second, 2, "OK", "SET key second");
    talk_expect_node(first, 3, "(nil)", "GET key");
    cluster_destroy(&lonely);
    cluster_destroy(&second);
    cluster_destroy(&first);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"what_is_no_resp_is_told_so", 30, what_is_no_resp_is_told_so},
        {"a_line_without_an_end_is_cut_off", 30, a_line_without_an_end_is_cut_off},
        {"noise_harms_nobody", 30, noise_harms_nobody},
        {"a_peer_that_claims_much_is_cut_off", 30, a_peer_that_claims_much_is_cut_off},
        {"peers_that_say_nothing_harm_nobody", 30, peers_that_say_nothing_harm_nobody},
        {"clusters_of_different_names_do_not_mix", 30, clusters_of_different_names_do_not_mix},
        {"who_does_not_know_the_secret_does_not_join", 30,
         who_does_not_know_the_secret_does_not_join},
        {"who_knows_the_secret_serves", 30, who_knows_the_secret_serves},
        {"nodes_of_one_ring_do_not_join_another", 30, nodes_of_one_ring_do_not_join_another},
    };

    return check_main(argc, argv, cases, COUNT(cases));
}
