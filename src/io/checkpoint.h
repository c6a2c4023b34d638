/* checkpoint — the names by which a checkpoint, a safetensors file, holds a model, an optimizer and a loader;
 * each of them may be missing as a whole. */
#ifndef WG_IO_CHECKPOINT_H
#define WG_IO_CHECKPOINT_H

/* Metadata: what marks a checkpoint, and what it says here. */
#define WG_CHECKPOINT_MARK "checkpoint"
#define WG_CHECKPOINT_VERSION "1"

/* Tensors: model/PATH, a parameter. */
#define WG_MODEL_PREFIX "model/"
#define WG_MODEL_STEP "model.step"
#define WG_MODEL_SEED "model.seed"

/* Tensors: optimizer/MEMORY/PATH, and of an optimizer without a model optimizer/state/PATH. */
#define WG_OPTIMIZER_PREFIX "optimizer/"
#define WG_OPTIMIZER_STATE "state"
#define WG_OPTIMIZER_KIND "optimizer.kind" /* the rule's name and the names of its memory */
#define WG_OPTIMIZER_STEP "optimizer.step"
#define WG_OPTIMIZER_RATE "optimizer.rate_bits" /* an f64 seen as a whole number, so that no digit is lost */

/* No tensors. */
#define WG_LOADER_LENGTH "loader.length" /* samples */
#define WG_LOADER_BATCH_SIZE "loader.batch_size"
#define WG_LOADER_BATCHES "loader.batches"
#define WG_LOADER_SHUFFLE "loader.shuffle" /* 0 or 1 */
#define WG_LOADER_SEED "loader.seed"
#define WG_LOADER_EPOCH "loader.epoch"
#define WG_LOADER_POSITION "loader.position"

#endif
