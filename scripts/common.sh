# common.sh — what the commands in this folder share; they source it. It goes to the root of the source tree,
# and offers:
#
#   need GROUP …              installs what is missing of these groups of packages, or says what to install
#   configure DIR OPTION …    sets up a build directory unless it already stands so
#   is_release DIR            is it set up, as a release build?
#   has_examples DIR          are the example programs part of it?
#   quietly LOG COMMAND …     runs a command with its output in LOG, and shows the end of it on failure
#   now, elapsed SINCE        the time in seconds, and the seconds gone by
#
# POSIX shell: Debian's dash, busybox and bash all run it.

# shellcheck shell=sh

set -eu
CDPATH='' cd "$(dirname "$0")/.."

now() { date +%s; }
elapsed() { echo $(($(now) - $1)); }

say() { printf '%s\n' "$*" >&2; }
fail() {
    say "$(basename "$0"): $*"
    exit 2
}

quietly() {
    quiet_log=$1
    shift
    "$@" >"$quiet_log" 2>&1 && return
    tail -n 40 "$quiet_log" >&2
    return 1
}

# --- what must be there ---------------------------------------------------------------------------------
# A line: the Debian package, how to recognise the thing elsewhere, and its name there. What is optional is
# installed by apt, and elsewhere used where it is.

packages() {
    case $1 in
    build) cat <<'END'
gcc             command:cc              a C compiler (gcc 12 or clang 14, or newer)
libc6-dev       header:stdio.h          the C library's headers
meson           command:meson           Meson 1.0 or newer
ninja-build     command:ninja           Ninja
pkg-config      command:pkg-config      pkg-config
libblis-serial-dev header:blis.h        BLIS, the serial build, with its headers and static library
zlib1g-dev      module:zlib             zlib with its headers
libpng-dev      module:libpng           libpng with its headers
libjansson-dev  module:jansson          jansson with its headers
END
        ;;
    test) cat <<'END'
gcc             command:gcc             gcc 12 or newer, with its sanitizers
g++             command:g++             g++ 12 or newer
clang           command:clang           clang 14 or newer
check           module:check            Check, the unit test framework
libsubunit-dev  module:libsubunit       subunit (where Check was built with it)
END
        ;;
    onnx) cat <<'END'
libonnx-testdata optional:              the ONNX project's test vectors
libprotobuf-c-dev optional:             protobuf-c with its headers
protobuf-c-compiler optional:           its compiler, protoc-c
END
        ;;
    aarch64) cat <<'END'
gcc-aarch64-linux-gnu command:aarch64-linux-gnu-gcc a gcc that compiles for aarch64 Linux
libc6-dev-arm64-cross dir:/usr/aarch64-linux-gnu/include the C library for it, in /usr/aarch64-linux-gnu
qemu-user       command:qemu-aarch64    qemu's user mode emulation
END
        ;;
    coverage) echo "gcovr           command:gcovr           gcovr" ;;
    data) echo "dataset-fashion-mnist dir:/usr/share/datasets/fashion-mnist Fashion-MNIST as four IDX.gz files, in the folder that --data names" ;;
    esac
}

need() {
    for group in "$@"; do packages "$group"; done | if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
        need_by_apt
    else
        need_by_probes
    fi
}

need_by_apt() {
    wanted=$(awk '{print $1}')
    # shellcheck disable=SC2086,SC2016  # a list of words; the ${} are dpkg's
    missing=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $wanted 2>/dev/null |
        awk -v wanted="$wanted" '
            $2 == "installed" { there[$1] = 1 }
            END { n = split(wanted, names); for (i = 1; i <= n; i++) if (!(names[i] in there)) print names[i] }')
    [ -n "$missing" ] || return 0
    missing=$(echo "$missing" | tr '\n' ' ')
    by_hand="apt-get install -y --no-install-recommends $missing"
    if [ "$(id -u)" = 0 ]; then as_root=
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root="sudo -n"
    else fail "packages are missing, and this user cannot install them. As root:  $by_hand"
    fi
    say "installing: $missing"
    log=$(mktemp)
    # The lists of packages are fetched only where installing shows that they are absent or out of date.
    apt_install >"$log" 2>&1 </dev/null ||
        { $as_root apt-get update -qq && apt_install; } >"$log" 2>&1 </dev/null ||
        { tail -n 20 "$log" >&2; rm -f "$log"; fail "this failed:  $by_hand"; }
    rm -f "$log"
}

apt_install() {
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 \
        install -y --no-install-recommends $missing
}

need_by_probes() {
    missing=
    while read -r _ probe name; do
        is_there "${probe%%:*}" "${probe#*:}" || missing="$missing
    $name"
    done
    [ -z "$missing" ] || fail "please install:$missing"
}

is_there() {
    case $1 in
    command) command -v "$2" ;;
    module) pkg-config --exists "$2" ;;
    header) echo "#include <$2>" | "${CC:-cc}" -E - || echo "#include <blis/$2>" | "${CC:-cc}" -E - ;;
    dir) [ -d "$2" ] ;;
    optional) ;;
    esac >/dev/null 2>&1
}

# --- build directories ------------------------------------------------------------------------------------

# What a directory was set up with lies in it: Meson's version and the compiler, since neither can change
# in a directory, and the options. One that somebody else set up keeps the options that are not asked for.
configure() {
    directory=$1
    shift
    tools="$(meson --version) ${CC:-cc}"
    if [ -f "$directory/build.ninja" ]; then
        stamp=$(cat "$directory/.set-up" 2>/dev/null || echo "$tools")
        [ "$stamp" != "$tools $*" ] || return 0
        case $stamp in "$tools"*) set_up --reconfigure "$@" && return ;; esac
    fi
    rm -rf "$directory"
    set_up "$@"
}

set_up() {
    log=$(mktemp)
    quietly "$log" meson setup "$directory" "$@" || { rm -f "$log"; return 1; }
    rm -f "$log"
    if [ "$1" = --reconfigure ]; then shift; fi
    echo "$tools $*" >"$directory/.set-up"
}

has_examples() { grep -q '"name": "examples", "value": true' "$1/meson-info/intro-buildoptions.json"; }

is_release() {
    [ -f "$1/build.ninja" ] &&
        grep -q '"name": "buildtype", "value": "release"' "$1/meson-info/intro-buildoptions.json"
}
