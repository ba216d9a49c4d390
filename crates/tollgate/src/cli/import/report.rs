//! What an import tells its user.

/// What changed on the way, and what did not arrive. Each line begins with a place in the foreign file.
#[derive(Debug, Default)]
pub struct Report {
    /// Carried over, but worth knowing.
    pub notes: Vec<String>,
    /// Not carried over; one line fails the import.
    pub lost: Vec<String>,
}

impl Report {
    /// Says that something at `place` is different now.
    pub fn note(&mut self, place: &str, what: &str) {
        self.notes.push(format!("`{place}`: {what}"));
    }

    /// Says that `place` was not carried over, and why.
    pub fn lose(&mut self, place: &str, why: &str) {
        self.lost.push(format!("`{place}`: {why}"));
    }

    /// Runs a step and returns its result only if nothing was lost in it.
    pub fn whole<T>(&mut self, step: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let before = self.lost.len();
        step(self).filter(|_| self.lost.len() == before)
    }
}
