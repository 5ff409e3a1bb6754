/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The interpreters of a worker: one is enough where scripts are short, and each script that is
 * suspended has its own.
 */
#include "base/memory.h"
#include "node/script.h"

void script_pool_create(struct engine *engine, struct scripts *scripts)
{
    struct script_pool *pool = memory_alloc(sizeof *pool);

    pool->owns = scripts == NULL;
    pool->scripts = scripts != NULL ? scripts : scripts_create();
    list_init(&pool->queue);
    session_init(&pool->session, "", "", engine->now, true);
    engine->script_pool = pool;
}

void script_pool_destroy(struct engine *engine)
{
    struct script_pool *pool = engine->script_pool;

    while (pool->count > 0)
        interpreter_destroy(&pool->all[--pool->count]);
    store_charge(engine->own.store, -(int64_t)pool->charged);
    if (pool->owns)
        scripts_destroy(&pool->scripts);
    session_deinit(&pool->session);
    memory_free(pool);
    engine->script_pool = NULL;
}

struct interpreter *script_pool_borrow(struct engine *engine)
{
    struct script_pool *pool = engine->script_pool;
    const uint64_t flushes = scripts_flushes(pool->scripts);

    if (flushes != pool->flushes)
        for (size_t i = 0; i < pool->idle_count; i++)
            interpreter_forget(pool->idle[i]);
    pool->flushes = flushes;
    if (pool->idle_count > 0)
        return pool->idle[--pool->idle_count];
    if (pool->count == SCRIPTS_AT_ONCE)
        return NULL;
    struct interpreter *interpreter = interpreter_create(
        (size_t)engine->options->script_memory_limit);
    if (interpreter != NULL)
        pool->all[pool->count++] = interpreter;
    return interpreter;
}

static void destroy(struct script_pool *pool, struct interpreter *interpreter)
{
    for (size_t i = 0; i < pool->count; i++)
        if (pool->all[i] == interpreter)
            pool->all[i--] = pool->all[--pool->count];
    interpreter_destroy(&interpreter);
}

void script_pool_release(struct engine *engine, struct interpreter **interpreter)
{
    struct script_pool *pool = engine->script_pool;
    struct interpreter *given = *interpreter;

    *interpreter = NULL;
    if (given == NULL)
        return;
    interpreter_stop(given);
    if (interpreter_reusable(given) &&
        interpreter_memory_max(given) == (size_t)engine->options->script_memory_limit) {
        pool->idle[pool->idle_count++] = given;
    } else {
        destroy(pool, given);
    }
    if (!list_empty(&pool->queue))
        task_hurry(&list_entry(pool->queue.next, struct script_job, queued)->task);
}

void script_pool_charge(struct engine *engine)
{
    struct script_pool *pool = engine->script_pool;
    size_t bytes = pool->owns || engine->own.index == 0 ? scripts_bytes(pool->scripts) : 0;

    for (size_t i = 0; i < pool->count; i++)
        bytes += interpreter_memory(pool->all[i]);
    if (bytes != pool->charged)
        store_charge(engine->own.store, (int64_t)bytes - (int64_t)pool->charged);
    pool->charged = bytes;
}
