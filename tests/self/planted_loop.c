/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A loop in the way of every client's input, some hundreds of instructions long, linked in place of
 * engine_client_input: what scripts/perf-gate must not let pass.
 */
#include "node/engine.h"

#define TIMES 400

void __real_engine_client_input(struct engine *engine, struct instant now, struct client *client);
void __wrap_engine_client_input(struct engine *engine, struct instant now, struct client *client);

void __wrap_engine_client_input(struct engine *engine, struct instant now, struct client *client)
{
    for (int i = 0; i < TIMES; i++)
        __asm__ volatile("");
    __real_engine_client_input(engine, now, client);
}
