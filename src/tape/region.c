/* region — marks what is recorded between two calls: its values are to be computed again for the backward pass. */
#include "tape/tape.h"
#include <wengert/plan.h>

int wg_recompute_begin(wg_tape *tape) {
    if (!tape) return WG_ERROR_TAPE;
    tape->regions++;
    tape->flags_now |= WG_NODE_RECOMPUTE;
    return tape->error.status;
}

int wg_recompute_end(wg_tape *tape) {
    if (!tape) return WG_ERROR_TAPE;
    if (tape->regions == 0)
        return wg_tape_fail(tape, WG_ERROR_TAPE, "wg_recompute_end: no wg_recompute_begin came before it");
    if (--tape->regions == 0) tape->flags_now &= (uint8_t)~WG_NODE_RECOMPUTE;
    return tape->error.status;
}
