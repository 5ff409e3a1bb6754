/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>

#include "base/memory.h"
#include "resp/reply.h"
#include "sim/load/levels.h"
#include "sim/load/load_parts.h"

#define COUNTERS 6

const struct form_row form_rows[FORM_COUNT_OF] = {
#define ROW(NAME, word, weight, space, shape, effect) \
    {word, weight, space, SHAPE_##shape, EFFECT_##effect},
    FORMS(ROW)
#undef ROW
};

unsigned load_weight(const struct load *load, enum form form)
{
    const struct form_row *row = &form_rows[form];

    if ((row->space == 'c' && load->settings.flushes) ||
        (row->space == '*' && !load->settings.flushes))
        return 0;
    if (row->space == 's' && load->world->settings.conflict != RING_CONFLICT_SIBLINGS)
        return 0;
    return row->weight;
}

/* ---- words ---- */

#define ALPHABET "abcdefghijklmnopqrstuvwxyz"

/* So many letters of the alphabet, round and round. */
static void put_filling(struct buffer *out, size_t from, size_t size)
{
    static const char letters[] = ALPHABET ALPHABET ALPHABET ALPHABET ALPHABET;
    const size_t piece = 4 * (sizeof ALPHABET - 1);
    const char *first = &letters[from % (sizeof ALPHABET - 1)];

    for (; size > piece; size -= piece)
        buffer_append(out, first, piece);
    buffer_append(out, first, size);
}

/* Now and then a long one, but not of those that are kept together. */
void load_put_value(const struct history *history, struct buffer *out, size_t record)
{
    struct buffer value = {0};
    const bool is_long = record < history->count && history->records[record].space != 's' &&
                         record % history->long_every == 0;
    const size_t filling = is_long ? 20000 + record % 5000 : record * 7 % 100;

    buffer_append_format(&value, "v%zu:", record);
    put_filling(&value, record, filling);
    reply_bulk(out, buffer_content(&value));
    buffer_deinit(&value);
}

void load_put_key(struct buffer *out, char space, uint32_t key)
{
    char text[16];

    snprintf(text, sizeof text, "%c%" PRIu32, space, key);
    reply_bulk_string(out, text);
}

static void put_number(struct buffer *out, int64_t number)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRId64, number);
    reply_bulk_string(out, text);
}

/* A time to live: some end at once, some within a run, some not at all. */
static int64_t draw_lease_ms(struct load *load)
{
    static const int64_t most_ms[] = {5, 50, 300, 2000, 8000, 3600000};
    const size_t at = (size_t)load_draw(load, sizeof most_ms / sizeof most_ms[0]);

    return 1 + (int64_t)load_draw(load, (uint64_t)most_ms[at]);
}

/* ---- keys ---- */

/* Half of the load is on few keys: they show what happens side by side. The others lie still for a
 * while, and show what was lost meanwhile. */
static uint32_t draw_key(struct load *load)
{
    const unsigned keys = load->settings.keys;

    return (uint32_t)load_draw(load, load_draw(load, 2) == 0 ? 1 + keys / 16 : keys);
}

static uint32_t draw_key_of(struct load *load, char space)
{
    if (space == 'c' || space == 'q')
        return (uint32_t)load_draw(load, COUNTERS);
    if (space == 'e')
        return (uint32_t)load_draw(load, 1 + load->settings.keys / 8);
    if (space == 's')
        return (uint32_t)load_draw(load, SIBLING_KEYS);
    return space == 'k' ? draw_key(load) : 0;
}

/* Half of the counters' load while all is calm is on counters of that time. */
static char draw_space(struct load *load, enum form form)
{
    const bool calm = load->phase == LOAD_CALM || load->phase == LOAD_HEALED;
    const char space = form_rows[form].space;

    return space == 'c' && calm && load_draw(load, 2) == 0 ? 'q' : space;
}

/* ---- commands ---- */

struct record *load_add_record(struct user *user, enum form form, char space, uint32_t key)
{
    struct load *load = user->load;
    struct record *record = history_add(load->history);

    record->client = user->client->id;
    record->place = user->place;
    record->node = (uint16_t)user->node->number;
    record->form = (uint8_t)form;
    record->space = space;
    record->key = key;
    record->effect = form_rows[form].effect;
    record->sent_us = load->world->now_us;
    record->healed = load->phase == LOAD_HEALED;
    record->must_succeed = load->phase == LOAD_CALM || load->phase == LOAD_HEALED;
    return record;
}

void load_put_lease(struct load *load, struct record *record, struct buffer *out)
{
    const int64_t ms = draw_lease_ms(load);

    record->lease_us = ms * 1000;
    put_number(out, ms);
}

/* One key, with what belongs to it. */
void load_put_words(struct user *user, enum form form, char space, uint32_t key, struct buffer *out)
{
    struct load *load = user->load;
    struct record *record = load_add_record(user, form, space, key);
    const size_t name = load->history->count - 1;

    if (form_rows[form].shape == SHAPE_NONE)
        return;
    load_put_key(out, space, key);
    switch (form_rows[form].shape) {
    case SHAPE_NONE:
    case SHAPE_KEY:
    case SHAPE_KEYS:
    case SHAPE_CONTEXT: /* load_put_cset */
    case SHAPE_MULTI:   /* load_put_multi */
    case SHAPE_SCRIPT:  /* load_put_script */
        break;
    case SHAPE_VALUE:
    case SHAPE_VALUES:
        load_put_value(load->history, out, name);
        break;
    case SHAPE_AMOUNT:
        record->amount = 1 + (int64_t)load_draw(load, 3);
        put_number(out, record->amount);
        break;
    case SHAPE_VALUE_PX:
        load_put_value(load->history, out, name);
        reply_bulk_string(out, "px");
        load_put_lease(load, record, out);
        break;
    case SHAPE_MS_VALUE:
        load_put_lease(load, record, out);
        load_put_value(load->history, out, name);
        break;
    case SHAPE_MS:
        load_put_lease(load, record, out);
        break;
    case SHAPE_PX:
        reply_bulk_string(out, "px");
        load_put_lease(load, record, out);
        break;
    case SHAPE_PERSIST:
        reply_bulk_string(out, "persist");
        break;
    }
}

static size_t words_of(enum shape shape, unsigned count)
{
    static const size_t words[] = {
        [SHAPE_NONE] = 0,   [SHAPE_KEY] = 1,    [SHAPE_KEYS] = 1,     [SHAPE_VALUE] = 2,
        [SHAPE_VALUES] = 2, [SHAPE_AMOUNT] = 2, [SHAPE_VALUE_PX] = 4, [SHAPE_MS_VALUE] = 3,
        [SHAPE_MS] = 2,     [SHAPE_PX] = 3,     [SHAPE_PERSIST] = 2,
    };

    return 1 + count * words[shape];
}

/* Most reads are at the level of the ring; some ask every replica, or just one. */
static uint8_t draw_level(struct load *load, enum form form)
{
    if (form != FORM_GET && form != FORM_EGET && form != FORM_MGET && form != FORM_CGET)
        return LEVEL_DEFAULT;
    switch (load_draw(load, 16)) {
    case 0:
        return LEVEL_ALL;
    case 1:
        return LEVEL_ONE;
    default:
        return LEVEL_DEFAULT;
    }
}

/* A command, as it was drawn. */
struct wanted {
    enum form form;
    char space;
    uint32_t key;   /* the first */
    unsigned count; /* of keys */
    uint8_t level;  /* LEVEL_DEFAULT: none is said */
};

/* The command, with a record for each of its keys. */
static void put_command(struct user *user, const struct wanted *wanted, struct buffer *out)
{
    const struct form_row *row = &form_rows[wanted->form];
    uint32_t key = wanted->key;

    if (row->shape == SHAPE_CONTEXT) {
        load_put_cset(user, key, out);
        return;
    }
    if (row->shape == SHAPE_MULTI) {
        load_put_multi(user, key, out);
        return;
    }
    if (row->shape == SHAPE_SCRIPT) {
        load_put_script(user, key, out);
        return;
    }
    reply_array(out,
                words_of(row->shape, wanted->count) + (wanted->level != LEVEL_DEFAULT ? 2 : 0));
    if (wanted->level != LEVEL_DEFAULT) {
        reply_bulk_string(out, "at");
        reply_bulk_string(out, level_name(wanted->level));
    }
    reply_bulk_string(out, row->word);
    for (unsigned i = 0; i < wanted->count; i++) {
        load_put_words(user, wanted->form, wanted->space, key, out);
        key = (key + 1) % user->load->settings.keys; /* no key twice in one command */
    }
}

/* What the levels of the world, and that of the command, give to it. */
static void note_level(const struct load *load, struct record *record, uint8_t level)
{
    const struct world_settings *settings = &load->world->settings;
    const uint8_t read_level = level != LEVEL_DEFAULT ? level : settings->read_level;

    record->strength = levels_overlap(settings, read_level) ? STRENGTH_FULL : STRENGTH_WEAK;
    record->alike = levels_alike(settings, read_level);
    record->level = level;
}

static void ask(struct user *user, enum form form, uint32_t key, struct buffer *out)
{
    struct load *load = user->load;
    const enum shape shape = form_rows[form].shape;
    const bool many = shape == SHAPE_KEYS || shape == SHAPE_VALUES;
    struct wanted wanted = {.form = form, .key = key};
    struct asked *asked = memory_alloc(sizeof *asked);

    wanted.count = many ? 1 + (unsigned)load_draw(load, LOAD_KEYS_MIN) : 1;
    wanted.space = draw_space(load, form);
    wanted.level = draw_level(load, form);
    asked->form = form;
    asked->first = load->history->count;
    asked->count = wanted.count;
    asked->paused_us = sim_node_paused_us(user->node);
    put_command(user, &wanted, out);
    asked->heralds = 0;
    if (shape == SHAPE_MULTI) {
        asked->count = load->history->count - asked->first;
        asked->heralds = 1 + (unsigned)asked->count;
    } else if (shape == SHAPE_SCRIPT) {
        asked->count = load->history->count - asked->first;
    }
    for (size_t i = asked->first; i < load->history->count; i++)
        note_level(load, &load->history->records[i], wanted.level);
    user->place++;
    user->in_flight++;
    list_append(&user->asked, &asked->link);
}

void load_ask_any(struct user *user, struct buffer *out)
{
    struct load *load = user->load;
    uint64_t at = load_draw(load, load->weights);
    int form = 0;

    while (at >= load_weight(load, (enum form)form))
        at -= load_weight(load, (enum form)form++);
    const uint32_t key = draw_key_of(load, form_rows[form].space);
    if (form == FORM_CSET && load_siblings_unseen(load, key))
        form = FORM_CGET;
    ask(user, (enum form)form, key, out);
}

void load_ask_register(struct user *user, uint32_t key, struct buffer *out)
{
    ask(user, load_draw(user->load, 3) == 0 ? FORM_GET : FORM_SET, key, out);
}

void load_ask_siblings(struct user *user, uint32_t key, struct buffer *out)
{
    ask(user, FORM_CGET, key, out);
}
