/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The log of one node. It makes lines and hands them to a sink; it has no clock and no file: time,
 * process and place are the sink's to add. Any thread may log, and the sink is called in that
 * thread. Any thread may change the level.
 */
#ifndef DUNLIN_BASE_LOG_H
#define DUNLIN_BASE_LOG_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/span.h"

/* In the order of the words of the directive `loglevel`. */
enum log_level {
    LOG_DEBUG,
    LOG_VERBOSE,
    LOG_NOTICE,
    LOG_WARNING,
};

/* A line's longest, bytes; what is longer is cut, and ends in "...". */
#define LOG_LINE_MAX 1024

struct log {
    _Atomic int level; /* the least that reaches the sink */
    /* Takes over one line, without its end. It holds no control character. */
    void (*sink)(void *context, enum log_level level, struct span line);
    void *context;
};

void log_init(struct log *log, enum log_level level,
              void (*sink)(void *context, enum log_level level, struct span line), void *context);
void log_set_level(struct log *log, enum log_level level);

static inline bool log_wants(const struct log *log, enum log_level level)
{
    return (int)level >= atomic_load_explicit(&log->level, memory_order_relaxed);
}

/* Makes the line only when the level is wanted. What comes from outside may stand in it as it is:
 * control characters become '?'. */
void log_write(struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
