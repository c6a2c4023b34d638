/* standardize.h — the attributes of standardize, for the ops that are made of it. */
#ifndef WG_OPS_STANDARDIZE_H
#define WG_OPS_STANDARDIZE_H

#include "op.h"

typedef struct standardize_attributes {
    int64_t from, to; /* axes from … to-1 stay apart */
    double epsilon;
    bool center;
} standardize_attributes;

#ifdef WG_RULES
static inline standardize_attributes standardize_chosen(int64_t from, int64_t to, double epsilon,
                                                        bool center) {
    standardize_attributes chosen;
    memset(&chosen, 0, sizeof chosen);
    chosen.from = from;
    chosen.to = to;
    chosen.epsilon = epsilon;
    chosen.center = center;
    return chosen;
}
#endif
#endif
