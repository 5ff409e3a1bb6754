/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where log lines go: standard output, or a file that is appended to. Each line is written in one
 * call, so that threads do not mix theirs:
 *
 *     4711 2026-11-21 18:45:00.123 * the ring is whole
 */
#ifndef DUNLIN_IO_LOG_SINK_H
#define DUNLIN_IO_LOG_SINK_H

#include "base/buffer.h"
#include "base/log.h"

struct log_sink {
    int fd;
};

/* "" is standard output. False with the reason in `error`. */
bool log_sink_open(struct log_sink *sink, const char *path, struct buffer *error);
void log_sink_close(struct log_sink *sink);

/* The sink of a struct log, with a struct log_sink as its context. */
void log_sink_write(void *sink, enum log_level level, struct span line);

#endif
