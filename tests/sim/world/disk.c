/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/world/disk.h"

#include "base/assert.h"
#include "node/state.h"

void sim_disk_deinit(struct sim_disk *disk)
{
    for (int file = 0; file < DISK_FILES; file++)
        buffer_deinit(&disk->files[file]);
    buffer_deinit(&disk->before);
}

/* ---- writing ---- */

static void replace(struct buffer *file, struct span content)
{
    buffer_reset(file, SIZE_MAX);
    buffer_append_span(file, content);
}

static bool keep(struct sim_disk *disk, enum disk_file file, struct span content)
{
    const enum disk_cut cut = disk->next;
    struct buffer *kept = &disk->files[file];

    if (disk->full)
        return false;
    disk->next = DISK_UNCUT;
    disk->cut_now = cut != DISK_UNCUT;
    if (cut == DISK_OLD)
        return false;
    if (cut == DISK_TORN) {
        disk->torn = file;
        replace(&disk->before, buffer_content(kept));
        content.size = content.size * disk->torn_percent / 100;
    }
    replace(kept, content);
    return cut == DISK_UNCUT;
}

bool sim_disk_keep_ring(struct sim_disk *disk, struct span ring)
{
    struct saved_node state = {.ring = ring};
    struct buffer content = {0};

    memcpy(state.identity, disk->identity.bytes, IDENTITY_SIZE);
    node_state_encode(&state, &content);
    const bool kept = keep(disk, DISK_NODE, buffer_content(&content));
    buffer_deinit(&content);
    return kept;
}

bool sim_disk_keep_ceiling(struct sim_disk *disk, uint64_t ceiling)
{
    struct saved_ceiling state = {.ceiling = ceiling, .boots = disk->boots};
    struct buffer content = {0};

    memcpy(state.identity, disk->identity.bytes, IDENTITY_SIZE);
    ceiling_state_encode(&state, &content);
    const bool kept = keep(disk, DISK_CEILING, buffer_content(&content));
    buffer_deinit(&content);
    return kept;
}

void sim_disk_mend(struct sim_disk *disk)
{
    if (buffer_size(&disk->before) > 0)
        replace(&disk->files[disk->torn], buffer_content(&disk->before));
    buffer_reset(&disk->before, 0);
}

/* ---- reading ---- */

struct span sim_disk_ring(const struct sim_disk *disk)
{
    struct saved_node state = {.ring = {0}};

    if (node_state_decode(&state, buffer_content(&disk->files[DISK_NODE])) != STATE_OK)
        return span_of(NULL, 0);
    return state.ring;
}

/* A disk without files is a new node's. */
const char *sim_disk_open(struct sim_disk *disk, const struct identity *identity, uint64_t *ceiling)
{
    struct saved_node node;
    struct saved_ceiling saved = {.ceiling = 0};
    enum state_status status = STATE_OK;

    disk->identity = *identity;
    disk->next = DISK_UNCUT;
    disk->cut_now = false;
    if (disk->boots > 0) {
        status = node_state_decode(&node, buffer_content(&disk->files[DISK_NODE]));
        if (status == STATE_OK)
            status = ceiling_state_decode(&saved, buffer_content(&disk->files[DISK_CEILING]));
    } else if (!sim_disk_keep_ring(disk, span_of(NULL, 0))) {
        return "its disk is full";
    }
    if (status != STATE_OK)
        return state_status_text(status);
    *ceiling = saved.ceiling;
    disk->boots = saved.boots + 1;
    return sim_disk_keep_ceiling(disk, saved.ceiling) ? NULL : "its disk is full";
}
