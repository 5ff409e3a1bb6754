/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/options_table.h"

#include "base/assert.h"

#define FIXED  false
#define LIVE   true
#define PLAIN  false
#define SECRET true

const struct option options_table[] = {
#define OPTION_HEADING(title) {.name = (title), .kind = OPTION_KIND_HEADING},
#define OPTION(field, name_, kind_, initial_, min_, max_, change, show, form_, text_) \
    {                                                                                 \
        .name = (name_),                                                              \
        .kind = OPTION_KIND_##kind_,                                                  \
        .offset = offsetof(struct options, field),                                    \
        .initial = (initial_),                                                        \
        .min = (min_),                                                                \
        .max = (max_),                                                                \
        .live = (change),                                                             \
        .secret = (show),                                                             \
        .form = (form_),                                                              \
        .text = (text_),                                                              \
    },
#include "base/options_list.h"
};

const size_t options_table_size = sizeof options_table / sizeof options_table[0];

#define NOTHING_ON_DISK "Dunlin keeps data in memory only, in several copies"

const struct option_foreign options_foreign[] = {
    {"save", "", NOTHING_ON_DISK},
    {"appendonly", "no", NOTHING_ON_DISK},
    {"databases", "1", "Dunlin has one database, as Redis Cluster has"},
    {"cluster-enabled", "yes", "Dunlin is always a cluster, if of one node"},
};

const size_t options_foreign_size = sizeof options_foreign / sizeof options_foreign[0];

const struct option *option_find(struct span name)
{
    for (size_t i = 0; i < options_table_size; i++)
        if (options_table[i].kind != OPTION_KIND_HEADING && span_is(name, options_table[i].name))
            return &options_table[i];
    return NULL;
}

const struct option_foreign *option_foreign_find(struct span name)
{
    for (size_t i = 0; i < options_foreign_size; i++)
        if (span_is(name, options_foreign[i].name))
            return &options_foreign[i];
    return NULL;
}

void option_describe_form(const struct option *row, struct buffer *text)
{
    switch (row->kind) {
    case OPTION_KIND_YES_NO:
        buffer_append_string(text, "yes|no");
        break;
    case OPTION_KIND_INTEGER:
        buffer_append_string(text, "number");
        break;
    case OPTION_KIND_SECONDS:
        buffer_append_string(text, "seconds");
        break;
    case OPTION_KIND_SECONDS_OR_NEVER:
        buffer_append_string(text, "never|seconds");
        break;
    case OPTION_KIND_MILLISECONDS:
        buffer_append_string(text, "milliseconds");
        break;
    case OPTION_KIND_BYTES:
        buffer_append_string(text, "bytes");
        break;
    case OPTION_KIND_LEVEL:
        buffer_append_string(text, "level");
        break;
    case OPTION_KIND_CHOICE:
    case OPTION_KIND_TEXT:
    case OPTION_KIND_WORDS:
    case OPTION_KIND_ADDRESSES:
    case OPTION_KIND_OUTPUT_LIMITS:
    case OPTION_KIND_RULES:
        buffer_append_string(text, row->form);
        break;
    case OPTION_KIND_HEADING:
        ensure(row->kind != OPTION_KIND_HEADING);
    }
}
