/* read — files of the ONNX format, by protobuf-c. */
#include "onnx.h"
#include <stdio.h>
#include <stdlib.h>

/* The whole file; NULL on failure. */
static uint8_t *whole_file(const char *directory, const char *name, size_t *size) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *stream = fopen(path, "rb");
    if (!stream) return NULL;
    uint8_t *bytes = NULL;
    *size = 0;
    for (size_t room = 1 << 16, got = room; got; room *= 2) {
        uint8_t *larger = realloc(bytes, room);
        if (!larger) break;
        bytes = larger;
        got = fread(bytes + *size, 1, room - *size, stream);
        *size += got;
        if (*size < room) break;
    }
    fclose(stream);
    return bytes;
}

#define READ(function, type, unpack)                              \
    type *function(const char *directory, const char *name) {     \
        size_t size;                                              \
        uint8_t *bytes = whole_file(directory, name, &size);      \
        type *message = bytes ? unpack(NULL, size, bytes) : NULL; \
        free(bytes);                                              \
        return message;                                           \
    }
READ(onnx_read_model, Onnx__ModelProto, onnx__model_proto__unpack)
READ(onnx_read_tensor, Onnx__TensorProto, onnx__tensor_proto__unpack)
