/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Messages between clients of all nodes: PUBLISH and SPUBLISH (publish.c), and PUBSUB, which tells
 * who subscribes to what (survey.c). Both ask every node, and answer with what is told in time.
 */
#ifndef DUNLIN_NODE_PUBLISH_H
#define DUNLIN_NODE_PUBLISH_H

#include "node/request.h"
#include "wire/wire.h"

/* Any of them. */
void publish_begin(struct request *request);
void publish_answered(struct request *request, node_number node,
                      const struct wire_published *published);
void publish_lost(struct request *request, node_number node);
void publish_timeout(struct request *request);
/* What another node publishes. */
void publish_serve(struct link *link, const struct wire_publish *publish);

void survey_begin(struct request *request);
void survey_answered(struct request *request, node_number node,
                     const struct wire_surveyed *surveyed);
void survey_lost(struct request *request, node_number node);
void survey_timeout(struct request *request);
/* Frees what a survey holds, if the request is one. */
void survey_end(struct request *request);
/* What another node asks. */
void survey_serve(struct link *link, const struct wire_survey *survey);

/* Nodes that the request has asked, and waits for: as many as request->parts_pending, named in
 * request->made. False: out of memory. */
bool asked_begin(struct request *request);
void asked_add(struct request *request, node_number node);
/* It has answered, or will not. False: it was not asked, or is through. */
bool asked_take(struct request *request, node_number node);

#endif
