/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Processes and ports of a test. A process that is started here dies with the process of the case
 * that started it, however that ends. Only what was started here is ever signalled.
 */
#ifndef DUNLIN_TESTS_LIB_PROCESS_H
#define DUNLIN_TESTS_LIB_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
    pid_t pid; /* 0: none is running */
};

/* Runs `argv` (ended by NULL; argv[0] is a path, or a name to look up in PATH) with no input, its
 * output appended to the file `log`. Fails the case when it cannot. Must come from the thread that
 * runs the case: the process ends when that thread does. */
void process_start(struct process *process, const char *log, char *const argv[]);

/* Sends a signal to a process that is running. */
void process_signal(struct process *process, int signal);

/* Whether it runs; when it has ended, its status as wait(2) gives it is left in *status. */
bool process_running(struct process *process, int *status);

/* Waits until it has ended, and returns its status. Fails the case when that takes longer than
 * `timeout_ms` (stretched as all time-outs are). */
int process_wait(struct process *process, int64_t timeout_ms);

/* SIGKILL, and waits. Harmless when none is running. */
void process_kill(struct process *process);

/* A TCP port on 127.0.0.1 that nobody uses, nor the port BUS_OFFSET above it, over TCP or UDP. No
 * other call gives the same one while the process of this case lives, in whatever process: its UDP
 * side, which no server takes, stays bound as a mark. */
uint16_t port_reserve(void);

/* Where peers find a node: this far above its client port. */
#define BUS_OFFSET 10000

/* Stops the process, and returns once each of its threads stands still: until then one may go on
 * with what it has begun. */
void process_pause(struct process *process);

#endif
