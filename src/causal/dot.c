/* SPDX-License-Identifier: BSD-3-Clause */
#include "causal/dot.h"

#include <inttypes.h>

#include "base/buffer.h"
#include "causal/hlc.h"

void dot_to_text(struct dot dot, struct buffer *text)
{
    if (!dot_exists(dot)) {
        buffer_append_string(text, "none");
        return;
    }
    stamp_to_text(dot.stamp, text);
    buffer_append_format(text, "@%u", dot.node);
}

void stamp_to_text(uint64_t stamp, struct buffer *text)
{
    const uint64_t sequence = stamp & ((UINT64_C(1) << HLC_SEQUENCE_BITS) - 1);

    if (stamp == 0)
        buffer_append_string(text, "none");
    else
        buffer_append_format(text, "%" PRId64 ".%" PRIu64, hlc_ms(stamp), sequence);
}
