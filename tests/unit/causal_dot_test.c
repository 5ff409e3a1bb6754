/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "base/buffer.h"
#include "causal/dot.h"
#include "causal/hlc.h"
#include "lib/timeout.h"

TestSuite(causal_dot, .timeout = TIMEOUT_S(10));

static void expect(struct buffer *text, const char *wanted)
{
    cr_assert(span_equal(buffer_content(text), span_of_string(wanted)), "'%.*s' and not '%s'",
              (int)buffer_size(text), (const char *)buffer_content(text).data, wanted);
    buffer_reset(text, SIZE_MAX);
}

Test(causal_dot, as_text_it_has_milliseconds_sequence_and_node)
{
    struct buffer text = {0};

    dot_to_text((struct dot){hlc_stamp(1763760000123) + 4, 2}, &text);
    expect(&text, "1763760000123.4@2");
    dot_to_text((struct dot){UINT64_MAX, UINT16_MAX}, &text);
    expect(&text, "281474976710655.65535@65535");
    dot_to_text(DOT_NONE, &text);
    expect(&text, "none");
    stamp_to_text(hlc_stamp(5), &text);
    expect(&text, "5.0");
    stamp_to_text(0, &text);
    expect(&text, "none");
    buffer_deinit(&text);
}
