/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Just enough of a server for the tests of tests/lib/cluster.h: it listens on --port, answers PING
 * with PONG, CLUSTER INFO with cluster_state:ok once any node was sent RING INIT (a file beside
 * --dir says so), SIGTERM with status 0. With --refuse it ends at once with status 1.
 */
#include "config.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *argument(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return i + 1 < argc ? argv[i + 1] : "";
    return NULL;
}

static void end(int signal)
{
    (void)signal;
    _exit(0);
}

static void answer(int client, const char *request, const char *mark)
{
    const char *reply = "-ERR unknown command\r\n";

    if (strstr(request, "PING") != NULL)
        reply = "+PONG\r\n";
    else if (strstr(request, "INIT") != NULL)
        reply = close(creat(mark, 0644)) == 0 ? "+OK\r\n" : "-ERR no mark\r\n";
    else if (strstr(request, "CLUSTER") != NULL)
        reply = access(mark, F_OK) == 0 ? "$16\r\ncluster_state:ok\r\n"
                                        : "$18\r\ncluster_state:fail\r\n";
    if (write(client, reply, strlen(reply)) < 0)
        perror("write");
}

int main(int argc, char **argv)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(argument(argc, argv, "--port"))),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const int on = 1;
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    char mark[4200];

    signal(SIGTERM, end);
    snprintf(mark, sizeof mark, "%s/../ring", argument(argc, argv, "--dir"));
    printf("fake server on port %s\n", argument(argc, argv, "--port"));
    fflush(stdout);
    if (argument(argc, argv, "--refuse") != NULL)
        return 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 8) != 0) {
        perror("listen");
        return 1;
    }
    for (;;) {
        const int client = accept(listener, NULL, NULL);
        char request[1024];
        ssize_t size;
        while ((size = read(client, request, sizeof request - 1)) > 0) {
            request[size] = '\0';
            answer(client, request, mark);
        }
        close(client);
    }
}
