/* stop_gradient — y = x, through which no gradient flows: dx = 0 by intention */
#include "op.h"

#ifdef WG_RULES

static void stop_gradient_forward(const wg_call *call) {
    const size_t size = wg_dtype_size(call->dtype), begin = (size_t)call->begin * size;
    if (call->begin < call->end)
        memmove(WG_OUT(call, 0, char) + begin, WG_IN(call, 0, char) + begin,
                (size_t)call->end * size - begin);
}
WG_BYTES_KERNEL(stop_gradient, stop_gradient_forward)

static int infer(wg_infer *infer) {
    infer->outputs[0] = infer->inputs[0];
    return WG_OK;
}

static int64_t units(const wg_call *call) { return wg_type_count(&call->outputs[0].type); }
static wg_cost cost(const wg_call *call) { return (wg_cost){.bytes = wg_call_bytes(call)}; }

static void samples(wg_sampler *s) { wg_sample_unary(s, WG_NORMAL, 0, 0); }

const wg_op wg_op_stop_gradient = {
    .name = "stop_gradient", .formula = "y = x, dx = 0", .torch = "detach",
    .shapes = "x [...] -> y [...]",
    .inputs = 1, .outputs = 1, .flags = WG_VIEW | WG_STOPS, .no_gradient = "stops it by intention",
    .infer = infer, .forward = WG_FORWARD(stop_gradient), .units = units, .cost = cost, .samples = samples,
};

wg_var (wg_stop_gradient)(wg_var x) { return WG_RECORD(&wg_op_stop_gradient, NULL, x); }

#endif
