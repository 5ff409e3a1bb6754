/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One page compared with what Dunlin has. What clients wrote on either side since it was carried
 * is a difference, too.
 */
#include "config.h"

#include <stdio.h>

#include "io/clock.h"
#include "main/admin_import.h"

/* Where the source gives the time that is left, and no date, reading its clock may fall into the
 * next millisecond. */
#define DATE_TOLERANCE_MS 2

static void draw_sample(struct admin_import *import, struct admin_key *keys, size_t count)
{
    const uint64_t wanted = (uint64_t)import->options->sample;
    const uint64_t walked = import->state.tally.looked_at;
    const uint64_t all = walked > 0 ? walked : import->source_keys;

    for (size_t i = 0; wanted > 0 && wanted < all && i < count; i++)
        if (keys[i].fate == ADMIN_FATE_OPEN && !rng_chance(&import->rng, wanted, all))
            keys[i].fate = ADMIN_FATE_LEFT_OUT;
}

static bool same_date(const struct admin_import *import, int64_t ours_ms, int64_t theirs_ms)
{
    const int64_t tolerance_ms = import->source.has_dates ? 0 : DATE_TOLERANCE_MS;
    const int64_t apart_ms = ours_ms - theirs_ms;

    return (ours_ms < 0) == (theirs_ms < 0) &&
           (ours_ms < 0 || (apart_ms <= tolerance_ms && apart_ms >= -tolerance_ms));
}

static void judge(const struct admin_import *import, struct admin_key *key, const redisReply *value,
                  const redisReply *date)
{
    /* Either side may already have let it go. */
    const bool over = key->date_ms >= 0 && key->date_ms <= clock_now().wall_ms;

    if (over)
        key->fate = ADMIN_FATE_VANISHED;
    else if (value->type == REDIS_REPLY_NIL)
        key->fate = ADMIN_FATE_MISSING;
    else if (!span_equal(admin_reply_text(value), admin_reply_text(key->read)))
        key->fate = ADMIN_FATE_DIFFERS;
    else if (!same_date(import, key->date_ms, date->integer))
        key->fate = ADMIN_FATE_OTHER_DATE;
    else
        key->fate = ADMIN_FATE_SAME;
}

/* Both answers for one key; false when the connection broke, or an error passes by itself. */
static bool receive_pair(struct admin_import *import, struct admin_key *key, char why[96])
{
    redisReply *date = admin_link_receive(&import->target.link);
    redisReply *value = admin_link_receive(&import->target.link);
    bool right = date != NULL && value != NULL;

    if (!right) {
        snprintf(why, 96, "%.*s", 95, import->target.link.error);
    } else if (admin_reply_fails(value, "") || date->type != REDIS_REPLY_INTEGER) {
        const redisReply *error = admin_reply_fails(value, "") ? value : date;
        const char *text = error->type == REDIS_REPLY_ERROR ? error->str : "no answer to its date";
        right = !admin_reply_passes(error);
        snprintf(why, 96, "%.*s", 95, text);
        if (right) {
            key->fate = ADMIN_FATE_FAILED;
            snprintf(key->reason, sizeof key->reason, "%s", why);
        }
    } else {
        judge(import, key, value, date);
    }
    if (date != NULL)
        freeReplyObject(date);
    if (value != NULL)
        freeReplyObject(value);
    return right;
}

static bool ask_batch(struct admin_import *import, struct admin_key *keys, size_t count,
                      char why[96])
{
    bool right = true;

    for (size_t i = 0; i < count; i++) {
        const struct span date[] = {SPAN("PEXPIRETIME"), keys[i].name};
        const struct span value[] = {SPAN("GET"), keys[i].name};
        if (keys[i].fate != ADMIN_FATE_OPEN)
            continue;
        admin_link_send(&import->target.link, date, 2);
        admin_link_send(&import->target.link, value, 2);
    }
    for (size_t i = 0; i < count; i++)
        if (keys[i].fate == ADMIN_FATE_OPEN)
            right &= receive_pair(import, &keys[i], why);
    if (!right)
        admin_target_leave(&import->target);
    return right;
}

static enum admin_result compare_batch(struct admin_import *import, struct admin_key *keys,
                                       size_t count)
{
    char why[96] = "";

    for (;;) {
        if (admin_target_open(&import->target)) {
            if (ask_batch(import, keys, count, why)) {
                admin_succeed(&import->target_patience);
                return ADMIN_OK;
            }
        } else {
            snprintf(why, sizeof why, "%.*s", (int)sizeof why - 1, import->target.link.error);
        }
        if (!admin_fail(import, &import->target_patience, &import->target.link, why))
            return ADMIN_STOP;
    }
}

static enum admin_result compare_page(struct admin_import *import, struct admin_key *keys,
                                      size_t count)
{
    enum admin_result result = ADMIN_OK;

    draw_sample(import, keys, count);
    for (size_t at = 0; result == ADMIN_OK && at < count;) {
        const size_t size = admin_batch_size(keys + at, count - at);
        if (!admin_source_read(&import->source, "GET", keys + at, size))
            return ADMIN_AGAIN;
        result = compare_batch(import, keys + at, size);
        for (size_t i = at; i < at + size; i++) {
            if (keys[i].read != NULL)
                freeReplyObject(keys[i].read);
            keys[i].read = NULL;
        }
        at += size;
    }
    return result;
}

static void count_difference(struct admin_import *import, const struct admin_key *key,
                             uint64_t *count, const char *what)
{
    ++*count;
    admin_names_add(&import->state.tally.differences, key->name, what);
    admin_report_add(import, what, key->name, key->fate == ADMIN_FATE_FAILED ? key->reason : NULL);
}

static bool count_page(struct admin_import *import, const struct admin_key *keys, size_t count)
{
    struct admin_tally *tally = &import->state.tally;

    import->compared += count;
    for (size_t i = 0; i < count; i++) {
        const struct admin_key *key = &keys[i];
        tally->compared += key->fate >= ADMIN_FATE_SAME || key->fate == ADMIN_FATE_FAILED;
        tally->same += key->fate == ADMIN_FATE_SAME;
        if (key->fate == ADMIN_FATE_MISSING)
            count_difference(import, key, &tally->missing, "missing");
        else if (key->fate == ADMIN_FATE_DIFFERS)
            count_difference(import, key, &tally->differs, "other value");
        else if (key->fate == ADMIN_FATE_OTHER_DATE)
            count_difference(import, key, &tally->other_date, "other time to live");
        else if (key->fate == ADMIN_FATE_FAILED)
            count_difference(import, key, &tally->not_compared, "not compared");
    }
    return admin_state_save(import, false);
}

static uint64_t compared(const struct admin_import *import)
{
    return import->compared;
}

const struct admin_walk admin_compare = {
    .unit = "keys compared", .page = compare_page, .done = count_page, .counted = compared};
