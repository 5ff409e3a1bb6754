/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "main/admin_screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "io/clock.h"

#define COLUMNS_DEFAULT 80
#define ERASE_LINE      "\r\033[K"

int64_t admin_now_ms(void)
{
    return clock_now().mono_us / 1000;
}

bool admin_colour_wanted(int descriptor)
{
    const char *no = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");

    return isatty(descriptor) && (no == NULL || no[0] == '\0') &&
           (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

void admin_screen_init(struct admin_screen *screen)
{
    *screen = (struct admin_screen){.terminal = isatty(STDERR_FILENO),
                                    .colour = admin_colour_wanted(STDERR_FILENO),
                                    .shown_ms = admin_now_ms()};
}

static size_t columns(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1u
                                                                           : COLUMNS_DEFAULT;
}

void admin_screen_show(struct admin_screen *screen, const struct admin_progress *progress,
                       const char *unit)
{
    const int64_t now_ms = admin_now_ms();
    struct buffer text = {0};

    if (now_ms - screen->shown_ms < (screen->terminal ? ADMIN_DRAW_MS : ADMIN_LINE_MS))
        return;
    screen->shown_ms = now_ms;
    screen->drawn = screen->terminal;
    admin_progress_render(progress, unit, screen->terminal ? columns() : 2 * COLUMNS_DEFAULT,
                          screen->colour, &text);
    fprintf(stderr, screen->terminal ? ERASE_LINE "%.*s" : "%.*s\n", (int)buffer_size(&text),
            (const char *)buffer_content(&text).data);
    buffer_deinit(&text);
}

void admin_screen_clear(struct admin_screen *screen)
{
    if (screen->drawn)
        fputs(ERASE_LINE, stderr);
    screen->drawn = false;
}

void admin_screen_note(struct admin_screen *screen, const char *format, ...)
{
    va_list arguments;

    admin_screen_clear(screen);
    fputs("dunlin-admin: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

bool admin_print(struct buffer *text)
{
    const struct span content = buffer_content(text);
    const bool printed = fwrite(content.data, 1, content.size, stdout) == content.size &&
                         fflush(stdout) == 0;

    buffer_deinit(text);
    if (!printed)
        perror("dunlin-admin: standard output");
    return printed;
}
