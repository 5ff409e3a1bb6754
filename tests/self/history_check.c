/* SPDX-License-Identifier: BSD-3-Clause
 *
 * history_check FILE
 *
 * An outside checker of the simulator's histories, as docs/TESTING.md (Histories) describes them:
 * it shares no code with the simulator, and shows that such a file can be judged by somebody else.
 * Two things must hold:
 *
 *   every value that was seen was written to that key, by an operation invoked before the answer
 *   each register (key k<n>) is linearizable: there is an order of its operations that agrees with
 *   the times, in which each sees what the one before it left
 *
 * The second is promised at R + W > N and 2W > N with `conflict lww`, where nothing may vanish and
 * no node forgets. The order is looked for as Wing and Gong do (Testing and Verifying Concurrent
 * Objects, 1993), with the states that were visited kept, as in Lowe's version (2017). An operation
 * of unknown outcome may have taken effect at any time since, or never.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX     24
#define NEVER_US    INT64_MAX
#define NOTHING     (-1) /* no value: the register is empty */
#define VISITS_MAX  20000000u
#define VISITED_MAX (1u << 22)

enum sight { SAW_UNTOLD, SAW_NOTHING, SAW_SOMETHING, SAW_VALUE };

struct operation {
    int64_t invoke_us, return_us;
    char key[KEY_MAX];
    enum sight sight;
    int64_t value;  /* SAW_VALUE */
    bool writes;    /* if only a deadline */
    bool changes;   /* to `leaves` */
    int64_t leaves; /* a value, or NOTHING */
    bool weak;      /* it asked for less than the levels that the promise is about */
};

struct history {
    struct operation *operations; /* by name */
    size_t count, capacity;
};

static void fail(const char *what, size_t operation)
{
    printf("operation %zu: %s\n", operation, what);
    exit(1);
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count > 0 ? count : 1, size);

    if (memory == NULL)
        abort();
    return memory;
}

/* ---- reading ---- */

/* What stands behind "name":, NULL: there is none. Text in strings has its quotes escaped. */
static const char *field(const char *line, const char *name)
{
    char sought[32];
    const int size = snprintf(sought, sizeof sought, "\"%s\":", name);
    const char *at = strstr(line, sought);

    return at != NULL ? at + size : NULL;
}

static int64_t number(const char *line, const char *name, size_t index)
{
    const char *at = field(line, name);

    if (at == NULL)
        fail("a number is missing", index);
    return strncmp(at, "null", 4) == 0 ? NEVER_US : strtoll(at, NULL, 10);
}

static bool is(const char *line, const char *name, const char *value)
{
    const char *at = field(line, name);

    return at != NULL && strncmp(at, value, strlen(value)) == 0;
}

/* "v12" is 12. */
static int64_t value_of(const char *text, size_t index)
{
    if (strncmp(text, "\"v", 2) != 0)
        fail("it saw a value that nobody wrote", index);
    return strtoll(text + 2, NULL, 10);
}

static void read_sight(struct operation *operation, const char *line, size_t index)
{
    const char *saw = field(line, "saw");

    if (saw == NULL)
        operation->sight = SAW_UNTOLD;
    else if (strncmp(saw, "null", 4) == 0)
        operation->sight = SAW_NOTHING;
    else if (strncmp(saw, "true", 4) == 0)
        operation->sight = SAW_SOMETHING;
    else if (operation->key[0] == 'k' || operation->key[0] == 'e') {
        operation->sight = SAW_VALUE;
        operation->value = value_of(saw, index);
    }
}

static void read_operation(struct operation *operation, const char *line, size_t index)
{
    const char *key = field(line, "key");

    if (number(line, "op", index) != (int64_t)index)
        fail("an operation is missing before it", index);
    operation->invoke_us = number(line, "invoke_us", index);
    operation->return_us = is(line, "outcome", "\"ok\"") ? number(line, "return_us", index)
                                                         : NEVER_US;
    if (key != NULL && key[0] == '"')
        snprintf(operation->key, sizeof operation->key, "%.*s", (int)strcspn(key + 1, "\""),
                 key + 1);
    operation->weak = is(line, "level", "\"ONE\"");
    operation->writes = !is(line, "effect", "\"none\"");
    operation->changes = is(line, "effect", "\"put\"") || is(line, "effect", "\"delete\"");
    operation->leaves = NOTHING;
    if (is(line, "effect", "\"put\"")) {
        const char *writes = field(line, "writes");
        operation->leaves = writes != NULL ? value_of(writes, index) : NOTHING;
    }
    read_sight(operation, line, index);
}

static void read_history(struct history *history, const char *path)
{
    FILE *file = fopen(path, "r");
    char line[1024];

    if (file == NULL) {
        printf("cannot read %s\n", path);
        exit(1);
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (history->count == history->capacity) {
            history->capacity = 2 * history->capacity + 1024;
            history->operations = realloc(history->operations,
                                          history->capacity * sizeof history->operations[0]);
            if (history->operations == NULL)
                abort();
        }
        struct operation *operation = &history->operations[history->count];
        memset(operation, 0, sizeof *operation);
        read_operation(operation, line, history->count++);
    }
    fclose(file);
}

/* ---- every value seen was written ---- */

static size_t check_values(const struct history *history)
{
    size_t seen = 0;

    for (size_t i = 0; i < history->count; i++) {
        const struct operation *reader = &history->operations[i];
        if (reader->sight != SAW_VALUE)
            continue;
        if ((uint64_t)reader->value >= history->count)
            fail("it saw a value that nobody wrote", i);
        const struct operation *writer = &history->operations[reader->value];
        if (!writer->changes || writer->leaves != reader->value ||
            strcmp(writer->key, reader->key) != 0)
            fail("it saw a value that was never written to its key", i);
        if (writer->invoke_us > reader->return_us)
            fail("it saw a value before that was written", i);
        seen++;
    }
    return seen;
}

/* ---- linearizability of one register ---- */

/* A call or a return, in a list by time. */
struct point {
    int64_t at_us;
    size_t operation;
    bool returns;
    struct point *before, *after, *other; /* other: a call's return; NULL: there is none */
};

struct search {
    const struct history *history;
    struct point *points;
    size_t count, open; /* points; operations that returned and have no place in the order yet */
    struct point head;
    struct step {
        struct point *call;
        int64_t left; /* before it */
    } * steps;
    size_t step_count;
    uint64_t *visited; /* hashes; 0 is free */
    uint64_t placed;   /* a hash of the operations that have a place */
    uint64_t visits;
};

static uint64_t mix(uint64_t number)
{
    number += UINT64_C(0x9e3779b97f4a7c15);
    number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
    return number ^ number >> 31;
}

/* Calls before returns, where times are equal. */
static int by_time(const void *a, const void *b)
{
    const struct point *x = a;
    const struct point *y = b;

    if (x->at_us != y->at_us)
        return x->at_us < y->at_us ? -1 : 1;
    if (x->returns != y->returns)
        return x->returns ? 1 : -1;
    return (x->operation > y->operation) - (x->operation < y->operation);
}

static bool may_follow(const struct operation *operation, int64_t value)
{
    /* A plain write at another node may come between what a read-modify-write reads and writes. */
    if (operation->writes)
        return true;
    if (operation->return_us == NEVER_US)
        return true;
    switch (operation->sight) {
    case SAW_NOTHING:
        return value == NOTHING;
    case SAW_SOMETHING:
        return value != NOTHING;
    case SAW_VALUE:
        return value == operation->value;
    case SAW_UNTOLD:
        break;
    }
    return true;
}

/* False: this was visited before. (Values have the numbers of operations: mixed in as those are,
 * one would cancel out the other.) */
static bool visit(struct search *search, uint64_t placed, int64_t value)
{
    const uint64_t hash = mix(mix(placed) + (uint64_t)value) | 1;

    if (++search->visits > VISITS_MAX)
        return false;
    for (uint64_t i = hash % VISITED_MAX, tries = 0; tries < 64;
         i = (i + 1) % VISITED_MAX, tries++) {
        if (search->visited[i] == hash)
            return false;
        if (search->visited[i] == 0) {
            search->visited[i] = hash;
            return true;
        }
    }
    return true; /* full there: it may be visited again */
}

static void take_out(struct point *point)
{
    point->before->after = point->after;
    if (point->after != NULL)
        point->after->before = point->before;
}

static void put_back(struct point *point)
{
    point->before->after = point;
    if (point->after != NULL)
        point->after->before = point;
}

static void place(struct search *search, struct point *call, int64_t left)
{
    search->steps[search->step_count++] = (struct step){call, left};
    search->placed ^= mix(call->operation + 1);
    take_out(call);
    if (call->other != NULL) {
        take_out(call->other);
        search->open--;
    }
}

static struct point *unplace(struct search *search, int64_t *value)
{
    const struct step step = search->steps[--search->step_count];

    *value = step.left;
    search->placed ^= mix(step.call->operation + 1);
    if (step.call->other != NULL) {
        put_back(step.call->other);
        search->open++;
    }
    put_back(step.call);
    return step.call;
}

static bool find_order(struct search *search)
{
    struct point *at = search->head.after;
    int64_t value = NOTHING;

    while (search->open > 0) {
        if (at->returns) { /* what it belongs to should have had its place by now */
            if (search->step_count == 0)
                return false;
            at = unplace(search, &value)->after;
            continue;
        }
        const struct operation *operation = &search->history->operations[at->operation];
        const int64_t next = operation->changes ? operation->leaves : value;
        if (may_follow(operation, value) &&
            visit(search, search->placed ^ mix(at->operation + 1), next)) {
            place(search, at, value);
            value = next;
            at = search->head.after;
        } else {
            at = at->after;
        }
    }
    return true;
}

/* An operation without a key is one on all. */
static bool concerns(const struct operation *operation, const char *key)
{
    return operation->key[0] == '\0' ? operation->changes
                                     : strcmp(operation->key, key) == 0 && !operation->weak;
}

static void collect(struct search *search, const char *key)
{
    for (size_t i = 0; i < search->history->count; i++) {
        const struct operation *operation = &search->history->operations[i];
        if (!concerns(operation, key))
            continue;
        search->points[search->count++] = (struct point){.at_us = operation->invoke_us,
                                                         .operation = i};
        if (operation->return_us == NEVER_US)
            continue;
        search->points[search->count++] = (struct point){
            .at_us = operation->return_us, .operation = i, .returns = true};
        search->open++;
    }
    qsort(search->points, search->count, sizeof search->points[0], by_time);
}

static void link_points(struct search *search)
{
    struct point **calls = allocate(search->history->count, sizeof *calls);
    struct point *last = &search->head;

    for (size_t i = 0; i < search->count; i++) {
        struct point *point = &search->points[i];
        if (point->returns)
            calls[point->operation]->other = point;
        else
            calls[point->operation] = point;
        point->before = last;
        last->after = point;
        last = point;
    }
    free(calls);
}

static void check_register(const struct history *history, const char *key)
{
    struct search search = {.history = history};

    search.points = allocate(2 * history->count, sizeof search.points[0]);
    search.steps = allocate(history->count, sizeof search.steps[0]);
    search.visited = allocate(VISITED_MAX, sizeof search.visited[0]);
    collect(&search, key);
    link_points(&search);
    if (!find_order(&search)) {
        if (search.visits > VISITS_MAX)
            printf("%s: no order was found in %u steps\n", key, VISITS_MAX);
        else
            printf("%s is not linearizable\n", key);
        exit(1);
    }
    free(search.points);
    free(search.steps);
    free(search.visited);
}

static size_t check_registers(const struct history *history)
{
    size_t registers = 0;

    for (size_t i = 0; i < history->count; i++) {
        const char *key = history->operations[i].key;
        bool first = key[0] == 'k';
        for (size_t j = 0; j < i && first; j++)
            first = strcmp(history->operations[j].key, key) != 0;
        if (first) {
            check_register(history, key);
            registers++;
        }
    }
    return registers;
}

int main(int argc, char **argv)
{
    struct history history = {0};

    if (argc != 2) {
        fputs("usage: history_check FILE\n", stderr);
        return 64;
    }
    read_history(&history, argv[1]);
    const size_t seen = check_values(&history);
    const size_t registers = check_registers(&history);
    printf("%zu operations, %zu values seen, %zu registers linearizable\n", history.count, seen,
           registers);
    free(history.operations);
    return seen > 0 && registers > 0 ? 0 : 1;
}
