/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Keys of siblings: what clients saw of them, and what they write with its context. All clients
 * share what any of them saw, so that most writes have a context, some one that is old, and two may
 * have the same.
 */
#include "base/assert.h"
#include "resp/reply.h"
#include "sim/load/load_parts.h"

/* So many siblings are too many to write with anything but the last context. */
#define CROWD 24
/* Writes of a key between two looks at it. */
#define UNSEEN_MAX 24
/* One of so many writes has no context, and of so many a time to live. */
#define BLIND_OF    8
#define LEASE_OF    8
#define BUFFER_KEEP 4096

static const struct sight *draw_sight(struct load *load, uint32_t key)
{
    const struct sight *sights = load->sights[key];
    const uint64_t drawn = load_draw(load, SIGHTS_KEPT);
    const struct sight *sight = &sights[sights[0].count < CROWD ? drawn : 0];

    if (load_draw(load, BLIND_OF) == 0 || buffer_size(&sight->context) == 0)
        return NULL;
    return sight;
}

void load_put_cset(struct user *user, uint32_t key, struct buffer *out)
{
    struct load *load = user->load;
    const struct sight *sight = draw_sight(load, key);
    const bool leased = load_draw(load, LEASE_OF) == 0;
    struct record *record = load_add_record(user, FORM_CSET, 's', key);

    load->unseen[key]++;
    reply_array(out, 3 + (sight != NULL ? 2 : 0) + (leased ? 2 : 0));
    reply_bulk_string(out, "cset");
    load_put_key(out, 's', key);
    load_put_value(load->history, out, load->history->count - 1);
    if (sight != NULL) {
        record->base = sight->record;
        reply_bulk_string(out, "context");
        reply_bulk(out, buffer_content(&sight->context));
    }
    if (leased) {
        reply_bulk_string(out, "px");
        load_put_lease(load, record, out);
    }
}

bool load_siblings_unseen(const struct load *load, uint32_t key)
{
    return load->unseen[key] >= UNSEEN_MAX;
}

/* The text of a bulk string's reply. */
static struct span bulk_text(struct span reply)
{
    const struct span text = load_elements(reply);

    ensure(text.size >= 2);
    return span_of(text.data, text.size - 2);
}

static void fill_sight(struct sight *sight, struct span context, size_t record, size_t count)
{
    buffer_reset(&sight->context, BUFFER_KEEP);
    buffer_append(&sight->context, context.data, context.size);
    sight->record = record;
    sight->count = count;
}

void load_note_siblings(struct load *load, const struct asked *asked, struct span reply)
{
    struct history *history = load->history;
    struct record *record = &history->records[asked->first];
    struct sight *sights = load->sights[record->key];
    struct span elements = load_elements(reply);
    const struct span context = bulk_text(load_next_element(&elements));
    struct span values = load_elements(elements);

    record->seen = SEEN_SIBLINGS;
    while (values.size > 0)
        history_add_sibling(history, asked->first,
                            load_value_writer(history, load_next_element(&values)));
    const uint64_t kept = load_draw(load, SIGHTS_KEPT);
    if (kept > 0)
        fill_sight(&sights[kept], context, asked->first, record->count);
    fill_sight(&sights[0], context, asked->first, record->count);
    load->unseen[record->key] = 0;
}

void load_forget_siblings(struct load *load)
{
    for (size_t key = 0; key < SIBLING_KEYS; key++)
        for (size_t i = 0; i < SIGHTS_KEPT; i++)
            buffer_deinit(&load->sights[key][i].context);
}
