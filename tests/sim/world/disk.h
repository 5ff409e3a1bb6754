/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A node's virtual disk: the two state files of node/state.h, in the server's own encoding. It
 * survives the process. A file is replaced as src/io/file.c does it, beside and renamed, so that a
 * process which is killed while it writes leaves the old file or the new one. A disk may do worse
 * than that, and have the file itself half written: then the server must refuse to start, and an
 * operator puts the file back that was there.
 */
#ifndef DUNLIN_TESTS_SIM_DISK_H
#define DUNLIN_TESTS_SIM_DISK_H

#include "base/buffer.h"
#include "ring/identity.h"

enum disk_file { DISK_NODE, DISK_CEILING, DISK_FILES };

/* What is there of a write that was cut. */
enum disk_cut {
    DISK_UNCUT,
    DISK_OLD,  /* the file as it was: what was torn lies beside it */
    DISK_TORN, /* a part of the new file */
    DISK_NEW,  /* the new file: the process did not hear of it */
};

struct sim_disk {
    struct identity identity;
    struct buffer files[DISK_FILES];
    struct buffer before; /* of the file that is torn: as it was */
    enum disk_file torn;  /* which one; counts where `before` is not empty */
    uint64_t boots;
    bool full;             /* it takes no write */
    enum disk_cut next;    /* what becomes of the next write */
    unsigned torn_percent; /* of the new file, so much is there when it is torn */
    bool cut_now;          /* a write was cut: the process dies in it */
};

void sim_disk_deinit(struct sim_disk *disk);

/* What a server does with its disk at its start (src/io/node_disk.c). Returns NULL, or why it
 * refuses to start. */
const char *sim_disk_open(struct sim_disk *disk, const struct identity *identity,
                          uint64_t *ceiling);
/* The ring of a disk that was opened; empty: none. Valid until the next one is kept. */
struct span sim_disk_ring(const struct sim_disk *disk);
/* False: the write failed, or was cut. */
bool sim_disk_keep_ring(struct sim_disk *disk, struct span ring);
bool sim_disk_keep_ceiling(struct sim_disk *disk, uint64_t ceiling);
/* A torn file is replaced by the one before. */
void sim_disk_mend(struct sim_disk *disk);

#endif
