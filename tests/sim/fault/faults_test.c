/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Each fault of processes, clocks, memory and disks does what its text says, and all end. Those of
 * the network are in net_test.c.
 */
#include <criterion/criterion.h>
#include <inttypes.h>

#include "base/metrics.h"
#include "lib/timeout.h"
#include "node/state.h"
#include "sim/fault/scene.h"
#include "sim/world/client.h"

TestSuite(fault, .timeout = TIMEOUT_S(60));

/* ---- settings ---- */

Test(fault, rates_are_printed_as_they_are_parsed)
{
    struct fault_settings settings, again;
    char text[400];

    cr_assert(fault_settings_parse(&settings, "torn=5,clog,move=0"));
    cr_assert_eq(settings.rates[FAULT_TORN], 5);
    cr_assert_eq(settings.rates[FAULT_CLOG], 1);
    cr_assert_eq(settings.rates[FAULT_MOVE], 0);
    for (uint64_t seed = 0; seed < 100; seed++) {
        fault_settings_draw(&settings, seed);
        fault_settings_print(&settings, text, sizeof text);
        cr_assert(fault_settings_parse(&again, text), "%s", text);
        cr_assert_arr_eq(again.rates, settings.rates, sizeof settings.rates);
    }
    cr_assert_not(fault_settings_parse(&settings, "torn=100"));
    cr_assert_not(fault_settings_parse(&settings, "earthquake"));
}

Test(fault, each_kind_is_in_some_runs_and_not_in_others)
{
    unsigned counts[FAULT_COUNT] = {0};

    for (uint64_t seed = 0; seed < 1200; seed++) {
        struct fault_settings settings;
        fault_settings_draw(&settings, seed);
        for (int fault = 0; fault < FAULT_COUNT; fault++)
            counts[fault] += settings.rates[fault] > 0;
    }
    for (int fault = 0; fault < FAULT_COUNT; fault++) {
        cr_assert_gt(counts[fault], 60, "%s", fault_rows[fault].name);
        cr_assert_lt(counts[fault], 1100, "%s", fault_rows[fault].name);
    }
}

Test(fault, a_drawn_schedule_makes_every_kind)
{
    struct world_settings world = {
        .seed = 3, .nodes = 31, .replicas = 3, .partitions = 16, .detector = true};
    struct scene scene;

    world.read_level = world.write_level = LEVEL_QUORUM;
    scene_open(&scene, &world);
    fault_settings_all(&scene.faults->settings);
    scene.faults->rates = FAULT_COUNT;
    faults_begin(scene.faults);
    scene_go_on(&scene, 20 * SECOND_US);
    faults_end(scene.faults);
    cr_assert_gt(faults_made(scene.faults), 20);
    scene_go_on(&scene, SECOND_US);
    for (unsigned i = 1; i <= 31; i++)
        cr_assert(sim_node_runs(scene.nodes[i]) && !scene.nodes[i]->paused);
    scene_close(&scene);
}

/* ---- clocks ---- */

Test(fault, a_clock_jumps_both_ways_and_is_right_again)
{
    struct scene scene;
    unsigned forwards = 0, backwards = 0, far = 0;

    scene_open_quiet(&scene);
    const int64_t skew_us = scene.world->options->max_clock_skew_ms * 1000;
    for (int i = 0; i < 8; i++) {
        faults_make(scene.faults, FAULT_JUMP, 2, 1, 5 * SECOND_US);
        int64_t before_us = 0;
        for (int step = 0; step < 600; step++) {
            scene_go_on(&scene, 10000);
            const int64_t off_us = sim_node_clock_off_us(scene.nodes[2]);
            forwards += off_us > before_us;
            backwards += off_us < before_us;
            far += off_us > skew_us || off_us < -skew_us;
            before_us = off_us;
            cr_assert(far == 0 || sim_node_clock_off_us(scene.nodes[1]) == 0);
        }
        cr_assert_eq(sim_node_clock_off_us(scene.nodes[2]), 0);
    }
    cr_assert_gt(forwards, 8);
    cr_assert_gt(backwards, 8);
    cr_assert_gt(far, 8);
    cr_assert_gt(scene.history.clocks.count, 16); /* the checker of dates knows */
    scene_close(&scene);
}

Test(fault, one_clock_at_a_time_is_out_of_line)
{
    struct scene scene;

    scene_open_quiet(&scene);
    faults_make(scene.faults, FAULT_SKEW, 1, 2, SECOND_US);
    cr_assert_neq(sim_node_clock_off_us(scene.nodes[1]), 0);
    faults_make(scene.faults, FAULT_SKEW, 2, 3, SECOND_US);
    cr_assert_eq(sim_node_clock_off_us(scene.nodes[2]), 0);
    scene_go_on(&scene, SECOND_US);
    cr_assert_eq(sim_node_clock_off_us(scene.nodes[1]), 0);
    scene_close(&scene);
}

/* ---- processes ---- */

static bool all_vote(struct scene *scene)
{
    for (unsigned i = 1; i <= 3; i++)
        if (!sim_node_runs(scene->nodes[i]) || sim_node_forgetful(scene->nodes[i]))
            return false;
    return true;
}

/* All others see node 3 alive, at the port where it listens. */
static bool found_at_its_port(struct scene *scene)
{
    for (unsigned i = 1; i <= 2; i++) {
        const struct view_node *seen = view_node(scene->nodes[i]->view, 3);
        if (seen == NULL || seen->health != HEALTH_ALIVE ||
            seen->port != world_port(3, scene->nodes[3]->place))
            return false;
    }
    return true;
}

Test(fault, a_process_that_moved_is_found_at_its_new_address_and_votes_again)
{
    struct scene scene;

    scene_open_formed(&scene);
    faults_make(scene.faults, FAULT_MOVE, 3, 1, SECOND_US);
    cr_assert_not(sim_node_runs(scene.nodes[3]));
    cr_assert_eq(scene.nodes[3]->place, 1);
    cr_assert_not(found_at_its_port(&scene));
    cr_assert(scene_comes(&scene, all_vote));
    cr_assert(scene_comes(&scene, found_at_its_port));
    cr_assert_eq(sim_node_ring(scene.nodes[3])->content.version,
                 sim_node_ring(scene.nodes[1])->content.version);
    scene_close(&scene);
}

Test(fault, no_more_replicas_forget_than_the_promises_stand_for)
{
    struct scene scene;
    unsigned gone = 0;

    scene_open_formed(&scene);
    faults_make(scene.faults, FAULT_RESTART, 1, 2, SECOND_US);
    faults_make(scene.faults, FAULT_MOVE, 2, 3, SECOND_US);
    faults_make(scene.faults, FAULT_TORN, 3, 1, SECOND_US);
    faults_make(scene.faults, FAULT_RESTART, 3, 1, SECOND_US);
    for (unsigned i = 1; i <= 3; i++)
        gone += !sim_node_runs(scene.nodes[i]) || scene.nodes[i]->disk.next != DISK_UNCUT;
    cr_assert_eq(gone, 1); /* W is 2 */
    scene_close(&scene);
}

Test(fault, the_history_knows_from_when_to_when_all_forgot)
{
    struct scene scene;

    scene_open_formed(&scene);
    const int64_t since_us = scene.world->now_us;
    faults_make(scene.faults, FAULT_ALL_RESTART, 1, 2, SECOND_US);
    cr_assert(faults_amnesty(scene.faults));
    scene_go_on(&scene, SECOND_US);
    cr_assert(scene_comes(&scene, all_vote));
    scene_go_on(&scene, SECOND_US);
    cr_assert_eq(scene.history.amnesty_count, 1);
    cr_assert_eq(scene.history.amnesties[0].from_us, since_us);
    cr_assert_lt(scene.history.amnesties[0].to_us, scene.world->now_us);
    scene_close(&scene);
}

/* ---- disks ---- */

static bool died(struct scene *scene)
{
    return !sim_node_runs(scene->nodes[2]);
}

/* Node 2 is killed while it raises its ceiling, in this way. */
static void cut(struct scene *scene, enum disk_cut how)
{
    scene_open_formed(scene);
    faults_make(scene->faults, FAULT_TORN, 2, 1, 20 * SECOND_US);
    cr_assert_neq(scene->nodes[2]->disk.next, DISK_UNCUT);
    scene->nodes[2]->disk.next = how;
    cr_assert(scene_comes(scene, died));
}

/* STATE_OK, or why node 2's ceiling.state is refused. */
static enum state_status ceiling_of(const struct scene *scene, struct saved_ceiling *state)
{
    return ceiling_state_decode(state, buffer_content(&scene->nodes[2]->disk.files[DISK_CEILING]));
}

Test(fault, a_torn_file_is_read_as_torn_and_the_server_refuses_to_start_until_it_is_mended)
{
    struct scene scene;
    struct saved_ceiling state;

    cut(&scene, DISK_TORN);
    const uint64_t ceiling = scene.nodes[2]->ceiling;
    cr_assert_eq(ceiling_of(&scene, &state), STATE_TORN);
    sim_node_start(scene.nodes[2], true);
    cr_assert_not(sim_node_runs(scene.nodes[2]));
    cr_assert(scene_comes(&scene, all_vote));
    cr_assert_eq(ceiling_of(&scene, &state), STATE_OK);
    cr_assert_geq(state.ceiling, ceiling); /* the one before, or higher by now */
    scene_close(&scene);
}

Test(fault, a_process_that_was_killed_in_a_write_comes_back_with_the_old_file_or_the_new_one)
{
    static const enum disk_cut cuts[] = {DISK_OLD, DISK_NEW};

    for (int i = 0; i < 2; i++) {
        struct scene scene;
        struct saved_ceiling state;

        cut(&scene, cuts[i]);
        cr_assert_eq(ceiling_of(&scene, &state), STATE_OK);
        if (cuts[i] == DISK_OLD)
            cr_assert_eq(state.ceiling, scene.nodes[2]->ceiling);
        else
            cr_assert_gt(state.ceiling, scene.nodes[2]->ceiling);
        cr_assert(scene_comes(&scene, all_vote));
        scene_close(&scene);
    }
}

Test(fault, a_ring_that_was_torn_on_disk_is_refused_as_well)
{
    struct scene scene;
    uint64_t ceiling;
    struct buffer ring = {0};

    scene_open_formed(&scene);
    struct sim_node *node = scene.nodes[2];
    buffer_append_span(&ring, sim_disk_ring(&node->disk));
    node->disk.next = DISK_TORN;
    node->disk.torn_percent = 99;
    cr_assert_not(sim_disk_keep_ring(&node->disk, buffer_content(&ring)));
    cr_assert(sim_disk_open(&node->disk, &node->identity, &ceiling) != NULL);
    sim_disk_mend(&node->disk);
    cr_assert(sim_disk_open(&node->disk, &node->identity, &ceiling) == NULL);
    cr_assert(span_equal(sim_disk_ring(&node->disk), buffer_content(&ring)));
    buffer_deinit(&ring);
    scene_close(&scene);
}

Test(fault, a_full_disk_takes_nothing_and_keeps_what_it_has)
{
    struct scene scene;
    struct saved_ceiling before, after;

    scene_open_formed(&scene);
    faults_make(scene.faults, FAULT_DISK, 2, 1, 3 * SECOND_US);
    cr_assert_eq(ceiling_of(&scene, &before), STATE_OK);
    scene_go_on(&scene, 5 * SECOND_US);
    cr_assert_eq(ceiling_of(&scene, &after), STATE_OK);
    cr_assert_eq(after.ceiling, before.ceiling);
    scene_go_on(&scene, 10 * SECOND_US);
    cr_assert_eq(ceiling_of(&scene, &after), STATE_OK);
    cr_assert_gt(after.ceiling, before.ceiling);
    scene_close(&scene);
}

/* ---- memory ---- */

struct speaker {
    struct sim_client *client;
    char last[64];
    unsigned replies;
    bool closed;
};

static void on_reply(void *context, struct span reply)
{
    struct speaker *speaker = context;

    snprintf(speaker->last, sizeof speaker->last, "%.*s", (int)reply.size,
             (const char *)reply.data);
    speaker->replies++;
}

static void on_closed(void *context)
{
    struct speaker *speaker = context;

    speaker->closed = true;
}

static void say(struct scene *scene, struct speaker *speaker, unsigned node, const char *words)
{
    if (speaker->client == NULL) {
        speaker->closed = false;
        speaker->client = sim_client_open(scene->nodes[node], 100 + node);
        speaker->client->context = speaker;
        speaker->client->on_reply = on_reply;
        speaker->client->on_closed = on_closed;
    }
    sim_client_say(speaker->client, words);
    scene_go_on(scene, SECOND_US);
}

static void hush(struct scene *scene, struct speaker *speaker)
{
    if (!speaker->closed)
        say(scene, speaker, 1, "quit");
    cr_assert(speaker->closed);
    sim_client_destroy(&speaker->client);
}

/* Writes to many keys while node 3 is not reached; returns how many were acknowledged. */
static unsigned write_many(struct scene *scene, struct speaker *speaker)
{
    char words[64];
    unsigned good = 0;

    for (int i = 0; i < 10; i++) {
        snprintf(words, sizeof words, "set key%d value", i);
        say(scene, speaker, 1, words);
        good += strncmp(speaker->last, "+OK", 3) == 0;
    }
    return good;
}

static uint64_t hints_of(const struct scene *scene)
{
    uint64_t sum = 0;

    for (unsigned i = 1; i <= 2; i++)
        sum += metrics_sum(scene->nodes[i]->metrics, METRIC_HINTS_KEPT);
    return sum;
}

Test(fault, a_full_hint_store_keeps_no_hint_and_writes_go_on)
{
    struct scene scene;
    struct speaker speaker = {0};

    scene_open_formed(&scene);
    faults_make(scene.faults, FAULT_ISOLATE, 3, 1, 60 * SECOND_US);
    faults_make(scene.faults, FAULT_HINTS, 1, 2, 30 * SECOND_US);
    faults_make(scene.faults, FAULT_HINTS, 2, 1, 30 * SECOND_US);
    cr_assert(scene.history.drops_hints);
    cr_assert_gt(write_many(&scene, &speaker), 5);
    cr_assert_eq(hints_of(&scene), 0);
    scene_go_on(&scene, 20 * SECOND_US);
    cr_assert_gt(write_many(&scene, &speaker), 5);
    cr_assert_gt(hints_of(&scene), 0);
    hush(&scene, &speaker);
    scene_close(&scene);
}

Test(fault, allocations_fail_and_the_server_answers_and_lives)
{
    struct scene scene;
    struct speaker speaker = {0};
    uint64_t refused = 0;

    scene_open_formed(&scene);
    cr_assert_eq(write_many(&scene, &speaker), 10);
    for (unsigned i = 1; i <= 3; i++) {
        faults_make(scene.faults, FAULT_ALLOC, i, 1, 30 * SECOND_US);
        scene.nodes[i]->allocator.of_1000 = 1000;
        scene.nodes[i]->allocator.least = 0;
    }
    cr_assert(scene.history.vanishes);
    say(&scene, &speaker, 1, "set another value");
    for (unsigned i = 1; i <= 3; i++)
        refused += scene.nodes[i]->allocator.refused;
    cr_assert_gt(refused, 0);
    cr_assert(speaker.closed || speaker.last[0] == '-', "%s", speaker.last);
    scene_go_on(&scene, 30 * SECOND_US);
    cr_assert_eq(scene.nodes[1]->allocator.of_1000, 0);
    hush(&scene, &speaker);
    cr_assert_eq(write_many(&scene, &speaker), 10);
    hush(&scene, &speaker);
    scene_close(&scene);
}

Test(fault, a_store_that_takes_nothing_more_refuses_writes_and_keeps_what_it_has)
{
    struct scene scene;
    struct speaker speaker = {0};

    scene_open_formed(&scene);
    cr_assert_eq(write_many(&scene, &speaker), 10);
    for (unsigned i = 1; i <= 3; i++)
        faults_make(scene.faults, FAULT_MEMORY, i, 1, 3 * SECOND_US);
    say(&scene, &speaker, 1, "set another value");
    cr_assert_eq(strncmp(speaker.last, "-OOM", 4), 0, "%s", speaker.last);
    say(&scene, &speaker, 1, "get key1");
    cr_assert_eq(strncmp(speaker.last, "$5", 2), 0, "%s", speaker.last);
    scene_go_on(&scene, 3 * SECOND_US);
    say(&scene, &speaker, 1, "set another value");
    cr_assert_eq(strncmp(speaker.last, "+OK", 3), 0, "%s", speaker.last);
    hush(&scene, &speaker);
    scene_close(&scene);
}

static uint64_t keys_of(const struct sim_node *node)
{
    struct partition_counts counts;
    uint64_t keys = 0;

    for (uint32_t p = 0; p < store_partitions(node->store); p++) {
        partition_count(store_partition(node->store, p), &counts);
        keys += counts.keys;
    }
    return keys;
}

Test(fault, evicted_keys_are_gone_from_the_node)
{
    struct scene scene;
    struct speaker speaker = {0};

    scene_open_formed(&scene);
    write_many(&scene, &speaker);
    const uint64_t before = keys_of(scene.nodes[2]);
    for (int i = 0; i < 8; i++) /* some of them at once and all */
        faults_make(scene.faults, FAULT_EVICT, 2, 1, 3 * SECOND_US);
    cr_assert(scene.history.vanishes);
    scene_go_on(&scene, 1000);
    cr_assert_lt(keys_of(scene.nodes[2]), before);
    hush(&scene, &speaker);
    scene_close(&scene);
}

Test(fault, a_paused_process_does_nothing_until_it_goes_on)
{
    struct scene scene;
    struct speaker speaker = {0};

    scene_open_formed(&scene);
    say(&scene, &speaker, 1, "ping");
    const unsigned replies = speaker.replies;
    faults_make(scene.faults, FAULT_PAUSE, 1, 2, 3 * SECOND_US);
    say(&scene, &speaker, 1, "ping");
    cr_assert_eq(speaker.replies, replies);
    scene_go_on(&scene, 3 * SECOND_US);
    cr_assert_eq(speaker.replies, replies + 1);
    hush(&scene, &speaker);
    scene_close(&scene);
}

Test(fault, what_goes_wrong_ends_with_the_faults)
{
    struct scene scene;

    scene_open_formed(&scene);
    for (int fault = 0; fault < FAULT_COUNT; fault++)
        faults_make(scene.faults, (enum fault)fault, 1 + (unsigned)fault % 3,
                    1 + (unsigned)(fault + 1) % 3, 30 * SECOND_US);
    scene_go_on(&scene, 4 * SECOND_US);
    faults_end(scene.faults);
    cr_assert(scene_comes(&scene, all_vote));
    cr_assert(scene_comes(&scene, found_at_its_port));
    for (unsigned from = 1; from <= 3; from++)
        for (unsigned to = 1; to <= 3; to++)
            cr_assert(scene_route_is_open(&scene, from, to));
    scene_close(&scene);
}
