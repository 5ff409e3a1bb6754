/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A fuzzer of what peers send, as bytes: reads frames and messages until they end or are refused.
 */
#include "fuzz/fuzz.h"
#include "value/siblings.h"
#include "wire/wire.h"

static void look_at(const struct version *version)
{
    struct sibling sibling;

    if (version->kind != VALUE_SIBLINGS)
        return;
    struct siblings_cursor cursor = siblings_begin(version->value);
    while (siblings_next(&cursor, &sibling))
        touch(sibling.value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    struct wire_frame frame;
    struct wire_message message;
    const char *error;

    while (wire_next_frame(input, 1 << 20, &frame) == WIRE_OK) {
        while (wire_next_message(&frame.messages, &message, &error) == WIRE_OK) {
            if (message.type == WIRE_FORWARD)
                for (struct span rest = message.forward.args.packed; rest.size > 0;)
                    touch(wire_next_arg(&rest));
            if (message.type == WIRE_WRITE)
                look_at(&message.write.version);
            if (message.type == WIRE_ANSWER)
                look_at(&message.answer.version);
        }
        input = span_of(input.data + frame.size, input.size - frame.size);
    }
    return 0;
}
