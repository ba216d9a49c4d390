//! Where secrets come from, and the one type that holds them.
//!
//! A configuration names a secret by a [`Reference`]; [`resolve`] turns it into a [`Secret`], which is wiped from memory
//! when dropped and cannot be printed or serialised.

mod reference;
mod secret;

pub use reference::{Reference, ResolveError, resolve};
pub use secret::Secret;
