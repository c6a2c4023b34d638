/* reference_page — the page of one operation, in Markdown. */
#include "cli/reference.h"

static void put_indented(FILE *page, const char *text) {
    for (const char *at = text; *at;) {
        const size_t length = strcspn(at, "\n");
        fprintf(page, "%s%.*s\n", length ? "    " : "", (int)length, at);
        at += length;
        at += *at == '\n';
    }
    fprintf(page, "\n");
}

/* Text within a table: a bar would end the cell. */
static void put_cell(FILE *page, const char *text) {
    for (; *text; text++) fprintf(page, *text == '|' ? "\\%c" : "%c", *text);
}

/* A list of operations, each a link. */
static void put_links(FILE *page, const char *list) {
    for (const char *at = list; *at;) {
        const size_t length = strcspn(at, ",");
        fprintf(page, "%s[%.*s](%.*s.md)", at == list ? "" : ", ", (int)length, at, (int)length, at);
        at += length;
        if (*at) at += 2;
    }
}

static void put_head(FILE *page, const wg_op *op, const wg_case *sample) {
    const recorder *by = recorder_of(op->name);
    char recorded[1024];
    fprintf(page, "# %s\n\n", op->name);
    put_indented(page, op->formula);
    if (by) {
        put_indented(page, by->text);
        if (*by->options) put_indented(page, by->options);
    } else {
        fprintf(page, "For rules and expansions of other operations: no header has it, `wg_apply_named` "
                      "records it.\n\n");
    }
    if (op->forward) return;
    reference_recorded(sample, false, recorded, sizeof recorded);
    fprintf(page, "It is composed of others; the example below records ");
    put_links(page, recorded);
    fprintf(page, ".\n\n");
}

static void put_gradient(FILE *page, const wg_op *op, const wg_case *sample) {
    const char *reason = wg_op_no_gradient(op);
    char recorded[1024];
    fprintf(page, "## Gradient\n\n");
    if (reason) {
        fprintf(page, "There is none: %s. %s\n\n", reason,
                op->flags & WG_STOPS ? "Asking for it gives zeros." : "Asking for it is an error.");
        return;
    }
    put_indented(page, op->gradient ? op->gradient : "");
    reference_recorded(sample, true, recorded, sizeof recorded);
    if (!*recorded) return;
    fprintf(page, "Of the example below it records ");
    put_links(page, recorded);
    fprintf(page, ".\n\n");
}

typedef char dtype_names[128];

static void put_operands(FILE *page, const wg_op *op, const wg_case *sample, const operands *of,
                         dtype_names *dtypes) {
    fprintf(page, "## Inputs and outputs\n\n| | | dtypes | |\n| --- | --- | --- | --- |\n");
    for (int i = 0; i < of->input_count; i++) {
        const operand *input = &of->inputs[i];
        const bool blocked = op->blocked_inputs & 1u << i;
        fprintf(page, "| %s | `%s` | %s | input%s%s%s |\n", input->name, input->shape, dtypes[i],
                input->more ? ", one or more of them" : "", input->optional ? ", may be left out" : "",
                blocked && !wg_op_no_gradient(op) ? ", without gradient" : "");
    }
    for (int i = 0; i < of->output_count; i++) {
        char dtype[64];
        reference_output_dtype(sample, of, i, dtype, sizeof dtype);
        fprintf(page, "| %s | `%s` | %s | output |\n", of->outputs[i].name, of->outputs[i].shape, dtype);
    }
    fprintf(page, "\nEqual letters are equal extents, `...` the same further axes, `*` any.");
    if (*of->remarks) fprintf(page, " Here: %s.", of->remarks);
    if (op->blocked_because) fprintf(page, " Without gradient: %s.", op->blocked_because);
    fprintf(page, "\n\n");
}

static void put_attribute(FILE *page, const wg_attribute *a) {
    static const char *const kinds[] = {[WG_ATTRIBUTE_INT] = "whole number", [WG_ATTRIBUTE_REAL] = "number",
                                        [WG_ATTRIBUTE_BOOL] = "truth value", [WG_ATTRIBUTE_DTYPE] = "dtype",
                                        [WG_ATTRIBUTE_AXES] = "axes",        [WG_ATTRIBUTE_SHAPE] = "shape",
                                        [WG_ATTRIBUTE_BITS] = "64 bits",     [WG_ATTRIBUTE_TEXT] = "text"};
    const bool number = a->kind == WG_ATTRIBUTE_INT || a->kind == WG_ATTRIBUTE_REAL;
    fprintf(page, "| %s | %s", a->name, kinds[a->kind]);
    if (number && a->count > 1) fprintf(page, ", %d of them", a->count);
    fprintf(page, " | ");
    if (a->kind == WG_ATTRIBUTE_INT)
        fprintf(page, "%.0f", a->preset);
    else if (number)
        fprintf(page, "%.10g", a->preset);
    else if (a->kind == WG_ATTRIBUTE_BOOL)
        fputs(a->preset != 0 ? "true" : "false", page);
    else
        fputs(a->kind == WG_ATTRIBUTE_AXES ? "all" : "–", page);
    fprintf(page, " | ");
    if (!a->bounded)
        fputs("–", page);
    else if (a->low <= -1e300)
        fputs("finite", page);
    else if (a->high >= INT32_MAX)
        fprintf(page, "at least %.10g", a->low);
    else
        fprintf(page, "%.10g … %.10g", a->low, a->high);
    fprintf(page, " | ");
    if (a->meaning) put_cell(page, a->meaning);
    fprintf(page, "%s |\n", a->is_value ? "; may change from step to step" : "");
}

static void put_attributes(FILE *page, const wg_op *op) {
    fprintf(page, "## Attributes\n\n");
    if (!op->attributes || !op->attributes->name) {
        fprintf(page, "None.\n\n");
        return;
    }
    fprintf(page, "| | | default | bounds | |\n| --- | --- | --- | --- | --- |\n");
    for (const wg_attribute *a = op->attributes; a->name; a++) put_attribute(page, a);
    fprintf(page, "\nDefaults are those of `wg_apply_named`.\n\n");
}

static void put_names(FILE *page, const wg_op *op) {
    fprintf(page, "## Elsewhere\n\n");
    if (op->onnx)
        fprintf(page, "ONNX: [%s](https://onnx.ai/onnx/operators/onnx__%s.html)\n\n", op->onnx, op->onnx);
    if (op->torch) fprintf(page, "PyTorch: `%s`\n\n", op->torch);
    if (!op->onnx && !op->torch) fprintf(page, "Neither ONNX nor PyTorch has it.\n\n");
}

typedef struct writing {
    FILE *page;
    int chosen, status;
    operands of;
    dtype_names dtypes[MOST_OPERANDS]; /* of inputs */
} writing;

static int write_page(const wg_case *sample, void *context) {
    writing *w = context;
    if (sample->number != w->chosen) return 0;
    const wg_op *op = sample->op;
    put_head(w->page, op, sample);
    put_gradient(w->page, op, sample);
    put_operands(w->page, op, sample, &w->of, w->dtypes);
    put_attributes(w->page, op);
    put_names(w->page, op);
    fprintf(w->page, "## Example\n\n");
    w->status = reference_example(w->page, sample, &w->of);
    fprintf(w->page, "\n[All operations](index.md)\n");
    return 1;
}

int reference_page(FILE *page, const wg_op *op) {
    writing w = {.page = page, .status = WG_ERROR_UNSUPPORTED};
    if (!operands_of(op, &w.of))
        return fprintf(stderr, "wengert: the shapes of %s cannot be read\n", op->name), 1;
    w.chosen = reference_choose(op, &w.of);
    if (!w.chosen) return fprintf(stderr, "wengert: %s has no sample to show\n", op->name), 1;
    for (int i = 0; i < w.of.input_count; i++) reference_input_dtypes(op, i, w.dtypes[i], sizeof w.dtypes[i]);
    wg_op_samples(op, write_page, &w);
    return w.status;
}
