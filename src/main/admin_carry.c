/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One page into Dunlin.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "main/admin_import.h"
#include "main/admin_interrupt.h"

static void send_restore(struct admin_import *import, const struct admin_key *key)
{
    char date[INT64_TEXT_MAX];
    const size_t size = int64_to_text(key->date_ms < 0 ? 0 : key->date_ms, date);
    struct span words[6] = {SPAN("RESTORE"), key->name, span_of(date, size),
                            admin_reply_text(key->read)};
    size_t count = 4;

    if (key->date_ms >= 0)
        words[count++] = SPAN("ABSTTL");
    if (import->options->replace)
        words[count++] = SPAN("REPLACE");
    admin_link_send(&import->target.link, words, count);
}

static size_t open_keys(const struct admin_key *keys, size_t count)
{
    size_t open = 0;

    for (size_t i = 0; i < count; i++)
        open += keys[i].fate == ADMIN_FATE_OPEN;
    return open;
}

/* Sends what is open, and takes the answers, those that come. An answer that passes by itself
 * leaves the key open, and its text in *why. */
static void offer(struct admin_import *import, struct admin_key *keys, size_t count,
                  char why[sizeof keys->reason])
{
    bool refused = false;

    for (size_t i = 0; i < count; i++)
        if (keys[i].fate == ADMIN_FATE_OPEN)
            send_restore(import, &keys[i]);
    for (size_t i = 0; i < count; i++) {
        redisReply *reply = keys[i].fate == ADMIN_FATE_OPEN
                                ? admin_link_receive(&import->target.link)
                                : NULL;
        if (reply == NULL)
            continue;
        admin_batch_answered(&keys[i], reply);
        if (keys[i].fate == ADMIN_FATE_OPEN) {
            memcpy(why, keys[i].reason, sizeof keys->reason);
            refused = true;
        }
        freeReplyObject(reply);
    }
    if (import->target.link.context == NULL)
        snprintf(why, sizeof keys->reason, "%.*s", (int)sizeof keys->reason - 1,
                 import->target.link.error);
    /* Another node may do better: its links may be whole. */
    if (refused || import->target.link.context == NULL)
        admin_target_leave(&import->target);
}

/* Until Dunlin has answered for each key. */
static enum admin_result carry_batch(struct admin_import *import, struct admin_key *keys,
                                     size_t count)
{
    char why[sizeof keys->reason] = "";

    for (;;) {
        const size_t open = open_keys(keys, count);
        if (open == 0)
            return ADMIN_OK;
        if (admin_target_open(&import->target))
            offer(import, keys, count, why);
        else
            snprintf(why, sizeof why, "%.*s", (int)sizeof why - 1, import->target.link.error);
        if (open_keys(keys, count) < open)
            admin_succeed(&import->target_patience);
        if (open_keys(keys, count) > 0 &&
            !admin_fail(import, &import->target_patience, &import->target.link, why))
            return ADMIN_STOP;
    }
}

/* What cannot be restored is known before. */
static void check_payloads(struct admin_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct admin_key *key = &keys[i];
        if (key->fate == ADMIN_FATE_OPEN &&
            !admin_payload_fit((uint8_t *)key->read->str, key->read->len)) {
            key->fate = ADMIN_FATE_FAILED;
            snprintf(key->reason, sizeof key->reason, "what DUMP gave is no string, or damaged");
        }
    }
}

static void free_values(struct admin_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (keys[i].read != NULL)
            freeReplyObject(keys[i].read);
        keys[i].read = NULL;
    }
}

static enum admin_result carry_page(struct admin_import *import, struct admin_key *keys,
                                    size_t count)
{
    enum admin_result result = ADMIN_OK;

    if (import->options->dry_run)
        return ADMIN_OK;
    for (size_t at = 0; result == ADMIN_OK && at < count;) {
        const size_t size = admin_batch_size(keys + at, count - at);
        if (!admin_source_read(&import->source, "DUMP", keys + at, size))
            return ADMIN_AGAIN;
        check_payloads(keys + at, size);
        result = carry_batch(import, keys + at, size);
        free_values(keys + at, size);
        at += size;
    }
    return result;
}

static void count_key(struct admin_import *import, const struct admin_key *key)
{
    struct admin_tally *tally = &import->state.tally;

    tally->looked_at++;
    switch (key->fate) {
    case ADMIN_FATE_OPEN: /* of a dry run */
    case ADMIN_FATE_CARRIED:
        tally->carried++;
        break;
    case ADMIN_FATE_THERE:
        tally->there++;
        break;
    case ADMIN_FATE_VANISHED:
        tally->vanished++;
        break;
    case ADMIN_FATE_OTHER:
        admin_tally_type(tally, admin_reply_text(key->type), key->name);
        admin_report_add(import, key->type->str, key->name, NULL);
        break;
    default:
        tally->failed++;
        admin_names_add(&tally->failures, key->name, key->reason);
        admin_report_add(import, "failed", key->name, key->reason);
    }
}

static bool count_page(struct admin_import *import, const struct admin_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        count_key(import, &keys[i]);
    return admin_state_save(import, false);
}

static uint64_t looked_at(const struct admin_import *import)
{
    return import->state.tally.looked_at;
}

const struct admin_walk admin_carry = {
    .unit = "keys", .page = carry_page, .done = count_page, .counted = looked_at};
