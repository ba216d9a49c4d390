//! The `tollgate` program.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Calls that are served together end together, and the system's allocator keeps at hand only a few blocks of a size.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    tollgate::cli::run()
}
