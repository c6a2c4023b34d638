/* The SHA-256 that `wengert hash` prints, held to the examples of the standard's authors (NIST, "Examples
 * with Intermediate Values: SHA256", and the long-message vectors of FIPS 180-2, appendix B.3). */
#include "cli/sha256.h"
#include "suite.h"

/* Hash of `repeats` copies of the text, which comes in pieces of `piece` bytes. */
static const char *hash_of(const char *text, int repeats, size_t piece) {
    static char digits[SHA256_TEXT];
    sha256 message;
    sha256_begin(&message);
    for (int i = 0; i < repeats; i++)
        for (size_t at = 0, size = strlen(text); at < size; at += piece)
            sha256_add(&message, text + at, size - at < piece ? size - at : piece);
    sha256_end(&message, digits);
    return digits;
}

START_TEST(short_messages_have_the_hashes_of_the_standard) {
    ck_assert_str_eq(hash_of("", 1, 1), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    ck_assert_str_eq(hash_of("abc", 1, 3),
                     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    ck_assert_str_eq(hash_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1, 56),
                     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    ck_assert_str_eq(hash_of("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                             "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
                             1, 112),
                     "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
}
END_TEST

START_TEST(a_million_letters_have_the_hash_of_the_standard) {
    ck_assert_str_eq(hash_of("aaaaaaaaaa", 100000, 10),
                     "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
END_TEST

START_TEST(it_does_not_matter_in_what_pieces_a_message_comes) {
    static const char text[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/"; /* a block */
    char whole[SHA256_TEXT];
    memcpy(whole, hash_of(text, 7, sizeof text), sizeof whole);
    for (size_t piece = 1; piece < sizeof text; piece++) ck_assert_str_eq(hash_of(text, 7, piece), whole);
}
END_TEST

WG_SUITE("cli/sha256", short_messages_have_the_hashes_of_the_standard,
         a_million_letters_have_the_hash_of_the_standard, it_does_not_matter_in_what_pieces_a_message_comes)
