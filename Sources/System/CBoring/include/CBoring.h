/// What is used of BoringSSL directly, as swift-crypto ships and links it: AEADs in place and X25519 over raw memory.
/// swift-crypto's own interface puts keys into objects and returns fresh memory; see the decision "BoringSSL without
/// objects".
#ifndef GATE_CBORING_H
#define GATE_CBORING_H

#include <stddef.h>
#include <stdint.h>

enum gate_aead { GATE_AEAD_AES_256_GCM, GATE_AEAD_CHACHA20_POLY1305 };

enum { GATE_AEAD_KEY_BYTES = 32, GATE_AEAD_NONCE_BYTES = 12, GATE_AEAD_TAG_BYTES = 16 };

/// Seals `count` bytes of `input` into `output`, which has 16 bytes more and may be the same memory; 1 if it did.
int gate_aead_seal(
    enum gate_aead aead, const uint8_t *key, const uint8_t *nonce, const uint8_t *associated, size_t associated_count,
    const uint8_t *input, size_t count, uint8_t *output);

/// Opens `count` bytes and the tag after them into `output`, which may be the same memory; 0 where the tag is wrong, and
/// then `output` holds zeros.
int gate_aead_open(
    enum gate_aead aead, const uint8_t *key, const uint8_t *nonce, const uint8_t *associated, size_t associated_count,
    const uint8_t *input, size_t count, uint8_t *output);

enum { GATE_X25519_BYTES = 32 };

/// Multiplies the base point (RFC 7748).
void gate_x25519_public(uint8_t *public_key, const uint8_t *private_key);

/// The shared secret; 0, and zeros, where it is all zero: a public key of small order.
int gate_x25519_agree(uint8_t *shared, const uint8_t *private_key, const uint8_t *public_key);

#endif
