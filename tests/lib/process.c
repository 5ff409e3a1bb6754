/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "lib/process.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/check.h"

#define KILL_TIMEOUT_MS 5000

/* Client ports lie here: with BUS_OFFSET still below the ports that Linux gives to connections. */
#define PORT_FIRST 10100
#define PORT_COUNT 12000

_Noreturn static void run_program(const char *log, pid_t parent, char *const argv[])
{
    const int input = open("/dev/null", O_RDONLY);
    const int output = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);

    alarm(0);
    if (input < 0 || output < 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(126);
    execvp(argv[0], argv);
    dprintf(2, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

void process_start(struct process *process, const char *log, char *const argv[])
{
    const pid_t parent = getpid();

    check_that(process->pid == 0, "the process before has ended");
    fflush(NULL);
    process->pid = fork();
    if (process->pid == 0)
        run_program(log, parent, argv);
    check_that(process->pid > 0, "fork: %s", strerror(errno));
}

void process_signal(struct process *process, int signal)
{
    check_that(process->pid > 0, "signal %d goes to a running process", signal);
    check_that(kill(process->pid, signal) == 0, "signal %d: %s", signal, strerror(errno));
}

bool process_running(struct process *process, int *status)
{
    if (process->pid == 0)
        return false;
    const pid_t ended = waitpid(process->pid, status, WNOHANG);
    check_that(ended >= 0, "waitpid: %s", strerror(errno));
    if (ended == 0)
        return true;
    process->pid = 0;
    return false;
}

struct waiting {
    struct process *process;
    int status;
};

static bool has_ended(void *context)
{
    struct waiting *waiting = context;

    return !process_running(waiting->process, &waiting->status);
}

int process_wait(struct process *process, int64_t timeout_ms)
{
    struct waiting waiting = {.process = process};

    check_that(check_until(timeout_ms, has_ended, &waiting), "process %d ends within %lld ms",
               (int)process->pid, (long long)timeout_ms);
    return waiting.status;
}

void process_kill(struct process *process)
{
    if (process->pid == 0)
        return;
    process_signal(process, SIGKILL);
    process_wait(process, KILL_TIMEOUT_MS);
}

/* A socket that is bound to the port, or -1. */
static int bind_port(int type, uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const int on = 1;
    const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    check_that(fd >= 0, "socket: %s", strerror(errno));
    /* Connections that are only waiting to be forgotten do not occupy a port. */
    if (type == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
        (type != SOCK_STREAM || listen(fd, 1) == 0))
        return fd;
    close(fd);
    return -1;
}

static bool port_free(int type, uint16_t port)
{
    const int fd = bind_port(type, port);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

uint16_t port_reserve(void)
{
    /* Processes begin in different places, so that they seldom meet. */
    const unsigned start = (unsigned)getpid() * 37;

    for (unsigned i = 0; i < PORT_COUNT; i++) {
        const uint16_t port = (uint16_t)(PORT_FIRST + (start + i) % PORT_COUNT);
        const int mark = bind_port(SOCK_DGRAM, port);
        if (mark < 0)
            continue;
        if (port_free(SOCK_STREAM, port) && port_free(SOCK_STREAM, port + BUS_OFFSET) &&
            port_free(SOCK_DGRAM, port + BUS_OFFSET))
            return port; /* the mark goes when the process ends */
        close(mark);
    }
    check_that(false, "a free port among %d", PORT_COUNT);
    return 0;
}

/* Whether /proc says that the thread is stopped: "tid (name) T ...". */
static bool thread_stopped(const char *folder, const char *thread)
{
    char path[512], text[512];

    snprintf(path, sizeof path, "%s/%s/stat", folder, thread);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return true; /* it has ended */
    const size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    const char *name_end = strrchr(text, ')');
    return name_end != NULL && strlen(name_end) > 2 && name_end[2] == 'T';
}

static bool stands_still(void *context)
{
    const struct process *process = context;
    const struct dirent *entry;
    bool still = true;
    char folder[64];

    snprintf(folder, sizeof folder, "/proc/%ld/task", (long)process->pid);
    DIR *threads = opendir(folder);
    check_that(threads != NULL, "%s is there", folder);
    while ((entry = readdir(threads)) != NULL)
        still &= entry->d_name[0] == '.' || thread_stopped(folder, entry->d_name);
    closedir(threads);
    return still;
}

void process_pause(struct process *process)
{
    process_signal(process, SIGSTOP);
    check_that(check_until(5000, stands_still, process), "process %ld stops", (long)process->pid);
}
