/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "sim/trial.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "lib/timeout.h"

/* How long a run may take, and to that the time that it plays. */
#define LIMIT_MS INT64_C(300000)

int64_t trial_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

enum ending ending_of(const struct run_result *result)
{
    if (run_passed(result))
        return ENDING_PASSED;
    for (int check = 0; check < CHECK_COUNT; check++)
        if (result->verdicts[check].wrong > 0 && check_rows[check].safety)
            return ENDING_SAFETY;
    return ENDING_LIVENESS;
}

const char *ending_name(enum ending ending)
{
    switch (ending) {
    case ENDING_PASSED:
        return "passed";
    case ENDING_SAFETY:
        return "safety";
    case ENDING_LIVENESS:
        return "liveness";
    case ENDING_CRASH:
        break;
    }
    return "crash";
}

/* ---- the child ---- */

static _Noreturn void be_child(const struct trial *trial, int result_fd, pid_t parent)
{
    struct run_result result;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || dup2(fileno(trial->said), STDOUT_FILENO) < 0 ||
        dup2(fileno(trial->said), STDERR_FILENO) < 0)
        _exit(EXIT_FAILURE);
    setvbuf(stdout, NULL, _IOLBF, 0);
    run(&trial->settings, stdout, &result);
    if (write(result_fd, &result, sizeof result) != (ssize_t)sizeof result)
        _exit(EXIT_FAILURE);
    exit(EXIT_SUCCESS); /* a sanitizer looks for leaks, and may say so with another status */
}

static void crashed(struct trial *trial, const char *how, int64_t number, const char *unit)
{
    trial->ending = ENDING_CRASH;
    trial->result = (struct run_result){.commands = 0};
    snprintf(trial->crash, sizeof trial->crash, "%s %" PRId64 "%s", how, number, unit);
}

bool trial_start(struct trial *trial, const struct run_settings *settings, unsigned limit_s)
{
    const pid_t parent = getpid();
    int ends[2] = {-1, -1};

    *trial = (struct trial){.settings = *settings, .said = tmpfile(), .pid = -1};
    if (trial->said != NULL && pipe(ends) == 0) {
        fflush(NULL);
        trial->pid = fork();
    }
    if (trial->pid == 0)
        be_child(trial, ends[1], parent);
    if (trial->pid < 0) {
        crashed(trial, "no process, error", errno, "");
        close(ends[0]);
        close(ends[1]);
        return false;
    }
    close(ends[1]);
    trial->pipe = ends[0];
    trial->limit_ms = limit_s > 0 ? limit_s * INT64_C(1000)
                                  : TIMEOUT_MS(LIMIT_MS + settings->chaos_us / 1000);
    trial->overdue_ms = trial_now_ms() + trial->limit_ms;
    return true;
}

/* ---- its end ---- */

static void collect(struct trial *trial)
{
    int status = 0;

    close(trial->pipe);
    ensure(waitpid(trial->pid, &status, 0) == trial->pid);
    trial->pid = 0;
    if (WIFSIGNALED(status)) {
        crashed(trial, "signal", WTERMSIG(status), "");
    } else if (WEXITSTATUS(status) != 0 || trial->heard < sizeof trial->result) {
        crashed(trial, "exit status", WEXITSTATUS(status), "");
    } else {
        for (int check = 0; check < CHECK_COUNT; check++)
            trial->result.verdicts[check].report = NULL; /* the child's */
        trial->ending = ending_of(&trial->result);
    }
}

bool trial_hear(struct trial *trial)
{
    const size_t left = sizeof trial->result - trial->heard;
    uint8_t none; /* after the result nothing comes but the end */
    const ssize_t size = read(trial->pipe,
                              left > 0 ? (uint8_t *)&trial->result + trial->heard : &none,
                              left > 0 ? left : sizeof none);

    if (size > 0) {
        trial->heard += (size_t)size;
        return false;
    }
    collect(trial);
    return true;
}

void trial_stop(struct trial *trial)
{
    kill(trial->pid, SIGKILL);
    collect(trial);
    crashed(trial, "no end in", trial->limit_ms / 1000, " s");
    trial->endless = true;
}

void trial_deinit(struct trial *trial)
{
    if (trial->said != NULL)
        fclose(trial->said);
    trial->said = NULL;
}

bool trial_run(struct trial *trial, const struct run_settings *settings, unsigned limit_s)
{
    if (!trial_start(trial, settings, limit_s))
        return false;
    for (;;) {
        struct pollfd waits = {.fd = trial->pipe, .events = POLLIN};
        const int64_t left_ms = trial->overdue_ms - trial_now_ms();
        if (left_ms <= 0) {
            trial_stop(trial);
            return true;
        }
        if (poll(&waits, 1, left_ms < INT32_MAX ? (int)left_ms : INT32_MAX) > 0 &&
            trial_hear(trial))
            return true;
    }
}

void trial_repeat(struct trial *trial, FILE *out)
{
    char block[4096];
    size_t size;

    if (trial->said == NULL)
        return;
    rewind(trial->said);
    while ((size = fread(block, 1, sizeof block, trial->said)) > 0)
        fwrite(block, 1, size, out);
}
