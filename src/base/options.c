/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Options as a whole: defaults, copies, holders, and what must fit together.
 */
#include "base/options.h"

#include <inttypes.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/options_table.h"

/* The bus port of a node that is given none, as in Redis Cluster. */
/* What a peer message carries besides a key or value of the longest. */
#define FRAME_OVERHEAD_MAX (INT64_C(1) << 20)

static struct options *options_allocate(void)
{
    struct options *options = memory_alloc(sizeof *options);

    options->self = options;
    atomic_init(&options->holders, 1);
    return options;
}

struct options *options_create(void)
{
    struct options *options = options_allocate();
    struct buffer error = {0};

    for (size_t i = 0; i < options_table_size; i++) {
        const struct option *row = &options_table[i];
        if (row->kind != OPTION_KIND_HEADING && row->kind != OPTION_KIND_RULES)
            ensure(option_assign_text(row, options, span_of_string(row->initial), &error));
    }
    return options;
}

struct options *options_copy(const struct options *options)
{
    struct options *copy = options_allocate();

    for (size_t i = 0; i < options_table_size; i++)
        option_copy(&options_table[i], copy, options);
    return copy;
}

const struct options *options_retain(const struct options *options)
{
    atomic_fetch_add_explicit(&options->self->holders, 1, memory_order_relaxed);
    return options;
}

void options_release(const struct options **options)
{
    struct options *self = (*options)->self;

    *options = NULL;
    const unsigned holders = atomic_fetch_sub_explicit(&self->holders, 1, memory_order_acq_rel);
    ensure(holders > 0);
    if (holders > 1)
        return;
    for (size_t i = 0; i < options_table_size; i++)
        option_clear(&options_table[i], self);
    memory_free(self);
}

bool options_open_to_peers(const struct options *options)
{
    return !options->protected_mode || options->cluster_secret[0] != '\0';
}

static bool check_network(const struct options *options, const char **related, struct buffer *error)
{
    *related = "proto-max-bulk-len";
    if (options->proto_max_bulk_len + FRAME_OVERHEAD_MAX > options->peer_frame_max) {
        buffer_append_format(error,
                             "proto-max-bulk-len is %" PRIu64 " and peer-frame-max %" PRIu64
                             ": expected at least 1mb between them",
                             options->proto_max_bulk_len, options->peer_frame_max);
        return false;
    }
    return true;
}

/* `level` of `copies`, asked for by `what`. */
static bool check_level(const char *what, uint8_t level, int64_t copies, struct buffer *error)
{
    if (level == LEVEL_DEFAULT || level_needed(level, (unsigned)copies) <= (unsigned)copies)
        return true;
    option_quote(error, span_of_string(what));
    buffer_append_format(error,
                         " is %s, and there are %" PRId64
                         " replicas: expected at most as many, QUORUM or ALL",
                         level_name(level), copies);
    return false;
}

static bool check_rule(const struct options *options, const struct option_rule *rule,
                       struct buffer *error)
{
    const int64_t copies = rule->replicas > 0 ? rule->replicas : options->replicas;
    const uint8_t read = rule->read_level != LEVEL_DEFAULT ? rule->read_level : options->read_level;
    const uint8_t write = rule->write_level != LEVEL_DEFAULT ? rule->write_level
                                                             : options->write_level;
    struct buffer what = {0};

    buffer_append_format(&what, "keyspace %s read", rule->prefix);
    buffer_append(&what, "", 1);
    bool right = check_level((const char *)buffer_content(&what).data, read, copies, error);
    if (right) {
        buffer_reset(&what, SIZE_MAX);
        buffer_append_format(&what, "keyspace %s write", rule->prefix);
        buffer_append(&what, "", 1);
        right = check_level((const char *)buffer_content(&what).data, write, copies, error);
    }
    buffer_deinit(&what);
    return right;
}

bool options_check(const struct options *options, const char **related, struct buffer *error)
{
    if (!check_network(options, related, error))
        return false;
    *related = "partitions";
    if ((options->partitions & (options->partitions - 1)) != 0) {
        buffer_append_format(error,
                             "partitions is %" PRId64 ": expected a power of two from 64 to 16384",
                             options->partitions);
        return false;
    }
    *related = "read-level";
    if (!check_level("read-level", options->read_level, options->replicas, error))
        return false;
    *related = "write-level";
    if (!check_level("write-level", options->write_level, options->replicas, error))
        return false;
    *related = "keyspace";
    for (size_t i = 0; i < options->keyspace.count; i++)
        if (!check_rule(options, &options->keyspace.items[i], error))
            return false;
    return true;
}
