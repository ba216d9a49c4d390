//! As much of Markdown as the documents use.

use std::path::PathBuf;

/// One file.
#[derive(Debug)]
pub struct Page {
    /// Where it is.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

/// A fenced block.
#[derive(Debug)]
pub struct Block {
    /// Line number of its first fence, from 1.
    pub line: usize,
    /// What stands behind the fence.
    pub info: String,
    /// Its lines, less the indentation of the fence.
    pub text: String,
}

/// A link or picture.
#[derive(Debug)]
pub struct Link {
    /// Line number, from 1.
    pub line: usize,
    /// Where it leads.
    pub target: String,
}

impl Page {
    /// Reads a file.
    pub fn read(path: PathBuf) -> Self {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        Self { path, text }
    }

    /// Every fenced block.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut indent = None;
        for (index, line) in self.text.lines().enumerate() {
            let body = line.trim_start();
            match (indent, body.strip_prefix("```")) {
                (None, Some(info)) => {
                    indent = Some(line.len() - body.len());
                    blocks.push(Block { line: index + 1, info: info.trim().to_owned(), text: String::new() });
                }
                (Some(_), Some("")) => indent = None,
                (Some(columns), _) => {
                    if let Some(block) = blocks.last_mut() {
                        block.text.push_str(line.get(columns..).unwrap_or_default());
                        block.text.push('\n');
                    }
                }
                (None, None) => {}
            }
        }
        blocks
    }

    /// Every inline link outside of code.
    pub fn links(&self) -> Vec<Link> {
        let mut links = Vec::new();
        for (index, line) in self.prose() {
            // Every second part stands between backticks.
            let plain: String = line.split('`').step_by(2).collect();
            for part in plain.split("](").skip(1) {
                let target = part.split(')').next().unwrap_or_default().to_owned();
                links.push(Link { line: index + 1, target });
            }
        }
        links
    }

    /// The anchors of its headings, as GitHub makes them.
    pub fn anchors(&self) -> Vec<String> {
        let headings = self.prose().filter_map(|(_, line)| {
            let text = line.trim_start_matches('#');
            (text.len() < line.len()).then(|| text.strip_prefix(' ')).flatten()
        });
        headings.map(anchor).collect()
    }

    /// The page with what stands between `<!-- NAME -->` and `<!-- end of NAME -->` replaced.
    #[track_caller]
    pub fn with_part(&self, name: &str, part: &str) -> String {
        let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
        let (before, rest) = self.text.split_once(&start).unwrap();
        let (_, after) = rest.split_once(&end).unwrap();
        format!("{before}{start}{part}{end}{after}")
    }

    /// Lines outside of fenced blocks.
    fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut fenced = false;
        self.text.lines().enumerate().filter(move |(_, line)| {
            let fence = line.trim_start().starts_with("```");
            let outside = !fenced && !fence;
            fenced ^= fence;
            outside
        })
    }
}

/// The anchor of a heading: lower case, blanks as `-`, most signs gone.
pub fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}
