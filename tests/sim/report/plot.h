/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Line plots as SVG: a figure is a column of plots under one title, each with two axes (linear or
 * logarithmic), ticks, and named series that the legend at its right lists. It stands alone: no
 * script, no font, no style sheet, so any browser shows it.
 *
 * Texts are copied, and may hold any of <>&". On a logarithmic axis what is not above 0 has no
 * place: such points are left out, and the line has a gap there. So has NAN on any axis.
 */
#ifndef DUNLIN_TESTS_SIM_REPORT_PLOT_H
#define DUNLIN_TESTS_SIM_REPORT_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define PLOT_TEXT_MAX    96
#define PLOT_SERIES_MAX  16
#define FIGURE_PLOTS_MAX 16

enum plot_scale {
    PLOT_LINEAR, /* begins at 0 when the data is not below it */
    PLOT_LOG,
};

enum plot_style {
    PLOT_LINE,   /* a line with dots: what was measured */
    PLOT_DASHED, /* a dashed line without dots: a formula */
    PLOT_CURVE,  /* a line without dots: very many points, such as a distribution */
};

struct plot_axis {
    char label[PLOT_TEXT_MAX]; /* with its unit */
    enum plot_scale scale;
};

struct plot_point {
    double x, y;
    double low, high; /* a bar from low to high, the spread; low == high: none */
};

struct plot_series {
    char name[PLOT_TEXT_MAX];
    enum plot_style style;
    struct plot_point *points;
    size_t count;
    size_t capacity;
};

struct plot {
    char title[PLOT_TEXT_MAX];
    struct plot_axis x, y;
    struct plot_series series[PLOT_SERIES_MAX];
    size_t series_count;
};

struct figure {
    char title[PLOT_TEXT_MAX];
    struct plot *plots[FIGURE_PLOTS_MAX];
    size_t plot_count;
};

void figure_init(struct figure *figure, const char *title);
void figure_deinit(struct figure *figure);

/* What these return is the figure's, and stays where it is until figure_deinit. */
struct plot *figure_add(struct figure *figure, const char *title, const char *x_label,
                        enum plot_scale x_scale, const char *y_label, enum plot_scale y_scale);
struct plot_series *plot_add(struct plot *plot, const char *name, enum plot_style style);

/* Points are joined in the order in which they come. */
void plot_point(struct plot_series *series, double x, double y);
void plot_spread(struct plot_series *series, double x, double y, double low, double high);

/* Errors are left in `out`, for ferror. */
void figure_write(const struct figure *figure, FILE *out);

#endif
