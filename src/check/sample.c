/* sample — the walk over an op's cases: the sampler that `samples` of a wg_op talks to. */
#include "check/check.h"

struct wg_sampler {
    const wg_op *op;
    size_t op_size;
    wg_case_visitor *visit;
    void *context;
    int met;     /* cases so far */
    int stopped; /* what a visitor returned to end the walk */
};

int (wg_op_samples)(const wg_op *op, size_t op_size, wg_case_visitor *visit, void *context) {
    wg_sampler sampler = {.op = op, .op_size = op_size, .visit = visit, .context = context};
    if (op && op->samples) op->samples(&sampler);
    return sampler.stopped;
}

void wg_sample_list(wg_sampler *sampler, const void *attributes, const wg_sample_input *inputs) {
    if (sampler->stopped) return;
    wg_case sample = {.op = sampler->op,
                      .op_size = sampler->op_size,
                      .number = ++sampler->met,
                      .attributes = attributes,
                      .inputs = inputs};
    while (inputs && !inputs[sample.input_count].end_) sample.input_count++;
    sampler->stopped = sampler->visit(&sample, sampler->context);
}

void wg_sample_unary(wg_sampler *sampler, wg_values values, double low, double high) {
    const wg_shape *const shapes[] = {
        WG_SCALAR_SHAPE, WG_SHAPE(1),       WG_SHAPE(7),    WG_SHAPE(17),      WG_SHAPE(33),
        WG_SHAPE(3, 4),  WG_SHAPE(1, 9),    WG_SHAPE(5, 1), WG_SHAPE(2, 3, 5), WG_SHAPE(2, 1, 3, 1, 2),
        WG_SHAPE(0),     WG_SHAPE(3, 0, 2),
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        WG_SAMPLE(sampler, NULL, {.shape = shapes[i], .values = values, .low = low, .high = high});
}

void wg_sample_binary(wg_sampler *sampler, wg_values values, double low, double high) {
    const wg_shape *const shapes[][2] = {
        {WG_SCALAR_SHAPE, WG_SCALAR_SHAPE},  {WG_SHAPE(7), WG_SHAPE(7)},
        {WG_SHAPE(3, 4), WG_SHAPE(3, 4)},    {WG_SCALAR_SHAPE, WG_SHAPE(5)},
        {WG_SHAPE(5), WG_SCALAR_SHAPE},      {WG_SHAPE(1), WG_SHAPE(17)},
        {WG_SHAPE(33), WG_SHAPE(1)},         {WG_SHAPE(3, 1), WG_SHAPE(1, 4)},
        {WG_SHAPE(1, 4), WG_SHAPE(3, 1)},    {WG_SHAPE(4), WG_SHAPE(3, 4)},
        {WG_SHAPE(2, 3, 4), WG_SHAPE(3, 1)}, {WG_SHAPE(2, 1, 3, 1, 2), WG_SHAPE(3, 2, 1)},
        {WG_SHAPE(1, 1), WG_SHAPE(1)},       {WG_SHAPE(0), WG_SHAPE(1)},
        {WG_SHAPE(3, 1), WG_SHAPE(1, 0)},    {WG_SHAPE(2), WG_SHAPE(0, 3, 1)},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        WG_SAMPLE(sampler, NULL, {.shape = shapes[i][0], .values = values, .low = low, .high = high},
                  {.shape = shapes[i][1], .values = values, .low = low, .high = high});
}

/* Without inputs only the op's name says on which tape. */
static wg_var record_source(wg_tape *tape, const wg_case *sample) {
    const wg_var none[] = {WG_END_};
    char text[1024] = "";
    if (sample->attributes) wg_attributes_text(sample->op, sample->attributes, text, sizeof text);
    return wg_apply_named(tape, sample->op->name, none, text);
}

wg_var (wg_case_record)(wg_tape *tape, const wg_case *sample, const wg_var *inputs) {
    if (!sample || !inputs)
        return wg_fail(tape, WG_ERROR_TAPE, "wg_case_record: the case, or the list of its inputs, is NULL");
    if (!sample->input_count) return record_source(tape, sample);
    return wg_apply_list(sample->op, sample->op_size, sample->attributes, inputs);
}
