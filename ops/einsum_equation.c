/* einsum_equation — "ij, jk -> ik" read for operands of given shapes, and what is wrong with it if anything
 * is
 *
 * A term for each operand, between commas, names its axes by letters; "..." stands for those not named, which
 * broadcast, aligned at the back. Behind "->" stands the result's term: letters in it are kept, the others
 * are summed. Without it the result has the axes of the ellipsis, then the letters that are met once, A … Z
 * before a … z. Spaces count nowhere. A letter met in several operands has one extent, but for those where it
 * is 1, which broadcast. */
#include "op.h"
#include "einsum.h"

#ifdef WG_RULES

/* As it is written. */
typedef struct written {
    int count, ellipsis; /* letters, and how many of them are before the ellipsis; -1: none */
    uint8_t label[WG_MAX_RANK];
    int begin, end; /* where it stands in the text */
} written;

typedef struct reader {
    const char *text;
    int at;
    wg_infer *infer; /* NULL: nothing is wrong */
    const wg_type *types;
    einsum_equation *equation;
    int met[EINSUM_LABELS];   /* how often, in all operands */
    int owner[EINSUM_LABELS]; /* the operand that gave the label its extent */
    int ellipsis;             /* axes that the longest one stands for */
} reader;

/* "equation "ij,jk" …". */
#define FAIL(r, status, format, ...)                                                                    \
    ((r)->infer ? wg_infer_fail((r)->infer, status, "equation \"%s\": " format, (r)->text, __VA_ARGS__) \
                : (status))
#define WRONG(r, format, ...) FAIL(r, WG_ERROR_ATTRIBUTE, "character %d: " format, (r)->at + 1, __VA_ARGS__)
#define SHAPE_TEXT(r, i) wg_infer_shape_text((r)->infer, &(r)->types[i])

static char letter_of(int label) { return (char)(label < 26 ? 'A' + label : 'a' + label - 26); }
static int label_of(char letter) {
    if (letter >= 'A' && letter <= 'Z') return letter - 'A';
    return letter >= 'a' && letter <= 'z' ? letter - 'a' + 26 : -1;
}

/* The next character that is no space. */
static char peek(reader *r) {
    while (r->text[r->at] == ' ') r->at++;
    return r->text[r->at];
}

static int read_term(reader *r, written *term) {
    peek(r);
    *term = (written){.ellipsis = -1, .begin = r->at};
    for (char c; (c = peek(r)) == '.' || label_of(c) >= 0;) {
        if (c == '.') {
            if (strncmp(r->text + r->at, "...", 3) != 0)
                return WRONG(r, "\"%c\" is no index; three dots stand for axes without a name", c);
            if (term->ellipsis >= 0) return WRONG(r, "a second %s in one term", "\"...\"");
            term->ellipsis = term->count;
            r->at += 3;
        } else {
            if (term->count == WG_MAX_RANK) return WRONG(r, "a term names more than %d axes", WG_MAX_RANK);
            term->label[term->count++] = (uint8_t)label_of(c);
            r->at++;
        }
        term->end = r->at;
    }
    if (term->end < term->begin) term->end = term->begin;
    return WG_OK;
}

/* The operand's axis has this label. */
static int meet(reader *r, int operand, int axis, int label, int64_t extent) {
    einsum_equation *e = r->equation;
    const einsum_term *own = &e->operand[operand];
    int64_t *have = &e->extent[label];
    char name[16] = "...";
    if (label < EINSUM_ELLIPSIS) snprintf(name, sizeof name, "%c", letter_of(label));
    r->met[label]++;
    for (int i = 0; i < axis; i++)
        if (own->label[i] == label && extent != r->types[operand].extent[i])
            return FAIL(r, WG_ERROR_SHAPE,
                        "index '%s' is %lld and %lld in operand %d, %s; the axes of a diagonal must be alike",
                        name, (long long)r->types[operand].extent[i], (long long)extent, operand,
                        SHAPE_TEXT(r, operand));
    if (*have >= 0 && *have != extent && *have != 1 && extent != 1)
        return FAIL(
            r, WG_ERROR_SHAPE,
            "index '%s' is %lld in operand %d, %s, and %lld in operand %d, %s; they must be equal, or one of "
            "them 1",
            name, (long long)*have, r->owner[label], SHAPE_TEXT(r, r->owner[label]), (long long)extent,
            operand, SHAPE_TEXT(r, operand));
    if (*have < 0 || *have == 1) *have = extent, r->owner[label] = operand;
    return WG_OK;
}

/* A term as labels, where the ellipsis stands for `axes` of them. */
static void spell_out(einsum_term *labels, const written *term, int axes) {
    labels->rank = 0;
    for (int i = 0; i <= term->count; i++) {
        for (int k = 0; i == term->ellipsis && k < axes; k++)
            labels->label[labels->rank++] = (uint8_t)(EINSUM_LABELS - axes + k);
        if (i < term->count) labels->label[labels->rank++] = term->label[i];
    }
}

static int read_operand(reader *r, int operand) {
    const wg_type *type = &r->types[operand];
    written term;
    int status = read_term(r, &term);
    if (status) return status;
    const int left = type->rank - term.count;
    if (left < 0 || (left > 0 && term.ellipsis < 0))
        return FAIL(r, WG_ERROR_SHAPE, "operand %d is %s; its term \"%.*s\", character %d, names %d axes%s",
                    operand, SHAPE_TEXT(r, operand), term.end - term.begin, r->text + term.begin,
                    term.begin + 1, term.count, left > 0 ? " (\"...\" stands for the others)" : "");
    if (left > r->ellipsis && term.ellipsis >= 0) r->ellipsis = left;
    einsum_term *labels = &r->equation->operand[operand];
    spell_out(labels, &term, left);
    for (int i = 0; i < labels->rank && !status; i++)
        status = meet(r, operand, i, labels->label[i], type->extent[i]);
    return status;
}

static int read_operands(reader *r, int count) {
    for (int i = 0; i < count; i++) {
        const int status = read_operand(r, i);
        if (status) return status;
        const char next = peek(r);
        if (next && next != ',' && next != '-')
            return WRONG(r, "'%c' is neither an index nor a comma nor \"->\"", next);
        if (next == ',' && i == count - 1) return WRONG(r, "a term more than there are operands, %d", count);
        if (next != ',' && i < count - 1) return WRONG(r, "%d terms for %d operands", i + 1, count);
        if (next == ',') r->at++;
    }
    return WG_OK;
}

/* Behind "->". */
static int read_result(reader *r, written *term) {
    if (r->text[r->at + 1] != '>') return WRONG(r, "'%c' is no \"->\"", '-');
    r->at += 2;
    const int status = read_term(r, term);
    if (status) return status;
    const char next = peek(r);
    if (next) return WRONG(r, "'%c' is no index of the result", next);
    for (int i = 0; i < term->count; i++) {
        const char letter = letter_of(term->label[i]);
        if (!r->met[term->label[i]])
            return FAIL(r, WG_ERROR_ATTRIBUTE, "index '%c' of the result is in no operand", letter);
        for (int k = 0; k < i; k++)
            if (term->label[k] == term->label[i])
                return FAIL(r, WG_ERROR_ATTRIBUTE, "index '%c' is twice in the result", letter);
    }
    return WG_OK;
}

int wg_einsum_read(einsum_equation *equation, const char *text, const wg_type *types, int count,
                wg_infer *infer) {
    reader r = {.text = text, .infer = infer, .types = types, .equation = equation};
    written term = {.ellipsis = 0};
    equation->count = count;
    for (int label = 0; label < EINSUM_LABELS; label++) equation->extent[label] = -1;
    int status = read_operands(&r, count), axes = r.ellipsis;
    if (status) return status;
    if (peek(&r) == '-') {
        if ((status = read_result(&r, &term))) return status;
        axes = term.count + (term.ellipsis >= 0 ? r.ellipsis : 0);
    } else {
        for (int label = 0; label < EINSUM_ELLIPSIS; label++)
            if (r.met[label] == 1 && axes++ < WG_MAX_RANK) term.label[term.count++] = (uint8_t)label;
    }
    if (axes > WG_MAX_RANK)
        return FAIL(&r, WG_ERROR_SHAPE, "the result would have %d axes; at most %d", axes, WG_MAX_RANK);
    spell_out(&equation->result, &term, r.ellipsis);
    return WG_OK;
}

#endif
