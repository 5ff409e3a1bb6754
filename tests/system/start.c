/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A server's start and end: what it refuses to start with, each time with one clear line and the
 * right exit code, and that it ends in order. Exit codes: 0 ended in order, 1 could not start, 2
 * wrong use.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/cluster.h"
#include "lib/process.h"
#include "lib/talk.h"
#include "lib/timeout.h"

#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))
#define PATH_ROOM     4200
#define WORDS_MAX     32
#define TEXT_MAX      65536
#define END_LIMIT_MS  10000
#define STATE_ROOM    (1 << 20)
#define LEAVE_LIMIT_S 1.0

static const struct cluster_options one = {.nodes = 1, .threads = 2};

/* ---- running a server ---- */

static const char *in_scratch(const char *name)
{
    static char paths[8][PATH_ROOM];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, PATH_ROOM, "%s/%s", check_scratch(), name);
    return path;
}

static size_t read_file(const char *path, char *content, size_t size)
{
    FILE *file = fopen(path, "r");

    check_that(file != NULL, "%s: %s", path, strerror(errno));
    const size_t got = fread(content, 1, size - 1, file);
    fclose(file);
    content[got] = '\0';
    return got;
}

static void write_file(const char *path, const char *content, size_t size)
{
    FILE *file = fopen(path, "w");

    check_that(file != NULL && fwrite(content, 1, size, file) == size && fclose(file) == 0,
               "%s: %s", path, strerror(errno));
}

static void write_text(const char *path, const char *text)
{
    write_file(path, text, strlen(text));
}

static void launch(struct process *process, const char *log, const char *const *words)
{
    const char *said[WORDS_MAX] = {getenv("DUNLIN_SERVER")};
    char *argv[WORDS_MAX] = {NULL};
    size_t count = 1;

    check_that(said[0] != NULL, "DUNLIN_SERVER in the environment, as make check sets it");
    for (; *words != NULL && count < WORDS_MAX - 1; words++)
        said[count++] = *words;
    for (size_t i = 0; i < count; i++)
        memcpy(&argv[i], &said[i], sizeof argv[i]); /* execvp changes none of them */
    process_start(process, log, argv);
}

/* Runs a server that is to end by itself; returns what it said. */
static const char *run(int wanted_code, const char *const *words)
{
    static char text[TEXT_MAX];
    const char *log = in_scratch("run.txt");
    struct process process = {0};

    unlink(log);
    launch(&process, log, words);
    const int status = process_wait(&process, END_LIMIT_MS);
    read_file(log, text, sizeof text);
    check_that(WIFEXITED(status) && WEXITSTATUS(status) == wanted_code,
               "exit code %d, not %s %d: %s", wanted_code, WIFEXITED(status) ? "code" : "signal",
               WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), text);
    return text;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void expect(const char *pattern, const char *text)
{
    check_that(fnmatch(pattern, text, 0) == 0, "'%s', got '%s'", pattern, text);
}

static const char *port_text(unsigned port)
{
    static char texts[4][12];
    static unsigned next;
    char *text = texts[next++ % 4];

    snprintf(text, sizeof texts[0], "%u", port);
    return text;
}

static const char *free_port(void)
{
    return port_text(port_reserve());
}

static const char *new_dir(const char *name)
{
    const char *dir = in_scratch(name);

    check_that(mkdir(dir, 0755) == 0, "%s: %s", dir, strerror(errno));
    return dir;
}

/* ---- wrong use ---- */

static void help_and_version(void)
{
    expect("Usage: dunlin-server *--maxmemory*", run(0, WORDS("--help")));
    expect("dunlin-server [0-9]*\n", run(0, WORDS("--version")));
    run(0, WORDS("-h"));
    run(0, WORDS("-v"));
}

static void wrong_flags_are_wrong_use(void)
{
    const char *dir = new_dir("d");
    const struct {
        const char *name, *value, *pattern;
    } wrong[] = {
        {"--nonsense", "1", "dunlin-server: *nonsense*"},
        {"--port", "70000", "dunlin-server: *port*from 1 to 55535*70000*"},
        {"--port", "many", "dunlin-server: *port*many*"},
        {"--maxmemory", "12 elephants", "dunlin-server: *maxmemory*elephants*"},
        {"--loglevel", "loud", "dunlin-server: *loglevel*loud*debug*"},
        {"--read-level", "MOST", "dunlin-server: *read-level*MOST*"},
        {"--seeds", "nowhere", "dunlin-server: *seeds*nowhere*"},
        {"--partitions", "1000", "dunlin-server: *partitions*1000*"},
        {"--bind", "10.0.0.300", "dunlin-server: *bind*10.0.0.300*"},
    };

    for (size_t i = 0; i < COUNT(wrong); i++) {
        /* An address is looked at when it is bound, everything else when it is read. */
        const int code = strcmp(wrong[i].name, "--bind") == 0 ? 1 : 2;
        const char *text = run(code, WORDS("--dir", dir, wrong[i].name, wrong[i].value));
        expect(wrong[i].pattern, text);
        check_that(strchr(text, '\n') == text + strlen(text) - 1, "one line, not '%s'", text);
    }
}

static void a_wrong_line_is_named(void)
{
    const char *file = in_scratch("wrong.conf");

    write_text(file, "# a comment\nport 7000\n\nmaxmemory plenty\n");
    const char *text = run(2, WORDS(file));
    expect("dunlin-server: *wrong.conf*4*maxmemory*plenty*", text);
    write_text(file, "port 7000\nnonsense 1\n");
    expect("dunlin-server: *wrong.conf*2*nonsense*", run(2, WORDS(file)));
    expect("dunlin-server: *absent.conf*", run(2, WORDS(in_scratch("absent.conf"))));
}

/* ---- ports ---- */

static int take_port(int type, uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int on = 1;
    const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    /* The worst neighbour: with SO_REUSEPORT a second listener would bind silently. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    check_that(fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
                   (type != SOCK_STREAM || listen(fd, 1) == 0),
               "port %u: %s", port, strerror(errno));
    return fd;
}

static void a_port_in_use_is_named(void)
{
    const char *dir = new_dir("d");
    const uint16_t port = port_reserve();
    const struct {
        int type;
        uint16_t port;
        const char *pattern;
    } taken[] = {
        {SOCK_STREAM, port, "dunlin-server: cannot listen on 127.0.0.1:%u: Address already*\n"},
        {SOCK_STREAM, port + BUS_OFFSET,
         "dunlin-server: cannot listen on 127.0.0.1:%u: Address already*\n"},
        {SOCK_DGRAM, port + BUS_OFFSET,
         "dunlin-server: cannot listen on 127.0.0.1:%u (UDP): Address already*\n"},
    };
    char pattern[128];

    for (size_t i = 0; i < COUNT(taken); i++) {
        const int fd = take_port(taken[i].type, taken[i].port);
        snprintf(pattern, sizeof pattern, taken[i].pattern, taken[i].port);
        expect(pattern, run(1, WORDS("--port", port_text(port), "--dir", dir)));
        close(fd);
    }
}

static void a_second_dunlin_on_the_port_does_not_start(void)
{
    struct cluster *cluster = cluster_create(&one);

    expect("dunlin-server: cannot listen on 127.0.0.1:*: Address already in use\n",
           run(1, WORDS("--port", port_text(cluster_port(cluster, 1)), "--dir", new_dir("d"))));
    talk_expect_node(cluster, 1, "OK", "SET key value");
    cluster_destroy(&cluster);
}

/* ---- the dir ---- */

static void a_dir_in_use_is_named(void)
{
    struct cluster *cluster = cluster_create(&one);

    const char *text = run(1, WORDS("--port", free_port(), "--dir", cluster_dir(cluster, 1)));
    expect("dunlin-server: *node-1*another*\n", text);
    talk_expect_node(cluster, 1, "OK", "SET key value");
    cluster_destroy(&cluster);
}

static void what_keeps_it_from_starting_stands_in_its_log(void)
{
    static char text[TEXT_MAX];
    const char *log = in_scratch("log"), *dir = in_scratch("no/such");

    run(1, WORDS("--port", free_port(), "--dir", dir, "--logfile", log));
    read_file(log, text, sizeof text);
    expect("* # cannot create '*/no/such': No such file or directory\n", text);
}

static void copy_file(const char *from_dir, const char *to_dir, const char *name)
{
    static char content[STATE_ROOM];
    char from[2 * PATH_ROOM], to[2 * PATH_ROOM];

    snprintf(from, sizeof from, "%s/%s", from_dir, name);
    snprintf(to, sizeof to, "%s/%s", to_dir, name);
    write_file(to, content, read_file(from, content, sizeof content));
}

/* Two nodes of one identity are the worst that can happen to versions. */
static void a_copied_dir_does_not_start_beside_its_original(void)
{
    static const char *const quick[] = {"--gossip-interval-ms", "100", NULL};
    const struct cluster_options three = {.nodes = 3, .threads = 2, .directives = quick};
    struct cluster *cluster = cluster_create(&three);
    const char *copy = new_dir("copy");
    char seeds[64];

    talk_wait_linked(cluster, 2);
    copy_file(cluster_dir(cluster, 2), copy, "node.state");
    copy_file(cluster_dir(cluster, 2), copy, "ceiling.state");
    snprintf(seeds, sizeof seeds, "127.0.0.1:%u 127.0.0.1:%u", cluster_port(cluster, 1),
             cluster_port(cluster, 2));
    const char *text = run(1, WORDS("--port", free_port(), "--dir", copy, "--seeds", seeds,
                                    "--gossip-interval-ms", "100"));
    expect("*identity*", text);
    for (int node = 1; node <= 3; node++)
        talk_expect_node(cluster, node, "OK", "SET key value");
    cluster_destroy(&cluster);
}

static void absent_and_unwritable_dirs_are_named(void)
{
    const char *absent = in_scratch("absent/dir");
    const char *file = in_scratch("file");

    expect("dunlin-server: cannot create '*/absent/dir': No such file*\n",
           run(1, WORDS("--port", free_port(), "--dir", absent)));
    write_text(file, "");
    expect("dunlin-server: */file*Not a directory*\n",
           run(1, WORDS("--port", free_port(), "--dir", file)));
    if (geteuid() == 0)
        return; /* for whom every dir is writable */
    const char *locked = new_dir("locked");
    check_that(chmod(locked, 0555) == 0, "chmod");
    expect("dunlin-server: *locked*Permission denied*\n",
           run(1, WORDS("--port", free_port(), "--dir", locked)));
}

/* ---- state files ---- */

struct state {
    const char *name;
    char path[PATH_ROOM + 32];
    char content[STATE_ROOM];
    size_t size;
};

static void read_state(const struct cluster *cluster, struct state *state, const char *name)
{
    state->name = name;
    snprintf(state->path, sizeof state->path, "%s/%s", cluster_dir(cluster, 1), name);
    state->size = read_file(state->path, state->content, sizeof state->content);
    check_that(state->size >= 40, "%s holds something", state->path);
}

/* Starts on the damaged file, and puts the good one back. */
static void refused(const struct cluster *cluster, const struct state *state, const char *content,
                    size_t size)
{
    char pattern[64];

    write_file(state->path, content, size);
    snprintf(pattern, sizeof pattern, "dunlin-server: cannot use '*%s': *\n", state->name);
    expect(pattern, run(1, WORDS("--port", port_text(cluster_port(cluster, 1)), "--dir",
                                 cluster_dir(cluster, 1))));
    write_file(state->path, state->content, state->size);
}

static void damage(const struct cluster *cluster, const struct state *state)
{
    static char content[STATE_ROOM];
    const size_t sizes[] = {0, 1, 8, 31, state->size / 2, state->size - 1};
    const size_t places[] = {0, 9, 13, 20, state->size / 2, state->size - 1};

    for (size_t i = 0; i < COUNT(sizes); i++)
        refused(cluster, state, state->content, sizes[i]);
    memcpy(content, state->content, state->size);
    for (size_t i = 0; i < COUNT(places); i++) {
        content[places[i]] ^= 0x10;
        refused(cluster, state, content, state->size);
        content[places[i]] ^= 0x10;
    }
    content[state->size] = 'x';
    refused(cluster, state, content, state->size + 1);
    refused(cluster, state, "save 900 1\nsave 300 10\n", 23);
}

static void torn_and_foreign_state_is_refused(void)
{
    static struct state node, ceiling;
    struct cluster *cluster = cluster_create(&one);
    char identity[64];

    snprintf(identity, sizeof identity, "%s", talk_node(cluster, 1, "CLUSTER MYID"));
    cluster_stop(cluster, 1);
    read_state(cluster, &node, "node.state");
    read_state(cluster, &ceiling, "ceiling.state");
    damage(cluster, &node);
    damage(cluster, &ceiling);
    /* One kind is not the other. */
    refused(cluster, &node, ceiling.content, ceiling.size);
    refused(cluster, &ceiling, node.content, node.size);
    cluster_start(cluster, 1);
    talk_expect_node(cluster, 1, identity, "CLUSTER MYID");
    cluster_destroy(&cluster);
}

static void the_state_of_two_nodes_is_no_pair(void)
{
    static struct state ceiling;
    struct cluster *cluster = cluster_create(&one);

    cluster_stop(cluster, 1);
    read_state(cluster, &ceiling, "ceiling.state");
    struct process process = {0};
    const char *dir = new_dir("other");
    const char *port = free_port();
    launch(&process, in_scratch("other.log"), WORDS("--port", port, "--dir", dir));
    char path[PATH_ROOM + 32];
    snprintf(path, sizeof path, "%s/ceiling.state", dir);
    while (access(path, R_OK) != 0)
        check_that(process_running(&process, &(int){0}), "the other node runs");
    process_kill(&process);
    static char content[STATE_ROOM];
    refused(cluster, &ceiling, content, read_file(path, content, sizeof content));
    cluster_destroy(&cluster);
}

/* Without its ceiling a node cannot know which stamps it has given: it goes on as another one. */
static void without_its_ceiling_a_node_is_a_new_one(void)
{
    struct cluster *cluster = cluster_create(&one);
    char identity[64], path[PATH_ROOM + 32];

    snprintf(identity, sizeof identity, "%s", talk_node(cluster, 1, "CLUSTER MYID"));
    cluster_stop(cluster, 1);
    snprintf(path, sizeof path, "%s/ceiling.state", cluster_dir(cluster, 1));
    check_that(unlink(path) == 0, "%s", path);
    cluster_start(cluster, 1);
    check_that(strcmp(talk_node(cluster, 1, "CLUSTER MYID"), identity) != 0, "another identity");
    talk_expect_node(cluster, 1, "OK", "SET key value");
    cluster_destroy(&cluster);
}

/* A full disk, as far as a file can grow: no byte more. */
static void a_full_disk_at_the_start_is_named(void)
{
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = RLIM_INFINITY};
    const struct rlimit all = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    const char *dir = new_dir("full");
    struct process process = {0};
    static char text[TEXT_MAX];
    int pipes[2];

    /* What it says must not go to a file. */
    check_that(pipe(pipes) == 0, "pipe");
    char log[32];
    snprintf(log, sizeof log, "/dev/fd/%d", pipes[1]);
    signal(SIGXFSZ, SIG_IGN); /* as a child has it, write(2) fails with EFBIG */
    check_that(setrlimit(RLIMIT_FSIZE, &none) == 0, "setrlimit");
    launch(&process, log, WORDS("--port", free_port(), "--dir", dir));
    setrlimit(RLIMIT_FSIZE, &all);
    const int status = process_wait(&process, END_LIMIT_MS);
    close(pipes[1]);
    const ssize_t got = read(pipes[0], text, sizeof text - 1);
    text[got > 0 ? got : 0] = '\0';
    close(pipes[0]);
    check_that(WIFEXITED(status) && WEXITSTATUS(status) == 1, "exit code 1: %s", text);
    expect("dunlin-server: cannot write '*full/*': File too large\n", text);
}

/* Writes go on until the clock has passed the ceiling on disk, and again when there is room. */
static void a_full_disk_later_refuses_writes_and_heals(void)
{
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = RLIM_INFINITY};
    const struct rlimit all = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};

    signal(SIGXFSZ, SIG_IGN); /* for the server, too */
    struct cluster *cluster = cluster_create(&one);
    const pid_t pid = (pid_t)talk_number(talk_node(cluster, 1, "INFO server"), "process_id");
    talk_expect_node(cluster, 1, "OK", "SET key value");
    check_that(prlimit(pid, RLIMIT_FSIZE, &none, NULL) == 0, "prlimit");
    talk_until(cluster, 1, "-MISCONF *above the ceiling*", "SET key other");
    talk_expect_node(cluster, 1, "other", "GET key");
    talk_expect_node(cluster, 1, "*cannot be kept on disk*", "RING STATUS");
    check_that(prlimit(pid, RLIMIT_FSIZE, &all, NULL) == 0, "prlimit");
    talk_until(cluster, 1, "OK", "SET key another");
    talk_expect_node(cluster, 1, "another", "GET key");
    cluster_destroy(&cluster);
}

/* ---- the end ---- */

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool answers_on(void *context)
{
    const uint16_t port = (uint16_t)atoi(context);
    redisContext *connection = redisConnect("127.0.0.1", port);
    const bool open = connection != NULL && connection->err == 0;
    redisReply *reply = open ? redisCommand(connection, "PING") : NULL;
    const bool pong = reply != NULL && strcmp(reply->str, "PONG") == 0;

    if (reply != NULL)
        freeReplyObject(reply);
    if (connection != NULL)
        redisFree(connection);
    return pong;
}

static void it_ends_in_order_within_a_second(int signal)
{
    const char *port = free_port();
    const char *pidfile = in_scratch("server.pid");
    const char *log = in_scratch("server.log");
    struct process process = {0};
    static char text[TEXT_MAX];

    launch(&process, log,
           WORDS("--port", port, "--dir", new_dir("d"), "--pidfile", pidfile, "--threads", "2"));
    check_that(check_until(END_LIMIT_MS, answers_on, (void *)(uintptr_t)port), "it answers");
    read_file(pidfile, text, sizeof text);
    check_that(atoi(text) == process.pid, "its process number, not '%s'", text);
    redisContext *client = redisConnect("127.0.0.1", atoi(port));
    const double begin = seconds();
    process_signal(&process, signal);
    const int status = process_wait(&process, END_LIMIT_MS);
    const double took = seconds() - begin;
    check_that(WIFEXITED(status) && WEXITSTATUS(status) == 0, "it ends with 0, not %d", status);
    check_that(took < LEAVE_LIMIT_S * TIMEOUT_S(1), "it takes %.1f s", took);
    check_that(access(pidfile, F_OK) != 0, "the pidfile is gone");
    read_file(log, text, sizeof text);
    expect("* serves on port *\n*ended\n", text);
    redisFree(client);
}

static void sigterm_ends_it(void)
{
    it_ends_in_order_within_a_second(SIGTERM);
}

static void sigint_ends_it(void)
{
    it_ends_in_order_within_a_second(SIGINT);
}

/* ---- CONFIG REWRITE ---- */

static void config_rewrite_keeps_what_was_set(void)
{
    const char *file = in_scratch("server.conf");
    const char *port = free_port();
    static char text[TEXT_MAX], wanted[TEXT_MAX];
    struct process process = {0};

    snprintf(text, sizeof text, "# mine\nport %s\ndir %s\nmaxclients 50\n", port, new_dir("d"));
    write_text(file, text);
    launch(&process, in_scratch("server.log"), WORDS(file));
    check_that(check_until(END_LIMIT_MS, answers_on, (void *)(uintptr_t)port), "it answers");
    redisContext *context = redisConnect("127.0.0.1", atoi(port));
    talk_expect(context, "OK", "CONFIG SET maxclients 60 maxmemory 100mb");
    talk_expect(context, "-ERR *", "CONFIG SET maxclients many");
    talk_expect(context, "(maxclients, 60)", "CONFIG GET maxclients");
    talk_expect(context, "OK", "CONFIG REWRITE");
    redisFree(context);
    read_file(file, wanted, sizeof wanted);
    check_that(strstr(wanted, "# mine\n") == wanted && strstr(wanted, "maxclients 60\n") != NULL &&
                   strstr(wanted, "maxmemory ") != NULL,
               "the file keeps what was set: %s", wanted);
    process_kill(&process);

    launch(&process, in_scratch("server.log"), WORDS(file));
    check_that(check_until(END_LIMIT_MS, answers_on, (void *)(uintptr_t)port), "it answers");
    context = redisConnect("127.0.0.1", atoi(port));
    talk_expect(context, "(maxclients, 60)", "CONFIG GET maxclients");
    talk_expect(context, "(maxmemory, 104857600)", "CONFIG GET maxmemory");
    redisFree(context);
    process_kill(&process);
}

static void without_a_file_there_is_no_config_rewrite(void)
{
    struct cluster *cluster = cluster_create(&one);

    talk_expect_node(cluster, 1, "-ERR The server is running without a config file",
                     "CONFIG REWRITE");
    cluster_destroy(&cluster);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"help_and_version", 30, help_and_version},
        {"wrong_flags_are_wrong_use", 30, wrong_flags_are_wrong_use},
        {"a_wrong_line_is_named", 30, a_wrong_line_is_named},
        {"a_port_in_use_is_named", 30, a_port_in_use_is_named},
        {"a_second_dunlin_on_the_port_does_not_start", 30,
         a_second_dunlin_on_the_port_does_not_start},
        {"a_dir_in_use_is_named", 30, a_dir_in_use_is_named},
        {"what_keeps_it_from_starting_stands_in_its_log", 30,
         what_keeps_it_from_starting_stands_in_its_log},
        {"a_copied_dir_does_not_start_beside_its_original", 30,
         a_copied_dir_does_not_start_beside_its_original},
        {"absent_and_unwritable_dirs_are_named", 30, absent_and_unwritable_dirs_are_named},
        {"torn_and_foreign_state_is_refused", 60, torn_and_foreign_state_is_refused},
        {"the_state_of_two_nodes_is_no_pair", 30, the_state_of_two_nodes_is_no_pair},
        {"without_its_ceiling_a_node_is_a_new_one", 30, without_its_ceiling_a_node_is_a_new_one},
        {"a_full_disk_at_the_start_is_named", 30, a_full_disk_at_the_start_is_named},
        {"a_full_disk_later_refuses_writes_and_heals", 60,
         a_full_disk_later_refuses_writes_and_heals},
        {"sigterm_ends_it", 30, sigterm_ends_it},
        {"sigint_ends_it", 30, sigint_ends_it},
        {"config_rewrite_keeps_what_was_set", 30, config_rewrite_keeps_what_was_set},
        {"without_a_file_there_is_no_config_rewrite", 30,
         without_a_file_there_is_no_config_rewrite},
    };

    return check_main(argc, argv, cases, COUNT(cases));
}
