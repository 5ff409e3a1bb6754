/* SPDX-License-Identifier: BSD-3-Clause */
#include "command/monitors.h"

#include <inttypes.h>
#include <pthread.h>

#include "base/assert.h"
#include "base/memory.h"
#include "command/arguments.h"

struct inbox {
    uint32_t monitors;
    bool lost;
    struct buffer lines;
};

struct monitors {
    pthread_mutex_t lock;
    struct inbox *inboxes; /* by worker */
    uint32_t inbox_count;
    uint32_t count; /* of monitors, over all workers */
    atomic_uint_least64_t changes;

    /* immutable */
    void (*wake)(void *context, uint32_t worker);
    void *context;
    atomic_uint *alerts;
    unsigned bit;
};

struct monitors *monitors_create(void (*wake)(void *context, uint32_t worker), void *context,
                                 atomic_uint *alerts, unsigned bit)
{
    struct monitors *monitors = memory_alloc(sizeof *monitors);

    ensure(pthread_mutex_init(&monitors->lock, NULL) == 0);
    monitors->wake = wake;
    monitors->context = context;
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
    for (uint32_t worker = 0; worker < m->inbox_count; worker++)
        buffer_deinit(&m->inboxes[worker].lines);
    memory_free(m->inboxes);
    pthread_mutex_destroy(&m->lock);
    memory_free(m);
}

static void grow(struct monitors *monitors, uint32_t count)
{
    struct inbox *inboxes = memory_alloc_array(count, sizeof *inboxes);

    if (monitors->inbox_count > 0)
        memcpy(inboxes, monitors->inboxes, monitors->inbox_count * sizeof *inboxes);
    memory_free(monitors->inboxes);
    monitors->inboxes = inboxes;
    monitors->inbox_count = count;
}

void monitors_add(struct monitors *monitors, uint32_t worker)
{
    pthread_mutex_lock(&monitors->lock);
    if (worker >= monitors->inbox_count)
        grow(monitors, worker + 1);
    monitors->inboxes[worker].monitors++;
    if (monitors->count++ == 0)
        atomic_fetch_or_explicit(monitors->alerts, monitors->bit, memory_order_release);
    atomic_fetch_add_explicit(&monitors->changes, 1, memory_order_relaxed);
    pthread_mutex_unlock(&monitors->lock);
}

void monitors_remove(struct monitors *monitors, uint32_t worker)
{
    pthread_mutex_lock(&monitors->lock);
    ensure(worker < monitors->inbox_count && monitors->inboxes[worker].monitors > 0);
    struct inbox *inbox = &monitors->inboxes[worker];
    if (--inbox->monitors == 0) {
        buffer_deinit(&inbox->lines);
        inbox->lost = false;
    }
    if (--monitors->count == 0)
        atomic_fetch_and_explicit(monitors->alerts, ~monitors->bit, memory_order_release);
    atomic_fetch_add_explicit(&monitors->changes, 1, memory_order_relaxed);
    pthread_mutex_unlock(&monitors->lock);
}

uint64_t monitors_changes(const struct monitors *monitors)
{
    return atomic_load_explicit(&monitors->changes, memory_order_relaxed);
}

/* Keeps what there is room for. */
static void put(struct inbox *inbox, struct span lines)
{
    if (inbox->lost)
        return;
    if (buffer_size(&inbox->lines) + lines.size <= MONITORS_INBOX_MAX)
        buffer_append_span(&inbox->lines, lines);
    else
        inbox->lost = true;
    if (inbox->lines.failed || inbox->lost) {
        inbox->lost = true;
        buffer_deinit(&inbox->lines);
    }
}

void monitors_feed(struct monitors *monitors, uint32_t own, struct span lines)
{
    pthread_mutex_lock(&monitors->lock);
    for (uint32_t worker = 0; worker < monitors->inbox_count; worker++) {
        struct inbox *inbox = &monitors->inboxes[worker];
        const bool waiting = buffer_size(&inbox->lines) > 0 || inbox->lost;

        if (inbox->monitors == 0)
            continue;
        put(inbox, lines);
        if (!waiting && worker != own)
            monitors->wake(monitors->context, worker);
    }
    pthread_mutex_unlock(&monitors->lock);
}

bool monitors_take(struct monitors *monitors, uint32_t worker, struct buffer *lines)
{
    bool lost = false;

    pthread_mutex_lock(&monitors->lock);
    if (worker < monitors->inbox_count) {
        struct inbox *inbox = &monitors->inboxes[worker];
        const struct buffer taken = *lines;
        *lines = inbox->lines;
        inbox->lines = taken;
        lost = inbox->lost;
        inbox->lost = false;
    }
    pthread_mutex_unlock(&monitors->lock);
    return !lost;
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
