/* line_search — how far to go in a direction; knows numbers alone. */
#ifndef WG_OPTIM_LINE_SEARCH_H
#define WG_OPTIM_LINE_SEARCH_H

/* A place on the line: the distance, the loss there and its derivative for the distance. */
typedef struct wg_line_point {
    double t, loss, slope;
} wg_line_point;

typedef struct wg_line_search {
    int (*evaluate)(void *context, wg_line_point *at); /* at->t is given; a wg_status */
    void *context;
    double decrease, curvature; /* c1 and c2 of the Wolfe conditions */
    double narrowest;           /* ends where what is left is no longer */
    int most;                   /* evaluations */
} wg_line_search;

/* From `start`, whose slope is below 0, trying `first` first. Writes the place where the strong Wolfe
 * conditions hold, or the lowest that has been found, which is `start` if nothing lower was. Returns a
 * wg_status, that of an evaluation that failed. */
int wg_line_search_run(const wg_line_search *search, wg_line_point start, double first, wg_line_point *found);

#endif
