/* reference_types — what recording a sample tells of an operation: dtypes that it takes and gives, and what
 * is recorded for it. */
#include "cli/reference.h"

static const wg_dtype dtypes[] = {WG_F32, WG_F64, WG_I32, WG_I64, WG_U8, WG_BOOL};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

static bool is_real(wg_dtype dtype) { return dtype == WG_NO_DTYPE || dtype == WG_F32 || dtype == WG_F64; }

static void append(char *text, size_t size, const char *before, const char *word) {
    const size_t length = strlen(text);
    snprintf(text + length, size - length, "%s%s", length ? before : "", word);
}

/* Input `changed` is of `dtype`, and so are all real inputs if it is one of them. */
static void make_inputs(wg_tape *tape, const wg_case *sample, wg_dtype real, int changed, wg_dtype dtype,
                        wg_var *vars) {
    for (int i = 0; i < sample->input_count; i++) {
        const wg_sample_input *input = &sample->inputs[i];
        wg_dtype own = input->dtype ? input->dtype : real;
        if (changed >= 0 && (i == changed || (!input->dtype && !sample->inputs[changed].dtype))) own = dtype;
        vars[i] = input->absent ? WG_NONE : (wg_full)(tape, own, input->shape, 1);
    }
    vars[sample->input_count] = (wg_var)WG_END_;
}

void reference_inputs(wg_tape *tape, const wg_case *sample, wg_dtype real, wg_var *vars) {
    make_inputs(tape, sample, real, -1, real, vars);
}

typedef struct taken {
    int input;
    bool dtypes[DTYPES];
} taken;

static int try_dtypes(const wg_case *sample, void *context) {
    taken *of = context;
    if (of->input >= sample->input_count || sample->input_count > MOST_OPERANDS ||
        sample->inputs[of->input].absent)
        return 0;
    wg_tape *tape = wg_tape_new();
    for (int i = 0; i < DTYPES; i++) {
        if (of->dtypes[i]) continue;
        wg_var vars[MOST_OPERANDS + 1];
        make_inputs(tape, sample, WG_F64, of->input, dtypes[i], vars);
        of->dtypes[i] = wg_valid(wg_case_record(tape, sample, vars));
        wg_tape_recover(tape, NULL);
        wg_tape_clear(tape);
    }
    wg_tape_free(tape);
    return 0;
}

void reference_input_dtypes(const wg_op *op, int input, char *text, size_t size) {
    taken of = {.input = input};
    *text = '\0';
    wg_op_samples(op, try_dtypes, &of);
    for (int i = 0; i < DTYPES; i++)
        if (of.dtypes[i]) append(text, size, ", ", wg_dtype_name(dtypes[i]));
}

/* The dtype of an output where input `changed` is of `dtype`; none where the operation does not take that. */
static wg_dtype output_with(wg_tape *tape, const wg_case *sample, int output, int changed, wg_dtype dtype) {
    wg_var vars[MOST_OPERANDS + 1];
    make_inputs(tape, sample, WG_F64, changed, dtype, vars);
    wg_var y = wg_case_record(tape, sample, vars);
    const wg_dtype found = wg_type_of(output ? wg_output(y, output) : y).dtype;
    wg_tape_recover(tape, NULL);
    wg_tape_clear(tape);
    return found;
}

/* The first input whose dtype the output has, whatever that is; -1: there is none. */
static int input_followed(const wg_case *sample, int output) {
    wg_tape *tape = wg_tape_new();
    int followed = -1;
    for (int i = 0; i < sample->input_count && followed < 0; i++) {
        int accepted = 0, same = 0;
        for (int k = 0; k < DTYPES && !sample->inputs[i].absent; k++) {
            const wg_dtype found = output_with(tape, sample, output, i, dtypes[k]);
            accepted += found != WG_NO_DTYPE;
            same += found == dtypes[k];
        }
        if (accepted > 1 && same == accepted) followed = i;
    }
    wg_tape_free(tape);
    return followed;
}

void reference_output_dtype(const wg_case *sample, const operands *of, int output, char *text, size_t size) {
    for (const wg_attribute *a = sample->op->attributes; a && a->name; a++)
        if (a->kind == WG_ATTRIBUTE_DTYPE) {
            snprintf(text, size, "as %s says", a->name);
            return;
        }
    const int like = input_followed(sample, output);
    if (like < 0) {
        wg_tape *tape = wg_tape_new();
        snprintf(text, size, "%s", wg_dtype_name(output_with(tape, sample, output, -1, WG_NO_DTYPE)));
        wg_tape_free(tape);
        return;
    }
    char name[NAME_SIZE];
    operand_input(of, like, name);
    snprintf(text, size, "as %s", name);
}

/* Is the word in a list with commas? */
static bool has_word(const char *list, const char *word) {
    const size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)); at++)
        if ((at == list || at[-1] == ' ') && (at[length] == ',' || !at[length])) return true;
    return false;
}

void reference_recorded(const wg_case *sample, bool gradient, char *text, size_t size) {
    static const char *const leaves[] = {"input", "scalar", "full", "array", "constant"};
    *text = '\0';
    wg_tape *tape = wg_tape_new();
    wg_var vars[MOST_OPERANDS + 1], to[MOST_OPERANDS], gradients[MOST_OPERANDS];
    reference_inputs(tape, sample, WG_F64, vars);
    uint32_t from = wg_tape_nodes(tape);
    wg_var y = wg_case_record(tape, sample, vars);
    if (gradient) {
        const wg_type type = wg_type_of(y);
        wg_shape shape;
        for (int i = 0; i <= type.rank; i++) shape.extent[i] = i < type.rank ? type.extent[i] : INT64_MIN;
        wg_var seed = (wg_full)(tape, type.dtype, &shape, 1);
        int count = 0;
        for (int i = 0; i < sample->input_count; i++)
            if (vars[i].tape && wg_connection_of(y, vars[i]) == WG_CONNECTED &&
                is_real(wg_type_of(vars[i]).dtype))
                to[count++] = vars[i];
        from = wg_tape_nodes(tape);
        wg_grad_list(y, seed, to, count, gradients);
    }
    for (uint32_t id = from; wg_valid(y) && id < wg_tape_nodes(tape); id++) {
        char name[64] = "";
        sscanf(wg_describe((wg_var){tape, id, y.epoch}), "%%%*u %63s", name);
        bool leaf = !wg_op_find(name);
        for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++)
            leaf = leaf || strcmp(name, leaves[i]) == 0;
        if (!leaf && !has_word(text, name)) append(text, size, ", ", name);
    }
    wg_tape_recover(tape, NULL);
    wg_tape_free(tape);
}
