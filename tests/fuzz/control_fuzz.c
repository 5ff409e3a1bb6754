/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A fuzzer of control: three nodes on a virtual network (lib/control_net.h), form a ring or do not,
 * crash and come back, and what they say to each other (datagrams, calls and their answers: gossip,
 * RING INIT, rings) is changed and cut on its way. Nothing may crash, and no node asks to be woken
 * in the past, raises its ceiling but upwards, or has memory left over.
 */
#include <criterion/criterion.h>

#include "fuzz/fuzz.h"
#include "lib/control_net.h"

#define NODES     3
#define STEPS_MAX 48

static void tamper(void *context, struct buffer *bytes)
{
    struct draw *draw = context;
    const struct span content = buffer_content(bytes);
    uint8_t *at = (uint8_t *)(uintptr_t)content.data;
    size_t place;

    if (content.size == 0 || draw->left == 0)
        return;
    const uint8_t byte = draw_byte(draw);
    switch (byte % 8) {
    case 0: /* a few changed bytes */
    case 1:
        for (unsigned i = 0; i <= byte / 64; i++) {
            place = draw_below(draw, 65536) % content.size;
            at[place] = draw_byte(draw);
        }
        break;
    case 2: /* cut */
        buffer_truncate(bytes, draw_below(draw, 65536) % content.size);
        break;
    case 3: /* another's bytes behind them */
        buffer_append_span(bytes, draw_span(draw, byte / 8));
        break;
    case 4: /* bytes moved over others */
        place = draw_below(draw, 65536) % content.size;
        memmove(at, at + place, content.size - place);
        break;
    default:
        break;
    }
}

static void step(struct net *net, struct draw *draw)
{
    static const char *const commands[] = {"RING INIT 127.0.0.1:7001 127.0.0.1:7002 127.0.0.1:7003",
                                           "RING STATUS", "RING INIT 127.0.0.1:7002",
                                           "RING RECOVER FORCE"};
    const uint8_t byte = draw_byte(draw);
    struct net_node *node = &net->nodes[byte / 8 % NODES];

    switch (byte % 8) {
    case 0:
        if (node->control != NULL && !node->fatal)
            net_command(node, commands[byte / 32 % 4]);
        break;
    case 1:
        if (node->control != NULL)
            net_crash(node);
        else
            net_start(node);
        break;
    case 2:
        node->group = byte / 32 % 2;
        break;
    default:
        net_run(net, (int64_t)draw_byte(draw) << byte / 32 % 6);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct draw draw = draw_from(data, size);
    struct net *net = net_create(1);
    const uint8_t cluster = draw_byte(&draw);

    net->tamper = tamper;
    net->tamper_context = &draw;
    for (unsigned i = 0; i < NODES; i++)
        net_add(net, cluster & 1 ? "127.0.0.1:7001 127.0.0.1:7002" : "127.0.0.1:7001", NULL, 0);
    for (unsigned i = 0; i < NODES; i++)
        net_start(&net->nodes[i]);
    for (unsigned steps = 0; steps < STEPS_MAX && draw.left > 0; steps++)
        step(net, &draw);
    net_run(net, 2000);
    net_destroy(&net);
    return 0;
}
