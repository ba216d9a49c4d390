//! The rules that a compiler does not check, checked from the sources and from Cargo's own account of the packages.
//!
//! Each test is one rule. A failing one prints every place that breaks it, so that one run is enough to mend all.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod boundaries;
mod packages;
mod size;
mod sources;

/// Fails with every place that breaks a rule.
#[track_caller]
fn assert_none(rule: &str, places: &[String]) {
    assert!(places.is_empty(), "{rule}:\n{}", places.join("\n"));
}
