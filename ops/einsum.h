/* einsum.h — what the files of einsum share: an equation read, and the order of its contractions. */
#ifndef WG_OPS_EINSUM_H
#define WG_OPS_EINSUM_H

#include <wengert/op.h>

enum {
    EINSUM_TEXT = 256,   /* bytes of an equation, its end included */
    EINSUM_OPERANDS = 32,
    EINSUM_LABELS = 60,  /* A … Z, a … z, then the axes of the ellipsis, the last one last */
    EINSUM_ELLIPSIS = 52 /* the first of these */
};

/* The axes of an operand or of the result, each by its label. */
typedef struct einsum_term {
    int rank;
    uint8_t label[WG_MAX_RANK];
} einsum_term;

typedef struct einsum_equation {
    int count;
    einsum_term operand[EINSUM_OPERANDS], result;
    int64_t extent[EINSUM_LABELS]; /* of each label that is met; -1: of one that is not */
} einsum_equation;

/* Reads the equation for operands of these types; WG_OK, or a failure put down at `infer` (NULL: where it has
 * been read before, and is right). */
int wg_einsum_read(einsum_equation *equation, const char *text, const wg_type *types, int count,
                wg_infer *infer);

/* Contract number k takes the values `left` and `right`, and makes value number count + k: operands come
 * first. */
typedef struct einsum_step {
    int left, right;
} einsum_step;

/* Fills count - 1 steps. masks: the labels of each operand, as bits; result: those of the result. */
void wg_einsum_order(int count, const uint64_t *masks, uint64_t result, const int64_t *extent,
                  einsum_step *steps);

#endif
