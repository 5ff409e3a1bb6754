/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The loop and what lives on it, over loopback sockets and ports that the system chooses. Nothing
 * sleeps: a test runs the loop until what it waits for is there, and its suite's time-out ends one
 * that waits in vain.
 */
#include "config.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/metrics.h"
#include "io/caller.h"
#include "io/clock.h"
#include "io/connection.h"
#include "io/gossip_udp.h"
#include "io/listener.h"
#include "io/log_sink.h"
#include "io/loop.h"
#include "lib/timeout.h"

TestSuite(loop, .timeout = TIMEOUT_S(10));
TestSuite(connection, .timeout = TIMEOUT_S(10));
TestSuite(listener, .timeout = TIMEOUT_S(10));
TestSuite(caller, .timeout = TIMEOUT_S(10));
TestSuite(gossip_udp, .timeout = TIMEOUT_S(10));
TestSuite(log_sink, .timeout = TIMEOUT_S(10));

static struct loop *loop;
static unsigned turns, wakes;
static void (*each_turn)(void);

static void on_wake(void *self)
{
    (void)self;
    wakes++;
}

static void on_turn_end(void *self)
{
    (void)self;
    turns++;
    if (each_turn != NULL)
        each_turn();
}

static void begin(void)
{
    const struct loop_owner owner = {.wake = on_wake, .turn_end = on_turn_end};

    loop = loop_create(&owner);
    cr_assert_not_null(loop);
}

/* ---- loop ---- */

struct test_errand {
    struct errand errand;
    int number;
};

static int ran[4];
static size_t ran_count, dropped;

static void run_errand(struct errand *errand)
{
    struct test_errand *test = list_entry(errand, struct test_errand, errand);

    ran[ran_count++] = test->number;
    memory_free(test);
    if (ran_count == 3)
        loop_stop(loop);
}

static void drop_errand(struct errand *errand)
{
    memory_free(list_entry(errand, struct test_errand, errand));
    dropped++;
}

static void post(int number)
{
    struct test_errand *test = memory_alloc(sizeof *test);

    *test = (struct test_errand){.errand = {.run = run_errand, .drop = drop_errand},
                                 .number = number};
    loop_post(loop, &test->errand);
}

Test(loop, runs_errands_in_the_order_of_posting)
{
    begin();
    for (int i = 0; i < 3; i++)
        post(i);
    loop_run(loop);
    cr_assert_eq(ran_count, 3);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(ran[i], i);
    loop_destroy(&loop);
    cr_assert_null(loop);
}

/* ---- turns ---- */

static void spin(void)
{
    struct timespec begin, now;

    loop_note(loop, WORK_RECLAIM);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    do
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    while ((now.tv_sec - begin.tv_sec) * 1000000 + (now.tv_nsec - begin.tv_nsec) / 1000 < 3000);
    loop_stop(loop);
}

static void sleep_once(void)
{
    const struct timespec while_others_run = {.tv_nsec = 50 * 1000 * 1000};

    nanosleep(&while_others_run, NULL);
    loop_stop(loop);
}

static uint64_t longest_turn(void (*turn)(void), uint32_t *doing)
{
    struct metrics *metrics = metrics_create(1, 0);
    const struct loop_owner owner = {
        .wake = on_wake, .turn_end = on_turn_end, .metrics = metrics_block(metrics, 0)};

    loop = loop_create(&owner);
    cr_assert_not_null(loop);
    each_turn = turn;
    loop_wake_at(loop, 0);
    loop_run(loop);
    const uint64_t longest = metrics_longest_turn(metrics, doing);
    struct histogram all;
    metrics_sum_latency(metrics, METRIC_TURN_TIME, &all);
    cr_assert_eq(histogram_count(&all), turns);
    loop_destroy(&loop);
    metrics_destroy(&metrics);
    return longest;
}

Test(loop, tells_the_longest_turn_and_what_it_did)
{
    uint32_t doing;

    cr_assert_geq(longest_turn(spin, &doing), 3000);
    cr_assert_eq(doing, work_bit(WORK_RECLAIM));
}

Test(loop, counts_a_turn_by_the_cpu_and_not_by_the_neighbours)
{
    uint32_t doing;

    cr_assert_lt(longest_turn(sleep_once, &doing), 50000);
}

static void spin_until_late(void)
{
    while (!loop_late(loop))
        continue;
    cr_assert_geq(clock_now().mono_us - loop_now(loop).mono_us, 400);
    loop_stop(loop);
}

Test(loop, a_turn_that_has_had_its_time_is_late)
{
    uint32_t doing;

    cr_assert_geq(longest_turn(spin_until_late, &doing), 400);
}

Test(loop, drops_errands_that_it_does_not_get_to)
{
    begin();
    post(1);
    post(2);
    loop_destroy(&loop);
    cr_assert_eq(dropped, 2);
    cr_assert_eq(ran_count, 0);
}

static void stop_when_woken(void)
{
    if (wakes > 0)
        loop_stop(loop);
}

Test(loop, wakes_its_owner_and_not_before_the_time)
{
    begin();
    const int64_t at_us = clock_now().mono_us + 2000;
    loop_wake_at(loop, at_us + 1000000000);
    loop_wake_at(loop, at_us);
    each_turn = stop_when_woken;
    loop_run(loop);
    cr_assert_eq(wakes, 1);
    cr_assert_geq(clock_now().mono_us, at_us);
    loop_destroy(&loop);
}

Test(loop, a_time_that_is_past_wakes_at_once_and_never_wakes_not)
{
    begin();
    loop_wake_at(loop, clock_now().mono_us + 1000);
    loop_wake_at(loop, INT64_MAX);
    loop_wake_at(loop, 0);
    each_turn = stop_when_woken;
    loop_run(loop);
    cr_assert_eq(wakes, 1);
    loop_destroy(&loop);
}

Test(loop, has_one_time_a_turn)
{
    begin();
    const struct instant now = loop_now(loop);
    while (clock_now().mono_us == now.mono_us)
        continue;
    cr_assert_eq(loop_now(loop).mono_us, now.mono_us);
    loop_destroy(&loop);
}

/* ---- connection ---- */

/* One end of a socket pair on the loop; the other is the test's. */
struct end {
    struct connection connection;
    struct buffer in;
    struct outbox out;
    int other;
    unsigned inputs, drains, closes;
    int error;
};

static struct end near_end, second_end;
static bool filling; /* `out` is in the middle of a frame: what flushes it is wrong */
static unsigned flushed_while_filling;

static void on_input(struct connection *connection)
{
    struct end *end = list_entry(connection, struct end, connection);

    end->inputs++;
}

static void on_closed(struct connection *connection, int error)
{
    struct end *end = list_entry(connection, struct end, connection);

    end->closes++;
    end->error = error;
    connection_close(connection);
}

static void on_drained(struct connection *connection)
{
    struct end *end = list_entry(connection, struct end, connection);

    end->drains++;
}

static const struct connection_calls calls = {
    .input = on_input, .closed = on_closed, .drained = on_drained};

static void open_end(struct end *end)
{
    int pair[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    end->other = pair[1];
    outbox_init(&end->out);
    connection_init(&end->connection, loop, pair[0], &end->in, &end->out, &calls);
}

static void close_end(struct end *end)
{
    connection_close(&end->connection);
    buffer_deinit(&end->in);
    outbox_deinit(&end->out);
    close(end->other);
}

static void stop_after_a_turn(void)
{
    loop_stop(loop);
}

/* Bytes that no socket takes at once. */
static void fill_out(struct end *end, size_t size)
{
    uint8_t *at = buffer_reserve(&end->out.head, size);

    memset(at, 'x', size);
    buffer_commit(&end->out.head, size);
}

static size_t drain_other(struct end *end)
{
    static char bytes[65536];
    size_t total = 0;
    ssize_t got;

    while ((got = read(end->other, bytes, sizeof bytes)) > 0)
        total += (size_t)got;
    return total;
}

static void stop_on_input(void)
{
    if (near_end.inputs > 0 || near_end.closes > 0)
        loop_stop(loop);
}

Test(connection, tells_its_owner_what_arrives)
{
    begin();
    open_end(&near_end);
    cr_assert_eq(write(near_end.other, "hello", 5), 5);
    each_turn = stop_on_input;
    loop_run(loop);
    cr_assert(span_equal(buffer_content(&near_end.in), SPAN("hello")));
    cr_assert_eq(near_end.connection.bytes_in, 5);
    close_end(&near_end);
    loop_destroy(&loop);
}

Test(connection, tells_of_the_end)
{
    begin();
    open_end(&near_end);
    cr_assert_eq(shutdown(near_end.other, SHUT_WR), 0);
    each_turn = stop_on_input;
    loop_run(loop);
    cr_assert_eq(near_end.closes, 1);
    cr_assert_eq(near_end.error, 0);
    connection_close(&near_end.connection);
    close_end(&near_end);
    loop_destroy(&loop);
}

static void stop_when_closed(void)
{
    if (near_end.closes > 0)
        loop_stop(loop);
}

/* The kernel tells once of the bytes and of the end behind them, of both together. */
static void reads_so_many_and_the_end(size_t size)
{
    static char bytes[100000];

    begin();
    open_end(&near_end);
    cr_assert_eq(write(near_end.other, bytes, size), (ssize_t)size);
    cr_assert_eq(shutdown(near_end.other, SHUT_WR), 0);
    each_turn = stop_when_closed;
    loop_run(loop);
    cr_assert_eq(near_end.connection.bytes_in, size);
    cr_assert_eq(near_end.closes, 1);
    close_end(&near_end);
    loop_destroy(&loop);
}

Test(connection, tells_of_the_end_behind_a_few_bytes)
{
    reads_so_many_and_the_end(5);
}

Test(connection, tells_of_the_end_behind_many_reads)
{
    reads_so_many_and_the_end(100000);
}

#define PART 50000

static char part[PART];

static void write_more_while_paused(void)
{
    static bool written;

    if (near_end.inputs > 0 && !written) {
        cr_assert_lt(near_end.connection.bytes_in, PART, "one read takes it all");
        connection_pause(&near_end.connection);
        cr_assert_eq(write(near_end.other, part, PART), PART);
        connection_resume(&near_end.connection);
        written = true;
    }
    if (near_end.connection.bytes_in == 2 * PART)
        loop_stop(loop);
}

static void write_more_and_consume(void)
{
    static unsigned written = 1;

    if (near_end.inputs > 0 && written < 4) {
        cr_assert_eq(write(near_end.other, part, PART), PART);
        written++;
    }
    buffer_reset(&near_end.in, SIZE_MAX);
    if (near_end.connection.bytes_in == 4 * PART)
        loop_stop(loop);
}

/* Then it is read twice in a turn, and has to be read again all the same, once. */
Test(connection, is_told_of_more_while_it_is_still_unread)
{
    begin();
    open_end(&near_end);
    cr_assert_eq(write(near_end.other, part, PART), PART);
    each_turn = write_more_and_consume;
    loop_run(loop);
    cr_assert_eq(near_end.connection.bytes_in, 4 * PART);
    close_end(&near_end);
    loop_destroy(&loop);
}

/* What one read leaves, and what came while nothing was read, is not told of by anything else. */
Test(connection, reads_on_without_being_told_again)
{
    begin();
    open_end(&near_end);
    cr_assert_eq(write(near_end.other, part, PART), PART);
    each_turn = write_more_while_paused;
    loop_run(loop);
    cr_assert_eq(near_end.connection.bytes_in, 2 * PART);
    close_end(&near_end);
    loop_destroy(&loop);
}

static void leave_the_begin_of_a_message(void)
{
    const size_t size = buffer_size(&near_end.in);

    if (size > 100)
        buffer_consume(&near_end.in, size - 100);
    if (near_end.connection.bytes_in == PART)
        loop_stop(loop);
}

/* The block that all share would not be given back once it has grown. */
Test(connection, reads_behind_the_begin_of_a_message_in_the_same_block)
{
    begin();
    open_end(&near_end);
    for (size_t i = 0; i < PART; i++)
        part[i] = (char)('a' + i % 23);
    cr_assert_eq(write(near_end.other, part, PART), PART);
    each_turn = leave_the_begin_of_a_message;
    loop_run(loop);
    cr_assert_eq(near_end.in.capacity, READ_ROOM);
    cr_assert(span_equal(buffer_content(&near_end.in), span_of(part + PART - 100, 100)));
    close_end(&near_end);
    loop_destroy(&loop);
}

/* Output of a whole turn leaves in one write, after the turn's end. */
Test(connection, writes_once_a_turn)
{
    char bytes[16];

    begin();
    open_end(&near_end);
    buffer_append_string(&near_end.out.head, "one");
    connection_output(&near_end.connection);
    buffer_append_string(&near_end.out.head, "two");
    connection_output(&near_end.connection);
    cr_assert_eq(read(near_end.other, bytes, sizeof bytes), -1);
    post(1);
    each_turn = stop_after_a_turn;
    loop_run(loop);
    cr_assert_eq(read(near_end.other, bytes, sizeof bytes), 6);
    cr_assert_eq(memcmp(bytes, "onetwo", 6), 0);
    cr_assert_eq(near_end.drains, 1);
    cr_assert_eq(near_end.connection.bytes_out, 6);
    close_end(&near_end);
    loop_destroy(&loop);
}

static size_t awaited;

static void stop_when_all_is_there(void)
{
    if (buffer_size(&second_end.in) == awaited)
        loop_stop(loop);
}

/* A large value is written from where it lies, between bytes of the output's own. */
Test(connection, writes_what_its_output_refers_to)
{
    const size_t size = 3000000;
    struct buffer value = {0};

    begin();
    open_end(&near_end);
    outbox_init(&second_end.out);
    connection_init(&second_end.connection, loop, near_end.other, &second_end.in, &second_end.out,
                    &calls);
    memset(buffer_reserve(&value, size), 'v', size);
    buffer_commit(&value, size);
    const struct span bytes = buffer_content(&value);
    struct block *block = block_adopt(&value);
    buffer_append_string(&near_end.out.head, "before");
    outbox_refer(&near_end.out, block, bytes);
    buffer_append_string(outbox_last(&near_end.out), "behind");
    connection_output(&near_end.connection);
    post(1);
    awaited = 6 + size + 6;
    each_turn = stop_when_all_is_there;
    loop_run(loop);
    const struct span all = buffer_content(&second_end.in);
    cr_assert(span_equal(span_of(all.data, 6), SPAN("before")));
    cr_assert(span_equal(span_of(all.data + 6, size), bytes));
    cr_assert(span_equal(span_of(all.data + 6 + size, 6), SPAN("behind")));
    cr_assert_eq(near_end.drains, 1);
    cr_assert_eq(atomic_load(&block->shares), 1, "its share is given back");
    block_release(&block);
    near_end.other = second_end.other = dup(0);
    close_end(&near_end);
    second_end.other = dup(0);
    close_end(&second_end);
    loop_destroy(&loop);
}

static void stop_when_drained(void)
{
    if (near_end.drains > 0)
        loop_stop(loop);
}

Test(connection, waits_for_a_slow_reader)
{
    const size_t size = 8 << 20;

    begin();
    open_end(&near_end);
    outbox_init(&second_end.out);
    connection_init(&second_end.connection, loop, near_end.other, &second_end.in, &second_end.out,
                    &calls);
    fill_out(&near_end, size);
    connection_output(&near_end.connection);
    post(1);
    each_turn = stop_when_drained;
    loop_run(loop);
    second_end.other = dup(0);
    cr_assert_geq(buffer_size(&second_end.in) + drain_other(&near_end), size - (1 << 20));
    cr_assert_eq(near_end.connection.bytes_out, size);
    near_end.other = dup(0);
    close_end(&near_end);
    close_end(&second_end);
    loop_destroy(&loop);
}

/* Who is told of input on one connection puts half a frame into another's output, and ends it when
 * the turn ends. If the socket of that one becomes writable in the same turn, it must not go out
 * before. */
static void begin_a_frame(struct connection *connection)
{
    (void)connection;
    if (!filling)
        fill_out(&second_end, 1);
    filling = true;
    second_end.inputs = (unsigned)outbox_size(&second_end.out);
}

static const struct connection_calls filler_calls = {.input = begin_a_frame, .closed = on_closed};

static void end_the_frame(void)
{
    if (!filling)
        return;
    flushed_while_filling += outbox_size(&second_end.out) != second_end.inputs;
    loop_stop(loop);
}

static void order_events(void)
{
    cr_assert(second_end.connection.write_event != NULL);
    cr_assert_eq(write(near_end.other, "x", 1), 1);
    drain_other(&second_end);
    each_turn = end_the_frame;
}

static void go_on(void)
{
    post(2);
    each_turn = order_events;
}

Test(connection, what_becomes_writable_waits_for_the_end_of_the_turn)
{
    begin();
    open_end(&near_end);
    near_end.connection.calls = &filler_calls;
    open_end(&second_end);
    fill_out(&second_end, 4 << 20);
    connection_output(&second_end.connection);
    post(1);
    each_turn = go_on; /* then both become ready, in this order */
    loop_run(loop);
    cr_assert_eq(flushed_while_filling, 0, "output left before its frame was complete");
    close_end(&near_end);
    close_end(&second_end);
    loop_destroy(&loop);
}

static void stop_on_close(void)
{
    if (near_end.closes > 0)
        loop_stop(loop);
}

/* A write that fails tells its owner in a turn, where it may write to others, and not while the
 * loop is writing. */
Test(connection, gives_back_the_buffers_that_are_empty_and_large)
{
    begin();
    open_end(&near_end);
    fill_out(&near_end, 100000);
    connection_trim(&near_end.connection, 0);
    cr_assert_eq(outbox_size(&near_end.out), 100000);
    outbox_consume(&near_end.out, 100000);
    buffer_append_string(&near_end.in, "half a command");
    connection_trim(&near_end.connection, 1 << 20);
    cr_assert_geq(near_end.out.head.capacity, 100000);
    connection_trim(&near_end.connection, 0);
    cr_assert_eq(near_end.out.head.capacity, 0);
    cr_assert_eq(buffer_size(&near_end.in), 14);
    close_end(&near_end);
    loop_destroy(&loop);
}

static void read_one_byte(struct end *end)
{
    cr_assert_eq(write(end->other, "x", 1), 1);
    end->inputs = 0;
    while (end->inputs == 0)
        event_base_loop(loop_base(loop), EVLOOP_ONCE);
}

/* So idle ones hold none. */
Test(connection, gives_its_block_to_the_next_that_reads)
{
    static struct end others[2];

    begin();
    open_end(&others[0]);
    open_end(&others[1]);
    read_one_byte(&others[0]);
    const uint8_t *block = others[0].in.block;
    connection_rest(&others[0].connection);
    cr_assert_eq(others[0].in.block, block, "there is something in it");
    buffer_consume(&others[0].in, 1);
    connection_rest(&others[0].connection);
    cr_assert_null(others[0].in.block);
    read_one_byte(&others[1]);
    cr_assert_eq(others[1].in.block, block);
    /* One that comes too late for the other's goes back to the allocator. */
    read_one_byte(&others[0]);
    buffer_consume(&others[0].in, 1);
    buffer_consume(&others[1].in, 1);
    connection_rest(&others[0].connection);
    connection_rest(&others[1].connection);
    cr_assert_null(others[0].in.block);
    cr_assert_null(others[1].in.block);
    close_end(&others[0]);
    close_end(&others[1]);
    loop_destroy(&loop);
}

Test(connection, a_failed_write_is_told_in_the_next_turn)
{
    begin();
    open_end(&near_end);
    connection_pause(&near_end.connection);
    close(near_end.other);
    near_end.other = dup(0);
    buffer_append_string(&near_end.out.head, "x");
    connection_output(&near_end.connection);
    post(1);
    each_turn = stop_on_close;
    loop_run(loop);
    cr_assert_eq(near_end.closes, 1);
    cr_assert_eq(near_end.error, EPIPE);
    cr_assert_eq(turns, 2);
    close_end(&near_end);
    loop_destroy(&loop);
}

Test(connection, output_that_found_no_memory_is_told_and_nothing_of_it_sent)
{
    begin();
    open_end(&near_end);
    buffer_append_string(&near_end.out.head, "what was before");
    cr_assert_null(buffer_reserve(&near_end.out.head, SIZE_MAX));
    connection_output(&near_end.connection);
    loop_wake_at(loop, 0);
    each_turn = stop_on_input;
    loop_run(loop);
    cr_assert_eq(near_end.closes, 1);
    cr_assert_eq(near_end.error, ENOMEM);
    cr_assert_eq(drain_other(&near_end), 0);
    close_end(&near_end);
    loop_destroy(&loop);
}

Test(connection, reads_nothing_while_it_is_paused)
{
    begin();
    open_end(&near_end);
    connection_pause(&near_end.connection);
    connection_pause(&near_end.connection);
    cr_assert_eq(write(near_end.other, "x", 1), 1);
    post(1);
    each_turn = stop_after_a_turn;
    loop_run(loop);
    cr_assert_eq(near_end.inputs, 0);
    close_end(&near_end);
    loop_destroy(&loop);
}

Test(connection, goes_on_reading_after_a_pause)
{
    begin();
    open_end(&near_end);
    connection_pause(&near_end.connection);
    cr_assert_eq(write(near_end.other, "x", 1), 1);
    connection_resume(&near_end.connection);
    each_turn = stop_on_input;
    loop_run(loop);
    cr_assert_eq(near_end.inputs, 1);
    close_end(&near_end);
    loop_destroy(&loop);
}

/* ---- listener ---- */

static int accepted = -1;

static void on_accepted(void *context, int fd)
{
    (void)context;
    accepted = fd;
}

static const struct rlimit *descriptors; /* to be allowed again once the loop was woken */

static void stop_on_accept(void)
{
    if (wakes > 0 && descriptors != NULL)
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, descriptors), 0);
    if (accepted >= 0)
        loop_stop(loop);
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;

    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

static struct listener *listen_somewhere(struct sockaddr_storage *address, socklen_t *size)
{
    cr_assert(listener_address("127.0.0.1", 0, address, size));
    struct listener *listener = listener_create(loop, address, *size, 5, on_accepted, NULL);
    cr_assert_not_null(listener);
    cr_assert(listener_address("127.0.0.1", port_of(listener->fd), address, size));
    return listener;
}

Test(listener, knows_the_forms_of_an_address)
{
    static const char *const rows[][2] = {
        {"127.0.0.1", "127.0.0.1:7"},
        {"*", "0.0.0.0:7"},
        {"localhost", "127.0.0.1:7"},
        {"::1", "[::1]:7"},
        {"::*", "[::]:7"},
        {"example.org", NULL},
        {"", NULL},
        {"127.0.0.1.1", NULL},
        {"127.0.0", NULL},
    };
    struct sockaddr_storage address;
    socklen_t size;
    char text[64];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const bool known = listener_address(rows[i][0], 7, &address, &size);
        cr_assert_eq(known, rows[i][1] != NULL, "%s", rows[i][0]);
        if (!known)
            continue;
        listener_address_text(&address, text, sizeof text);
        cr_assert_str_eq(text, rows[i][1]);
    }
}

Test(listener, knows_this_machine_by_its_loopback)
{
    static const struct {
        const char *text;
        bool local;
    } rows[] = {{"127.0.0.1", true}, {"127.8.0.1", true}, {"::1", true},      {"10.0.0.1", false},
                {"*", false},        {"::*", false},      {"fd00::1", false}, {"::2", false}};
    struct sockaddr_storage address;
    socklen_t size;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_assert(listener_address(rows[i].text, 7, &address, &size));
        cr_assert_eq(listener_is_local(&address), rows[i].local, "%s", rows[i].text);
    }
}

Test(listener, takes_connections)
{
    struct sockaddr_storage address;
    socklen_t size;

    begin();
    struct listener *listener = listen_somewhere(&address, &size);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, size), 0);
    each_turn = stop_on_accept;
    loop_run(loop);
    cr_assert(fcntl(accepted, F_GETFL) & O_NONBLOCK);
    close(accepted);
    close(fd);
    listener_destroy(&listener);
    cr_assert_null(listener);
    loop_destroy(&loop);
}

Test(listener, several_workers_share_a_port_and_a_probe_finds_it_taken)
{
    struct sockaddr_storage address;
    socklen_t size;

    begin();
    struct listener *first = listen_somewhere(&address, &size);
    struct listener *second = listener_create(loop, &address, size, 5, on_accepted, NULL);
    cr_assert_not_null(second);
    cr_assert_eq(listener_probe(&address, size, SOCK_STREAM), EADDRINUSE);
    listener_destroy(&first);
    listener_destroy(&second);
    cr_assert_eq(listener_probe(&address, size, SOCK_STREAM), 0);
    loop_destroy(&loop);
}

Test(listener, without_descriptors_it_waits_and_then_goes_on)
{
    struct sockaddr_storage address;
    socklen_t size;
    struct rlimit limit;

    begin();
    struct listener *listener = listen_somewhere(&address, &size);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, size), 0);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = limit.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    loop_wake_at(loop, clock_now().mono_us + 20000);
    each_turn = stop_on_accept;
    descriptors = &limit;
    loop_run(loop);
    cr_assert_leq(turns, 4, "%u turns", turns);
    close(accepted);
    close(fd);
    listener_destroy(&listener);
    loop_destroy(&loop);
}

/* ---- gossip ---- */

static struct node_address came_from;
static char came[64];
static size_t came_count;

static void on_datagram(void *context, const struct node_address *from, struct span datagram)
{
    (void)context;
    came_from = *from;
    memcpy(came, datagram.data, datagram.size < sizeof came ? datagram.size : 0);
    came_count++;
}

static void stop_on_datagram(void)
{
    if (came_count == 2)
        loop_stop(loop);
}

Test(gossip_udp, carries_datagrams_and_says_from_where)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(struct sockaddr_in);
    struct node_address to = {.host = "127.0.0.1"}, six = {.host = "::1", .port = 9};
    struct gossip_udp *udp;

    begin();
    /* A port that is free now. */
    cr_assert(listener_address("127.0.0.1", 0, &address, &size));
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    to.port = port_of(fd);
    close(fd);
    cr_assert(listener_address("127.0.0.1", to.port, &address, &size));
    udp = gossip_udp_create(loop, on_datagram, NULL);
    cr_assert(gossip_udp_listen(udp, &address, size));
    cr_assert(!gossip_udp_listen(udp, &address, size));
    cr_assert_eq(errno, EADDRINUSE);
    gossip_udp_send(udp, &six, SPAN("nobody"));
    gossip_udp_send(udp, &to, SPAN("hello"));
    gossip_udp_send(udp, &to, span_of(NULL, 0));
    each_turn = stop_on_datagram;
    loop_run(loop);
    cr_assert_eq(memcmp(came, "hello", 5), 0);
    cr_assert_eq(came_from.port, to.port);
    cr_assert_str_eq(came_from.host, "127.0.0.1");
    gossip_udp_destroy(&udp);
    cr_assert_null(udp);
    loop_destroy(&loop);
}

Test(gossip_udp, a_socket_of_version_6_leaves_version_4_to_others)
{
    struct sockaddr_storage address;
    socklen_t size;

    begin();
    struct gossip_udp *udp = gossip_udp_create(loop, on_datagram, NULL);
    cr_assert(listener_address("::ffff:127.0.0.1", 0, &address, &size));
    cr_assert(!gossip_udp_listen(udp, &address, size));
    gossip_udp_destroy(&udp);
    loop_destroy(&loop);
}

/* ---- caller ---- */

static struct end server;
static struct handshake server_handshake;
static unsigned answers;
static char answer_error[128];
static uint64_t answered_call, answered_id;
static bool server_is_rude;

static struct handshake_self self_of(uint8_t node)
{
    return (struct handshake_self){
        .cluster = "c", .secret = "s", .node = {{node}}, .number = node, .boot = 1};
}

static struct handshake_self caller_self(void *host)
{
    (void)host;
    return self_of(1);
}

static void on_answer(void *host, uint64_t call, struct span answer, const char *error)
{
    struct wire_cursor cursor = {.at = answer.data, .end = answer.data + answer.size};
    struct wire_message message;
    const char *why;

    (void)host;
    answers++;
    answered_call = call;
    snprintf(answer_error, sizeof answer_error, "%s", error != NULL ? error : "");
    if (error == NULL && wire_next_message(&cursor, &message, &why) == WIRE_OK &&
        message.type == WIRE_PONG)
        answered_id = message.pong.id;
}

static const struct caller_calls caller_calls = {.self = caller_self, .answer = on_answer};

static void serve(struct connection *connection)
{
    const struct handshake_self self = self_of(2);
    struct wire_message message;
    struct wire_frame frame;
    const char *error;

    while (wire_next_frame(buffer_content(&server.in), 1 << 20, &frame) == WIRE_OK) {
        cr_assert_eq(wire_next_message(&frame.messages, &message, &error), WIRE_OK);
        if (server_handshake.state == HANDSHAKE_WAITING) {
            handshake_message(&server_handshake, &self, &message, &server.out.head);
        } else if (server_is_rude) {
            buffer_append_string(&server.out.head, "what do you want?");
        } else {
            const struct wire_pong pong = {.id = message.ping.id + 1};
            const size_t place = wire_frame_begin(&server.out.head, 0, 0);
            wire_put_pong(&server.out.head, &pong);
            wire_frame_end(&server.out.head, place);
        }
        buffer_consume(&server.in, frame.size);
    }
    connection_output(connection);
}

static const struct connection_calls server_calls = {.input = serve, .closed = on_closed};

static void on_called(void *context, int fd)
{
    struct rng rng;

    (void)context;
    rng_init(&rng, 3);
    handshake_accept(&server_handshake, &rng);
    connection_init(&server.connection, loop, fd, &server.in, &server.out, &server_calls);
}

static void stop_on_answer(void)
{
    if (answers > 0)
        loop_stop(loop);
}

/* A call to a listener; `silent` makes one that never accepts. */
static void call_somebody(bool silent, int64_t timeout_ms)
{
    const struct wire_ping ping = {.id = 41};
    struct buffer question = {0};
    struct sockaddr_storage address;
    socklen_t size;
    struct node_address to = {.host = "127.0.0.1"};

    begin();
    outbox_init(&server.out);
    server.connection.fd = -1;
    cr_assert(listener_address("127.0.0.1", 0, &address, &size));
    const int mute = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct listener *listener = NULL;
    if (silent) {
        cr_assert_eq(bind(mute, (struct sockaddr *)&address, size), 0);
        cr_assert_eq(listen(mute, 1), 0);
        to.port = port_of(mute);
    } else {
        listener = listener_create(loop, &address, size, 5, on_called, NULL);
        to.port = port_of(listener->fd);
    }
    struct caller *caller = caller_create(loop, &caller_calls, NULL, 5);
    wire_put_ping(&question, &ping);
    caller_call(caller, 7, &to, buffer_content(&question), timeout_ms);
    buffer_deinit(&question);
    cr_assert_eq(answers, 0, "never from within the call");
    each_turn = stop_on_answer;
    loop_run(loop);
    cr_assert_eq(answers, 1);
    cr_assert_eq(answered_call, 7);
    caller_destroy(&caller);
    connection_close(&server.connection);
    buffer_deinit(&server.in);
    outbox_deinit(&server.out);
    if (listener != NULL)
        listener_destroy(&listener);
    close(mute);
    loop_destroy(&loop);
}

Test(caller, asks_and_brings_the_answer)
{
    call_somebody(false, 5000);
    cr_assert_str_eq(answer_error, "");
    cr_assert_eq(answered_id, 42);
}

Test(caller, says_why_when_the_answer_is_garbage)
{
    server_is_rude = true;
    call_somebody(false, 5000);
    cr_assert_str_neq(answer_error, "");
}

Test(caller, gives_up_on_who_does_not_answer)
{
    call_somebody(true, 5);
    cr_assert_str_eq(answer_error, "it did not answer in time");
}

Test(caller, says_so_when_nobody_listens)
{
    struct node_address to = {.host = "127.0.0.1"};
    struct sockaddr_storage address;
    socklen_t size;
    struct caller *caller;

    begin();
    struct listener *listener = listen_somewhere(&address, &size);
    to.port = port_of(listener->fd);
    listener_destroy(&listener);
    caller = caller_create(loop, &caller_calls, NULL, 5);
    caller_call(caller, 7, &to, SPAN("x"), 5000);
    cr_assert_eq(answers, 0, "never from within the call");
    each_turn = stop_on_answer;
    loop_run(loop);
    cr_assert_str_eq(answer_error, "Connection refused");
    answers = 0;
    snprintf(to.host, sizeof to.host, "no address");
    caller_call(caller, 8, &to, SPAN("x"), 5000);
    loop_destroy(&loop);
    begin();
    caller_destroy(&caller);
    cr_assert_eq(answers, 0, "calls in flight end without an answer");
    loop_destroy(&loop);
}

/* ---- log ---- */

Test(log_sink, appends_a_line_with_time_and_mark)
{
    char path[] = "/tmp/dunlin-log-XXXXXX";
    struct log_sink sink;
    struct buffer error = {0};
    char text[256] = "";
    const int fd = mkstemp(path);

    cr_assert(fd >= 0);
    for (int i = 0; i < 2; i++) {
        cr_assert(log_sink_open(&sink, path, &error));
        log_sink_write(&sink, LOG_WARNING, SPAN("the ring is whole"));
        log_sink_close(&sink);
    }
    const ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    unlink(path);
    cr_assert(size > 0);
    int pid, year, used = 0;
    cr_assert_eq(
        sscanf(text, "%d %d-%*d-%*d %*d:%*d:%*d.%*d # the ring is whole%n", &pid, &year, &used), 2);
    cr_assert_eq(pid, getpid());
    cr_assert_eq((ssize_t)(used + 1) * 2, size, "two lines of one length: '%s'", text);
}

Test(log_sink, says_which_file_it_cannot_open)
{
    struct log_sink sink;
    struct buffer error = {0};

    cr_assert(!log_sink_open(&sink, "/nowhere/at/all", &error));
    cr_assert(span_equal(buffer_content(&error), SPAN("cannot open the log file '/nowhere/at/all':"
                                                      " No such file or directory")));
    buffer_deinit(&error);
}
