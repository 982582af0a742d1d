# The tasks of the repository; the logic is in xtask/. `just` alone lists them.

_default:
    @just --list

# Starts Parlance on this machine
run *arguments:
    cargo run -- {{arguments}}

# Runs the whole test suite
test *arguments:
    cargo xtask test {{arguments}}

# Runs what CI runs
check:
    .ci/run

# Checks the rules of the house that the compiler does not know
tidy:
    cargo xtask tidy

# Formats the code
format:
    cargo fmt --all

# Writes openapi.json, .env.example and the generated reference
generate:
    cargo xtask generate

# Measures the release build
bench *arguments:
    cargo xtask bench {{arguments}}

# Drives the release build with load and faults, and checks what it kept
soak *arguments:
    cargo xtask soak {{arguments}}
