/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "lib/check.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/timeout.h"

/* How the process of a case ends when its function returned, a check failed, it was skipped. No
 * exit() in between and no sanitizer ends a process with the first of them. */
enum { CASE_PASSED = 100, CASE_FAILED = 101, CASE_SKIPPED = 102 };

#define LOG_TAIL_BYTES 4096
#define POLL_US        5000

#define ORPHAN_GRACE_MS 1000 /* until what the case left is killed */
#define ORPHAN_LIMIT_MS 5000 /* until it is given up */

/* The frame is the main program of its process, hence the state at file level. */
static char scratch[PATH_MAX];
static volatile sig_atomic_t interrupted;

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void check_failed(const char *file, int line, const char *condition, const char *format, ...)
{
    va_list arguments;

    printf("%s:%d: ", file, line);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf(" [%s]\n", condition);
    exit(CASE_FAILED);
}

void check_skip(const char *why)
{
    printf("skipped: %s\n", why);
    exit(CASE_SKIPPED);
}

const char *check_scratch(void)
{
    return scratch;
}

bool check_until(int64_t timeout_ms, bool (*holds)(void *context), void *context)
{
    const int64_t end_ms = now_ms() + TIMEOUT_MS(timeout_ms);

    while (!holds(context)) {
        if (now_ms() >= end_ms)
            return false;
        usleep(POLL_US);
    }
    return true;
}

static int print_log(const char *path, const struct stat *status, int type, struct FTW *place)
{
    const char *dot = strrchr(path, '.');
    char tail[LOG_TAIL_BYTES];
    FILE *log;

    (void)place;
    if (type != FTW_F || dot == NULL || strcmp(dot, ".log") != 0 ||
        (log = fopen(path, "r")) == NULL)
        return 0;
    if (status->st_size > LOG_TAIL_BYTES)
        fseek(log, -LOG_TAIL_BYTES, SEEK_END);
    const size_t size = fread(tail, 1, sizeof tail, log);
    fclose(log);
    printf("--- %s%s\n%.*s\n", path, status->st_size > LOG_TAIL_BYTES ? " (its end)" : "",
           (int)size, tail);
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

static void make_scratch(void)
{
    const char *base = getenv("TMPDIR");

    snprintf(scratch, sizeof scratch, "%s/dunlin-test-XXXXXX",
             base != NULL && base[0] == '/' ? base : "/tmp");
    if (mkdtemp(scratch) == NULL) {
        perror(scratch);
        exit(EXIT_FAILURE);
    }
}

static void drop_scratch(void)
{
    if (getenv("DUNLIN_KEEP") != NULL)
        printf("kept: %s\n", scratch);
    else if (nftw(scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
        perror(scratch);
}

/* Sends SIGKILL to every child of this process, and returns how many there are. */
static int kill_children(void)
{
    FILE *children = fopen("/proc/thread-self/children", "r");
    int count = 0;
    int child;

    while (children != NULL && fscanf(children, "%d", &child) == 1) {
        printf("left process %d running\n", child);
        kill(child, SIGKILL);
        count++;
    }
    if (children != NULL)
        fclose(children);
    return count;
}

/* Processes that the case left fall to this process (it is their subreaper). Servers that
 * lib/process.h started die with the case by themselves, within the grace; any other is killed
 * here. Returns whether there was one of those. */
static bool end_orphans(void)
{
    const int64_t begin_ms = now_ms();
    bool left = false;

    for (;;) {
        const pid_t pid = waitpid(-1, NULL, WNOHANG);
        const int64_t waited_ms = now_ms() - begin_ms;
        if (pid < 0 && errno == ECHILD)
            return left;
        if (pid != 0)
            continue;
        if (waited_ms >= TIMEOUT_MS(ORPHAN_GRACE_MS)) {
            left = true;
            if (kill_children() == 0 || waited_ms >= TIMEOUT_MS(ORPHAN_LIMIT_MS)) {
                printf("left a process that cannot be ended\n");
                return left;
            }
        }
        usleep(POLL_US);
    }
}

_Noreturn static void run_child(const struct check_case *one, pid_t parent)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
    alarm(TIMEOUT_S(one->limit_s));
    one->run();
    exit(CASE_PASSED);
}

/* Runs one case to its end and returns one of the statuses above. */
static int run_case(const struct check_case *one)
{
    const pid_t parent = getpid();
    const int64_t begin_ms = now_ms();
    int status = 0;
    int outcome = CASE_FAILED;

    make_scratch();
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0)
        run_child(one, parent);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        if (interrupted)
            kill(pid, SIGKILL);

    if (pid < 0)
        perror("fork");
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        printf("took longer than %u s\n", TIMEOUT_S(one->limit_s));
    else if (WIFSIGNALED(status))
        printf("killed by signal %d (%s)\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) == CASE_PASSED || WEXITSTATUS(status) == CASE_SKIPPED)
        outcome = WEXITSTATUS(status);
    else if (WEXITSTATUS(status) != CASE_FAILED)
        printf("ended with status %d in the middle of the case\n", WEXITSTATUS(status));
    if (end_orphans())
        outcome = CASE_FAILED;

    if (outcome == CASE_FAILED)
        nftw(scratch, print_log, 16, FTW_PHYS);
    printf("%s: %s (%.2f s)\n",
           outcome == CASE_PASSED    ? "ok"
           : outcome == CASE_SKIPPED ? "skipped"
                                     : "FAILED",
           one->name, (double)(now_ms() - begin_ms) / 1000);
    drop_scratch();
    return outcome;
}

static void interrupt(int signal)
{
    interrupted = signal;
}

static bool chosen(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return argc < 2;
}

int check_main(int argc, char **argv, const struct check_case *cases, size_t count)
{
    const struct sigaction action = {
        .sa_handler = interrupt}; /* no SA_RESTART: waitpid must see it */
    int passed = 0, failed = 0, skipped = 0;

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (size_t i = 0; i < count && !interrupted; i++) {
        if (!chosen(argc, argv, cases[i].name))
            continue;
        const int outcome = run_case(&cases[i]);
        passed += outcome == CASE_PASSED;
        failed += outcome == CASE_FAILED;
        skipped += outcome == CASE_SKIPPED;
    }
    if (interrupted) {
        fflush(NULL);
        signal(interrupted, SIG_DFL);
        raise(interrupted);
    }
    if (passed + failed + skipped == 0)
        printf("no case of that name\n");
    printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    return failed > 0 || passed + skipped == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
