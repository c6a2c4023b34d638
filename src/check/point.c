/* point — a function of vars together with the inputs at which it is looked at: its value there, and
 * its gradients for a given cotangent. Each question records the function anew on a cleared tape, so
 * that functions may branch and keep what they like. */
#include "check/check.h"
#include <math.h>
#include <stdlib.h>
#include <wengert/ops.h>

static wg_tensor *dense_copy(const wg_tensor *tensor, wg_error *error) {
    const wg_type type = wg_tensor_type(tensor);
    wg_tensor *copy = wg_tensor_of_type(&type, error);
    if (!copy) return NULL;
    const size_t size = wg_dtype_size(type.dtype);
    char *to = wg_tensor_writable(copy);
    int64_t index[WG_MAX_RANK] = {0};
    for (int64_t i = 0, count = wg_type_count(&type); i < count; i++) {
        int64_t at = 0;
        for (int axis = 0; axis < type.rank; axis++) at += index[axis] * wg_tensor_stride(tensor, axis);
        memcpy(to + (size_t)i * size, (const char *)wg_tensor_data(tensor) + at * (int64_t)size, size);
        for (int axis = type.rank; axis-- > 0;) {
            if (++index[axis] < type.extent[axis]) break;
            index[axis] = 0;
        }
    }
    return copy;
}

/* Of a dense tensor. */
static double element(const wg_tensor *tensor, int64_t index) {
    const void *data = wg_tensor_data(tensor);
    const wg_dtype dtype = wg_tensor_type(tensor).dtype;
    if (dtype == WG_F32) return (double)((const float *)data)[index];
    return dtype == WG_F64 ? ((const double *)data)[index] : wg_tensor_get(tensor, index);
}

/* All of its elements; returns how many. */
static int64_t read_elements(const wg_tensor *tensor, double *to) {
    const int64_t count = tensor ? wg_tensor_count(tensor) : 0;
    if (count && wg_tensor_type(tensor).dtype == WG_F64)
        memcpy(to, wg_tensor_data(tensor), (size_t)count * sizeof *to);
    else
        for (int64_t i = 0; i < count; i++) to[i] = element(tensor, i);
    return count;
}

static void set_element(wg_tensor *tensor, int64_t index, double value) {
    void *data = wg_tensor_writable(tensor);
    if (wg_tensor_type(tensor).dtype == WG_F32)
        ((float *)data)[index] = (float)value;
    else
        ((double *)data)[index] = value;
}

static void write_elements(wg_tensor *tensor, const double *from) {
    const int64_t count = wg_tensor_count(tensor);
    if (count && wg_tensor_type(tensor).dtype == WG_F64)
        memcpy(wg_tensor_writable(tensor), from, (size_t)count * sizeof *from);
    else
        for (int64_t i = 0; i < count; i++) set_element(tensor, i, from[i]);
}

static double roundoff(wg_dtype dtype) { return dtype == WG_F32 ? 0x1p-24 : dtype == WG_F64 ? 0x1p-53 : 0; }

int wg_point_open(wg_point *point, wg_function *function, void *context, wg_tensor *const *inputs, int count,
                  uint64_t held, wg_engine *engine, wg_error *error) {
    const size_t slots = (size_t)count + 1;
    *point = (wg_point){.function = function,
                        .context = context,
                        .count = count,
                        .tape = wg_tape_new(.engine = engine),
                        .inputs = calloc(slots, sizeof(wg_tensor *)),
                        .active = calloc(slots, sizeof(bool)),
                        .vars = calloc(slots, sizeof(wg_var)),
                        .gradients = calloc(slots, sizeof(wg_var))};
    if (!point->tape || !point->inputs || !point->active || !point->vars || !point->gradients)
        return wg_error_set(error, WG_ERROR_MEMORY, "gradient check: no memory for a tape");
    for (int i = 0; i < count; i++) {
        if (!inputs[i]) continue;
        point->inputs[i] = dense_copy(inputs[i], error);
        if (!point->inputs[i]) return error->status;
        const wg_dtype dtype = wg_tensor_type(inputs[i]).dtype;
        point->active[i] = wg_dtype_real(dtype) && !(i < 64 && held >> i & 1);
        if (roundoff(dtype) > point->unit) point->unit = roundoff(dtype);
    }
    return WG_OK;
}

void wg_point_close(wg_point *point) {
    wg_tape_free(point->tape);
    for (int i = 0; point->inputs && i < point->count; i++) wg_tensor_free(point->inputs[i]);
    free(point->inputs);
    free(point->active);
    free(point->vars);
    free(point->gradients);
}

/* All numbers as another real type. */
static wg_tensor *converted(const wg_tensor *tensor, wg_dtype dtype, wg_error *error) {
    wg_type type = wg_tensor_type(tensor);
    type.dtype = dtype;
    wg_tensor *copy = wg_tensor_of_type(&type, error);
    for (int64_t i = 0, count = copy ? wg_tensor_count(copy) : 0; i < count; i++)
        set_element(copy, i, element(tensor, i));
    return copy;
}

int wg_point_single(wg_point *single, const wg_point *point, uint64_t which, wg_error *error) {
    uint64_t held = 0;
    for (int i = 0; i < point->count && i < 64; i++) held |= (uint64_t)!point->active[i] << i;
    int status = wg_point_open(single, point->function, point->context, point->inputs, point->count, held,
                               wg_tape_engine(point->tape), error);
    single->gradient_as = point->gradient_as;
    for (int i = 0; i < point->count && i < 64 && !status; i++) {
        if (!(which >> i & 1) || wg_tensor_type(point->inputs[i]).dtype != WG_F64) continue;
        wg_tensor_free(single->inputs[i]);
        single->inputs[i] = converted(point->inputs[i], WG_F32, error);
        if (!single->inputs[i]) return error->status;
        single->unit = 0x1p-24;
    }
    return status;
}

int64_t wg_point_columns(const wg_point *point) {
    int64_t columns = 0;
    for (int i = 0; i < point->count; i++)
        columns += point->active[i] ? wg_tensor_count(point->inputs[i]) : 0;
    return columns;
}

int64_t wg_point_reals(const wg_point *point) {
    int64_t reals = 0;
    for (int i = 0; i < point->count; i++)
        reals +=
            wg_dtype_real(wg_tensor_type(point->inputs[i]).dtype) ? wg_tensor_count(point->inputs[i]) : 0;
    return reals;
}

/* The tape's error, if it has one, in `error`; heals the tape. */
static int settle(wg_point *point, wg_error *error) { return wg_tape_recover(point->tape, error); }

static wg_var record(wg_point *point, wg_function *function) {
    wg_tape_clear(point->tape);
    for (int i = 0; i < point->count; i++)
        point->vars[i] = point->inputs[i] ? (wg_input)(point->tape, point->inputs[i]) : WG_NONE;
    point->vars[point->count] = (wg_var)WG_END_;
    wg_var y = function(point->tape, point->vars, point->context);
    if (wg_valid(y) && y.tape == point->tape) return y;
    return wg_fail(point->tape, WG_ERROR_TAPE,
                   "gradient check: the function returned no valid var of the tape "
                   "that it was given");
}

int wg_point_infer(wg_point *point, wg_error *error) {
    point->output = wg_type_of(record(point, point->function));
    if (roundoff(point->output.dtype) > point->unit) point->unit = roundoff(point->output.dtype);
    return settle(point, error);
}

int wg_point_value(wg_point *point, double *value, wg_error *error) {
    wg_var y = record(point, point->gradient_as ? point->gradient_as : point->function);
    const wg_type type = wg_type_of(y);
    if (wg_valid(y) && !wg_type_equal(&type, &point->output))
        wg_fail(point->tape, WG_ERROR_SHAPE, "gradient check: the function's value changed its type");
    wg_eval(y);
    read_elements(wg_value(y), value);
    return settle(point, error);
}

int wg_point_repeat(wg_point *point, const double *value, double *again, wg_error *error) {
    const int status = wg_point_value(point, again, error);
    for (int64_t i = 0, count = status ? 0 : wg_type_count(&point->output); i < count; i++)
        if (memcmp(&value[i], &again[i], sizeof *value) && !(isnan(value[i]) && isnan(again[i])))
            return wg_error_set(
                error, WG_ERROR_GRADIENT,
                "recorded again at the same inputs it has another value: element %lld was %.17g, "
                "then %.17g",
                (long long)i, value[i], again[i]);
    return status;
}

/* A constant of this type with these numbers. */
static wg_var constant(wg_tape *tape, const wg_type *type, const double *numbers) {
    wg_error error;
    wg_tensor *tensor = wg_tensor_of_type(type, &error);
    if (!tensor) return wg_fail(tape, error.status, "%s", error.message);
    write_elements(tensor, numbers);
    wg_var var = (wg_input)(tape, tensor);
    wg_tensor_free(tensor);
    return var;
}

/* Records the gradients for all active inputs, to be found in point->gradients, closed by WG_END_. */
static int differentiate(wg_point *point, wg_var y, wg_var seed) {
    wg_var *x = point->vars;
    int wanted = 0;
    for (int i = 0; i < point->count; i++)
        if (point->active[i]) x[wanted++] = x[i];
    point->gradients[wanted] = (wg_var)WG_END_;
    wg_grad_list(y, seed, x, wanted, point->gradients);
    for (int i = 0; i < wanted; i++) {
        const wg_type of_x = wg_type_of(x[i]), of_gradient = wg_type_of(point->gradients[i]);
        char wants[WG_TEXT_SIZE], has[WG_TEXT_SIZE];
        if (wg_valid(point->gradients[i]) && !wg_type_equal(&of_x, &of_gradient))
            wg_fail(point->tape, WG_ERROR_SHAPE, "the input is %s, its gradient %s",
                    wg_type_text(wants, &of_x, true), wg_type_text(has, &of_gradient, true));
    }
    return wanted;
}

/* What point->gradients hold, one after the other. */
static void read_gradients(wg_point *point, int wanted, double *numbers) {
    wg_eval_list(point->gradients);
    for (int i = 0; i < wanted; i++) numbers += read_elements(wg_value(point->gradients[i]), numbers);
}

int wg_point_gradient(wg_point *point, const double *seed, double *gradient, wg_error *error) {
    wg_var y = record(point, point->function);
    const int wanted = differentiate(point, y, constant(point->tape, &point->output, seed));
    read_gradients(point, wanted, gradient);
    return settle(point, error);
}

int wg_point_curvature(wg_point *point, const double *seed, const double *direction, double *product,
                       wg_error *error) {
    wg_tape *tape = point->tape;
    wg_var y = record(point, point->function), slope = WG_NONE;
    const int wanted = differentiate(point, y, constant(tape, &point->output, seed));
    for (int i = 0; i < wanted; i++) {
        const wg_type type = wg_type_of(point->vars[i]);
        wg_var along = wg_sum(wg_mul(point->gradients[i], constant(tape, &type, direction)), WG_ALL_AXES);
        slope = i ? wg_add(slope, wg_cast(along, WG_F64)) : wg_cast(along, WG_F64);
        direction += wg_type_count(&type);
    }
    wg_grad_list(slope, WG_NONE, point->vars, wanted, point->gradients);
    read_gradients(point, wanted, product);
    return settle(point, error);
}

int wg_point_refuses(wg_point *point, const char *name, wg_error *error) {
    wg_var y = record(point, point->function);
    if (wg_tape_status(point->tape)) return settle(point, error);
    const bool real =
        wg_dtype_real(point->output.dtype); /* whole numbers are refused before the op is seen */
    differentiate(point, y, real ? y : WG_NONE);
    const int status = settle(point, error);
    if (status == WG_OK)
        return wg_error_set(error, WG_ERROR_GRADIENT, "declared not differentiable, yet wg_grad succeeds");
    if (status != WG_ERROR_GRADIENT || !real || strstr(error->message, name))
        return status == WG_ERROR_GRADIENT ? WG_OK : status;
    char said[200];
    snprintf(said, sizeof said, "%.190s", error->message);
    return wg_error_set(error, WG_ERROR_GRADIENT, "wg_grad refuses without naming %s: %s", name, said);
}

int wg_point_flops(wg_point *point, double *flops, wg_error *error) {
    record(point, point->function);
    *flops = wg_check_flops(point->tape);
    return settle(point, error);
}

double wg_point_get(const wg_point *point, int input, int64_t index) {
    return element(point->inputs[input], index);
}

void wg_point_set(wg_point *point, int input, int64_t index, double value) {
    set_element(point->inputs[input], index, value);
}

void wg_point_get_all(const wg_point *point, double *x) {
    for (int i = 0; i < point->count; i++)
        if (point->active[i]) x += read_elements(point->inputs[i], x);
}

void wg_point_set_all(wg_point *point, const double *x) {
    for (int i = 0; i < point->count; i++) {
        if (!point->active[i]) continue;
        write_elements(point->inputs[i], x);
        x += wg_tensor_count(point->inputs[i]);
    }
}
