//! The `tollgate` program.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Requests that wait together are given up together, and the system's allocator keeps at hand only a few of a size.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    tollgate::cli::run()
}
