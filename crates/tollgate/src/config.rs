//! x
pub mod process;
use std::path::{Path, PathBuf};
#[derive(Debug)]
pub struct Compiled {
    pub process: process::Process,
    pub snapshot: tollgate_core::snapshot::Snapshot,
    pub warnings: Vec<String>,
    pub watched: Vec<PathBuf>,
}
#[derive(Debug)]
pub struct Problems;
impl Problems {
    pub fn render(&self, _c: bool) -> String {
        String::new()
    }
}
pub fn load(_p: &Path) -> Result<Compiled, Problems> {
    Err(Problems)
}
