/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/explain/watch.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "ring/slot.h"
#include "sim/explain/watch_parts.h"
#include "sim/load/words.h"

const char *watch_who(unsigned from, unsigned to, char text[WATCH_WHO_MAX])
{
    if (to == 0)
        snprintf(text, WATCH_WHO_MAX, "%u", from);
    else
        snprintf(text, WATCH_WHO_MAX, "%u>%u", from, to);
    return text;
}

/* ---- what happens to nodes ---- */

static bool ends_with(const char *line, const char *end)
{
    const size_t size = strlen(line);

    return size >= strlen(end) && strcmp(line + size - strlen(end), end) == 0;
}

/* Many lines tell of single links and of views; what becomes of a message is told with it. */
static bool is_routine(const char *line)
{
    return strchr(line, '#') != NULL || ends_with(line, " publishes a view") ||
           ends_with(line, " sees the others anew");
}

static void on_line(void *context, int64_t at_us, const char *line)
{
    struct watch *watch = context;
    const bool direction = ends_with(line, " blocked") || ends_with(line, " free");

    if (is_routine(line))
        return;
    if (direction && watch->line_us == at_us) {
        timeline_append(watch->timeline, watch->line, TIMELINE_WORLD, ", %s", line);
    } else {
        const size_t name = timeline_add(watch->timeline, at_us, TIMELINE_WORLD, "", "%s", line);
        if (direction) {
            watch->line_us = at_us;
            watch->line = name;
        }
    }
}

/* ---- what clients asked ---- */

static bool is_shown(const struct watch *watch, size_t index)
{
    for (size_t i = 0; i < watch->concern->record_count; i++)
        if (watch->concern->records[i] == index)
            return true;
    return false;
}

static bool is_asked(const struct watch *watch, const struct record *record)
{
    return record->space == watch->concern->space && record->key == watch->concern->key;
}

/* A command that only looks leaves a line when it is answered, any other two. */
static void add_record(struct watch *watch, const struct history *history, size_t index)
{
    const struct record *r = &history->records[index];
    const bool shown = is_shown(watch, index);
    const bool told = r->replied_us != HISTORY_NEVER_US;
    const enum timeline_kind kind = shown                      ? TIMELINE_SHOWN
                                    : r->effect == EFFECT_NONE ? TIMELINE_ROUTINE
                                                               : TIMELINE_ASKED;
    char asked[WORDS_MAX], result[WORDS_MAX], who[WATCH_WHO_MAX];

    words_asked(history, index, asked);
    words_told(history, index, result);
    snprintf(who, sizeof who, "c%" PRIu64 ">%u", r->client, r->node);
    if (shown || r->effect != EFFECT_NONE || !told)
        timeline_add(watch->timeline, r->sent_us, kind, who, "asks: %s%s", asked,
                     told ? "" : ", and is never answered");
    snprintf(who, sizeof who, "c%" PRIu64 "<%u", r->client, r->node);
    if (told)
        timeline_add(watch->timeline, r->replied_us, kind, who,
                     "is told: %s, of: %s (asked at %" PRId64 ".%03" PRId64 ")", result, asked,
                     r->sent_us / 1000, r->sent_us % 1000);
    if (!shown)
        return;
    timeline_focus(watch->timeline, r->sent_us);
    if (told)
        timeline_focus(watch->timeline, r->replied_us);
    char value[WORDS_ARG_MAX];
    snprintf(value, sizeof value, "v%zu", index);
    if (r->effect == EFFECT_PUT)
        timeline_seek(watch->timeline, value);
}

static void on_end(void *context, const struct world *world, const struct history *history)
{
    struct watch *watch = context;

    watch_look_for_lost(watch, world);
    for (size_t i = 0; i < history->count; i++)
        if (is_shown(watch, i) ||
            (watch->key[0] != '\0' &&
             (is_asked(watch, &history->records[i]) || history->records[i].space == '*')))
            add_record(watch, history, i);
    timeline_focus(watch->timeline,
                   watch->concern->at_us < world->now_us ? watch->concern->at_us : world->now_us);
    timeline_end(watch->timeline, watch->concern->at_us);
    watch_keep_state(watch, world);
}

/* ---- every event ---- */

static void on_step(void *context, const struct world *world)
{
    struct watch *watch = context;

    if (watch->partition < 0 && watch->key[0] != '\0')
        watch->partition = (int)ring_slot_partition(ring_slot(watch_key(watch)),
                                                    world->settings.partitions);
    if (watch->partition >= 0)
        watch_look(watch, world);
    watch_look_for_lost(watch, world);
    if (world->now_us >= watch->concern->at_us)
        watch_keep_state(watch, world);
}

/* ---- its life ---- */

struct watch *watch_create(const struct concern *concern, struct timeline *timeline)
{
    struct watch *watch = memory_alloc(sizeof *watch);

    watch->concern = concern;
    watch->timeline = timeline;
    watch->partition = concern->partition;
    watch->line_us = -1;
    if (concern->space != '\0' && concern->space != '*' && concern->space != '-') {
        watch->partition = -1;
        snprintf(watch->key, sizeof watch->key, "%c%" PRIu32, concern->space, concern->key);
    }
    watch->stamps = memory_alloc_array(WATCH_STAMPS, sizeof watch->stamps[0]);
    watch->questions = memory_alloc_array(WATCH_QUESTIONS, sizeof watch->questions[0]);
    watch->witness = (struct world_witness){.context = watch,
                                            .on_step = on_step,
                                            .on_line = on_line,
                                            .on_sent = watch_sent,
                                            .on_arrived = watch_arrived,
                                            .on_end = on_end};
    return watch;
}

void watch_destroy(struct watch **watch)
{
    struct watch *w = *watch;

    *watch = NULL;
    buffer_deinit(&w->state);
    memory_free(w->hints);
    memory_free(w->stamps);
    memory_free(w->questions);
    memory_free(w->messages);
    memory_free(w);
}

const struct world_witness *watch_witness(const struct watch *watch)
{
    return &watch->witness;
}

void watch_print_state(const struct watch *watch, FILE *out)
{
    const struct span state = buffer_content(&watch->state);

    fwrite(state.data, 1, state.size, out);
}
