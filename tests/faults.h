/* faults — makes the system refuse memory, a thread or work on a file, at one chosen call.
 *
 * A suite that lists faults.c among its sources has the malloc family, mmap, mremap, brk, sbrk, pthread_create,
 * open, read, pread, write, fsync and rename replaced in the whole process, the libraries it uses included (not
 * what the C library calls inside itself). All such calls of all threads are numbered; the one that has been
 * chosen fails as the system would have failed it, the others go through. What is held is counted, so that a leak
 * shows as a difference; whatever is measured must have run once before, since the C library keeps some of what
 * it gets (the stack of a thread that has ended).
 *
 *     const faults_held before = faults_hold();
 *     for (long n = 0; faults_arm(n), attempt(), faults_disarm(); n++)       until no call was left to fail
 *         ck_assert(faults_same(before, faults_hold()));
 */
#ifndef WG_TESTS_FAULTS_H
#define WG_TESTS_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

/* From here on calls are numbered from 0, and number n fails; with n < 0 none does. */
void faults_arm(long n);

/* The same, but at call number n the process is killed, before the call does anything. */
void faults_arm_kill(long n);

/* No call fails any more. Returns whether one did. */
bool faults_disarm(void);

/* Calls since the last faults_arm. */
long faults_calls(void);

/* Calls of free and munmap since then, of nothing too: these cannot fail and are not numbered. */
long faults_returns(void);

/* The call that failed last, for messages: "malloc(64), called from wg_tape_new+0x20". */
const char *faults_describe(void);

/* What was done to files since faults_arm, a letter a call, the first 255: o open, r read or pread, w write,
 * f fsync of a file, d fsync of a folder, n rename. Failed calls are not in it. */
const char *faults_file_calls(void);

typedef struct faults_held {
    long blocks;  /* of memory, from the malloc family */
    long mapped;  /* bytes, from mmap */
    long threads; /* started, neither joined nor detached */
} faults_held;
faults_held faults_hold(void);
bool faults_same(faults_held a, faults_held b);

#endif
