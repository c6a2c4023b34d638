/* reference_recorders — the recorders' declarations and comments, which the build takes from the headers. */
#include "cli/reference.h"

static const recorder recorders[] = {
#include "recorders.inc"
};
enum { RECORDERS = sizeof recorders / sizeof *recorders };

const recorder *recorder_at(int index) { return index < RECORDERS ? &recorders[index] : NULL; }

const recorder *recorder_of(const char *op) {
    for (int i = 0; i < RECORDERS; i++)
        if (strcmp(recorders[i].op, op) == 0) return &recorders[i];
    return NULL;
}
