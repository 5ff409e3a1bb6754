/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A page of a listing, as a replica reads it of what it has: for another node, or for this one.
 */
#include "base/bitmap.h"
#include "base/rule.h"
#include "node/listing.h"

/* Under the lock. */
static enum answer_status may_answer(const struct engine *engine, const struct partition *partition)
{
    if (partition->claim_version != ring_claim(engine->view->ring, partition->index)->version)
        return ANSWER_STALE_CLAIM;
    return partition_votes(partition) || !RULE(12) ? ANSWER_VERSION : ANSWER_NOT_VOTING;
}

struct listing_answer listing_page_read(struct engine *engine,
                                        const struct listing_question *question, struct page *page)
{
    const uint32_t count = store_partitions(engine->own.store);
    const size_t begin = buffer_size(page->entries);
    struct listing_answer answer = {.status = ANSWER_VERSION, .end = question->place};
    uint32_t passed = 0;

    if (!question->own && (engine->view->ring == NULL ||
                           ring_draft_of(engine->view->ring).version != question->ring_version))
        return (struct listing_answer){.status = ANSWER_STALE_CLAIM, .end = question->place};
    for (uint32_t p = page_partition(question->place); p < count; p++) {
        if (!bitmap_has(question->partitions, p))
            continue;
        if (passed++ == LISTING_PARTITIONS_MAX)
            return answer;
        struct partition *partition = store_partition(engine->own.store, p);
        const uint64_t from = page_place(p, 0) > question->place ? page_place(p, 0)
                                                                 : question->place;
        partition_lock(partition);
        if (!question->own)
            answer.status = may_answer(engine, partition);
        if (answer.status == ANSWER_VERSION)
            answer.end = page_read(page, partition, from, question->limit - page->seen);
        partition_unlock(partition);
        if (answer.status != ANSWER_VERSION || page->seen >= question->limit ||
            buffer_size(page->entries) - begin >= PAGE_BYTES)
            return answer;
    }
    answer.end = page_place(count, 0);
    return answer;
}

void listing_page_serve(struct link *link, const struct wire_list *list)
{
    struct engine *engine = link->engine;
    struct buffer marks = {0};
    struct page page = {.matched = list->matched != 0,
                        .pattern = list->pattern,
                        .entries = &engine->looked,
                        .marks = &marks};
    const struct listing_question question = {
        .ring_version = list->ring_version,
        .place = list->place,
        .limit = list->limit < LISTING_ENTRIES_MAX ? list->limit : LISTING_ENTRIES_MAX,
        .partitions = list->partitions};

    buffer_reset(&engine->looked, BUFFER_KEEP);
    struct listing_answer answer = listing_page_read(engine, &question, &page);
    if (engine->looked.failed || marks.failed) { /* it cannot say what it has */
        answer = (struct listing_answer){.status = ANSWER_STALE_CLAIM, .end = list->place};
        buffer_reset(&engine->looked, BUFFER_KEEP);
        buffer_reset(&marks, BUFFER_KEEP);
    }
    const struct wire_listed listed = {.id = list->id,
                                       .status = (uint8_t)answer.status,
                                       .end = answer.end,
                                       .seen = page.seen,
                                       .entries = buffer_content(&engine->looked),
                                       .marks = buffer_content(&marks)};
    wire_put_listed(link_message(link), &listed);
    buffer_deinit(&marks);
}
