/* faults — see faults.h. Each replacement asks `refused` and then does what glibc would have done, by glibc's
 * own names for it where it has such names, or else through dlsym. */
#include "faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

static atomic_long calls, returns, chosen = -1, blocks, mapped, threads;
static atomic_bool hit, deadly;
static char file_calls[256];
static atomic_uint file_call_count;
static struct {
    const char *function;
    size_t size;
    void *caller;
} failed;

void faults_arm(long n) {
    atomic_store(&chosen, -1);
    atomic_store(&calls, 0);
    atomic_store(&returns, 0);
    atomic_store(&hit, false);
    atomic_store(&deadly, false);
    atomic_store(&file_call_count, 0);
    memset(file_calls, 0, sizeof file_calls);
    atomic_store(&chosen, n);
}

void faults_arm_kill(long n) {
    faults_arm(-1);
    atomic_store(&deadly, true);
    atomic_store(&calls, 0);
    atomic_store(&chosen, n);
}

bool faults_disarm(void) {
    atomic_store(&chosen, -1);
    return atomic_load(&hit);
}

const char *faults_file_calls(void) { return file_calls; }

static void note(char call) {
    const unsigned place = atomic_fetch_add(&file_call_count, 1);
    if (place + 1 < sizeof file_calls) file_calls[place] = call;
}

long faults_calls(void) { return atomic_load(&calls); }

long faults_returns(void) { return atomic_load(&returns); }

faults_held faults_hold(void) {
    return (faults_held){atomic_load(&blocks), atomic_load(&mapped), atomic_load(&threads)};
}

bool faults_same(faults_held a, faults_held b) {
    return a.blocks == b.blocks && a.mapped == b.mapped && a.threads == b.threads;
}

const char *faults_describe(void) {
    static char text[256];
    Dl_info where = {0};
    if (!failed.function) return "no call";
    if (!dladdr(failed.caller, &where)) where.dli_fname = "?";
    const char *base = where.dli_sname ? where.dli_saddr : where.dli_fbase;
    snprintf(text, sizeof text, "%s(%zu), called from %s+0x%tx", failed.function, failed.size,
             where.dli_sname ? where.dli_sname : where.dli_fname, (const char *)failed.caller - base);
    return text;
}

static bool refused(const char *function, size_t size, void *caller) {
    if (atomic_fetch_add(&calls, 1) != atomic_load(&chosen)) return false;
    if (atomic_load(&deadly)) kill(getpid(), SIGKILL);
    failed.function = function;
    failed.size = size;
    failed.caller = caller;
    atomic_store(&hit, true);
    return true;
}

/* Counts a block that the system gave, or says that it gave none. */
static void *given(void *block) {
    if (block) atomic_fetch_add(&blocks, 1);
    return block;
}

static void *no_memory(void) {
    errno = ENOMEM;
    return NULL;
}

#define REFUSED(function, size) refused(function, size, __builtin_return_address(0))

/* The library is built with hidden symbols; these must be seen by all others. */
#pragma GCC visibility push(default)

void *malloc(size_t size) {
    if (REFUSED("malloc", size)) return no_memory();
    return given(__libc_malloc(size));
}

void *calloc(size_t count, size_t size) {
    if (REFUSED("calloc", count * size)) return no_memory();
    return given(__libc_calloc(count, size));
}

static void *resize(void *block, size_t size) {
    if (!block) return given(__libc_malloc(size));
    void *moved = __libc_realloc(block, size);
    if (!moved && size == 0) atomic_fetch_sub(&blocks, 1); /* glibc has freed it */
    return moved;
}

void *realloc(void *block, size_t size) {
    if (REFUSED("realloc", size)) return no_memory();
    return resize(block, size);
}

void *reallocarray(void *block, size_t count, size_t size) {
    size_t bytes;
    if (REFUSED("reallocarray", count * size) || __builtin_mul_overflow(count, size, &bytes))
        return no_memory();
    return resize(block, bytes);
}

void free(void *block) {
    atomic_fetch_add(&returns, 1);
    if (block) atomic_fetch_sub(&blocks, 1);
    __libc_free(block);
}

void *memalign(size_t alignment, size_t size) {
    if (REFUSED("memalign", size)) return no_memory();
    return given(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size) {
    if (REFUSED("aligned_alloc", size)) return no_memory();
    return given(__libc_memalign(alignment, size));
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) || alignment == 0 || (alignment & (alignment - 1))) return EINVAL;
    void *memory = REFUSED("posix_memalign", size) ? NULL : given(__libc_memalign(alignment, size));
    if (!memory) return ENOMEM;
    *block = memory;
    return 0;
}

void *valloc(size_t size) {
    if (REFUSED("valloc", size)) return no_memory();
    return given(__libc_memalign((size_t)sysconf(_SC_PAGESIZE), size));
}

void *pvalloc(size_t size) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (REFUSED("pvalloc", size)) return no_memory();
    return given(__libc_memalign(page, (size + page - 1) / page * page));
}

static long whole_pages(size_t length) {
    const long page = sysconf(_SC_PAGESIZE);
    return ((long)length + page - 1) / page * page;
}

void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset) {
    if (REFUSED("mmap", length)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    const long got = syscall(SYS_mmap, address, length, protection, flags, file, offset);
    if (got != -1 && !(flags & MAP_FIXED)) atomic_fetch_add(&mapped, whole_pages(length));
    return got == -1 ? MAP_FAILED : (void *)(intptr_t)got;
}

int munmap(void *address, size_t length) {
    atomic_fetch_add(&returns, 1);
    const int status = (int)syscall(SYS_munmap, address, length);
    if (status == 0) atomic_fetch_sub(&mapped, whole_pages(length));
    return status;
}

void *mremap(void *address, size_t length, size_t wanted, int flags, ...) {
    void *target = NULL;
    if (flags & MREMAP_FIXED) {
        va_list arguments;
        va_start(arguments, flags);
        target = va_arg(arguments, void *);
        va_end(arguments);
    }
    if (REFUSED("mremap", wanted)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    const long got = syscall(SYS_mremap, address, length, wanted, flags, target);
    if (got != -1) atomic_fetch_add(&mapped, whole_pages(wanted) - whole_pages(length));
    return got == -1 ? MAP_FAILED : (void *)(intptr_t)got;
}

/* The function of this name that would have been called; ISO C has no cast from data to code. */
#define REAL(function)                   \
    static __typeof__(&(function)) real; \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, #function)

int brk(void *end) {
    REAL(brk);
    if (REFUSED("brk", 0)) return errno = ENOMEM, -1;
    return real(end);
}

void *sbrk(intptr_t more) {
    REAL(sbrk);
    if (more != 0 && REFUSED("sbrk", (size_t)more)) {
        errno = ENOMEM;
        return (void *)-1;
    }
    return real(more);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *argument) {
    REAL(pthread_create);
    if (REFUSED("pthread_create", 0)) return EAGAIN;
    const int status = real(thread, attributes, run, argument);
    if (status == 0) atomic_fetch_add(&threads, 1);
    return status;
}

int pthread_join(pthread_t thread, void **result) {
    REAL(pthread_join);
    const int status = real(thread, result);
    if (status == 0) atomic_fetch_sub(&threads, 1);
    return status;
}

int pthread_detach(pthread_t thread) {
    REAL(pthread_detach);
    const int status = real(thread);
    if (status == 0) atomic_fetch_sub(&threads, 1);
    return status;
}

/* --- Files ------------------------------------------------------------------------------------------ */

int open(const char *path, int flags, ...) {
    REAL(open);
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    if (REFUSED("open", 0)) return errno = EMFILE, -1;
    note('o');
    return real(path, flags, mode);
}

ssize_t read(int file, void *data, size_t size) {
    REAL(read);
    if (REFUSED("read", size)) return errno = EIO, -1;
    note('r');
    return real(file, data, size);
}

ssize_t pread(int file, void *data, size_t size, off_t offset) {
    REAL(pread);
    if (REFUSED("pread", size)) return errno = EIO, -1;
    note('r');
    return real(file, data, size, offset);
}

ssize_t write(int file, const void *data, size_t size) {
    REAL(write);
    if (REFUSED("write", size)) return errno = ENOSPC, -1;
    note('w');
    return real(file, data, size);
}

int fsync(int file) {
    REAL(fsync);
    struct stat about;
    if (REFUSED("fsync", 0)) return errno = EIO, -1;
    note(fstat(file, &about) == 0 && S_ISDIR(about.st_mode) ? 'd' : 'f');
    return real(file);
}

int rename(const char *from, const char *to) {
    REAL(rename);
    if (REFUSED("rename", 0)) return errno = EIO, -1;
    note('n');
    return real(from, to);
}

#pragma GCC visibility pop
