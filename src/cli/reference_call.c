/* reference_call — the line of C that records a sample, found by names: a parameter of the recorder is the
 * attribute of its name, and so is a member of its options; vars come in order. */
#include "cli/reference_call.h"
#include <math.h>
#include <stdarg.h>

void call_put(call *c, const char *format, ...) {
    const size_t length = strlen(c->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(c->text + length, c->size - length, format, arguments);
    va_end(arguments);
}

const wg_attribute *call_value(call *c, const char *name, char value[256]) {
    const char *at = c->values;
    int i = 0;
    for (const wg_attribute *a = c->sample->op->attributes; a && a->name; a++, i++) {
        at += strlen(a->name) + 1; /* behind "NAME=" */
        const bool quoted = *at == '\'';
        const size_t length = quoted ? strcspn(at + 1, "'") : strcspn(at, " ");
        if (strcmp(a->name, name) == 0) {
            snprintf(value, 256, "%.*s", (int)length, at + quoted);
            c->attributes_said |= 1u << i;
            return a;
        }
        at += length + 2 * quoted;
        at += *at == ' ';
    }
    return NULL;
}

bool call_all_alike(const char *value, double *number) {
    char *end;
    *number = strtod(value, &end);
    while (*end == ',')
        if (strtod(end + 1, &end) != *number) return false;
    return true;
}

/* The one number that all of a value are. */
bool call_put_one(call *c, const wg_attribute *a, const char *value, double number) {
    if (a->kind == WG_ATTRIBUTE_INT)
        call_put(c, "%.*s", (int)strcspn(value, ","), value);
    else if (isinf(number))
        call_put(c, "%sINFINITY", number < 0 ? "-" : "");
    else
        call_put(c, "%.10g", number);
    return !isnan(number);
}

static const char *const dtype_names[] = {[WG_F32] = "WG_F32", [WG_F64] = "WG_F64", [WG_I32] = "WG_I32",
                                          [WG_I64] = "WG_I64", [WG_U8] = "WG_U8",   [WG_BOOL] = "WG_BOOL"};

static const char *dtype_in_c(const char *name) {
    for (size_t i = 0; i < sizeof dtype_names / sizeof *dtype_names; i++)
        if (dtype_names[i] && strcmp(name, wg_dtype_name((wg_dtype)i)) == 0) return dtype_names[i];
    return NULL;
}

void call_put_numbers(call *c, const char *value) {
    for (; *value; value++) call_put(c, *value == ',' ? "%c " : "%c", *value);
}

/* A list of extents: of an attribute of that name, or the size of what comes out. */
static bool put_shape(call *c, const char *name) {
    char value[256];
    const wg_attribute *a = call_value(c, name, value);
    if (!a && strcmp(name, "extents") == 0) a = call_value(c, "size", value);
    if (!a && strcmp(name, "extents") == 0) a = call_value(c, "output", value);
    double number;
    if (!a) return false;
    if (!*value)
        call_put(c, "WG_SCALAR_SHAPE");
    else if (a->kind == WG_ATTRIBUTE_INT && call_all_alike(value, &number) && number == 0)
        call_put(c, "NULL");
    else {
        size_t length = strlen(value); /* of an INT list zeros behind are axes that there are not */
        while (a->kind == WG_ATTRIBUTE_INT && length > 2 && strcmp(value + length - 2, ",0") == 0)
            value[length -= 2] = 0;
        call_put(c, "WG_SHAPE(");
        call_put_numbers(c, value);
        call_put(c, ")");
    }
    return true;
}

static bool put_axes(call *c, const char *name) {
    char value[256];
    if (!call_value(c, name, value)) return false;
    if (!*value)
        call_put(c, "WG_ALL_AXES");
    else {
        call_put(c, "WG_AXES(");
        call_put_numbers(c, value);
        call_put(c, ")");
    }
    return true;
}

static bool put_draw(call *c) {
    char value[256];
    for (int i = 0; i < c->sample->input_count; i++) {
        char name[NAME_SIZE];
        operand_input(c->of, i, name);
        if (strcmp(name, "step") != 0) continue;
        c->inputs_said |= 1u << i;
        call_put(c, "((wg_draw){step, %su})", call_value(c, "key", value) ? value : "0");
        return true;
    }
    return false;
}

static bool put_vars(call *c, bool all) {
    for (int i = 0; i < c->sample->input_count; i++) {
        char name[NAME_SIZE];
        if (c->inputs_said & 1u << i) continue;
        operand_input(c->of, i, name);
        c->inputs_said |= 1u << i;
        call_put(c, "%s%s", all && i ? ", " : "", c->sample->inputs[i].absent ? "WG_NONE" : name);
        if (!all) return true;
    }
    if (!all) call_put(c, "WG_NONE");
    return true;
}

/* The height or width of what comes out. */
static bool put_extent(call *c, bool second) {
    char value[256];
    if (!call_value(c, "size", value)) return false;
    const char *at = second ? strchr(value, ',') : value;
    if (at) call_put(c, "%d", atoi(at + second));
    return at != NULL;
}

/* A parameter as it is declared: "const wg_axes *axes". */
static bool put_parameter(call *c, const char *declared, bool first) {
    const char *name = strrchr(declared, ' ') + 1;
    char value[256];
    if (strstr(declared, "_options *")) return call_put_options(c);
    name += *name == '*';
    if (!first) call_put(c, ", ");
    if (strncmp(declared, "wg_var", 6) == 0) return put_vars(c, false);
    if (strncmp(declared, "const wg_var", 12) == 0) return put_vars(c, true);
    if (strncmp(declared, "wg_draw", 7) == 0) return put_draw(c);
    if (strncmp(declared, "wg_tape", 7) == 0) return call_put(c, "tape"), true;
    if (strncmp(declared, "const wg_shape", 14) == 0) return put_shape(c, name);
    if (strncmp(declared, "const wg_axes", 13) == 0) return put_axes(c, name);
    if (!strcmp(name, "height") || !strcmp(name, "width")) return put_extent(c, *name == 'w');
    const wg_attribute *a = call_value(c, name, value);
    if (!a) return false;
    if (a->kind == WG_ATTRIBUTE_TEXT) return call_put(c, "\"%s\"", value), true;
    if (a->kind == WG_ATTRIBUTE_DTYPE) return call_put(c, "%s", dtype_in_c(value)), dtype_in_c(value) != NULL;
    if (a->kind == WG_ATTRIBUTE_BOOL) return call_put(c, *value == '1' ? "true" : "false"), true;
    double number;
    return call_all_alike(value, &number) && call_put_one(c, a, value, number);
}

static bool put_recorder(call *c) {
    const char *open = strchr(c->by->call, '(');
    if (strncmp(c->by->call, "wg_var wg_", 10) != 0) return false;
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(open - c->by->call - 7), c->by->call + 7);
    char *list = strstr(name, "_list");
    if (list) *list = '\0';
    call_put(c, "%s(", name);
    bool first = true;
    for (const char *at = open + 1; *at; first = false) {
        char declared[96];
        const size_t length = strcspn(at, ",)");
        snprintf(declared, sizeof declared, "%.*s", (int)length, at);
        if (!put_parameter(c, declared, first)) return false;
        at += length;
        at += *at == ',' ? 2 : 1;
    }
    call_put(c, ")");
    return true;
}

/* Is there nothing that the recorder was not told of? */
static bool all_said(call *c) {
    char value[256];
    for (int i = 0; i < c->sample->input_count; i++)
        if (!c->sample->inputs[i].absent && !(c->inputs_said & 1u << i)) return false;
    int index = 0;
    for (const wg_attribute *a = c->sample->op->attributes; a && a->name; a++, index++) {
        const bool said = c->attributes_said & 1u << index;
        if (!said && !(call_value(c, a->name, value) && call_is_preset(c, a, value))) return false;
    }
    return true;
}

static int rank_of(const wg_shape *shape) {
    int rank = 0;
    while (shape->extent[rank] != INT64_MIN) rank++;
    return rank;
}

/* Tables [L, R / 2] of x [.., L, R], as the recorder takes them. */
static bool put_rotary(call *c) {
    const wg_shape *x = c->sample->inputs[0].shape, *table = c->sample->inputs[1].shape;
    const int rank = rank_of(x);
    char value[256];
    if (rank < 2 || rank_of(table) != 2 || table->extent[0] != x->extent[rank - 2] ||
        2 * table->extent[1] != x->extent[rank - 1])
        return false;
    call_value(c, "interleaved", value);
    call_put(c, "wg_rotary_embedding(x, WG_NONE, .cos = cos, .sin = sin%s)",
             *value == '1' ? ", .interleaved = true" : "");
    return true;
}

bool reference_call(const wg_case *sample, const operands *of, char *text, size_t size) {
    call c = {.sample = sample, .of = of, .by = recorder_of(sample->op->name), .text = text, .size = size};
    *text = '\0';
    if (sample->attributes) wg_attributes_text(sample->op, sample->attributes, c.values, sizeof c.values);
    if (!strcmp(sample->op->name, "rotary_embedding") && put_rotary(&c)) return true;
    /* These recorders make something else of what they are given: places become cosines, and what is left out
     * depends on the mode. */
    const bool other =
        !strcmp(sample->op->name, "rotary_embedding") || !strcmp(sample->op->name, "interpolate");
    if (c.by && !other && put_recorder(&c) && all_said(&c)) return true;
    *text = '\0';
    call_put(&c, "wg_apply_named(tape, \"%s\", (const wg_var[]){", sample->op->name);
    for (int i = 0; i < sample->input_count; i++) {
        char name[NAME_SIZE];
        operand_input(of, i, name);
        call_put(&c, "%s, ", sample->inputs[i].absent ? "WG_NONE" : name);
    }
    call_put(&c, "WG_END_}, \"%s\")", c.values);
    return false;
}
