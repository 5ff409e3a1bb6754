/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "main/admin_import.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/words.h"
#include "io/clock.h"
#include "io/file.h"
#include "main/admin_interrupt.h"

#define SAVE_MS            1000
#define REPORT_BYTES       65536 /* of lines that are not written yet */
#define CLOCK_TOLERANCE_MS 1000

/* What a buffer holds, for printf's "%.*s". */
#define TEXT_OF(buffer) (int)buffer_size(buffer), (const char *)buffer_content(buffer).data

/* ---- the files ---- */

void admin_report_add(struct admin_import *import, const char *what, struct span key,
                      const char *reason)
{
    if (import->options->report == NULL)
        return;
    buffer_append_format(&import->report, "%s\t", what);
    words_append(&import->report, key);
    if (reason != NULL)
        buffer_append_format(&import->report, "\t%s", reason);
    buffer_append_string(&import->report, "\n");
}

static bool write_report(struct admin_import *import)
{
    const char *path = import->options->report;
    const struct span lines = buffer_content(&import->report);

    if (path == NULL || lines.size == 0)
        return true;
    FILE *file = fopen(path, "a");
    bool written = file != NULL && fwrite(lines.data, 1, lines.size, file) == lines.size;
    if (file != NULL)
        written = fclose(file) == 0 && written;
    if (!written)
        buffer_append_format(&import->error, "cannot write '%s': %s", path, strerror(errno));
    buffer_reset(&import->report, REPORT_BYTES);
    return written;
}

bool admin_state_save(struct admin_import *import, bool now)
{
    const int64_t now_ms = admin_now_ms();
    struct buffer text = {0};
    bool saved = true;

    if (!now && now_ms - import->saved_ms < SAVE_MS && buffer_size(&import->report) < REPORT_BYTES)
        return true;
    import->saved_ms = now_ms;
    if (!write_report(import))
        return false;
    if (import->state_file != NULL) {
        admin_state_write(&import->state, &text);
        saved = file_replace(import->state_file, buffer_content(&text), 0600, &import->error);
        buffer_deinit(&text);
    }
    return saved;
}

/* Takes over what an import that was interrupted left; false: that cannot be. */
static bool load_state(struct admin_import *import)
{
    struct buffer text = {0}, why = {0};
    struct admin_state old;
    bool right = false;

    if (import->state_file == NULL || import->options->restart)
        return true;
    const enum file_status status = file_read(import->state_file, ADMIN_STATE_MAX, &text, &why);
    if (status == FILE_ABSENT) {
        right = true;
    } else if (status == FILE_OK && admin_state_read(&old, buffer_content(&text), &why)) {
        right = admin_state_fits(&import->state, &old, &why);
        if (right)
            import->state = old;
        else
            admin_state_deinit(&old);
    }
    if (!right)
        buffer_append_format(&import->error,
                             "the state file '%s': %.*s; give another one with --state, or begin "
                             "anew with --restart",
                             import->state_file, TEXT_OF(&why));
    buffer_deinit(&text);
    buffer_deinit(&why);
    return right;
}

/* ---- the beginning ---- */

static bool init(struct admin_import *import, struct buffer *text)
{
    const struct admin_options *options = import->options;
    const char *password = getenv("DUNLIN_SOURCE_PASSWORD");
    struct admin_uri *uri = &import->source.uri;

    if (!admin_uri_parse(options->arguments.items[0], uri, &import->error) ||
        !admin_target_init(&import->target, options, &import->error))
        return false;
    if (uri->password[0] == '\0' && password != NULL &&
        snprintf(uri->password, sizeof uri->password, "%s", password) >=
            (int)sizeof uri->password) {
        buffer_append_string(&import->error, "DUNLIN_SOURCE_PASSWORD is too long");
        return false;
    }
    admin_uri_show(uri, text);
    snprintf(import->state.source, sizeof import->state.source, "%.*s", TEXT_OF(text));
    if (options->match != NULL && snprintf(import->state.match, sizeof import->state.match, "%s",
                                           options->match) >= (int)sizeof import->state.match) {
        buffer_append_format(&import->error, "--match: at most %d bytes", ADMIN_PATTERN_MAX - 1);
        return false;
    }
    import->state.replace = options->replace;
    rng_init(&import->rng, (uint64_t)clock_now().wall_ms);
    admin_screen_init(&import->screen);
    return true;
}

/* dunlin-import-HOST-PORT-DATABASE.state; ours to free. */
static char *default_state_file(const struct admin_uri *uri)
{
    const size_t room = ADMIN_URI_TEXT_MAX + 80;
    char *path = memory_alloc(room);

    snprintf(path, room, "dunlin-import-%s-%u-%" PRId64 ".state", uri->host, uri->port,
             uri->database);
    for (char *at = path; *at != '\0'; at++)
        if (*at == '/')
            *at = '_';
    return path;
}

/* Whether what was walked is what is there now. */
static bool same_masters(const struct admin_state *old, const struct admin_state *now)
{
    for (size_t i = 0; i < now->master_count; i++)
        if (old->master_count != now->master_count ||
            strcmp(old->masters[i].address, now->masters[i].address) != 0)
            return false;
    return true;
}

static int by_address(const void *a, const void *b)
{
    const struct admin_master *first = a, *second = b;

    return strcmp(first->address, second->address);
}

static void take_masters(struct admin_import *import, struct admin_state *found)
{
    struct admin_state *state = &import->state;

    qsort(found->masters, found->master_count, sizeof *found->masters, by_address);
    if (state->master_count > 0 && same_masters(state, found)) {
        admin_screen_note(&import->screen, "goes on where it was interrupted ('%s')",
                          import->state_file);
        return;
    }
    if (state->master_count > 0)
        admin_screen_note(&import->screen, "the masters of the source are not those of before: "
                                           "its keys are walked from the beginning");
    memory_free(state->masters);
    state->masters = found->masters;
    state->master_count = found->master_count;
    found->masters = NULL;
}

static bool find_source(struct admin_import *import)
{
    struct admin_state found = {0};
    enum admin_found result;

    while ((result = admin_source_find(&import->source, &found)) == ADMIN_FOUND_NOT) {
        admin_state_deinit(&found);
        if (!admin_fail(import, &import->source_patience, &import->source.link,
                        import->source.link.error))
            return false;
    }
    admin_succeed(&import->source_patience);
    if (result == ADMIN_FOUND)
        take_masters(import, &found);
    else
        buffer_append_string(&import->error, import->source.link.error);
    admin_state_deinit(&found);
    return result == ADMIN_FOUND;
}

/* Connects to each master once, and counts its keys. */
static bool survey(struct admin_import *import)
{
    bool restarted;

    for (size_t i = 0; i < import->state.master_count; i++) {
        struct admin_master *master = &import->state.masters[i];
        int64_t keys = -1;
        while (keys < 0) {
            restarted = false;
            if (admin_source_open(&import->source, master, &restarted))
                keys = admin_source_keys(&import->source);
            if (restarted && !master->done)
                admin_screen_note(&import->screen,
                                  "%s was restarted since then: its keys are walked from the "
                                  "beginning",
                                  master->address);
            if (keys < 0 && !admin_fail(import, &import->source_patience, &import->source.link,
                                        import->source.link.error))
                return false;
        }
        import->source_keys += (uint64_t)keys;
    }
    admin_succeed(&import->source_patience);
    return true;
}

static void compare_clocks(struct admin_import *import)
{
    const int64_t source_ms = admin_link_time_ms(&import->source.link);
    const int64_t target_ms = admin_link_time_ms(&import->target.link);
    const int64_t ahead_ms = target_ms - source_ms;

    if (source_ms >= 0 && target_ms >= 0 &&
        (ahead_ms > CLOCK_TOLERANCE_MS || ahead_ms < -CLOCK_TOLERANCE_MS))
        admin_screen_note(&import->screen,
                          "Dunlin's clock is %+" PRId64 " ms off the source's; times to live are "
                          "carried as dates, so keys expire by so much sooner or later",
                          ahead_ms);
}

static bool reach_target(struct admin_import *import)
{
    if (import->options->dry_run && !import->options->verify)
        return true;
    while (!admin_target_open(&import->target) ||
           !admin_target_ring(&import->target, import->ring, sizeof import->ring))
        if (!admin_fail(import, &import->target_patience, &import->target.link,
                        import->target.link.error))
            return false;
    admin_succeed(&import->target_patience);
    compare_clocks(import);
    return true;
}

/* Keys that went into one ring are not in another. */
static bool same_ring(struct admin_import *import)
{
    struct admin_state *state = &import->state;

    if (state->ring[0] != '\0' && import->ring[0] != '\0' &&
        strcmp(state->ring, import->ring) != 0) {
        buffer_append_format(&import->error,
                             "the state file '%s': it is of an import into the ring %s, and not "
                             "%s; give another one with --state, or begin anew with --restart",
                             import->state_file, state->ring, import->ring);
        return false;
    }
    memcpy(state->ring, import->ring, sizeof state->ring);
    return true;
}

/* ---- the end ---- */

static void print_end(struct admin_import *import, int64_t took_ms)
{
    const struct admin_options *options = import->options;
    struct buffer text = {0};

    buffer_append_string(&text, options->dry_run ? "Looked at " : "Imported ");
    buffer_append_string(&text, import->state.source);
    if (!options->dry_run) {
        buffer_append_string(&text, " into ");
        admin_uri_show(&import->target.nodes[import->target.current], &text);
    }
    buffer_append_string(&text, " in ");
    admin_append_time(&text, took_ms);
    buffer_append_string(&text, options->dry_run ? "; nothing was written\n\n" : "\n\n");
    admin_tally_print(&import->state.tally, options->dry_run, options->verify, &text);
    admin_print(&text);
}

static void print_json_end(struct admin_import *import, int64_t took_ms)
{
    struct buffer text = {0}, target = {0};

    admin_uri_show(&import->target.nodes[import->target.current], &target);
    buffer_append_string(&text, "{\"source\": ");
    admin_append_json(&text, span_of_string(import->state.source));
    buffer_append_string(&text, ", \"target\": ");
    admin_append_json(&text, buffer_content(&target));
    buffer_append_format(&text, ", \"dry_run\": %s, \"milliseconds\": %" PRId64 ", ",
                         import->options->dry_run ? "true" : "false", took_ms);
    admin_tally_print_json(&import->state.tally, import->options->verify, &text);
    buffer_append_string(&text, "}\n");
    buffer_deinit(&target);
    admin_print(&text);
}

/* A word as a shell reads it. */
static void append_quoted(struct buffer *text, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./:=@,+%";

    if (word[0] != '\0' && strspn(word, plain) == strlen(word)) {
        buffer_append_string(text, word);
        return;
    }
    buffer_append_string(text, "'");
    for (; *word != '\0'; word++)
        buffer_append_string(text, *word == '\'' ? "'\\''" : (const char[]){*word, '\0'});
    buffer_append_string(text, "'");
}

/* The words without passwords, and without --restart. */
static void append_words(struct buffer *text, char *const *words)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        struct buffer word = {0};
        if (i > 0 && (strcmp(words[i - 1], "--password") == 0 || strcmp(words[i - 1], "-a") == 0))
            buffer_append_string(&word, "***");
        else if (strncmp(words[i], "--password=", 11) == 0)
            buffer_append_string(&word, "--password=***");
        else
            admin_uri_hide(words[i], &word);
        buffer_append(&word, "", 1);
        if (strcmp(words[i], "--restart") != 0) {
            buffer_append_string(text, i > 0 ? " " : "");
            append_quoted(text, (const char *)buffer_content(&word).data);
        }
        buffer_deinit(&word);
    }
}

static void say_how_to_go_on(struct admin_import *import, char *const *words)
{
    struct buffer text = {0};

    append_words(&text, words);
    admin_screen_note(&import->screen, "%" PRIu64 " keys were looked at; to go on from there: %.*s",
                      import->state.tally.looked_at, TEXT_OF(&text));
    buffer_deinit(&text);
}

static enum admin_exit stopped(struct admin_import *import, char *const *words)
{
    const bool saved = import->state.master_count > 0 && admin_state_save(import, true);

    if (admin_interrupted())
        admin_screen_note(&import->screen, "interrupted");
    if (buffer_size(&import->error) > 0)
        admin_screen_note(&import->screen, "%.*s", TEXT_OF(&import->error));
    if (saved && import->state_file != NULL)
        say_how_to_go_on(import, words);
    return admin_interrupted() ? ADMIN_INTERRUPTED : ADMIN_FAILED;
}

static bool verify(struct admin_import *import)
{
    struct admin_master *masters = memory_alloc_array(import->state.master_count + 1,
                                                      sizeof *masters);

    for (size_t i = 0; i < import->state.master_count; i++) {
        masters[i] = import->state.masters[i];
        memcpy(masters[i].cursor, "0", 2);
        masters[i].done = false;
    }
    const bool whole = admin_walk(import, &admin_compare, masters, import->state.master_count) ==
                       ADMIN_OK;
    memory_free(masters);
    return whole;
}

static enum admin_exit run(struct admin_import *import, char *const *words)
{
    const int64_t begin_ms = admin_now_ms();
    const struct admin_options *options = import->options;
    const bool only_compares = options->dry_run && options->verify;

    if (!find_source(import) || !survey(import) || !reach_target(import))
        return stopped(import, words);
    if (!same_ring(import))
        return ADMIN_USE;
    if (!admin_state_save(import, true))
        return stopped(import, words);
    if (!only_compares && admin_walk(import, &admin_carry, import->state.masters,
                                     import->state.master_count) != ADMIN_OK)
        return stopped(import, words);
    if (options->verify && !verify(import))
        return stopped(import, words);
    if (!admin_state_save(import, true))
        return stopped(import, words);
    if (import->state_file != NULL)
        unlink(import->state_file);
    const int64_t took_ms = admin_now_ms() - begin_ms;
    if (options->json)
        print_json_end(import, took_ms);
    else
        print_end(import, took_ms);
    return admin_tally_complete(&import->state.tally) ? ADMIN_DONE : ADMIN_INCOMPLETE;
}

enum admin_exit admin_import(const struct admin_options *options, char *const *words)
{
    struct admin_import *import = memory_alloc(sizeof *import);
    struct buffer source = {0};
    char *state_file = NULL;
    enum admin_exit code = ADMIN_USE;

    import->options = options;
    admin_interrupt_watch();
    if (init(import, &source)) {
        if (!options->dry_run) {
            state_file = default_state_file(&import->source.uri);
            import->state_file = options->state != NULL ? options->state : state_file;
        }
        if (load_state(import))
            code = run(import, words);
    }
    if (code == ADMIN_USE)
        fprintf(stderr, "dunlin-admin: %.*s\n", TEXT_OF(&import->error));
    admin_source_deinit(&import->source);
    admin_target_deinit(&import->target);
    admin_state_deinit(&import->state);
    buffer_deinit(&import->report);
    buffer_deinit(&import->error);
    buffer_deinit(&source);
    memory_free(state_file);
    memory_free(import);
    return code;
}
