/* memory — what the system says of this process's memory, in bytes. */
#ifndef WG_CLI_MEMORY_H
#define WG_CLI_MEMORY_H

/* NaN where the system does not tell. */
typedef struct process_memory {
    double resident; /* now (VmRSS) */
    double peak;     /* the most that was resident since the mark was last set (VmHWM) */
    double files;    /* of what is resident: pages of files, which are the code of programs and libraries */
} process_memory;

process_memory process_memory_now(void);

/* Sets the peak back to what is resident now. Where that cannot be done, the peak is that of the whole life.
 */
void process_memory_mark(void);

#endif
