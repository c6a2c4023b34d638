/* countdown.h — for wg_set_stop: says stop when it is asked for the n-th time. */
#ifndef WG_TESTS_COUNTDOWN_H
#define WG_TESTS_COUNTDOWN_H

#include <stdbool.h>

typedef struct countdown {
    int asked, stop_at;
} countdown;

static inline bool count_down(void *context) {
    countdown *c = context;
    return ++c->asked == c->stop_at;
}

#endif
