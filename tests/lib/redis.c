/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "lib/redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"

/* Where the program is called PROGRAM in PATH, or "". */
static void find_program(const char *program, char path[PATH_MAX])
{
    const char *folders = getenv("PATH");

    for (; folders != NULL && *folders != '\0'; folders += strspn(folders, ":")) {
        const size_t size = strcspn(folders, ":");
        snprintf(path, PATH_MAX, "%.*s/%s", (int)size, folders, program);
        if (access(path, X_OK) == 0)
            return;
        folders += size;
    }
    path[0] = '\0';
}

/* redis-server, or redis-check-rdb of redis-tools: they are one program, which looks at the name
 * that it was called by. */
void redis_program(char path[PATH_MAX])
{
    char other[PATH_MAX];

    find_program("redis-server", path);
    if (path[0] != '\0')
        return;
    find_program("redis-check-rdb", other);
    check_that(other[0] != '\0', "there is a redis-server, or redis-tools is installed");
    check_that(snprintf(path, PATH_MAX, "%s/redis-server", check_scratch()) < PATH_MAX, "a path");
    if (access(path, X_OK) != 0)
        check_that(symlink(other, path) == 0, "a link to %s", other);
}
