/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "main/admin_ring.h"

#define STATUS                                                                                   \
    "this node: 5bd4 127.0.0.1:2\nring: 89d1\n"                                                  \
    "node 1: c105c64e 127.0.0.1:1 zone 'a, b' weight 100, alive, votes, partitions 341 primary " \
    "1024 in all\n"                                                                              \
    "node 22: 5bd46c47 (this node) 10.0.0.1:7002 zone '' weight 5, dead, does not vote: it "     \
    "restarted and has not recovered, and its clock is out of line, partitions 0 primary 0 in "  \
    "all\n"                                                                                      \
    "whole: no\nclock: +0 ms\n"

static struct buffer text;

static void forget(void)
{
    buffer_deinit(&text);
}

TestSuite(admin_ring, .timeout = TIMEOUT_S(60), .fini = forget);

static const char *content(void)
{
    buffer_append(&text, "", 1);
    return (const char *)buffer_content(&text).data;
}

Test(admin_ring, nodes_stand_in_a_table)
{
    admin_ring_print(SPAN(STATUS), false, &text);
    cr_assert_str_eq(
        content(),
        "this node: 5bd4 127.0.0.1:2\nring: 89d1\n\n"
        "  node  address        zone  weight  health  primary  in all\n"
        "     1  127.0.0.1:1    a, b     100  alive       341    1024  votes\n"
        "*   22  10.0.0.1:7002  -          5  dead          0       0  does not vote: it "
        "restarted and has not recovered, and its clock is out of line\n\n"
        "whole: no\nclock: +0 ms\n");
}

Test(admin_ring, as_json_they_stand_in_parts)
{
    admin_ring_print_json(SPAN(STATUS), &text);
    cr_assert_str_eq(
        content(),
        "{\"whole\": false, \"nodes\": [{\"node\": 1, \"id\": \"c105c64e\", \"address\": "
        "\"127.0.0.1:1\", \"zone\": \"a, b\", \"weight\": 100, \"health\": \"alive\", \"votes\": "
        "true, \"vote\": \"votes\", \"primary\": 341, \"in_all\": 1024, \"asked\": false}, "
        "{\"node\": 22, \"id\": \"5bd46c47\", \"address\": \"10.0.0.1:7002\", \"zone\": \"\", "
        "\"weight\": 5, \"health\": \"dead\", \"votes\": false, \"vote\": \"does not vote: it "
        "restarted and has not recovered, and its clock is out of line\", \"primary\": 0, "
        "\"in_all\": 0, \"asked\": true}], \"status\": {\"this node\": \"5bd4 127.0.0.1:2\", "
        "\"ring\": \"89d1\", \"clock\": \"+0 ms\"}}\n");
}

Test(admin_ring, a_ring_is_whole_when_its_node_says_so)
{
    cr_assert_not(admin_ring_whole(SPAN(STATUS)));
    cr_assert(admin_ring_whole(SPAN("ring: 1\nwhole: yes\nclock: 1\n")));
    cr_assert_not(admin_ring_whole(SPAN("")));
}
