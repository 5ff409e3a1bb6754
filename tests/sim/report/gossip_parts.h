/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The gossip report's experiments. Each runs the real gossip (src/gossip/gossip.h) of a cluster on
 * the virtual network of lib/mesh.h, with the options that servers have unless it says otherwise,
 * and gives numbers; gossip.c prints them.
 *
 * Times are in protocol periods (gossip's probe interval), unless a name says otherwise.
 */
#ifndef DUNLIN_TESTS_SIM_REPORT_GOSSIP_PARTS_H
#define DUNLIN_TESTS_SIM_REPORT_GOSSIP_PARTS_H

#include "lib/mesh.h"
#include "sim/report/sample.h"

#define SECOND_US INT64_C(1000000)

/* Lifeguard's parts, each on or off; rows of gossip_variants. */
struct gossip_variant {
    const char *key;
    const char *text;
    bool health;  /* local health awareness */
    bool dynamic; /* suspicions that confirmations shorten */
    bool buddies; /* suspects are told first of all */
};

enum { VARIANT_SWIM, VARIANT_HEALTH, VARIANT_DYNAMIC, VARIANT_BUDDIES, VARIANT_LIFEGUARD };
#define GOSSIP_VARIANTS 5
extern const struct gossip_variant gossip_variants[GOSSIP_VARIANTS];

/* A cluster at rest: everybody knows everybody, and nobody has news to pass on. The experiments
 * below take one and leave one. Two nodes that have not probed each other yet will challenge each
 * other when they do; that is no news, and takes as many periods as there are nodes. */
struct mesh *gossip_cluster(uint64_t seed, size_t nodes, const struct gossip_variant *variant);
/* Runs it until it is at rest. */
void gossip_settle(struct mesh *mesh);
/* Runs a cluster at rest until all have met, but for one probe in a hundred. */
void gossip_meet(struct mesh *mesh);

/* ---- gossip_formula.c: what theory expects, with the options that servers have ---- */

double gossip_formula_detection(void);
double gossip_formula_suspicion(double nodes);
double gossip_formula_rounds(double nodes);
double gossip_formula_known(double nodes);
double gossip_formula_probe_fails(double loss, double nodes);

/* ---- gossip_found.c: how long it takes to find a crashed node ---- */

struct gossip_found {
    struct sample suspected; /* from the crash until somebody suspects it */
    struct sample dead;      /* until somebody declares it dead */
    struct sample known;     /* until all have */
    size_t missed;           /* failures that not all knew of in time */
};

/* Nodes chosen at random crash, `failures` times, each in a cluster at rest. */
void gossip_found_measure(struct mesh *mesh, size_t failures, struct gossip_found *found);
void gossip_found_deinit(struct gossip_found *found);

/* ---- gossip_news.c: how long a change takes to get around ---- */

struct gossip_news {
    struct sample half;   /* until half of the others know; in rounds of spreading */
    struct sample all;    /* until all others know; in rounds of spreading */
    double round_periods; /* a round, in protocol periods */
    size_t missed;
};

/* Nodes chosen at random change a flag of theirs, `changes` times. */
void gossip_news_measure(struct mesh *mesh, size_t changes, struct gossip_news *news);
void gossip_news_deinit(struct gossip_news *news);

/* ---- gossip_false.c: healthy nodes that are accused ---- */

struct gossip_false {
    double node_hours;       /* how long healthy nodes could be accused */
    uint64_t suspicions;     /* of healthy nodes, by a node's own probe */
    uint64_t deaths;         /* of healthy nodes: each node that takes one for dead counts */
    uint64_t deaths_healthy; /* those of them that a healthy node saw */
    uint64_t deaths_slow;    /* of slow nodes, in the same way */
};

/* `loss_percent` of all datagrams are lost, for so long. */
void gossip_loss_measure(struct mesh *mesh, unsigned loss_percent, int64_t duration_us,
                         struct gossip_false *result);

/* How slow members behave: all of them stop for `pause_us`, go on for `awake_us`, and so on. */
struct gossip_slowness {
    int64_t pause_us;
    int64_t awake_us;
};
#define GOSSIP_SLOWNESSES 9
extern const struct gossip_slowness gossip_slownesses[GOSSIP_SLOWNESSES];

/* Adds to *result what happens while `slow` nodes are slow, for two minutes. */
void gossip_slow_measure(struct mesh *mesh, size_t slow, const struct gossip_slowness *slowness,
                         struct gossip_false *result);

/* ---- gossip_traffic.c: what it costs at rest ---- */

struct gossip_traffic {
    double datagrams;      /* sent by each node a second */
    double datagram_bytes; /* in them, without headers of UDP and IP */
    double exchange_bytes; /* sent by each node a second in exchanges over TCP */
};

/* Begins when all have met. */
void gossip_traffic_measure(struct mesh *mesh, int64_t duration_us, struct gossip_traffic *traffic);

#endif
