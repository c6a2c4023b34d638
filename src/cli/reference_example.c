/* reference_example — a program that evaluates one sample of an operation, and what it prints: the same is
 * evaluated here. Real inputs are rounded to three digits, to be read. */
#include "cli/reference.h"

enum { SEED = 1 };

/* What each program begins with; `show` below prints the same. */
static const char head[] =
    "#include <math.h>\n"
    "#include <stdio.h>\n"
    "#include <wengert.h>\n\n"
    "static void show(const char *name, wg_var var) {\n"
    "    const wg_type type = wg_type_of(var);\n"
    "    const int64_t row = type.rank ? type.extent[type.rank - 1] : 1;\n"
    "    printf(\"%s [\", name);\n"
    "    for (int i = 0; i < type.rank; i++) printf(i ? \", %lld\" : \"%lld\", (long long)type.extent[i]);\n"
    "    printf(\"]\");\n"
    "    for (int64_t i = 0; i < wg_type_count(&type); i++)\n"
    "        printf(\"%s%g\", i % row ? \" \" : \"\\n    \", wg_tensor_get(wg_value(var), i));\n"
    "    printf(\"\\n\");\n"
    "}\n\n";

static void show(FILE *page, const char *name, wg_var var) {
    const wg_type type = wg_type_of(var);
    const int64_t row = type.rank ? type.extent[type.rank - 1] : 1;
    fprintf(page, "%s [", name);
    for (int i = 0; i < type.rank; i++) fprintf(page, i ? ", %lld" : "%lld", (long long)type.extent[i]);
    fprintf(page, "]");
    for (int64_t i = 0; i < wg_type_count(&type); i++)
        fprintf(page, "%s%g", i % row ? " " : "\n    ", wg_tensor_get(wg_value(var), i));
    fprintf(page, "\n");
}

typedef struct example {
    FILE *page;
    const wg_case *sample;
    const operands *of;
    wg_tape *tape;
    wg_var inputs[MOST_OPERANDS + 1], outputs[4];
    char names[MOST_OPERANDS][NAME_SIZE];
    int shown; /* the output whose gradient is taken */
    wg_var to[MOST_OPERANDS], gradients[MOST_OPERANDS + 1];
    char gradient_names[MOST_OPERANDS][NAME_SIZE];
    int count; /* of gradients */
} example;

static int put_inputs(example *e) {
    for (int i = 0; i < e->sample->input_count; i++) {
        wg_error error;
        e->inputs[i] = WG_NONE;
        operand_input(e->of, i, e->names[i]);
        if (e->sample->inputs[i].absent) continue;
        wg_tensor *tensor = wg_case_tensor(e->sample, i, WG_F64, SEED, &error);
        if (!tensor) return error.status;
        reference_round(tensor);
        reference_put_array(e->page, e->names[i], tensor);
        e->inputs[i] = wg_input(e->tape, tensor);
        wg_tensor_free(tensor);
    }
    e->inputs[e->sample->input_count] = (wg_var)WG_END_;
    return WG_OK;
}

static void put_call(example *e) {
    char call[2048], name[NAME_SIZE];
    reference_call(e->sample, e->of, call, sizeof call);
    e->outputs[0] = wg_case_record(e->tape, e->sample, e->inputs);
    operand_output(e->of, 0, name);
    fprintf(e->page, "    wg_var %s = %s;\n", name, call);
    for (int i = 1; i < e->of->output_count; i++) {
        char first[NAME_SIZE];
        operand_output(e->of, 0, first);
        operand_output(e->of, i, name);
        e->outputs[i] = wg_output(e->outputs[0], i);
        fprintf(e->page, "    wg_var %s = wg_output(%s, %d);\n", name, first, i);
    }
}

/* Which inputs have a gradient of output `shown`, and what it is called: da, or d_a where that is taken. */
static void find_gradients(example *e) {
    e->count = 0;
    wg_var y = e->outputs[e->shown];
    const wg_dtype of = wg_type_of(y).dtype;
    if (of != WG_F64 || e->sample->op->flags & WG_STOPS) return;
    for (int i = 0; i < e->sample->input_count; i++) {
        if (wg_type_of(e->inputs[i]).dtype != WG_F64 || wg_connection_of(y, e->inputs[i]) != WG_CONNECTED)
            continue;
        char *name = e->gradient_names[e->count];
        snprintf(name, NAME_SIZE, "d%.28s", e->names[i]);
        bool taken = false;
        for (int k = 0; k < e->of->output_count; k++) {
            char other[NAME_SIZE];
            operand_output(e->of, k, other);
            taken = taken || strcmp(other, name) == 0;
        }
        for (int k = 0; k < e->sample->input_count; k++) taken = taken || strcmp(e->names[k], name) == 0;
        if (taken) snprintf(name, NAME_SIZE, "d_%.28s", e->names[i]);
        e->to[e->count++] = e->inputs[i];
    }
}

/* The cotangent 1, 2, 3, …: each element counts, and each differently. */
static wg_tensor *cotangent(wg_type type) {
    wg_tensor *tensor = wg_tensor_of_type(&type, NULL);
    double *at = tensor ? wg_tensor_writable(tensor) : NULL;
    for (int64_t i = 0; at && i < wg_tensor_count(tensor); i++) at[i] = (double)i + 1;
    return tensor;
}

static void put_gradients(example *e) {
    char y[NAME_SIZE], dy[NAME_SIZE + 2];
    operand_output(e->of, e->shown, y);
    snprintf(dy, sizeof dy, "d%s", y);
    for (int i = 0; i < e->sample->input_count; i++)
        if (strcmp(dy, e->names[i]) == 0) snprintf(dy, sizeof dy, "d_%s", y);
    wg_tensor *seed = cotangent(wg_type_of(e->outputs[e->shown]));
    const bool single = wg_tensor_count(seed) == 1;
    fprintf(e->page, "\n");
    if (!single) reference_put_array(e->page, dy, seed);
    fprintf(e->page, "    const wg_var inputs[] = {");
    for (int i = 0, found = 0; i < e->sample->input_count; i++)
        if (found < e->count && e->inputs[i].tape && e->inputs[i].id == e->to[found].id)
            fprintf(e->page, "%s%s", found++ ? ", " : "", e->names[i]);
    fprintf(e->page, "};\n    wg_var gradients[%d];\n    wg_grad_list(%s, %s, inputs, %d, gradients);\n",
            e->count, y, single ? "WG_NONE" : dy, e->count);
    wg_grad_list(e->outputs[e->shown], single ? WG_NONE : wg_input(e->tape, seed), e->to, e->count,
                 e->gradients);
    wg_tensor_free(seed);
}

static int evaluate(example *e) {
    wg_var all[4 + MOST_OPERANDS + 1];
    int count = 0;
    fprintf(e->page, "    if (wg_eval(");
    for (int i = 0; i < e->of->output_count; i++) {
        char name[NAME_SIZE];
        operand_output(e->of, i, name);
        fprintf(e->page, "%s%s", i ? ", " : "", name);
        all[count++] = e->outputs[i];
    }
    for (int i = 0; i < e->count; i++) {
        fprintf(e->page, ", gradients[%d]", i);
        all[count++] = e->gradients[i];
    }
    all[count] = (wg_var)WG_END_;
    fprintf(e->page, ")) return wg_report(stderr, tape);\n");
    return wg_eval_list(all);
}

/* Lines of the program that show what there is, or with `run` what they print. */
static void put_results(const example *e, bool run) {
    for (int i = 0; i < e->of->output_count + e->count; i++) {
        char name[NAME_SIZE], var[NAME_SIZE];
        const int gradient = i - e->of->output_count;
        if (gradient < 0)
            operand_output(e->of, i, name);
        else
            snprintf(name, sizeof name, "%s", e->gradient_names[gradient]);
        if (gradient < 0)
            snprintf(var, sizeof var, "%s", name);
        else
            snprintf(var, sizeof var, "gradients[%d]", gradient);
        if (run)
            show(e->page, name, gradient < 0 ? e->outputs[i] : e->gradients[gradient]);
        else
            fprintf(e->page, "    show(\"%s\", %s);\n", name, var);
    }
}

/* Writes the example with the gradient of one output. `zero`: is all of it? */
static int write_example(FILE *page, const wg_case *sample, const operands *of, int shown, bool *zero) {
    example e = {.page = page, .sample = sample, .of = of, .tape = wg_tape_new(), .shown = shown};
    fprintf(page, "```c %s.c\n%sint main(void) {\n    wg_tape *tape = wg_tape_new();\n", sample->op->name,
            head);
    int status = put_inputs(&e);
    if (!status) {
        put_call(&e);
        find_gradients(&e);
        if (e.count) put_gradients(&e);
        status = evaluate(&e);
    }
    if (!status) {
        put_results(&e, false);
        fprintf(page, "    wg_tape_free(tape);\n    return 0;\n}\n```\n\n```text %s.out\n", sample->op->name);
        put_results(&e, true);
        fprintf(page, "```\n");
    }
    *zero = true;
    for (int i = 0; i < e.count && !status; i++) {
        const wg_tensor *gradient = wg_value(e.gradients[i]);
        for (int64_t k = 0; k < wg_tensor_count(gradient); k++)
            *zero = *zero && wg_tensor_get(gradient, k) == 0;
    }
    if (status) wg_report(stderr, e.tape);
    wg_tape_free(e.tape);
    return status;
}

/* The gradient shown is that of the first output whose gradient is not all zero. */
int reference_example(FILE *page, const wg_case *sample, const operands *of) {
    char *text = NULL;
    size_t size = 0;
    int status = WG_OK;
    bool zero = true;
    for (int shown = 0; shown < of->output_count && zero && !status; shown++) {
        char *tried = NULL;
        FILE *memory = open_memstream(&tried, &size);
        if (!memory) return WG_ERROR_MEMORY;
        status = write_example(memory, sample, of, shown, &zero);
        if (fclose(memory)) status = WG_ERROR_MEMORY;
        if (text && zero)
            free(tried);
        else
            free(text), text = tried;
    }
    if (!status) fputs(text, page);
    free(text);
    return status;
}
