//! stub
use clap::Args;
/// x
#[derive(Debug, Args)]
pub struct Import {}
impl Import {
    pub fn run(self, _o: &super::output::Output) -> anyhow::Result<super::Outcome> {
        Ok(super::Outcome::Done)
    }
}
