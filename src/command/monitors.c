/* SPDX-License-Identifier: BSD-3-Clause */
#include "command/monitors.h"

#include <inttypes.h>
#include <pthread.h>

#include "base/assert.h"
#include "base/memory.h"
#include "command/arguments.h"
#include "command/post.h"

struct monitors {
    pthread_mutex_t lock;
    uint32_t count; /* over all workers */
    uint32_t by_worker[POST_WORKERS_MAX];
    atomic_uint_least64_t changes;

    /* immutable */
    struct post *post;
    atomic_uint *alerts;
    unsigned bit;
};

struct monitors *monitors_create(struct post *post, atomic_uint *alerts, unsigned bit)
{
    struct monitors *monitors = memory_alloc(sizeof *monitors);

    ensure(pthread_mutex_init(&monitors->lock, NULL) == 0);
    monitors->post = post;
    monitors->alerts = alerts;
    monitors->bit = bit;
    return monitors;
}

void monitors_destroy(struct monitors **monitors)
{
    struct monitors *m = *monitors;

    *monitors = NULL;
    if (m == NULL)
        return;
    pthread_mutex_destroy(&m->lock);
    memory_free(m);
}

void monitors_add(struct monitors *monitors, uint32_t worker)
{
    ensure(worker < POST_WORKERS_MAX);
    pthread_mutex_lock(&monitors->lock);
    monitors->by_worker[worker]++;
    if (monitors->count++ == 0)
        atomic_fetch_or_explicit(monitors->alerts, monitors->bit, memory_order_release);
    atomic_fetch_add_explicit(&monitors->changes, 1, memory_order_relaxed);
    pthread_mutex_unlock(&monitors->lock);
}

void monitors_remove(struct monitors *monitors, uint32_t worker)
{
    ensure(worker < POST_WORKERS_MAX);
    pthread_mutex_lock(&monitors->lock);
    ensure(monitors->by_worker[worker] > 0);
    monitors->by_worker[worker]--;
    if (--monitors->count == 0)
        atomic_fetch_and_explicit(monitors->alerts, ~monitors->bit, memory_order_release);
    atomic_fetch_add_explicit(&monitors->changes, 1, memory_order_relaxed);
    pthread_mutex_unlock(&monitors->lock);
}

uint64_t monitors_changes(const struct monitors *monitors)
{
    return atomic_load_explicit(&monitors->changes, memory_order_relaxed);
}

void monitors_feed(struct monitors *monitors, uint32_t own, struct span lines)
{
    const uint32_t workers = post_workers(monitors->post);

    pthread_mutex_lock(&monitors->lock);
    for (uint32_t worker = 0; worker < workers; worker++)
        if (monitors->by_worker[worker] > 0)
            (void)post_put(monitors->post, own, worker, POST_SHOWN, &lines, 1);
    pthread_mutex_unlock(&monitors->lock);
}

/* ---- lines ---- */

bool monitors_shows(const struct command *command)
{
    return (command->flags & FLAG_ADMIN) == 0;
}

static void quote(struct buffer *lines, struct span argument)
{
    static const char digits[] = "0123456789abcdef";
    static const char letters[] = {
        ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't', ['\a'] = 'a', ['\b'] = 'b', ['"'] = '"'};
    const size_t size = argument.size < MONITORS_ARGUMENT_MAX ? argument.size
                                                              : MONITORS_ARGUMENT_MAX;
    uint8_t *at = buffer_reserve(lines, 4 * size + 3);

    if (at == NULL)
        return;
    uint8_t *const first = at;
    *at++ = '"';
    for (size_t i = 0; i < size; i++) {
        const uint8_t byte = argument.data[i];
        const char letter = byte == '\\' ? '\\' : byte < sizeof letters ? letters[byte] : '\0';
        if (letter != '\0') {
            *at++ = '\\';
            *at++ = (uint8_t)letter;
        } else if (byte >= ' ' && byte <= '~') {
            *at++ = byte;
        } else {
            *at++ = '\\';
            *at++ = 'x';
            *at++ = (uint8_t)digits[byte >> 4];
            *at++ = (uint8_t)digits[byte & 15];
        }
    }
    *at++ = '"';
    buffer_commit(lines, (size_t)(at - first));
    if (size < argument.size)
        buffer_append_format(lines, "... (%zu more bytes)", argument.size - size);
}

void monitors_describe(struct buffer *lines, const struct command *command, const struct span *argv,
                       size_t argc, size_t inner, const char *address, struct instant now)
{
    const size_t begin = buffer_size(lines);

    buffer_append_format(lines, "+%" PRId64 ".%06" PRId64 " [0 %s]", now.wall_ms / 1000,
                         now.wall_ms % 1000 * 1000, address);
    for (size_t i = 0; i < argc; i++) {
        if (buffer_size(lines) - begin > MONITORS_LINE_MAX) {
            buffer_append_format(lines, " ... (%zu more arguments)", argc - i);
            break;
        }
        buffer_append_string(lines, " ");
        if (i > inner && argument_secret(command, argv + inner, argc - inner, i - inner))
            buffer_append_string(lines, "\"(redacted)\"");
        else
            quote(lines, argv[i]);
    }
    buffer_append_string(lines, "\r\n");
}
