/* reference_options — the members of a recorder's options that a sample needs. */
#include "cli/reference_call.h"
#include <math.h>

/* Have the options a member of that name? */
static bool has_member(const call *c, const char *name) {
    const size_t length = strlen(name);
    for (const char *at = c->by->options; length && (at = strstr(at, name)); at += length)
        if (at > c->by->options && (at[-1] == ' ' || at[-1] == '*') && strchr(";,[", at[length])) return true;
    return false;
}

/* Numbers that differ: ".stride_hw = {1, 2}", ".strides = {1, 2}", ".pads = {0, 1}". */
static bool put_list_option(call *c, const wg_attribute *a, const char *value) {
    static const char *const endings[] = {"_hw", "s"};
    char member[64] = "";
    for (int i = 0; i < 2 && !has_member(c, member); i++)
        snprintf(member, sizeof member, "%s%s", a->name, endings[i]);
    if (strcmp(a->name, "padding") == 0) snprintf(member, sizeof member, "pads");
    if (!has_member(c, member)) return false;
    call_put(c, ", .%s = {", member);
    call_put_numbers(c, value);
    call_put(c, "}");
    return true;
}

bool call_is_preset(const call *c, const wg_attribute *a, const char *value) {
    if (strcmp(a->name, "stride") == 0 && has_member(c, "kernel")) return false;
    double number;
    if (a->kind != WG_ATTRIBUTE_INT && a->kind != WG_ATTRIBUTE_REAL && a->kind != WG_ATTRIBUTE_BOOL)
        return false;
    return call_all_alike(value, &number) && (number == a->preset || (isnan(number) && isnan(a->preset)));
}

/* The name of a number where the member is of an enum, of which no comment has a name; false: it is of none.
 */
static bool put_enumerator(call *c, const char *member, int number) {
    char type[64], declared[96];
    for (const char *at = c->by->options; (at = strstr(at, "typedef enum ")); at++) {
        if (sscanf(at, "typedef enum %63[a-z0-9_] {", type) != 1) continue;
        snprintf(declared, sizeof declared, " %s %s;", type, member);
        if (!strstr(c->by->options, declared)) continue;
        const char *name = strstr(at, "WG_"), *const end = strchr(at, '}');
        for (int i = 0; i < number && name; i++) name = strstr(name + 1, "WG_");
        if (!name || name > end) return false;
        call_put(c, "%.*s", (int)strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"), name);
        return true;
    }
    return false;
}

/* One member of the options, if it must be named. */
static bool put_option(call *c, const wg_attribute *a, const char *value) {
    double number = 0;
    if (call_is_preset(c, a, value)) return true;
    if (a->kind != WG_ATTRIBUTE_INT && a->kind != WG_ATTRIBUTE_REAL && a->kind != WG_ATTRIBUTE_BOOL)
        return false;
    if (!call_all_alike(value, &number)) return put_list_option(c, a, value);
    if (!has_member(c, a->name) || (number == 0 && a->kind != WG_ATTRIBUTE_REAL)) return false;
    call_put(c, ", .%s = ", a->name);
    if (number == 0)
        call_put(c, "WG_ZERO");
    else if (a->kind == WG_ATTRIBUTE_BOOL)
        call_put(c, "true");
    else if (a->kind != WG_ATTRIBUTE_INT || !put_enumerator(c, a->name, (int)number))
        call_put_one(c, a, value, number);
    return true;
}

bool call_put_options(call *c) {
    char value[256], name[NAME_SIZE];
    int index = 0;
    for (const wg_attribute *a = c->sample->op->attributes; a && a->name; a++, index++) {
        const bool said = c->attributes_said & 1u << index;
        if (!said && (!call_value(c, a->name, value) || !put_option(c, a, value))) return false;
    }
    if (has_member(c, "reduction") && !call_value(c, "reduction", value))
        call_put(c, ", .reduction = WG_NO_REDUCTION");
    for (int i = 0; i < c->sample->input_count; i++) {
        if (c->inputs_said & 1u << i || c->sample->inputs[i].absent) continue;
        operand_input(c->of, i, name);
        if (!has_member(c, name)) return false;
        call_put(c, ", .%s = %s", name, name);
        c->inputs_said |= 1u << i;
    }
    return true;
}
