/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How far something of known or unknown length has come, how fast it is, and when it will be done,
 * in one line:
 *
 *     [=========>          ]  45 %  45,123 of 100,000 keys  12,345 keys/s  0:04 left
 *
 * Reads no clock.
 */
#ifndef DUNLIN_MAIN_ADMIN_PROGRESS_H
#define DUNLIN_MAIN_ADMIN_PROGRESS_H

#include "base/buffer.h"

/* The rate is that of the last so many samples, ADMIN_SAMPLE_MS apart. */
#define ADMIN_SAMPLES   16
#define ADMIN_SAMPLE_MS 1000

struct admin_progress {
    uint64_t total; /* 0: unknown */
    uint64_t done;
    int64_t begin_ms, now_ms;
    struct {
        int64_t at_ms;
        uint64_t done;
    } samples[ADMIN_SAMPLES]; /* a circle */
    size_t sample_count;      /* taken in all */
};

/* `done` of `total` was done before. */
void admin_progress_init(struct admin_progress *progress, uint64_t done, uint64_t total,
                         int64_t now_ms);
/* Time and count go on; neither goes back. */
void admin_progress_note(struct admin_progress *progress, uint64_t done, int64_t now_ms);

/* Units a second, of late. */
uint64_t admin_progress_rate(const struct admin_progress *progress);
/* Milliseconds that are left at this rate; -1: unknown. */
int64_t admin_progress_left_ms(const struct admin_progress *progress);

/* Appends the line, at most `columns` long, without its end. With `colour`, the bar is coloured,
 * by sequences that take no column. */
void admin_progress_render(const struct admin_progress *progress, const char *unit, size_t columns,
                           bool colour, struct buffer *text);

/* "1:02:03" or "2:03". */
void admin_append_time(struct buffer *text, int64_t ms);

#endif
