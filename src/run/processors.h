/* processors — which processors there are for this process to use. */
#ifndef WG_RUN_PROCESSORS_H
#define WG_RUN_PROCESSORS_H

#include "base/base.h"

enum { WG_MOST_PROCESSORS = 1024 };

/* Processors by the system's numbers, in the order given. */
typedef struct wg_processor_set {
    int count;
    uint16_t at[WG_MOST_PROCESSORS];
} wg_processor_set;

/* How many this process may use: its affinity, and the limits of its control groups. At least 1. */
int wg_processors(void);

/* The limit that control groups set, in processors, rounded up; 0: none. `root` is "", or in tests a folder
 * that stands for the root folder: read are <root>/proc/self/cgroup, <root>/proc/self/mountinfo and the
 * limits of the process's own group and all groups above it, of version 1 and of version 2. */
int wg_cgroup_limit(const char *root);

/* Reads a list in the system's notation, "0-3,8". A wg_status: WG_ERROR_ATTRIBUTE where it is none. */
int wg_processor_list(const char *text, wg_processor_set *set, wg_error *error);

/* Can a thread run on each of them? A wg_status: WG_ERROR_UNSUPPORTED names the first that does not exist or
 * is not for this process. */
int wg_processors_try(const wg_processor_set *set, wg_error *error);

#endif
