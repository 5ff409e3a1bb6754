/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A table of measurements, printed as text for people or as JSON for programs. Cells come row by
 * row, from the left; a row begins where the last was full.
 */
#ifndef DUNLIN_TESTS_SIM_REPORT_TABLE_H
#define DUNLIN_TESTS_SIM_REPORT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_TEXT      (-1)
#define TABLE_CELL_MAX  64
#define TABLE_NOTES_MAX 8

struct table_column {
    const char *key;     /* the field's name in JSON */
    const char *heading; /* with its unit */
    int decimals;        /* of its numbers; TABLE_TEXT: it holds text */
};

struct table {
    const char *key; /* its name in JSON */
    const char *title;
    const struct table_column *columns; /* the caller's, static */
    size_t column_count;
    const char *notes[TABLE_NOTES_MAX]; /* the caller's, static: below the text, not in JSON */
    size_t note_count;
    char (*cells)[TABLE_CELL_MAX]; /* as they are printed; empty: there is no value */
    size_t cell_count;
    size_t cell_capacity;
};

void table_init(struct table *table, const char *key, const char *title,
                const struct table_column *columns, size_t column_count);
void table_deinit(struct table *table);

/* The next cell. NAN stands for no value, which is printed as "-", and null in JSON. */
void table_number(struct table *table, double number);
void table_text(struct table *table, const char *text);
/* A line below the table, such as the formula that a column stands against. */
void table_note(struct table *table, const char *note);

/* The cell as it is printed, for tests; row and column from 0. */
const char *table_cell(const struct table *table, size_t row, size_t column);
size_t table_rows(const struct table *table);

void table_print(const struct table *table, FILE *out);
/* `"key": [{"column": value, ...}, ...]`, without an end of line. */
void table_print_json(const struct table *table, FILE *out);

#endif
