/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whole files: read with a bound, replaced so that a crash leaves the old content or the new, and a
 * folder's lock. Errors are text for people, with the path and the system's reason:
 *
 *     cannot write 'data/node.state': No space left on device
 *
 * These calls block; they are for start, stop and the control thread.
 */
#ifndef DUNLIN_IO_FILE_H
#define DUNLIN_IO_FILE_H

#include "base/buffer.h"

enum file_status {
    FILE_OK,
    FILE_ABSENT, /* there is no such file; nothing is in `error` */
    FILE_FAILED, /* the reason is in `error` */
};

/* Appends the file's content, at most `max` bytes, to `content`; a longer one fails. What was
 * appended before a failure stays. Also for "/dev/stdin". */
enum file_status file_read(const char *path, size_t max, struct buffer *content,
                           struct buffer *error);

/* Makes `content` the file's, durably: once this answers true, it is what a crash leaves. The mode
 * of a file that was there is kept, a new one has `mode`. On false the old file is as it was, or,
 * when only the folder could not be synced, the new one is there and may not last. */
bool file_replace(const char *path, struct span content, unsigned mode, struct buffer *error);

/* Takes the folder for this process, by a lock on the file `lock` in it, until file_unlock or the
 * process's end. A folder that is not there is created. Answers a descriptor, or -1. */
int file_lock_folder(const char *path, struct buffer *error);
void file_unlock_folder(int *lock);

#endif
