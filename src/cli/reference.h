/* reference — what the files of `wengert reference` share: a page an operation, made of the registry, of the
 * headers' comments (recorders.awk reads them as the program is built), and of an example that is run as the
 * page is written. */
#ifndef WG_CLI_REFERENCE_H
#define WG_CLI_REFERENCE_H

#include "cli/cli.h"

/* --- reference_recorders.c: what the headers say ------------------------------------------------ */

typedef struct recorder {
    const char *op, *family;
    const char *call;    /* the declaration in one line */
    const char *text;    /* comments and declaration */
    const char *options; /* its struct of options, and their enums; "": none */
} recorder;

/* NULL: no header has it, as it is for rules and expansions. */
const recorder *recorder_of(const char *op);
const recorder *recorder_at(int index); /* in the headers' order; NULL: no more */

/* --- reference_operands.c: wg_op.shapes, taken apart -------------------------------------------- */

enum { MOST_OPERANDS = 16, NAME_SIZE = 32 };

typedef struct operand {
    char name[NAME_SIZE], shape[64];
    bool optional, more; /* more: it stands for one or more */
} operand;

typedef struct operands {
    operand inputs[MOST_OPERANDS], outputs[4];
    int input_count, output_count;
    const char *remarks; /* "": none */
} operands;

/* False: `shapes` cannot be read. */
bool operands_of(const wg_op *op, operands *of);
/* The name of that input in C; of those of which there are more, with its number. */
void operand_input(const operands *of, int input, char name[NAME_SIZE]);
void operand_output(const operands *of, int output, char name[NAME_SIZE]);

/* --- reference_call.c ---------------------------------------------------------------------------- */

/* Writes the expression in C that records a case: a call of the recorder, or, where that cannot say it, of
 * wg_apply_named, and returns false. */
bool reference_call(const wg_case *sample, const operands *of, char *text, size_t size);

/* --- reference_choose.c, reference_example.c: an operation on one of its samples
 * ------------------------------------- */

/* The number of the sample that an example is best made of; 0: there is none. */
int reference_choose(const wg_op *op, const operands *of);
/* Writes a program that evaluates the sample, and what it prints. 0: done. */
int reference_example(FILE *page, const wg_case *sample, const operands *of);

/* --- reference_array.c --------------------------------------------------------------------------- */

/* Defines a var of that name from its numbers. */
void reference_put_array(FILE *page, const char *name, const wg_tensor *tensor);
/* Real numbers to three digits, to be read. */
void reference_round(wg_tensor *tensor);

/* --- reference_types.c: what is found out by recording a sample ----------------------------------- */

/* Dtypes that the operation takes as an input, on any of its samples: "f32, f64". Walks over them, so
 * within no other walk. */
void reference_input_dtypes(const wg_op *op, int input, char *text, size_t size);
/* The dtype of an output: a name, or "as x". */
void reference_output_dtype(const wg_case *sample, const operands *of, int output, char *text, size_t size);
/* Operations that are recorded for the operation (`gradient`: for its gradient), each once: "mul, sum". */
void reference_recorded(const wg_case *sample, bool gradient, char *text, size_t size);
/* Vars of the sample's types on a tape, filled with ones, closed by WG_END_; real ones of dtype `real`. */
void reference_inputs(wg_tape *tape, const wg_case *sample, wg_dtype real, wg_var *vars);

/* --- reference_page.c ---------------------------------------------------------------------------- */

int reference_page(FILE *page, const wg_op *op);

#endif
