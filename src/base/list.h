/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A doubly linked list whose links live in the members. The head is a link of its own: an empty
 * list points to itself, and so does a link that is in no list (after list_init).
 */
#ifndef DUNLIN_BASE_LIST_H
#define DUNLIN_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *previous;
};

/* The structure that holds `link` as its member `member`. */
#define list_entry(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

#define list_for_each(link, head) \
    for (struct list *link = (head)->next; link != (head); link = link->next)

/* The same where the body may remove `link` (and no other). */
#define list_for_each_removable(link, head)                                           \
    for (struct list *link = (head)->next, *link##_next = link->next; link != (head); \
         link = link##_next, link##_next = link->next)

static inline void list_init(struct list *list)
{
    list->next = list->previous = list;
}

static inline bool list_empty(const struct list *list)
{
    return list->next == list;
}

static inline void list_append(struct list *list, struct list *link)
{
    link->previous = list->previous;
    link->next = list;
    list->previous->next = link;
    list->previous = link;
}

static inline void list_prepend(struct list *list, struct list *link)
{
    list_append(list->next, link);
}

/* Takes `link` out of its list; harmless when it is in none. */
static inline void list_remove(struct list *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    list_init(link);
}

#endif
