/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "io/log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

bool log_sink_open(struct log_sink *sink, const char *path, struct buffer *error)
{
    sink->fd = path[0] == '\0' ? STDOUT_FILENO
                               : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (sink->fd >= 0)
        return true;
    buffer_append_format(error, "cannot open the log file '%s': %s", path, strerror(errno));
    return false;
}

void log_sink_close(struct log_sink *sink)
{
    if (sink->fd != STDOUT_FILENO)
        close(sink->fd);
}

void log_sink_write(void *context, enum log_level level, struct span line)
{
    static const char marks[] = {'.', '-', '*', '#'}; /* as in Redis' log */
    const struct log_sink *sink = context;
    char text[LOG_LINE_MAX + 64];
    struct timespec now;
    struct tm day;

    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &day);
    size_t size = (size_t)snprintf(text, sizeof text, "%ld ", (long)getpid());
    size += strftime(text + size, sizeof text - size, "%Y-%m-%d %H:%M:%S", &day);
    size += (size_t)snprintf(text + size, sizeof text - size, ".%03ld %c %.*s\n",
                             now.tv_nsec / 1000000, marks[level], (int)line.size,
                             (const char *)line.data);
    (void)!write(sink->fd, text, size);
}
