/* sha256 — the Secure Hash Algorithm SHA-256 of FIPS 180-4, which says: these are the same bytes. */
#ifndef WG_CLI_SHA256_H
#define WG_CLI_SHA256_H

#include <stddef.h>
#include <stdint.h>

/* A message while it comes in, piece by piece. */
typedef struct sha256 {
    uint32_t hash[8];
    uint64_t bytes; /* so far; the last of them, less than a block, wait in `block` */
    unsigned char block[64];
} sha256;

enum { SHA256_TEXT = 65 }; /* 64 digits and a zero */

void sha256_begin(sha256 *message);
void sha256_add(sha256 *message, const void *bytes, size_t count);
/* Ends the message and writes its hash in hexadecimal digits. */
void sha256_end(sha256 *message, char text[SHA256_TEXT]);

#endif
