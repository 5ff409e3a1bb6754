/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Prints the manual pages, conf/dunlin.conf and docs/COMPATIBILITY.md from the tables that the
 * server is made of:
 *
 *     dunlin-manual dunlin-server.1 | dunlin.conf.5 | dunlin.conf | COMPATIBILITY.md
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/options.h"
#include "main/compatibility.h"

static void print_server_page(struct buffer *text)
{
    buffer_append_string(
        text,
        ".TH DUNLIN\\-SERVER 1 \"\" \"Dunlin " PACKAGE_VERSION "\" \"Dunlin\"\n"
        ".SH NAME\n"
        "dunlin\\-server \\- a node of a leaderless distributed cache\n"
        ".SH SYNOPSIS\n"
        ".B dunlin\\-server\n"
        ".RI [ file ]\n"
        "[\\fB\\-\\-\\fIdirective value\\fR ...]...\n"
        ".br\n"
        ".B dunlin\\-server \\-\\-help\n"
        ".br\n"
        ".B dunlin\\-server \\-\\-version\n"
        ".SH DESCRIPTION\n"
        "A cache that speaks the Redis protocol and keeps each key on several nodes. Every node "
        "takes\n"
        "any command for any key; none is elected. Without arguments the server is a ring of one "
        "node\n"
        "on 127.0.0.1:6379.\n"
        ".PP\n"
        "The\n"
        ".I file\n"
        "is described in\n"
        ".BR dunlin.conf (5).\n"
        "Every directive that can stand there can also be given as an argument, and then overrides "
        "the\n"
        "file. A wrong directive is named with its file and line, with what was found and what is\n"
        "accepted, and the server does not start.\n"
        ".SH OPTIONS\n"
        ".TP\n"
        ".B \\-\\-help\n"
        "Lists the directives with their defaults.\n"
        ".TP\n"
        ".B \\-\\-version\n"
        "Prints the version.\n"
        ".TP\n"
        "\\fB\\-\\-\\fIdirective value\\fR ...\n"
        "Sets a directive:\n");
    options_print_manual(text);
    buffer_append_string(text, ".SH FILES\n"
                               "The folder named by\n"
                               ".B dir\n"
                               "holds\n"
                               ".I node.state\n"
                               "(the node's identity and its ring),\n"
                               ".I ceiling.state\n"
                               "(a bound on the versions it has issued) and\n"
                               ".I lock\n"
                               "(which keeps a second server out). No data is on disk.\n"
                               ".SH SEE ALSO\n"
                               ".BR dunlin.conf (5)\n");
}

static void print_file_page(struct buffer *text)
{
    buffer_append_string(
        text,
        ".TH DUNLIN.CONF 5 \"\" \"Dunlin " PACKAGE_VERSION "\" \"Dunlin\"\n"
        ".SH NAME\n"
        "dunlin.conf \\- configuration of dunlin\\-server\n"
        ".SH DESCRIPTION\n"
        "One directive a line: a name, in upper or lower case, and its values, parted by blanks. "
        "A\n"
        "line that begins with # is a comment. The last line for a name counts.\n"
        ".PP\n"
        "A value that holds blanks stands in quotes. Inside double quotes \\en, \\er, \\et, \\eb, "
        "\\ea\n"
        "and \\exHH stand for bytes, and a backslash takes any other byte as it is; inside single\n"
        "quotes only \\e' is special.\n"
        ".PP\n"
        "Numbers of bytes take a unit: k and kb, m and mb, g and gb; k is 1000, kb 1024.\n"
        "A level is " LEVEL_FORMS ".\n"
        ".PP\n"
        "Directives that are live can be changed with CONFIG SET, several at once, and then either "
        "all\n"
        "change or none. CONFIG REWRITE writes them back into the file; comments and order stay.\n"
        ".SH DIRECTIVES\n");
    options_print_manual(text);
    buffer_append_string(text, ".SH SEE ALSO\n.BR dunlin\\-server (1)\n");
}

static void print_compatibility(struct buffer *text)
{
    if (!compatibility_print(text))
        buffer_deinit(text);
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*print)(struct buffer *text);
    } pages[] = {
        {"dunlin-server.1", print_server_page},
        {"dunlin.conf.5", print_file_page},
        {"dunlin.conf", options_print_file},
        {"COMPATIBILITY.md", print_compatibility},
    };
    struct buffer text = {0};
    bool known = false;

    for (size_t i = 0; count == 2 && i < sizeof pages / sizeof pages[0]; i++)
        if (strcmp(arguments[1], pages[i].name) == 0) {
            pages[i].print(&text);
            known = true;
        }
    const struct span content = buffer_content(&text);
    if (!known) {
        fprintf(stderr, "usage: dunlin-manual dunlin-server.1|dunlin.conf.5|dunlin.conf|"
                        "COMPATIBILITY.md\n");
        return 2;
    }
    if (content.size == 0)
        return 1; /* it has said why */
    const bool written = fwrite(content.data, 1, content.size, stdout) == content.size &&
                         fflush(stdout) == 0;
    buffer_deinit(&text);
    if (!written)
        perror("dunlin-manual");
    return written ? 0 : 1;
}
