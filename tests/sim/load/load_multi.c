/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Transactions of the load, and scripts that do the same: most are about keys of one partition,
 * which are one step; some go over several. They write and read registers, each once, and add to
 * counters.
 */
#include "sim/load/load_parts.h"

#include "resp/reply.h"
#include "sim/world/node.h"

#define COMMANDS_MAX 6
/* Keys that are looked at for one of the same partition. */
#define LOOKS_MAX 200
#define COUNTERS  6

static uint32_t partition_of(const struct ring *ring, char space, uint32_t key)
{
    char text[16];
    const int size = snprintf(text, sizeof text, "%c%u", space, (unsigned)key);

    return ring_key_partition(ring, span_of(text, (size_t)size));
}

/* A command; of a script its words stand behind their number, as arguments. */
static void put_one(struct user *user, bool script, char space, uint32_t key, struct buffer *out)
{
    static const enum form forms[] = {FORM_SET, FORM_SET, FORM_SET, FORM_GET, FORM_DEL};
    const enum form form = space == 'c'
                               ? FORM_INCR
                               : forms[load_draw(user->load, sizeof forms / sizeof forms[0])];

    const int words = form == FORM_GET || form == FORM_DEL ? 2 : 3;

    if (script)
        reply_bulk_integer(out, words);
    else
        reply_array(out, (size_t)words);
    reply_bulk_string(out, form_rows[form].word);
    load_put_words(user, form, space, key, out);
}

/* A counter of the partition, if there is one. */
static void put_counter(struct user *user, bool script, const struct ring *ring, uint32_t partition,
                        struct buffer *out)
{
    for (uint32_t counter = 0; counter < COUNTERS; counter++)
        if (ring == NULL || partition_of(ring, 'c', counter) == partition) {
            put_one(user, script, 'c', counter, out);
            return;
        }
}

/* The commands, with a record each. */
static void put_commands(struct user *user, bool script, uint32_t key, struct buffer *out)
{
    struct load *load = user->load;
    const struct ring *ring = sim_node_ring(user->node);
    const bool apart = ring == NULL || load_draw(load, 4) == 0;
    const unsigned wanted = 2 + (unsigned)load_draw(load, COMMANDS_MAX - 1);
    const uint32_t partition = apart ? 0 : partition_of(ring, 'k', key);
    uint32_t at = key;
    unsigned count = 0;

    for (unsigned look = 0; count < wanted && look < LOOKS_MAX && look < load->settings.keys;
         look++) {
        if (apart || partition_of(ring, 'k', at) == partition) {
            put_one(user, script, 'k', at, out);
            count++;
        }
        at = (at + 1) % load->settings.keys;
    }
    if (!load->settings.flushes && load_draw(load, 2) == 0)
        put_counter(user, script, apart ? NULL : ring, partition, out);
}

unsigned load_put_multi(struct user *user, uint32_t key, struct buffer *out)
{
    const size_t first = user->load->history->count;

    reply_array(out, 1);
    reply_bulk_string(out, "multi");
    put_commands(user, false, key, out);
    reply_array(out, 1);
    reply_bulk_string(out, "exec");
    return (unsigned)(user->load->history->count - first);
}

static const char script[] =
    "local out, at = {}, 1 while ARGV[at] do local n, words = tonumber(ARGV[at]), {} for i = 1, n "
    "do "
    "words[i] = ARGV[at + i] end at = at + n + 1 out[#out + 1] = redis.pcall(unpack(words)) end "
    "return out";

/* It declares all its keys, or only the first, and finds out the others. Then it declares that one
 * twice: a script of one key has no order beside commands about others that its client has in
 * flight. */
void load_put_script(struct user *user, uint32_t key, struct buffer *out)
{
    struct history *history = user->load->history;
    const size_t first = history->count;
    struct buffer words = {0};
    size_t arguments = 0;

    put_commands(user, true, key, &words);
    const struct span content = buffer_content(&words);
    for (size_t i = 0; i < content.size; i++)
        arguments += content.data[i] == '$'; /* no word has one */
    const bool all = load_draw(user->load, 2) == 0;
    const size_t keys = all ? history->count - first : 2;
    reply_array(out, 3 + keys + arguments);
    reply_bulk_string(out, "eval");
    reply_bulk_string(out, script);
    reply_bulk_integer(out, (int64_t)keys);
    for (size_t i = first; i < history->count; i++)
        history->records[i].script = true;
    for (size_t i = 0; i < keys; i++)
        load_put_key(out, history->records[first + (all ? i : 0)].space,
                     history->records[first + (all ? i : 0)].key);
    buffer_append_span(out, content);
    buffer_deinit(&words);
}

void load_note_multi(struct history *history, const struct asked *asked, struct span reply)
{
    struct span elements = load_elements(reply);

    for (size_t i = 0; i < asked->count; i++) {
        const struct span element = load_next_element(&elements);
        struct record *record = &history->records[asked->first + i];
        if (element.data[0] == '-') {
            record->outcome = OUTCOME_FAILED;
            load_note_error(record, element);
            history->failed++;
        } else {
            load_note_record(history, asked->first + i, (enum form)record->form, element);
        }
    }
}
