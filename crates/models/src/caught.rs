//! Work that may panic, and whose panic is told in one line: what it computes on is a stranger's.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{self, AssertUnwindSafe, Location, PanicHookInfo};
use std::sync::Once;

/// A panic that was caught; for the log, never for a caller.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broke {
    why: String,
    place: String,
}

impl fmt::Display for Broke {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.why, self.place)
    }
}

thread_local! {
    /// Whether this thread does work whose panic is caught.
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    /// Where the last such panic was.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Does work. Its panic is not told of by the program's own hook, which would write a stack among the lines of the log.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Broke> {
    hush();
    let before = CATCHING.replace(true);
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    CATCHING.set(before);
    done.map_err(|payload| Broke { why: why(&*payload), place: PLACE.take() })
}

/// Puts a hook before the one that is there; that one still tells of every other panic.
fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| match CATCHING.get() {
            true => PLACE.set(info.location().map(place).unwrap_or_default()),
            false => others(info),
        }));
    });
}

/// The first line of what was said.
fn why(payload: &(dyn Any + Send)) -> String {
    let said = payload.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no reason was given");
    said.lines().next().unwrap_or_default().chars().take(200).collect()
}

/// The end of the path, which says where it is and nothing of who built the program.
fn place(location: &Location<'_>) -> String {
    let parts: Vec<&str> = location.file().rsplit('/').take(3).collect();
    let path = parts.into_iter().rev().collect::<Vec<_>>().join("/");
    format!("{path}:{}", location.line())
}

#[cfg(test)]
#[expect(clippy::panic, clippy::unwrap_used, reason = "a panic is what is tested")]
mod tests;
