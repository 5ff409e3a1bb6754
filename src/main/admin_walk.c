/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "base/memory.h"
#include "main/admin_import.h"
#include "main/admin_interrupt.h"

/* With --rate, pages are as long as this time takes, so that keys flow and do not come in bursts.
 */
#define RATE_PAGES_A_SECOND 5

bool admin_fail(struct admin_import *import, struct admin_patience *patience,
                const struct admin_link *link, const char *why)
{
    const char *who = link == &import->source.link ? "the source" : "Dunlin";
    const int64_t now_ms = admin_now_ms();
    const int64_t limit_ms = import->options->patience * 1000;

    if (admin_interrupted())
        return false;
    if (link->refused) {
        buffer_append_format(&import->error, "%s: %s", who, why);
        return false;
    }
    if (!patience->failing) {
        *patience = (struct admin_patience){.failing = true, .since_ms = now_ms};
        admin_screen_note(&import->screen, "%s: %s; trying again", who, why);
    } else if (now_ms - patience->since_ms >= limit_ms) {
        buffer_append_format(&import->error, "%s: %s, for %lld s now (--patience)", who, why,
                             (long long)((now_ms - patience->since_ms) / 1000));
        return false;
    }
    admin_sleep(admin_backoff_ms(patience->attempts++));
    return !admin_interrupted();
}

void admin_succeed(struct admin_patience *patience)
{
    patience->failing = false;
}

static void free_keys(struct admin_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (keys[i].type != NULL)
            freeReplyObject(keys[i].type);
        if (keys[i].read != NULL)
            freeReplyObject(keys[i].read);
    }
    memory_free(keys);
}

static size_t page_size(const struct admin_options *options)
{
    const int64_t wanted = options->rate > 0 ? options->rate / RATE_PAGES_A_SECOND + 1
                                             : options->pipeline;

    return (size_t)(wanted < options->pipeline ? wanted : options->pipeline);
}

/* Waits until so many keys since `begin_ms` are no more than --rate allows. */
static void keep_rate(struct admin_import *import, int64_t begin_ms, size_t keys)
{
    const int64_t rate = import->options->rate;

    if (rate > 0)
        admin_sleep(begin_ms + (int64_t)keys * 1000 / rate - admin_now_ms());
}

static enum admin_result run_page(struct admin_import *import, const struct admin_walk *walk,
                                  struct admin_master *master, const redisReply *reply)
{
    const redisReply *names = reply->element[1];
    struct admin_key *keys = memory_alloc_array(names->elements + 1, sizeof *keys);
    enum admin_result result = ADMIN_AGAIN;

    for (size_t i = 0; i < names->elements; i++)
        keys[i].name = admin_reply_text(names->element[i]);
    if (admin_source_types(&import->source, keys, names->elements))
        result = walk->page(import, keys, names->elements);
    if (result == ADMIN_OK) {
        memcpy(master->cursor, reply->element[0]->str, reply->element[0]->len + 1);
        master->done = strcmp(master->cursor, "0") == 0;
        if (!walk->done(import, keys, names->elements))
            result = ADMIN_STOP;
    }
    free_keys(keys, names->elements);
    return result;
}

/* One page, and what it costs of time. */
static enum admin_result walk_page(struct admin_import *import, const struct admin_walk *walk,
                                   struct admin_master *master)
{
    const int64_t begin_ms = admin_now_ms();
    redisReply *reply = admin_source_scan(&import->source, master->cursor, import->state.match,
                                          page_size(import->options));

    if (reply == NULL)
        return ADMIN_AGAIN;
    const enum admin_result result = run_page(import, walk, master, reply);
    if (result == ADMIN_OK) {
        admin_succeed(&import->source_patience);
        admin_progress_note(&import->progress, walk->counted(import), admin_now_ms());
        admin_screen_show(&import->screen, &import->progress, walk->unit);
        keep_rate(import, begin_ms, reply->element[1]->elements);
    }
    freeReplyObject(reply);
    return result;
}

static bool open_source(struct admin_import *import, struct admin_master *master)
{
    bool restarted;

    if (import->source.link.context != NULL)
        return true;
    if (!admin_source_open(&import->source, master, &restarted))
        return false;
    if (restarted)
        admin_screen_note(&import->screen,
                          "%s was restarted, so that its cursor means nothing any more: "
                          "its keys are walked from the beginning",
                          master->address);
    return true;
}

static enum admin_result walk_master(struct admin_import *import, const struct admin_walk *walk,
                                     struct admin_master *master)
{
    while (!master->done) {
        enum admin_result result = ADMIN_AGAIN;
        if (admin_interrupted())
            return ADMIN_STOP;
        if (open_source(import, master))
            result = walk_page(import, walk, master);
        if (result == ADMIN_STOP)
            return result;
        if (result == ADMIN_AGAIN && !admin_fail(import, &import->source_patience,
                                                 &import->source.link, import->source.link.error))
            return ADMIN_STOP;
    }
    return ADMIN_OK;
}

enum admin_result admin_walk(struct admin_import *import, const struct admin_walk *walk,
                             struct admin_master *masters, size_t count)
{
    enum admin_result result = ADMIN_OK;
    /* How many of them match is not known. */
    const uint64_t total = import->state.match[0] == '\0' ? import->source_keys : 0;

    admin_progress_init(&import->progress, walk->counted(import), total, admin_now_ms());
    for (size_t i = 0; result == ADMIN_OK && i < count; i++) {
        admin_source_deinit(&import->source); /* it is to another */
        result = walk_master(import, walk, &masters[i]);
    }
    admin_screen_clear(&import->screen);
    return result;
}
