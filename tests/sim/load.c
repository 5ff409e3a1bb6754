/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/load.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "resp/reply.h"
#include "wire/wire.h"

#define COUNTERS      6
#define BATCH_MAX     8
#define IN_FLIGHT_MAX 64
#define REOPEN_US     50000

/* The commands, with how often each is drawn. Of those from PSETEX on only the answer counts. */
#define FORMS(ROW)             \
    ROW(GET, "get", 24)        \
    ROW(SET, "set", 20)        \
    ROW(DEL, "del", 5)         \
    ROW(GETSET, "getset", 4)   \
    ROW(GETDEL, "getdel", 3)   \
    ROW(SETNX, "setnx", 4)     \
    ROW(GETEX, "getex", 2)     \
    ROW(EXISTS, "exists", 2)   \
    ROW(MGET, "mget", 4)       \
    ROW(MSET, "mset", 4)       \
    ROW(MDEL, "del", 2)        \
    ROW(INCR, "incrby", 10)    \
    ROW(COUNT, "get", 4)       \
    ROW(PSETEX, "psetex", 2)   \
    ROW(PEXPIRE, "pexpire", 1) \
    ROW(TGET, "get", 2)        \
    ROW(DBSIZE, "dbsize", 1)

enum form {
#define ROW(NAME, word, weight) FORM_##NAME,
    FORMS(ROW)
#undef ROW
        FORM_COUNT_OF
};

static const struct {
    const char *word;
    unsigned weight;
} forms[] = {
#define ROW(NAME, word, weight) {word, weight},
    FORMS(ROW)
#undef ROW
};

/* A command that waits for its reply; replies come in order. */
struct asked {
    struct list link;
    enum form form;
    size_t first, count; /* its records */
    int64_t paused_us;   /* how long the node had been paused in all when it was sent */
};

struct user {
    struct load *load;
    struct sim_node *node;
    struct sim_client *client;
    struct list asked;
    unsigned in_flight;
    uint32_t place;
};

struct load {
    struct world *world;
    struct load_settings settings;
    struct history *history;
    enum load_phase phase;
    struct rng rng;
    unsigned weights;
    uint64_t clients_made;
    struct user *users;
    unsigned user_count;
    struct sim_client **retired; /* closed ones, to be freed at the end */
    size_t retired_count;
};

static uint64_t draw(struct load *load, uint64_t bound)
{
    return rng_below(&load->rng, bound);
}

/* ---- values ---- */

/* "v<record>:" and a filling that follows from the number; now and then a long one. */
static void put_value(struct buffer *out, size_t record)
{
    struct buffer value = {0};
    const size_t filling = record % 97 == 0 ? 20000 + record % 5000 : record * 7 % 100;

    buffer_append_format(&value, "v%zu:", record);
    for (size_t i = 0; i < filling; i++)
        buffer_append(&value, &"abcdefghijklmnopqrstuvwxyz"[(record + i) % 26], 1);
    reply_bulk(out, buffer_content(&value));
    buffer_deinit(&value);
}

/* The record that wrote the bulk string, or one that does not exist when it is none of ours. */
static uint64_t value_writer(struct span reply)
{
    struct buffer expected = {0};
    const char *at = memchr(reply.data, 'v', reply.size);
    uint64_t record = UINT64_MAX;

    if (at != NULL) {
        record = strtoull(at + 1, NULL, 10);
        put_value(&expected, record);
        if (!span_equal(buffer_content(&expected), reply))
            record = UINT64_MAX;
        buffer_deinit(&expected);
    }
    return record;
}

static uint64_t bulk_number(struct span reply)
{
    const uint8_t *line = memchr(reply.data, '\n', reply.size);

    return line != NULL ? strtoull((const char *)line + 1, NULL, 10) : UINT64_MAX;
}

/* ---- asking ---- */

static struct record *add_record(struct user *user, char space, uint32_t key, enum effect effect)
{
    struct load *load = user->load;
    struct record *record = history_add(load->history);

    record->client = user->client->id;
    record->place = user->place;
    record->space = space;
    record->key = key;
    record->effect = effect;
    record->sent_us = load->world->now_us;
    record->must_succeed = load->phase == LOAD_CALM;
    return record;
}

static void put_key(struct buffer *out, char space, uint32_t key)
{
    char text[16];

    snprintf(text, sizeof text, "%c%" PRIu32, space, key);
    reply_bulk_string(out, text);
}

static const enum effect effects[] = {
    [FORM_SET] = EFFECT_PUT,       [FORM_DEL] = EFFECT_DELETE, [FORM_GETSET] = EFFECT_PUT,
    [FORM_GETDEL] = EFFECT_DELETE, [FORM_SETNX] = EFFECT_PUT,  [FORM_MSET] = EFFECT_PUT,
    [FORM_MDEL] = EFFECT_DELETE,   [FORM_INCR] = EFFECT_ADD,   [FORM_COUNT_OF] = EFFECT_NONE,
};

static void ask_counter(struct user *user, enum form form, struct buffer *out)
{
    struct load *load = user->load;
    const bool calm = load->phase == LOAD_CALM && draw(load, 2) == 0;
    const char space = calm ? 'q' : 'c';
    const uint32_t key = (uint32_t)draw(load, COUNTERS);
    struct record *record = add_record(user, space, key, effects[form]);
    char amount[24];

    put_key(out, space, key);
    if (form == FORM_INCR) {
        record->amount = 1 + (int64_t)draw(load, 3);
        snprintf(amount, sizeof amount, "%" PRId64, record->amount);
        reply_bulk_string(out, amount);
    }
}

/* Half of the load is on few keys: they show what happens side by side. The others lie still for a
 * while, and show what was lost meanwhile. */
static uint32_t draw_key(struct load *load)
{
    const unsigned keys = load->settings.keys;

    return (uint32_t)draw(load, draw(load, 2) == 0 ? 1 + keys / 16 : keys);
}

static void ask_registers(struct user *user, enum form form, struct buffer *out, uint32_t key,
                          unsigned count)
{
    struct load *load = user->load;

    for (unsigned i = 0; i < count; i++) {
        add_record(user, 'k', key, effects[form]);
        put_key(out, 'k', key);
        if (effects[form] == EFFECT_PUT)
            put_value(out, load->history->count - 1);
        key = (key + 1) % load->settings.keys; /* no key twice in one command */
    }
}

/* Keys that expire, and all keys: only whether an answer comes is judged. */
static void ask_other(struct user *user, enum form form, struct buffer *out)
{
    struct load *load = user->load;
    const uint32_t key = (uint32_t)draw(load, load->settings.keys);

    add_record(user, 't', key, EFFECT_NONE);
    if (form == FORM_DBSIZE)
        return;
    put_key(out, 't', key);
    if (form != FORM_TGET)
        reply_bulk_string(out, draw(load, 2) == 0 ? "20" : "3000");
    if (form == FORM_PSETEX)
        put_value(out, load->history->count - 1);
}

static enum form draw_form(struct load *load)
{
    uint64_t at = draw(load, load->weights);
    int form = 0;

    while (at >= forms[form].weight)
        at -= forms[form++].weight;
    return (enum form)form;
}

static void ask(struct user *user, enum form form, uint32_t key, struct buffer *out)
{
    struct load *load = user->load;
    const bool many = form == FORM_MGET || form == FORM_MSET || form == FORM_MDEL;
    const unsigned count = many ? 1 + (unsigned)draw(load, LOAD_KEYS_MIN) : 1;
    struct asked *asked = memory_alloc(sizeof *asked);
    size_t words = 1 + count;

    if (effects[form] == EFFECT_PUT)
        words += count;
    words += form == FORM_INCR || form == FORM_PEXPIRE;
    words += form == FORM_PSETEX ? 2 : 0;
    words -= form == FORM_DBSIZE;
    asked->form = form;
    asked->first = load->history->count;
    asked->count = count;
    asked->paused_us = sim_node_paused_us(user->node);
    reply_array(out, words);
    reply_bulk_string(out, forms[form].word);
    if (form == FORM_INCR || form == FORM_COUNT)
        ask_counter(user, form, out);
    else if (form >= FORM_PSETEX)
        ask_other(user, form, out);
    else
        ask_registers(user, form, out, key, count);
    user->place++;
    user->in_flight++;
    list_append(&user->asked, &asked->link);
}

/* ---- replies ---- */

static void note_reply(struct history *history, size_t index, enum form form, struct span reply)
{
    struct record *record = &history->records[index];
    const bool nothing = reply.size >= 2 && reply.data[0] == '$' && reply.data[1] == '-';
    int64_t number = 0;

    switch (form) {
    case FORM_GET:
    case FORM_GETEX:
    case FORM_GETSET:
    case FORM_GETDEL:
    case FORM_MGET:
        record->seen = nothing ? SEEN_ABSENT : SEEN_VALUE;
        if (!nothing)
            record->value = value_writer(reply);
        if (form == FORM_GETDEL && nothing)
            record->effect = EFFECT_NONE; /* there was nothing to delete */
        break;
    case FORM_DEL:
    case FORM_EXISTS:
        answer_integer(reply, &number);
        record->seen = number > 0 ? SEEN_PRESENT : SEEN_ABSENT;
        break;
    case FORM_SETNX:
        answer_integer(reply, &number);
        record->seen = number > 0 ? SEEN_ABSENT : SEEN_PRESENT;
        if (number == 0)
            record->effect = EFFECT_NONE;
        break;
    case FORM_INCR:
        answer_integer(reply, &number);
        record->seen = SEEN_VALUE;
        record->value = (uint64_t)number;
        break;
    case FORM_COUNT:
        record->seen = SEEN_VALUE;
        record->value = nothing ? 0 : bulk_number(reply);
        break;
    case FORM_SET:
    case FORM_MSET:
    case FORM_MDEL:
    case FORM_PSETEX:
    case FORM_PEXPIRE:
    case FORM_TGET:
    case FORM_DBSIZE:
    case FORM_COUNT_OF:
        break;
    }
}

/* An element of an array's reply. */
static struct span next_element(struct span *elements)
{
    struct answer answer;

    answer_init(&answer);
    ensure(answer_read(&answer, *elements) == ANSWER_COMPLETE);
    const struct span element = span_of(elements->data, answer.size);
    *elements = span_of(elements->data + answer.size, elements->size - answer.size);
    return element;
}

static void note_replies(struct history *history, const struct asked *asked, struct span reply)
{
    struct span elements = reply;

    if (asked->form == FORM_MGET) {
        const uint8_t *line = memchr(reply.data, '\n', reply.size);
        const size_t head = (size_t)(line - reply.data) + 1;
        elements = span_of(reply.data + head, reply.size - head);
    }
    for (size_t i = 0; i < asked->count; i++)
        note_reply(history, asked->first + i, asked->form,
                   asked->form == FORM_MGET ? next_element(&elements) : reply);
}

static void note_error(struct record *record, struct span reply)
{
    size_t size = reply.size < sizeof record->error - 1 ? reply.size : sizeof record->error - 1;

    memcpy(record->error, reply.data, size);
    record->error[size] = '\0';
    record->error[strcspn(record->error, "\r")] = '\0';
}

/* Somebody else asks for a key as soon as a write to it is acknowledged. */
static void ask_at_once(void *object, uint64_t number)
{
    struct user *user = object;
    struct load *load = user->load;
    struct buffer out = {0};

    if (user->client == NULL || user->in_flight >= IN_FLIGHT_MAX || load->phase == LOAD_SILENT)
        return;
    ask(user, draw(load, 3) == 0 ? FORM_GET : FORM_SET, (uint32_t)number, &out);
    sim_client_send(user->client, buffer_content(&out));
    buffer_deinit(&out);
}

static void tell_others(struct load *load, const struct asked *asked)
{
    struct user *other = &load->users[draw(load, load->user_count)];

    if (asked->form == FORM_SET && draw(load, 3) > 0)
        world_after(load->world, 1 + (int64_t)draw(load, 400), ask_at_once, other,
                    load->history->records[asked->first].key);
}

static void end_asked(struct user *user, enum outcome outcome, struct span reply)
{
    struct history *history = user->load->history;
    ensure(!list_empty(&user->asked));
    struct asked *asked = list_entry(user->asked.next, struct asked, link);

    for (size_t i = 0; i < asked->count; i++) {
        struct record *record = &history->records[asked->first + i];
        record->outcome = outcome;
        record->replied_us = user->load->world->now_us;
        record->stalled_us = sim_node_paused_us(user->node) - asked->paused_us;
        if (outcome == OUTCOME_FAILED)
            note_error(record, reply);
    }
    if (outcome == OUTCOME_OK) {
        note_replies(history, asked, reply);
        tell_others(user->load, asked);
    } else if (outcome == OUTCOME_FAILED) {
        history->failed++;
    }
    list_remove(&asked->link);
    memory_free(asked);
    user->in_flight--;
}

static void on_reply(void *context, struct span reply)
{
    end_asked(context, reply.data[0] == '-' ? OUTCOME_FAILED : OUTCOME_OK, reply);
}

/* ---- users ---- */

static void on_closed(void *context)
{
    struct user *user = context;
    struct load *load = user->load;

    while (!list_empty(&user->asked))
        end_asked(user, OUTCOME_LOST, span_of(NULL, 0));
    load->retired = memory_try_realloc(load->retired,
                                       (load->retired_count + 1) * sizeof load->retired[0]);
    ensure(load->retired != NULL);
    load->retired[load->retired_count++] = user->client;
    user->client = NULL;
}

static void open_client(struct user *user)
{
    struct load *load = user->load;

    user->client = sim_client_open(user->node, ++load->clients_made);
    user->client->context = user;
    user->client->on_reply = on_reply;
    user->client->on_closed = on_closed;
    user->place = 0;
}

static void send_batch(struct user *user)
{
    struct load *load = user->load;
    struct buffer out = {0};
    unsigned count = draw(load, 3) > 0 ? 1 : 1 + (unsigned)draw(load, BATCH_MAX);

    while (count-- > 0 && user->in_flight < IN_FLIGHT_MAX) {
        const enum form form = draw_form(load);
        ask(user, form, draw_key(load), &out);
    }
    sim_client_send(user->client, buffer_content(&out));
    buffer_deinit(&out);
}

static void work(void *object, uint64_t number)
{
    struct user *user = object;
    struct load *load = user->load;
    int64_t wait_us = (int64_t)draw(load, (uint64_t)load->settings.think_us);

    (void)number;
    if (user->client == NULL && sim_node_runs(user->node) && !user->node->paused)
        open_client(user);
    if (user->client == NULL)
        wait_us = REOPEN_US;
    else if (load->phase != LOAD_SILENT)
        send_batch(user);
    world_after(load->world, wait_us, work, user, 0);
}

/* ---- its life ---- */

static void on_message(void *context, unsigned from, unsigned to,
                       const struct wire_message *message)
{
    struct load *load = context;

    (void)to;
    if (message->type != WIRE_WRITE)
        return;
    const struct span key = message->write.key;
    int64_t number;
    if (key.size > 1 && key.data[0] == 'c' &&
        span_to_int64(span_of(key.data + 1, key.size - 1), &number))
        load->history->coordinators[number] |= UINT64_C(1) << from;
}

void load_set_phase(struct load *load, enum load_phase phase)
{
    load->phase = phase;
}

struct load *load_create(struct world *world, const struct load_settings *settings,
                         struct history *history)
{
    struct load *load = memory_alloc(sizeof *load);

    load->world = world;
    load->settings = *settings;
    load->history = history;
    load->phase = LOAD_SILENT;
    rng_init(&load->rng, world->settings.seed ^ UINT64_C(0x10ad));
    for (int i = 0; i < FORM_COUNT_OF; i++)
        load->weights += forms[i].weight;
    load->user_count = settings->clients * world->settings.nodes;
    load->users = memory_alloc_array(load->user_count, sizeof load->users[0]);
    for (unsigned i = 0; i < load->user_count; i++) {
        struct user *user = &load->users[i];
        user->load = load;
        user->node = world->nodes[1 + i % world->settings.nodes];
        list_init(&user->asked);
        world_after(world, (int64_t)draw(load, (uint64_t)settings->think_us), work, user, 0);
    }
    world->on_message = on_message;
    world->context = load;
    return load;
}

void load_destroy(struct load **load)
{
    struct load *l = *load;

    *load = NULL;
    for (unsigned i = 0; i < l->user_count; i++) {
        struct user *user = &l->users[i];
        while (!list_empty(&user->asked)) {
            struct asked *asked = list_entry(user->asked.next, struct asked, link);
            list_remove(&asked->link);
            memory_free(asked);
        }
        if (user->client != NULL)
            sim_client_destroy(&user->client);
    }
    for (size_t i = 0; i < l->retired_count; i++)
        sim_client_destroy(&l->retired[i]);
    memory_free(l->retired);
    memory_free(l->users);
    memory_free(l);
}
