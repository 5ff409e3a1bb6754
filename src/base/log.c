/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/log.h"

#include <stdio.h>

#include "base/assert.h"

void log_init(struct log *log, enum log_level level,
              void (*sink)(void *context, enum log_level level, struct span line), void *context)
{
    atomic_init(&log->level, (int)level);
    log->sink = sink;
    log->context = context;
}

void log_set_level(struct log *log, enum log_level level)
{
    atomic_store_explicit(&log->level, (int)level, memory_order_relaxed);
}

void log_write(struct log *log, enum log_level level, const char *format, ...)
{
    char line[LOG_LINE_MAX + 1];
    va_list arguments;

    if (!log_wants(log, level))
        return;
    va_start(arguments, format);
    const int whole = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    ensure(whole >= 0);
    const size_t size = whole > LOG_LINE_MAX ? LOG_LINE_MAX : (size_t)whole;
    if (whole > LOG_LINE_MAX)
        memcpy(line + size - 3, "...", 3);
    for (size_t i = 0; i < size; i++)
        if ((uint8_t)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    log->sink(log->context, level, span_of(line, size));
}
