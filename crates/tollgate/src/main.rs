//! The `tollgate` program.

use std::process::ExitCode;

/// The gateway allocates per request on every core; this allocator keeps cores from meeting at a lock.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tollgate::cli::run()
}
