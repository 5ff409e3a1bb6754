/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a node finds in its dir and keeps there. The ceiling is what makes an identity safe to go on
 * with: a node that finds its identity but no ceiling cannot know which stamps it has given, and
 * takes a new identity.
 */
#include <stdio.h>

#include "io/file.h"
#include "io/node_parts.h"
#include "node/state.h"
#include "ring/ring_codec.h"

#define PATH_SIZE 4200
#define FILE_MODE 0640

static const char *path_of(const struct node *node, const char *name, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s/%s", node->dir, name);
    return path;
}

/* Reads one file; false with an error. An empty one was found: it is torn. */
static bool read_file(const struct node *node, const char *name, bool *found,
                      struct buffer *content, struct buffer *error)
{
    char path[PATH_SIZE];
    const enum file_status status = file_read(path_of(node, name, path), STATE_FILE_MAX, content,
                                              error);

    *found = status == FILE_OK;
    return status != FILE_FAILED;
}

static bool complain(const struct node *node, const char *name, const char *why,
                     struct buffer *error)
{
    char path[PATH_SIZE];

    buffer_append_format(error, "cannot use '%s': %s", path_of(node, name, path), why);
    return false;
}

static bool read_ceiling(struct node *node, bool *found, struct identity *identity,
                         struct buffer *error)
{
    struct buffer content = {0};
    struct saved_ceiling state;
    bool good = read_file(node, STATE_CEILING_FILE, found, &content, error);

    if (*found) {
        const enum state_status status = ceiling_state_decode(&state, buffer_content(&content));
        good = status == STATE_OK ||
               complain(node, STATE_CEILING_FILE, state_status_text(status), error);
    }
    if (good && *found) {
        memcpy(identity->bytes, state.identity, IDENTITY_SIZE);
        node->ceiling = state.ceiling;
        node->boots = state.boots;
    }
    buffer_deinit(&content);
    return good;
}

static bool read_ring(struct node *node, struct span bytes, struct buffer *error)
{
    char why[RING_ERROR_MAX];

    if (bytes.size == 0)
        return true;
    node->ring = ring_decode(bytes, why);
    return node->ring != NULL || complain(node, STATE_NODE_FILE, why, error);
}

static bool read_node(struct node *node, bool *found, struct buffer *error)
{
    struct buffer content = {0};
    struct saved_node state;
    bool good = read_file(node, STATE_NODE_FILE, found, &content, error);

    if (*found) {
        const enum state_status status = node_state_decode(&state, buffer_content(&content));
        good = status == STATE_OK ||
               complain(node, STATE_NODE_FILE, state_status_text(status), error);
    }
    if (good && *found) {
        memcpy(node->identity.bytes, state.identity, IDENTITY_SIZE);
        good = read_ring(node, state.ring, error);
    }
    buffer_deinit(&content);
    return good;
}

static bool keep(struct node *node, const char *name, const struct buffer *content,
                 struct buffer *error)
{
    char path[PATH_SIZE];

    return file_replace(path_of(node, name, path), buffer_content(content), FILE_MODE, error);
}

static bool write_node(struct node *node, struct span ring, struct buffer *error)
{
    struct saved_node state = {.ring = ring};
    struct buffer content = {0};

    memcpy(state.identity, node->identity.bytes, IDENTITY_SIZE);
    node_state_encode(&state, &content);
    const bool kept = keep(node, STATE_NODE_FILE, &content, error);
    buffer_deinit(&content);
    return kept;
}

static bool write_ceiling(struct node *node, uint64_t ceiling, struct buffer *error)
{
    struct saved_ceiling state = {.ceiling = ceiling, .boots = node->boots};
    struct buffer content = {0};

    memcpy(state.identity, node->identity.bytes, IDENTITY_SIZE);
    ceiling_state_encode(&state, &content);
    const bool kept = keep(node, STATE_CEILING_FILE, &content, error);
    buffer_deinit(&content);
    return kept;
}

static bool read_all(struct node *node, struct buffer *error)
{
    struct identity ceilings = {{0}};
    bool node_found, ceiling_found;

    if (!read_node(node, &node_found, error) ||
        !read_ceiling(node, &ceiling_found, &ceilings, error))
        return false;
    if (node_found && ceiling_found && !identity_equal(&node->identity, &ceilings))
        return complain(node, STATE_CEILING_FILE, "it belongs to another node", error);
    if (node_found && ceiling_found)
        return true;
    if (node_found)
        log_write(node->log, LOG_WARNING,
                  "'%s' is missing in dir '%s': this node goes on under a new identity, in no ring",
                  STATE_CEILING_FILE, node->dir);
    node_random(node->identity.bytes, IDENTITY_SIZE);
    node->ceiling = node->boots = 0;
    ring_release(&node->ring);
    return write_node(node, span_of(NULL, 0), error);
}

bool node_disk_open(struct node *node, struct buffer *error)
{
    snprintf(node->dir, sizeof node->dir, "%s", node->options->dir);
    node->dir_lock = file_lock_folder(node->dir, error);
    if (node->dir_lock < 0 || !read_all(node, error))
        return false;
    node->boots++;
    return write_ceiling(node, node->ceiling, error);
}

void node_disk_close(struct node *node)
{
    ring_release(&node->ring);
    if (node->dir_lock >= 0)
        file_unlock_folder(&node->dir_lock);
}

static bool report(struct node *node, bool kept, struct buffer *error)
{
    if (!kept)
        log_write(node->log, LOG_WARNING, "%.*s", (int)buffer_size(error),
                  (const char *)buffer_content(error).data);
    buffer_deinit(error);
    return kept;
}

bool node_disk_keep_ring(struct node *node, struct span ring)
{
    struct buffer error = {0};
    const bool kept = write_node(node, ring, &error);

    return report(node, kept, &error);
}

bool node_disk_keep_ceiling(struct node *node, uint64_t ceiling)
{
    struct buffer error = {0};
    const bool kept = write_ceiling(node, ceiling, &error);

    return report(node, kept, &error);
}
