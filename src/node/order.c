/* SPDX-License-Identifier: BSD-3-Clause */
#include "node/order.h"

#include "base/assert.h"
#include "base/memory.h"
#include "node/parts.h"

static void borrow_places(struct order *order, struct order_tables *tables)
{
    if (tables->count > 0)
        order->places = tables->kept[--tables->count];
    else
        order->places = memory_alloc_array(ORDER_HASHES, sizeof order->places[0]);
}

static void release_places(struct order *order, struct order_tables *tables)
{
    if (tables->count < ORDER_TABLES_KEPT)
        tables->kept[tables->count++] = order->places;
    else
        memory_free(order->places);
    order->places = NULL;
}

void order_tables_deinit(struct order_tables *tables)
{
    while (tables->count > 0)
        memory_free(tables->kept[--tables->count]);
}

static bool has_alike(const struct request *first, uint64_t hash)
{
    for (; first != NULL; first = first->alike)
        if (first->hash == hash)
            return true;
    return false;
}

bool order_must_wait(const struct order *order, const struct request *request)
{
    const uint64_t hash = request->hash;
    const struct order_place *place = order->places != NULL ? &order->places[hash % ORDER_HASHES]
                                                            : NULL;

    if (request->kind == COMMAND_READ) {
        if (hash == 0)
            return order->writes > 0;
        return order->wide_writes > 0 || (place != NULL && has_alike(place->others, hash));
    }
    if (hash == 0)
        return order->keyed + order->wide > 0;
    return order->wide > 0 ||
           (place != NULL && (has_alike(place->others, hash) || has_alike(place->reads, hash)));
}

static struct request **head_of(const struct order *order, const struct request *request)
{
    struct order_place *place = &order->places[request->hash % ORDER_HASHES];

    return request->unordered ? &place->others : &place->reads;
}

void order_note(struct order *order, struct request *request)
{
    request->noted = true;
    request->unordered = order_needed(request);
    order->writes += request->unordered;
    if (request->kind == COMMAND_LOCAL)
        return;
    if (request->hash == 0) {
        order->wide++;
        order->wide_writes += request->unordered;
        return;
    }
    if (order->places == NULL)
        borrow_places(order, &request->engine->order_tables);
    order->keyed++;
    struct request **head = head_of(order, request);
    request->alike = *head;
    request->alike_before = NULL;
    if (*head != NULL)
        (*head)->alike_before = request;
    *head = request;
}

void order_forget(struct order *order, struct request *request)
{
    ensure(request->noted);
    request->noted = false;
    order->writes -= request->unordered;
    if (request->kind == COMMAND_LOCAL)
        return;
    if (request->hash == 0) {
        order->wide--;
        order->wide_writes -= request->unordered;
        return;
    }
    if (request->alike != NULL)
        request->alike->alike_before = request->alike_before;
    if (request->alike_before != NULL)
        request->alike_before->alike = request->alike;
    else
        *head_of(order, request) = request->alike;
    if (--order->keyed == 0)
        release_places(order, &request->engine->order_tables); /* all NULL again */
}
