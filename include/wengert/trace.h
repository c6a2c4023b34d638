/* trace — looks inside: what was planned, where it lies, and when.
 *
 *     wg_minimize(optimizer, loss);
 *     wg_prepare(loss);                            // or wg_eval
 *     wg_explain(tape, stdout);                    // every step, as text
 *     wg_memory_svg(tape, "memory.svg", &error);   // every buffer, as a picture
 *
 * These tell of the plan of the tape's latest evaluation, or of what wg_prepare planned, and fail with
 * WG_ERROR_STALE where there is none since the tape was cleared. The tape's own error, if it has one, is left alone.
 * What runs is told of by wg_profile_start and what follows it. */
#ifndef WENGERT_TRACE_H
#define WENGERT_TRACE_H

#include <stdio.h>
#include <wengert/model.h>
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

/* The same as an SVG picture, without the leaves: forward on the left, backward beside it going up, updates on the
 * right. Of a plan with more steps than a picture can show it is WG_ERROR_UNSUPPORTED. */
WG_API int wg_graph_svg(const wg_tape *tape, const char *path, wg_error *error);

/* Writes the model's layers as a table, in the order in which they compute: what each gives, its parameters, and the
 * operations of its forward pass. A layer is a scope ("block/fc"); what was recorded in none, and the parameters that
 * the plan does not use, have rows "-" and "(others)". Returns a wg_status as wg_explain does; a model of NULL has no parameters. */
WG_API int wg_summary(const wg_model *model, const wg_tape *tape, FILE *stream);

/* --- Times ------------------------------------------------------------------------------------------------------
 *
 *     wg_profile_start(tape, 0, &error);
 *     ...                                             // as many steps as you like
 *     wg_profile_stop(tape);
 *     wg_profile_table(tape, stdout);                 // where the time went
 *     wg_profile_trace(tape, "trace.json", &error);   // when what ran
 */

/* From here on the tape's runs are timed: what was noted before is forgotten. `events` bounds the timeline, 24 bytes
 * each, taken at once; 0: 65536. Half of them are for waves, the others for pieces of steps that share a wave, by
 * worker; those that do not fit are counted, and the sums by step go on. A plan costs memory when it is first met, as
 * its steps are named then; a run is missed, and counted, where there is none, from the 257th plan on, where the engine
 * has got more threads since, and node by node. Bits of values do not change. Returns a wg_status and fills in `error`,
 * which may be NULL; on failure all is as before. */
WG_API int wg_profile_start(wg_tape *tape, size_t events, wg_error *error);

/* No more is noted; what was can still be shown, over clears, until the tape is freed or profiled anew. */
WG_API void wg_profile_stop(wg_tape *tape);

/* Writes where the time went to the stream: a row for each kind of step (equal operations, line and scope), the
 * longest first: ms of all calls, share of all steps, calls, GFLOP/s, GB/s (bytes that enter and leave the step, were
 * they in caches or not), and how near it came to the machine's peak of arithmetic or of memory, whichever is nearer.
 * The peak is measured here, on the engine's threads, for some tenths of a second. In a wave of several steps its time
 * is shared out by how long threads were busy with each. Returns a wg_status: WG_ERROR_STALE where no run was profiled,
 * WG_ERROR_FILE where the stream is NULL or cannot be written. */
WG_API int wg_profile_table(const wg_tape *tape, FILE *stream);

/* Writes when what ran as a file of Chrome trace events, for chrome://tracing or ui.perfetto.dev: a track of waves, and
 * one for each worker with its pieces of steps that share a wave. Otherwise as wg_memory_svg. */
WG_API int wg_profile_trace(const wg_tape *tape, const char *path, wg_error *error);

WG_END_C
#endif
