#!/bin/sh
# Makes sure that the build tool can be built, builds it, and hands over to it.
# Usage: run.sh STEPS COMMAND [ARGUMENTS]: the tool's COMMAND announces STEPS - 1 steps, this script the first.
# Plain sh, because it runs before anything is known about the machine.
set -eu

steps=$1
shift
cd "$(dirname "$0")/.."

HERMES_STARTED=$(date +%s)
HERMES_STEPS_DONE=1
export HERMES_STARTED HERMES_STEPS_DONE

say() { printf '%s\n' "$*"; }
stop() {
    printf '\nerror: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '       %s\n' "$line" >&2; done
    exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

# Installs packages as root or through sudo. Fails where neither is possible.
install() {
    if has apt-get; then set -- apt-get install -y --no-install-recommends "$@"
    elif has dnf; then set -- dnf install -y "$@"
    else return 1
    fi
    if [ "$(id -u)" != 0 ]; then
        has sudo || return 1
        set -- sudo "$@"
    fi
    say "      $*"
    if has apt-get; then
        if [ "$1" = sudo ]; then sudo apt-get update -q || true; else apt-get update -q || true; fi
    fi
    "$@"
}

say "[1/$steps] Preparing the build tool (about 2 minutes the first time) …"

# --- Rust -----------------------------------------------------------------------------------------------------------
if ! has cargo && [ -x "$HOME/.cargo/bin/cargo" ]; then
    PATH=$HOME/.cargo/bin:$PATH
    export PATH
fi
if ! has cargo; then
    say "      Installing Rust with rustup, for this user only (about a minute) …"
    installer=$(mktemp)
    curl --proto '=https' --tlsv1.2 -sSf -o "$installer" https://sh.rustup.rs &&
        sh "$installer" -y --profile minimal --no-modify-path || true
    rm -f "$installer"
    PATH=$HOME/.cargo/bin:$PATH
    export PATH
fi
has cargo || stop "Rust is not installed, and installing it failed. Install it by hand, then run the same make again:" \
    "https://rustup.rs, or your distribution's package when it is recent enough"

# A new HOME hides the toolchains that rustup keeps beside the cargo on the PATH.
if [ -z "${RUSTUP_HOME:-}" ] && [ ! -d "$HOME/.rustup" ]; then
    beside=$(dirname "$(dirname "$(dirname "$(command -v cargo)")")")/.rustup
    if [ -d "$beside" ]; then
        RUSTUP_HOME=$beside
        export RUSTUP_HOME
    fi
fi
if ! cargo --version >/dev/null 2>&1 && has rustup; then
    say "      Installing the Rust toolchain …"
    rustup toolchain install stable --profile minimal && rustup default stable || true
fi
cargo --version >/dev/null 2>&1 || stop "cargo is there but does not run: $(cargo --version 2>&1 | head -n 1)" \
    "With rustup, run: rustup default stable"

needed=$(sed -n 's/^rust-version = "1\.\([0-9]*\).*/\1/p' Cargo.toml)
found=$(rustc --version | sed -n 's/^rustc 1\.\([0-9]*\).*/\1/p')
if [ -n "$needed" ] && [ -n "$found" ] && [ "$found" -lt "$needed" ] && has rustup; then
    say "      Updating Rust 1.$found, because Hermes needs 1.$needed or newer …"
    rustup update stable && rustup default stable || true
    found=$(rustc --version | sed -n 's/^rustc 1\.\([0-9]*\).*/\1/p')
fi
if [ -n "$needed" ] && [ -n "$found" ] && [ "$found" -lt "$needed" ]; then
    stop "this is Rust 1.$found, and Hermes needs 1.$needed or newer." "With rustup, run: rustup update stable"
fi

# --- C: SQLite and the cryptography are compiled from source ------------------------------------------------------------
if ! has cc && ! has clang; then
    install gcc libc6-dev || install gcc glibc-devel || stop "there is no C compiler. Install one, for example:" \
        "sudo apt-get install build-essential     (Debian, Ubuntu)" \
        "sudo dnf install gcc                     (Fedora)" \
        "xcode-select --install                   (macOS)"
fi

# --- The cache ------------------------------------------------------------------------------------------------------
# Clones share what cargo built. It tells their files apart by age alone, so a clone whose files are older than
# another's build would get that one's code: whose turn it was is remembered, and a change of turn makes ours count as new.
here=$(pwd -P)
turn=${CARGO_TARGET_DIR:-target}/last-clone
if [ "$(cat "$turn" 2>/dev/null || true)" != "$here" ]; then
    find protocol agent-core app frontend server xtask -type f \( -name '*.rs' -o -name '*.toml' \) \
        ! -name Cargo.toml -exec touch {} +
    mkdir -p "$(dirname "$turn")"
    printf '%s\n' "$here" > "$turn"
fi

# --- The tool -------------------------------------------------------------------------------------------------------
cargo build --package xtask
exec cargo xtask "$@"
