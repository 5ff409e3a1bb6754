/* SPDX-License-Identifier: BSD-3-Clause */
#include "gossip/seal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/assert.h"
#include "base/bytes.h"

#define FORMAT 1

enum offset {
    AT_MAGIC = 0,
    AT_FORMAT = 2,
    AT_KIND = 3,
    AT_FLAGS = 4,
    AT_CLUSTER = 8,
    AT_RING = 16,
    AT_SENDER = 32,
    AT_RECIPIENT = 48,
    AT_BOOT = 64,
    AT_BOOT_NONCE = 72,
    AT_SEQUENCE = 80,
    AT_WALL = 88,
};

#define FLAG_SEALED 1U

static const uint8_t magic[2] = {'D', 'G'};

/* SHA-256 of a label and `text`: the label keeps one secret's uses apart. */
static void digest(const char *label, struct span text, uint8_t out[SEAL_HMAC_BYTES])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned size = 0;

    ensure(context != NULL);
    ensure(EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1);
    ensure(EVP_DigestUpdate(context, label, strlen(label) + 1) == 1);
    ensure(EVP_DigestUpdate(context, text.data, text.size) == 1);
    ensure(EVP_DigestFinal_ex(context, out, &size) == 1 && size == SEAL_HMAC_BYTES);
    EVP_MD_CTX_free(context);
}

void seal_key_init(struct seal_key *key, struct span cluster_name, struct span secret)
{
    uint8_t hash[SEAL_HMAC_BYTES];

    digest("dunlin cluster", cluster_name, hash);
    *key = (struct seal_key){.cluster = bytes_get_u64(hash), .secret = secret.size > 0};
    if (key->secret)
        digest("dunlin gossip seal", secret, key->key);
}

size_t seal_overhead(const struct seal_key *key)
{
    return SEAL_HEAD_BYTES + (key->secret ? SEAL_HMAC_BYTES : 0);
}

static void sign(const struct seal_key *key, struct span bytes, uint8_t out[SEAL_HMAC_BYTES])
{
    unsigned size = 0;

    ensure(HMAC(EVP_sha256(), key->key, sizeof key->key, bytes.data, bytes.size, out, &size) !=
               NULL &&
           size == SEAL_HMAC_BYTES);
}

void seal_begin(struct buffer *buffer)
{
    static const uint8_t head[SEAL_HEAD_BYTES];

    ensure(buffer_size(buffer) == 0);
    buffer_append(buffer, head, sizeof head);
}

bool seal_finish(const struct seal_key *key, const struct seal_head *head, struct buffer *buffer)
{
    uint8_t hmac[SEAL_HMAC_BYTES];

    if (buffer->failed)
        return false;
    uint8_t *at = buffer->block + buffer->head;

    memcpy(at + AT_MAGIC, magic, sizeof magic);
    at[AT_FORMAT] = FORMAT;
    at[AT_KIND] = (uint8_t)head->kind;
    bytes_put_u32(at + AT_FLAGS, key->secret ? FLAG_SEALED : 0);
    bytes_put_u64(at + AT_CLUSTER, key->cluster);
    memcpy(at + AT_RING, head->ring.bytes, IDENTITY_SIZE);
    memcpy(at + AT_SENDER, head->sender.bytes, IDENTITY_SIZE);
    memcpy(at + AT_RECIPIENT, head->recipient.bytes, IDENTITY_SIZE);
    bytes_put_u64(at + AT_BOOT, head->boot);
    bytes_put_u64(at + AT_BOOT_NONCE, head->boot_nonce);
    bytes_put_u64(at + AT_SEQUENCE, head->sequence);
    bytes_put_u64(at + AT_WALL, (uint64_t)head->wall_ms);
    if (key->secret) {
        sign(key, buffer_content(buffer), hmac);
        buffer_append(buffer, hmac, sizeof hmac);
    }
    return !buffer->failed;
}

static void head_read(const uint8_t *at, struct seal_head *head)
{
    head->kind = (enum seal_kind)at[AT_KIND];
    memcpy(head->ring.bytes, at + AT_RING, IDENTITY_SIZE);
    memcpy(head->sender.bytes, at + AT_SENDER, IDENTITY_SIZE);
    memcpy(head->recipient.bytes, at + AT_RECIPIENT, IDENTITY_SIZE);
    head->boot = bytes_get_u64(at + AT_BOOT);
    head->boot_nonce = bytes_get_u64(at + AT_BOOT_NONCE);
    head->sequence = bytes_get_u64(at + AT_SEQUENCE);
    head->wall_ms = (int64_t)bytes_get_u64(at + AT_WALL);
}

enum gossip_drop seal_open(const struct seal_key *key, struct span bytes, struct seal_head *head,
                           struct span *body)
{
    uint8_t hmac[SEAL_HMAC_BYTES];
    bool sealed;

    if (bytes.size < SEAL_HEAD_BYTES)
        return GOSSIP_DROP_MALFORMED;
    if (memcmp(bytes.data, magic, sizeof magic) != 0 || bytes.data[AT_FORMAT] != FORMAT)
        return GOSSIP_DROP_WRONG_FORMAT;
    if (bytes_get_u64(bytes.data + AT_CLUSTER) != key->cluster)
        return GOSSIP_DROP_WRONG_CLUSTER;
    sealed = bytes_get_u32(bytes.data + AT_FLAGS) & FLAG_SEALED;
    if (key->secret && !sealed)
        return GOSSIP_DROP_UNSEALED;
    if (!key->secret && sealed) /* of a cluster with a secret, which cannot be checked here */
        return GOSSIP_DROP_WRONG_SEAL;
    if (sealed) {
        if (bytes.size < SEAL_HEAD_BYTES + SEAL_HMAC_BYTES)
            return GOSSIP_DROP_MALFORMED;
        bytes.size -= SEAL_HMAC_BYTES;
        sign(key, bytes, hmac);
        if (CRYPTO_memcmp(hmac, bytes.data + bytes.size, sizeof hmac) != 0)
            return GOSSIP_DROP_WRONG_SEAL;
    }
    if (bytes.data[AT_KIND] < SEAL_DATAGRAM || bytes.data[AT_KIND] > SEAL_REPLY)
        return GOSSIP_DROP_MALFORMED;
    head_read(bytes.data, head);
    *body = span_of(bytes.data + SEAL_HEAD_BYTES, bytes.size - SEAL_HEAD_BYTES);
    return identity_exists(&head->sender) ? GOSSIP_DROP_NONE : GOSSIP_DROP_MALFORMED;
}
