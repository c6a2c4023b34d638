/* plan — what an evaluation will need and do, known before it runs.
 *
 *     wg_minimize(optimizer, loss);
 *     wg_prepare(loss);                      // plans; allocates and runs nothing
 *     wg_plan_info plan;
 *     wg_plan_report(tape, &plan);
 *     printf("%zu bytes at the peak\n", plan.peak);
 *     wg_eval(loss);                         // finds that plan again
 */
#ifndef WENGERT_PLAN_H
#define WENGERT_PLAN_H

#include <wengert/tape.h>

WG_BEGIN_C

/* Bytes, counts and work of a plan. `peak` is what is allocated for the run: arena + workspace; parameters, inputs
 * and results have memory of their own, outside of it. */
typedef struct wg_plan_info {
    size_t parameters;  /* states that are read or assigned, each once */
    size_t inputs;      /* tensors of the program's that are read */
    size_t results;     /* values that can be read afterwards */
    size_t activations; /* buffers that forward nodes leave to the backward pass, together */
    size_t gradients;   /* buffers of the backward pass that updates read, together */
    size_t arena;       /* all buffers, placed so that those whose lives do not overlap share memory */
    size_t workspace;   /* scratch memory of all threads together */
    size_t peak;        /* arena + workspace */
    size_t moments;     /* waves of steps; buffers live from one moment to another */
    size_t peak_moment; /* when the most bytes are live; the first such */
    size_t live;        /* bytes live then */
    size_t nodes;       /* that have work to do, recomputed ones included */
    size_t steps;       /* after fusing */
    size_t recomputed;  /* nodes computed a second time to save memory */
    size_t packed;      /* nodes that make what is kept for the backward pass in a value's stead */
    double flops;       /* of all nodes, a multiply-add being two */
    double recomputed_flops; /* of recomputed and packing ones */
} wg_plan_info;

/* Tells of the plan of the tape's latest evaluation, or of what wg_prepare planned. Returns a wg_status:
 * WG_ERROR_STALE if there is none since the tape was cleared. The tape's own error, if it has one, is left alone. */
WG_API int wg_plan_report_(const wg_tape *tape, wg_plan_info *info, size_t info_size);
#define wg_plan_report(tape, info) wg_plan_report_((tape), (info), sizeof *(info))

/* A piece of the arena. */
typedef struct wg_plan_buffer {
    wg_var var; /* whose value it holds first; wg_describe tells more */
    size_t offset, bytes;
    size_t first, last; /* the moments from which and to which it is in use */
} wg_plan_buffer;

/* Writes the buffers that are live at a moment, the largest first, at most `count` of them; returns how many there
 * are. A moment beyond the last: all buffers of the plan, in the order of their births. */
WG_API size_t wg_plan_live(wg_tape *tape, size_t moment, wg_plan_buffer *buffers, size_t count);

/* What is recorded between the two, forward, is computed again when the backward pass needs it, instead of being kept
 * in memory until then: an explicit checkpoint. Regions may be nested. Returns a wg_status. */
WG_API int wg_recompute_begin(wg_tape *tape);
WG_API int wg_recompute_end(wg_tape *tape);

/* Plans of this tape have at most this many bytes at their peak: what it takes is computed twice. 0: no budget. A
 * budget that cannot be met is an error of the evaluation and names the least that can be reached. A larger budget
 * never costs more operations, a smaller one never needs more memory; no bit of any value depends on it. An engine that
 * works node by node heeds none. */
WG_API void wg_set_memory_budget(wg_tape *tape, size_t bytes);

WG_END_C
#endif
