/* The first sample of docs/design.md. */
#include <stdio.h>
#include <wengert.h>

int main(void) {
#include "gradient.inc"
    return 0;
}
