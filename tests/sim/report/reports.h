/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The reports, for the table in report.c. Each takes the options after its name and gives the exit
 * status.
 */
#ifndef DUNLIN_TESTS_SIM_REPORT_REPORTS_H
#define DUNLIN_TESTS_SIM_REPORT_REPORTS_H

int report_gossip(int argc, char **argv);
int report_ring(int argc, char **argv);

#endif
