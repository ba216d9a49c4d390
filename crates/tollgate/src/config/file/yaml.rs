//! From YAML text to a tree. The only file that knows the YAML library.
//!
//! The library's event stream is read rather than its data model, because the model loses what problems need: the place
//! of each key, and scalars as they were written.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use serde_saphyr::granit_parser::{
    Event, Options, Parser, ScalarStyle, ScanError, Span as YamlSpan, StrInput, Tag,
};

use super::node::{Entry, Node, Value};
use crate::config::problem::Finding;
use crate::config::source::Span;

/// Values in one document, those behind aliases counted each time; an alias bomb ends here.
const MAX_NODES: usize = 1_000_000;
/// Lists and mappings within each other, those behind aliases included.
const MAX_DEPTH: usize = 64;

/// The one document of a text.
pub(super) struct Document {
    pub root: Node,
    /// Keys that are set twice; the first one counts.
    pub findings: Vec<Finding>,
}

/// Reads a text.
pub(super) fn parse(text: &str) -> Result<Document, Finding> {
    let mut options = Options::default();
    // Comments would be buffered ahead of each key, within a limit that a well-commented file crosses.
    options.set_emit_comments(false);
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    let parser = Parser::new_from_str_with_options(text, options);
    let mut reader = Reader { parser, text, anchors: HashMap::new(), nodes: 0, findings: Vec::new() };
    match reader.document() {
        Err(finding) => Err(*finding),
        Ok(Some(root)) if !matches!(root.value, Value::Null) => {
            Ok(Document { root, findings: reader.findings })
        }
        Ok(_) => Err(Finding::at(Span::default(), "the file is empty").hint("it needs at least one route")),
    }
}

/// A tree and how many levels it has.
type Tall = (Node, usize);
/// Findings are large and rare.
type Read<T> = Result<T, Box<Finding>>;

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    text: &'t str,
    /// What each anchor stands for; complete nodes only, so no node can contain itself.
    anchors: HashMap<usize, Tall>,
    nodes: usize,
    findings: Vec<Finding>,
}

impl<'t> Reader<'t> {
    fn document(&mut self) -> Read<Option<Node>> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root.map(|(node, _)| node)),
                Event::DocumentStart(..) if root.is_some() => {
                    return fail(
                        span,
                        "the file has a second document",
                        "a configuration is one document; remove `---`",
                    );
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => root = Some(self.node(event, span)?),
            }
        }
    }

    fn next(&mut self) -> Read<(Event<'t>, Span)> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, self.place(&span))),
            Some(Err(error)) => Err(Box::new(self.syntax(&error))),
            None => Ok((Event::StreamEnd, Span { start: self.text.len(), end: self.text.len() })),
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span) -> Read<Tall> {
        self.count(1, span)?;
        let (tall, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                refuse_tag(tag.as_deref(), span)?;
                ((Node { span, value: scalar(&text, style) }, 0), anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                refuse_tag(tag.as_deref(), span)?;
                (self.list(span)?, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                refuse_tag(tag.as_deref(), span)?;
                (self.mapping(span)?, anchor)
            }
            Event::Alias(anchor) => {
                let Some((node, height)) = self.anchors.get(&anchor).cloned() else {
                    return fail(
                        span,
                        "the alias stands within the value that it names",
                        "write the value out",
                    );
                };
                self.count(size(&node), span)?;
                return Ok((node, height));
            }
            _ => return fail(span, "the YAML is malformed here", "expected a value"),
        };
        if tall.1 > MAX_DEPTH {
            return fail(
                span,
                format!("more than {MAX_DEPTH} levels within each other"),
                "no setting is that deep",
            );
        }
        if anchor != 0 {
            self.anchors.insert(anchor, tall.clone());
        }
        Ok(tall)
    }

    fn list(&mut self, start: Span) -> Read<Tall> {
        let (mut items, mut height) = (Vec::new(), 0);
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                let end = self.end_of(start, span, items.last());
                let span = Span { start: start.start, end };
                return Ok((Node { span, value: Value::List(items) }, height + 1));
            }
            let (item, levels) = self.node(event, span)?;
            height = height.max(levels);
            items.push(item);
        }
    }

    fn mapping(&mut self, start: Span) -> Read<Tall> {
        let (mut entries, mut height) = (Vec::<Entry>::new(), 0);
        let mut places: HashMap<Box<str>, Span> = HashMap::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                let end = self.end_of(start, span, entries.last().map(|entry| &entry.value));
                let span = Span { start: start.start, end };
                return Ok((Node { span, value: Value::Mapping(entries) }, height + 1));
            }
            let (mut key, _) = self.node(event, span)?;
            let name = match key.value {
                Value::Scalar(name) => name,
                Value::Null => "null".into(),
                Value::List(_) | Value::Mapping(_) | Value::Pruned => {
                    return fail(
                        key.span,
                        format!("a key is a word, and this is {}", key.kind()),
                        "quote the key",
                    );
                }
            };
            key.value = Value::Scalar(name.clone());
            let (event, span) = self.next()?;
            let (mut value, levels) = self.node(event, span)?;
            if matches!(value.value, Value::Null) {
                // An empty value has no text of its own to point at.
                value.span = key.span;
            }
            height = height.max(levels);
            match places.entry(name) {
                Slot::Vacant(slot) => {
                    slot.insert(key.span);
                    entries.push(Entry { key, value });
                }
                Slot::Occupied(slot) => {
                    let finding = Finding::at(key.span, format!("the key `{}` is set twice", slot.key()));
                    self.findings.push(finding.beside(*slot.get(), "first here").hint("keep one of them"));
                }
            }
        }
    }

    /// Where a collection ends: at its bracket, or with its last value, for block collections end where the next thing
    /// begins.
    fn end_of(&self, start: Span, end: Span, last: Option<&Node>) -> usize {
        let closed_by_bracket = self.text.get(start.start..).is_some_and(|rest| rest.starts_with(['[', '{']));
        match last {
            Some(last) if !closed_by_bracket => last.span.end.max(start.start),
            _ => end.end.max(start.start),
        }
    }

    fn count(&mut self, nodes: usize, span: Span) -> Read<()> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            return fail(
                span,
                format!("the document has more than {MAX_NODES} values"),
                "are aliases nested?",
            );
        }
        Ok(())
    }

    fn place(&self, span: &YamlSpan) -> Span {
        let range = span.byte_range().unwrap_or(0..0);
        let end = range.end.min(self.text.len());
        Span { start: range.start.min(end), end }
    }

    fn syntax(&self, error: &ScanError) -> Finding {
        let at = error.marker().byte_offset().unwrap_or(0).min(self.text.len());
        let finding =
            Finding::at(Span { start: at, end: at }, format!("the YAML is malformed: {}", error.info()));
        let line_start = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text[line_start..].lines().next().unwrap_or_default();
        if line.chars().take_while(|c| c.is_whitespace()).any(|c| c == '\t') {
            return finding.hint("YAML is indented with spaces; replace the tab");
        }
        finding
    }
}

/// Plain `null`, `~` and nothing are null; quoting makes them text.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style == ScalarStyle::Plain && matches!(text, "" | "~" | "null") {
        return Value::Null;
    }
    Value::Scalar(text.into())
}

fn refuse_tag(tag: Option<&Tag>, span: Span) -> Read<()> {
    match tag {
        Some(tag) if !tag.is_yaml_core_schema() => {
            fail(span, format!("the tag `{}` means nothing here", tag.original()), "remove it")
        }
        _ => Ok(()),
    }
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::Null | Value::Scalar(_) | Value::Pruned => 1,
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Mapping(entries) => 1 + entries.iter().map(|entry| 1 + size(&entry.value)).sum::<usize>(),
    }
}

fn fail<T>(span: Span, message: impl Into<String>, hint: &str) -> Read<T> {
    Err(Box::new(Finding::at(span, message).hint(hint)))
}
