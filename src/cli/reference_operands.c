/* reference_operands — wg_op.shapes taken apart: "x [N, C], bias [C]? -> y [N, C]; remarks". */
#include "cli/reference.h"

/* Reads "x [N, C]?" up to a comma, an arrow, or the end; what is behind it, or NULL if it cannot be read. */
static const char *read_operand(const char *text, operand *one) {
    *one = (operand){.name = ""};
    size_t length = strcspn(text, " ");
    if (!length || length >= sizeof one->name || text[length + !!text[length]] != '[') return NULL;
    memcpy(one->name, text, length);
    text += length + 1;
    length = strcspn(text, "]") + 1;
    if (!text[length - 1] || length >= sizeof one->shape) return NULL;
    memcpy(one->shape, text, length);
    text += length;
    one->more = strncmp(text, "...", 3) == 0;
    if (one->more) text += 3;
    one->optional = *text == '?';
    return text + one->optional;
}

static const char *read_list(const char *text, operand *list, int most, int *count) {
    for (*count = 0; text && *count < most;) {
        text = read_operand(text, &list[(*count)++]);
        if (!text || strncmp(text, ", ", 2) != 0) return text;
        text += 2;
    }
    return NULL;
}

bool operands_of(const wg_op *op, operands *of) {
    *of = (operands){.remarks = ""};
    const char *text = op->shapes;
    if (!text) {
        text = op->inputs == 1 ? "x [...] -> y [...]" : "a [*], b [*] -> y [*]; a and b broadcast";
        if (!(op->flags & WG_ELEMENTWISE) || op->inputs > 2) return false;
    }
    if (strncmp(text, "-> ", 3) != 0) {
        text = read_list(text, of->inputs, MOST_OPERANDS, &of->input_count);
        if (!text || *text++ != ' ') return false;
    }
    if (strncmp(text, "-> ", 3) != 0) return false;
    text = read_list(text + 3, of->outputs, 4, &of->output_count);
    if (!text || (*text && strncmp(text, "; ", 2) != 0)) return false;
    of->remarks = *text ? text + 2 : "";
    return true;
}

/* A prime becomes a word. */
static void in_c(const char *name, char text[NAME_SIZE]) {
    const char *prime = strchr(name, '\'');
    snprintf(text, NAME_SIZE, "%.*s%s", prime ? (int)(prime - name) : NAME_SIZE - 8, name,
             prime ? "_next" : "");
}

void operand_input(const operands *of, int input, char name[NAME_SIZE]) {
    const int last = of->input_count - 1;
    const operand *one = &of->inputs[input < last ? input : last];
    if (one->more)
        snprintf(name, NAME_SIZE, "%.16s_%d", one->name, input - last);
    else
        in_c(one->name, name);
}

void operand_output(const operands *of, int output, char name[NAME_SIZE]) {
    in_c(of->outputs[output].name, name);
}
