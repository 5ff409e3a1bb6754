/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/admin_progress.h"

#include <inttypes.h>

#include "main/admin_tally.h"

#define BAR_COLUMNS 20
#define GREEN       "\033[32m"
#define PLAIN       "\033[0m"

static void take_sample(struct admin_progress *progress)
{
    const size_t at = progress->sample_count++ % ADMIN_SAMPLES;

    progress->samples[at].at_ms = progress->now_ms;
    progress->samples[at].done = progress->done;
}

void admin_progress_init(struct admin_progress *progress, uint64_t done, uint64_t total,
                         int64_t now_ms)
{
    *progress = (struct admin_progress){
        .total = total, .done = done, .begin_ms = now_ms, .now_ms = now_ms};
    take_sample(progress);
}

void admin_progress_note(struct admin_progress *progress, uint64_t done, int64_t now_ms)
{
    const size_t last = (progress->sample_count - 1) % ADMIN_SAMPLES;

    ensure(done >= progress->done && now_ms >= progress->now_ms);
    progress->done = done;
    progress->now_ms = now_ms;
    if (now_ms - progress->samples[last].at_ms >= ADMIN_SAMPLE_MS)
        take_sample(progress);
}

uint64_t admin_progress_rate(const struct admin_progress *progress)
{
    const size_t oldest = progress->sample_count < ADMIN_SAMPLES
                              ? 0
                              : progress->sample_count % ADMIN_SAMPLES;
    const int64_t ms = progress->now_ms - progress->samples[oldest].at_ms;

    return ms <= 0 ? 0 : (progress->done - progress->samples[oldest].done) * 1000 / (uint64_t)ms;
}

int64_t admin_progress_left_ms(const struct admin_progress *progress)
{
    const uint64_t rate = admin_progress_rate(progress);

    if (progress->total == 0 || rate == 0)
        return -1;
    if (progress->done >= progress->total)
        return 0;
    return (int64_t)((progress->total - progress->done) * 1000 / rate);
}

void admin_append_time(struct buffer *text, int64_t ms)
{
    const int64_t seconds = (ms + 500) / 1000;

    if (seconds >= 3600)
        buffer_append_format(text, "%" PRId64 ":%02" PRId64 ":%02" PRId64, seconds / 3600,
                             seconds / 60 % 60, seconds % 60);
    else
        buffer_append_format(text, "%" PRId64 ":%02" PRId64, seconds / 60, seconds % 60);
}

static void append_bar(struct buffer *text, unsigned percent, bool colour)
{
    const unsigned full = percent * BAR_COLUMNS / 100;

    buffer_append_string(text, colour ? "[" GREEN : "[");
    for (unsigned i = 0; i < BAR_COLUMNS; i++)
        buffer_append_string(text, i < full ? "=" : i == full ? ">" : " ");
    buffer_append_string(text, colour ? PLAIN "] " : "] ");
}

static void append_figures(const struct admin_progress *progress, const char *unit,
                           struct buffer *text)
{
    const int64_t left_ms = admin_progress_left_ms(progress);

    admin_append_number(text, progress->done);
    if (progress->total > 0) {
        buffer_append_string(text, " of ");
        admin_append_number(text, progress->total);
    }
    buffer_append_format(text, " %s  ", unit);
    admin_append_number(text, admin_progress_rate(progress));
    buffer_append_format(text, " %s/s", unit);
    if (left_ms >= 0) {
        buffer_append_string(text, "  ");
        admin_append_time(text, left_ms);
        buffer_append_string(text, " left");
    }
}

void admin_progress_render(const struct admin_progress *progress, const char *unit, size_t columns,
                           bool colour, struct buffer *text)
{
    const size_t begin = buffer_size(text);
    size_t unseen = 0;

    if (progress->total > 0) {
        /* More may come than was counted at the beginning. */
        const uint64_t done = progress->done < progress->total ? progress->done : progress->total;
        const unsigned percent = (unsigned)((double)done * 100 / (double)progress->total);
        if (columns >= 2 * BAR_COLUMNS) {
            append_bar(text, percent, colour);
            unseen = colour ? sizeof GREEN + sizeof PLAIN - 2 : 0;
        }
        buffer_append_format(text, "%3u %%  ", percent);
    }
    append_figures(progress, unit, text);
    if (buffer_size(text) - begin - unseen > columns)
        buffer_truncate(text, begin + columns + unseen);
}
