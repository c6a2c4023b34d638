/* float_mode — each run computes with the same floating-point mode, whatever the host program set: round to
 * nearest, subnormal numbers kept, nothing trapped. (A program linked with -ffast-math flushes subnormals in
 * every thread it starts.) */
#ifndef WG_RUN_FLOAT_MODE_H
#define WG_RUN_FLOAT_MODE_H

#include <stdint.h>

#if defined(__x86_64__) || defined(__i386__)
#include <xmmintrin.h>
static inline uint64_t wg_float_mode_get(void) { return _mm_getcsr(); }
static inline void wg_float_mode_set(uint64_t mode) { _mm_setcsr((unsigned)mode); }
#define WG_FLOAT_MODE_DEFAULT 0x1F80u /* all exceptions masked, round to nearest, no flush to zero */
#elif defined(__aarch64__)
static inline uint64_t wg_float_mode_get(void) {
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
}
static inline void wg_float_mode_set(uint64_t mode) { __asm__ volatile("msr fpcr, %0" : : "r"(mode)); }
#define WG_FLOAT_MODE_DEFAULT 0u
#else
static inline uint64_t wg_float_mode_get(void) { return 0; }
static inline void wg_float_mode_set(uint64_t mode) { (void)mode; }
#define WG_FLOAT_MODE_DEFAULT 0u
#endif

#endif
