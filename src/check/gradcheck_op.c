/* gradcheck_op — the check of an op on its samples: each real output is a function of the real inputs. */
#include "check/check.h"
#include <stdlib.h>

typedef struct {
    const wg_case *sample;
    int output;
} output_of;

static wg_var record_output(wg_tape *tape, const wg_var *inputs, void *context) {
    const output_of *of = context;
    wg_var first = (wg_case_record)(tape, of->sample, inputs);
    return of->output ? wg_output(first, of->output) : first;
}

static wg_var record_gradient_as(wg_tape *tape, const wg_var *inputs, void *context) {
    const wg_case *sample = ((const output_of *)context)->sample;
    return sample->op->gradient_as(tape, inputs, sample->attributes);
}

/* Does the op say that no gradient passes it? */
static bool declares_none(const wg_op *op) {
    return op->flags & WG_BLOCKS || (op->inputs == 0 && op->inputs_max == 0);
}

/* Stopped by intention: no comparison with differences, but the gradient must be there, and zero. */
static int check_stopped(wg_check *check, wg_point *point) {
    const int64_t rows = wg_type_count(&point->output), columns = wg_point_columns(point);
    double *seed = calloc((size_t)rows + 1, sizeof *seed),
           *gradient = calloc((size_t)columns + 1, sizeof *gradient);
    int status =
        seed && gradient ? WG_OK : wg_error_set(&check->error, WG_ERROR_MEMORY, "gradient check: no memory");
    for (int64_t i = 0; i < rows && !status; i++)
        seed[i] = wg_check_normal(check->options.seed, 2, 0, (uint64_t)i);
    if (!status) status = wg_point_gradient(point, seed, gradient, &check->error);
    for (int64_t i = 0; i < columns && !status; i++) {
        check->report->elements++;
        if (gradient[i] != 0)
            wg_gradcheck_fail(check->report, &check->where, "a stopped gradient is %g, not 0", gradient[i]);
    }
    free(seed);
    free(gradient);
    if (!status || status == WG_ERROR_MEMORY) return status;
    wg_gradcheck_fail(check->report, &check->where, "there is no gradient: %s", check->error.message);
    return WG_OK;
}

static int check_refusal(wg_check *check, wg_point *point, const char *name) {
    const int status = wg_point_refuses(point, name, &check->error);
    if (!status || status == WG_ERROR_MEMORY) return status;
    wg_gradcheck_fail(check->report, &check->where, "%s", check->error.message);
    return WG_OK;
}

/* The inputs that are said, without a reason, to have no gradient. */
static uint64_t without_reason(const wg_op *op) {
    if (op->no_gradient || op->blocked_because || op->gradient_as || op->flags & (WG_STOPS | WG_RANDOM))
        return 0;
    return op->flags & WG_BLOCKS ? UINT64_MAX : op->blocked_inputs;
}

/* One output of one case. Sets *blocked where it has no gradient by declaration. */
static int check_output(wg_check *check, output_of *of, wg_tensor *const *inputs, bool *blocked) {
    const wg_op *op = of->sample->op;
    const uint64_t held = op->blocked_inputs | check->options.held_inputs;
    wg_point point;
    int status = wg_point_open(&point, record_output, of, inputs, of->sample->input_count, held,
                               check->options.engine, &check->error);
    const int recorded = status ? WG_OK : wg_point_infer(&point, &check->error);
    bool active = false;
    for (int i = 0; i < point.count && !status; i++) active = active || point.active[i];
    const bool real = wg_dtype_real(point.output.dtype);
    *blocked = !status && !recorded && (!active || !real || declares_none(op));
    if (!status && recorded && recorded != WG_ERROR_MEMORY)
        wg_gradcheck_fail(check->report, &check->where, "the op cannot be recorded: %s",
                          check->error.message);
    else if (!status && recorded)
        status = recorded;
    else if (!status && *blocked)
        status = active ? check_refusal(check, &point, op->name) : WG_OK;
    else if (!status && op->flags & WG_STOPS)
        status = check_stopped(check, &point);
    else if (!status)
        status = wg_check_orders(check, record_output, of, inputs, of->sample->input_count, held);
    const bool drawn = op->flags & WG_STOPS && op->flags & WG_RANDOM; /* f32 draws other numbers */
    if (!status && !recorded && (*blocked || op->flags & WG_STOPS) && !drawn && !check->options.directions)
        status = wg_check_single(check, &point, NULL, NULL);
    if (!status && !recorded && real && !check->options.directions && check->options.order != 2)
        status =
            wg_check_blocked(check, record_output, of, inputs, of->sample->input_count, without_reason(op));
    if (!status && !recorded && !*blocked && op->forward && op->expand && of->output == 0 &&
        !check->options.directions)
        status = wg_check_expansion(check, of->sample, inputs, held);
    wg_point_close(&point);
    return status;
}

static void describe(wg_check *check, const wg_case *sample) {
    wg_gradcheck_failure *where = &check->where;
    check->single = 0;
    for (int i = 0; i < sample->input_count && i < 64; i++)
        check->single |= (uint64_t)(!sample->inputs[i].dtype && !sample->inputs[i].absent) << i;
    const wg_gradcheck_options *o = &check->options;
    const wg_op *op = sample->op;
    where->sample = sample->number;
    where->order = o->order ? o->order : 1;
    *where->attributes = 0;
    if (op->attributes && sample->attributes)
        wg_attributes_text(op, sample->attributes, where->attributes, sizeof where->attributes);
    const bool registered = wg_op_find(op->name) == op;
    char further[80];
    wg_check_options_text(check, further, sizeof further);
    snprintf(where->reproduce, sizeof where->reproduce, "wg_gradcheck_op(%s%s%s, &report, .sample = %d, %s);",
             registered ? "wg_op_find(\"" : "&", op->name, registered ? "\")" : "", sample->number, further);
}

static int check_case(const wg_case *sample, void *context) {
    wg_check *check = context;
    wg_gradcheck_report *report = check->report;
    if (check->options.sample && check->options.sample != sample->number) return WG_OK;
    describe(check, sample);
    report->samples++;
    wg_tensor **inputs = calloc((size_t)sample->input_count + 1, sizeof *inputs);
    int status = inputs ? WG_OK : wg_error_set(&check->error, WG_ERROR_MEMORY, "gradient check: no memory");
    for (int i = 0; i < sample->input_count && !status; i++) {
        inputs[i] = wg_case_tensor(sample, i, WG_F64, check->options.seed, &check->error);
        if (!inputs[i] && !sample->inputs[i].absent) status = check->error.status;
    }
    const int64_t before = wg_check_compared(check);
    bool all_blocked = true;
    unsigned open = 0; /* outputs with a gradient */
    for (int output = 0; output < sample->op->outputs && !status; output++) {
        output_of of = {sample, output};
        bool blocked;
        check->where.output = output;
        status = check_output(check, &of, inputs, &blocked);
        all_blocked = all_blocked && blocked;
        open |= (unsigned)!blocked << output;
    }
    check->where.output = 0;
    check->where.order = 1;
    const bool first = check->options.order != 2 && !check->options.directions;
    const bool together = open & (open - 1) && !(sample->op->flags & WG_STOPS);
    if (!status && open & 1 && first)
        status =
            wg_check_shared(check, sample, inputs, sample->op->blocked_inputs | check->options.held_inputs);
    if (!status && together && first) status = wg_check_together(check, sample, inputs, open);
    if (!status && all_blocked)
        report->samples_blocked++;
    else if (before == wg_check_compared(check))
        report->samples_empty++;
    for (int i = 0; inputs && i < sample->input_count; i++) wg_tensor_free(inputs[i]);
    free(inputs);
    return status;
}

/* Ties are kinks: of that many numbers every direction would cross some. */
static bool has_ties(const wg_case *sample) {
    for (int i = 0; i < sample->input_count; i++) {
        const wg_sample_input *input = &sample->inputs[i];
        if (!input->dtype && !input->absent && (input->values == WG_TIES || input->values == WG_ALL_EQUAL))
            return true;
    }
    return false;
}

/* The next case that is of use along directions, until there is one. */
static int check_large(const wg_case *sample, void *context) {
    wg_check *check = context;
    if (check->report->directions || check->report->failures || check->report->samples_blocked) return WG_OK;
    if (!check->large) return check_case(sample, context);
    if (has_ties(sample)) return WG_OK;
    if (check->options.sample && check->options.sample != sample->number) return WG_OK;
    wg_large_case large;
    int status = wg_large_case_of(&large, sample, check->options.engine, &check->error);
    if (!status) status = check_case(&large.sample, context);
    wg_large_case_free(&large);
    return status == WG_ERROR_MEMORY ? status : WG_OK;
}

static int check_along_directions(wg_check *check, const wg_op *op, size_t op_size) {
    check->large = true;
    int status = (wg_op_samples)(op, op_size, check_large, check);
    check->large = false;
    if (!status) status = (wg_op_samples)(op, op_size, check_large, check);
    return status;
}

int (wg_gradcheck_op)(const wg_op *op, size_t op_size, wg_gradcheck_report *report,
                     const wg_gradcheck_options *options) {
    if (!report) return WG_ERROR_TAPE;
    wg_check check;
    int status = wg_check_open(&check, report, options);
    if (!op) return wg_check_close(&check, wg_error_set(&check.error, WG_ERROR_TAPE, "the op is NULL"));
    snprintf(report->name, sizeof report->name, "%s", op->name ? op->name : "?");
    report->not_differentiable = declares_none(op);
    check.single_cancelled = op->f32_cancelled;
    check.gradient_as = op->gradient_as ? record_gradient_as : NULL;
    const bool composed = op->expand && !op->forward;
    if (!op->backward && !composed && !(op->flags & WG_STOPS) && !declares_none(op))
        wg_gradcheck_fail(report, &check.where,
                          "there is no backward rule, and neither WG_BLOCKS nor WG_STOPS says why");
    else if (!status && check.options.directions)
        status = check_along_directions(&check, op, op_size);
    else if (!status)
        status = (wg_op_samples)(op, op_size, check_case, &check);
    return wg_check_close(&check, status);
}
