/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/report/table.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "lib/array.h"

void table_init(struct table *table, const char *key, const char *title,
                const struct table_column *columns, size_t column_count)
{
    *table = (struct table){
        .key = key, .title = title, .columns = columns, .column_count = column_count};
}

void table_deinit(struct table *table)
{
    memory_free(table->cells);
    *table = (struct table){0};
}

static char *next_cell(struct table *table)
{
    table->cells = array_room(table->cells, table->cell_count, &table->cell_capacity,
                              sizeof table->cells[0]);
    return table->cells[table->cell_count++];
}

static const struct table_column *column_of(const struct table *table, size_t cell)
{
    return &table->columns[cell % table->column_count];
}

void table_number(struct table *table, double number)
{
    const struct table_column *column = column_of(table, table->cell_count);
    char *cell = next_cell(table);

    ensure(column->decimals != TABLE_TEXT);
    cell[0] = '\0';
    if (isfinite(number))
        snprintf(cell, TABLE_CELL_MAX, "%.*f", column->decimals, number);
}

void table_text(struct table *table, const char *text)
{
    const struct table_column *column = column_of(table, table->cell_count);

    ensure(column->decimals == TABLE_TEXT);
    snprintf(next_cell(table), TABLE_CELL_MAX, "%s", text);
}

void table_note(struct table *table, const char *note)
{
    ensure(table->note_count < TABLE_NOTES_MAX);
    table->notes[table->note_count++] = note;
}

size_t table_rows(const struct table *table)
{
    return table->cell_count / table->column_count;
}

const char *table_cell(const struct table *table, size_t row, size_t column)
{
    ensure(row < table_rows(table) && column < table->column_count);
    return table->cells[row * table->column_count + column];
}

static const char *shown(const char *cell)
{
    return cell[0] != '\0' ? cell : "-";
}

static size_t width_of(const struct table *table, size_t column)
{
    size_t width = strlen(table->columns[column].heading);

    for (size_t row = 0; row < table_rows(table); row++) {
        const size_t size = strlen(shown(table_cell(table, row, column)));

        width = size > width ? size : width;
    }
    return width;
}

/* Numbers stand to the right, text to the left, and nothing behind the last column. */
static void print_cell(const struct table *table, size_t column, const char *text, FILE *out)
{
    const int width = (int)width_of(table, column);
    const bool last = column + 1 == table->column_count;

    if (table->columns[column].decimals != TABLE_TEXT)
        fprintf(out, "  %*s", width, text);
    else
        fprintf(out, "  %-*s", last ? 0 : width, text);
    if (last)
        fputc('\n', out);
}

void table_print(const struct table *table, FILE *out)
{
    fprintf(out, "\n%s\n\n", table->title);
    for (size_t column = 0; column < table->column_count; column++)
        print_cell(table, column, table->columns[column].heading, out);
    for (size_t row = 0; row < table_rows(table); row++) {
        for (size_t column = 0; column < table->column_count; column++)
            print_cell(table, column, shown(table_cell(table, row, column)), out);
    }
    if (table->note_count > 0)
        fputc('\n', out);
    for (size_t i = 0; i < table->note_count; i++)
        fprintf(out, "  %s\n", table->notes[i]);
}

static void print_json_text(const char *text, FILE *out)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

void table_print_json(const struct table *table, FILE *out)
{
    fprintf(out, "  \"%s\": [", table->key);
    for (size_t row = 0; row < table_rows(table); row++) {
        fputs(row > 0 ? ",\n    {" : "\n    {", out);
        for (size_t column = 0; column < table->column_count; column++) {
            const char *cell = table_cell(table, row, column);

            fprintf(out, "%s\"%s\": ", column > 0 ? ", " : "", table->columns[column].key);
            if (cell[0] == '\0')
                fputs("null", out);
            else if (table->columns[column].decimals == TABLE_TEXT)
                print_json_text(cell, out);
            else
                fputs(cell, out);
        }
        fputc('}', out);
    }
    fputs("]", out);
}
