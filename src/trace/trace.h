/* trace — inside view of what shows a plan to people. It reads plans and the tape's latest evaluation and
 * changes neither. */
#ifndef WG_TRACE_TRACE_H
#define WG_TRACE_TRACE_H

#include "run/evaluation.h"
#include <wengert/trace.h>

typedef enum wg_role { WG_ROLE_FORWARD = 0, WG_ROLE_BACKWARD, WG_ROLE_UPDATE } wg_role;
const char *wg_role_name(int role); /* "forward", … */

/* A plan, and what is told of it beyond what it says itself. */
typedef struct wg_facts {
    const wg_tape *tape;
    const wg_evaluation *evaluation;
    const wg_plan *plan;
    const wg_lowered *low;
    uint8_t *roles;       /* by node */
    uint32_t *seen;       /* by value: the last step that was found to read it, plus 1 */
    wg_operand *operands; /* as many as a node has */
} wg_facts;

/* `what` names the function that asks. A wg_status; what was opened is to be closed, after an error too. */
int wg_facts_open(wg_facts *facts, const wg_tape *tape, const char *what, wg_error *error);
void wg_facts_close(wg_facts *facts);

typedef struct wg_step_work {
    double flops, read, written; /* bytes from and to memory: what stays in tiles does not count */
} wg_step_work;
wg_step_work wg_work_of(wg_facts *facts, uint32_t step);
double wg_flops_of(const wg_facts *facts, const wg_low_node *node);

static inline const wg_node *wg_recorded(const wg_facts *facts, const wg_low_node *node) {
    return &facts->tape->nodes.at[facts->evaluation->order.at[node->source]];
}
/* The caller's line; file NULL: not known. */
static inline wg_site wg_site_of(const wg_facts *facts, const wg_low_node *node) {
    return facts->tape->sites.at[wg_recorded(facts, node)->site];
}
static inline const char *wg_scope_of(const wg_facts *facts, const wg_low_node *node) {
    return wg_scope_text(facts->tape, wg_recorded(facts, node)->scope);
}

/* "6.125 MiB", "28.9 M": four digits. Return text. */
enum { WG_AMOUNT_SIZE = 32 };
const char *wg_bytes_text(char text[WG_AMOUNT_SIZE], double bytes);
const char *wg_count_text(char text[WG_AMOUNT_SIZE], double count);

#endif
