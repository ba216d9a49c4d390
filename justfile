# The commands of this repository; `./test` needs no just.

# Everything that shows that the program is right
test *STEPS:
    ./test {{ STEPS }}

# Formatting, lints, unit tests
fast:
    ./test fast

# Try the properties that the modules promise with that many new cases
explore CASES="20000":
    PROPTEST_CASES={{ CASES }} cargo test --workspace --locked --lib --no-fail-fast

# Three real models behind a gate, with keys and lines to paste
demo *ARGS:
    cargo run --release -- demo {{ ARGS }}

# What a request costs, next to nginx, haproxy and envoy
bench *ARGS:
    cargo build --release && bench/run {{ ARGS }}

# Kill the gate a thousand times, and at each of its first writes; take its store away (a few hours)
crash *ARGS:
    cargo build --release && bench/crash {{ ARGS }}

# Fail the disk under the journal of a gate that serves, call by call (about an hour)
faults *ARGS:
    cargo build --release && bench/crash faults {{ ARGS }}

# Take what the tests see as what they expect; read the difference before you commit it
bless:
    INSTA_UPDATE=always cargo test --workspace

# Advisories, licences, banned packages (needs cargo-deny)
deny:
    cargo deny --locked check

# Format every Rust file
fmt:
    cargo fmt --all

# The API documentation of the crates
doc:
    cargo doc --workspace --no-deps --open
