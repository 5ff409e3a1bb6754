/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "system/compare/replies.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/tree.h"

/* The two servers answer at two moments. */
#define APART_S 5

#define SHOWN_BYTES_MAX 400

const struct meant_difference differences[] = {
#define DIFFERS(commands_, command_, redis_, dunlin_, what_, reason_) \
    {.commands = commands_, .command = command_, .redis = redis_, .dunlin = dunlin_},
#define DIFFERS_FOR_LONG(commands_, command_, redis_, dunlin_, what_, reason_) \
    {.commands = commands_,                                                    \
     .command = command_,                                                      \
     .redis = redis_,                                                          \
     .dunlin = dunlin_,                                                        \
     .for_long = true},
#include "main/differences.h"
#undef DIFFERS
    {0},
};
const size_t differences_count = sizeof differences / sizeof differences[0] - 1;

static const struct {
    enum tree_likeness likeness;
    int64_t tolerance;
} likenesses[] = {
    [COMPARED_SAME] = {TREE_SAME, 0},
    [COMPARED_SECONDS] = {TREE_NEAR, APART_S},
    [COMPARED_MILLISECONDS] = {TREE_NEAR, APART_S * 1000},
    [COMPARED_SHAPE] = {TREE_SHAPE, 0},
    [COMPARED_FORM] = {TREE_FORM, 0},
    [COMPARED_COUNT] = {TREE_SAME, 0},
    [COMPARED_LIST] = {TREE_UNORDERED, 0},
    [COMPARED_ANY] = {TREE_SHAPE, 0},
    [COMPARED_WALK] = {TREE_UNORDERED, 0},
};

/* ---- as text ---- */

static bool is_plain(struct span word)
{
    for (size_t i = 0; i < word.size; i++)
        if (word.data[i] <= ' ' || word.data[i] >= 0x7f || strchr("\"'\\", word.data[i]) != NULL)
            return false;
    return word.size > 0;
}

void step_print(const struct step *step, size_t bytes_max, struct buffer *text)
{
    for (size_t i = 0; i < step->line.count; i++) {
        const struct span word = step->line.words[i];
        buffer_append_string(text, i > 0 ? " " : "");
        if (is_plain(word) && word.size <= bytes_max)
            buffer_append_span(text, word);
        else
            tree_print_bytes(word, bytes_max, text);
    }
}

static char *text_of(const struct tree *tree)
{
    struct buffer text = {0};

    tree_print(tree, SHOWN_BYTES_MAX, &text);
    char *copy = strdup((const char *)buffer_content(&text).data);
    check_that(copy != NULL, "memory");
    buffer_deinit(&text);
    return copy;
}

static char *text_of_step(const struct step *step)
{
    struct buffer text = {0};

    step_print(step, SHOWN_BYTES_MAX, &text);
    buffer_append(&text, "", 1);
    char *copy = strdup((const char *)buffer_content(&text).data);
    check_that(copy != NULL, "memory");
    buffer_deinit(&text);
    return copy;
}

void difference_deinit(struct difference *difference)
{
    free(difference->redis);
    free(difference->dunlin);
    *difference = (struct difference){0};
}

/* ---- comparing ---- */

void replies_init(struct replies *replies, uint64_t *met)
{
    replies->met = met;
    replies->parted = false;
    for (int i = 0; i < SERVER_CONNECTIONS; i++)
        replies->queued[i].count = 0;
}

static bool is_meant(struct replies *replies, const struct step *step, const char *redis,
                     const char *dunlin)
{
    char *command = text_of_step(step);
    bool meant = false;

    for (size_t i = 0; i < differences_count && !meant; i++) {
        const struct meant_difference *row = &differences[i];
        meant = row->command != NULL && fnmatch(row->command, command, FNM_CASEFOLD) == 0 &&
                fnmatch(row->redis, redis, 0) == 0 && fnmatch(row->dunlin, dunlin, 0) == 0;
        replies->met[i] += meant;
        replies->parted |= meant && row->for_long;
    }
    free(command);
    return meant;
}

static bool alike(struct replies *replies, const struct step *step, const struct tree *redis,
                  const struct tree *dunlin)
{
    const enum compared_likeness likeness = step->compared->likeness;

    if (tree_alike(redis, dunlin, likenesses[likeness].likeness, likenesses[likeness].tolerance))
        return true;
    char *redis_text = text_of(redis), *dunlin_text = text_of(dunlin);
    const bool meant = is_meant(replies, step, redis_text, dunlin_text);
    free(redis_text);
    free(dunlin_text);
    return meant;
}

static bool is_queued(const struct tree *tree)
{
    return tree->type == '+' && span_equal(tree->text, SPAN("QUEUED"));
}

/* EXEC's replies, each as the row of its command says. One about all keys is not asked again. */
static bool members_alike(struct replies *replies, int connection, const struct tree *redis,
                          const struct tree *dunlin)
{
    bool all = redis->type == '*' && dunlin->type == '*' && redis->count == dunlin->count &&
               redis->count == replies->queued[connection].count && !redis->null && !dunlin->null;

    for (size_t i = 0; all && i < redis->count; i++) {
        const struct step *step = replies->queued[connection].steps[i];
        all = step_is_of_all_keys(step)
                  ? tree_alike(&redis->members[i], &dunlin->members[i], TREE_SHAPE, 0)
                  : alike(replies, step, &redis->members[i], &dunlin->members[i]);
    }
    return all;
}

static bool trees_alike(struct replies *replies, const struct step *step, const struct tree *redis,
                        const struct tree *dunlin)
{
    const int connection = step->connection;
    const bool first_is_exec = step->line.count == 1 && span_is(step->line.words[0], "exec");

    if (is_queued(redis) && is_queued(dunlin)) {
        check_that(replies->queued[connection].count < QUEUED_MAX, "a short MULTI");
        replies->queued[connection].steps[replies->queued[connection].count++] = step;
        return true;
    }
    const bool same = alike(replies, step, redis, dunlin) ||
                      (first_is_exec && members_alike(replies, connection, redis, dunlin));
    if (first_is_exec || (step->line.count == 1 && span_is(step->line.words[0], "discard")))
        replies->queued[connection].count = 0;
    return same;
}

bool replies_alike(struct replies *replies, const struct step *step, struct span redis,
                   struct span dunlin, struct difference *difference)
{
    struct tree redis_tree, dunlin_tree;

    tree_init(&redis_tree, redis);
    tree_init(&dunlin_tree, dunlin);
    const bool same = trees_alike(replies, step, &redis_tree, &dunlin_tree);
    if (!same) {
        difference->redis = text_of(&redis_tree);
        difference->dunlin = text_of(&dunlin_tree);
    }
    tree_deinit(&redis_tree);
    tree_deinit(&dunlin_tree);
    return same;
}
