/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/admin_tally.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/words.h"

#define OTHER_TYPES "other types"

void admin_append_number(struct buffer *text, uint64_t number)
{
    char digits[32];
    const int count = snprintf(digits, sizeof digits, "%" PRIu64, number);

    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0)
            buffer_append_string(text, ",");
        buffer_append(text, &digits[i], 1);
    }
}

/* The bytes of the UTF-8 character that `text` begins with; 0: it is none. */
static size_t utf8_size(struct span text)
{
    const uint8_t first = text.data[0];
    const size_t size = first < 0x80                    ? 1
                        : first >= 0xc2 && first < 0xe0 ? 2
                        : first >= 0xe0 && first < 0xf0 ? 3
                        : first >= 0xf0 && first < 0xf5 ? 4
                                                        : 0;

    if (size > text.size)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((text.data[i] & 0xc0) != 0x80)
            return 0;
    const bool overlong = (first == 0xe0 && text.data[1] < 0xa0) ||
                          (first == 0xf0 && text.data[1] < 0x90);
    const bool surrogate = first == 0xed && text.data[1] >= 0xa0;
    const bool beyond = first == 0xf4 && text.data[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : size;
}

void admin_append_json(struct buffer *text, struct span string)
{
    buffer_append_string(text, "\"");
    for (size_t i = 0; i < string.size;) {
        const uint8_t byte = string.data[i];
        const size_t size = utf8_size(span_of(string.data + i, string.size - i));
        if (byte == '"' || byte == '\\')
            buffer_append_format(text, "\\%c", byte);
        else if (size == 0 || byte < ' ' || byte == 0x7f)
            buffer_append_format(text, "\\u%04x", byte);
        else
            buffer_append(text, string.data + i, size);
        i += size > 0 ? size : 1;
    }
    buffer_append_string(text, "\"");
}

void admin_names_add(struct admin_names *names, struct span key, const char *reason)
{
    struct buffer text = {0};

    names->count++;
    if (names->known == ADMIN_NAMES_MAX)
        return;
    words_append(&text, key);
    if (reason != NULL)
        buffer_append_format(&text, " (%s)", reason);
    const struct span shown = buffer_content(&text);
    char *name = names->names[names->known++];
    const size_t size = shown.size < ADMIN_NAME_SIZE ? shown.size : ADMIN_NAME_SIZE - 1;
    memcpy(name, shown.data, size);
    name[size] = '\0';
    if (size < shown.size)
        memcpy(name + size - 3, "...", 3);
    buffer_deinit(&text);
}

static struct admin_type *find_type(struct admin_tally *tally, struct span name)
{
    const size_t size = name.size < ADMIN_TYPE_SIZE ? name.size : ADMIN_TYPE_SIZE - 1;

    for (size_t i = 0; i < tally->type_count; i++)
        if (strlen(tally->types[i].name) == size &&
            memcmp(tally->types[i].name, name.data, size) == 0)
            return &tally->types[i];
    if (tally->type_count == ADMIN_TYPES_MAX)
        return &tally->types[ADMIN_TYPES_MAX - 1];
    struct admin_type *type = &tally->types[tally->type_count++];
    const bool last = tally->type_count == ADMIN_TYPES_MAX;
    snprintf(type->name, sizeof type->name, "%.*s", last ? (int)sizeof OTHER_TYPES : (int)size,
             last ? OTHER_TYPES : (const char *)name.data);
    return type;
}

void admin_tally_type(struct admin_tally *tally, struct span type, struct span key)
{
    admin_names_add(&find_type(tally, type)->keys, key, NULL);
}

bool admin_tally_types(struct admin_tally *tally, struct span type, uint64_t count)
{
    if (type.size == 0 || memchr(type.data, '\0', type.size) != NULL)
        return false;
    find_type(tally, type)->keys.count += count;
    return true;
}

uint64_t admin_tally_not_carried(const struct admin_tally *tally)
{
    uint64_t count = 0;

    for (size_t i = 0; i < tally->type_count; i++)
        count += tally->types[i].keys.count;
    return count;
}

bool admin_tally_complete(const struct admin_tally *tally)
{
    return admin_tally_not_carried(tally) == 0 && tally->failed == 0 &&
           tally->compared == tally->same;
}

/* ------------------------------------------------------------------------------------- for people
 */

static void print_count(const char *indent, const char *what, uint64_t count, struct buffer *text)
{
    struct buffer number = {0};

    admin_append_number(&number, count);
    buffer_append_format(text, "%s%-*s %12.*s", indent, 42 - (int)strlen(indent), what,
                         (int)buffer_size(&number), (const char *)buffer_content(&number).data);
    buffer_deinit(&number);
}

static void print_names(const struct admin_names *names, struct buffer *text)
{
    for (size_t i = 0; i < names->known; i++)
        buffer_append_format(text, "%s%s", i == 0 ? "  " : ", ", names->names[i]);
    if (names->known > 0 && names->count > names->known)
        buffer_append_string(text, ", ...");
    buffer_append_string(text, "\n");
}

static void print_line(const char *indent, const char *what, uint64_t count,
                       const struct admin_names *names, struct buffer *text)
{
    static const struct admin_names none = {0};

    print_count(indent, what, count, text);
    print_names(names != NULL ? names : &none, text);
}

static void print_comparison(const struct admin_tally *tally, struct buffer *text)
{
    print_line("  ", "compared", tally->compared, NULL, text);
    print_line("    ", "the same", tally->same, NULL, text);
    print_line("    ", "missing in Dunlin", tally->missing, NULL, text);
    print_line("    ", "with another value", tally->differs, NULL, text);
    print_line("    ", "with another time to live", tally->other_date, NULL, text);
    print_line("    ", "failed", tally->not_compared, NULL, text);
    if (tally->differences.known == 0)
        return;
    buffer_append_string(text, "    such as");
    print_names(&tally->differences, text);
}

void admin_tally_print(const struct admin_tally *tally, bool dry, bool verified,
                       struct buffer *text)
{
    if (dry && verified) {
        print_comparison(tally, text);
        return;
    }
    print_line("  ", "looked at", tally->looked_at, NULL, text);
    print_line("  ", dry ? "to be carried" : "carried", tally->carried, NULL, text);
    print_line("  ", "there already", tally->there, NULL, text);
    print_line("  ", "vanished (deleted or expired meanwhile)", tally->vanished, NULL, text);
    print_line("  ", "not carried", admin_tally_not_carried(tally), NULL, text);
    for (size_t i = 0; i < tally->type_count; i++)
        print_line("    ", tally->types[i].name, tally->types[i].keys.count, &tally->types[i].keys,
                   text);
    print_line("  ", "failed", tally->failed, &tally->failures, text);
    if (verified)
        print_comparison(tally, text);
}

static void print_json_names(const struct admin_names *names, struct buffer *text)
{
    buffer_append_string(text, "[");
    for (size_t i = 0; i < names->known; i++) {
        buffer_append_string(text, i > 0 ? ", " : "");
        admin_append_json(text, span_of_string(names->names[i]));
    }
    buffer_append_string(text, "]");
}

void admin_tally_print_json(const struct admin_tally *tally, bool verified, struct buffer *text)
{
    buffer_append_format(text,
                         "\"looked_at\": %" PRIu64 ", \"carried\": %" PRIu64
                         ", \"there_already\": %" PRIu64 ", \"vanished\": %" PRIu64
                         ", \"not_carried\": {",
                         tally->looked_at, tally->carried, tally->there, tally->vanished);
    for (size_t i = 0; i < tally->type_count; i++) {
        const struct admin_type *type = &tally->types[i];
        buffer_append_string(text, i > 0 ? ", " : "");
        admin_append_json(text, span_of_string(type->name));
        buffer_append_format(text, ": {\"count\": %" PRIu64 ", \"first\": ", type->keys.count);
        print_json_names(&type->keys, text);
        buffer_append_string(text, "}");
    }
    buffer_append_format(text, "}, \"failed\": %" PRIu64 ", \"failures\": ", tally->failed);
    print_json_names(&tally->failures, text);
    if (!verified)
        return;
    buffer_append_format(text,
                         ", \"compared\": %" PRIu64 ", \"same\": %" PRIu64 ", \"missing\": %" PRIu64
                         ", \"other_value\": %" PRIu64 ", \"other_time_to_live\": %" PRIu64
                         ", \"not_compared\": %" PRIu64 ", \"differences\": ",
                         tally->compared, tally->same, tally->missing, tally->differs,
                         tally->other_date, tally->not_compared);
    print_json_names(&tally->differences, text);
}
