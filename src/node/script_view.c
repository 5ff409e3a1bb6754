/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The view of a script: taken under the partition's lock, compared under it, and what the script
 * did to it applied (script.h).
 */
#include "node/script.h"

void script_view_reset(struct script_job *job)
{
    for (size_t i = 0; i < job->view.count; i++) {
        struct batch_key *key = &job->view.keys[i];
        key->seen = key->base;
        key->changed = false;
    }
}

/* Under the lock: what the keys have is copied. */
static void take_view(struct script_job *job, int64_t now_ms)
{
    for (size_t i = 0; i < job->view.count; i++) {
        const struct version *has = batch_value(&job->batch, i);
        struct batch_key *key = &job->view.keys[i];
        const bool visible = version_visible(has, now_ms);
        buffer_reset(&key->base_bytes, BUFFER_KEEP);
        key->base = visible ? *has : (struct version){.deadline_ms = DEADLINE_NEVER};
        if (visible)
            buffer_append_span(&key->base_bytes, has->value);
        key->base.value = buffer_content(&key->base_bytes);
        job->full |= key->base_bytes.failed;
    }
}

static bool holds(const struct version *saw, const struct version *has, int64_t now_ms)
{
    if (!version_exists(saw) || !version_visible(has, now_ms))
        return !version_exists(saw) && !version_visible(has, now_ms);
    return saw->deadline_ms == has->deadline_ms && span_equal(saw->value, has->value);
}

static bool view_holds(const struct script_job *job, int64_t now_ms)
{
    for (size_t i = 0; i < job->view.count; i++)
        if (!holds(&job->view.keys[i].base, batch_value(&job->batch, i), now_ms))
            return false;
    return true;
}

static bool apply(struct script_job *job)
{
    bool done = true;

    for (size_t i = 0; i < job->view.count && done; i++) {
        const struct batch_key *key = &job->view.keys[i];
        struct change change = {.action = CHANGE_DELETE, .deadline_ms = key->seen.deadline_ms};
        if (!key->changed)
            continue;
        if (key->seen.kind == VALUE_STRING) {
            change.action = key->adds ? CHANGE_ADD : CHANGE_PUT;
            change.amount = key->sum;
            change.pieces[0] = key->seen.value;
            change.piece_count = 1;
        }
        done = batch_change(&job->batch, i, &change, false);
    }
    return done;
}

bool script_run(void *host, struct operation *operation)
{
    struct request *request = list_entry(operation, struct request, operation);
    struct script_job *job = script_job_of(request);
    const int64_t now_ms = request->engine->now.wall_ms;

    (void)host;
    if (job->ran && view_holds(job, now_ms)) {
        if (apply(job))
            return true;
        job->full = true;
    }
    job->ran = false;
    job->stale = true;
    job->now = request->engine->now;
    take_view(job, now_ms);
    return false;
}

size_t script_view_room(const struct script_job *job)
{
    size_t room = 0;

    for (size_t i = 0; i < job->view.count; i++)
        if (job->view.keys[i].changed)
            room += store_room_for(job->batch.keys[i].place.key.size,
                                   job->view.keys[i].seen.value.size);
    return room;
}
