/* memory — see memory.h. Linux tells by /proc/self/status, in kB, and sets the mark by /proc/self/clear_refs:
 * proc(5). */
#include "cli/memory.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

process_memory process_memory_now(void) {
    process_memory memory = {NAN, NAN, NAN};
    const struct {
        const char *name;
        double *bytes;
    } lines[] = {{"VmRSS:", &memory.resident}, {"VmHWM:", &memory.peak}, {"RssFile:", &memory.files}};
    FILE *file = fopen("/proc/self/status", "r");
    char line[200];
    while (file && fgets(line, sizeof line, file))
        for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
            if (strncmp(line, lines[i].name, strlen(lines[i].name)) == 0)
                *lines[i].bytes = 1024 * strtod(line + strlen(lines[i].name), NULL);
    if (file) fclose(file);
    return memory;
}

void process_memory_mark(void) {
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (!file) return;
    fputs("5\n", file);
    fclose(file);
}
