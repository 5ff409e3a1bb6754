/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A fuzzer of the request parser fed in pieces, and the reader of replies, on any bytes.
 */
#include "base/assert.h"
#include "base/buffer.h"
#include "fuzz/fuzz.h"
#include "resp/answer.h"
#include "resp/parser.h"

static void touch_arguments(const struct parser *parser)
{
    for (size_t i = 0; i < parser->argc; i++)
        touch(parser->argv[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;

    const size_t piece = 1u + data[0] % 32;
    struct parser parser;
    struct buffer input = {0};
    struct answer answer;
    enum parser_status status = PARSER_MORE;

    parser_init(&parser, 1000);
    parser.restricted = data[1] & 1;
    for (size_t at = 2; at < size && status == PARSER_MORE; at += piece) {
        buffer_append(&input, data + at, size - at < piece ? size - at : piece);
        while ((status = parser_next(&parser, &input)) == PARSER_COMMAND) {
            touch_arguments(&parser);
            if (data[1] & 2)
                parser_consume(&parser, &input);
        }
        if (data[1] & 4)
            parser_consume(&parser, &input);
    }
    parser_deinit(&parser);
    buffer_deinit(&input);

    answer_init(&answer);
    for (size_t end = 0, progress = ANSWER_MORE; end < size - 2 && progress == ANSWER_MORE;) {
        end = size - 2 - end < piece ? size - 2 : end + piece;
        progress = answer_read(&answer, span_of(data + 2, end));
    }
    ensure(answer.size <= size - 2);
    return 0;
}
