/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One thread's event loop: a libevent base, the time of the turn, what other threads post to it,
 * and the list of connections that have something to write. A turn is: wait for events, run their
 * handlers, then let the owner finish (`turn_end`), then write every dirty connection once. So all
 * that goes to one peer or one client in a turn leaves in one system call. A turn that has had its
 * time leaves what is ready or dirty yet to the next (io/turn.h).
 *
 * Everything here belongs to the loop's thread, but loop_post and loop_stop, which any thread may
 * call.
 */
#ifndef DUNLIN_IO_LOOP_H
#define DUNLIN_IO_LOOP_H

#include <stdbool.h>

#include "base/instant.h"
#include "base/list.h"
#include "base/work.h"

struct buffer;
struct event_base;
struct loop;
struct metrics_block;

/* Something to be done in the loop's thread: `run` does it and frees it; `drop` only frees it, when
 * the loop ends before it gets there. */
struct errand {
    struct list link;
    void (*run)(struct errand *errand);
    void (*drop)(struct errand *errand);
};

struct loop_owner {
    void *self;
    void (*wake)(void *self);      /* the time asked for with loop_wake_at has come */
    void (*turn_end)(void *self);  /* all events of this turn were handled */
    struct metrics_block *metrics; /* of the thread, for its turns; NULL: they are not measured */
};

/* NULL, with errno set, when the system has no descriptors left. */
struct loop *loop_create(const struct loop_owner *owner);
void loop_destroy(struct loop **loop);

struct event_base *loop_base(struct loop *loop);

/* The time of this turn: read once a turn, at the first question, which begins it. Handlers of
 * events ask before they do anything. */
struct instant loop_now(struct loop *loop);

/* The turn does work of that kind, or of the kinds of a mask. */
void loop_note(struct loop *loop, enum work work);
void loop_note_mask(struct loop *loop, uint32_t doing);
/* An event was handled, with so many bytes. Where the turn has had its time, those events that are
 * ready and not yet handled come in the next, and it says true. */
bool loop_spend(struct loop *loop, size_t bytes);
/* Whether the turn has lasted so long that its owner begins nothing else in it. */
bool loop_late(const struct loop *loop);

/* Runs turns until loop_stop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Runs the errand in the loop's thread, in the order of posting. */
void loop_post(struct loop *loop, struct errand *errand);

/* Calls the owner's `wake` at or soon after `mono_us`, and perhaps before as well: a time asked for
 * earlier is not taken back. Each call of `wake` is followed by its turn's end, where the owner
 * asks again. INT64_MAX: never. */
void loop_wake_at(struct loop *loop, int64_t mono_us);

/* Blocks for input that the connections of the loop share: one that has none takes one, and gives
 * it back when it has used up what it read. So who is idle holds none, and all read into memory
 * that is in the caches. Of one size; as many are kept as connections read in one turn, mostly. */
#define LOOP_BLOCKS_KEPT 64
/* Gives an empty buffer a block, if one is kept. */
void loop_lend(struct loop *loop, struct buffer *buffer);
/* Takes the block of an empty buffer. False: there are enough. */
bool loop_take_back(struct loop *loop, struct buffer *buffer);

/* Puts `link` on the list of what is read in the next turn, whatever the kernel tells (see
 * connection.c), unless it is there. */
void loop_mark_unread(struct loop *loop, struct list *link);
/* Puts `link` on the list of what is flushed at the end of the turn (see connection.c). */
void loop_mark_dirty(struct loop *loop, struct list *link);

#endif
