/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A libFuzzer target: the request parser fed in pieces, and the reader of replies, on any bytes.
 * Wants clang and libclang-rt-14-dev: configure with CC=clang and
 * --enable-sanitizers=address,undefined, then make resp_fuzz && ./resp_fuzz -max_total_time=60
 */
#include "base/assert.h"
#include "base/buffer.h"
#include "resp/answer.h"
#include "resp/parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every byte of the arguments, for the sanitizer to see. */
static unsigned touch(const struct parser *parser)
{
    unsigned sum = 0;

    for (size_t i = 0; i < parser->argc; i++)
        for (size_t at = 0; at < parser->argv[i].size; at++)
            sum += parser->argv[i].data[at];
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;

    const size_t piece = 1u + data[0] % 32;
    struct parser parser;
    struct buffer input = {0};
    struct answer answer;
    volatile unsigned sum = 0;
    enum parser_status status = PARSER_MORE;

    parser_init(&parser, 1000);
    parser.restricted = data[1] & 1;
    for (size_t at = 2; at < size && status == PARSER_MORE; at += piece) {
        buffer_append(&input, data + at, size - at < piece ? size - at : piece);
        while ((status = parser_next(&parser, &input)) == PARSER_COMMAND) {
            sum += touch(&parser);
            if (data[1] & 2)
                parser_consume(&parser, &input);
        }
        if (data[1] & 4)
            parser_consume(&parser, &input);
    }
    parser_deinit(&parser);
    buffer_deinit(&input);

    answer_init(&answer);
    for (size_t end = 0; end <= size - 2; end += piece)
        if (answer_read(&answer, span_of(data + 2, end)) != ANSWER_MORE)
            break;
    ensure(answer.size <= size - 2);
    return 0;
}
