//! A bar that fills while somebody looks at it.

use crate::cli::output::Output;

/// Cells of the whole bar.
const WIDTH: usize = 30;

/// How far a piece of work is, on a terminal; elsewhere nothing.
pub(super) struct Bar<'a> {
    output: &'a Output,
    work: &'static str,
    /// What stands there, in percent.
    shown: Option<u8>,
}

impl<'a> Bar<'a> {
    pub fn new(output: &'a Output, work: &'static str) -> Self {
        Self { output, work, shown: None }
    }

    /// Shows that this share of the work is done. A line is written only where it differs from the last one.
    pub fn show(&mut self, share: f32) {
        let percent = (share.clamp(0.0, 1.0) * 100.0) as u8;
        if self.shown == Some(percent) || !self.output.shows_progress() {
            return;
        }
        self.shown = Some(percent);
        self.output.progress(&line(self.work, percent));
    }
}

impl Drop for Bar<'_> {
    /// Takes the bar away, also where the work failed: what is said next begins its own line.
    fn drop(&mut self) {
        if self.shown.is_some() {
            self.output.progress("");
        }
    }
}

fn line(work: &str, percent: u8) -> String {
    let filled = usize::from(percent) * WIDTH / 100;
    format!("{work} [{}{}] {percent:>3} %", "#".repeat(filled), ".".repeat(WIDTH - filled))
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn the_bar_fills() {
        let check = |percent, expected| assert_eq!(line("training", percent), expected);
        check(0, "training [..............................]   0 %");
        check(50, "training [###############...............]  50 %");
        check(100, "training [##############################] 100 %");
    }
}
