/* trace — looks inside: what was planned, where it lies, and when.
 *
 *     wg_minimize(optimizer, loss);
 *     wg_prepare(loss);                            // or wg_eval
 *     wg_explain(tape, stdout);                    // every step, as text
 *     wg_memory_svg(tape, "memory.svg", &error);   // every buffer, as a picture
 *
 * All of it tells of the plan of the tape's latest evaluation, or of what wg_prepare planned, and fails with
 * WG_ERROR_STALE where there is none since the tape was cleared. The tape's own error, if it has one, is left alone. */
#ifndef WENGERT_TRACE_H
#define WENGERT_TRACE_H

#include <stdio.h>
#include <wengert/tape.h>

WG_BEGIN_C

/* Writes a listing of the plan to the stream: totals; leaves; then each step with its wave, its role, how it is cut,
 * its operations, the bytes that it reads and writes, and of every value its type and where it lies: "@OFFSET" in the
 * arena, "result N", "state N" (assigns counted from 0), "tile N" (never in memory). Returns a wg_status: WG_ERROR_FILE
 * where the stream is NULL or cannot be written. */
WG_API int wg_explain(const wg_tape *tape, FILE *stream);

/* Draws the arena over time to an SVG file: a rectangle for each buffer, from the wave that makes it to the last one
 * that reads it, at its offset; above it the bytes that are live. Returns a wg_status and fills in `error`, which may
 * be NULL. An earlier file stays whole until the new one is. */
WG_API int wg_memory_svg(const wg_tape *tape, const char *path, wg_error *error);

/* Writes the steps and what passes between them as a graph for Graphviz: forward, backward and update coloured, types in
 * the boxes, scopes as clusters. Of a step with many members the first eight are named. Otherwise as wg_memory_svg. */
WG_API int wg_graph_dot(const wg_tape *tape, const char *path, wg_error *error);

WG_END_C
#endif
