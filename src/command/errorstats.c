/* SPDX-License-Identifier: BSD-3-Clause */
#include "command/errorstats.h"

#include <pthread.h>

#include "base/assert.h"
#include "base/memory.h"

struct kind {
    char code[ERRORSTATS_CODE_MAX + 1];
    uint64_t count;
};

struct errorstats {
    pthread_mutex_t lock;
    size_t count;
    struct kind kinds[ERRORSTATS_MAX]; /* sorted */
};

struct errorstats *errorstats_create(void)
{
    struct errorstats *errorstats = memory_alloc(sizeof *errorstats);

    ensure(pthread_mutex_init(&errorstats->lock, NULL) == 0);
    return errorstats;
}

void errorstats_destroy(struct errorstats **errorstats)
{
    struct errorstats *e = *errorstats;

    *errorstats = NULL;
    if (e == NULL)
        return;
    pthread_mutex_destroy(&e->lock);
    memory_free(e);
}

/* Its place, where it is put when it is not there yet; NULL: there is no room. */
static struct kind *find(struct errorstats *errorstats, const char *code)
{
    size_t at = 0;
    int order = 1;

    while (at < errorstats->count && (order = strcmp(code, errorstats->kinds[at].code)) > 0)
        at++;
    struct kind *kind = &errorstats->kinds[at];
    if (at < errorstats->count && order == 0)
        return kind;
    if (errorstats->count == ERRORSTATS_MAX)
        return NULL;
    memmove(kind + 1, kind, (errorstats->count++ - at) * sizeof *kind);
    *kind = (struct kind){0};
    memcpy(kind->code, code, strlen(code));
    return kind;
}

void errorstats_count(struct errorstats *errorstats, struct span reply)
{
    char code[ERRORSTATS_CODE_MAX + 1] = {0};

    for (size_t at = 1; at < reply.size && at <= ERRORSTATS_CODE_MAX && reply.data[at] > ' '; at++)
        code[at - 1] = (char)reply.data[at];
    pthread_mutex_lock(&errorstats->lock);
    struct kind *kind = find(errorstats, code);
    if (kind != NULL)
        kind->count++;
    pthread_mutex_unlock(&errorstats->lock);
}

void errorstats_reset(struct errorstats *errorstats)
{
    pthread_mutex_lock(&errorstats->lock);
    errorstats->count = 0;
    pthread_mutex_unlock(&errorstats->lock);
}

void errorstats_visit(struct errorstats *errorstats,
                      void (*visit)(void *visitor, const char *code, uint64_t count), void *visitor)
{
    pthread_mutex_lock(&errorstats->lock);
    for (size_t i = 0; i < errorstats->count; i++)
        visit(visitor, errorstats->kinds[i].code, errorstats->kinds[i].count);
    pthread_mutex_unlock(&errorstats->lock);
}
