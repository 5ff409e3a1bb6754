/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/report/plot.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "lib/array.h"

/* Pixels. A plot is a box with room for ticks and labels at its left and bottom, for its title
 * above, and for the legend at its right. */
#define BOX_WIDTH     560.0
#define BOX_HEIGHT    280.0
#define LEFT          80.0
#define TOP           40.0
#define BOTTOM        56.0
#define LEGEND_WIDTH  330.0
#define TITLE_HEIGHT  40.0
#define PLOT_HEIGHT   (TOP + BOX_HEIGHT + BOTTOM)
#define FIGURE_WIDTH  (LEFT + BOX_WIDTH + LEGEND_WIDTH)
#define TICKS_WANTED  6
#define TICK_TEXT_MAX 24

/* Okabe and Ito's colours, which the colour-blind can tell apart too. */
static const char *const colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                      "#e69f00", "#56b4e9", "#000000", "#a08000"};
#define COLOURS (sizeof colours / sizeof colours[0])

/* Where an axis begins and ends, in units of the data, and its end in pixels. */
struct range {
    enum plot_scale scale;
    double low, high;
    double from, to; /* pixels of low and high */
};

void figure_init(struct figure *figure, const char *title)
{
    *figure = (struct figure){0};
    snprintf(figure->title, sizeof figure->title, "%s", title);
}

void figure_deinit(struct figure *figure)
{
    for (size_t i = 0; i < figure->plot_count; i++) {
        for (size_t j = 0; j < figure->plots[i]->series_count; j++)
            memory_free(figure->plots[i]->series[j].points);
        memory_free(figure->plots[i]);
    }
    *figure = (struct figure){0};
}

struct plot *figure_add(struct figure *figure, const char *title, const char *x_label,
                        enum plot_scale x_scale, const char *y_label, enum plot_scale y_scale)
{
    struct plot *plot = memory_alloc(sizeof *plot);

    ensure(figure->plot_count < FIGURE_PLOTS_MAX);
    snprintf(plot->title, sizeof plot->title, "%s", title);
    snprintf(plot->x.label, sizeof plot->x.label, "%s", x_label);
    snprintf(plot->y.label, sizeof plot->y.label, "%s", y_label);
    plot->x.scale = x_scale;
    plot->y.scale = y_scale;
    figure->plots[figure->plot_count++] = plot;
    return plot;
}

struct plot_series *plot_add(struct plot *plot, const char *name, enum plot_style style)
{
    struct plot_series *series = &plot->series[plot->series_count];

    ensure(plot->series_count++ < PLOT_SERIES_MAX);
    snprintf(series->name, sizeof series->name, "%s", name);
    series->style = style;
    return series;
}

void plot_spread(struct plot_series *series, double x, double y, double low, double high)
{
    series->points = array_room(series->points, series->count, &series->capacity,
                                sizeof series->points[0]);
    series->points[series->count++] = (struct plot_point){.x = x, .y = y, .low = low, .high = high};
}

void plot_point(struct plot_series *series, double x, double y)
{
    plot_spread(series, x, y, y, y);
}

/* ------------------------------------------------------------------------------------- the axes
 */

static bool has_place(const struct range *range, double value)
{
    return isfinite(value) && (range->scale == PLOT_LINEAR || value > 0);
}

static double place(const struct range *range, double value)
{
    const bool log = range->scale == PLOT_LOG;
    const double low = log ? log10(range->low) : range->low;
    const double high = log ? log10(range->high) : range->high;
    const double at = log ? log10(value) : value;

    return range->from + (at - low) / (high - low) * (range->to - range->from);
}

static void widen(struct range *range, double value)
{
    if (!has_place(range, value))
        return;
    range->low = fmin(range->low, value);
    range->high = fmax(range->high, value);
}

/* 1, 2 or 5 times a power of ten, so that about TICKS_WANTED of them make the range. */
static double tick_step(const struct range *range)
{
    const double raw = (range->high - range->low) / TICKS_WANTED;
    const double ten = pow(10, floor(log10(raw)));

    return raw / ten <= 1 ? ten : raw / ten <= 2 ? 2 * ten : raw / ten <= 5 ? 5 * ten : 10 * ten;
}

/* Ends that the data does not touch; something to show also where there is no data, or one value.
 */
static void finish_range(struct range *range, bool values)
{
    if (range->low > range->high)
        range->low = range->high = 1;
    if (range->scale == PLOT_LOG) {
        range->low /= 1.2;
        range->high *= 1.2;
        return;
    }
    if (values && range->low > 0)
        range->low = 0;
    if (range->low == range->high)
        range->high = range->low + 1;
    if (values)
        range->high = ceil(range->high * 1.05 / tick_step(range)) * tick_step(range);
}

static void find_ranges(const struct plot *plot, struct range *x, struct range *y)
{
    *x = (struct range){.scale = plot->x.scale, .low = INFINITY, .high = -INFINITY};
    *y = (struct range){.scale = plot->y.scale, .low = INFINITY, .high = -INFINITY};
    for (size_t i = 0; i < plot->series_count; i++) {
        const struct plot_series *series = &plot->series[i];

        for (size_t j = 0; j < series->count; j++) {
            const struct plot_point *point = &series->points[j];

            if (!has_place(x, point->x))
                continue;
            widen(x, point->x);
            widen(y, point->y);
            widen(y, point->low);
            widen(y, point->high);
        }
    }
    finish_range(x, false);
    finish_range(y, true);
    x->from = LEFT;
    x->to = LEFT + BOX_WIDTH;
    y->from = TOP + BOX_HEIGHT;
    y->to = TOP;
}

/* ------------------------------------------------------------------------------------- the drawing
 */

static void write_text(FILE *out, double x, double y, const char *attributes, const char *text)
{
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\"%s>", x, y, attributes);
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        default:
            fputc(*text, out);
        }
    }
    fputs("</text>\n", out);
}

static void write_tick(FILE *out, const struct range *range, bool horizontal, double value,
                       bool labelled)
{
    const double at = place(range, value);
    char text[TICK_TEXT_MAX];

    snprintf(text, sizeof text, "%g", value == 0 ? 0.0 : value); /* and not "-0" */
    if (horizontal) {
        fprintf(out, "<path d=\"M%.1f %.1fV%.1f\" stroke=\"#ddd\"/>\n", at, TOP, TOP + BOX_HEIGHT);
        if (labelled)
            write_text(out, at, TOP + BOX_HEIGHT + 18, " text-anchor=\"middle\"", text);
    } else {
        fprintf(out, "<path d=\"M%.1f %.1fH%.1f\" stroke=\"#ddd\"/>\n", LEFT, at, LEFT + BOX_WIDTH);
        if (labelled)
            write_text(out, LEFT - 8, at + 4, " text-anchor=\"end\"", text);
    }
}

/* Each power of ten, and between them 3, or 2 and 5, when there are few. */
static void write_log_ticks(FILE *out, const struct range *range, bool horizontal)
{
    const double decades = log10(range->high / range->low);

    for (double ten = pow(10, floor(log10(range->low))); ten <= range->high; ten *= 10) {
        for (int digit = 1; digit <= 9; digit++) {
            const bool labelled = digit == 1 || (decades < 1.5 ? digit == 2 || digit == 5
                                                               : decades < 4 && digit == 3);

            if (ten * digit >= range->low && ten * digit <= range->high &&
                (labelled || decades < 6))
                write_tick(out, range, horizontal, ten * digit, labelled);
        }
    }
}

static void write_ticks(FILE *out, const struct range *range, bool horizontal)
{
    if (range->scale == PLOT_LOG) {
        write_log_ticks(out, range, horizontal);
        return;
    }
    const double step = tick_step(range);
    const double first = ceil(range->low / step - 1e-9);

    /* Counted, not summed up, so that 0.3 is not 0.30000000000000004, nor 0 almost 0. */
    for (double i = first; i * step <= range->high * (1 + 1e-9); i++)
        write_tick(out, range, horizontal, i == 0 ? 0 : i * step, true); /* and not -0 */
}

static void write_line(FILE *out, const struct plot_series *series, const char *colour,
                       const struct range *x, const struct range *y)
{
    bool drawing = false;

    fprintf(out, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"1.8\"%s d=\"", colour,
            series->style == PLOT_DASHED ? " stroke-dasharray=\"6 4\"" : "");
    for (size_t i = 0; i < series->count; i++) {
        const struct plot_point *point = &series->points[i];
        const bool shown = has_place(x, point->x) && has_place(y, point->y);

        if (shown)
            fprintf(out, "%c%.1f %.1f", drawing ? 'L' : 'M', place(x, point->x),
                    place(y, point->y));
        drawing = shown;
    }
    fputs("\"/>\n", out);
}

static void write_dots(FILE *out, const struct plot_series *series, const char *colour,
                       const struct range *x, const struct range *y)
{
    for (size_t i = 0; i < series->count; i++) {
        const struct plot_point *point = &series->points[i];

        if (!has_place(x, point->x) || !has_place(y, point->y))
            continue;
        fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", place(x, point->x),
                place(y, point->y), colour);
        if (point->low < point->high && has_place(y, point->low))
            fprintf(out, "<path d=\"M%.1f %.1fV%.1f\" stroke=\"%s\"/>\n", place(x, point->x),
                    place(y, point->low), place(y, point->high), colour);
    }
}

static void write_series(FILE *out, const struct plot *plot, const struct range *x,
                         const struct range *y)
{
    for (size_t i = 0; i < plot->series_count; i++) {
        const struct plot_series *series = &plot->series[i];
        const char *colour = colours[i % COLOURS];
        const double at = TOP + 12 + 20 * (double)i, left = LEFT + BOX_WIDTH + 16;

        write_line(out, series, colour, x, y);
        if (series->style == PLOT_LINE)
            write_dots(out, series, colour, x, y);
        fprintf(out, "<path d=\"M%.1f %.1fh24\" stroke=\"%s\" stroke-width=\"2\"%s/>\n", left, at,
                colour, series->style == PLOT_DASHED ? " stroke-dasharray=\"6 4\"" : "");
        write_text(out, left + 32, at + 4, "", series->name);
    }
}

static void write_plot(FILE *out, const struct plot *plot)
{
    struct range x, y;
    char turned[80];

    find_ranges(plot, &x, &y);
    write_text(out, LEFT, TOP - 12, " font-weight=\"bold\" font-size=\"14\"", plot->title);
    write_ticks(out, &x, true);
    write_ticks(out, &y, false);
    fprintf(out,
            "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\" "
            "stroke=\"#444\"/>\n",
            LEFT, TOP, BOX_WIDTH, BOX_HEIGHT);
    write_text(out, LEFT + BOX_WIDTH / 2, TOP + BOX_HEIGHT + 40, " text-anchor=\"middle\"",
               plot->x.label);
    snprintf(turned, sizeof turned, " text-anchor=\"middle\" transform=\"rotate(-90 18 %.1f)\"",
             TOP + BOX_HEIGHT / 2);
    write_text(out, 18, TOP + BOX_HEIGHT / 2, turned, plot->y.label);
    write_series(out, plot, &x, &y);
}

void figure_write(const struct figure *figure, FILE *out)
{
    const double height = TITLE_HEIGHT + PLOT_HEIGHT * (double)figure->plot_count;

    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" "
            "height=\"%.0f\" font-family=\"sans-serif\" font-size=\"12\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
            FIGURE_WIDTH, height, FIGURE_WIDTH, height);
    write_text(out, LEFT, 28, " font-weight=\"bold\" font-size=\"17\"", figure->title);
    for (size_t i = 0; i < figure->plot_count; i++) {
        fprintf(out, "<g transform=\"translate(0 %.1f)\">\n",
                TITLE_HEIGHT + PLOT_HEIGHT * (double)i);
        write_plot(out, figure->plots[i]);
        fputs("</g>\n", out);
    }
    fputs("</svg>\n", out);
}
