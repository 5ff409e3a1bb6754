/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "base/list.h"
#include "lib/timeout.h"

struct item {
    int number;
    struct list link;
};

TestSuite(list, .timeout = TIMEOUT_S(10));

static void assert_numbers(struct list *list, const char *expected)
{
    char found[16] = {0};
    size_t count = 0;

    list_for_each(link, list)
        found[count++] = (char)('0' + list_entry(link, struct item, link)->number);
    cr_assert_str_eq(found, expected);
}

Test(list, members_stand_in_the_order_that_they_were_put)
{
    struct list list;
    struct item items[3] = {{.number = 1}, {.number = 2}, {.number = 3}};

    list_init(&list);
    cr_assert(list_empty(&list));
    list_append(&list, &items[0].link);
    list_append(&list, &items[1].link);
    list_prepend(&list, &items[2].link);
    assert_numbers(&list, "312");
    list_remove(&items[0].link);
    assert_numbers(&list, "32");
    list_remove(&items[0].link);
    assert_numbers(&list, "32");
}

Test(list, the_body_of_a_removable_walk_may_remove_its_member)
{
    struct list list;
    struct item items[4] = {{.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}};

    list_init(&list);
    for (int i = 0; i < 4; i++)
        list_append(&list, &items[i].link);
    list_for_each_removable(link, &list)
    {
        if (list_entry(link, struct item, link)->number % 2 == 0)
            list_remove(link);
    }
    assert_numbers(&list, "13");
    list_for_each_removable(link, &list)
    {
        list_remove(link);
    }
    cr_assert(list_empty(&list));
}
