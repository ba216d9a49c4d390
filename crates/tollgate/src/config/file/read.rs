//! Reads the whole file and reports everything that is wrong with its shape, not only the first thing.

use serde::Deserialize;

use super::node::Node;
use super::{File, redact, yaml};
use crate::config::problem::Finding;

/// Past so many problems the rest is no help.
const MOST: usize = 100;

/// What could be read of a text.
pub(in crate::config) struct Outcome {
    /// The text with its secrets masked.
    pub shown: String,
    /// Problems of syntax and shape.
    pub findings: Vec<Finding>,
    /// The file without the parts that are reported; absent where nothing of use is left.
    pub file: Option<File>,
}

/// Reads a text.
///
/// Each fault is reported and its node taken out of the tree, then the tree is read again, until nothing is wrong with
/// what is left. A mapping that only misses what was taken out of it goes without a second report.
pub(in crate::config) fn read(text: &str) -> Outcome {
    let yaml::Document {
        mut root,
        mut findings,
    } = match yaml::parse(text) {
        Ok(document) => document,
        Err(finding) => {
            return Outcome {
                shown: redact::lines(text),
                findings: vec![finding],
                file: None,
            };
        }
    };
    let shown = redact::tree(text, &root);
    let file = read_what_is_left(&mut root, &mut findings);
    Outcome {
        shown,
        findings,
        file,
    }
}

fn read_what_is_left(root: &mut Node, findings: &mut Vec<Finding>) -> Option<File> {
    while findings.len() < MOST {
        let fault = match File::deserialize(&*root) {
            Ok(file) => return Some(file),
            Err(fault) => fault,
        };
        let path = fault.path();
        let follows = fault.follows || fault.missing.is_some_and(|key| root.lost(&path, key));
        if !follows {
            let mut finding = Finding::at(fault.span(), fault.message);
            finding.hint = fault.hint;
            findings.push(finding);
        }
        if path.is_empty() || !root.prune(&path) {
            return None;
        }
    }
    findings.truncate(MOST);
    findings.push(Finding::whole(format!(
        "only the first {MOST} problems are shown"
    )));
    None
}
