/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Prints the manual pages, conf/dunlin.conf and docs/COMPATIBILITY.md from the tables that the
 * server is made of:
 *
 *     dunlin-manual dunlin-admin.1 | dunlin-server.1 | dunlin.conf.5 | dunlin.conf |
 *                   COMPATIBILITY.md
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/options.h"
#include "main/admin_options.h"
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
                               ".BR dunlin.conf (5),\n"
                               ".BR dunlin\\-admin (1)\n");
}

static void print_admin_page(struct buffer *text)
{
    buffer_append_string(
        text,
        ".TH DUNLIN\\-ADMIN 1 \"\" \"Dunlin " PACKAGE_VERSION "\" \"Dunlin\"\n"
        ".SH NAME\n"
        "dunlin\\-admin \\- for who runs a Dunlin cluster\n"
        ".SH SYNOPSIS\n"
        ".B dunlin\\-admin\n"
        ".RI [ option ...]\n"
        ".I command\n"
        ".RI [ argument ...]\n"
        ".br\n"
        ".B dunlin\\-admin\n"
        ".RB [ command ]\n"
        ".B \\-\\-help\n"
        ".SH DESCRIPTION\n"
        "A client of the commands that\n"
        ".BR redis\\-cli (1)\n"
        "can send as well, with tables, progress and JSON. Colours are for terminals; NO_COLOR in "
        "the\n"
        "environment turns them off.\n");
    admin_options_print_manual(text);
    buffer_append_string(
        text,
        ".SH NOTES ON IMPORT\n"
        "Every key that is at the source from the beginning to the end of the import is looked at, "
        "some\n"
        "twice. What is written at the source after its key was read does not come over: let "
        "clients\n"
        "write to Dunlin before, or to nothing while it runs, or import again with "
        "\\-\\-replace.\n"
        "A key that is deleted at the source afterwards stays in Dunlin. In a Redis Cluster move "
        "no slots\n"
        "meanwhile.\n"
        ".PP\n"
        "A time to live is a date, and is carried as one: what the import takes of time extends "
        "none. A\n"
        "Redis before 7.0 gives the time that is left, from which its own clock makes the date.\n"
        ".PP\n"
        "When a node of Dunlin fails, the import goes on with another. When the source was "
        "restarted, a\n"
        "cursor of before means nothing, and the walk begins anew, which does no harm: with "
        "\\-\\-skip what\n"
        "was carried is there already, with \\-\\-replace it is written again. "
        "\\(lqThere already\\(rq\n"
        "counts as well what a node took before its answer was lost. When all nodes of Dunlin "
        "were\n"
        "restarted, what was carried is gone: begin with \\-\\-restart.\n"
        ".SH EXIT STATUS\n"
        ".IP 0 4\ndone\n"
        ".IP 1 4\nit could not begin or go on; an import says how to go on later\n"
        ".IP 2 4\nwrong use\n"
        ".IP 3 4\nit came to its end, and something is amiss: keys that were not carried or "
        "differ; a ring\nthat is not whole\n"
        ".IP 130 4\ninterrupted\n"
        ".SH ENVIRONMENT\n"
        ".IP DUNLIN_PASSWORD 4\nthe password of Dunlin\n"
        ".IP DUNLIN_SOURCE_PASSWORD 4\nthe password of the Redis that is imported from\n"
        ".IP NO_COLOR 4\nno colours\n"
        ".SH SEE ALSO\n"
        ".BR dunlin\\-server (1),\n"
        ".BR redis\\-cli (1)\n");
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
        {"dunlin-admin.1", print_admin_page},      {"dunlin-server.1", print_server_page},
        {"dunlin.conf.5", print_file_page},        {"dunlin.conf", options_print_file},
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
        fprintf(stderr, "usage: dunlin-manual dunlin-admin.1|dunlin-server.1|dunlin.conf.5|"
                        "dunlin.conf|COMPATIBILITY.md\n");
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
