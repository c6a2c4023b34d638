/* vectors — writes what the registry's ops make of their samples, and their gradients, for gradients.py,
 * which holds it to PyTorch. A client of the public headers; the stream goes to standard output.
 *
 * A record is a line of fields with tabs between. One that ends in a dtype and a shape has the tensor's bytes
 * right behind it, in the machine's order:
 *
 *     op          NAME  TORCH'S NAME  WHY IT HAS NO GRADIENT  IS IT A HELPER
 *     attribute   NAME  KIND  NUMBERS  of the op, each
 *     case        NUMBER  ATTRIBUTES
 *     input       I  0                DTYPE SHAPE      or absent  I
 *     output      K  0                DTYPE SHAPE
 *     cotangent   K  0                DTYPE SHAPE      v, of a real output
 *     gradient    K  I                DTYPE SHAPE      g_I = d<v, y_K> / dx_I
 *     direction   K  I                DTYPE SHAPE      d, of the shape of that gradient
 *     second      K  I                DTYPE SHAPE      d sum_J <d_J, g_J> / dx_I, and for I = -1 d / dv
 *     refused     K  ORDER  MESSAGE   where there is no gradient of that order
 *     end */
#include <stdio.h>
#include <stdlib.h>
#include <wengert.h>

enum { MOST_INPUTS = 32, SEED = 1 };

typedef struct {
    wg_tape *tape;
    const wg_case *sample;
    int count;
    wg_tensor *tensors[MOST_INPUTS];
    wg_var inputs[MOST_INPUTS + 1];
} point;

static bool is_real(wg_dtype dtype) { return dtype == WG_F32 || dtype == WG_F64; }

static void fail(const char *name, int sample, const char *what) {
    fprintf(stderr, "vectors: %s, sample %d: %s\n", name, sample, what);
    exit(EXIT_FAILURE);
}

static void write_tensor(const char *word, int first, int second, const wg_tensor *tensor) {
    const wg_type type = wg_tensor_type(tensor);
    printf("%s\t%d\t%d\t%s\t", word, first, second, wg_dtype_name(type.dtype));
    for (int axis = 0; axis < type.rank; axis++)
        printf("%s%lld", axis ? "," : "", (long long)type.extent[axis]);
    printf("\n");
    fwrite(wg_tensor_data(tensor), 1, wg_type_bytes(&type), stdout);
}

/* Evenly distributed over ±[1/2, 3/2): no number of a cotangent is small enough to hide what it weighs. */
static double dense(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u; /* splitmix64, Steele, Lea & Flood 2014 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    const double size = 0.5 + (double)(z >> 11) * 0x1p-53;
    return z & 1 ? size : -size;
}

/* A var of y's type with such numbers; the tape holds them. */
static wg_var dense_like(const point *at, wg_var y, uint64_t number) {
    const wg_type type = wg_type_of(y);
    wg_error error;
    wg_tensor *tensor = wg_tensor_of_type(&type, &error);
    if (!tensor) fail(at->sample->op->name, at->sample->number, error.message);
    void *data = wg_tensor_writable(tensor);
    uint64_t state = number;
    for (int64_t i = 0; i < wg_type_count(&type); i++) {
        if (type.dtype == WG_F32)
            ((float *)data)[i] = (float)dense(&state);
        else
            ((double *)data)[i] = dense(&state);
    }
    wg_var x = wg_input(at->tape, tensor);
    wg_tensor_free(tensor);
    return x;
}

static void open_inputs(point *at) {
    const wg_case *sample = at->sample;
    at->count = sample->input_count;
    if (at->count > MOST_INPUTS) fail(sample->op->name, sample->number, "too many inputs");
    for (int i = 0; i < at->count; i++) {
        wg_error error = {0};
        at->tensors[i] = wg_case_tensor(sample, i, WG_F64, SEED, &error);
        if (!at->tensors[i] && !sample->inputs[i].absent)
            fail(sample->op->name, sample->number, error.message);
        at->inputs[i] = at->tensors[i] ? wg_input(at->tape, at->tensors[i]) : WG_NONE;
    }
    at->inputs[at->count] = (wg_var)WG_END_;
}

static void close_inputs(point *at) {
    wg_tape_clear(at->tape);
    for (int i = 0; i < at->count; i++) wg_tensor_free(at->tensors[i]);
}

/* The tape's error as a record; heals the tape. */
static void write_refusal(const point *at, int output, int order) {
    wg_error error;
    wg_tape_recover(at->tape, &error);
    printf("refused\t%d\t%d\t%s\n", output, order, error.message);
}

/* Evaluates the gradients of y for these vars and writes them; false: there are none. */
static bool write_gradients(const point *at, const char *word, int output, wg_var y, wg_var seed,
                            const wg_var *x, const int *number, int count, wg_var *gradients) {
    wg_grad_list(y, seed, x, count, gradients);
    gradients[count] = (wg_var)WG_END_;
    if (wg_tape_status(at->tape) || wg_peek_list(gradients)) return false;
    for (int i = 0; i < count; i++) write_tensor(word, output, number[i], wg_value(gradients[i]));
    return true;
}

/* Weighs the gradients for x with directions, and differentiates the sum by x and by the cotangent. */
static void write_second(const point *at, int output, wg_var seed, const wg_var *gradients, wg_var *x,
                         int *number, int count) {
    wg_var total = wg_scalar(at->tape, 0.0), seconds[MOST_INPUTS + 2];
    for (int i = 0; i < count; i++) {
        wg_var direction = dense_like(at, gradients[i], (uint64_t)(1000 + i));
        wg_var product = wg_cast(wg_mul(direction, gradients[i]), WG_F64);
        total = wg_add(wg_sum(product, WG_ALL_AXES), total);
        if (wg_peek_list((const wg_var[]){direction, WG_END_})) break;
        write_tensor("direction", output, number[i], wg_value(direction));
    }
    x[count] = seed;
    number[count] = -1;
    if (!write_gradients(at, "second", output, total, WG_NONE, x, number, count + 1, seconds))
        write_refusal(at, output, 2);
}

static void write_orders(const point *at, int output, wg_var y) {
    wg_var x[MOST_INPUTS + 1], gradients[MOST_INPUTS + 1];
    int number[MOST_INPUTS + 1], count = 0;
    for (int i = 0; i < at->count; i++) {
        if (!at->tensors[i] || !is_real(wg_tensor_type(at->tensors[i]).dtype)) continue;
        if (wg_connection_of(y, at->inputs[i]) == WG_BLOCKED) continue;
        x[count] = at->inputs[i];
        number[count++] = i;
    }
    if (!count) return;
    wg_var seed = dense_like(at, y, (uint64_t)output);
    wg_peek_list((const wg_var[]){seed, WG_END_});
    write_tensor("cotangent", output, 0, wg_value(seed));
    if (write_gradients(at, "gradient", output, y, seed, x, number, count, gradients))
        write_second(at, output, seed, gradients, x, number, count);
    else
        write_refusal(at, output, 1);
}

static int write_case(const wg_case *sample, void *context) {
    point at = {.tape = context, .sample = sample};
    char text[1024] = "";
    if (sample->attributes) wg_attributes_text(sample->op, sample->attributes, text, sizeof text);
    printf("case\t%d\t%s\n", sample->number, text);
    open_inputs(&at);
    wg_var y[5] = {wg_case_record(at.tape, sample, at.inputs)};
    const int outputs = sample->op->outputs;
    for (int k = 1; k < outputs; k++) y[k] = wg_output(y[0], k);
    y[outputs] = (wg_var)WG_END_;
    if (wg_peek_list(y)) fail(sample->op->name, sample->number, wg_tape_message(at.tape));
    for (int i = 0; i < at.count; i++) {
        if (at.tensors[i])
            write_tensor("input", i, 0, at.tensors[i]);
        else
            printf("absent\t%d\n", i);
    }
    for (int i = at.count; i < sample->op->inputs_max; i++) printf("absent\t%d\n", i);
    for (int k = 0; k < outputs; k++) write_tensor("output", k, 0, wg_value(y[k]));
    for (int k = 0; k < outputs; k++)
        if (is_real(wg_type_of(y[k]).dtype)) write_orders(&at, k, y[k]);
    printf("end\n");
    close_inputs(&at);
    return ferror(stdout);
}

static void write_op(const wg_op *op, wg_tape *tape) {
    static const char *const kinds[] = {
        [WG_ATTRIBUTE_INT] = "int",     [WG_ATTRIBUTE_REAL] = "real", [WG_ATTRIBUTE_BOOL] = "bool",
        [WG_ATTRIBUTE_DTYPE] = "dtype", [WG_ATTRIBUTE_AXES] = "axes", [WG_ATTRIBUTE_SHAPE] = "shape",
        [WG_ATTRIBUTE_BITS] = "bits",   [WG_ATTRIBUTE_TEXT] = "text"};
    const char *reason = wg_op_no_gradient(op);
    printf("op\t%s\t%s\t%s\t%d\n", op->name, op->torch ? op->torch : "", reason ? reason : "",
           op->flags & WG_HELPER ? 1 : 0);
    for (const wg_attribute *a = op->attributes; a && a->name; a++)
        printf("attribute\t%s\t%s\t%d\n", a->name, kinds[a->kind], a->count);
    wg_op_samples(op, write_case, tape);
}

/* The ops named, or all of the registry. */
int main(int argc, char **argv) {
    wg_error error;
    wg_engine *engine =
        wg_engine_new(&error, .threads = 1); /* the values are small: threads would only wait */
    wg_tape *tape = engine ? wg_tape_new(.engine = engine) : NULL;
    if (!tape) fail("engine", 0, engine ? "no memory" : error.message);
    for (int i = 1; i < argc; i++) {
        if (!wg_op_find(argv[i])) fail(argv[i], 0, "there is no such op");
        write_op(wg_op_find(argv[i]), tape);
    }
    for (int i = 0; argc == 1 && i < wg_op_count(); i++) write_op(wg_op_at(i), tape);
    wg_tape_free(tape);
    wg_engine_free(engine);
    return fflush(stdout) || ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
