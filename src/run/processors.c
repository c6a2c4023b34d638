/* processors — see processors.h. Reads the system's files; knows nothing of pools. */
#include "run/processors.h"
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

/* --- Control groups --------------------------------------------------------------------------- */

enum { LINE = 2048 + PATH_MAX };

/* A hierarchy that may limit processor time, and the process's own group in it. */
typedef struct hierarchy {
    bool version2;
    char mount[PATH_MAX]; /* the folder at which it is to be seen */
    char top[PATH_MAX];   /* the group which that folder is */
    char group[PATH_MAX]; /* the process's; "" : not known */
} hierarchy;

/* The next line without its end, longer ones cut. */
static bool read_line(FILE *file, char line[LINE]) {
    if (!fgets(line, LINE, file)) return false;
    const size_t length = strcspn(line, "\n");
    for (int c = line[length]; c == 0 && c != EOF && c != '\n';) c = fgetc(file);
    line[length] = 0;
    return true;
}

/* Is `word` one of the words between commas? */
static bool has_word(const char *list, const char *word) {
    const size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)); at += length)
        if ((at == list || at[-1] == ',') && (at[length] == 0 || at[length] == ',')) return true;
    return false;
}

/* "36 35 98:0 /top /mount options … - type source options", as in proc(5). Of a hierarchy for processors? */
static bool read_mount(const char *line, hierarchy *h) {
    char type[32], options[512];
    const char *rest = strstr(line, " - ");
    if (!rest || sscanf(line, "%*d %*d %*s %4095s %4095s", h->top, h->mount) != 2) return false;
    if (sscanf(rest, " - %31s %*s %511s", type, options) != 2) return false;
    h->version2 = strcmp(type, "cgroup2") == 0;
    return h->version2 || (strcmp(type, "cgroup") == 0 && has_word(options, "cpu"));
}

/* Fills h->group from lines "0::/path" of version 2 and "4:cpu,cpuacct:/path" of version 1. */
static void find_group(const char *root, hierarchy *h) {
    char path[PATH_MAX + 32], line[LINE];
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    h->group[0] = 0;
    while (file && !h->group[0] && read_line(file, line)) {
        char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group) continue;
        *group++ = 0;
        controllers++;
        if (h->version2 ? controllers[0] == 0 : has_word(controllers, "cpu"))
            snprintf(h->group, sizeof h->group, "%.4095s", group);
    }
    if (file) fclose(file);
}

/* Reads up to two numbers of a file; how many there were. The word "max" is none. */
static int read_numbers(const char *folder, const char *name, long long numbers[2]) {
    char path[3 * PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    const int count = fscanf(file, "%lld %lld", &numbers[0], &numbers[1]);
    fclose(file);
    return count > 0 ? count : 0;
}

/* The limit of the one group that is to be seen at `folder`; 0: none. */
static int limit_of_group(const char *folder, bool version2) {
    long long of[2] = {0, 0}; /* quota, period */
    if (version2) {
        if (read_numbers(folder, "cpu.max", of) != 2) return 0;
    } else {
        long long period[2];
        if (!read_numbers(folder, "cpu.cfs_quota_us", of) ||
            !read_numbers(folder, "cpu.cfs_period_us", period))
            return 0;
        of[1] = period[0];
    }
    if (of[0] <= 0 || of[1] <= 0 || of[0] / of[1] >= INT_MAX) return 0;
    return (int)(of[0] / of[1] + (of[0] % of[1] != 0));
}

static int smaller_limit(int a, int b) { return a && (!b || a < b) ? a : b; }

/* Of the process's group and those above it. A container may see its group by another name than it has inside
 * (`top` is then no part of it), and looks at what is mounted. */
static int limit_of_hierarchy(const char *root, const hierarchy *h) {
    char folder[3 * PATH_MAX];
    const size_t length = strcmp(h->top, "/") == 0 ? 0 : strlen(h->top);
    const bool below = strncmp(h->group, h->top, length) == 0 &&
                       (h->group[length] == '/' || h->group[length] == 0) && !strstr(h->group, "/..");
    const size_t least = (size_t)snprintf(folder, sizeof folder, "%s%s", root, h->mount);
    snprintf(folder + least, sizeof folder - least, "%s", below ? h->group + length : "");
    int limit = 0;
    for (;;) {
        limit = smaller_limit(limit, limit_of_group(folder, h->version2));
        char *end = strrchr(folder + least, '/');
        if (!end) return limit;
        *end = 0;
    }
}

int wg_cgroup_limit(const char *root) {
    char path[PATH_MAX + 32], line[LINE];
    hierarchy h;
    int limit = 0;
    snprintf(path, sizeof path, "%s/proc/self/mountinfo", root);
    FILE *file = fopen(path, "re");
    while (file && read_line(file, line)) {
        if (!read_mount(line, &h)) continue;
        find_group(root, &h);
        limit = smaller_limit(limit, limit_of_hierarchy(root, &h));
    }
    if (file) fclose(file);
    return limit;
}

int wg_processors(void) {
    int count = (int)sysconf(_SC_NPROCESSORS_ONLN);
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) count = CPU_COUNT(&set);
#endif
    const int limit = wg_cgroup_limit("");
    if (limit > 0 && limit < count) count = limit;
    return count > 0 ? count : 1;
}

/* --- Lists of processors ---------------------------------------------------------------------- */

/* A number at *text, which moves behind it; -1: none, or too large. */
static int read_number(const char **text) {
    char *end;
    if (**text < '0' || **text > '9') return -1;
    const long number = strtol(*text, &end, 10);
    *text = end;
    return number < WG_MOST_PROCESSORS ? (int)number : -1;
}

int wg_processor_list(const char *text, wg_processor_set *set, wg_error *error) {
    const char *at = text;
    set->count = 0;
    for (;;) {
        const int first = read_number(&at);
        int last = first;
        if (*at == '-') at++, last = read_number(&at);
        if (first < 0 || last < first || set->count + last - first >= WG_MOST_PROCESSORS ||
            (*at && *at != ','))
            return wg_error_set(
                error, WG_ERROR_ATTRIBUTE,
                "wg_engine_new: cpus is \"%.80s\"; expected numbers of processors, 0 to %d, such "
                "as \"0-3,8\"",
                text, WG_MOST_PROCESSORS - 1);
        for (int i = first; i <= last; i++) set->at[set->count++] = (uint16_t)i;
        if (!*at++) return WG_OK;
    }
}

#ifdef __linux__
/* Goes to each processor in turn, in a thread of its own, so that the calling one stays where it is. Returns
 * the first that is refused; NULL: none is. */
static void *go_to_each(void *argument) {
    const wg_processor_set *set = argument;
    for (int i = 0; i < set->count; i++) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(set->at[i], &one);
        if (pthread_setaffinity_np(pthread_self(), sizeof one, &one)) return (void *)&set->at[i];
    }
    return NULL;
}

int wg_processors_try(const wg_processor_set *set, wg_error *error) {
    pthread_t thread;
    void *refused = NULL;
    if (pthread_create(&thread, NULL, go_to_each, (void *)set))
        return wg_error_set(error, WG_ERROR_MEMORY, "wg_engine_new: the system gives no thread");
    pthread_join(thread, &refused);
    if (!refused) return WG_OK;
    return wg_error_set(error, WG_ERROR_UNSUPPORTED,
                        "wg_engine_new: cpus: there is no processor %d that this process may use",
                        *(const uint16_t *)refused);
}
#else
int wg_processors_try(const wg_processor_set *set, wg_error *error) {
    if (set->count == 0) return WG_OK;
    return wg_error_set(error, WG_ERROR_UNSUPPORTED, "wg_engine_new: cpus: this system pins no threads");
}
#endif
