/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/load/history_file.h"

#include <inttypes.h>

#include "base/level.h"
#include "sim/load/words.h"

/* A JSON string. Error texts come from a node. */
static void put_string(const char *text, FILE *out)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        const unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else if (byte < 0x20 || byte >= 0x7f)
            fprintf(out, "\\u%04x", byte);
        else
            fputc(byte, out);
    }
    fputc('"', out);
}

static void put_args(const struct history *history, size_t index, FILE *out)
{
    struct words words;

    words_args(history, index, &words);
    fputs(",\"args\":[", out);
    for (size_t i = 0; i < words.count; i++) {
        if (i > 0)
            fputc(',', out);
        put_string(words.args[i], out);
    }
    fputc(']', out);
}

static bool counts(const struct record *record)
{
    return record->space == 'c' || record->space == 'q';
}

/* What it does to the key, if it takes effect: to be followed without knowing the commands. */
static void put_effect(const struct record *record, size_t index, FILE *out)
{
    static const char *const names[] = {"none", "put", "delete", "add", "touch"};

    fprintf(out, ",\"effect\":\"%s\"", names[record->effect]);
    if (record->effect == EFFECT_PUT)
        fprintf(out, ",\"writes\":\"v%zu\"", index);
    if (record->effect == EFFECT_PUT && record->base != HISTORY_NONE)
        fprintf(out, ",\"context_of\":%zu", record->base);
    if (record->effect == EFFECT_ADD)
        fprintf(out, ",\"adds\":%" PRId64, record->amount);
    if (record->lease_us > 0 && record->effect != EFFECT_NONE)
        fprintf(out, ",\"ttl_ms\":%" PRId64, record->lease_us / 1000);
}

static void put_siblings(const struct history *history, const struct record *record, FILE *out)
{
    fputs(",\"saw\":[", out);
    for (size_t i = 0; i < record->count; i++) {
        const uint64_t writer = history->siblings[record->siblings + i];
        fputs(i > 0 ? "," : "", out);
        if (writer < history->count)
            fprintf(out, "\"v%" PRIu64 "\"", writer);
        else
            fputs("\"unknown value\"", out);
    }
    fputc(']', out);
}

/* What it was told of the key as it was before, or as it is after an addition. */
static void put_seen(const struct history *history, const struct record *record, FILE *out)
{
    switch (record->seen) {
    case SEEN_NOTHING:
        return;
    case SEEN_ABSENT:
        fputs(",\"saw\":null", out);
        break;
    case SEEN_PRESENT:
        fputs(",\"saw\":true", out);
        break;
    case SEEN_VALUE:
        if (counts(record))
            fprintf(out, ",\"saw\":%" PRId64, (int64_t)record->value);
        else if (record->value < history->count)
            fprintf(out, ",\"saw\":\"v%" PRIu64 "\"", record->value);
        else
            fputs(",\"saw\":\"unknown value\"", out);
        break;
    case SEEN_SIBLINGS:
        put_siblings(history, record, out);
        break;
    }
    if (record->left_us >= 0)
        fprintf(out, ",\"ttl_left_ms\":%" PRId64, record->left_us / 1000);
}

static void put_outcome(const struct history *history, const struct record *record, FILE *out)
{
    if (record->outcome == OUTCOME_OK) {
        fputs(",\"outcome\":\"ok\"", out);
        put_seen(history, record, out);
        return;
    }
    fputs(",\"outcome\":\"unknown\",\"error\":", out);
    if (record->outcome == OUTCOME_FAILED)
        put_string(record->error[0] == '-' ? record->error + 1 : record->error, out);
    else
        put_string(record->outcome == OUTCOME_LOST ? "connection lost" : "no reply", out);
}

static void write_record(const struct history *history, size_t index, FILE *out)
{
    const struct record *record = &history->records[index];
    char key[WORDS_ARG_MAX];

    words_key(record, key);
    fprintf(out, "{\"op\":%zu,\"client\":%" PRIu64 ",\"place\":%" PRIu32 ",\"node\":%u", index,
            record->client, record->place, record->node);
    fprintf(out, ",\"invoke_us\":%" PRId64 ",\"return_us\":", record->sent_us);
    if (record->replied_us == HISTORY_NEVER_US)
        fputs("null", out);
    else
        fprintf(out, "%" PRId64, record->replied_us);
    if (record->level != LEVEL_DEFAULT)
        fprintf(out, ",\"level\":\"%s\"", level_name(record->level));
    fprintf(out, ",\"command\":\"%s\",\"key\":", words_command(record));
    if (key[0] == '\0')
        fputs("null", out);
    else
        put_string(key, out);
    put_args(history, index, out);
    put_effect(record, index, out);
    put_outcome(history, record, out);
    fputs("}\n", out);
}

void history_write(const struct history *history, FILE *out)
{
    for (size_t i = 0; i < history->count; i++)
        write_record(history, i, out);
}
