/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>

#include "sim/report/gossip_parts.h"

/* SWIM, section 3.1: in each period a node is probed with 1 - 1/e, so it is for e / (e - 1). */
double gossip_formula_detection(void)
{
    return 1 / (1 - exp(-1));
}

/* What a suspect has once enough nodes confirm; suspicion.h. */
double gossip_formula_suspicion(double nodes)
{
    return fmax(1, log10(nodes)) * gossip_options_default.suspicion_multiplier_percent / 100;
}

/* Rounds until a change is everywhere. A node that hears of it tells f others at once, so all but
 * e^-f of the cluster know before the first round is over, and each further round leaves e^-f of
 * those who do not: none of n after ln n / f rounds. */
double gossip_formula_rounds(double nodes)
{
    return log(nodes) / gossip_options_default.spread_fanout;
}

/* Until all know, in periods: found, not refuted, and spread. */
double gossip_formula_known(double nodes)
{
    return gossip_formula_detection() + gossip_formula_suspicion(nodes) +
           gossip_formula_rounds(nodes) * gossip_options_default.spread_interval_ms /
               gossip_options_default.probe_interval_ms;
}

/* How often all of a probe is lost, at a chance q that a datagram comes through: both pings or
 * their acks, and each relay's four datagrams. */
double gossip_formula_probe_fails(double loss, double nodes)
{
    const double q = 1 - loss;
    const double relays = fmin(gossip_options_default.indirect_probes, nodes - 2);

    return pow(1 - q * q, 2) * pow(1 - pow(q, 4), relays);
}
