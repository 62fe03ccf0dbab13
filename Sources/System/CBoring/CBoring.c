// swift-crypto's copy of BoringSSL has a prefix before each name and no product of its own, so what is used of it is
// declared here: functions of <openssl/aead.h> and <openssl/curve25519.h>, unchanged since 2017. Contexts of AEADs live
// on the stack of one call and are cleared after it.
#define _DEFAULT_SOURCE
#include "CBoring.h"

#include <string.h>

typedef struct evp_aead_st EVP_AEAD;
typedef struct evp_aead_ctx_st EVP_AEAD_CTX;

extern const EVP_AEAD *CCryptoBoringSSL_EVP_aead_aes_256_gcm(void);
extern const EVP_AEAD *CCryptoBoringSSL_EVP_aead_chacha20_poly1305(void);
extern int CCryptoBoringSSL_EVP_AEAD_CTX_init(
    EVP_AEAD_CTX *context, const EVP_AEAD *aead, const uint8_t *key, size_t key_count, size_t tag_count, void *engine);
extern int CCryptoBoringSSL_EVP_AEAD_CTX_seal_scatter(
    const EVP_AEAD_CTX *context, uint8_t *output, uint8_t *tag, size_t *tag_count, size_t tag_count_max,
    const uint8_t *nonce, size_t nonce_count, const uint8_t *input, size_t count, const uint8_t *extra,
    size_t extra_count, const uint8_t *associated, size_t associated_count);
extern int CCryptoBoringSSL_EVP_AEAD_CTX_open_gather(
    const EVP_AEAD_CTX *context, uint8_t *output, const uint8_t *nonce, size_t nonce_count, const uint8_t *input,
    size_t count, const uint8_t *tag, size_t tag_count, const uint8_t *associated, size_t associated_count);
extern int CCryptoBoringSSL_X25519(uint8_t *shared, const uint8_t *private_key, const uint8_t *public_key);
extern void CCryptoBoringSSL_X25519_public_from_private(uint8_t *public_key, const uint8_t *private_key);

// A context has 584 bytes in the pinned version; the room is larger so that a larger one would do no harm.
enum { context_room_bytes = 1024 };

typedef union {
    uint8_t bytes[context_room_bytes];
    max_align_t alignment;
} context_room;

static EVP_AEAD_CTX *begin(context_room *room, enum gate_aead aead, const uint8_t *key) {
    const EVP_AEAD *algorithm = aead == GATE_AEAD_AES_256_GCM ? CCryptoBoringSSL_EVP_aead_aes_256_gcm()
                                                              : CCryptoBoringSSL_EVP_aead_chacha20_poly1305();
    EVP_AEAD_CTX *context = (EVP_AEAD_CTX *)room->bytes;
    return CCryptoBoringSSL_EVP_AEAD_CTX_init(context, algorithm, key, GATE_AEAD_KEY_BYTES, 0, NULL) == 1 ? context
                                                                                                          : NULL;
}

int gate_aead_seal(
    enum gate_aead aead, const uint8_t *key, const uint8_t *nonce, const uint8_t *associated, size_t associated_count,
    const uint8_t *input, size_t count, uint8_t *output) {
    context_room room;
    EVP_AEAD_CTX *context = begin(&room, aead, key);
    size_t tag_count = 0;
    int sealed = context != NULL
        && CCryptoBoringSSL_EVP_AEAD_CTX_seal_scatter(
               context, output, output + count, &tag_count, GATE_AEAD_TAG_BYTES, nonce, GATE_AEAD_NONCE_BYTES, input,
               count, NULL, 0, associated, associated_count) == 1
        && tag_count == GATE_AEAD_TAG_BYTES;
    explicit_bzero(&room, sizeof room);
    return sealed;
}

int gate_aead_open(
    enum gate_aead aead, const uint8_t *key, const uint8_t *nonce, const uint8_t *associated, size_t associated_count,
    const uint8_t *input, size_t count, uint8_t *output) {
    context_room room;
    EVP_AEAD_CTX *context = begin(&room, aead, key);
    int opened = context != NULL
        && CCryptoBoringSSL_EVP_AEAD_CTX_open_gather(
               context, output, nonce, GATE_AEAD_NONCE_BYTES, input, count, input + count, GATE_AEAD_TAG_BYTES,
               associated, associated_count) == 1;
    explicit_bzero(&room, sizeof room);
    return opened;
}

void gate_x25519_public(uint8_t *public_key, const uint8_t *private_key) {
    CCryptoBoringSSL_X25519_public_from_private(public_key, private_key);
}

int gate_x25519_agree(uint8_t *shared, const uint8_t *private_key, const uint8_t *public_key) {
    return CCryptoBoringSSL_X25519(shared, private_key, public_key);
}
