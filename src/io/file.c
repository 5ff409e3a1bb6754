/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"

/* What is read at once, bytes. */
#define READ_SIZE 65536

/* Always false. */
static bool failed(const char *verb, const char *path, int reason, struct buffer *error)
{
    char text[128];

    /* GNU's strerror_r; strerror is not for several threads. */
    buffer_append_format(error, "cannot %s '%s': %s", verb, path,
                         strerror_r(reason, text, sizeof text));
    return false;
}

/* The three strings in one; ours to free. */
static char *joined(const char *a, const char *b, const char *c)
{
    const size_t size = strlen(a) + strlen(b) + strlen(c) + 1;
    char *string = memory_alloc(size);

    snprintf(string, size, "%s%s%s", a, b, c);
    return string;
}

/* ---------------------------------------------------------------------------------------- reading
 */

static bool read_all(int descriptor, const char *path, size_t max, struct buffer *content,
                     struct buffer *error)
{
    size_t left = max;

    for (;;) {
        /* One byte more than may come shows that there is more. */
        const size_t wanted = left < READ_SIZE ? left + 1 : READ_SIZE;
        uint8_t *room = buffer_reserve(content, wanted);
        if (room == NULL)
            return failed("read", path, ENOMEM, error);
        const ssize_t got = read(descriptor, room, wanted);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return failed("read", path, errno, error);
        if ((size_t)got > left) {
            buffer_append_format(error, "cannot read '%s': it is longer than %zu bytes", path, max);
            return false;
        }
        if (got == 0)
            return true;
        left -= (size_t)got;
        buffer_commit(content, (size_t)got);
    }
}

enum file_status file_read(const char *path, size_t max, struct buffer *content,
                           struct buffer *error)
{
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);

    if (descriptor < 0 && errno == ENOENT)
        return FILE_ABSENT;
    if (descriptor < 0) {
        failed("read", path, errno, error);
        return FILE_FAILED;
    }
    const bool right = read_all(descriptor, path, max, content, error);
    close(descriptor);
    return right ? FILE_OK : FILE_FAILED;
}

/* -------------------------------------------------------------------------------------- replacing
 */

static bool write_all(int descriptor, struct span content)
{
    while (content.size > 0) {
        const ssize_t written = write(descriptor, content.data, content.size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        content = span_of(content.data + written, content.size - (size_t)written);
    }
    return true;
}

/* The folder that holds `path`; ours to free. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return memory_copy_string(".");
    char *folder = memory_copy_string(path);
    folder[slash == path ? 1 : slash - path] = '\0';
    return folder;
}

/* A rename is durable when the folder is. */
static bool sync_folder_of(const char *path)
{
    char *folder = folder_of(path);
    const int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool right = descriptor >= 0 && fsync(descriptor) == 0;
    const int reason = errno;

    if (descriptor >= 0)
        close(descriptor);
    memory_free(folder);
    errno = reason;
    return right;
}

/* Writes `content` to a file beside `path` and moves it there; errno says why not. */
static bool replace(const char *path, const char *beside, struct span content, mode_t mode)
{
    const int descriptor = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

    if (descriptor < 0)
        return false;
    bool right = write_all(descriptor, content) && fsync(descriptor) == 0;
    int reason = errno;
    /* Some file systems tell at close only. */
    if (close(descriptor) != 0 && right) {
        right = false;
        reason = errno;
    }
    if (right && rename(beside, path) != 0) {
        right = false;
        reason = errno;
    }
    if (!right)
        unlink(beside);
    errno = reason;
    return right && sync_folder_of(path);
}

bool file_replace(const char *path, struct span content, unsigned mode, struct buffer *error)
{
    char process[32];
    struct stat before;

    /* Its own name for each process: two that write one file leave the content of one of them. */
    snprintf(process, sizeof process, ".%ld", (long)getpid());
    char *beside = joined(path, process, ".tmp");
    if (stat(path, &before) == 0)
        mode = before.st_mode & 07777;
    const bool right = replace(path, beside, content, (mode_t)mode);
    const int reason = errno;
    memory_free(beside);
    return right || failed("write", path, reason, error);
}

/* ------------------------------------------------------------------------------------------ lock
 */

/* Who holds the lock wrote its number into the file. */
static void describe_holder(int descriptor, const char *folder, struct buffer *error)
{
    char holder[32] = {0};
    const ssize_t got = pread(descriptor, holder, sizeof holder - 1, 0);
    const long process = got > 0 ? strtol(holder, NULL, 10) : 0;

    buffer_append_format(error, "cannot use the folder '%s': another server uses it", folder);
    if (process > 0)
        buffer_append_format(error, " (process %ld)", process);
}

static int lock_file(const char *path, const char *folder, struct buffer *error)
{
    const int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

    if (descriptor < 0) {
        failed("write", path, errno, error);
        return -1;
    }
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            describe_holder(descriptor, folder, error);
        else
            failed("lock", path, errno, error);
        close(descriptor);
        return -1;
    }
    /* For the error of the next one who tries. A disk that is full shows here, before anything. */
    char process[32];
    const int size = snprintf(process, sizeof process, "%ld\n", (long)getpid());
    if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, process, (size_t)size, 0) != size) {
        failed("write", path, errno, error);
        close(descriptor);
        return -1;
    }
    return descriptor;
}

int file_lock_folder(const char *path, struct buffer *error)
{
    if (mkdir(path, 0755) != 0 && errno != EEXIST) {
        failed("create", path, errno, error);
        return -1;
    }
    char *file = joined(path, "/", "lock");
    const int descriptor = lock_file(file, path, error);
    memory_free(file);
    return descriptor;
}

void file_unlock_folder(int *lock)
{
    ensure(*lock >= 0);
    /* The file stays: removing it would let two take two files of one name. */
    close(*lock);
    *lock = -1;
}
