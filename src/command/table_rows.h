/* SPDX-License-Identifier: BSD-3-Clause
 *
 * All rows of the table of commands, in order. Included by whoever defines ROW and SUBROW.
 */
#include "command/table_string.h"

#include "command/table_key.h"

#include "command/table_keys.h"

#include "command/table_multi.h"

#include "command/table_pubsub.h"

#include "command/table_script.h"

#include "command/table_connection.h"

#include "command/table_server.h"

#include "command/table_operator.h"

#include "command/table_cluster.h"

#include "command/table_siblings.h"

#include "command/table_ring.h"

#include "command/table_repair.h"

#include "command/table_refused.h"
