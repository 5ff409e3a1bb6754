/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a long command shows while it works, on standard error: on a terminal a line that is drawn
 * anew, else a line once in a while. Colours are for terminals, and for those who did not set
 * NO_COLOR (https://no-color.org).
 */
#ifndef DUNLIN_MAIN_ADMIN_SCREEN_H
#define DUNLIN_MAIN_ADMIN_SCREEN_H

#include "main/admin_progress.h"

#define ADMIN_DRAW_MS 100
#define ADMIN_LINE_MS 10000

struct admin_screen {
    bool terminal, colour;
    bool drawn; /* a line is on the terminal that is to be drawn over */
    int64_t shown_ms;
};

void admin_screen_init(struct admin_screen *screen);
/* Shows how far it is, unless that was shown just now. */
void admin_screen_show(struct admin_screen *screen, const struct admin_progress *progress,
                       const char *unit);
/* A line that stays. */
void admin_screen_note(struct admin_screen *screen, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Takes the line away that was drawn. */
void admin_screen_clear(struct admin_screen *screen);

/* Whether what goes to the stream may be coloured. */
bool admin_colour_wanted(int descriptor);
/* Writes the text to standard output; false, with a message, when that fails. Frees the text. */
bool admin_print(struct buffer *text);

int64_t admin_now_ms(void); /* monotonic */

#endif
