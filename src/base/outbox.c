/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/outbox.h"

#include "base/memory.h"

static struct outbox_piece *piece_of(struct list *link)
{
    return list_entry(link, struct outbox_piece, link);
}

static size_t size_of(const struct outbox_piece *piece)
{
    return piece->block != NULL ? piece->referred.size : buffer_size(&piece->bytes);
}

static struct outbox_piece *append_piece(struct list *pieces)
{
    struct outbox_piece *piece = memory_alloc(sizeof *piece);

    list_append(pieces, &piece->link);
    return piece;
}

static void free_piece(struct outbox_piece *piece)
{
    list_remove(&piece->link);
    buffer_deinit(&piece->bytes);
    block_release(&piece->block);
    memory_free(piece);
}

void outbox_init(struct outbox *outbox)
{
    buffer_init(&outbox->head);
    list_init(&outbox->behind);
    outbox->between = 0;
}

void outbox_deinit(struct outbox *outbox)
{
    buffer_deinit(&outbox->head);
    outbox_pieces_free(&outbox->behind);
    outbox->between = 0;
}

/* ---- filling ---- */

/* Another piece will be the last. */
static void count_last(struct outbox *outbox)
{
    if (!list_empty(&outbox->behind))
        outbox->between += size_of(piece_of(outbox->behind.previous));
}

struct buffer *outbox_last_piece(struct outbox *outbox)
{
    if (!list_empty(&outbox->behind)) {
        struct outbox_piece *last = piece_of(outbox->behind.previous);
        if (last->block == NULL && buffer_size(&last->bytes) < OUTBOX_PIECE)
            return &last->bytes;
    }
    count_last(outbox);
    return &append_piece(&outbox->behind)->bytes;
}

void outbox_append_pieces(struct outbox *outbox, struct list *pieces)
{
    while (!list_empty(pieces)) {
        struct outbox_piece *piece = piece_of(pieces->next);
        count_last(outbox);
        list_remove(&piece->link);
        list_append(&outbox->behind, &piece->link);
    }
}

void outbox_append_buffer(struct outbox *outbox, struct buffer *buffer)
{
    struct buffer *into = &outbox->head;

    if (buffer_size(buffer) <= OUTBOX_TAKE) {
        buffer_append_span(outbox_last(outbox), buffer_content(buffer));
        return;
    }
    if (outbox_size(outbox) > 0 || outbox->head.failed) {
        count_last(outbox);
        into = &append_piece(&outbox->behind)->bytes;
    }
    const struct buffer other = *into;
    *into = *buffer;
    *buffer = other;
}

void outbox_refer(struct outbox *outbox, struct block *block, struct span bytes)
{
    count_last(outbox);
    outbox_pieces_refer(&outbox->behind, block, bytes);
}

/* ---- writing ---- */

/* What comes next stands in the head, where it is bytes of its own. */
static void advance(struct outbox *outbox)
{
    while (buffer_size(&outbox->head) == 0 && !outbox->head.failed &&
           !list_empty(&outbox->behind)) {
        struct outbox_piece *piece = piece_of(outbox->behind.next);
        if (piece->block != NULL && piece->referred.size > 0)
            return;
        if (piece->link.next != &outbox->behind)
            outbox->between -= size_of(piece);
        if (piece->block == NULL) {
            buffer_deinit(&outbox->head);
            outbox->head = piece->bytes;
            buffer_init(&piece->bytes);
        }
        free_piece(piece);
    }
}

size_t outbox_gather(const struct outbox *outbox, struct span *spans, size_t most, size_t size)
{
    size_t count = 0, gathered = buffer_size(&outbox->head);

    if (gathered > 0 && most > 0)
        spans[count++] = buffer_content(&outbox->head);
    list_for_each(link, &outbox->behind)
    {
        const struct outbox_piece *piece = piece_of(link);
        if (count == most || gathered >= size || piece->bytes.failed)
            break;
        if (size_of(piece) == 0)
            continue;
        spans[count] = piece->block != NULL ? piece->referred : buffer_content(&piece->bytes);
        gathered += spans[count++].size;
    }
    return count;
}

void outbox_consume(struct outbox *outbox, size_t size)
{
    while (size > 0) {
        const size_t head = buffer_size(&outbox->head);
        if (head > 0) {
            const size_t taken = size < head ? size : head;
            buffer_consume(&outbox->head, taken);
            size -= taken;
        } else { /* it refers to them */
            struct outbox_piece *piece = piece_of(outbox->behind.next);
            ensure(!list_empty(&outbox->behind) && piece->block != NULL);
            struct span *referred = &piece->referred;
            const size_t taken = size < referred->size ? size : referred->size;
            *referred = span_of(referred->data + taken, referred->size - taken);
            if (piece->link.next != &outbox->behind)
                outbox->between -= taken;
            size -= taken;
        }
        if (!list_empty(&outbox->behind))
            advance(outbox);
    }
}

size_t outbox_size_behind(const struct outbox *outbox)
{
    return outbox->between + size_of(piece_of(outbox->behind.previous));
}

size_t outbox_capacity(const struct outbox *outbox)
{
    size_t capacity = outbox->head.capacity;

    list_for_each(link, &outbox->behind)
    {
        const struct outbox_piece *piece = piece_of(link);
        capacity += piece->block != NULL ? piece->referred.size : piece->bytes.capacity;
    }
    return capacity;
}

/* ---- pieces behind a buffer ---- */

void outbox_pieces_refer(struct list *pieces, struct block *block, struct span bytes)
{
    struct outbox_piece *piece = append_piece(pieces);

    ensure(block_holds(block, bytes));
    piece->block = block_share(block);
    piece->referred = bytes;
}

struct buffer *outbox_pieces_last(struct buffer *first, struct list *pieces)
{
    if (list_empty(pieces))
        return first;
    struct outbox_piece *last = piece_of(pieces->previous);
    if (last->block != NULL)
        last = append_piece(pieces);
    return &last->bytes;
}

size_t outbox_pieces_size(const struct list *pieces)
{
    size_t size = 0;

    list_for_each(link, pieces) size += size_of(piece_of(link));
    return size;
}

void outbox_pieces_free(struct list *pieces)
{
    while (!list_empty(pieces))
        free_piece(piece_of(pieces->next));
}
