//! YAML text to a tree whose every node knows its place. The only module that knows the YAML
//! library; everything else walks [`Node`].
//!
//! A definition is one YAML 1.2 document of maps with text keys, lists and scalars. Tags, merge
//! keys, further documents and directives are refused: they say nothing a definition needs and
//! are read differently by different tools. Anchors and aliases work, within limits.
//!
//! Invariants: a tree has at most [`Limits::nodes`] nodes *after* the expansion of aliases and is
//! at most [`Limits::depth`] deep, so walking it by recursion is safe.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use kiln_types::Diagnostic;
use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle, options};

use crate::span::{Document, Span};

/// How much a document may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of text.
    pub(crate) bytes: usize,
    /// Nested lists and maps.
    pub(crate) depth: usize,
    /// Nodes, after the expansion of aliases.
    pub(crate) nodes: usize,
}

impl Limits {
    /// For the documents that people write.
    pub(crate) const DOCUMENT: Self = Self {
        bytes: 1 << 20,
        depth: 64,
        nodes: 50_000,
    };
    /// For locks, which are written by kiln and read by people.
    pub(crate) const LOCK: Self = Self {
        bytes: 32 << 20,
        depth: 8,
        nodes: 4_000_000,
    };
}

/// A node and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: Kind,
    /// Nodes in this subtree, itself included, aliases expanded.
    size: usize,
    /// Levels of lists and maps in this subtree.
    depth: usize,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// A scalar. `plain` means written without quotes and not as a block.
    Scalar { text: String, plain: bool },
    /// A list, in order.
    List(Vec<Arc<Node>>),
    /// A map, in order; keys are unique.
    Map(Vec<(Key, Arc<Node>)>),
}

/// The key of a map's entry.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) span: Span,
    pub(crate) plain: bool,
}

impl Node {
    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            Kind::List(_) | Kind::Map(_) => None,
        }
    }

    /// The entries of a map; none for other nodes.
    pub(crate) fn entries(&self) -> &[(Key, Arc<Node>)] {
        match &self.kind {
            Kind::Map(entries) => entries,
            Kind::Scalar { .. } | Kind::List(_) => &[],
        }
    }

    /// The items of a list; none for other nodes.
    pub(crate) fn items(&self) -> &[Arc<Node>] {
        match &self.kind {
            Kind::List(items) => items,
            Kind::Scalar { .. } | Kind::Map(_) => &[],
        }
    }

    /// The value of a key of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries()
            .iter()
            .find(|(name, _)| name.text == key)
            .map(|(_, value)| value.as_ref())
    }

    /// What YAML 1.2 (core schema) takes this node for, with its article.
    pub(crate) fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
            Kind::Scalar { plain: false, .. } => "text",
            Kind::Scalar { text, plain: true } => match scalar_type(text) {
                ScalarType::Null => "nothing",
                ScalarType::Boolean => "a boolean",
                ScalarType::Number => "a number",
                ScalarType::Text => "text",
            },
        }
    }
}

/// What a plain scalar means in the YAML 1.2 core schema (chapter 10.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScalarType {
    Null,
    Boolean,
    Number,
    Text,
}

/// The core schema's type of a plain scalar.
pub(crate) fn scalar_type(text: &str) -> ScalarType {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return ScalarType::Null,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => return ScalarType::Boolean,
        _ => {}
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(digits, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return ScalarType::Number;
    }
    if let Some(hex) = text.strip_prefix("0x")
        && !hex.is_empty()
        && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return ScalarType::Number;
    }
    if let Some(octal) = text.strip_prefix("0o")
        && !octal.is_empty()
        && octal.bytes().all(|byte| (b'0'..=b'7').contains(&byte))
    {
        return ScalarType::Number;
    }
    let (mantissa, exponent) = digits
        .split_once(['e', 'E'])
        .map_or((digits, None), |(left, right)| (left, Some(right)));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_holds = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && all_digits(exponent)
    });
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let some_digit = !whole.is_empty() || !fraction.is_empty();
    if exponent_holds && some_digit && all_digits(whole) && all_digits(fraction) {
        ScalarType::Number
    } else {
        ScalarType::Text
    }
}

/// A list or map whose end has not been seen.
enum Open {
    List {
        items: Vec<Arc<Node>>,
    },
    Map {
        entries: Vec<(Key, Arc<Node>)>,
        seen: HashMap<String, Span>,
        key: Option<Option<Key>>,
    },
}

struct Frame {
    open: Open,
    start: Span,
    anchor: usize,
    size: usize,
    depth: usize,
}

/// Reads a document. A tree comes back as long as the syntax holds, however much else is wrong.
pub(crate) fn parse(
    document: &Document,
    limits: Limits,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Arc<Node>> {
    let file: Arc<str> = Arc::from(document.name.as_str());
    let start = Span {
        file: Arc::clone(&file),
        line: 1,
        column: 1,
        offset: 0,
        length: 0,
    };
    if document.text.len() > limits.bytes {
        diagnostics.push(
            Diagnostic::error("yaml/too-large", "the document is too large")
                .at(start.location())
                .expected(format!("at most {} bytes", limits.bytes))
                .found(format!("{} bytes", document.text.len())),
        );
        return None;
    }
    let mut builder = Builder {
        file,
        text: &document.text,
        limits,
        frames: Vec::new(),
        anchors: BTreeMap::new(),
        root: None,
        diagnostics,
    };
    let options = options! {
        disallow_directives: true,
        emit_comments: false,
        emit_unresolved_aliases: true,
        flow_nesting_limit: limits.depth,
        block_nesting_limit: limits.depth,
    };
    let mut documents = 0_usize;
    for event in Parser::new_from_str_with_options(&document.text, options) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                let place = builder.point(error.marker());
                let message = format!("this is not YAML: {}", error.info().trim_end_matches('.'));
                builder
                    .diagnostics
                    .push(Diagnostic::error("yaml/syntax", message).at(place.location()));
                return None;
            }
        };
        let tag_span = span
            .tag_span()
            .map(|span| builder.span(&span.start, &span.end));
        let span = builder.span(&span.start, &span.end);
        if matches!(event, Event::DocumentStart(..)) {
            documents += 1;
            if documents > 1 {
                builder.diagnostics.push(
                    Diagnostic::error(
                        "yaml/several-documents",
                        "a second YAML document begins here",
                    )
                    .at(span.location())
                    .expected("one document in a file")
                    .help("remove the `---` or put the rest into a file of its own"),
                );
                break;
            }
        }
        if builder.event(event, span, tag_span).is_err() {
            return None;
        }
    }
    let root = builder.root.take();
    match root {
        Some(root) if !matches!(&root.kind, Kind::Scalar { text, plain: true } if text.is_empty()) => {
            Some(root)
        }
        _ => {
            diagnostics.push(
                Diagnostic::error("yaml/empty", "the document is empty").at(start.location()),
            );
            None
        }
    }
}

/// A limit was passed; the diagnostic has been given.
struct Stop;

struct Builder<'a> {
    file: Arc<str>,
    text: &'a str,
    limits: Limits,
    frames: Vec<Frame>,
    anchors: BTreeMap<usize, Arc<Node>>,
    root: Option<Arc<Node>>,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Builder<'_> {
    fn point(&self, marker: &Marker) -> Span {
        self.span(marker, marker)
    }

    fn span(&self, start: &Marker, end: &Marker) -> Span {
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let offset = start.byte_offset().unwrap_or(0).min(self.text.len());
        let end = end
            .byte_offset()
            .unwrap_or(offset)
            .clamp(offset, self.text.len());
        // Block scalars and collections end behind their last line break; a span should not.
        let length = self
            .text
            .get(offset..end)
            .map_or(0, |text| text.trim_end().len());
        Span {
            file: Arc::clone(&self.file),
            line: small(start.line().max(1)),
            column: small(start.col().saturating_add(1)),
            offset: small(offset),
            length: small(length),
        }
    }

    fn event(&mut self, event: Event<'_>, span: Span, tag_span: Option<Span>) -> Result<(), Stop> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let mut text = text.into_owned();
                let mut plain = style == ScalarStyle::Plain;
                if tag.is_some() {
                    // A refused tag is said once: what stands for it is the text that was meant.
                    let meant =
                        self.refuse_tag(tag_span.as_ref().unwrap_or(&span), text.is_empty());
                    if text.is_empty() {
                        text = meant;
                    }
                    plain = false;
                }
                let kind = Kind::Scalar { text, plain };
                self.finish(
                    Node {
                        span,
                        kind,
                        size: 1,
                        depth: 0,
                    },
                    anchor,
                )
            }
            Event::SequenceStart(_, anchor, tag) => {
                if tag.is_some() {
                    self.refuse_tag(tag_span.as_ref().unwrap_or(&span), false);
                }
                self.open(Open::List { items: Vec::new() }, span, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                if tag.is_some() {
                    self.refuse_tag(tag_span.as_ref().unwrap_or(&span), false);
                }
                self.open(
                    Open::Map {
                        entries: Vec::new(),
                        seen: HashMap::new(),
                        key: None,
                    },
                    span,
                    anchor,
                )
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(&span),
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(target) => {
                    let node = Node {
                        span,
                        kind: target.kind.clone(),
                        size: target.size,
                        depth: target.depth,
                    };
                    self.finish(node, 0)
                }
                None => {
                    self.diagnostics.push(
                        Diagnostic::error(
                            "yaml/recursive-alias",
                            "this alias stands inside what it refers to",
                        )
                        .at(span.location()),
                    );
                    self.finish(
                        Node {
                            span,
                            kind: Kind::Scalar {
                                text: String::new(),
                                plain: true,
                            },
                            size: 1,
                            depth: 0,
                        },
                        0,
                    )
                }
            },
            Event::UnresolvedAlias(name) => {
                self.diagnostics.push(
                    Diagnostic::error(
                        "yaml/unknown-anchor",
                        format!("there is no anchor `&{name}` above"),
                    )
                    .at(span.location())
                    .help(format!(
                        "put the value in quotes (`\"*{name}\"`) if it is text that begins with `*`"
                    )),
                );
                self.finish(
                    Node {
                        span,
                        kind: Kind::Scalar {
                            text: format!("*{name}"),
                            plain: false,
                        },
                        size: 1,
                        depth: 0,
                    },
                    0,
                )
            }
            _ => Ok(()),
        }
    }

    fn refuse_tag(&mut self, tag: &Span, empty: bool) -> String {
        let start = usize::try_from(tag.offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(usize::try_from(tag.length).unwrap_or(0));
        let text = shorten(self.text.get(start..end).unwrap_or("!"));
        let help = if empty {
            format!("put it in quotes if it excludes a package: `\"{text}\"`")
        } else {
            "remove the tag; quote the value if it is text".to_owned()
        };
        let message = format!("`{text}` is read by YAML as a tag, not as text");
        self.diagnostics.push(
            Diagnostic::error("yaml/tag", message)
                .at(tag.location())
                .help(help),
        );
        text
    }

    fn open(&mut self, open: Open, start: Span, anchor: usize) -> Result<(), Stop> {
        if self.frames.len() >= self.limits.depth {
            return self.too_deep(&start);
        }
        self.frames.push(Frame {
            open,
            start,
            anchor,
            size: 1,
            depth: 0,
        });
        Ok(())
    }

    fn too_deep(&mut self, span: &Span) -> Result<(), Stop> {
        self.diagnostics.push(
            Diagnostic::error("yaml/too-deep", "lists and maps are nested too deeply")
                .at(span.location())
                .expected(format!("at most {} levels", self.limits.depth)),
        );
        Err(Stop)
    }

    fn close(&mut self, end: &Span) -> Result<(), Stop> {
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        let mut span = frame.start;
        let start = usize::try_from(span.offset).unwrap_or(usize::MAX);
        let finish = usize::try_from(end.offset.saturating_add(end.length)).unwrap_or(usize::MAX);
        let length = self
            .text
            .get(start..finish.max(start))
            .map_or(0, |text| text.trim_end().len());
        span.length = u32::try_from(length).unwrap_or(u32::MAX);
        let kind = match frame.open {
            Open::List { items } => Kind::List(items),
            Open::Map { entries, .. } => Kind::Map(entries),
        };
        self.finish(
            Node {
                span,
                kind,
                size: frame.size,
                depth: frame.depth.saturating_add(1),
            },
            frame.anchor,
        )
    }

    /// A node is complete: keep it for its anchor and hand it to what holds it. An alias costs the
    /// size of what it stands for, so that a tree of aliases cannot grow past the limit.
    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), Stop> {
        let held = self.frames.last().map_or(0, |frame| frame.size);
        if held.saturating_add(node.size) > self.limits.nodes {
            self.diagnostics.push(
                Diagnostic::error(
                    "yaml/too-many-nodes",
                    "the document holds too many values, aliases expanded",
                )
                .at(node.span.location())
                .expected(format!("at most {}", self.limits.nodes)),
            );
            return Err(Stop);
        }
        if self.frames.len().saturating_add(node.depth) > self.limits.depth {
            return self.too_deep(&node.span.clone());
        }
        let node = Arc::new(node);
        if anchor != 0 {
            self.anchors.insert(anchor, Arc::clone(&node));
        }
        let Some(frame) = self.frames.last_mut() else {
            if self.root.is_none() {
                self.root = Some(node);
            }
            return Ok(());
        };
        frame.size = frame.size.saturating_add(node.size);
        frame.depth = frame.depth.max(node.depth);
        match &mut frame.open {
            Open::List { items } => items.push(node),
            Open::Map { entries, seen, key } => match key.take() {
                None => *key = Some(read_key(&node, seen, self.diagnostics)),
                Some(None) => {}
                Some(Some(key)) => entries.push((key, node)),
            },
        }
        Ok(())
    }
}

/// The key of an entry; `None` (with a diagnostic) where the entry has to be dropped.
fn read_key(
    node: &Node,
    seen: &mut HashMap<String, Span>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Key> {
    let Kind::Scalar { text, plain } = &node.kind else {
        diagnostics.push(
            Diagnostic::error("yaml/key", "the key of a map must be text")
                .at(node.span.location())
                .found(node.describe()),
        );
        return None;
    };
    if *plain && text == "<<" {
        diagnostics.push(
            Diagnostic::error("yaml/merge-key", "merge keys (`<<`) are not supported")
                .at(node.span.location())
                .help("write the keys out, or use an alias for the whole value"),
        );
        return None;
    }
    if let Some(first) = seen.get(text) {
        diagnostics.push(
            Diagnostic::error(
                "yaml/duplicate-key",
                format!("the key `{}` stands here twice", shorten(text)),
            )
            .at(node.span.location())
            .help(format!(
                "it is first given in line {}; keep one of them",
                first.line
            )),
        );
        return None;
    }
    seen.insert(text.clone(), node.span.clone());
    Some(Key {
        text: text.clone(),
        span: node.span.clone(),
        plain: *plain,
    })
}

/// Foreign text for a message: one line, at most 60 characters.
pub(crate) fn shorten(text: &str) -> String {
    let mut short: String = text
        .chars()
        .take(60)
        .map(|letter| {
            if letter.is_control() {
                '\u{fffd}'
            } else {
                letter
            }
        })
        .collect();
    if text.chars().count() > 60 {
        short.push('…');
    }
    short
}
