/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "main/admin_interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>

/* What a signal can reach is one for the whole process. */
static volatile sig_atomic_t interrupted;

/* SA_RESETHAND: the second signal does what it does without us. */
static void note(int signal)
{
    (void)signal;
    interrupted = 1;
}

void admin_interrupt_watch(void)
{
    const struct sigaction action = {.sa_handler = note, .sa_flags = (int)SA_RESETHAND};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

bool admin_interrupted(void)
{
    return interrupted != 0;
}

void admin_sleep(int64_t ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    if (ms > 0 && !admin_interrupted())
        nanosleep(&time, NULL);
}
