/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/explain/timeline.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "lib/array.h"

#define TEXT_MAX  224
#define WHO_MAX   16
#define FOCUS_MAX 24
#define SEEK_MAX  8
#define WORD_MAX  24
/* A line with a word that is sought counts as so many times nearer. */
#define SOUGHT_NEARER 6
/* Lines from before the first of several: how it was. */
#define BEFORE_MAX 16
/* A moment that matters lasts about so long. */
#define FOCUS_US 2000
/* Fewer lines than these are printed rather than counted. */
#define GAP_MIN 2
#define FAR_US  INT64_C(1000000000000)

struct line {
    int64_t at_us;
    size_t order;
    enum timeline_kind kind;
    bool printed;
    int64_t distance;
    char who[WHO_MAX];
    char text[TEXT_MAX];
};

struct timeline {
    struct line *lines;
    size_t count, capacity;
    int64_t focus_us[FOCUS_MAX]; /* the first is the earliest */
    size_t focus_count;
    int64_t end_us;
    char words[SEEK_MAX][WORD_MAX];
    size_t word_count;
};

static const struct {
    char sign;
    int distance;
} kinds[] = {
#define ROW(NAME, sign, distance) {sign, distance},
    TIMELINE_KINDS(ROW)
#undef ROW
};

struct timeline *timeline_create(void)
{
    struct timeline *timeline = memory_alloc(sizeof *timeline);

    timeline->end_us = INT64_MAX;
    return timeline;
}

void timeline_destroy(struct timeline **timeline)
{
    memory_free((*timeline)->lines);
    memory_free(*timeline);
    *timeline = NULL;
}

size_t timeline_add(struct timeline *timeline, int64_t at_us, enum timeline_kind kind,
                    const char *who, const char *format, ...)
{
    va_list arguments;

    timeline->lines = array_room(timeline->lines, timeline->count, &timeline->capacity,
                                 sizeof timeline->lines[0]);
    struct line *line = &timeline->lines[timeline->count];
    *line = (struct line){.at_us = at_us, .order = timeline->count, .kind = kind};
    snprintf(line->who, sizeof line->who, "%s", who);
    va_start(arguments, format);
    vsnprintf(line->text, sizeof line->text, format, arguments);
    va_end(arguments);
    return timeline->count++;
}

void timeline_append(struct timeline *timeline, size_t index, enum timeline_kind kind,
                     const char *format, ...)
{
    struct line *line = &timeline->lines[index];
    const size_t size = strlen(line->text);
    va_list arguments;

    line->kind = kind;
    va_start(arguments, format);
    vsnprintf(line->text + size, sizeof line->text - size, format, arguments);
    va_end(arguments);
}

void timeline_end(struct timeline *timeline, int64_t at_us)
{
    timeline->end_us = at_us;
}

void timeline_focus(struct timeline *timeline, int64_t at_us)
{
    if (timeline->focus_count < FOCUS_MAX)
        timeline->focus_us[timeline->focus_count++] = at_us;
    if (timeline->focus_count > 1 && at_us < timeline->focus_us[0]) {
        timeline->focus_us[timeline->focus_count - 1] = timeline->focus_us[0];
        timeline->focus_us[0] = at_us;
    }
}

void timeline_seek(struct timeline *timeline, const char *word)
{
    if (timeline->word_count < SEEK_MAX)
        snprintf(timeline->words[timeline->word_count++], WORD_MAX, "%s", word);
}

/* ---- choosing ---- */

/* Whether the word stands in the text by itself. */
static bool has_word(const char *text, const char *word)
{
    const size_t size = strlen(word);

    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word))
        if ((at == text || !isalnum((unsigned char)at[-1])) && !isalnum((unsigned char)at[size]))
            return true;
    return false;
}

static int64_t distance_of(const struct timeline *timeline, const struct line *line)
{
    int64_t nearest_us = FAR_US;

    for (size_t i = 0; i < timeline->focus_count; i++) {
        const int64_t away_us = llabs(line->at_us - timeline->focus_us[i]);
        if (away_us < nearest_us)
            nearest_us = away_us;
    }
    int64_t distance = nearest_us + FOCUS_US;
    for (size_t i = 0; i < timeline->word_count; i++)
        if (has_word(line->text, timeline->words[i])) {
            distance /= SOUGHT_NEARER;
            break;
        }
    return distance * kinds[line->kind].distance;
}

static int by_distance(const void *a, const void *b)
{
    const struct line *x = a;
    const struct line *y = b;

    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static int by_time(const void *a, const void *b)
{
    const struct line *x = a;
    const struct line *y = b;

    if (x->at_us != y->at_us)
        return x->at_us < y->at_us ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* How many lines from `from` on are not to be printed. */
static size_t count_left_out(const struct timeline *timeline, size_t from)
{
    size_t count = 0;

    while (from + count < timeline->count && !timeline->lines[from + count].printed)
        count++;
    return count;
}

static void print_line(const struct line *line, FILE *out)
{
    fprintf(out, "%c %6" PRId64 ".%03" PRId64 " %7s  %s\n", kinds[line->kind].sign,
            line->at_us / 1000, line->at_us % 1000, line->who, line->text);
}

/* Drops what comes after the end, and marks what is to be printed. */
static void choose(struct timeline *timeline)
{
    const int64_t begin_us = timeline->focus_count > 1 ? timeline->focus_us[0] : INT64_MIN;
    size_t kept = 0, printed = 0, before = 0;

    for (size_t i = 0; i < timeline->count; i++)
        if (timeline->lines[i].at_us <= timeline->end_us)
            timeline->lines[kept++] = timeline->lines[i];
    timeline->count = kept;
    for (size_t i = 0; i < kept; i++)
        timeline->lines[i].distance = distance_of(timeline, &timeline->lines[i]);
    qsort(timeline->lines, kept, sizeof timeline->lines[0], by_distance);
    for (size_t i = 0; i < kept && printed < TIMELINE_PRINTED; i++) {
        struct line *line = &timeline->lines[i];
        line->printed = line->at_us >= begin_us || before++ < BEFORE_MAX;
        printed += line->printed;
    }
    qsort(timeline->lines, kept, sizeof timeline->lines[0], by_time);
}

void timeline_print(struct timeline *timeline, FILE *out)
{
    if (timeline->count == 0)
        return;
    choose(timeline);
    for (size_t i = 0; i < timeline->count; i++) {
        const size_t left_out = count_left_out(timeline, i);
        if (left_out <= GAP_MIN) {
            print_line(&timeline->lines[i], out);
            continue;
        }
        fprintf(out, "%20s ... %zu lines left out\n", "", left_out);
        i += left_out - 1;
    }
}
