/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The parser against itself and against what was sent: a stream of requests, good and bad, gives
 * the same commands and the same error whether it comes whole, byte by byte or cut at random, and
 * takes memory in proportion to what has arrived.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/rng.h"
#include "lib/timeout.h"
#include "resp/parser.h"

#define BULK_MAX 100000

TestSuite(parser_model, .timeout = TIMEOUT_S(60));

static const uint64_t default_seeds[] = {1, 2, 3, 4};

/* Requests that are right, and what they mean: "word word ... \n" with each word as size:bytes. */
static void send_request(struct rng *rng, struct buffer *stream, struct buffer *meaning)
{
    const bool inlined = rng_chance(rng, 1, 4);
    const size_t words = 1 + rng_below(rng, rng_chance(rng, 1, 50) ? 2000 : 5);

    if (!inlined)
        buffer_append_format(stream, "*%zu\r\n", words);
    for (size_t i = 0; i < words; i++) {
        const size_t size = rng_below(rng, inlined                   ? 10
                                           : rng_chance(rng, 1, 100) ? BULK_MAX + 1
                                                                     : 20);
        uint8_t *word = malloc(size + 1);

        for (size_t at = 0; at < size; at++)
            word[at] = (uint8_t)rng_below(rng, 256);
        buffer_append_format(meaning, "%zu:", size);
        buffer_append(meaning, word, size);
        if (inlined) {
            buffer_append_string(stream, i > 0 ? " \"" : "\"");
            for (size_t at = 0; at < size; at++)
                buffer_append_format(stream, "\\x%02x", word[at]);
            buffer_append_string(stream, "\"");
        } else {
            buffer_append_format(stream, "$%zu\r\n", size);
            buffer_append(stream, word, size);
            buffer_append_string(stream, "\r\n");
        }
        free(word);
    }
    if (inlined)
        buffer_append_string(stream, rng_chance(rng, 1, 2) ? "\r\n" : "\n");
    buffer_append_string(meaning, "\n");
}

static void send_garbage(struct rng *rng, struct buffer *stream)
{
    static const char alphabet[] = "*$0123456789\r\n-ax\"'\\ ";
    const size_t size = rng_below(rng, 200);

    for (size_t i = 0; i < size; i++) {
        const uint8_t byte = rng_chance(rng, 1, 20)
                                 ? (uint8_t)rng_below(rng, 256)
                                 : (uint8_t)alphabet[rng_below(rng, sizeof alphabet - 1)];
        buffer_append(stream, &byte, 1);
    }
}

/* Feeds `stream` in pieces of 1 to `cut_max` bytes (0: whole), and writes what the parser makes of
 * it to `transcript`. */
static void transcribe(struct rng *rng, struct span stream, size_t cut_max, bool restricted,
                       struct buffer *transcript)
{
    struct parser parser;
    struct buffer input = {0};
    enum parser_status status = PARSER_MORE;
    size_t sent = 0;

    parser_init(&parser, BULK_MAX);
    parser.restricted = restricted;
    while (status == PARSER_MORE && sent < stream.size) {
        size_t piece = cut_max > 0 ? 1 + rng_below(rng, cut_max) : stream.size;
        if (piece > stream.size - sent)
            piece = stream.size - sent;
        buffer_append(&input, stream.data + sent, piece);
        sent += piece;
        while ((status = parser_next(&parser, &input)) == PARSER_COMMAND) {
            for (size_t i = 0; i < parser.argc; i++) {
                buffer_append_format(transcript, "%zu:", parser.argv[i].size);
                buffer_append_span(transcript, parser.argv[i]);
            }
            buffer_append_string(transcript, "\n");
            if (rng_chance(rng, 1, 3))
                parser_consume(&parser, &input);
        }
        if (status == PARSER_MORE && rng_chance(rng, 1, 2))
            parser_consume(&parser, &input);
        cr_assert_leq(parser.capacity, 256 + 2 * sent, "more arguments than could have come");
    }
    if (status == PARSER_ERROR)
        buffer_append_format(transcript, "error %s\n", parser.error);
    parser_deinit(&parser);
    buffer_deinit(&input);
}

static void try_stream(struct rng *rng, struct span stream, bool restricted, struct buffer *whole,
                       uint64_t seed)
{
    static const size_t cuts[] = {1, 3, 50, 5000};

    transcribe(rng, stream, 0, restricted, whole);
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        struct buffer cut = {0};

        transcribe(rng, stream, cuts[i], restricted, &cut);
        cr_assert(span_equal(buffer_content(whole), buffer_content(&cut)),
                  "seed %" PRIu64 ", cut %zu: DUNLIN_SEED=%" PRIu64 " ./model_parser", seed,
                  cuts[i], seed);
        buffer_deinit(&cut);
    }
}

static void run_seed(uint64_t seed)
{
    struct rng rng;

    rng_init(&rng, seed);
    for (int round = 0; round < 20; round++) {
        struct buffer stream = {0}, meaning = {0}, whole = {0};
        const size_t requests = rng_below(&rng, 12);

        for (size_t i = 0; i < requests; i++)
            send_request(&rng, &stream, &meaning);
        try_stream(&rng, buffer_content(&stream), false, &whole, seed);
        cr_assert(span_equal(buffer_content(&whole), buffer_content(&meaning)),
                  "the parser did not read what was sent: DUNLIN_SEED=%" PRIu64 " ./model_parser",
                  seed);
        buffer_deinit(&whole);
        send_garbage(&rng, &stream);
        for (int i = 0; i < 3; i++)
            send_request(&rng, &stream, &meaning);
        try_stream(&rng, buffer_content(&stream), rng_chance(&rng, 1, 2), &whole, seed);
        buffer_deinit(&stream);
        buffer_deinit(&meaning);
        buffer_deinit(&whole);
    }
}

Test(parser_model, reads_the_same_commands_however_the_stream_is_cut)
{
    const char *seed = getenv("DUNLIN_SEED");

    if (seed != NULL) {
        run_seed(strtoull(seed, NULL, 10));
        return;
    }
    for (size_t i = 0; i < sizeof default_seeds / sizeof default_seeds[0]; i++)
        run_seed(default_seeds[i]);
}
