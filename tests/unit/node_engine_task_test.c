/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Work in steps: each task has its share of a turn, and all together no more than one turn's.
 */
#include <criterion/criterion.h>

#include "base/buffer.h"
#include "lib/engine_pair.h"
#include "lib/timeout.h"
#include "node/exec.h"
#include "node/parts.h"

TestSuite(engine_task, .timeout = TIMEOUT_S(30));

/* So that four steps are a turn's. */
#define STEP (TASKS_WORK_PER_TURN / 4 - TASK_STEP_WORK)

struct work_of_test {
    struct task task;
    char name;
    unsigned left; /* steps */
};

static struct pair pair;
static struct buffer order; /* names, as they had their steps */

static void run(struct task *task)
{
    struct work_of_test *work = list_entry(task, struct work_of_test, task);

    buffer_append(&order, &work->name, 1);
    task_spend(task, STEP);
    if (--work->left > 0)
        task_hurry(task);
}

static const struct task_kind kind = {.work = WORK_SETTLE, .run = run};

static void begin(struct work_of_test *work, char name, unsigned steps)
{
    task_init(&work->task, &kind, pair.nodes[0].engine);
    work->name = name;
    work->left = steps;
    task_hurry(&work->task);
}

static void expect_turn(const char *steps)
{
    struct engine *engine = pair.nodes[0].engine;

    engine_wake(engine, pair_now(&pair.nodes[0]));
    engine_turn_end(engine, pair_now(&pair.nodes[0]));
    cr_assert(span_equal(buffer_content(&order), span_of(steps, strlen(steps))), "%.*s, not %s",
              (int)buffer_size(&order), (const char *)buffer_content(&order).data, steps);
    buffer_reset(&order, SIZE_MAX);
}

Test(engine_task, one_alone_has_the_whole_of_each_turn)
{
    struct work_of_test a;

    pair_init(&pair, NULL);
    begin(&a, 'a', 10);
    expect_turn("aaaa");
    expect_turn("aaaa");
    expect_turn("aa");
    expect_turn("");
    pair_deinit(&pair);
}

Test(engine_task, several_take_turns_and_have_one_turns_time_together)
{
    struct work_of_test a, b, c;

    pair_init(&pair, NULL);
    begin(&a, 'a', 6);
    begin(&b, 'b', 2);
    begin(&c, 'c', 3);
    expect_turn("abca");
    expect_turn("bcac");
    expect_turn("aaa");
    pair_deinit(&pair);
}

Test(engine_task, the_host_is_asked_for_another_turn_while_there_is_a_step_to_do)
{
    struct work_of_test a;
    const struct pair_node *node = &pair.nodes[0];

    pair_init(&pair, NULL);
    expect_turn("");
    cr_assert_gt(node->wake_at_us, pair_now(node).mono_us);
    begin(&a, 'a', 5);
    expect_turn("aaaa");
    cr_assert_leq(node->wake_at_us, pair_now(node).mono_us);
    expect_turn("a");
    cr_assert_gt(node->wake_at_us, pair_now(node).mono_us);
    pair_deinit(&pair);
}

Test(engine_task, a_turn_is_said_to_have_been_at_what_its_tasks_are)
{
    struct work_of_test a;
    struct engine *engine;

    pair_init(&pair, NULL);
    engine = pair.nodes[0].engine;
    begin(&a, 'a', 1);
    engine_take_doing(engine);
    expect_turn("a");
    cr_assert(engine_take_doing(engine) & work_bit(WORK_SETTLE));
    pair_deinit(&pair);
}

/* Of clients as of one: EXECs that came in one turn have its time together. */
Test(engine_task, transactions_of_many_clients_have_one_turns_time_together)
{
    enum { CLIENTS = 4, COMMANDS = EXEC_COMMANDS_PER_TURN / 2 };
    struct pair_client *clients[CLIENTS];
    struct buffer commands = {0};
    struct engine *engine;
    unsigned answered = 0;

    pair_init(&pair, NULL);
    engine = pair.nodes[0].engine;
    buffer_append_string(&commands, "*1\r\n$5\r\nMULTI\r\n");
    for (unsigned i = 0; i < COMMANDS; i++)
        buffer_append_string(&commands, "*1\r\n$4\r\nTIME\r\n");
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = pair_connect(&pair, 0);
        pair_send(clients[i], buffer_content(&commands).data, buffer_size(&commands));
        buffer_reset(&clients[i]->got, SIZE_MAX);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        buffer_append_string(engine_client_in(clients[i]->client), "*1\r\n$4\r\nEXEC\r\n");
        engine_client_input(engine, pair_now(&pair.nodes[0]), clients[i]->client);
    }
    engine_turn_end(engine, pair_now(&pair.nodes[0]));
    for (unsigned i = 0; i < CLIENTS; i++)
        answered += outbox_size(engine_client_out(clients[i]->client)) > 0;
    cr_assert(answered > 0 && answered <= 2, "%u of them", answered);
    pair_settle(&pair);
    for (unsigned i = 0; i < CLIENTS; i++)
        cr_assert_gt(buffer_size(&clients[i]->got), (size_t)COMMANDS * 10);
    buffer_deinit(&commands);
    pair_deinit(&pair);
}
