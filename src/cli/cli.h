/* cli — the subcommands of `wengert`, a file each: clients of the public interface. */
#ifndef WG_CLI_CLI_H
#define WG_CLI_CLI_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wengert.h>

enum { EXIT_GOOD = 0, EXIT_BAD = 1, EXIT_USAGE = 2 };

/* Each takes what stands behind its name, with the name itself as argv[0], and returns an exit status. */
int cli_bench(int argc, char **argv);
int cli_hash(int argc, char **argv);
int cli_info(int argc, char **argv);
int cli_show(int argc, char **argv);

#endif
