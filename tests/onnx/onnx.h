/* onnx — the ONNX project's test vectors, and how its operators are recorded with ours.
 *
 * A vector is a directory: model.onnx, a graph, mostly of one node, and test_data_set_0/input_0.pb … and
 * output_0.pb …, tensors. read.c reads them, tensor.c holds and compares numbers, node.c is what a node is
 * asked, the files of families record nodes, run.c does a whole vector. Clients of the public headers only.
 */
#ifndef WG_TESTS_ONNX_H
#define WG_TESTS_ONNX_H

#include "onnx.pb-c.h"
#include <wengert.h>

enum { ONNX_MOST = 16, ONNX_TEXT = 300 };

/* Why a tensor cannot be had whose file has not the numbers that its extents say: no reason to leave it out. */
#define ONNX_BROKEN "a broken tensor"

/* What came of a vector, with words for all but the first. */
typedef enum onnx_outcome {
    ONNX_PASSED = 0,
    ONNX_LACKING,      /* the op is ours, but says or does something else on purpose: the reason is known */
    ONNX_OUT_OF_SCOPE, /* another op, strings, float16, sequences, numbers drawn by another generator */
    ONNX_FAILED
} onnx_outcome;

typedef struct onnx_verdict {
    onnx_outcome outcome;
    char op[64]; /* the operator's type; of several nodes that make up a function, "NAME, in other ops" */
    char reason[ONNX_TEXT];
} onnx_verdict;

/* A node while it is recorded: `record` reads inputs and attributes and fills outputs. */
typedef struct onnx_node {
    wg_tape *tape;
    const Onnx__NodeProto *proto;
    int64_t version; /* of the set of operators */
    bool widen;      /* see onnx_tensor */
    int input_count, output_count;
    wg_var inputs[ONNX_MOST]; /* WG_NONE: left out */
    wg_var outputs[ONNX_MOST];
    onnx_verdict *verdict;
} onnx_node;

/* One operator, by one of these. */
typedef struct onnx_op {
    const char *name;
    wg_var (*unary)(wg_var x);
    wg_var (*binary)(wg_var a, wg_var b);
    wg_var (*many)(wg_var a, wg_var b); /* of any number of inputs, from the first to the last */
    void (*record)(onnx_node *node);
} onnx_op;

/* Each closed by an op without a name. */
extern const onnx_op onnx_elementwise[], onnx_activations[], onnx_reductions[], onnx_shapes[],
    onnx_indexing[], onnx_convolutions[], onnx_images[], onnx_norms[], onnx_recurrent[];

const onnx_op *onnx_op_find(const char *name); /* NULL: not there */

/* --- read ---------------------------------------------------------------------------------------------- */

/* NULL where there is no such file, or it is not of the format. */
Onnx__ModelProto *onnx_read_model(const char *directory, const char *name);
Onnx__TensorProto *onnx_read_tensor(const char *directory, const char *name);

/* --- tensor -------------------------------------------------------------------------------------------- */

/* With the numbers of `proto`: of its dtype, or of the next larger one that has them all where Wengert has
 * not (int8, int16 and uint16 as i32; uint32 as i64; uint64 up to 2^63 - 1 as i64) and, if `widen`, of uint8
 * as i32. NULL where it cannot be held, and why goes to `reason`. */
wg_tensor *onnx_tensor(const Onnx__TensorProto *proto, bool widen, char reason[ONNX_TEXT]);

/* The dtype in which numbers of an ONNX type are held; none for those that are not; and whether they are. */
wg_dtype onnx_dtype(int64_t data_type, bool widen);
bool onnx_holds(int64_t data_type, char reason[ONNX_TEXT]);

/* Is `y` what was expected, type and all: whole numbers and bools exactly, f32 to 1e-5 of the number and 1e-6
 * of the largest of all, for what is lost where larger ones cancel; f64 to 1e-12 and 1e-13? `rounded` is
 * added: how far off the expected numbers may be themselves. */
bool onnx_equal(const wg_tensor *y, const wg_tensor *expected, double rounded, char reason[ONNX_TEXT]);

/* --- node: attributes and inputs ------------------------------------------------------------------------ */

const Onnx__AttributeProto *onnx_attribute(const onnx_node *node, const char *name); /* NULL: not given */
int64_t onnx_int(const onnx_node *node, const char *name, int64_t preset);
double onnx_real(const onnx_node *node, const char *name, double preset);
const char *onnx_text(const onnx_node *node, const char *name, const char *preset);
bool onnx_says(const onnx_node *node, const char *name, const char *preset, const char *text);

/* Fills `list` and returns how many there are, or -1 where the attribute is not given. */
int onnx_ints(const onnx_node *node, const char *name, int64_t list[ONNX_MOST]);

/* Evaluates an input that ops take as numbers: as above. Only the first ONNX_MOST are written. */
int onnx_input_ints(onnx_node *node, int input, int64_t list[ONNX_MOST]);
double onnx_input_real(onnx_node *node, int input, double preset);

/* An attribute that became an input in a later version. */
int onnx_list(onnx_node *node, const char *name, int input, int64_t list[ONNX_MOST]);

wg_var onnx_input(const onnx_node *node, int input); /* WG_NONE: left out */
int onnx_rank(const onnx_node *node, int input);
int onnx_axis(int64_t axis, int rank); /* from the front */
wg_shape onnx_shape(const int64_t *extents, int count);
wg_axes onnx_axes(const int64_t *axes, int count);
wg_shape onnx_shape_of(wg_var x);

/* The node cannot be recorded, for this reason. */
void onnx_lacks(onnx_node *node, const char *reason);
void onnx_out_of_scope(onnx_node *node, const char *reason);

/* --- run ------------------------------------------------------------------------------------------------ */

void onnx_run(const char *directory, onnx_verdict *verdict);

#endif
