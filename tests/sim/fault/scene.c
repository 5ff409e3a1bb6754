/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/fault/scene.h"

#include <criterion/criterion.h>

#include "sim/world/form.h"

void scene_open(struct scene *scene, const struct world_settings *settings)
{
    static const struct fault_settings none = {.rates = {0}};

    *scene = (struct scene){.world = world_create(settings)};
    scene->world->clocks = &scene->history.clocks;
    scene->faults = faults_create(scene->world, &none, &scene->history);
    scene->faults->on = true;
    scene->faults->spared = 0;
    scene->nodes = scene->world->nodes;
}

void scene_close(struct scene *scene)
{
    faults_destroy(&scene->faults);
    world_destroy(&scene->world);
    history_deinit(&scene->history);
}

void scene_open_quiet(struct scene *scene)
{
    const struct world_settings settings = {.seed = 5,
                                            .nodes = 3,
                                            .replicas = 3,
                                            .read_level = LEVEL_QUORUM,
                                            .write_level = LEVEL_QUORUM,
                                            .partitions = 16,
                                            .detector = true};

    scene_open(scene, &settings);
}

void scene_go_on(struct scene *scene, int64_t for_us)
{
    world_run_until(scene->world, scene->world->now_us + for_us);
}

void scene_open_formed(struct scene *scene)
{
    const struct world_settings settings = {.seed = 5,
                                            .nodes = 3,
                                            .replicas = 3,
                                            .read_level = LEVEL_QUORUM,
                                            .write_level = LEVEL_QUORUM,
                                            .partitions = 16};
    struct verdict verdict = {0};

    scene_open(scene, &settings);
    form_ring(scene->world, &verdict);
    cr_assert_eq(verdict.wrong, 0);
}

bool scene_comes(struct scene *scene, bool (*so)(struct scene *scene))
{
    const int64_t until_us = scene->world->now_us + 60 * SECOND_US;

    while (!so(scene) && scene->world->now_us < until_us)
        scene_go_on(scene, SECOND_US / 50);
    return so(scene);
}

bool scene_route_is_open(const struct scene *scene, unsigned from, unsigned to)
{
    return !scene->world->routes[from][to].blocked;
}
