/* registry — the built-in ops, in the order of ops.def. */
#include "base/base.h"

#define WG_OP(name) extern const wg_op wg_op_##name;
#define WG_REAL_OP(name) WG_OP(name)
#define WG_NUMERIC_OP(name) WG_OP(name)
#define WG_BYTES_OP(name) WG_OP(name)
#define WG_COMPOSED_OP(name) WG_OP(name)
#include "ops.def"
#undef WG_OP

#define WG_OP(name) &wg_op_##name,
static const wg_op *const ops[] = {
#include "ops.def"
};

enum { OP_COUNT = sizeof ops / sizeof *ops };

int wg_op_count(void) { return OP_COUNT; }
const wg_op *wg_op_at(int index) { return index >= 0 && index < OP_COUNT ? ops[index] : NULL; }

const char *wg_op_no_gradient(const wg_op *op) {
    if (!op) return NULL;
    const int most = op->inputs_max ? op->inputs_max : op->inputs;
    const unsigned all = most < 0 || most > 31 ? ~0u : (1u << most) - 1;
    if (op->no_gradient) return op->no_gradient;
    if (!most) return "it has no inputs";
    if ((op->blocked_inputs & all) == all) return "its inputs are whole numbers";
    if (op->flags & WG_STOPS) return op->flags & WG_RANDOM ? "random: zero" : "zero by intention";
    if (op->flags & WG_BLOCKS) return "its values are whole numbers or truth values";
    return NULL;
}

const wg_op *wg_op_find(const char *name) {
    for (int i = 0; name && i < OP_COUNT; i++)
        if (strcmp(ops[i]->name, name) == 0) return ops[i];
    return NULL;
}
