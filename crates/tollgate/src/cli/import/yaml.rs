//! Writes YAML for people: short things on one line, long ones as blocks, quotes only where they are needed.

/// Something to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A number, a duration, an address: written as it stands.
    Plain(String),
    /// Any text; quoted where YAML would read something else.
    Text(String),
    /// A list, on one line if it fits.
    List(Vec<Node>),
    /// A mapping, on one line if it fits.
    Map(Entries),
    /// A list with one line or more for each item.
    Rows(Vec<Node>),
    /// A mapping with one line or more for each member.
    Section(Entries),
}

/// The members of a mapping in order.
pub type Entries = Vec<(String, Node)>;

const WIDTH: usize = 110;

impl Node {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A list of texts.
    pub fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }

    /// A mapping of one member, such as `{ env: NAME }`.
    pub fn one(name: &str, value: Self) -> Self {
        Self::Map(vec![(name.to_owned(), value)])
    }
}

/// Writes a document: blank lines around sections, none between single lines.
pub fn document(entries: &Entries) -> String {
    let mut out = String::new();
    for (at, entry) in entries.iter().enumerate() {
        let section = matches!(entry.1, Node::Section(_));
        if at > 0 && section {
            out.push('\n');
        }
        member(entry, 0, &mut out);
    }
    out
}

/// Writes `name: value` and a line end, beginning where the line stands.
fn member((name, value): &(String, Node), indent: usize, out: &mut String) {
    let name = scalar(name);
    out.push_str(&name);
    out.push(':');
    if let Some(line) =
        one_line(value).filter(|line| indent + name.len() + 2 + line.len() <= WIDTH || is_scalar(value))
    {
        out.push(' ');
        out.push_str(&line);
        out.push('\n');
        return;
    }
    match value {
        Node::Text(text) => literal(text, indent + 2, out),
        Node::Plain(_) => {}
        Node::List(items) | Node::Rows(items) => {
            out.push('\n');
            for item in items {
                row(item, indent + 2, out);
            }
        }
        Node::Map(entries) | Node::Section(entries) => {
            out.push('\n');
            for entry in entries {
                out.push_str(&" ".repeat(indent + 2));
                member(entry, indent + 2, out);
            }
        }
    }
}

/// Writes `- item` and a line end; a mapping's first member stands beside the dash.
fn row(item: &Node, indent: usize, out: &mut String) {
    out.push_str(&" ".repeat(indent));
    out.push_str("- ");
    match item {
        Node::Map(entries) | Node::Section(entries) if !entries.is_empty() => {
            for (at, entry) in entries.iter().enumerate() {
                if at > 0 {
                    out.push_str(&" ".repeat(indent + 2));
                }
                member(entry, indent + 2, out);
            }
        }
        other => {
            out.push_str(&flow(other));
            out.push('\n');
        }
    }
}

/// The node on one line, unless its kind or a text of several lines forbids that.
fn one_line(node: &Node) -> Option<String> {
    fn may(node: &Node) -> bool {
        match node {
            Node::Plain(_) => true,
            Node::Text(text) => !is_literal(text),
            Node::List(items) => items.iter().all(may),
            Node::Map(entries) => entries.iter().all(|(_, value)| may(value)),
            Node::Rows(items) => items.is_empty(),
            Node::Section(entries) => entries.is_empty(),
        }
    }
    may(node).then(|| flow(node))
}

/// Writes a node on one line, in braces and brackets.
pub fn flow(node: &Node) -> String {
    match node {
        Node::Plain(text) => text.clone(),
        Node::Text(text) => scalar(text),
        Node::List(items) | Node::Rows(items) => {
            format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
        Node::Map(entries) | Node::Section(entries) if entries.is_empty() => "{}".to_owned(),
        Node::Map(entries) | Node::Section(entries) => {
            let members: Vec<String> =
                entries.iter().map(|(name, value)| format!("{}: {}", scalar(name), flow(value))).collect();
            format!("{{ {} }}", members.join(", "))
        }
    }
}

fn is_scalar(node: &Node) -> bool {
    matches!(node, Node::Plain(_) | Node::Text(_))
}

/// A text on one line: bare where every reader, of YAML 1.1 or 1.2, in or out of braces, takes it for text.
fn scalar(text: &str) -> String {
    let bare = text.starts_with(|first: char| first.is_ascii_alphabetic() || matches!(first, '/' | '_'))
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_./:+@~=-*$".contains(c))
        && !text.ends_with(':')
        && !RESERVED.contains(&text.to_ascii_lowercase().as_str());
    if bare { text.to_owned() } else { quoted(text) }
}

/// Words that YAML 1.1 or 1.2 reads as something else than text.
const RESERVED: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];

/// Double quotes, the only style that can spell every character (YAML 1.2.2, section 5.7).
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_printable(c) => out.push(c),
            c if u32::from(c) > 0xFFFF => out.push_str(&format!("\\U{:08X}", u32::from(c))),
            c => out.push_str(&format!("\\u{:04X}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// Whether the character stands for itself: no control, no invisible line end or mark (YAML 1.2.2, section 5.1).
fn is_printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}')
}

/// Whether a text is written as a literal block: several plain lines, as keys in PEM have.
fn is_literal(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    body.contains('\n')
        && body.lines().all(|line| !line.is_empty() && !line.starts_with([' ', '\t']) && line.chars().all(is_printable))
        // `lines` takes a carriage return for part of a line end; a literal block would lose it.
        && !body.contains('\r')
        && !body.ends_with('\n')
}

fn literal(text: &str, indent: usize, out: &mut String) {
    out.push_str(if text.ends_with('\n') { " |\n" } else { " |-\n" });
    for line in text.lines() {
        out.push_str(&" ".repeat(indent));
        out.push_str(line);
        out.push('\n');
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
