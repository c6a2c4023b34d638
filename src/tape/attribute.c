/* attribute — an op's attributes by their schema: ranges checked, read from text, written as text. */
#include "base/writer.h"
#include "tape/tape.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>

size_t wg_attribute_size(const wg_attribute *attribute) {
    const size_t count = attribute->count ? (size_t)attribute->count : 1;
    switch (attribute->kind) {
    case WG_ATTRIBUTE_INT:
        return count * sizeof(int64_t);
    case WG_ATTRIBUTE_REAL:
        return count * sizeof(double);
    case WG_ATTRIBUTE_BOOL:
        return sizeof(bool);
    case WG_ATTRIBUTE_DTYPE:
        return sizeof(wg_dtype);
    case WG_ATTRIBUTE_AXES:
        return sizeof(wg_axes);
    case WG_ATTRIBUTE_SHAPE:
        return sizeof(wg_type);
    case WG_ATTRIBUTE_BITS:
        return sizeof(uint64_t);
    case WG_ATTRIBUTE_TEXT:
        return count;
    }
    return 0;
}

/* Number `index` of an INT or REAL attribute. */
static double number_of(const wg_attribute *attribute, const void *attributes, int index) {
    const char *at = (const char *)attributes + attribute->offset;
    return attribute->kind == WG_ATTRIBUTE_INT ? (double)((const int64_t *)(const void *)at)[index]
                                               : ((const double *)(const void *)at)[index];
}

/* What is wrong with a list, whatever the op makes of it; NULL: nothing. */
static const char *list_fault(const wg_attribute *a, const void *attributes) {
    const void *at = (const char *)attributes + a->offset;
    if (a->kind == WG_ATTRIBUTE_SHAPE) {
        const int rank = ((const wg_type *)at)->rank;
        return rank < 0 || rank > WG_MAX_RANK ? "has more axes than 8, or less than none" : NULL;
    }
    if (a->kind != WG_ATTRIBUTE_AXES) return NULL;
    for (int i = 0; i <= WG_MAX_RANK; i++)
        if (((const wg_axes *)at)->axis[i] == INT_MIN) return NULL;
    return "has no end: INT_MIN closes it";
}

int wg_attributes_check(wg_tape *tape, const wg_op *op, const void *attributes) {
    for (const wg_attribute *a = op->attributes; a && a->name; a++) {
        if (a->kind == WG_ATTRIBUTE_TEXT &&
            !memchr((const char *)attributes + a->offset, 0, wg_attribute_size(a)))
            return wg_tape_fail(tape, WG_ERROR_ATTRIBUTE, "%s: %s is longer than %zu characters", op->name,
                                a->name, wg_attribute_size(a) - 1);
        const char *fault = list_fault(a, attributes);
        if (fault) return wg_tape_fail(tape, WG_ERROR_ATTRIBUTE, "%s: %s %s", op->name, a->name, fault);
        if (!a->bounded || (a->kind != WG_ATTRIBUTE_INT && a->kind != WG_ATTRIBUTE_REAL)) continue;
        const int count = a->count ? a->count : 1;
        for (int i = 0; i < count; i++) {
            const double x = number_of(a, attributes, i);
            if (x >= a->low && x <= a->high) continue;
            char place[16] = "", range[96];
            if (count > 1) snprintf(place, sizeof place, "[%d]", i);
            if (x < a->low && a->high >= INT32_MAX)
                snprintf(range, sizeof range, "at least %.10g", a->low);
            else
                snprintf(range, sizeof range, "%.10g to %.10g", a->low, a->high);
            return wg_tape_fail(tape, WG_ERROR_ATTRIBUTE, "%s: %s%s is %g; it must be %s", op->name, a->name,
                                place, x, range);
        }
    }
    return WG_OK;
}

/* --- As text: "kernel=3,3 stride=2,2" --------------------------------------------------------- */

static void put_value(wg_writer *w, const wg_attribute *a, const void *attributes) {
    const void *at = (const char *)attributes + a->offset;
    const int count = a->count ? a->count : 1;
    switch (a->kind) {
    case WG_ATTRIBUTE_INT:
        for (int i = 0; i < count; i++)
            wg_put(w, "%s%lld", i ? "," : "", (long long)((const int64_t *)at)[i]);
        break;
    case WG_ATTRIBUTE_REAL:
        for (int i = 0; i < count; i++) wg_put(w, "%s%.17g", i ? "," : "", ((const double *)at)[i]);
        break;
    case WG_ATTRIBUTE_BOOL:
        wg_put(w, "%d", *(const bool *)at);
        break;
    case WG_ATTRIBUTE_DTYPE:
        wg_put(w, "%s", wg_dtype_name(*(const wg_dtype *)at));
        break;
    case WG_ATTRIBUTE_BITS:
        wg_put(w, "%llu", (unsigned long long)*(const uint64_t *)at);
        break;
    case WG_ATTRIBUTE_TEXT: {
        const char *quote = strchr(at, ' ') ? "'" : "";
        wg_put(w, "%s%s%s", quote, (const char *)at, quote);
        break;
    }
    case WG_ATTRIBUTE_AXES:
        for (int i = 0; i <= WG_MAX_RANK && ((const wg_axes *)at)->axis[i] != INT_MIN; i++)
            wg_put(w, "%s%d", i ? "," : "", ((const wg_axes *)at)->axis[i]);
        break;
    case WG_ATTRIBUTE_SHAPE:
        for (int i = 0; i < ((const wg_type *)at)->rank; i++)
            wg_put(w, "%s%lld", i ? "," : "", (long long)((const wg_type *)at)->extent[i]);
        break;
    }
}

int wg_attributes_text(const wg_op *op, const void *attributes, char *text, size_t size) {
    wg_writer w = {text, size, 0};
    if (size) text[0] = '\0';
    for (const wg_attribute *a = op ? op->attributes : NULL; a && a->name && attributes; a++) {
        wg_put(&w, "%s%s=", a == op->attributes ? "" : " ", a->name);
        put_value(&w, a, attributes);
    }
    return (int)w.length;
}

/* Up to `most` numbers separated by commas; how many there were, -1: not numbers. */
static int read_numbers(const char *text, size_t length, double *numbers, int most) {
    int count = 0;
    for (const char *end = text + length; text < end;) {
        char *after;
        if (count == most) return -1;
        numbers[count] = strtod(text, &after);
        if (after == text || after > end || (after < end && *after != ',')) return -1;
        count++;
        text = after < end ? after + 1 : end;
    }
    return count;
}

/* The same of whole numbers, of which doubles would not hold all. */
static int read_whole(const char *text, size_t length, int64_t *numbers, int most) {
    int count = 0;
    for (const char *end = text + length; text < end;) {
        char *after;
        errno = 0;
        if (count == most) return -1;
        numbers[count++] = strtoll(text, &after, 10);
        if (after == text || after > end || errno || (after < end && *after != ',')) return -1;
        text = after < end ? after + 1 : end;
    }
    return count;
}

static bool read_dtype(const char *text, size_t length, wg_dtype *dtype) {
    for (int i = WG_F32; i < WG_BF16; i++) {
        const char *name = wg_dtype_name((wg_dtype)i);
        if (strlen(name) == length && strncmp(name, text, length) == 0) return *dtype = (wg_dtype)i, true;
    }
    return false;
}

static bool read_text(const char *text, size_t length, char *value, size_t size) {
    if (length >= 2 && *text == '\'') text++, length -= 2;
    if (length >= size || memchr(text, '\'', length)) return false;
    memset(value, 0, size);
    memcpy(value, text, length);
    return true;
}

static bool read_list(const wg_attribute *a, void *at, const char *text, size_t length) {
    int64_t numbers[WG_MAX_RANK];
    const int found = read_whole(text, length, numbers, WG_MAX_RANK);
    for (int i = 0; i < found; i++) {
        if (a->kind == WG_ATTRIBUTE_SHAPE)
            ((wg_type *)at)->extent[i] = numbers[i];
        else if (numbers[i] >= -1000 && numbers[i] <= 1000)
            ((wg_axes *)at)->axis[i] = (int)numbers[i];
        else
            return false;
    }
    if (found < 0) return false;
    if (a->kind == WG_ATTRIBUTE_SHAPE)
        ((wg_type *)at)->rank = found;
    else
        ((wg_axes *)at)->axis[found] = INT_MIN;
    return true;
}

static bool read_value(const wg_attribute *a, void *attributes, const char *text, size_t length) {
    void *at = (char *)attributes + a->offset;
    const int count = a->count ? a->count : 1;
    char *after;
    int64_t flag;
    switch (a->kind) {
    case WG_ATTRIBUTE_INT:
        return read_whole(text, length, at, count) == count;
    case WG_ATTRIBUTE_REAL:
        return read_numbers(text, length, at, count) == count;
    case WG_ATTRIBUTE_BOOL:
        if (read_whole(text, length, &flag, 1) != 1) return false;
        *(bool *)at = flag != 0;
        return true;
    case WG_ATTRIBUTE_DTYPE:
        return read_dtype(text, length, at);
    case WG_ATTRIBUTE_TEXT:
        return read_text(text, length, at, wg_attribute_size(a));
    case WG_ATTRIBUTE_BITS:
        *(uint64_t *)at = strtoull(text, &after, 0);
        return after == text + length;
    case WG_ATTRIBUTE_AXES:
    case WG_ATTRIBUTE_SHAPE:
        return read_list(a, at, text, length);
    }
    return false;
}

static void set_presets(const wg_op *op, void *attributes) {
    for (const wg_attribute *a = op->attributes; a && a->name; a++) {
        void *at = (char *)attributes + a->offset;
        for (int i = 0; i < (a->count ? a->count : 1); i++) {
            if (a->kind == WG_ATTRIBUTE_INT) ((int64_t *)at)[i] = (int64_t)a->preset;
            if (a->kind == WG_ATTRIBUTE_REAL) ((double *)at)[i] = a->preset;
        }
        if (a->kind == WG_ATTRIBUTE_BOOL) *(bool *)at = a->preset != 0;
        if (a->kind == WG_ATTRIBUTE_DTYPE) *(wg_dtype *)at = a->preset ? (wg_dtype)a->preset : WG_F32;
        if (a->kind == WG_ATTRIBUTE_AXES) ((wg_axes *)at)->axis[0] = INT_MIN;
    }
}

/* Up to the next space that stands in no quotes. */
static size_t token_length(const char *text) {
    size_t length = strcspn(text, " '");
    while (text[length] == '\'') {
        length += 1 + strcspn(text + length + 1, "'");
        if (text[length]) length++;
        length += strcspn(text + length, " '");
    }
    return length;
}

static bool read_attributes(wg_tape *tape, const wg_op *op, void *attributes, const char *text) {
    while (text && *(text += strspn(text, " "))) {
        const size_t length = token_length(text), name = strcspn(text, "=");
        const wg_attribute *a = op->attributes;
        while (a && a->name && (strlen(a->name) != name || strncmp(a->name, text, name) != 0)) a++;
        if (!a || !a->name || name >= length)
            return wg_tape_fail(tape, WG_ERROR_ATTRIBUTE, "%s: there is no attribute \"%.*s\"", op->name,
                                (int)wg_smaller((int64_t)name, 60), text),
                   false;
        if (!read_value(a, attributes, text + name + 1, length - name - 1))
            return wg_tape_fail(tape, WG_ERROR_ATTRIBUTE, "%s: \"%.*s\" is no value for %s", op->name,
                                (int)wg_smaller((int64_t)length, 60), text, a->name),
                   false;
        text += length;
    }
    return true;
}

wg_var wg_apply_named(wg_tape *tape, const char *name, const wg_var *inputs, const char *attributes) {
    if (!tape || tape->error.status) return wg_invalid(tape);
    const wg_op *op = name ? wg_op_find(name) : NULL;
    if (!op)
        return wg_fail(tape, WG_ERROR_NAME, "wg_apply_named: there is no op \"%.60s\"",
                       name ? name : "(null)");
    uint64_t memory[64] = {0};
    if (op->attributes_size > sizeof memory)
        return wg_fail(tape, WG_ERROR_ATTRIBUTE, "%s: its attributes are too large", op->name);
    set_presets(op, memory);
    if (!read_attributes(tape, op, memory, attributes)) return wg_invalid(tape);
    if (!inputs || (!inputs[0].tape && inputs[0].id == UINT32_MAX))
        return wg_record(tape, op, memory, NULL, 0);
    const wg_var result = wg_apply_list(op, sizeof *op, memory, inputs);
    if (!result.tape) return wg_fail(tape, WG_ERROR_TAPE, "%s: none of its inputs is a var", op->name);
    return result;
}
