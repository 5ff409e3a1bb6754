/* SPDX-License-Identifier: BSD-3-Clause */
#include "script/scripts.h"

#include <openssl/sha.h>
#include <pthread.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "resp/reply.h"

#define PLACES 4096

struct scripts {
    pthread_mutex_t lock;
    struct list used; /* of struct script, the one that was asked for last at the end */
    struct script *places[PLACES];
    size_t count, bytes;
    struct list runs; /* of struct script_run */
    atomic_ullong flushes;
};

/* ---- names ---- */

void script_name(struct span text, char name[SCRIPT_NAME_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[SHA_DIGEST_LENGTH];

    SHA1(text.size > 0 ? text.data : (const unsigned char *)"", text.size, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        name[2 * i] = digits[digest[i] >> 4];
        name[2 * i + 1] = digits[digest[i] & 15];
    }
}

bool script_name_read(struct span given, char name[SCRIPT_NAME_SIZE])
{
    if (given.size != SCRIPT_NAME_SIZE)
        return false;
    for (size_t i = 0; i < SCRIPT_NAME_SIZE; i++) {
        const char c = (char)given.data[i];
        name[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    return true;
}

/* ---- a script ---- */

static struct span take_word(struct span *line, char until)
{
    size_t size = 0;

    while (size < line->size && line->data[size] != (uint8_t)until)
        size++;
    const struct span word = span_of(line->data, size);
    const size_t taken = size < line->size ? size + 1 : size;
    *line = span_of(line->data + taken, line->size - taken);
    return word;
}

static bool read_flags(struct span flags, bool *no_writes, struct buffer *reply)
{
    static const char *const others[] = {"allow-oom", "allow-stale", "no-cluster",
                                         "allow-cross-slot-keys"};

    while (flags.size > 0) {
        const struct span flag = take_word(&flags, ',');
        bool known = flag.size == 0;
        if (span_equal(flag, SPAN("no-writes")))
            *no_writes = known = true;
        for (size_t i = 0; !known && i < sizeof others / sizeof others[0]; i++)
            known = span_equal(flag, span_of_string(others[i]));
        if (!known) {
            reply_error_format(reply, "ERR Unexpected flag in script shebang: %.*s", (int)flag.size,
                               (const char *)flag.data);
            return false;
        }
    }
    return true;
}

/* The first line, where it is "#!lua [flags=...]". */
static bool read_first_line(struct span text, bool *no_writes, struct buffer *reply)
{
    const size_t option = strlen("flags=");

    if (text.size < 2 || memcmp(text.data, "#!", 2) != 0)
        return true;
    struct span line = take_word(&text, '\n');
    const struct span engine = take_word(&line, ' ');
    if (text.size == 0 && line.size == 0 && engine.size == 2) {
        reply_error(reply, "ERR Invalid script shebang");
        return false;
    }
    if (!span_equal(engine, SPAN("#!lua"))) {
        reply_error_format(reply, "ERR Unexpected engine in script shebang: %.*s", (int)engine.size,
                           (const char *)engine.data);
        return false;
    }
    while (line.size > 0) {
        const struct span word = take_word(&line, ' ');
        if (word.size == 0)
            continue;
        if (word.size < option || memcmp(word.data, "flags=", option) != 0) {
            reply_error_format(reply, "ERR Unknown lua shebang option: %.*s", (int)word.size,
                               (const char *)word.data);
            return false;
        }
        if (!read_flags(span_of(word.data + option, word.size - option), no_writes, reply))
            return false;
    }
    return true;
}

struct script *script_create(struct span text, struct buffer *reply)
{
    bool no_writes = false;

    if (!read_first_line(text, &no_writes, reply))
        return NULL;
    struct script *script = memory_try_alloc(sizeof *script + text.size + 1);
    if (script == NULL) {
        reply_error(reply, "OOM out of memory for the script");
        return NULL;
    }
    list_init(&script->link);
    script->next = NULL;
    atomic_init(&script->holders, 1);
    script_name(text, script->name);
    script->no_writes = no_writes;
    script->size = text.size;
    if (text.size > 0)
        memcpy(script->text, text.data, text.size);
    return script;
}

void script_release(struct script **script)
{
    struct script *gone = *script;

    *script = NULL;
    if (gone != NULL && atomic_fetch_sub(&gone->holders, 1) == 1)
        memory_free(gone);
}

/* ---- those that are kept ---- */

static struct script **place_of(struct scripts *scripts, const char name[SCRIPT_NAME_SIZE])
{
    /* Names are hex digits of a digest, or a client's guess at one: four bits a byte tell. */
    size_t at = 0;

    for (size_t i = 0; i < 3; i++) {
        const uint8_t digit = (uint8_t)name[i];
        at = at << 4 | (((digit & 15u) + (digit >> 6 & 1u) * 9u) & 15u);
    }
    struct script **place = &scripts->places[at % PLACES];
    while (*place != NULL && memcmp((*place)->name, name, SCRIPT_NAME_SIZE) != 0)
        place = &(*place)->next;
    return place;
}

static size_t size_of(const struct script *script)
{
    return memory_size_class(sizeof *script + script->size + 1);
}

static void forget(struct scripts *scripts, struct script *script)
{
    struct script **place = place_of(scripts, script->name);

    *place = script->next;
    script->next = NULL;
    list_remove(&script->link);
    scripts->count--;
    scripts->bytes -= size_of(script);
    script_release(&script);
}

struct scripts *scripts_create(void)
{
    struct scripts *scripts = memory_alloc(sizeof *scripts);

    pthread_mutex_init(&scripts->lock, NULL);
    list_init(&scripts->used);
    list_init(&scripts->runs);
    return scripts;
}

void scripts_destroy(struct scripts **scripts)
{
    struct scripts *gone = *scripts;

    *scripts = NULL;
    if (gone == NULL)
        return;
    scripts_flush(gone);
    pthread_mutex_destroy(&gone->lock);
    memory_free(gone);
}

bool scripts_keep(struct scripts *scripts, struct script *script)
{
    bool fresh = false;

    pthread_mutex_lock(&scripts->lock);
    struct script **place = place_of(scripts, script->name);
    if (*place == NULL && size_of(script) <= SCRIPTS_BYTES_MAX) {
        *place = script;
        atomic_fetch_add(&script->holders, 1);
        list_append(&scripts->used, &script->link);
        scripts->count++;
        scripts->bytes += size_of(script);
        fresh = true;
        while (scripts->bytes > SCRIPTS_BYTES_MAX)
            forget(scripts, list_entry(scripts->used.next, struct script, link));
    }
    pthread_mutex_unlock(&scripts->lock);
    return fresh;
}

struct script *scripts_find(struct scripts *scripts, const char name[SCRIPT_NAME_SIZE])
{
    pthread_mutex_lock(&scripts->lock);
    struct script *script = *place_of(scripts, name);
    if (script != NULL) {
        atomic_fetch_add(&script->holders, 1);
        list_remove(&script->link);
        list_append(&scripts->used, &script->link);
    }
    pthread_mutex_unlock(&scripts->lock);
    return script;
}

void scripts_flush(struct scripts *scripts)
{
    pthread_mutex_lock(&scripts->lock);
    while (!list_empty(&scripts->used))
        forget(scripts, list_entry(scripts->used.next, struct script, link));
    pthread_mutex_unlock(&scripts->lock);
    atomic_fetch_add(&scripts->flushes, 1);
}

size_t scripts_bytes(struct scripts *scripts)
{
    pthread_mutex_lock(&scripts->lock);
    const size_t bytes = scripts->bytes;
    pthread_mutex_unlock(&scripts->lock);
    return bytes;
}

size_t scripts_count(struct scripts *scripts)
{
    pthread_mutex_lock(&scripts->lock);
    const size_t count = scripts->count;
    pthread_mutex_unlock(&scripts->lock);
    return count;
}

uint64_t scripts_flushes(const struct scripts *scripts)
{
    return atomic_load_explicit(&scripts->flushes, memory_order_acquire);
}

/* ---- those that run ---- */

void scripts_run_begin(struct scripts *scripts, struct script_run *run)
{
    atomic_init(&run->killed, false);
    pthread_mutex_lock(&scripts->lock);
    list_append(&scripts->runs, &run->link);
    pthread_mutex_unlock(&scripts->lock);
}

void scripts_run_end(struct scripts *scripts, struct script_run *run)
{
    pthread_mutex_lock(&scripts->lock);
    list_remove(&run->link);
    pthread_mutex_unlock(&scripts->lock);
}

enum script_kill scripts_kill(struct scripts *scripts)
{
    enum script_kill answer = KILL_NONE_RUNS;

    pthread_mutex_lock(&scripts->lock);
    list_for_each(link, &scripts->runs)
    {
        struct script_run *run = list_entry(link, struct script_run, link);
        if (atomic_load(&run->wrote)) {
            answer = KILL_REFUSED;
        } else {
            atomic_store(&run->killed, true);
            answer = answer == KILL_REFUSED ? KILL_REFUSED : KILL_DONE;
        }
    }
    pthread_mutex_unlock(&scripts->lock);
    return answer;
}
